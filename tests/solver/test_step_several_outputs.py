"""Several outputs: the alternating steps, the joint polish, and the exact atomic norm they end at."""

import numpy as np
import pytest
from checks import assert_below, assert_certified
from strategies import adversarial_networks

import relucvx as rx
from relucvx.program.objective import balanced_objective
from relucvx.solver.step_several_outputs import merged
from relucvx.types import Bias, Scope


def gaussian(n, d, c, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, c))


@pytest.mark.parametrize("bias", Bias)
def test_every_bias_mode_is_certified(bias):
    X, Y = gaussian(12, 2, 2)
    beta = 0.05 * rx.beta_max(X, Y, bias=bias)[1]
    solution = rx.solve(X, Y, beta, bias=bias)
    assert_certified(solution, 1e-6)
    assert solution.certificate.scope is Scope.ALL_PATTERNS
    networks = adversarial_networks(solution.problem, solution.network, np.random.default_rng(0))
    assert_below(solution.problem, solution.certificate.lower, networks)


@pytest.mark.parametrize("activation", ["leaky_relu", "abs", "linear", (0.3, -0.2)])
def test_every_piecewise_linear_activation_is_certified(activation):
    X, Y = gaussian(10, 2, 3, seed=1)
    beta = 0.1 * rx.beta_max(X, Y, activation=activation)[1]
    assert_certified(rx.solve(X, Y, beta, activation=activation), 1e-6)


@pytest.mark.parametrize("bias", ["none", "hidden", "all"])
def test_hinge_with_several_outputs(bias):
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((8, 2)), rng.choice([-1.0, 1.0], (8, 2))
    Y[0], Y[1] = 1.0, -1.0
    beta = 0.2 * rx.beta_max(X, Y, loss="hinge", bias=bias)[1]
    assert_certified(rx.solve(X, Y, beta, loss="hinge", bias=bias), 1e-6)


@pytest.mark.slow
def test_hinge_with_free_biases_says_how_far_it_got():
    """The dual point of a kinked loss with several free output biases is not always found: then the gap is reported."""
    rng = np.random.default_rng(2)
    X, Y = rng.standard_normal((8, 2)), rng.choice([-1.0, 1.0], (8, 2))
    Y[0], Y[1] = 1.0, -1.0
    solution = rx.solve(X, Y, 0.2 * rx.beta_max(X, Y, loss="hinge", bias="free")[1], loss="hinge", bias="free")
    assert 0 <= solution.certificate.lower <= solution.objective
    assert (solution.status.name == "CONVERGED") == (solution.certificate.rel_gap <= 1e-6)


def test_linear_networks_shrink_the_singular_values():
    """phi = identity: the atomic norm is the nuclear norm; whitened inputs give (s - beta)_+."""
    rng = np.random.default_rng(3)
    X = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    Y = rng.standard_normal((5, 3))
    beta = 0.4
    s = np.linalg.svd(Y, compute_uv=False)
    expected = np.where(s > beta, beta * s - beta**2 / 2, s**2 / 2).sum()
    solution = rx.solve(X, Y, beta, activation="linear", tol=1e-9)
    assert solution.objective == pytest.approx(expected, rel=1e-9)


def test_duplicated_output_is_the_scalar_problem():
    """Y = y aᵀ with unit a: some optimum has all outputs along a, so the value is that of y alone."""
    X, Y = gaussian(15, 2, 1, seed=4)
    a = np.array([[0.6, 0.8]])
    beta = 0.1 * rx.beta_max(X, Y[:, 0])[1]
    alone, both = rx.solve(X, Y[:, 0], beta, tol=1e-8), rx.solve(X, Y @ a, beta, tol=1e-8)
    assert both.objective == pytest.approx(alone.objective, rel=1e-7)
    assert both.certificate.lower <= alone.objective


def test_rotating_the_outputs_changes_nothing():
    X, Y = gaussian(12, 2, 3, seed=5)
    Q = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    beta = 0.05 * rx.beta_max(X, Y)[1]
    first, second = rx.solve(X, Y, beta, tol=1e-8), rx.solve(X, Y @ Q, beta, tol=1e-8)
    assert second.objective == pytest.approx(first.objective, rel=1e-7)
    assert np.allclose(first.network.predict(X) @ Q, second.network.predict(X), atol=1e-3 * np.abs(Y).max())


def test_sharing_neurons_beats_one_network_per_output():
    X, Y = gaussian(12, 2, 3, seed=6)
    beta = 0.05 * rx.beta_max(X, Y)[1]
    joint = rx.solve(X, Y, beta).objective
    apart = sum(rx.solve(X, Y[:, k], beta).certificate.lower for k in range(3))
    assert joint < apart * (1 - 1e-3)


def test_warm_start_saves_and_resumes(tmp_path):
    X, Y = gaussian(12, 2, 2, seed=7)
    beta = 0.05 * rx.beta_max(X, Y)[1]
    first = rx.solve(X, Y, beta)
    again = rx.load(first.save(tmp_path / "a.npz"))
    assert again.network.predict(X).shape == (12, 2)
    resumed = rx.solve(X, Y, beta, start=again)
    assert resumed.certificate.rel_gap <= 1e-6
    assert resumed.stats["rounds"] <= first.stats["rounds"]


def test_the_path_goes_down():
    X, Y = gaussian(10, 2, 2, seed=8)
    path = list(rx.beta_path(X, Y, 4))
    assert all(s.certificate.rel_gap <= 1e-6 for s in path)
    assert np.all(np.diff([s.objective for s in path]) < 0)


def test_stopping_returns_the_best_so_far():
    X, Y = gaussian(20, 3, 3, seed=9)
    solution = rx.solve(X, Y, 0.02 * rx.beta_max(X, Y)[1], callback=lambda p: p.phase == "slid")
    assert solution.status.name == "INTERRUPTED"
    assert 0 <= solution.certificate.lower <= solution.objective < 0.5 * np.sum(Y**2)


def test_merging_keeps_the_fit_to_first_order():
    W = np.array([[1.0, 0.0], [1.0, 1e-6], [0.0, 1.0]])
    V = np.array([[1.0, 2.0], [3.0, 1.0], [0.5, 0.5]])
    X = np.abs(np.random.default_rng(0).standard_normal((6, 2)))
    w, v = merged(W, V)
    assert len(w) == 2
    assert np.allclose(np.maximum(X @ w.T, 0) @ v, np.maximum(X @ W.T, 0) @ V, atol=1e-5)


def test_balanced_objective_of_the_answer_is_its_objective():
    X, Y = gaussian(10, 3, 2, seed=12)
    solution = rx.solve(X, Y, 0.1 * rx.beta_max(X, Y)[1])
    assert balanced_objective(solution.problem, solution.network) == pytest.approx(solution.objective, rel=1e-12)
