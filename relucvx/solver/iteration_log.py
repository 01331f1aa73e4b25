"""What a solve did, round by round: printed while it works, and kept with its solution."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from relucvx.conversion import as_callable, as_float
from relucvx.results import as_frame
from relucvx.solver.result import Progress

COLUMNS = ("round", "phase", "upper", "lower", "rel_gap", "neurons", "cells", "seconds")
"""Of a history, as it is stored."""

HEAD = f"{'round':>5} {'phase':<11} {'upper':>15} {'lower':>15} {'gap':>8} {'neurons':>7} {'cells':>6} {'seconds':>7}"
"""Of the printed log; ``gap`` is relative there."""

LINE = "{round:5d} {phase:<11} {upper:15.9g} {lower:15.9g} {rel_gap:8.1e} {neurons:7d} {cells:6d} {seconds:7.2f}"

PROVING = "proving"
"""The phase whose steps, hundreds of a second, are told to callbacks and not kept."""


def stored(history: Sequence[Progress], last: Progress | None = None) -> list[list[Any]]:
    """A history as rows of plain values, with one more step where it is given."""
    return [[getattr(step, name) for name in COLUMNS] for step in [*history, *([] if last is None else [last])]]


def read_rows(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The rows of :func:`stored`, from a file; rows of an older version, which say less, are left out.

    Raises
    ------
    ValueError, TypeError
        For entries that are no numbers.
    """
    numbers = {"round": int, "neurons": int, "cells": int, "phase": str}
    return [
        [numbers.get(name, as_float)(value) for name, value in zip(COLUMNS, row, strict=True)]
        for row in rows
        if len(row) == len(COLUMNS)
    ]


def last_step(history: Sequence[Progress], rounds: int, certificate: Any, neurons: int, seconds: float) -> Progress:
    """The step that ends a history: what the certificate says of the network that is handed out."""
    cells = history[-1].cells if history else 0
    return Progress(
        rounds, certificate.upper, certificate.lower, certificate.rel_gap, neurons, cells, float("nan"), seconds,
        "certified",
    )  # fmt: skip


def history_frame(rows: Sequence[Sequence[Any]]) -> Any:
    """A stored history as a pandas DataFrame, with the absolute gap beside the relative one."""
    frame = as_frame([dict(zip(COLUMNS, row, strict=True)) for row in rows])
    if len(rows):
        frame.insert(4, "gap", frame["upper"] - frame["lower"])
    return frame


class IterationLog:
    """A callback that prints a line for each step that the history keeps, and passes the step on.

    Status: a convention (what is printed, no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import IterationLog
    >>> log = IterationLog(None)
    >>> log(rx.solver.Progress(1, 2.0, 1.0, 0.5, 3, 4, 0.1, 0.0, "solved"))
    round phase                 upper           lower      gap neurons  cells seconds
        1 solved                    2               1  5.0e-01       3      4    0.00
    """

    def __init__(self, callback: Callable[[Progress], bool | None] | None, file: Any = None) -> None:
        self.callback, self.headed, self.file = as_callable(callback, "callback"), False, file

    def __call__(self, progress: Progress) -> bool | None:
        if progress.phase != PROVING:
            self.show(progress)
        return None if self.callback is None else self.callback(progress)

    def ended(self, solution: Any) -> Any:
        """Print what was certified, and how the solve stopped; returns the solution."""
        self.show(Progress(violation=float("nan"), **dict(zip(COLUMNS, solution.stats["history"][-1], strict=True))))
        print(solution, file=self.file, flush=True)
        return solution

    def show(self, progress: Progress) -> None:
        """Print one step, under the heads of the columns where it is the first."""
        if not self.headed:
            print(HEAD, file=self.file, flush=True)
        self.headed = True
        print(LINE.format(**dataclasses.asdict(progress)), file=self.file, flush=True)
