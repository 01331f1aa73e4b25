"""MATLAB's files as arrays by name: of versions up to 7 through SciPy, of 7.3 as HDF5."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np

from relucvx.archive import DAMAGED
from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.datasets.formats.hdf5 import held_in_hdf5
from relucvx.datasets.formats.held import Held
from relucvx.errors import DataFileError, explain
from relucvx.later import later

io = later("scipy.io")
matlab = later("scipy.io.matlab")

KINDS = (
    "double", "single", "logical", "char", "cell", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
)  # fmt: skip
"""Classes of MATLAB's variables that are read; structures and objects are not."""


def held_in_matlab(path: Path) -> Held:
    """The variables of a .mat file that are arrays of numbers or of text.

    Raises
    ------
    DataFileError
        For another kind of file, a damaged one, and one that does not fit in memory.
    MissingPackageError
        For a file of version 7.3 where h5py is not installed.
    """
    with path.open("rb") as stream:
        head = stream.read(16)
    if head.startswith(b"MATLAB 7.3") or head[:8] == b"\x89HDF\r\n\x1a\n":
        return held_in_hdf5(path, is_matlab=True)
    try:
        variables = [(name, shape) for name, shape, kind in io.whosmat(path) if kind in KINDS]
    except (*DAMAGED, matlab.MatReadError) as error:
        _refuse(path, error)
    sizes = {name: 8 * int(np.prod(shape, dtype=float)) for name, shape in variables}
    return Held(path, list(sizes), lambda wanted: _read(path, sizes, wanted), True)


def _read(path: Path, sizes: dict[str, int], wanted: Iterable[str]) -> dict[str, np.ndarray]:
    names = [name for name in set(wanted) if name in sizes]
    size = sum(sizes[name] for name in names)
    if size > LARGEST_SHARE * free_memory():
        raise DataFileError(explain(f"arrays in {path} that fit in memory", f"{size / 2**30:,.3g} GiB", "", "a part"))
    try:
        found = io.loadmat(path, variable_names=names)
    except (*DAMAGED, matlab.MatReadError) as error:
        _refuse(path, error)
    return {name: _texts(found[name]) for name in names if name in found}


def _texts(array: np.ndarray) -> np.ndarray:
    """A cell array of texts as texts; anything else as it is. Texts of a char matrix are filled up with spaces."""
    if array.dtype.kind == "O" and all(getattr(cell, "dtype", array.dtype).kind == "U" for cell in array.flat):
        return np.array(["".join(np.ravel(cell)) for cell in array.flat])
    return np.char.strip(array) if array.dtype.kind == "U" else array


def _refuse(path: Path, error: BaseException) -> NoReturn:
    text = (str(error) or type(error).__name__).split("\n")[0].rstrip(".")
    raise DataFileError(
        explain(f"a file of MATLAB {path}", text, "a damaged file, or one of another kind", "save it again with -v7")
    ) from error
