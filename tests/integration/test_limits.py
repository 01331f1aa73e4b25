"""Limits hold, and what time there is is used: a run ends with a proof, or when its time is over."""

import numpy as np
import pytest

import relucvx


def integers(seed):
    """283 x 3 whole numbers of very different sizes, labels 73 to 27 that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(30, 84, 283), rng.integers(58, 70, 283), rng.integers(0, 53, 283)])
    return X, np.where(rng.random(283) < 0.73, 1.0, -1.0)


@pytest.mark.parametrize("seed", [0, 2])
def test_integers_under_the_hinge_are_solved_within_their_time(seed):
    """The dual function of a hinge is linear: a bound on the dual norm that is loose by a part costs that part of the gap."""
    X, y = integers(seed)
    beta = 0.02 * relucvx.beta_max(X, y, loss="hinge", bias="all")[0]
    solution = relucvx.solve(X, y, beta, loss="hinge", bias="all", time_limit=60)
    assert solution.status is relucvx.Status.CONVERGED
    assert solution.certificate.rel_gap <= 1e-6


@pytest.mark.parametrize(("loss", "bias"), [("huber", "hidden"), ("hinge", "free"), ("squared_hinge", "all")])
def test_no_run_on_a_small_problem_gives_up(loss, bias):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, outliers = rng.standard_normal((25, 2)), 3.0 * (rng.random(25) < 0.2)
        y = rng.standard_normal(25) + outliers if loss == "huber" else np.where(rng.random(25) < 0.6, 1.0, -1.0)
        beta = 0.02 * relucvx.beta_max(X, y, loss=loss, bias=bias)[0]
        assert relucvx.solve(X, y, beta, loss=loss, bias=bias, time_limit=60).status is relucvx.Status.CONVERGED
