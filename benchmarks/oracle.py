"""Branch-and-bound against version 0.1 of it, one core, for the same dual points and targets; and do they agree?

The old one, which makes and bounds every cone from all samples, is the test suite's reference
(``tests/oracle/reference_branch_and_bound.py``). Dual points are those of certificates at 0.1 beta_max; the maximum is to be
proven below 1.003 beta (3000 samples: 1.05). ``--fuzz N`` compares both on N small random instances instead, with every
degenerate shape that the tests know: intervals, outcomes, and no bound below a value that is reached.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness import arguments, interleave, ratio, save, table, warm_up

import relucvx as rx
from relucvx import datasets
from relucvx.oracle import Form, form_of
from relucvx.oracle.branch_and_bound import branch_and_bound
from relucvx.program import Problem

# in place of this script's folder, where "oracle" is this script
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracle import reference_branch_and_bound as reference
from oracle.small_instances import assert_agreement, small_form

SHARE = 0.1
FAMILIES: dict[str, tuple[Any, str, float, float]] = {
    "planted 100x5": (lambda: datasets.planted(100, 5), "none", 1.003, 1e-4),
    "planted 400x5": (lambda: datasets.planted(400, 5), "none", 1.003, 1e-4),
    "planted 3000x5": (lambda: datasets.planted(3000, 5), "none", 1.05, 2e-2),
    "iris 150x5": (lambda: datasets.load("iris", one_vs_rest=1), "hidden", 1.003, 1e-4),
    "iris 150x5, 3 outputs": (lambda: datasets.load("iris"), "hidden", 1.003, 1e-4),
    "spiral 60x3": (lambda: datasets.spiral(60), "hidden", 1.003, 1e-6),
}
"""Data, bias, target as a multiple of beta, and the gap of the solution whose dual point is taken."""
TOY = {"toy 20x3": (lambda: datasets.planted(20, 3), "none", 1.003, 1e-4)}


def dual_point(data: datasets.Dataset, bias: str, tol: float) -> tuple[Form, float]:
    """The form of a certificate's dual point, and beta."""
    problem: Problem = rx.make_problem(data.X, data.Y, 1.0, bias=bias)
    Y = problem.Y if problem.n_outputs > 1 else problem.Y[:, 0]
    beta = SHARE * rx.beta_max(data.X, Y, bias=bias)[1]
    solution = rx.solve(data.X, Y, beta, bias=bias, tol=tol, time_limit=300.0)
    return form_of(rx.make_problem(data.X, data.Y, beta, bias=bias), solution.certificate.dual), beta


def measure(name: str, family: tuple[Any, str, float, float], repeats: int) -> dict[str, Any]:
    """One row of the table."""
    data, bias, multiple, tol = family
    form, beta = dual_point(data(), bias, tol)
    goal = multiple * beta
    contenders = {
        "ours": lambda: branch_and_bound(form, target=goal),
        "reference": lambda: reference.branch_and_bound(form, target=goal),
    }
    for run in contenders.values():
        run()
    timings = interleave(contenders, repeats)
    ours, theirs = timings["ours"].last, timings["reference"].last
    slack = 1e-9 * form.scale
    if not max(ours.lower, theirs.lower) <= min(ours.upper, theirs.upper) + slack <= goal + 2 * slack:
        raise SystemExit(f"{name}: [{ours.lower!r}, {ours.upper!r}] and [{theirs.lower!r}, {theirs.upper!r}]")
    return {
        "problem": name, "distinct_rows": len(form.X), "target": f"{multiple:g}",
        "reference_over_ours": ratio(timings["reference"].cpu, timings["ours"].cpu),
        "ours_seconds": timings["ours"].seconds, "ours_cones": ours.cones, "reference_cones": theirs.cones,
        "ours_microseconds_a_cone": 1e6 * timings["ours"].seconds / ours.cones,
        "reference_microseconds_a_cone": 1e6 * timings["reference"].seconds / theirs.cones,
    }  # fmt: skip


def fuzz(count: int, seed: int) -> list[dict[str, Any]]:
    """Agreement on ``count`` small instances; one row with what was compared, one more for each that is wrong."""
    import numpy as np

    outcomes: dict[str, int] = {}
    cones, wrong = np.zeros(2), []
    for k in range(seed, seed + count):
        rng = np.random.default_rng(k)
        form = small_form(rng)
        if form.trivial:
            outcomes["nothing to bound"] = outcomes.get("nothing to bound", 0) + 1
            continue
        try:
            old, new = assert_agreement(form, rng)
        except AssertionError as error:
            wrong.append({"seed": k, "complaint": str(error)})
            continue
        kind = f"{old.outcome}, {new.outcome}"
        outcomes[kind] = outcomes.get(kind, 0) + 1
        cones += old.cones, new.cones
    return [
        {"instances": count, "disagreements": len(wrong), "cones": cones.astype(int).tolist(), "outcomes": outcomes},
        *wrong,
    ]


def main() -> None:
    """Print and save the table, or the outcome of the fuzz."""
    number: dict[str, Any] = {"type": int, "default": 0}
    args = arguments(
        __doc__,
        ("--fuzz", {**number, "help": "compare on so many small random instances, and time nothing"}),
        ("--seed", {**number, "help": "the first of their seeds"}),
        ("--families", {"nargs": "+", "default": list(FAMILIES), "choices": list(FAMILIES)}),
    )
    if args.fuzz:
        rows = fuzz(args.fuzz, args.seed)
        print(table(["instances", "disagreements", "cones: old, new", "outcomes: old, new"], [list(rows[0].values())]))
        for row in rows[1:]:
            print(f"seed {row['seed']}: {row['complaint']}")
        print(save("oracle-fuzz", args, rows))
        if len(rows) > 1:
            raise SystemExit("new and reference disagree")
        return
    warm = warm_up()
    families = TOY if args.quick else {name: FAMILIES[name] for name in args.families}
    rows = [measure(name, family, args.repeats) for name, family in families.items()]
    headers = [
        "problem", "rows", "target / beta", "reference / ours", "ours, CPU s", "cones", "reference's cones",
        "µs a cone", "reference's µs",
    ]  # fmt: skip
    print(table(headers, [list(row.values()) for row in rows]))
    print(f"\nJIT warm-up: {warm:.2f} CPU s. {save(__file__, args, rows, warm_up_seconds=warm)}")


if __name__ == "__main__":
    main()
