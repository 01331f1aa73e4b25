"""The table of a sweep: a row for every optimum and every trained network, in the order of the grid whatever came first."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relucvx.conversion import as_path
from relucvx.later import later
from relucvx.markup import cut_line
from relucvx.program.duality import gap
from relucvx.records import number
from relucvx.results import as_frame, write_text
from relucvx.sweeps.grid import Grid
from relucvx.sweeps.store import OPTIMUM, SCALE, TRAINED, Store
from relucvx.types import Result

drawing = later("relucvx.sweeps.drawing")

MISSING, FAILED = "MISSING", "FAILED"
"""Status of a row that is not there yet, and of one whose work ended with an error; the next call tries both."""

NAN = math.nan


@dataclass(frozen=True, repr=False, eq=False)
class Sweep(Result):
    """All cells of a sweep, each with its certificate.

    Attributes
    ----------
    rows : tuple of dict
        In the order of the grid: each optimum, followed by the networks trained on the same problem. ``kind`` is "optimum" or
        "trained"; ``data``, ``loss``, ``bias``, ``activation``, ``beta_fraction``, ``beta`` say of what; ``width`` and ``seed``
        of which network. ``upper`` is the objective of the network (a proven upper bound on it), ``lower`` the proven lower
        bound on the optimum, ``gap`` and ``rel_gap`` what is between, ``certified`` whether ``rel_gap`` is at most ``tol``.
        ``scope`` and ``method`` are those of the proof of the optimum, ``status`` says how the solver or the trainer stopped,
        MISSING and FAILED that there is nothing yet, with ``error``. ``neurons``, ``steps``, ``seconds`` as reported; networks
        trained together share their seconds.
    tol : float
        Relative gap that was asked for.
    computed : int
        Pieces of work that this call did; the others are as stored.
    note : str
        What the folder has beside these cells, and why; "" for nothing.
    folder : str or None
        Where the cells are stored.
    remaining : float
        Seconds that one core may need for what is missing: a guess from sizes, or from cells that are there.

    Notes
    -----
    Status: certified numerically (bounds), heuristic (trained networks; remaining seconds). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> data = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
    >>> found = rx.sweep(data, beta_fraction=[0.1, 0.2], n_jobs=1)
    >>> found
    Sweep(2 of 2 cells, 2 of 2 optima certified to 1e-06, 3 pieces of work done now)
    >>> [(row["beta_fraction"], round(row["upper"], 6)) for row in found.rows]
    [(0.1, 0.95), (0.2, 1.8)]
    """

    rows: tuple[dict[str, Any], ...]
    tol: float
    computed: int
    note: str = ""
    folder: str | None = None
    remaining: float = 0.0

    @property
    def optima(self) -> tuple[dict[str, Any], ...]:
        """Rows of optima."""
        return tuple(row for row in self.rows if row["kind"] == OPTIMUM)

    @property
    def missing(self) -> tuple[dict[str, Any], ...]:
        """Rows that are not there: not done yet, or failed."""
        return tuple(row for row in self.rows if row["status"] in (MISSING, FAILED))

    @property
    def failed(self) -> tuple[dict[str, Any], ...]:
        """Rows whose work ended with an error, which the next call tries again."""
        return tuple(row for row in self.rows if row["status"] == FAILED)

    @property
    def certified(self) -> bool:
        """Whether every row is there and every optimum proven to the tolerance."""
        return not self.missing and all(row["certified"] for row in self.optima)

    def facts(self) -> dict[str, Any]:
        """How much of it is there, and how much of that is proven."""
        found = {
            "cells": f"{len(self.rows) - len(self.missing)} of {len(self.rows)}",
            "failed": len(self.failed),
            "optima certified": f"{sum(row['certified'] for row in self.optima)} of {len(self.optima)}",
            "tol": self.tol,
            "done now": self.computed,
            "stored in": self.folder or "",
            "beside": self.note,
        }
        return {name: value for name, value in found.items() if value != "" or name == "cells"}

    def records(self) -> tuple[dict[str, Any], ...]:
        """The rows."""
        return self.rows

    def to_frame(self) -> Any:
        """A pandas DataFrame with one row per cell; whole numbers that may be missing are nullable integers."""
        frame = as_frame(self.rows)
        whole = {name: "Int64" for name in ("width", "seed", "neurons", "steps") if name in frame}
        return frame.astype(whole)

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the table as a file of comma-separated values, every number to its last digit.

        Raises
        ------
        DataFileError
            When it cannot be written.
        """
        return write_text(as_path(path, "path"), self.to_frame().set_index("data").to_csv())

    def plot(self, x: str = "beta_fraction", y: str = "upper", ax: Any = None) -> Any:
        """One number of the cells against another: a line for every combination of the other settings.

        Trained networks that differ in their seed alone are one line through their medians, in a band from the least to the
        greatest. Optima that are not proven to the tolerance are crossed.

        Parameters
        ----------
        x, y : str
            Columns of numbers, such as "beta_fraction", "width", "rel_gap" or "neurons".
        ax : matplotlib axes, optional
            New ones are made without.

        Raises
        ------
        InvalidInputError
            For columns that there are not, or that hold no numbers.
        """
        return drawing.lines(self, x, y, ax)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __repr__(self) -> str:
        proven = sum(row["certified"] for row in self.optima)
        failed = f", {len(self.failed)} failed" if self.failed else ""
        note = "; .note says what else is stored" if self.note else ""
        pieces = "piece" if self.computed == 1 else "pieces"
        return cut_line(
            f"Sweep({len(self.rows) - len(self.missing)} of {len(self.rows)} cells{failed}, {proven} of {len(self.optima)} "
            f"optima certified to {self.tol:g}, {self.computed} {pieces} of work done now{note})"
        )


