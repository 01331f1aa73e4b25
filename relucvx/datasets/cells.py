"""Cells of a table as numbers: decimal commas, thousands, booleans; what is no number, and what is missing, by its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.datasets.columns import Table
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

LARGEST_WHOLE = 2.0**53
"""Whole numbers beyond this one are not all float64 numbers; a file that has them means names, not sizes."""

MOST_LISTED = 5
"""Rows that an error lists."""

WITH_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
"""A number with one comma, decimal or of thousands."""

DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\d{1,2}:\d{2}(:\d{2}.*)?")
"""A date or a time as files write them."""

TRUE, FALSE = ("true", "TRUE", "True"), ("false", "FALSE", "False")

GROUPED = {
    mark: re.compile(rf"[-+]?\d{{1,3}}([{marks}]\d{{3}})+({re.escape(mark)}\d*)?")
    for mark, marks in ((".", ",' \u00a0\u202f"), (",", ".' \u00a0\u202f"))
}
"""A number whose thousands are set apart, by its decimal mark."""


def is_number(cell: str) -> bool:
    """Whether a cell is a number as data files write them, with a decimal point."""
    if "_" in cell:  # float() reads 1_000, no data file means it
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def is_numeric(cell: str) -> bool:
    """Whether a cell is a number with either decimal mark."""
    return is_number(cell) or bool(WITH_COMMA.fullmatch(cell))


def numbers(table: Table, chosen: Sequence[int], decimal: str | None = None) -> tuple[Array, tuple[str, ...]]:
    """The chosen columns (n, k) as finite numbers, and what was decided about them, in words.

    Parameters
    ----------
    decimal : {".", ","}, optional
        The decimal mark; thousands may then be set apart by the other one, a space or an apostrophe. By default a point, or
        a comma where cells can mean nothing else.

    Raises
    ------
    DataFileError
        For cells that are no numbers; for commas that may be decimal or of thousands, and for both marks in one file; for
        whole numbers beyond 2^53, which are names; for missing values, by their lines, and infinities.
    InvalidInputError
        For another decimal mark.
    """
    given = decimal is not None
    if given and not is_word(decimal, (".", ",")):
        raise InvalidInputError(explain('decimal to be "." or ","', shown(decimal), "", 'decimal=","'))
    mark = decimal or _decimal_mark(table, chosen)
    said: tuple[str, ...] = () if given or mark == "." else ("decimal comma",)
    out = np.empty((len(table), len(chosen)))
    for at, k in enumerate(chosen):
        column = table.columns[k]
        if isinstance(column, np.ndarray):
            out[:, at] = _of_array(table, k, column)
            continue  # an array says itself what it holds
        whole = _at_once(column) if mark == "." else None
        out[:, at] = _one_by_one(table, k, mark, given) if whole is None else whole
        if _are_flags(column):
            said += (f"column {table.label(k)}: true is 1, false is 0",)
    _check_finite(table, chosen, out)
    return out, said


def _at_once(column: Sequence[str]) -> Array | None:
    """A column of plain numbers of ordinary size; None where cells have to be looked at one by one."""
    if "_" in "".join(column):
        return None
    try:
        values = np.array([float(cell) for cell in column])
    except ValueError:
        return None
    return values if np.isfinite(values).all() and np.abs(values).max(initial=0.0) < LARGEST_WHOLE else None


def _one_by_one(table: Table, k: int, mark: str, given: bool) -> Array:
    column = table.columns[k]
    flags = _are_flags(column)
    out = np.empty(len(column))
    for row, cell in enumerate(column):
        if is_missing(cell):
            out[row] = np.nan
        elif flags:
            out[row] = cell in TRUE
        else:
            text = _plain(cell, mark, given)
            if not is_number(text):
                _refuse_text(table, k, row, mark)
            out[row] = float(text)
            _check_exact(table, k, row, text, out[row])
    return out


def _plain(cell: str, mark: str, given: bool) -> str:
    """A cell with a decimal point; without marks between thousands, where the decimal mark was given; "" for another mark."""
    if given and GROUPED[mark].fullmatch(cell):
        cell = re.sub(r"['  \u00a0\u202f]", "", cell.replace("." if mark == "," else ",", ""))
    if mark == ".":
        return cell
    return "" if "." in cell else cell.replace(",", ".")


def _are_flags(column: Sequence[str]) -> bool:
    """Whether every cell that is not missing is true or false."""
    words = {cell for cell in column if not is_missing(cell)}
    return bool(words) and words <= {*TRUE, *FALSE}


def _decimal_mark(table: Table, chosen: Sequence[int]) -> str:
    """A comma where cells have one and none can be of thousands; else a point.

    Raises
    ------
    DataFileError
        Where cells with commas stand beside cells with points, or every comma may stand between thousands.
    """
    texts = [k for k in chosen if not isinstance(table.columns[k], np.ndarray) and "," in "".join(table.columns[k])]
    commas = [(k, row) for k in texts for row, cell in enumerate(table.columns[k]) if WITH_COMMA.fullmatch(cell)]
    if not commas:
        return "."
    point = _first_point(table, chosen)
    (k, row), held = commas[0], table.columns[commas[0][0]][commas[0][1]]
    if point is not None:
        other = table.columns[point[0]][point[1]]
        raise DataFileError(
            explain(
                f"one decimal mark in {table.path}",
                f"{held!r} in {table.where(k, row)} and {other!r} in {table.where(*point)}",
                "commas between thousands",
                "decimal='.', where the comma is one of thousands",
            )
        )
    if all(_may_be_thousands(table.columns[k][row]) for k, row in commas):
        raise DataFileError(
            explain(
                f"numbers in {table.path} that can be read in one way",
                f"{held!r} in {table.where(k, row)}",
                "a decimal comma, or a comma between thousands",
                f"decimal=',' ({held.replace(',', '.')}) or decimal='.' ({held.replace(',', '')})",
            )
        )
    return ","


def _may_be_thousands(cell: str) -> bool:
    """Whether the comma of a cell can stand between thousands; no thousands begin with zero."""
    return bool(GROUPED["."].fullmatch(cell)) and not cell.lstrip("+-").startswith("0")


def _first_point(table: Table, chosen: Sequence[int]) -> tuple[int, int] | None:
    """The first cell with a decimal point."""
    for k in chosen:
        column = table.columns[k]
        if isinstance(column, np.ndarray) or "." not in "".join(column):
            continue
        for row, cell in enumerate(column):
            if "." in cell and is_number(cell):
                return k, row
    return None


def _of_array(table: Table, k: int, column: np.ndarray) -> Array:
    """A column of numbers, whatever kind of numbers."""
    if column.dtype.kind not in "biuf":
        raise DataFileError(
            explain(f"real numbers in {table.path}", f"column {table.label(k)} of dtype {column.dtype}")
        )
    out: Array = column.astype(np.float64)
    if column.dtype.kind in "iu":
        off = np.flatnonzero(np.abs(out) > LARGEST_WHOLE)
        if len(off):
            _refuse_huge(table, k, int(off[0]))
    return out


def _check_exact(table: Table, k: int, row: int, text: str, value: float) -> None:
    """Refuse whole numbers whose last digits float64 would lose."""
    if abs(value) >= LARGEST_WHOLE and text.lstrip("+-").isdecimal() and int(value) != int(text):
        _refuse_huge(table, k, row)


def _refuse_huge(table: Table, k: int, row: int) -> NoReturn:
    raise DataFileError(
        explain(
            f"numbers in {table.path} that float64 holds",
            f"{table.columns[k][row]} in {table.where(k, row)}",
            "an identifier: whole numbers beyond 2^53 lose digits",
            f"drop={_named(table, k)}",
        )
    )


def _refuse_text(table: Table, k: int, row: int, mark: str) -> NoReturn:
    """What is no number, with the likeliest reason."""
    cell = table.columns[k][row]
    drop = f"drop={_named(table, k)}"
    if mark == "," and is_number(cell):
        cause, fix = "a decimal point in a file with decimal commas", "decimal='.'"
    elif DATE.fullmatch(cell):
        cause, fix = "dates or times, which are no numbers", f"{drop}, or a column of days or seconds in their place"
    elif GROUPED["."].fullmatch(cell) or GROUPED[","].fullmatch(cell):
        cause, fix = "thousands that are set apart", "decimal='.' or decimal=',', which says what the other mark is"
    elif WITH_COMMA.fullmatch(cell) or "," in cell:
        cause, fix = "a decimal comma", "decimal=','"
    elif re.fullmatch(r"[-+]?[€$£¥]?\s*[\d.,]+\s*(%|[€$£¥]|[A-Za-zµ°/]{1,4}\d?)?", cell):
        cause, fix = "a unit, a currency or a per cent sign beside the number", f"the number alone, or {drop}"
    else:
        cause = "a text column, or a header that mixes names and numbers"
        fix = f"encode that column, leave it out with {drop}, pass header=True, or classes=True where it is the target"
    raise DataFileError(explain(f"numbers in {table.path}", f"{cell!r} in {table.where(k, row)}", cause, fix))


def _named(table: Table, k: int) -> str:
    """A column as an option names it."""
    unique = bool(table.names) and bool(table.names[k]) and list(table.names).count(table.names[k]) == 1
    return repr(table.names[k]) if unique else repr(str(k))


def _check_finite(table: Table, chosen: Sequence[int], values: Array) -> None:
    """Refuse missing values and infinities, by their rows."""
    if np.isfinite(values).all():
        return
    rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
    row = int(rows[0])
    at = int(np.flatnonzero(~np.isfinite(values[row]))[0])
    cell = table.columns[chosen[at]][row]
    held = "an empty cell" if isinstance(cell, str) and not cell else f"{cell}"
    more = ""
    if len(rows) > 1:
        listed = ", ".join(table.line(int(r)).split()[1] for r in rows[:MOST_LISTED])
        kind = "lines" if table.lines else "rows"
        more = f"; such cells in {len(rows)} of {len(values)} rows: {kind} {listed}{', …' if len(rows) > MOST_LISTED else ''}"
    raise DataFileError(
        explain(
            f"finite numbers in {table.path}",
            f"{held} in {table.where(chosen[at], row)}{more}",
            "missing values" if is_missing(cell) else "an infinite value",
            f"fill in or delete those rows, or leave the column out with drop={_named(table, chosen[at])}",
        )
    )
