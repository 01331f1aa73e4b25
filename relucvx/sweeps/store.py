"""What a sweep knows: records in a folder as they come, or in memory alone.

``cells.jsonl`` has a line for every piece of work (:mod:`relucvx.records`): the beta_max of a problem, a certified optimum, the
networks of one width trained together. Whatever ends the run, a line is whole or not there; and nothing of it is done again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from relucvx import __version__, records
from relucvx.conversion import as_path
from relucvx.errors import DataFileError, explain
from relucvx.results import only_writer, unwritable
from relucvx.sweeps.grid import SETTINGS, Grid

FILE = "cells.jsonl"
"""Name of the records in the folder of a sweep."""

HEAD = {"what": "relucvx sweep", "format": 1}
"""First line of the file; another format is refused."""

SCALE, OPTIMUM, TRAINED = "beta_max", "optimum", "trained"
"""Kinds of records."""

NEEDED = {
    SCALE: ("key", "lo", "hi"),
    OPTIMUM: ("key", "problem", "base", "settings", "upper", "lower", "rel_gap", "beta", "status", "tol"),
    TRAINED: ("key", "width", "how", "runs"),
}
"""What a record of each kind cannot be without."""


class Store:
    """Records by what they are of; of two the later counts, which had more time."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.computed = folder, 0
        self.scales: dict[str, dict[str, Any]] = {}
        self.optima: dict[str, dict[str, Any]] = {}
        self.runs: dict[tuple[str, int, str, int], dict[str, Any]] = {}
        self.failures: dict[tuple[Any, ...], str] = {}
        if folder is not None:
            for record in records.opened(folder / FILE, HEAD, _is_head, "a sweep"):
                self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        kind = str(record.get("kind"))
        missing = [name for name in NEEDED.get(kind, ("a kind that is known",)) if name not in record]
        if missing:
            raise DataFileError(
                explain("cells of a sweep", f"a line without {missing[0]}", "", "another folder for out=")
            )
        if kind == TRAINED:
            for run in record["runs"]:
                shared = {name: record.get(name) for name in ("limit", "seconds")}
                self.runs[record["key"], record["width"], record["how"], run["seed"]] = {**run, **shared}
        else:
            (self.scales if kind == SCALE else self.optima)[record["key"]] = record

    def add(self, record: dict[str, Any]) -> None:
        """What was done: stored first, then counted."""
        record = {**record, "version": __version__}
        if self.folder is not None:
            records.add(self.folder / FILE, record)
        self._take(records.finite(record))
        self.computed += 1

    def beta(self, base: str) -> float:
        """The strength whose shares a problem's cells are; NaN if not known. Old records have the ends of beta_max alone."""
        scale = self.scales.get(base)
        return math.nan if scale is None else float(scale.get("one") or scale["lo"] or scale["hi"] or math.nan)

    def solved(self, key: str, limit: float | None) -> bool:
        """Whether an optimum is there, and more time than it had is not to be given."""
        found = self.optima.get(key)
        return found is not None and (
            (found["rel_gap"] is not None and found["rel_gap"] <= found["tol"]) or _had(found, limit)
        )

    def trained(self, run: tuple[str, int, str, int], limit: float | None) -> bool:
        """The same of a trained network."""
        found = self.runs.get(run)
        return found is not None and (found["status"] != "TIME_LIMIT" or _had(found, limit))

    def others(self, grid: Grid) -> str:
        """What is in the folder and not in the grid, and why; "" where there is nothing."""
        keys = {cell.key for cell in grid.cells}
        rest = [record for key, record in self.optima.items() if key not in keys]
        if not rest:
            return ""
        here = [{**cell.settings, "tol": grid.tol} for cell in grid.cells]
        there = [{**record["settings"], "tol": record["tol"]} for record in rest]
        names, reasons = (*SETTINGS, "tol"), []
        for name in names:
            known = {cell[name] for cell in here}
            strange = list(dict.fromkeys(cell[name] for cell in there if cell[name] not in known))
            shown = ", ".join(str(value) for value in strange[:5]) + ", …" * (len(strange) > 5)
            reasons += [f"{name} {shown}"] * bool(shown)
        # nothing about their settings is strange: the data are, or one of several settings together
        alike = [cell["data"] for cell in there if all(cell[name] in {one[name] for one in here} for name in names)]
        reasons += [f"data {name!r} with other numbers in them" for name in dict.fromkeys(alike)]
        count = f"{len(rest)} optima are" if len(rest) > 1 else "1 optimum is"
        return (
            f"{count} stored in {self.folder} that this grid does not ask for ({'; '.join(reasons)}); they stay there"
        )


def _had(found: dict[str, Any], limit: float | None) -> bool:
    """Whether the work had at least this time."""
    had = found.get("limit")
    return had is None or (limit is not None and had >= limit)


def _is_head(found: dict[str, Any]) -> bool:
    return found.get("what") == HEAD["what"] and "format" in found


def folder_of(out: Any) -> Path | None:
    """The folder of a sweep, checked; None for none.

    Raises
    ------
    DataFileError
        For a file in its place.
    """
    if out is None:
        return None
    folder = Path(as_path(out, "out"))
    if folder.exists() and not folder.is_dir():
        raise DataFileError(explain("a folder for a sweep", f"{folder}, a file", "", f'out="{folder.stem}_sweep"'))
    return folder


@contextmanager
def working(folder: Path | None) -> Iterator[Store]:
    """The store of a folder, which is made, and in which nobody else works meanwhile.

    Raises
    ------
    DataFileError
        For a folder that cannot be written in, of something else, or in which another sweep is at work.
    """
    if folder is None:
        yield Store(None)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with only_writer(folder / ".lock", "a sweep"):
        yield Store(folder)


def reading(folder: Path | None) -> Store:
    """The store of a folder as it is; an empty one where there is none."""
    return Store(folder if folder is not None and (folder / FILE).exists() else None)
