"""Newton steps on exact fits of least norm."""

import numpy as np

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.solver.exact_polish import MOST_UNKNOWNS, exact_polish

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((8, 2)), RNG.standard_normal((8, 2))


def test_a_perturbed_optimum_is_found_again_with_its_multipliers():
    solution = rx.interpolate(X, Y, tol=1e-9)
    problem = rx.make_problem(X, Y, 1.0)
    W, V, b = problem.neurons(solution.network)
    W = W + 1e-5 * RNG.standard_normal(W.shape) * (np.abs(W @ X.T).min(axis=1) > 1e-3)[:, None]
    N = solution.dual * (1 + 1e-6)
    norms, fits = [], []
    for U, O, bias, multipliers in exact_polish(problem, W, V, b, N, Deadline()):
        F = np.maximum(X @ U.T, 0) @ O
        fits.append(np.abs(F - Y).max())
        norms.append(np.linalg.norm(U, axis=1) @ np.linalg.norm(O, axis=1))
        assert not bias.any()
        # the pull of the multipliers on each neuron is its output direction: what stationary means
        pull = np.maximum(X @ U.T, 0).T @ multipliers[0]
        np.testing.assert_allclose(pull, O, atol=1e-6 * np.abs(O).max())
        assert np.linalg.norm(multipliers[1]) <= np.linalg.norm(multipliers[0]) * (1 + 1e-9)
    assert min(fits) < 1e-12
    assert min(norms) == np.float64(solution.objective) or abs(min(norms) / solution.objective - 1) < 1e-7


def test_nothing_is_tried_on_nothing_on_much_or_without_time():
    problem = rx.make_problem(X, Y, 1.0)
    none, b = np.zeros((0, 2)), np.zeros(2)
    assert not list(exact_polish(problem, none, none, b, Y, Deadline()))
    many = np.ones((MOST_UNKNOWNS, 2))
    assert not list(exact_polish(problem, many, many, b, Y, Deadline()))
    assert not list(exact_polish(problem, np.eye(2), np.eye(2), b, Y, Deadline(1e-9)))


def test_decayed_output_biases_are_stationary():
    """With an output bias b under weight decay the multipliers sum to b."""
    solution = rx.interpolate(X, Y, bias="all", tol=1e-9)
    problem = rx.make_problem(X, Y, 1.0, bias="all")
    W, V, b = problem.neurons(solution.network)
    candidates = list(exact_polish(problem, W, V, b * (1 + 1e-4), solution.dual, Deadline()))
    assert any(np.allclose(N[0].sum(axis=0), bias, atol=1e-9) for _, _, bias, N in candidates)
    assert all(np.abs(bias).max() > 1e-3 for _, _, bias, _ in candidates)
