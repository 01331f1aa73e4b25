"""Small random forms with everything that has ever been awkward, and what the oracle must get right on each of them."""

from __future__ import annotations

import numpy as np
from oracle import reference_branch_and_bound as reference

from relucvx.oracle import branch_and_bound as ours
from relucvx.oracle import make_form
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.oracle.shards import rounding_slack
from relucvx.types import as_activation

ACTIVATIONS = ["relu", "relu", "relu", "leaky_relu", "abs", "linear", (-0.5, 0.25), (0.0, -1.0)]
MOST_CONES = 1500


def small_form(rng):
    """A form in 1 to 6 coordinates with up to 9 samples: zero, equal and opposite rows, grids, tiny and huge scales."""
    n, d, c = int(rng.integers(1, 10)), int(rng.integers(1, 7)), int(rng.choice([1, 1, 2, 3]))
    grid = rng.random() < 0.3
    X, N = (rng.integers(-2, 3, (n, k)).astype(float) if grid else rng.standard_normal((n, k)) for k in (d, c))
    for i in range(n):
        other, chance = int(rng.integers(n)), rng.random()
        if chance < 0.08:
            X[i] = 0.0
        elif chance < 0.16:
            X[i] = X[other]
        elif chance < 0.24:
            X[i] = -rng.choice([1.0, 2.0]) * X[other]
        elif chance < 0.30:
            N[i] = 0.0
        elif chance < 0.34:
            X[i] *= 1e-7
        elif chance < 0.38:
            N[i] *= 1e6
    X *= 10.0 ** rng.choice([0, 0, 0, -9, 9])
    N *= 10.0 ** rng.choice([0, 0, 0, -9, 9])
    bias = rng.choice(["none", "hidden", "free"], p=[0.6, 0.2, 0.2])
    if bias == "free":
        N -= N.mean(axis=0)
    inputs = X if bias == "none" else np.column_stack([X, np.ones(n)])
    activation = as_activation(ACTIVATIONS[int(rng.integers(len(ACTIVATIONS)))])
    return make_form(inputs, N, activation, free_bias=bias == "free")


def assert_agreement(form, rng):
    """New and reference find the same interval, stop for the same reasons, and bound what search finds."""
    starts = random_directions(form, 12, rng)
    reached = max([0.0, *local_maxima(form, starts, iterations=30)[1][:1]]) - form.rounding()
    old = reference.branch_and_bound(form, target=0.0, max_cones=MOST_CONES)
    new = ours.branch_and_bound(form, target=0.0, max_cones=MOST_CONES)
    truth = max(reached, old.lower - form.rounding(), new.lower - form.rounding())
    allowed = 1e-11 * old.upper + 2.0 * rounding_slack(form, 200)
    for found in (old, new):
        assert found.upper >= truth, f"{found.upper!r} below the value {truth!r} that is reached"
        assert abs(float(form.values(found.witness[:, None])[0]) - found.lower) <= form.rounding(), "witness"
    if old.outcome == new.outcome == "proved":
        assert abs(old.upper - new.upper) <= allowed, f"upper {new.upper!r}, reference {old.upper!r}"
        assert abs(old.lower - new.lower) <= allowed, f"lower {new.lower!r}, reference {old.lower!r}"
    # a budget that ends early, a target above the maximum, and a value that is exceeded
    starved = ours.branch_and_bound(form, target=0.0, max_cones=int(rng.integers(1, 400)))
    assert starved.upper >= truth, f"{starved.upper!r} below the value {truth!r} after {starved.cones} cones"
    for share in (1.1, 0.7):
        goal = share * truth
        pair = [m.branch_and_bound(form, target=goal, stop_above=goal, max_cones=MOST_CONES) for m in (reference, ours)]
        assert all(found.upper >= truth for found in pair), f"{pair} below the value {truth!r}"
        if "budget" not in (pair[0].outcome, pair[1].outcome) and abs(share * truth - old.lower) > allowed:
            assert pair[0].outcome == pair[1].outcome, f"{pair[1].outcome}, reference {pair[0].outcome}"
        if pair[1].outcome == "proved":
            assert pair[1].upper <= max(goal, pair[1].lower) * (1 + 1e-11) + allowed, "proved, but above the target"
    return old, new
