"""The mean-field energy against the network objective, its first variation, and the search in preactivation space."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.kernel import (
    energy,
    first_variation,
    minimize_energy,
    optimal_readout,
    preactivation_certificate,
)
from relucvx.network import SMOOTH, resolve_activation

RNG = np.random.default_rng(3)
X = RNG.standard_normal((4, 5))
Y = RNG.standard_normal((4, 2))
K_X, K_Y = X @ X.T, Y @ Y.T
NAMES = ("relu", "leaky_relu", "abs", "linear", *SMOOTH)


def literal(W, V, phi, beta):
    """The network objective from its definition."""
    return 0.5 * ((phi(X @ W) @ V - Y) ** 2).sum() + beta / 2 * ((W**2).sum() + (V**2).sum())


def in_row_space(m):
    return X.T @ RNG.standard_normal((4, m))


@pytest.mark.parametrize("name", NAMES)
def test_energy_is_the_objective_with_the_best_readout(name):
    phi, W = resolve_activation(name), in_row_space(3)
    H = X @ W
    V = optimal_readout(phi(H), Y, 0.3)
    value = literal(W, V, phi, 0.3)
    assert value == pytest.approx(0.15 * energy(K_X, K_Y, 0.3, H, name), rel=1e-10)
    for _ in range(5):  # no other readout is better, no smaller weights give the same preactivations
        assert literal(W, V + 0.1 * RNG.standard_normal(V.shape), phi, 0.3) > value
    null = np.linalg.svd(X)[2][4:].T
    assert literal(W + null @ RNG.standard_normal((1, 3)), V, phi, 0.3) > value


def test_any_callable_is_an_activation():
    H = X @ in_row_space(2)
    assert energy(K_X, K_Y, 0.3, H, np.tanh) == energy(K_X, K_Y, 0.3, H, "tanh")


def test_zero_neurons_and_rank_deficient_inputs():
    assert energy(K_X, K_Y, 0.5, np.zeros((4, 0))) == pytest.approx(np.trace(K_Y) / 0.5)
    low = X[:, :2]
    W = low.T @ RNG.standard_normal((4, 3))
    phi = resolve_activation("relu")
    V = optimal_readout(phi(low @ W), Y, 0.3)
    value = 0.5 * ((phi(low @ W) @ V - Y) ** 2).sum() + 0.15 * ((W**2).sum() + (V**2).sum())
    assert value == pytest.approx(0.15 * energy(low @ low.T, K_Y, 0.3, low @ W), rel=1e-9)
    assert optimal_readout(np.zeros((4, 0)), Y, 0.3).shape == (0, 2)
    zero = np.zeros((4, 4))
    assert energy(zero, K_Y, 0.5, np.zeros((4, 2))) == pytest.approx(np.trace(K_Y) / 0.5)


@pytest.mark.parametrize("name", ["relu", "abs", "tanh", "threshold"])
def test_first_variation_is_the_derivative_along_added_mass(name):
    phi = resolve_activation(name)
    H, h = X @ in_row_space(3), X @ in_row_space(1)[:, 0]
    K = phi(H) @ phi(H).T

    def mixed(mass):
        inside = np.linalg.solve(0.3 * np.eye(4) + K + mass * np.outer(phi(h), phi(h)), K_Y)
        return np.trace(inside) + mass * (h @ np.linalg.solve(K_X, h))

    slope = (mixed(1e-6) - mixed(-1e-6)) / 2e-6
    assert first_variation(h, K_X, K_Y, 0.3, K, name) == pytest.approx(slope, rel=1e-5, abs=1e-7)
    assert first_variation(np.stack([h, 2 * h], axis=1), K_X, K_Y, 0.3, K, name).shape == (2,)


def test_convex_in_the_measure():
    for _ in range(20):
        A, B = (X @ in_row_space(3) for _ in range(2))
        halves = np.hstack([A, B]) * np.sqrt(0.5)  # half the mass of each, for a homogeneous activation
        ends = [energy(K_X, K_Y, 0.3, H) for H in (A, B)]
        assert energy(K_X, K_Y, 0.3, halves) <= np.mean(ends) + 1e-12


ZERO = np.zeros((4, 4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy(X[:, :2] @ X[:, :2].T, K_Y, 0.3, RNG.standard_normal((4, 1))), "in the range of K_X"),
        (lambda: energy(-np.eye(4), K_Y, 0.3, X), "K_X without negative eigenvalues"),
        (lambda: energy(K_X, np.eye(3), 0.3, X), "K_Y of shape"),
        (lambda: energy(K_X, K_Y, 0.3, X[:3]), "as many rows as"),
        (lambda: energy(K_X, K_Y, 0.3, X, "cube"), "an activation among"),
        (lambda: optimal_readout(X[:3], Y, 0.3), "as many rows as"),
        (lambda: preactivation_certificate(ZERO, K_Y, 0.3, K_X), "a kernel K_X other than 0"),
        (lambda: preactivation_certificate(K_X, K_Y, 0.3, K_X, np.tanh), "an activation with a derivative"),
        (lambda: preactivation_certificate(K_X, K_Y, 0.3, K_X, n_starts=0), "n_starts to be an int >= 1"),
        (lambda: minimize_energy(ZERO, Y, 0.3), "a kernel K_X other than 0"),
        (lambda: minimize_energy(K_X, Y, 0.3, "threshold"), "an activation whose energy has a minimum"),
        (lambda: minimize_energy(K_X, Y, 0.3, width=0), "width to be an int >= 1"),
    ],
)
def test_errors(call, message):
    with pytest.raises(rx.RelucvxError, match=message):
        call()
