"""Columns that count or name the rows: nobody measured them, and whoever left them in is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from relucvx.datasets.cells import is_number
from relucvx.datasets.columns import Table
from relucvx.errors import DataFileError, explain

NAME_OF_ROWS = re.compile(
    r"(unnamed: ?0|index|idx|row|rowid|rownames|row[_ ]?(number|names?|id)|id|.*[_ ]id|.*Id|no\.?|nr\.?|#|obs|observation"
    r"|sample[_ ]?(no|nr|number)?)",
    re.IGNORECASE,
)
"""Names of columns that count or name the rows."""

FEWEST = 3
"""Rows that a column must count before its numbers alone are asked about."""


def ask_about_rows(table: Table, inputs: Sequence[int]) -> None:
    """Refuse, among several input columns that nobody chose, one that counts or names the rows.

    Raises
    ------
    DataFileError
        For a column of whole numbers 0, 1, 2, … or 1, 2, 3, …, and for one without a name, or with the name of an index, that
        has another whole number in every row. Naming it among ``columns`` keeps it.
    """
    if len(inputs) < 2:
        return
    for k in inputs:
        values = _whole(table.columns[k])
        if values is None:
            continue
        name = table.names[k] if table.names else None
        counts = len(values) > 1 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
        called = name is not None and (not name or bool(NAME_OF_ROWS.fullmatch(name)))
        different = len(np.unique(values)) == len(values)
        if (counts and (called or len(values) >= FEWEST)) or (called and different):
            shown = ", ".join(str(int(v)) for v in values[:3]) + (", …" if len(values) > 3 else "")
            drop = str(k) if not name or list(table.names).count(name) > 1 else name
            rest = [str(j) if not table.names or not table.names[j] else table.names[j] for j in inputs]
            listed = rest if len(rest) <= 4 else [f"{inputs[0]}-{inputs[-1]}"]
            raise DataFileError(
                explain(
                    f"input columns of {table.path} that were measured",
                    f"column {table.label(k)} with {shown}, another number in every row",
                    "an index or an identifier of the rows",
                    f"drop={drop!r} to leave it out, or columns={listed} to keep it",
                )
            )


def _whole(column: Any) -> np.ndarray | None:
    """A column as whole numbers; None where it holds anything else."""
    if isinstance(column, np.ndarray):
        if column.dtype.kind not in "iuf" or not np.isfinite(column).all():
            return None
        values = column.astype(np.float64)
    else:
        if not all(is_number(cell) for cell in column):
            return None
        values = np.array([float(cell) for cell in column])
    return values if np.isfinite(values).all() and bool((values == np.round(values)).all()) else None
