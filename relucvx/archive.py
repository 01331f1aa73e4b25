"""Files of arrays (.npy, .npz) read without trust: nothing is unpickled, and sizes are checked before memory is taken."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

from relucvx.conversion import LARGEST_SHARE, free_memory
from relucvx.errors import DataFileError, explain

DAMAGED = (
    ValueError, KeyError, TypeError, IndexError, OSError, EOFError, SyntaxError, RecursionError, MemoryError, OverflowError,
    RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""What Python and numpy raise for files that are not what they seem."""

UNPICKLED = "Python objects, which would have to be unpickled, and that can run code"
"""Why arrays of objects are not read."""

LONGEST_HEADER = 10_000
"""Bytes of the longest header of an array that is parsed; names of many columns come near it, numbers never."""


def array_names(path: Path) -> list[str]:
    """Names of the arrays in an .npz file, in its order.

    Raises
    ------
    DataFileError
        For what is no archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [entry.removesuffix(".npy") for entry in archive.namelist()]
    except DAMAGED as error:
        _refuse(path, "the file", error)


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, or those among ``names`` that it holds.

    Raises
    ------
    DataFileError
        For what is no archive, or damaged; for arrays of Python objects; for arrays that do not fit in memory, before any
        memory is taken for them.
    """
    wanted = None if names is None else set(names)
    # what an error names: the array that is being read
    what = "the file"
    try:
        with zipfile.ZipFile(path) as archive:
            # sizes from the directory: refused before anything is unpacked
            entries = [e for e in archive.infolist() if wanted is None or e.filename.removesuffix(".npy") in wanted]
            _check_fits(path, sum(entry.file_size for entry in entries))
            out = {}
            for entry in entries:
                what = f"array {entry.filename.removesuffix('.npy')!r}"
                with archive.open(entry, mode="r") as stream:
                    out[entry.filename.removesuffix(".npy")] = _read(path, what, stream, entry.file_size)
            return out
    except DataFileError:
        raise
    except DAMAGED as error:
        _refuse(path, what, error)


def read_npy(path: Path) -> np.ndarray:
    """The array of an .npy file.

    Raises
    ------
    DataFileError
        As :func:`read_npz`.
    """
    try:
        size = path.stat().st_size
        _check_fits(path, size)
        with path.open("rb") as stream:
            return _read(path, "the file", stream, size)
    except DataFileError:
        raise
    except DAMAGED as error:
        _refuse(path, "the file", error)


def _read(path: Path, what: str, stream: Any, size: int) -> np.ndarray:
    """One array: its header first, which must agree with the size of what follows it."""
    # numpy's header readers take numbers as they come; what they promise is checked before memory is taken
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"format {version} of numpy's files")
    shape, fortran, dtype = readers[version](stream, max_header_size=LONGEST_HEADER)
    if dtype.hasobject:
        raise DataFileError(
            explain(
                f"plain numbers in {path}",
                f"{what}: an array of objects",
                UNPICKLED,
                "numpy.save(path, array.astype(float))",
            )
        )
    expected = dtype.itemsize * math.prod(shape)
    held = size - cast(BinaryIO, stream).tell()
    if min(shape, default=0) < 0 or expected != held:
        raise ValueError(f"shape {shape} of {dtype} takes {expected:,} bytes, the file holds {held:,}")
    # copied below: an array over bytes could not be written to
    flat = np.frombuffer(stream.read(expected), dtype=dtype) if expected else np.empty(math.prod(shape), dtype)
    return flat.reshape(shape[::-1]).T.copy() if fortran else flat.reshape(shape).copy()


def _check_fits(path: Path, size: int) -> None:
    free = free_memory()
    if size > LARGEST_SHARE * free:
        raise DataFileError(
            explain(
                f"arrays in {path} that fit in memory",
                f"{size / 2**30:,.3g} GiB once unpacked, where {free / 2**30:,.3g} GiB are free",
                "more data than this machine can hold, or a file made to exhaust it",
                "a file with fewer rows",
            )
        )


def _refuse(path: Path, what: str, error: BaseException) -> NoReturn:
    text = (str(error) or type(error).__name__).split("\n")[0].rstrip(".")
    pickle = "magic string" in text  # what does not begin as an array does may be a pickle
    if pickle:
        text = "it does not begin as arrays of numpy do"
    elif isinstance(error, zipfile.BadZipFile):
        text = "no archive, or one that is cut off"
    cause = f"a damaged file, or {UNPICKLED}" if pickle else "a damaged file, or one of another kind"
    raise DataFileError(explain(f"plain numbers in {path}", f"{what}: {text}", cause, "make the file again")) from error
