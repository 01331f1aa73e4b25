"""Data files: .csv, .npy and .npz to a :class:`Dataset`. Nothing is ever unpickled."""

from __future__ import annotations

import csv
import difflib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from relucvx.archive import array_names, read_npy, read_npz
from relucvx.conversion import as_path
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

SUFFIXES = (".csv", ".npy", ".npz")
"""File kinds that :func:`read_table` reads."""

Column: TypeAlias = int | str
Columns: TypeAlias = Column | Sequence[Column] | None


def read_table(
    path: str | os.PathLike[str],
    target: Columns = None,
    columns: Columns = None,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    classes: bool = False,
) -> Dataset:
    """Read inputs and targets from a .csv, .npy or .npz file.

    Parameters
    ----------
    path : str or path
        ``.csv``: a table with or without a header. ``.npy``: a matrix. ``.npz``: arrays ``X`` and ``y`` or ``Y``.
    target : int, str or sequence of these, optional
        Column or columns that are the target, by index (negative from the end) or header name; default the last
        column. A single column gives Y of shape (n,), a sequence (n, c). For .npz: the name of the target's array.
    columns : int, str or sequence of these, optional
        Columns that are the inputs, in this order; default all others (.npz: all of X).
    delimiter : str, optional
        For .csv; default whichever of tab, semicolon and comma occurs in every line.
    header : bool, optional
        For .csv, whether the first line holds names; default: it does when none of its cells is a number. A
        leading ``#`` (as ``numpy.savetxt`` writes) is skipped.
    classes : bool, default False
        For .csv: a single target column of which most cells are no numbers holds names of classes. Y is then one-hot
        (n, C), one column for each name in sorted order, and ``labels`` has the indices.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataFileError
        For a file that is missing, empty, of an unknown kind, unreadable, ragged or pickled; for text, missing values
        or infinities (with line and column); for columns that do not exist, are ambiguous, or are both input and
        target; for names of classes of which each occurs once.
    InvalidInputError
        For a delimiter that is not one character.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import relucvx as rx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = [[50, 2, 100], [80, 3, 150]]
    ...     np.savetxt(f"{folder}/flats.csv", table, delimiter=",", header="area,rooms,price", comments="")
    ...     data = rx.datasets.read_table(f"{folder}/flats.csv", target="price")
    ...
    >>> data.X.tolist(), data.Y.tolist(), list(data.feature_names)
    ([[50.0, 2.0], [80.0, 3.0]], [100.0, 150.0], ['area', 'rooms'])
    """
    path = as_path(path, "a data file's path")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataFileError(explain(f"a file ending in {', '.join(SUFFIXES)}", str(path), "", "save it as .csv"))
    _check_exists(path)
    if suffix == ".npz":
        return _read_npz(path, target, columns)
    if suffix == ".npy":
        return _split(path, _read_npy(path), [], [], target, columns)
    return _split(path, *_read_csv(path, delimiter, header), target, columns, classes)


def _split(
    path: Path,
    table: Any,
    names: list[str],
    lines: list[int],
    target: Columns,
    columns: Columns,
    classes: bool = False,
) -> Dataset:
    """Cut a table of numbers or of text cells into inputs and targets; only the chosen columns must be numbers."""
    width = len(table[0])
    chosen = _indices(path, -1 if target is None else target, names, width)
    rest = [k for k in range(width) if k not in chosen]
    inputs = rest if columns is None else _indices(path, columns, names, width)
    if not inputs or not chosen:
        raise DataFileError(
            explain("at least one input and one target column", f"{len(inputs)} and {len(chosen)} in {path}")
        )
    both = [_label(k, names) for k in inputs if k in chosen]
    if both:
        raise DataFileError(explain("columns that are either input or target", f"{', '.join(both)} as both"))
    X = np.column_stack([_numbers(path, table, k, names, lines) for k in inputs])
    words = [row[chosen[0]] for row in table] if classes and len(chosen) == 1 else []
    if 2 * sum(_is_number(word) for word in words) < len(words):  # a few may be called "1", a typing error is no class
        return _named_classes(path, X, words, tuple(names[k] for k in inputs) if names else (), lines)
    Y = np.column_stack([_numbers(path, table, k, names, lines) for k in chosen])
    y = Y[:, 0] if target is None or isinstance(target, (int, str, np.integer)) else Y
    return Dataset(
        name=path.stem,
        X=X,
        Y=y,
        feature_names=tuple(names[k] for k in inputs) if names else (),
        target_names=tuple(names[k] for k in chosen) if names else (),
        description=f"read from {path.name}",
        beta_hint=suggest_beta(X, y),
    )


