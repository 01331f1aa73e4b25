"""How large can a problem be? Seconds until a gap of 1e-6 is proven on planted data, or the gap when the time is up.

``planted:NxD``, squared loss, no bias, one thread, beta at five per cent of the certified lower value of beta_max (which takes
long to prove from six inputs on). Wall seconds: read them on an idle machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import arguments, save, table, timed, warm_up

import relucvx as rx
from relucvx import datasets

SHARE = 0.05
PROVEN = 1e-6


def measure(n: int, d: int, limit: float) -> dict[str, Any]:
    """One cell of the table."""
    data = datasets.planted(n, d)
    X, y = np.asarray(data.X), np.asarray(data.Y)
    problem = rx.make_problem(X, y, SHARE * rx.beta_max(X, y, time_limit=limit / 6)[0])
    seconds, cpu, sol = timed(lambda: rx.solve(problem, time_limit=limit, n_jobs=1))
    gap = float(sol.certificate.rel_gap)
    return {
        "n": n, "d": d, "beta": problem.beta, "seconds": seconds, "cpu_seconds": cpu, "rel_gap": gap,
        "status": sol.status.name, "neurons": sol.network.width,
    }  # fmt: skip


def by_samples(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each number of samples: what was needed for a proof, or the gap that was left."""
    rows: dict[int, dict[str, Any]] = {}
    for cell in cells:
        proven = cell["rel_gap"] <= PROVEN
        said = f"{cell['seconds']:.2g} s" if proven else f"gap {cell['rel_gap']:.1g}"
        rows.setdefault(cell["n"], {"n": cell["n"]})[f"d{cell['d']}"] = said
    return list(rows.values())


def main() -> None:
    """Print and save the table."""
    args = arguments(
        __doc__,
        ("--limit", {"type": float, "default": 60.0, "help": "seconds for each problem (default 60)"}),
        ("--samples", {"type": int, "nargs": "*", "default": [100, 400]}),
        ("--inputs", {"type": int, "nargs": "*", "default": [3, 4, 5, 6, 7, 8, 10]}),
    )
    samples, inputs = ([12], [2, 3]) if args.quick else (args.samples, args.inputs)
    warm = warm_up()
    cells = [measure(n, d, args.limit) for n in samples for d in inputs]
    rows = by_samples(cells)
    print(table(["n", *[f"D = {d}" for d in inputs]], [[row["n"], *[row[f"d{d}"] for d in inputs]] for row in rows]))
    print(save(__file__, args, rows, warm_up_seconds=warm, limit=args.limit, share=SHARE, cells=cells))


if __name__ == "__main__":
    main()
