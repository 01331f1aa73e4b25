"""HDF5 files, and MATLAB's of version 7.3, which are such, as arrays by name (h5py, an optional package)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.archive import DAMAGED
from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.datasets.formats.held import Held
from relucvx.errors import DataFileError, MissingPackageError, explain
from relucvx.later import later

h5py = later("h5py")


def held_in_hdf5(path: Path, is_matlab: bool = False) -> Held:
    """The arrays of an HDF5 file, named by their paths in it; links to other files are not followed.

    Raises
    ------
    MissingPackageError
        Where h5py is not installed.
    DataFileError
        For another kind of file, and a damaged one.
    """
    names: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("#"):
            names.append(name)

    with _Opened(path) as file:
        file.visititems(note)
    return Held(path, names, lambda wanted: _read(path, names, wanted, is_matlab), is_matlab)


class _Opened:
    """An HDF5 file as a context, with errors in words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: Any = None

    def __enter__(self) -> Any:
        try:
            self.file = h5py.File(self.path, "r")
        except ImportError as error:
            raise MissingPackageError(
                explain(
                    "the package h5py, which reads .h5", "not installed", str(error), "pip install 'relucvx[files]'"
                )
            ) from error
        except DAMAGED as error:
            raise DataFileError(
                explain(
                    f"an HDF5 file {self.path}", str(error).split("\n")[0], "a damaged file, or one of another kind"
                )
            ) from error
        return self.file

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()


def _read(path: Path, names: list[str], wanted: Iterable[str], is_matlab: bool) -> dict[str, np.ndarray]:
    """The arrays among the wanted that the file has; text as text."""
    out = {}
    with _Opened(path) as file:
        held = {name: file[name] for name in set(wanted) if name in names}
        size = sum(item.size * item.dtype.itemsize for item in held.values())
        if size > LARGEST_SHARE * free_memory():
            raise DataFileError(
                explain(f"arrays in {path} that fit in memory", f"{size / 2**30:,.3g} GiB", "", "a part")
            )
        try:
            for name, item in held.items():
                out[name] = _array(file, item, is_matlab)
        except DAMAGED as error:
            raise DataFileError(explain(f"an array {name!r} in {path}", str(error).split("\n")[0], "damage")) from error
    return out


def _array(file: Any, item: Any, is_matlab: bool) -> np.ndarray:
    if h5py.check_string_dtype(item.dtype) is not None:
        return np.array(item.asstr()[...], dtype=str)
    if h5py.check_ref_dtype(item.dtype) is not None:  # a cell array of MATLAB: here, of texts
        refs = np.ravel(item[...])
        return np.array(["".join(map(chr, np.ravel(file[ref][...]))) for ref in refs])
    array = np.asarray(item[...])
    # MATLAB stores columns first
    return array.T if is_matlab else array