def _named_classes(path: Path, X: Array, words: list[str], features: tuple[str, ...], lines: list[int]) -> Dataset:
    """Inputs with one-hot columns for the names of classes."""
    for word, line in zip(words, lines, strict=True):
        if is_missing(word):
            raise DataFileError(
                explain(
                    f"a class in every line of {path}",
                    f"{word or 'an empty cell'} in line {line}",
                    "a row that nobody labelled",
                    "drop that line, or give a class of that name another one",
                )
            )
    known, index = np.unique(np.array(words), return_inverse=True)
    if len(known) == len(words) > 2:
        raise DataFileError(
            explain(
                f"classes that occur more than once in {path}",
                f"{len(words)} different texts ({words[0]!r}, …)",
                "a column of names or dates is the target",
                "another target column",
            )
        )
    Y = np.eye(len(known))[index]
    return Dataset(
        name=path.stem,
        X=X,
        Y=Y,
        labels=index,
        feature_names=features,
        target_names=tuple(str(word) for word in known),
        description=f"read from {path.name}",
        beta_hint=suggest_beta(X, Y),
    )


def _read_csv(path: Path, delimiter: str | None, header: bool | None) -> tuple[list[list[str]], list[str], list[int]]:
    """Cells, names and line numbers of a delimited text file."""
    body = _lines(path)
    if delimiter is None:
        delimiter = _sniff([line for line in body if line.strip()])
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise InvalidInputError(explain("delimiter to be one character", repr(delimiter), "", "delimiter=';'"))
    rows, lines = _cells(path, body, delimiter)
    if not rows:
        raise DataFileError(explain(f"rows in {path}", "an empty file"))
    rows[0][0] = rows[0][0].removeprefix("#").strip()
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(rows[0]):
            raise DataFileError(
                explain(
                    f"{len(rows[0])} cells in every line of {path}, as in line {lines[0]}",
                    f"{len(cells)} cells in line {line}",
                    f"a ragged table, or a delimiter other than {delimiter!r}",
                    "delimiter=';'" if delimiter != ";" else "delimiter=','",
                )
            )
    if header is None:
        header = not any(_is_number(cell) for cell in rows[0])
    names = [cell or f"column {k}" for k, cell in enumerate(rows[0])] if header else []
    if header and len(rows) == 1:
        raise DataFileError(explain(f"rows below the header of {path}", "a header only"))
    return (rows[1:], names, lines[1:]) if header else (rows, names, lines)


