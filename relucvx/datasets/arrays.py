"""Arrays in files to a :class:`Dataset`: tables, bags of rows and images, their targets beside them or in another file."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.archive import read_npy
from relucvx.datasets.columns import Columns, Table, indices
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.datasets.formats.held import INPUTS, TARGETS, Held
from relucvx.datasets.grouped import grouped
from relucvx.errors import DataFileError, explain
from relucvx.types import Array


def is_array_file(word: object) -> bool:
    """Whether targets or groups are named as an .npy file of their own."""
    return isinstance(word, (str, os.PathLike)) and str(word).lower().endswith(".npy")


def array_of(path: Path, what: str) -> Array:
    """The numbers of an .npy file.

    Raises
    ------
    DataFileError
        For a missing file, an archive, an empty array, and one that does not hold real numbers.
    """
    if not path.is_file():
        raise DataFileError(explain(f"{what} in an .npy file", f"no file {path}", "a misspelt or relative path"))
    if zipfile.is_zipfile(path):
        raise DataFileError(
            explain(f"a matrix (n, columns) in {path}", "an archive of several arrays", "", "rename it to .npz")
        )
    return _real(path, read_npy(path), what)


def matrix_of(path: Path, held: Held | None, x_key: object = None) -> Array:
    """The matrix of an .npy file, or the array of inputs of a file of several.

    Raises
    ------
    DataFileError
        For anything but a matrix of real numbers.
    """
    if held is None:
        X = array_of(path, "the array")
    else:
        key = held.key(x_key, INPUTS, "x_key")
        X = _real(path, held.read([key])[key], key)
    if X.ndim != 2:
        raise DataFileError(explain(f"a matrix (n, columns) in {path}", f"shape {X.shape}"))
    return X


def from_npy(path: Path, target: Columns, groups: Any) -> Array | Dataset:
    """A matrix, to be cut into columns; or a data set where the targets have a file of their own."""
    table = array_of(path, "the array")
    if is_array_file(target):
        labels = array_of(Path(groups), "groups") if is_array_file(groups) else None
        if groups is not None and labels is None:
            raise DataFileError(
                explain(
                    "groups in a file of their own, where the targets have one",
                    repr(groups),
                    "",
                    'groups="groups.npy", an array (R,)',
                )
            )
        return assembled(path, table, array_of(Path(str(target)), "the target"), labels, [])
    if table.ndim in (3, 4):
        raise DataFileError(
            explain(
                f"the targets of the {len(table)} samples in {path} in a file of their own",
                "none" if target is None else repr(target),
                "bags of rows and images have no column of targets",
                'target="y.npy", or an .npz file with arrays X and y',
            )
        )
    if table.ndim != 2 or 0 in table.shape:
        raise DataFileError(explain(f"a non-empty matrix (n, columns) in {path}", f"shape {table.shape}"))
    return table


def from_archive(
    held: Held, target: Columns, columns: Columns, groups: Any, x_key: object = None, y_key: object = None
) -> Dataset | tuple[Table, Columns]:
    """What a file of arrays holds: a table of its inputs and targets, and where the targets stand; bags as a data set.

    The columns of a table are those of X that are wanted: indices of others do not reach its targets.
    """
    path = held.path
    x_name = held.key(x_key, INPUTS, "x_key")
    # digits that are no array's name are a column of the inputs
    by_name = isinstance(target, str) and (target in held.names or not target.removeprefix("-").isdecimal())
    if y_key is None and target is not None and not by_name:  # a column of the inputs
        X = matrix_of(path, held, x_name)
        table = Table(path, list(X.T))
        return table, target
    y_name = held.key(target if y_key is None and by_name else y_key, TARGETS, "y_key", x_name)
    member = "groups" if groups is None and "groups" in held.names else groups
    found = held.read([x_name, y_name, "feature_names", str(member)])
    X, Y = _real(path, found[x_name], x_name), _target(path, found[y_name])
    if held.is_matlab and Y.ndim == 2 and 1 in Y.shape:
        Y = Y.ravel()
    labels = array_of(Path(member), "groups") if is_array_file(member) else None
    if member is not None and labels is None:
        labels = np.ravel(_member(path, found, str(member), held.names))
    names = [str(s) for s in np.ravel(found["feature_names"])] if "feature_names" in found else []
    if X.ndim > 1 and names and len(names) != X.shape[-1]:
        raise DataFileError(explain(f"{X.shape[-1]} feature_names in {path}", f"{len(names)}"))
    if X.ndim > 1 and columns is not None:
        picked = indices(path, columns, names, X.shape[-1])
        X, names = X[..., picked], [names[k] for k in picked] if names else []
    if X.ndim == 2 and labels is None and Y.ndim in (1, 2) and len(X) == len(Y) and 0 not in X.shape + Y.shape:
        _check_finite(path, X, x_name)
        _check_finite(path, Y, "the target")
        stacked = [list(map(str, y)) if Y.dtype.kind == "U" else y for y in (Y[:, None] if Y.ndim == 1 else Y).T]
        heads = [*names, *([y_name] if len(stacked) == 1 else [f"{y_name} {k}" for k in range(len(stacked))])]
        table = Table(path, [*X.T, *stacked], heads if names else [])
        return table, list(range(X.shape[1], table.width)) if Y.ndim == 2 else X.shape[1]
    return assembled(path, X, _real(path, Y, "the target"), labels, names)


def _target(path: Path, array: np.ndarray) -> np.ndarray:
    """Targets as numbers, or as text where they name classes."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    return array if array.dtype.kind == "U" else _real(path, array, "the target")


