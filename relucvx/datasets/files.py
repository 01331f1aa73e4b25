"""Data files as people have them to a :class:`Dataset`: text, Parquet, MATLAB, HDF5 and numpy. Nothing is ever unpickled."""

from __future__ import annotations

import difflib
import logging
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import as_path
from relucvx.datasets.arrays import array_of, from_archive, from_npy, is_array_file, matrix_of
from relucvx.datasets.cells import numbers
from relucvx.datasets.classes import class_column, coded, counted, factor_column, sorted_classes
from relucvx.datasets.columns import Columns, Table, indices
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.datasets.formats.hdf5 import held_in_hdf5
from relucvx.datasets.formats.held import Held, held_in_npz
from relucvx.datasets.formats.matlab import held_in_matlab
from relucvx.datasets.formats.parquet import read_parquet
from relucvx.datasets.formats.text import read_text
from relucvx.datasets.grouped import grouped, named_groups
from relucvx.datasets.preparation import Preparation
from relucvx.datasets.row_numbers import ask_about_rows
from relucvx.errors import DataFileError, InvalidInputError, explain

log = logging.getLogger(__name__)

TEXTS = (".csv", ".tsv", ".txt", ".dat")
"""Endings of delimited text, each also with ``.gz``."""

ARCHIVES = (".npz", ".mat", ".h5", ".hdf5")
"""Endings of files that hold several arrays by name."""

SUFFIXES = (*TEXTS, ".parquet", ".npy", *ARCHIVES)
"""File kinds that :func:`read_table` reads."""


@dataclass(frozen=True)
class Wanted:
    """Which columns of a table are what, and how its classes become targets."""

    target: Columns = None
    columns: Columns = None
    drop: Columns = None
    decimal: str | None = None
    classes: bool | None = None
    one_vs_rest: int | str | None = None
    one_hot: bool | None = None
    groups: Any = None