def _cells(path: Path, body: list[str], delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Stripped cells of the lines that are not blank, and the numbers of those lines."""
    reader = csv.reader(body, delimiter=delimiter)
    rows, lines = [], []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows.append(stripped)
                lines.append(reader.line_num)
    except csv.Error as error:
        text = f"line {reader.line_num}: {error}"
        raise DataFileError(
            explain(f"a delimited table in {path}", text, "not a table, or an unclosed quote")
        ) from error
    return rows, lines


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataFileError(
            explain(f"UTF-8 text in {path}", f"byte {error.start} that is not", "a spreadsheet or another encoding")
        ) from error


def _sniff(lines: list[str]) -> str:
    """Tab, semicolon or comma, the first that occurs in every line; a comma may be decimal, so it comes last."""
    for candidate in ("\t", ";", ","):
        if lines and all(candidate in line for line in lines):
            return candidate
    return ","


def _read_npy(path: Path) -> Array:
    if zipfile.is_zipfile(path):
        raise DataFileError(
            explain(f"a matrix (n, columns) in {path}", "an archive of several arrays", "", "rename it to .npz")
        )
    table = read_npy(path)
    if table.ndim != 2 or 0 in table.shape:
        raise DataFileError(explain(f"a non-empty matrix (n, columns) in {path}", f"shape {table.shape}"))
    return _real(path, table, "the array")


def _read_npz(path: Path, target: Columns, columns: Columns) -> Dataset:
    if not zipfile.is_zipfile(path) and path.read_bytes()[:6] == b"\x93NUMPY":
        raise DataFileError(explain(f"an archive of arrays in {path}", "one array", "", "rename it to .npy"))
    keys = array_names(path)
    wanted = _target_key(path, target, keys)
    found = read_npz(path, ("X", wanted, "feature_names"))
    X, Y = (_member(path, found, key, keys) for key in ("X", wanted))
    names = [str(s) for s in np.ravel(found["feature_names"])] if "feature_names" in keys else []
    X = _real(path, X, "X")
    Y = _real(path, Y, "the target")
    if X.ndim != 2 or Y.ndim not in (1, 2) or 0 in X.shape + Y.shape or len(X) != len(Y):
        raise DataFileError(
            explain("X of shape (n, d) and a target of shape (n,) or (n, c)", f"{X.shape} and {Y.shape} in {path}")
        )
    if names and len(names) != X.shape[1]:
        raise DataFileError(explain(f"{X.shape[1]} feature_names in {path}", f"{len(names)}"))
    if columns is not None:
        picked = _indices(path, columns, names, X.shape[1])
        X, names = X[:, picked], [names[k] for k in picked] if names else []
    _check_finite(path, X, "X")
    _check_finite(path, Y, "the target")
    return Dataset(
        name=path.stem,
        X=X,
        Y=Y,
        feature_names=tuple(names),
        description=f"read from {path.name}",
        beta_hint=suggest_beta(X, Y),
    )


def _target_key(path: Path, target: Columns, keys: list[str]) -> str:
    if target is not None:
        return str(target)
    found = [key for key in ("y", "Y") if key in keys]
    if len(found) != 1:
        raise DataFileError(
            explain(f"one target array, y or Y, in {path}", f"arrays {', '.join(keys) or 'none'}", "", 'target="y"')
        )
    return found[0]


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
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataFileError(explain(f"finite numbers in {path}", f"{array[where]} in {what} at index {where}"))


def _check_exists(path: Path) -> None:
    if path.is_file():
        if not os.access(path, os.R_OK):
            raise DataFileError(explain(f"a readable file {path}", "no permission to read it"))
        return
    if path.is_dir():
        raise DataFileError(explain("a file", f"the folder {path}"))
    if not path.parent.is_dir():
        raise DataFileError(explain(f"the file {path}", f"no folder {path.parent}", "a misspelt or relative path"))
    present = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES)
    close = difflib.get_close_matches(path.name, present, n=3, cutoff=0.5) or present[:3]
    raise DataFileError(
        explain(
            f"the file {path}",
            "no such file",
            "a misspelt or relative path",
            f"{' or '.join(close)} in the same folder" if close else f"a folder with data files, unlike {path.parent}",
        )
    )


def _indices(path: Path, wanted: Columns, names: list[str], width: int) -> list[int]:
    """Column numbers of indices and names; digits that are no name count as an index."""
    items = [wanted] if isinstance(wanted, (int, str, np.integer)) else list(wanted or [])
    out = []
    for item in items:
        if isinstance(item, str) and names.count(item) > 1:
            raise DataFileError(
                explain(f"one column named {item!r} in {path}", f"{names.count(item)}", "", "its index")
            )
        if isinstance(item, str) and item in names:
            out.append(names.index(item))
            continue
        index = _as_index(item)
        if index is None or not -width <= index < width:
            known = ", ".join(names) if names else "no header"
            raise DataFileError(
                explain(f"a column of {path}: {known}; or an index from 0 to {width - 1}", f"column {item!r}")
            )
        out.append(index % width)
    return out


def _as_index(item: Any) -> int | None:
    if isinstance(item, str):
        return int(item) if item.lstrip("-").isdecimal() else None
    is_int = isinstance(item, (int, np.integer)) and not isinstance(item, bool)
    return int(item) if is_int else None


def _numbers(path: Path, table: Any, k: int, names: list[str], lines: list[int]) -> Array:
    """One column as finite numbers, or an error that says which cell is not one."""
    column = table[:, k] if isinstance(table, np.ndarray) else [row[k] for row in table]
    out = np.empty(len(column))
    for i, cell in enumerate(column):
        where = f"column {_label(k, names)}, " + (f"line {lines[i]}" if lines else f"row {i}")
        lacking = isinstance(cell, str) and is_missing(cell)
        if isinstance(cell, str) and not lacking and not _is_number(cell):
            raise DataFileError(
                explain(
                    f"numbers in {path}",
                    f"{cell!r} in {where}",
                    "a decimal comma" if "," in cell else "a text column, or a header that mixes names and numbers",
                    "encode or leave out that column with columns=[...], pass header=True, or classes=True (command line: "
                    "--loss cross_entropy) where the target names classes",
                )
            )
        out[i] = np.nan if lacking else float(cell)
        if not np.isfinite(out[i]):
            shown = "an empty cell" if isinstance(cell, str) and cell == "" else f"{cell}"
            raise DataFileError(
                explain(
                    f"finite numbers in {path}", f"{shown} in {where}", "missing values", "drop or impute those rows"
                )
            )
    return out


def _is_number(cell: str) -> bool:
    if "_" in cell:  # float() reads 1_000, no data file means it
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _label(k: int, names: list[str]) -> str:
    return repr(names[k]) if names else str(k)