def rows_of(grid: Grid, store: Store) -> tuple[dict[str, Any], ...]:
    """The rows of a grid, with what is known of each."""
    found = []
    for cell in grid.cells:
        optimum = _optimum(cell.key, cell.base.key, cell.settings, grid.tol, store)
        networks = [(width, seed) for width in grid.widths for seed in grid.seeds]
        found += [optimum, *(_run(optimum, (cell.problem, w, grid.how, seed), store, grid.tol) for w, seed in networks)]
    return tuple(found)


def stored_rows(store: Store) -> tuple[dict[str, Any], ...]:
    """Every row in a store, sorted by its settings."""
    found = []
    for record in sorted(store.optima.values(), key=_order):
        optimum = _optimum(record["key"], record["base"], record["settings"], record["tol"], store)
        networks = sorted(run for run in store.runs if run[0] == record["problem"])
        found += [optimum, *(_run(optimum, run, store, record["tol"]) for run in networks)]
    return tuple(found)


def _order(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Settings as they sort: names, then strengths."""
    given = record["settings"]
    words = (given["data"], given["loss"], given["bias"], given["activation"])
    return (*words, given["beta_fraction"] or 0.0, given["beta"] or 0.0, record["tol"], record["key"])


def _optimum(key: str, base: str, settings: Mapping[str, Any], tol: float, store: Store) -> dict[str, Any]:
    """The row of an optimum."""
    found, top = store.optima.get(key), store.beta(base)
    share, beta = settings["beta_fraction"], settings["beta"]
    beta = share * top if beta is None else beta
    error = store.failures.get((OPTIMUM, key), "") or store.failures.get((SCALE, base), "")
    row = {
        **{name: settings[name] for name in ("data", "loss", "bias", "activation")},
        "beta_fraction": beta / top if share is None else share, "beta": beta,
        "kind": OPTIMUM, "width": None, "seed": None, "upper": NAN, "lower": NAN, "gap": NAN, "rel_gap": NAN,
        "certified": False, "scope": "", "method": "", "status": FAILED if error else MISSING, "neurons": None, "steps": None,
        "seconds": NAN, "error": error,
    }  # fmt: skip
    if found is None:
        return row
    numbers = {name: number(found.get(name)) for name in ("upper", "lower", "gap", "rel_gap", "seconds")}
    words = {name: found.get(name, "") for name in ("scope", "method", "status")}
    proven = numbers["rel_gap"] <= tol
    return {**row, **words, **numbers, "neurons": found.get("neurons"), "certified": proven, "error": error}


def _run(optimum: Mapping[str, Any], run: tuple[str, int, str, int], store: Store, tol: float) -> dict[str, Any]:
    """The row of a trained network, held against the optimum of its problem: weak duality makes one proof serve all."""
    found, (key, width, _, seed) = store.runs.get(run), run
    error = store.failures.get((TRAINED, key, width), "") or (optimum["error"] if optimum["status"] == FAILED else "")
    row = {
        **optimum, "kind": TRAINED, "width": width, "seed": seed, "upper": NAN, "gap": NAN, "rel_gap": NAN, "certified": False,
        "status": FAILED if error else MISSING, "neurons": None, "steps": None, "seconds": NAN, "error": error,
    }  # fmt: skip
    if found is None:
        return row
    upper = number(found["upper"])
    apart, relative = gap(upper, optimum["lower"])
    kept = {name: found.get(name) for name in ("status", "neurons", "steps")}
    return {
        **row, **kept, "upper": upper, "gap": apart, "rel_gap": relative, "certified": relative <= tol,
        "seconds": number(found.get("seconds")), "error": error,
    }  # fmt: skip
