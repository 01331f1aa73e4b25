"""Small claims with known verdicts, to test the framework without the theory."""

from __future__ import annotations

import numpy as np

from relucvx.theory import Assumption, Claim
from relucvx.theory.definition import at_most, close

POSITIVE = Assumption("X >= 0", lambda i: i["X"].min() >= 0, lambda i, rng: {**i, "X": -1.0 - i["X"]})


def matrices(rng, size):
    """Non-negative X (n, d) and targets."""
    n, d = 1 + size, size
    return {"X": rng.uniform(0.5, 2.0, (n, d)), "Y": rng.standard_normal(n), "beta": 0.5, "kind": "toy", "seed": 3}


def toy(name="toy", measure=None, predict=None, **options):
    """A claim about the sum of X; by default that it is what it is."""
    return Claim(
        name,
        "The sum of X is the sum of X.",
        "relucvx",
        "theorem",
        draw=options.pop("draw", matrices),
        predict=predict or (lambda i: {"sum": float(i["X"].sum())}),
        measure=measure or (lambda i, p: [close("sum", i["X"].sum(), p["sum"], 1e-9)]),
        assumptions=options.pop("assumptions", (POSITIVE,)),
        **options,
    )


def rows_claim(limit=1):
    """Violated by every X with more than so many rows."""
    return toy(
        "few-rows",
        predict=lambda i: {"rows": limit},
        measure=lambda i, p: [at_most("rows", len(i["X"]), p["rows"], 0.4)],
        draw=lambda rng, size: {
            **matrices(rng, size),
            "X": rng.uniform(0.5, 2.0, (4 + size, 3)),
            "Y": np.ones(4 + size),
        },
        expected="VIOLATED",
    )
