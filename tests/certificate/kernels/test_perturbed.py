"""Dual points of perturbed problems: the restricted program against scipy, and what search says of them."""

import numpy as np
import pytest
from scipy.optimize import nnls

import relucvx as rx
from relucvx.certificate.kernels.perturbed import Functional, Lasso, active_set
from relucvx.deadline import Deadline
from relucvx.program.duality import dual_objective


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


def test_the_active_set_finds_the_least_value(rng):
    problem = rx.make_problem(rng.standard_normal((8, 2)), rng.standard_normal(8), 1.0)
    atoms, cost = rng.standard_normal((30, 8)), rng.uniform(0.2, 1.0, 30)
    a, b = np.zeros(30), np.zeros(1)
    active_set(problem, atoms, cost, a, b, Deadline())
    # ||Aᵀa - y||²/2 + cost·a as least squares without the linear term: a row that stands for it
    big = 1e4
    rows = np.vstack([atoms.T, cost / big])
    reference = nnls(rows, np.append(problem.Y[:, 0], -big))[0]

    def value(x):
        return 0.5 * ((x @ atoms - problem.Y[:, 0]) ** 2).sum() + cost @ x

    assert (a >= 0).all()
    assert value(a) <= value(reference) + 1e-9
    slope = atoms @ (a @ atoms - problem.Y[:, 0]) + cost
    assert np.abs(slope[a > 0]).max() < 1e-10
    assert slope.min() > -1e-10


@pytest.mark.parametrize("loss", ["logistic", "huber", "squared_hinge"])
def test_the_active_set_is_stationary_for_curved_losses_and_biases(loss, rng):
    y = np.sign(rng.standard_normal(10))
    problem = rx.make_problem(rng.standard_normal((10, 2)), y, 0.1, loss=loss, bias="all")
    atoms, cost = rng.standard_normal((20, 10)), rng.uniform(0.2, 0.5, 20)
    a, b = np.zeros(20), np.zeros(1)
    F = active_set(problem, atoms, cost, a, b, Deadline())
    G = problem.loss.gradient(F, problem.Y, problem.sample_weight)[:, 0]
    assert np.abs((atoms @ G + cost)[a > 0]).max() < 1e-9
    assert (atoms @ G + cost).min() > -1e-9
    assert abs(G.sum() + 0.1 * b[0]) < 1e-9


def test_a_functional_is_its_two_parts(rng):
    M = rng.standard_normal((5, 5))
    M = M + M.T
    split = Functional.of(M)
    np.testing.assert_allclose(split.plus @ split.plus.T - split.minus @ split.minus.T, M, atol=1e-12)
    assert split.negative().plus is split.minus
    assert Functional.of(np.eye(3)).minus.shape == (3, 0)


def test_its_dual_point_bounds_the_perturbed_objective_of_its_own_network(rng):
    X, Y = rng.standard_normal((10, 2)), rng.standard_normal((10, 2))
    sol = rx.solve(X, Y, 0.5, tol=1e-10)
    M = np.eye(10)
    lasso = Lasso(sol.problem, Functional.of(M), sol.inner, rng)
    for epsilon in (1e-4, 1e-3, 3e-3):
        found = lasso.at(epsilon, Deadline())
        assert found.top == pytest.approx(1.0, abs=1e-6)
        network = found.network
        own = rx.certify(network, X, Y, 0.5).upper
        kernel = rx.representation_kernel(network, X)
        # strong duality of the perturbed problem
        assert own - epsilon * np.trace(kernel) == pytest.approx(dual_objective(sol.problem, found.N), rel=1e-6)
    assert lasso.at(1e3, Deadline()) is None
