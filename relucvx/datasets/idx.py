"""Image sets in IDX files, the format of MNIST and its relatives. The files are the user's; nothing is downloaded."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from relucvx.conversion import is_word
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.types import Array
from relucvx.validation import as_count, as_matrix

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PARTS = {"train": "train", "test": "t10k|test"}


def load_idx(
    folder: str | os.PathLike[str],
    part: Literal["train", "test"] = "train",
    *,
    n_samples: int | None = None,
    scale: bool = True,
) -> Dataset:
    """Read the images and labels of one part of MNIST, or of a set in the same format, from a folder of IDX files.

    Parameters
    ----------
    folder : str or path
        Holds ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, or ``t10k-…`` for the test part, each plain
        or ending in ``.gz``; dots for hyphens, ``test`` for ``t10k`` and a leading name (``emnist-letters-train-…``)
        are understood.
    part : {"train", "test"}
        The part to read.
    n_samples : int, optional
        Read no more than so many images, the first; default all.
    scale : bool, default True
        Divide pixels stored as unsigned bytes by 255, so that they lie in [0, 1]. Other kinds stay as they are.

    Returns
    -------
    Dataset
        X of shape (n, pixels), rows of an image one after the other; ``labels`` index the different values in the
        labels file in ascending order, which ``target_names`` spell out; Y is one-hot (n, C), or ±1 of shape (n,) for
        two classes.

    Raises
    ------
    InvalidInputError
        For a folder that is no path, an unknown part, n_samples below 1, or pixels that are not finite.
    DataFileError
        For a folder that is missing, lacks one of the files or holds several of a kind; for a file that is not IDX,
        truncated, too long, damaged or empty; for labels that are not integers, one per image.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import pathlib, struct, tempfile
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:  # two images of 2 x 2 in the format of MNIST
    ...     for name, shape, bytes_ in (("images-idx3", (2, 2, 2), range(0, 256, 36)), ("labels-idx1", (2,), [7, 3])):
    ...         head = struct.pack(f">I{len(shape)}I", 0x800 + len(shape), *shape)
    ...         _ = pathlib.Path(folder, f"train-{name}-ubyte").write_bytes(head + bytes(bytes_))
    ...     data = rx.datasets.load_idx(folder)
    ...
    >>> data.X.shape, list(data.target_names)
    ((2, 4), ['3', '7'])
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise InvalidInputError(explain("the path of a folder", type(folder).__name__, "", 'load_idx("mnist")'))
    if not is_word(part, _PARTS):
        raise InvalidInputError(explain('part "train" or "test"', repr(part)))
    n_samples = None if n_samples is None else as_count(n_samples, "n_samples", optional=True)
    home = Path(folder)
    images, labels = _find(home, part, "images"), _find(home, part, "labels")
    values, n_labels = _read(labels, None)
    if values.ndim != 1 or values.dtype.kind == "f":
        raise DataFileError(
            explain(f"integer labels of shape (n,) in {labels}", f"shape {values.shape}, dtype {values.dtype}")
        )
    pixels, n_images = _read(images, n_samples)
    if n_images != n_labels:
        raise DataFileError(
            explain(f"as many labels as images in {home}", f"{n_labels} and {n_images}", "files of different sets")
        )
    X = as_matrix(pixels.reshape(len(pixels), -1), "X")
    # bytes only: whatever else comes is in units of its own
    if scale and pixels.dtype == np.uint8:
        X /= 255.0
    classes, index = np.unique(values, return_inverse=True)  # of the whole file, so that n_samples changes no index
    index = index[: len(X)].astype(np.int64)
    Y = _targets(index, len(classes))
    return Dataset(
        name=home.resolve().name or part,
        X=X,
        Y=Y,
        labels=index,
        target_names=tuple(str(value) for value in classes),
        description=f"{part} part, read from {images.name} and {labels.name}",
        beta_hint=suggest_beta(X, Y),
    )


def _targets(index: np.ndarray, n_classes: int) -> Array:
    indicator: Array = (index[:, None] == np.arange(n_classes)).astype(np.float64)
    return 2.0 * indicator[:, 1] - 1.0 if n_classes == 2 else indicator


def _find(home: Path, part: str, kind: str) -> Path:
    """The one file of this part and kind; a plain file goes before its compressed copy."""
    if not home.is_dir():
        raise DataFileError(explain("a folder of IDX files", f"no folder {home}", "a misspelt or relative path"))
    name = re.compile(rf"(.*[-_.])?({_PARTS[part]})[-_.]{kind}[-_.]idx\d.*", re.IGNORECASE)
    present = sorted(path.name for path in home.iterdir() if path.is_file())
    found = [file for file in present if name.fullmatch(file)]
    found = [file for file in found if file.removesuffix(".gz") == file or file.removesuffix(".gz") not in found]
    if len(found) == 1:
        return home / found[0]
    stem = {"train": "train", "test": "t10k"}[part]
    usual = f"{stem}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    if found:
        raise DataFileError(
            explain(f"one file such as {usual} in {home}", ", ".join(found), "several sets", "a folder for each set")
        )
    seen = ", ".join(present[:5]) or "no files"
    raise DataFileError(explain(f"a file {usual} or {usual}.gz in {home}", seen, "another folder or a renamed file"))


def _read(path: Path, limit: int | None) -> tuple[Any, int]:
    """The array in a file, or its leading rows, and the number of rows of the whole."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rb") as file:
            # two zeros, the type of the entries, and the number of axes
            start = file.read(4)
            dtype = np.dtype(_DTYPES[start[2]]) if len(start) == 4 and start[2] in _DTYPES else None
            if dtype is None or start[:2] != b"\0\0" or start[3] == 0:
                _not_idx(path, start)
            sizes = file.read(4 * start[3])
            if len(sizes) < 4 * start[3]:
                _not_idx(path, start + sizes)
            # sizes first: they say how much may be read
            shape = struct.unpack(f">{start[3]}I", sizes)
            n = shape[0] if limit is None else min(limit, shape[0])
            want = n * math.prod(shape[1:]) * dtype.itemsize
            # no more than is asked for, and of a whole file one byte more, which would show that it is another
            body = file.read(want)
            more = limit is None and bool(file.read(1))
    except (OSError, EOFError, zlib.error, MemoryError, OverflowError) as error:
        # what gzip, the disk or sizes of a damaged file can raise
        cause = str(error) or type(error).__name__
        raise DataFileError(
            explain(f"a readable IDX file {path}", cause.rstrip("."), "a damaged file", "copy it again")
        ) from error
    if want == 0:
        raise DataFileError(explain(f"data in {path}", f"an array of shape {shape}"))
    if len(body) != want or more:
        got = f"more than {want}" if more else f"{len(body)}"
        raise DataFileError(
            explain(f"{want} bytes after the header of {path}", got, "an incomplete copy", "copy the file again")
        )
    return np.frombuffer(body, dtype).reshape(n, *shape[1:]), shape[0]


def _not_idx(path: Path, start: bytes) -> NoReturn:
    raise DataFileError(
        explain(
            f"an IDX file {path}: two zero bytes, a known type, the number of axes and their lengths",
            f"the first bytes {start[:8].hex(' ') or 'of an empty file'}",
            "another kind of file, or one that is still compressed",
        )
    )
