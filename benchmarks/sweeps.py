"""A sweep of 200 certified cells on one worker and on two: processes of a pool, and workers of a Dask cluster on this machine.

Wall seconds are compared, so the machine must be idle; both sides of a ratio run in the same round, on workers that are warm,
each cell with one thread. Every table is compared with that of the first run, seconds and rounding aside.
"""

from __future__ import annotations

import functools
import multiprocessing
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from harness import Timing, arguments, ratio, save, table, timed, warm_up

import relucvx as rx

GRID: dict[str, Any] = {
    "data": ["planted:60x3", "planted:80x3", "planted:100x3", "planted:60x4", "planted:80x4"],
    "beta_fraction": [0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06],
    "loss": ["squared", "huber"],
    "bias": ["none", "hidden"],
}
TOY = {"data": "planted:20x2", "beta_fraction": [0.5, 0.2], "bias": ["none", "hidden"]}


@contextmanager
def processes(workers: int) -> Iterator[Any]:
    """A pool of so many fresh processes."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A client of so many worker processes with a thread each."""
    import distributed

    options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options, silence_logs=50) as nodes, distributed.Client(nodes) as client:
        yield client


def warmed(executor: Any, workers: int) -> None:
    """Let every worker load its kernels: more problems than workers, each long enough for the others to begin."""
    problems = [rx.make_problem([[1.0], [2.0]], [1.0, 2.0 + k], 0.5) for k in range(8 * workers)]
    assert len(dict(rx.for_each(rx.solve, problems, executor=executor))) == len(problems)


def rows(found: rx.Sweep) -> list[tuple[Any, ...]]:
    """The table without seconds, and bounds to twelve digits."""
    return [(row["data"], row["beta_fraction"], row["status"], f"{row['upper']:.11e}") for row in found.rows]


def measure(grid: dict[str, Any], repeats: int) -> list[dict[str, Any]]:
    """One row of the table for each kind of worker."""
    out, first = [], None
    for name, kind in (("processes", processes), ("Dask workers", cluster)):
        timings = {count: Timing() for count in (1, 2)}
        for _ in range(repeats):
            for count, timing in timings.items():
                with kind(count) as executor:
                    warmed(executor, count)
                    timing.add(*timed(functools.partial(rx.sweep, **grid, executor=executor)))
                first = rows(timing.last) if first is None else first
                if not timing.last.certified or rows(timing.last) != first:
                    raise SystemExit(f"{name}, {count}: another table")
        wall = {count: timing.wall for count, timing in timings.items()}
        out.append(
            {
                "where": name, "cells": len(timings[1].last), "one": statistics.median(wall[1]),
                "two": statistics.median(wall[2]), "one_over_two": ratio(wall[1], wall[2]),
            }
        )  # fmt: skip
    return out


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__)
    warm = warm_up()
    found = measure(TOY if args.quick else GRID, args.repeats)
    print(table(["where", "cells", "one worker, s", "two, s", "one / two"], [list(row.values()) for row in found]))
    print(f"\nJIT warm-up: {warm:.2f} CPU s. {save(__file__, args, found, warm_up_seconds=warm)}")


if __name__ == "__main__":
    main()
