"""Descent from random starts."""

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from solver.test_column_generation import problem_for

from relucvx.network import TwoLayerReLU
from relucvx.program.objective import objective
from relucvx.program.posing import make_problem
from relucvx.solver.descent import descend, random_start
from relucvx.types import Bias


@pytest.mark.parametrize("loss", ["squared", "logistic", "huber", "squared_hinge"])
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("activation", ["relu", (0.3, -0.2)])
def test_descent_lowers_the_true_objective(bias, loss, activation, monkeypatch):
    problem = problem_for(loss, bias, activation, weight=np.array([1.0, 2.0, 0.0, 1.0, 1.0, 0.5, 1.0]))
    rng = np.random.default_rng(0)
    seen = {}
    original = minimize

    def spy(fun, start, **options):
        seen["fun"], seen["start"] = fun, start
        return original(fun, start, **options)

    monkeypatch.setattr("scipy.optimize.minimize", spy)
    W, V, b = random_start(problem, 5, rng)
    W2, V2, b2, value = descend(problem, W, V, b, 100)
    error = check_grad(lambda t: seen["fun"](t)[0], lambda t: seen["fun"](t)[1], seen["start"])
    assert error <= 1e-5 * max(1.0, np.linalg.norm(seen["fun"](seen["start"])[1]))

    def as_network(W, V, b):
        return TwoLayerReLU(
            W[:, :2],
            V,
            W[:, -1] if bias != "none" else None,
            b if bias in ("all", "free") else None,
            problem.activation,
        )

    assert objective(problem, as_network(W2, V2, b2)) == pytest.approx(value, rel=1e-9)
    assert value <= objective(problem, as_network(W, V, b)) * (1 + 1e-12)
    assert seen["fun"](seen["start"])[0] == pytest.approx(objective(problem, as_network(W, V, b)), rel=1e-12)


@pytest.mark.parametrize("bias", Bias)
def test_random_start_is_finite_for_degenerate_columns(bias):
    for X in (np.zeros((4, 2)), np.column_stack([np.arange(4.0), np.zeros(4)])):
        problem = make_problem(X, np.array([1.0, -1.0, 2.0, 0.0]), 0.1, bias=bias)
        W, V, b = random_start(problem, 5, np.random.default_rng(0))
        assert np.abs(W).max() < 1e6
        assert np.abs(V).max() < 1e6
        assert np.isfinite(b).all()
