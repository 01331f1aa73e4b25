"""Data files: .csv, .npy and .npz to a :class:`Dataset`. Nothing is ever unpickled."""

from __future__ import annotations

import csv
import difflib
import os
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import as_path
from relucvx.datasets.arrays import array_of, from_npy, from_npz, is_array_file
from relucvx.datasets.columns import Columns, indices, is_number, label, numbers
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.datasets.grouped import grouped, named_groups
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

SUFFIXES = (".csv", ".npy", ".npz")
"""File kinds that :func:`read_table` reads."""


def read_table(
    path: str | os.PathLike[str],
    target: Columns = None,
    columns: Columns = None,
    *,
    delimiter: str | None = None,
    header: bool | None = None,
    classes: bool = False,
    groups: int | str | os.PathLike[str] | None = None,
) -> Dataset:
    """Read inputs and targets from a .csv, .npy or .npz file.

    Parameters
    ----------
    path : str or path
        ``.csv``: a table with or without a header. ``.npy``: a matrix, or bags (n, p, d) or images (n, h, w) with their
        targets in a file of their own. ``.npz``: arrays ``X``, of any of these shapes, and ``y`` or ``Y``.
    target : int, str or sequence of these, optional
        Column or columns that are the target, by index (negative from the end) or header name; default the last
        column. A single column gives Y of shape (n,), a sequence (n, c). For .npz: the name of the target's array. For
        .npy also the .npy file that holds the targets.
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
    groups : int, str or path, optional
        Which sample each row belongs to, where samples are bags of rows: a column, whose entries may be names, or an .npy file
        of an array (R,); for .npz the name of an array (default ``groups``, if there is one). Rows of one group must have one
        target; samples are in the order of their groups.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataFileError
        For a file that is missing, empty, of an unknown kind, unreadable, ragged or pickled; for text, missing values
        or infinities (with line and column); for columns that do not exist, are ambiguous, or are both input and
        target; for names of classes of which each occurs once; for rows of one group with different targets.
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
        return from_npz(path, target, columns, groups)
    if suffix == ".npy":
        table = from_npy(path, target, groups)
        if isinstance(table, Dataset):
            return table
        return _of_samples(path, table, [], [], target, columns, classes, groups)
    return _of_samples(path, *_read_csv(path, delimiter, header), target, columns, classes, groups)


def _of_samples(
    path: Path,
    table: Any,
    names: list[str],
    lines: list[int],
    target: Columns,
    columns: Columns,
    classes: bool,
    groups: Any,
) -> Dataset:
    """A table cut into inputs and targets, of rows or of the samples that rows belong to."""
    if groups is None:
        return _split(path, table, names, lines, target, columns, classes)
    if is_array_file(groups):
        member = array_of(Path(groups), "groups")
        if member.shape != (len(table),):
            raise DataFileError(explain(f"groups of shape ({len(table)},), one for each row", f"shape {member.shape}"))
        return grouped(path, _split(path, table, names, lines, target, columns, classes), member)
    held = indices(path, groups, names, len(table[0]))
    rows = _split(path, table, names, lines, target, columns, classes, tuple(held))
    return grouped(path, rows, named_groups(path, [row[held[0]] for row in table]))


def _split(
    path: Path,
    table: Any,
    names: list[str],
    lines: list[int],
    target: Columns,
    columns: Columns,
    classes: bool = False,
    held: tuple[int, ...] = (),
) -> Dataset:
    """Cut a table of numbers or of text cells into inputs and targets; only the chosen columns must be numbers.

    Columns ``held`` are neither: they say which sample a row belongs to.
    """
    width = len(table[0])
    last = max((k for k in range(width) if k not in held), default=-1)
    chosen = indices(path, last if target is None else target, names, width)
    rest = [k for k in range(width) if k not in (*chosen, *held)]
    inputs = rest if columns is None else indices(path, columns, names, width)
    if not inputs or not chosen:
        raise DataFileError(
            explain("at least one input and one target column", f"{len(inputs)} and {len(chosen)} in {path}")
        )
    both = [label(k, names) for k in inputs if k in chosen] + [label(k, names) for k in (*inputs, *chosen) if k in held]
    if both:
        raise DataFileError(explain("columns that are either input or target", f"{', '.join(both)} as both"))
    X = np.column_stack([numbers(path, table, k, names, lines) for k in inputs])
    words = [row[chosen[0]] for row in table] if classes and len(chosen) == 1 else []
    if 2 * sum(is_number(word) for word in words) < len(words):  # a few may be called "1", a typing error is no class
        return _named_classes(path, X, words, tuple(names[k] for k in inputs) if names else (), lines)
    Y = np.column_stack([numbers(path, table, k, names, lines) for k in chosen])
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
        header = not any(is_number(cell) for cell in rows[0])
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
