"""Cells of phase diagrams in a file of records (:mod:`relucvx.records`), whose first line says what the cells are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from relucvx import records
from relucvx.conversion import as_path
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.records import number
from relucvx.types import Array

FORMAT = 1
"""Of files of cells; another number is refused."""

RANGES = {"least": -np.inf, "most": np.inf}
"""Ends of the certified range over all optima, in cells that were asked for one, and what a missing one means there."""

TIGHT = "tight"
"""Whether networks come near both ends of such a range; not in old files."""

NUMBERS = ("value", "objective", "lower", "rel_gap", "beta", "neurons", "seconds")
"""What a cell has a number for."""


class Store:
    """Cells as they come, with a file that they are added to, or without."""

    def __init__(self, path: Any, head: dict[str, Any]) -> None:
        self.path = None if path is None else Path(as_path(path, "out"))
        self.head, self.computed = head, 0
        self.cells: dict[tuple[float, float], dict[str, Any]] = {}
        if self.path is None:
            return
        for record in records.opened(self.path, head, is_head, "cells of this diagram"):
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        """A stored cell; of two the first counts."""
        try:
            cell = (float(record["x"]), float(record["y"]))
            found = {**record, **{name: number(record[name]) for name in NUMBERS}}
            # a file has no infinity: where a range was asked for, what is not there is an end that was not proven
            asked = "interval" in self.head
            found |= {name: number(record.get(name)) for name in (*RANGES, TIGHT)}
            found |= {name: none for name, none in RANGES.items() if asked and np.isnan(found[name])}
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(
                explain(f"cells in {self.path}", f"a line without {error}", "", "another file")
            ) from error
        self.cells.setdefault(cell, found)

    def add(self, cell: tuple[float, float], found: dict[str, Any]) -> None:
        """A cell that was solved: stored first, then counted."""
        if self.path is not None:
            records.add(self.path, {"x": cell[0], "y": cell[1], **found})
        self.cells[cell] = found
        self.computed += 1

    def grids(self, columns: Array, rows: Array) -> dict[str, Array]:
        """Every number of the cells on a grid (rows, columns); NaN where there are none yet."""
        return {
            name: np.array(
                [[self.cells.get((float(a), float(b)), {}).get(name, np.nan) for a in columns] for b in rows]
            )
            for name in (*NUMBERS, *RANGES, TIGHT)
        }


def is_head(found: dict[str, Any]) -> bool:
    """Whether a line says what cells are of."""
    keys = {"format", "family", "statistic", "x_name", "y_name", "fixed", "tol"}
    return set(found) - {"interval"} == keys and found["format"] == FORMAT and isinstance(found["fixed"], dict)


def plain_parameter(name: str, value: Any) -> Any:
    """A fixed parameter as JSON has it, so that two calls can be compared."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidInputError(
        explain(f"{name} to be a number, text or None", type(value).__name__, "", "a family of your own")
    )
