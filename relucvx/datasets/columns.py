"""Columns of a table by index or name, and their cells as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from relucvx.errors import DataFileError, explain
from relucvx.labels import is_missing
from relucvx.types import Array

Column: TypeAlias = int | str
Columns: TypeAlias = Column | Sequence[Column] | None


def indices(path: Path, wanted: Columns, names: list[str], width: int) -> list[int]:
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


def numbers(path: Path, table: Any, k: int, names: list[str], lines: list[int]) -> Array:
    """One column as finite numbers, or an error that says which cell is not one."""
    column = table[:, k] if isinstance(table, np.ndarray) else [row[k] for row in table]
    out = np.empty(len(column))
    for i, cell in enumerate(column):
        where = f"column {label(k, names)}, " + (f"line {lines[i]}" if lines else f"row {i}")
        lacking = isinstance(cell, str) and is_missing(cell)
        if isinstance(cell, str) and not lacking and not is_number(cell):
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


def is_number(cell: str) -> bool:
    """Whether a cell is a number as data files write them."""
    if "_" in cell:  # float() reads 1_000, no data file means it
        return False
    try:
        float(cell)
    except ValueError:
        return False
    return True


def label(k: int, names: list[str]) -> str:
    """What an error calls a column."""
    return repr(names[k]) if names else str(k)
