"""Cells of phase diagrams in a file: a line of JSON each, on the disk as soon as the cell is known.

The first line says what the cells are of. A line counts once it is whole: whoever is killed loses the cell that was being
solved, and no other; whoever comes next reads what is there and adds to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from relucvx.conversion import as_path, shown
from relucvx.errors import DataFileError, explain
from relucvx.results import append_line, check_writable, whole_lines
from relucvx.types import Array

FORMAT = 1
"""Of files of cells; another number is refused."""

RANGES = ("least", "most")
"""Ends of the certified range over all optima, in cells that were asked for one."""

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
        lines = whole_lines(self.path)
        if not lines:
            check_writable(self.path)
            append_line(self.path, json.dumps(head))
            return
        known = parsed(lines[0], self.path)
        if not is_head(known) or known != json.loads(json.dumps(head)):
            raise DataFileError(
                explain(
                    f"cells of this diagram in {self.path}",
                    "another file" if not is_head(known) else f"cells of {_differences(known, head)}",
                    "another call wrote it",
                    "another name for out=",
                )
            )
        for line in lines[1:]:
            self._take(parsed(line, self.path))

    def _take(self, record: dict[str, Any]) -> None:
        """A stored cell; of two the first counts."""
        try:
            cell = (float(record["x"]), float(record["y"]))
            found = {**record, **{name: _number(record[name]) for name in NUMBERS}}
            found |= {name: _number(record.get(name)) for name in RANGES}
        except (KeyError, TypeError, ValueError) as error:
            raise DataFileError(
                explain(f"cells in {self.path}", f"a line without {error}", "", "another file")
            ) from error
        self.cells.setdefault(cell, found)

    def add(self, cell: tuple[float, float], found: dict[str, Any]) -> None:
        """A cell that was solved: stored first, then counted."""
        if self.path is not None:
            plain = {name: _finite(value) for name, value in found.items()}
            append_line(self.path, json.dumps({"x": cell[0], "y": cell[1], **plain}, allow_nan=False))
        self.cells[cell] = found
        self.computed += 1

    def grids(self, columns: Array, rows: Array) -> dict[str, Array]:
        """Every number of the cells on a grid (rows, columns); NaN where there are none yet."""
        return {
            name: np.array(
                [[self.cells.get((float(a), float(b)), {}).get(name, np.nan) for a in columns] for b in rows]
            )
            for name in (*NUMBERS, *RANGES)
        }


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity: null stands for both."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def is_head(found: dict[str, Any]) -> bool:
    """Whether a line says what cells are of."""
    keys = {"format", "family", "statistic", "x_name", "y_name", "fixed", "tol"}
    return set(found) - {"interval"} == keys and found["format"] == FORMAT and isinstance(found["fixed"], dict)


def _differences(known: dict[str, Any], head: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {known[name]!r} (not {head.get(name)!r})" for name in known if known[name] != head.get(name)
    )


def parsed(line: str, path: Any) -> dict[str, Any]:
    """A line of a file of cells."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataFileError(
            explain(f"lines of JSON in {path}", shown(line[:60]), "another file", "another name for out=")
        )
    return found