def assembled(path: Path, X: Array, Y: Array, labels: np.ndarray | None, names: list[str]) -> Dataset:
    """A data set of arrays that belong together: a target for each sample, or for each row of samples that are bags."""
    samples = len(X) if labels is None else len(np.unique(labels))
    fits = X.ndim in ((2, 3, 4) if labels is None else (2,)) and Y.ndim in (1, 2) and 0 not in X.shape + Y.shape
    if not fits or len(Y) not in (samples, len(X)):
        rows = "" if labels is None else f", or of rows: {len(X)} of {samples} samples"
        raise DataFileError(
            explain(
                "X of shape (n, d) and a target of shape (n,) or (n, c)" + rows,
                f"{X.shape} and {Y.shape} in {path}",
                "samples that are columns, as MATLAB has them"
                if X.ndim == 2 and Y.ndim and len(Y) == X.shape[1]
                else "bags of rows are (n, p, d) or come with groups, images are (n, h, w) or (n, channels, h, w)",
                "the transposed array: samples are rows" if X.ndim == 2 and Y.ndim and len(Y) == X.shape[1] else "",
            )
        )
    if labels is not None and labels.shape != (len(X),):
        raise DataFileError(explain(f"groups of shape ({len(X)},), one for each row of X", f"shape {labels.shape}"))
    _check_finite(path, X, "X")
    _check_finite(path, Y, "the target")
    # in the order of the samples, which then are numbers; or a target for each row
    per_sample = labels is not None and len(Y) == samples
    made = Dataset(
        name=path.stem,
        X=X,
        Y=Y,
        feature_names=tuple(names),
        description=f"read from {path.name}",
        beta_hint=suggest_beta(X, Y) if X.ndim == 2 and labels is None else None,
        groups=labels if per_sample else None,
    )
    return made if labels is None or per_sample else grouped(path, made, labels)


def _member(path: Path, found: dict[str, np.ndarray], key: str, keys: list[str]) -> np.ndarray:
    if key not in found:
        raise DataFileError(explain(f"an array {key!r} in {path}", f"arrays {', '.join(keys) or 'none'}"))
    return found[key]


def _real(path: Path, array: Any, what: str) -> Array:
    if array.dtype.kind not in "biuf":
        raise DataFileError(explain(f"real numbers in {path}", f"{what} of dtype {array.dtype}"))
    out: Array = array.astype(np.float64)
    return out


def _check_finite(path: Path, array: Array, what: str) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataFileError(explain(f"finite numbers in {path}", f"{array[where]} in {what} at index {where}"))
