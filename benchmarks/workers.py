"""One long proof on one and on two cores: threads of one process, and workers of a Dask cluster on this machine.

Each proof bounds the dual norm of Gaussian targets on Gaussian rows, and takes over five seconds on one thread. Wall seconds
are compared, so the machine must be idle; both sides of a ratio run in the same round. Who works changes no bound: every
outcome is compared with that of one thread.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import Timing, arguments, interleave, ratio, save, table, timed, warm_up

import relucvx as rx
from relucvx.oracle import Form, form_of
from relucvx.oracle.branch_and_bound import branch_and_bound

FAMILIES: dict[str, tuple[int, int, int, float]] = {
    "gaussian 1000x6": (1000, 6, 1, 1.06),
    "gaussian 1000x5, 2 outputs": (1000, 5, 2, 1.01),
}
"""Rows, dimension, outputs, and the target as a multiple of the best value that a short search finds."""
TOY = {"toy 60x4": (60, 4, 1, 1.01)}


def posed(rows: int, dim: int, outputs: int, multiple: float) -> tuple[Form, float]:
    """The form, and what its maximum is to be proven to stay below."""
    import numpy as np

    rng = np.random.default_rng(0)
    problem = rx.make_problem(rng.standard_normal((rows, dim)), rng.standard_normal((rows, outputs)), 1.0)
    form = form_of(problem, problem.Y)
    return form, multiple * branch_and_bound(form, target=0.0, max_cones=40_000).lower


def proof(form: Form, target: float, n_jobs: int, client: Any) -> Any:
    """One proof, by so many threads or by the workers of a client."""
    from relucvx.executors import using_executor
    from relucvx.threads import using_jobs

    with using_jobs(n_jobs), using_executor(client):
        return branch_and_bound(form, target=target)


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A client of so many worker processes with a thread each, whose kernels are loaded."""
    import distributed

    options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options, silence_logs=50) as nodes, distributed.Client(nodes) as client:
        client.run(rx.solve, [[1.0], [2.0]], [1.0, 2.0], 0.5)
        yield client


def measure(name: str, family: tuple[int, int, int, float], repeats: int) -> dict[str, Any]:
    """One row of the table. A cluster is there only while it is timed: its processes are never quite idle."""
    form, target = posed(*family)
    timings = interleave(
        {f"thread {count}": functools.partial(proof, form, target, count, None) for count in (1, 2)}, repeats
    )
    for _ in range(repeats):
        for count in (1, 2):
            with cluster(count) as client:
                proof(form, 1.2 * target, 1, client)
                timing = timings.setdefault(f"worker {count}", Timing())
                timing.add(*timed(functools.partial(proof, form, target, 1, client)))
    reached = timings["thread 1"].last.lower
    for case, timing in timings.items():
        found = timing.last
        if found.outcome != "proved" or not reached <= found.upper <= max(target, found.lower) * (1 + 1e-9):
            raise SystemExit(f"{name}, {case}: {found.outcome}, [{found.lower!r}, {found.upper!r}] for {target!r}")
    wall = {case: timing.wall for case, timing in timings.items()}
    return {
        "problem": name, "cones": timings["thread 1"].last.cones, "seconds": statistics.median(wall["thread 1"]),
        "one_over_two_threads": ratio(wall["thread 1"], wall["thread 2"]),
        "one_over_two_workers": ratio(wall["worker 1"], wall["worker 2"]),
        "wall": wall,
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__, ("--families", {"nargs": "+", "default": list(FAMILIES), "choices": list(FAMILIES)}))
    warm = warm_up()
    families = TOY if args.quick else {name: FAMILIES[name] for name in args.families}
    rows = [measure(name, family, args.repeats) for name, family in families.items()]
    headers = ["problem", "cones", "one thread, s", "1 / 2 threads", "1 / 2 Dask workers"]
    print(table(headers, [list(row.values())[:-1] for row in rows]))
    print(f"\nJIT warm-up: {warm:.2f} CPU s. {save(__file__, args, rows, warm_up_seconds=warm)}")


if __name__ == "__main__":
    main()
