"""Whether the first row of a table holds names. Where both can be meant, the reader is asked, not the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from relucvx.datasets.cells import DATE, FALSE, TRUE, is_number, is_numeric
from relucvx.errors import DataFileError, explain
from relucvx.labels import is_missing

LOOK = 200
"""Rows below the first that it is compared with."""

FAR = 3.0
"""Spans of the rows below by which the first row lies outside them, in every column, before it is asked about."""

FEW = 8
"""Fewer rows than this say nothing about a span."""


def is_header(path: Path, rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of these rows holds the names of the columns.

    Raises
    ------
    DataFileError
        Where it may be names or numbers: numbers that count or that lie far outside the rows below; names beside numbers;
        true and false, missing values, dates or words that stand in the rows below, too.
    """
    first, below = rows[0], rows[1 : 1 + LOOK]
    numeric = [is_numeric(cell) for cell in first]
    if not any(numeric):
        doubt = _words_that_may_be_data(first, below)
    elif all(flag or not cell for flag, cell in zip(numeric, first, strict=True)):
        doubt = _numbers_that_may_be_names(rows)
    else:
        doubt = _names_beside_numbers(first, below) or _numbers_that_may_be_names(rows)
    if doubt:
        shown = ", ".join(first[:5]) + (", …" if len(first) > 5 else "")
        raise DataFileError(
            explain(
                f"a first row of {path} that is names or data",
                f"{shown}: {doubt}",
                "column names that are numbers, or a table without names",
                "header=True where the first row holds names, header=False where it is data",
            )
        )
    return not any(numeric)


def _words_that_may_be_data(first: Sequence[str], below: Sequence[Sequence[str]]) -> str:
    if all(is_missing(cell) for cell in first):
        return "missing values only"
    if all(cell in (*TRUE, *FALSE) for cell in first):
        return "true and false"
    for k, cell in enumerate(first):
        if cell and any(row[k] == cell for row in below):
            return f"{cell!r} stands in a row below, too"
        if DATE.fullmatch(cell) and below and DATE.fullmatch(below[0][k]):
            return "a date above dates"
    return ""


def _numbers_that_may_be_names(rows: Sequence[Sequence[str]]) -> str:
    """Numbers in steps of one size that other rows do not have, or far from everything below."""
    below = rows[1 : 1 + LOOK]
    kept = [k for k, cell in enumerate(rows[0]) if is_number(cell)]
    if not below or len(kept) < 2:
        return ""
    table = [[float(row[k]) if is_number(row[k]) else np.nan for k in kept] for row in (rows[0], *below)]
    values = np.array(table)
    steps = np.diff(values, axis=1)
    even = (steps == steps[:, :1]).all(axis=1) & (steps[:, 0] != 0.0)
    counts = len(kept) > 2 or values[0].tolist() == [0.0, 1.0]
    if even[0] and counts and not even.all():
        return f"numbers in steps of {steps[0, 0]:g}, unlike the rows below"
    if len(below) < FEW or np.isnan(values[1:]).all(axis=0).any():
        return ""
    least, most = np.nanmin(values[1:], axis=0), np.nanmax(values[1:], axis=0)
    beyond = np.maximum(least - values[0], values[0] - most)
    return "numbers far from all rows below" if (beyond > FAR * (most - least)).all() else ""


def _names_beside_numbers(first: Sequence[str], below: Sequence[Sequence[str]]) -> str:
    for k, cell in enumerate(first):
        if is_numeric(cell) or not cell or not below:
            continue
        column = [row[k] for row in below]
        if not is_missing(cell) and all(is_numeric(other) or is_missing(other) for other in column):
            return f"{cell!r} above numbers"
        if cell not in column and len(set(column)) < len(column):
            return f"{cell!r}, which no row below has"
    return ""
