"""Scores of many drawn data sets: the same for a seed in any number of processes, and what there is when work is cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.threads import all_cores, is_all
from relucvx.types import Array, Rng, resolve_rng
from relucvx.validation import as_count

joblib = later("joblib")

ROUNDS = 10
"""Shares into which work for several processes is cut: after each, progress is told and the deadline asked."""

TOP = 2**53
"""Seeds that are drawn stay below, so that JSON holds them."""


@dataclass(frozen=True)
class Drawn:
    """What a callback of :func:`permutation_test` and :func:`bootstrap` sees: draws done, and in all.

    Status: a convention (what is done). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> Z = [[0.0], [1.0], [3.0], [4.0]]
    >>> found = rx.metrics.bootstrap("participation_ratio", Z, n_resamples=3, rng=0, callback=seen.append)
    >>> [(drawn.done, drawn.total) for drawn in seen]
    [(1, 3), (2, 3), (3, 3)]
    """

    done: int
    total: int

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows."""
        return f"{self.done:,} of {self.total:,}", self.done / max(self.total, 1)


def as_seed(rng: Rng) -> int:
    """A seed that gives the same draws again: the one that was given, or one that is drawn."""
    generator = resolve_rng(rng)
    return int(generator.integers(TOP)) if rng is None or generator is rng else int(rng)  # type: ignore[arg-type]


def as_processes(n_jobs: Any) -> int:
    """A number of processes, checked; None or -1: one for each core."""
    return all_cores() if is_all(n_jobs) else as_count(n_jobs, "n_jobs", fix="n_jobs=-1 for all cores")


def gather(
    one: Callable[[np.random.Generator], Array],
    found: list[Array],
    count: int,
    seed: int,
    n_jobs: int,
    deadline: Deadline,
    told: Callable[[Drawn], Any] | None,
) -> None:
    """Append the scores of draws 0, 1, ... to ``found``, until all are there, time is up or the callback says so."""

    def piece(first: int, last: int) -> list[Array]:
        # a generator for each draw: how they are shared among processes changes nothing
        return [one(np.random.default_rng([seed, k])) for k in range(first, last)]

    size = 1 if n_jobs == 1 else max(1, -(-count // (ROUNDS * n_jobs)))
    while len(found) < count and not deadline.passed():
        starts = range(len(found), min(count, len(found) + size * n_jobs), size)
        tasks = [(first, min(first + size, count)) for first in starts]
        if n_jobs == 1:
            found += piece(*tasks[0])
        else:
            for part in joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(piece)(*task) for task in tasks):
                found += part
        if told is not None and told(Drawn(len(found), count)) is True:
            return
