"""A table as a file holds it, and its columns by index, name or range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from relucvx.conversion import as_list, shown
from relucvx.errors import DataFileError, explain

Column: TypeAlias = int | str
Columns: TypeAlias = Column | Sequence[Column] | None


@dataclass(frozen=True)
class Table:
    """Columns of equal length: lists of text cells, or arrays of numbers; names and lines are empty where a file has none.

    ``said`` collects what was decided about the file on the way, in words for its reader.
    """

    path: Path
    columns: Sequence[Any]
    names: Sequence[str] = ()
    lines: Sequence[int] = ()
    said: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.columns)

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def label(self, k: int) -> str:
        """What an error calls a column."""
        return label(k, self.names)

    def line(self, row: int) -> str:
        """What an error calls a row: the line of a text file, else its number from 0."""
        return f"line {self.lines[row]}" if self.lines else f"row {row}"

    def where(self, k: int, row: int) -> str:
        """What an error calls a cell."""
        return f"column {self.label(k)}, {self.line(row)}"

    def find(self, wanted: Columns) -> list[int]:
        """Column numbers of indices, names and ranges."""
        return indices(self.path, wanted, self.names, self.width)

    def features(self, inputs: Sequence[int]) -> tuple[str, ...]:
        """Names of columns, those that occur twice told apart as pandas does: a, a.1."""
        seen: dict[str, int] = {}
        out = []
        for k in inputs if self.names else ():
            name = self.names[k] or f"column {k}"
            seen[name] = seen.get(name, -1) + 1
            out.append(f"{name}.{seen[name]}" if seen[name] else name)
        return tuple(out)


def indices(path: Path, wanted: Columns, names: Sequence[str], width: int) -> list[int]:
    """Column numbers of indices, names and ranges ``first-last`` of either; digits that are no name count as an index.

    Raises
    ------
    DataFileError
        For columns that do not exist, names that several have, and ranges that can be read in two ways or run backwards.
    """
    one = isinstance(wanted, (int, str, np.integer))
    items = [wanted] if one else [] if wanted is None else as_list(wanted, "columns of a file")
    out = []
    for item in items:
        index = _index(path, item, names, width)
        if index is not None:
            out.append(index)
            continue
        held = _range(path, item, names, width) if isinstance(item, str) else None
        if held is None:
            known = ", ".join(names) if names else "no header"
            raise DataFileError(
                explain(f"a column of {path}: {known}; or an index from 0 to {width - 1}", f"column {shown(item)}")
            )
        out.extend(held)
    return list(dict.fromkeys(out))


def _index(path: Path, item: Any, names: Sequence[str], width: int) -> int | None:
    """The number of one column; None where there is none of this name or number."""
    if isinstance(item, str) and item in names:
        if list(names).count(item) > 1:
            raise DataFileError(
                explain(f"one column named {item!r} in {path}", f"{list(names).count(item)}", "", "its index")
            )
        return list(names).index(item)
    if isinstance(item, str):
        number = int(item) if item.removeprefix("-").isdecimal() else None
    else:
        number = int(item) if isinstance(item, (int, np.integer)) and not isinstance(item, bool) else None
    return None if number is None or not -width <= number < width else number % width


def _range(path: Path, item: str, names: Sequence[str], width: int) -> list[int] | None:
    """The columns of ``first-last``; names may hold hyphens themselves, so every hyphen is tried."""
    found = []
    for at, sign in enumerate(item):
        if sign != "-":
            continue
        ends = [_index(path, part.strip(), names, width) for part in (item[:at], item[at + 1 :])]
        if ends[0] is not None and ends[1] is not None:
            found.append((ends[0], ends[1]))
    if len(found) > 1 or any(first > last for first, last in found):
        held = " and ".join(f"columns {first} to {last}" for first, last in found)
        raise DataFileError(
            explain(f"a range of columns of {path}, first-last", f"{item!r}: {held}", "", "indices: columns=['0-3']")
        )
    return list(range(found[0][0], found[0][1] + 1)) if found else None


def label(k: int, names: Sequence[str]) -> str:
    """What an error calls a column."""
    return repr(names[k]) if names and names[k] else str(k)
