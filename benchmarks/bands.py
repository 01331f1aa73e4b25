"""Bands over every beta: how many strengths and seconds they take, and whether fresh strengths, solved apart, are inside.

Wall seconds of one process. A violation is a fresh strength at which the band's lower curve is above a network's objective,
or its upper curve below a proven bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from harness import arguments, save, table, timed, warm_up

import relucvx as rx
from relucvx import datasets

FRESH = 200


def cases(quick: bool) -> list[tuple[str, dict[str, Any], float, float, int]]:
    """(name, problem, smallest share of beta_max, tolerance, fresh strengths)."""
    if quick:
        data = datasets.planted(12, 2)
        return [("toy 12x2", {"X": data.X, "Y": data.Y}, 0.1, 1e-2, 5)]
    small, iris = datasets.planted(100, 3), datasets.load("iris")
    found: list[tuple[str, dict[str, Any], float, float, int]] = [
        ("planted 100x3", {"X": small.X, "Y": small.Y}, 0.01, tol, FRESH) for tol in (1e-2, 1e-3, 1e-4)
    ]
    found += [
        (f"iris 150x4, 3 classes, bias {bias}", {"X": iris.X, "Y": iris.Y, "bias": bias}, 0.01, 1e-2, 20)
        for bias in ("none", "hidden")
    ]
    return found


def measure(name: str, given: dict[str, Any], share: float, tol: float, fresh: int) -> dict[str, Any]:
    """One row."""
    data = {key: given[key] for key in ("X", "Y")}
    options = {key: value for key, value in given.items() if key not in data}
    top = rx.beta_max(*data.values(), **options)[1]
    wall, cpu, band = timed(lambda: rx.beta_band(*data.values(), share * top, top, tol=tol, **options))
    violations, betas = 0, np.exp(np.random.default_rng(0).uniform(np.log(band.lo), np.log(band.hi), fresh))
    for beta in np.clip(betas, band.lo, band.hi):
        proof = rx.solve(*data.values(), beta, tol=min(1e-6, 0.01 * tol), time_limit=60.0, **options).certificate
        violations += bool(band.lower(beta) > proof.upper or band.upper(beta) < proof.lower)
    return {
        "problem": name, "share": share, "tol": tol, "width": band.width, "status": band.status.name, "knots": len(band.knots),
        "wall": wall, "cpu": cpu, "fresh": fresh, "violations": violations,
    }  # fmt: skip


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__, ("--only", {"default": "", "help": "cases whose name has this in it"}))
    warm = warm_up()
    rows = [measure(*case) for case in cases(args.quick) if args.only in case[0]]
    headers = [
        "problem",
        "from beta_max x",
        "tol",
        "width",
        "solved",
        "wall s",
        "CPU s",
        "fresh strengths",
        "violations",
    ]
    keys = ["problem", "share", "tol", "width", "knots", "wall", "cpu", "fresh", "violations"]
    print(table(headers, [[row[key] for key in keys] for row in rows]))
    print(save(__file__, args, rows, warm_up_seconds=warm))
    assert not any(row["violations"] for row in rows)


if __name__ == "__main__":
    main()