def read_table(
    path: str | os.PathLike[str],
    target: Columns = None,
    columns: Columns = None,
    *,
    drop: Columns = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    classes: bool | None = None,
    one_vs_rest: int | str | None = None,
    one_hot: bool | None = None,
    standardize: bool = False,
    components: int | None = None,
    groups: int | str | os.PathLike[str] | None = None,
    x_key: str | None = None,
    y_key: str | None = None,
) -> Dataset:
    """Read inputs and targets from a data file.

    What can be read in two ways is asked about, in an error that names the option which decides; what was decided (classes, a
    decimal comma, true and false) is said in one line of the logger ``relucvx`` and in ``description``.

    Parameters
    ----------
    path : str or path
        Delimited text (``.csv``, ``.tsv``, ``.txt``, ``.dat``, also ``.gz``) or ``.parquet``: a table. ``.npy``: a matrix, or
        bags (n, p, d) or images (n, h, w) with their targets in a file of their own. ``.npz``, ``.mat`` and ``.h5``: arrays
        ``X``, of any of these shapes, and ``y`` (or data, features, inputs; target, labels); ``file.h5:/group/Z`` names the
        array of inputs.
    target : int, str or sequence of these, optional
        Column or columns that are the target, by index (negative from the end) or header name; default the last
        column. A single column gives Y of shape (n,), a sequence (n, c). For .npz: the name of the target's array. For
        .npy also the .npy file that holds the targets.
    columns : int, str or sequence of these, optional
        Columns that are the inputs, in this order; default all others (.npz: all of X). Ranges are ``"first-last"``, of
        indices or names, both ends included.
    drop : int, str or sequence of these, optional
        Columns that are neither input nor target.
    delimiter : str, optional
        Of text; default whichever of tab, semicolon, bar, comma and space cuts every line into as many cells.
    decimal : {".", ","}, optional
        The decimal mark of text; with it, thousands may be set apart by the other mark, a space or an apostrophe. Default: a
        point, or a comma where cells such as ``1,5`` can mean nothing else.
    header : bool, optional
        Of text, whether the first line holds names; default: it does when none of its cells is a number. A comment line that
        begins with ``#`` (as ``numpy.savetxt`` writes) gives names, too.
    encoding : str, optional
        Of text; default UTF-8, or what its byte order mark says.
    classes : bool, optional
        Whether the target holds classes; of several targets a column of two texts becomes signs. Default: where most of its
        cells are no numbers, or where it has at most 20 different whole numbers of size up to 100, each twice on average.
    one_vs_rest : int or str, optional
        Class, by name or index in sorted order: Y is +1 on it and -1 elsewhere.
    one_hot : bool, optional
        Coding of classes, as in :func:`load`: default ±1 of shape (n,) for two (the second in sorted order is +1), one-hot
        (n, C) for more.
    standardize, components
        As in :func:`load`; the raw columns can be had back, see :class:`Preparation`.
    groups : int, str or path, optional
        Which sample each row belongs to, where samples are bags of rows: a column, whose entries may be names, or an .npy file
        of an array (R,); for .npz the name of an array (default ``groups``, if there is one). Rows of one group must have one
        target; samples are in the order of their groups.
    x_key, y_key : str, optional
        Of files of several arrays, those that hold the inputs and the targets.

    Returns
    -------
    Dataset
        Named after the file.

    Raises
    ------
    DataFileError
        For a file that is missing, empty, of an unknown kind, unreadable, ragged or pickled; for a first line that may be
        names or data, and an input column that counts the rows; for text, dates, missing values or infinities (with line and
        column), whole numbers beyond 2^53, and numbers that can be read in two ways; for columns that do not exist, are
        ambiguous, or are both input and target; for classes of which each occurs once, or one occurs alone; for rows of one
        group with different targets.
    InvalidInputError
        For a delimiter that is not one character, an unknown decimal mark, encoding or class, and components out of range.
    MissingPackageError
        For a file whose reader is not installed.

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
    path, inside = _parted(as_path(path, "a data file's path"))
    kind = kind_of(path)
    _check_exists(path)
    wanted = Wanted(target, columns, drop, decimal, classes, one_vs_rest, one_hot, groups)
    of_text = {"delimiter": delimiter, "header": header, "encoding": encoding}
    keys = {"x_key": x_key, "y_key": y_key}
    _refuse_idle(path, {} if kind in TEXTS else of_text, "delimited text")
    _refuse_idle(path, {} if kind in (*TEXTS, ".parquet") else {"decimal": decimal}, "tables with cells of text")
    _refuse_idle(path, {} if kind in ARCHIVES else keys, f"files of several arrays ({', '.join(ARCHIVES)})")
    if kind in ARCHIVES:
        held = from_archive(held_in(path, kind), target, columns, groups, inside if x_key is None else x_key, y_key)
        found = (
            _bags(path, held, wanted)
            if isinstance(held, Dataset)
            else _of_samples(held[0], _within(held[0], held[1], wanted))
        )
    elif kind == ".npy":
        array = from_npy(path, target, groups)
        found = (
            _bags(path, array, wanted)
            if isinstance(array, Dataset)
            else _of_samples(Table(path, list(array.T)), wanted)
        )
    elif kind == ".parquet":
        found = _of_samples(read_parquet(path), wanted)
    else:
        found = _of_samples(read_text(path, delimiter, header, encoding), wanted)
    return found.prepared(standardize=standardize, components=components)


def read_columns(
    path: Path, delimiter: str | None = None, header: bool | None = None, encoding: str | None = None
) -> Table:
    """All columns of a file, whatever they hold: of an .npy file those of its matrix, of an .npz file those of its array X.

    Raises
    ------
    DataFileError, InvalidInputError, MissingPackageError
        As :func:`read_table`.
    """
    path, inside = _parted(path)
    kind = kind_of(path)
    _check_exists(path)
    if kind == ".parquet":
        return read_parquet(path)
    if kind in TEXTS:
        return read_text(path, delimiter, header, encoding)
    X = matrix_of(path, held_in(path, kind) if kind in ARCHIVES else None, inside)
    return Table(path, list(X.T))


def _refuse_idle(path: Path, options: dict[str, Any], of: str) -> None:
    """Refuse options that say nothing about such a file: whoever gives one believes that it counts."""
    idle = [name for name, value in options.items() if value is not None]
    if idle:
        raise InvalidInputError(
            explain(f"{idle[0]} for {of} alone", f"{idle[0]} for {path.name}", "", f"the call without {idle[0]}")
        )


def _bags(path: Path, found: Dataset, wanted: Wanted) -> Dataset:
    """Samples that are bags of rows, whose columns and targets are taken as they are."""
    given = {name: getattr(wanted, name) for name in ("drop", "classes", "one_vs_rest")}
    _refuse_idle(path, given, "tables")
    return found


def _parted(path: Path) -> tuple[Path, str | None]:
    """``file.h5:/group/Z`` as the file and the array in it."""
    found = re.fullmatch(r"(.*\.(?:h5|hdf5|mat|npz)):(.+)", str(path), re.IGNORECASE)
    return (Path(found[1]), found[2]) if found else (path, None)


def held_in(path: Path, kind: str) -> Held:
    """The arrays of a file of several, of a kind that :func:`kind_of` says.

    Raises
    ------
    DataFileError, MissingPackageError
        As :func:`read_table`.
    """
    _check_exists(path)
    readers = {".npz": held_in_npz, ".mat": held_in_matlab}
    return readers.get(kind, held_in_hdf5)(path)


def _within(table: Table, target: Columns, wanted: Wanted) -> Wanted:
    """What is wanted of the table of a file of arrays, whose targets are known, and whose inputs were picked already."""
    if isinstance(target, str) or (wanted.target is not None and target is wanted.target):
        return replace(wanted, groups=None)  # a column of the inputs
    ends = [target] if isinstance(target, int) else list(target or [])
    inputs = [k for k in range(table.width) if k not in ends]
    dropped = indices(table.path, wanted.drop, list(table.names[: len(inputs)]), len(inputs))
    picked = None if wanted.columns is None else [k for k in inputs if k not in dropped]
    return replace(wanted, target=target, columns=picked, drop=dropped, groups=None)


def kind_of(path: Path) -> str:
    """The ending that says how a file is read.

    Raises
    ------
    DataFileError
        For one that is not read.
    """
    name = path.name.lower().removesuffix(".gz")
    kind = Path(name).suffix
    if kind not in SUFFIXES or (path.name.lower().endswith(".gz") and kind not in TEXTS):
        known = ", ".join(SUFFIXES)
        sheet = kind in (".xlsx", ".xls", ".ods")
        raise DataFileError(
            explain(f"a file ending in {known}", str(path), "a spreadsheet" if sheet else "", "save it as .csv")
        )
    return kind


def _of_samples(table: Table, wanted: Wanted) -> Dataset:
    """A table cut into inputs and targets, of rows or of the samples that rows belong to."""
    groups = wanted.groups
    if groups is None:
        return _split(table, wanted)
    if is_array_file(groups):
        member = array_of(Path(groups), "groups")
        if member.shape != (len(table),):
            raise DataFileError(explain(f"groups of shape ({len(table)},), one for each row", f"shape {member.shape}"))
        return grouped(table.path, _split(table, wanted), member)
    held = table.find(groups)
    if len(held) != 1:
        raise DataFileError(explain("one column of groups", f"{len(held)}", "", "groups='who'"))
    return grouped(
        table.path, _split(table, wanted, tuple(held)), named_groups(table.path, list(table.columns[held[0]]))
    )


def _split(table: Table, wanted: Wanted, held: tuple[int, ...] = ()) -> Dataset:
    """Cut a table into inputs and targets; only the chosen columns must be numbers.

    Columns ``held`` are neither: they say which sample a row belongs to.
    """
    inputs, chosen = _chosen(table, wanted, held)
    # one target may be classes, several may be factors of two values each: what is neither must be numbers
    words = class_column(table, chosen[0], wanted.classes) if len(chosen) == 1 else None
    signs = {k: factor_column(table, k, wanted.classes) for k in chosen} if len(chosen) > 1 else {}
    coded_as = {k: found for k, found in signs.items() if found is not None}
    table = replace(table, columns=[coded_as[k][0] if k in coded_as else c for k, c in enumerate(table.columns)])
    values, said = numbers(table, inputs if words else [*inputs, *chosen], wanted.decimal)
    X = values[:, : len(inputs)]
    # what new rows go through later
    columns = Preparation(
        len(inputs),
        table.features(inputs),
        target=table.names[chosen[0]] if table.names and len(chosen) == 1 else "",
        positions=tuple(inputs),
        width=table.width,
    )
    # what the user is told, and the targets: coded classes, or columns of numbers
    said = table.said + said + tuple(text for _, text in coded_as.values())
    labels = None
    if words:
        classes, labels = sorted_classes(words)
        Y, targets = coded(labels, classes, wanted.one_vs_rest, wanted.one_hot)
        columns = replace(columns, classes=targets)
        said = (*said, _said_of_classes(table, chosen[0], words, classes, targets, wanted))
    elif wanted.one_vs_rest is not None:
        wanted_classes = f"classes for one_vs_rest in {table.path}"
        numeric = f"numbers in column {', '.join(map(table.label, chosen))}"
        raise InvalidInputError(explain(wanted_classes, numeric, "", "classes=True"))
    else:
        one = wanted.target is None or isinstance(wanted.target, (int, str, np.integer))
        Y = values[:, len(inputs)] if one and len(chosen) == 1 else values[:, len(inputs) :]
        targets = table.features(chosen)
    if said:
        log.warning("%s: %s", table.path.name, "; ".join(said))
    return Dataset(
        name=table.path.name.partition(".")[0] or table.path.stem,
        X=X,
        Y=Y,
        labels=labels,
        feature_names=columns.columns,
        target_names=targets,
        description="; ".join((f"read from {table.path.name}", *said)),
        beta_hint=suggest_beta(X, Y),
        preparation=columns,
    )


def _chosen(table: Table, wanted: Wanted, held: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """The columns that are inputs and those that are targets."""
    dropped = table.find(wanted.drop)
    free = [k for k in range(table.width) if k not in held and k not in dropped]
    chosen = free[-1:] if wanted.target is None else table.find(wanted.target)
    rest = [k for k in free if k not in chosen]
    inputs = rest if wanted.columns is None else [k for k in table.find(wanted.columns) if k not in dropped]
    if not inputs or not chosen:
        raise DataFileError(
            explain("at least one input and one target column", f"{len(inputs)} and {len(chosen)} in {table.path}")
        )
    both = [table.label(k) for k in inputs if k in chosen]
    both += [table.label(k) for k in (*inputs, *chosen) if k in held]
    if both:
        raise DataFileError(explain("columns that are either input or target", f"{', '.join(both)} as both"))
    if set(chosen) & set(dropped):
        raise DataFileError(explain("a target among the columns that are not dropped", table.label(chosen[0])))
    if wanted.columns is None:
        ask_about_rows(table, inputs)
    return inputs, chosen


def _said_of_classes(
    table: Table, k: int, words: list[str], classes: tuple[str, ...], targets: tuple[str, ...], wanted: Wanted
) -> str:
    """The line that says how a target was read."""
    where = "the last column" if not table.names else f"{table.label(k)}"
    text = f"target {where}: {len(classes)} classes ({counted(words, classes)})"
    if len(targets) == 2 and wanted.one_hot is not True:
        text += f", +1 is {targets[1]}"
    whole = wanted.classes is None and all(word.removeprefix("-").isdecimal() for word in classes)
    return text + (" of whole numbers; to predict numbers: classes=False (--no-classes)" if whole else "")


def _check_exists(path: Path) -> None:
    if path.is_file():
        if not os.access(path, os.R_OK):
            raise DataFileError(explain(f"a readable file {path}", "no permission to read it"))
        return
    if path.is_dir():
        raise DataFileError(explain("a file", f"the folder {path}"))
    if not path.parent.is_dir():
        raise DataFileError(explain(f"the file {path}", f"no folder {path.parent}", "a misspelt or relative path"))
    present = sorted(p.name for p in path.parent.iterdir() if p.name.lower().removesuffix(".gz").endswith(SUFFIXES))
    close = difflib.get_close_matches(path.name, present, n=3, cutoff=0.5) or present[:3]
    raise DataFileError(
        explain(
            f"the file {path}",
            "no such file",
            "a misspelt or relative path",
            f"{' or '.join(close)} in the same folder" if close else f"a folder with data files, unlike {path.parent}",
        )
    )
