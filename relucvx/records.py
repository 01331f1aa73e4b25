"""Records of work in a file: a line of JSON each, on the disk as soon as it is known, below a line that says what they are of.

A line counts once it is whole: whoever is killed loses what was being worked on, and nothing else; whoever comes next reads
what is there and adds to it. Phase diagrams and sweeps are stored so.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from typing import Any

from relucvx.conversion import shown
from relucvx.errors import DataFileError, explain
from relucvx.results import append_line, check_writable, whole_lines


def opened(
    path: str | os.PathLike[str], head: dict[str, Any], is_head: Callable[[dict[str, Any]], bool], what: str
) -> list[dict[str, Any]]:
    """The records of a file with this head, which is written where there is no file yet.

    Raises
    ------
    DataFileError
        For a file with another head, or of something else, and a path that cannot be written.
    """
    lines = whole_lines(path)
    if not lines:
        check_writable(path)
        append_line(path, json.dumps(head))
        return []
    known = parsed(lines[0], path)
    if not is_head(known) or known != json.loads(json.dumps(head)):
        other = f"cells of {_differences(known, head)}" if is_head(known) else "another file"
        raise DataFileError(explain(f"{what} in {path}", other, "another call wrote it", "another name for out="))
    return [parsed(line, path) for line in lines[1:]]


def add(path: str | os.PathLike[str], record: dict[str, Any]) -> None:
    """Add a record; it is on the disk when this returns. JSON has neither NaN nor infinity: null stands for both.

    Raises
    ------
    DataFileError
        When it cannot be written.
    """
    append_line(path, json.dumps(finite(record), allow_nan=False))


def finite(value: Any) -> Any:
    """The value with None in place of every number that JSON does not have."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: Any) -> float:
    """A stored number; NaN for null.

    Raises
    ------
    TypeError, ValueError
        For what is none.
    """
    return math.nan if value is None else float(value)


def parsed(line: str, path: Any) -> dict[str, Any]:
    """A line of a file of records.

    Raises
    ------
    DataFileError
        For anything but an object of JSON.
    """
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataFileError(
            explain(f"lines of JSON in {path}", shown(line[:60]), "another file", "another name for out=")
        )
    return found


def _differences(known: dict[str, Any], head: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {known[name]!r} (not {head.get(name)!r})" for name in known if known[name] != head.get(name)
    )
