"""Preactivations: certificates of the mean-field energy, and descent on it."""

import numpy as np
import pytest
from kernel.test_mean_field import K_X, K_Y, X, Y, in_row_space, literal

import relucvx as rx
from relucvx.kernel import (
    energy,
    first_variation,
    minimize_energy,
    optimal_readout,
    preactivation_certificate,
    predict_one_hot,
)
from relucvx.network import resolve_activation


def test_certificate_at_and_off_an_optimum():
    labels = np.array([0, 0, 1, 1, 1])
    target = np.eye(2)[labels]
    K = predict_one_hot(labels, 0.3).kernel
    optimum = preactivation_certificate(np.eye(5), target @ target.T, 0.3, K)
    assert optimum.ratio == pytest.approx(1.0, abs=1e-9)
    assert not optimum.refuted
    assert "heuristic" in optimum.status
    for other in (0.9 * K, 1.1 * K + 0.01 * np.eye(5), 0 * K):
        off = preactivation_certificate(np.eye(5), target @ target.T, 0.3, other)
        if off.refuted:
            h = off.witness
            assert first_variation(h, np.eye(5), target @ target.T, 0.3, other) == pytest.approx(1 - off.ratio)
            assert "theorem" in off.status
    assert preactivation_certificate(np.eye(5), target @ target.T, 0.3, 0.9 * K).refuted


def test_certificate_matches_the_dual_norm():
    beta = 1.0
    _, limit = rx.beta_max(X, Y)
    found = preactivation_certificate(K_X, K_Y, beta, np.zeros((4, 4)), rng=1)  # K = 0: M = Y Y^T/beta²
    assert np.sqrt(found.ratio) * beta == pytest.approx(limit, rel=1e-6)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "linear", "tanh", "gelu", "relu_squared"])
def test_descent_ends_at_a_network_of_that_objective(name):
    phi = resolve_activation(name)
    found = minimize_energy(K_X, Y, 0.3, name, width=6, rng=0, n_starts=3)
    W = np.linalg.lstsq(X, found.preactivations, rcond=None)[0]
    V = optimal_readout(phi(found.preactivations), Y, 0.3)
    assert literal(W, V, phi, 0.3) == pytest.approx(found.objective, rel=1e-10)
    assert found.energy == found.energies.min()
    assert "heuristic" in found.status
    assert np.allclose(found.kernel, phi(found.preactivations) @ phi(found.preactivations).T)
    start = energy(K_X, K_Y, 0.3, X @ in_row_space(6), name)
    assert found.energy < start
    smooth = preactivation_certificate(K_X, K_Y, 0.3, found.kernel, name, n_starts=2)
    assert smooth.refuted or "heuristic" in smooth.status


def test_descent_reaches_the_solver():
    solution = rx.solve(X, Y[:, 0], 0.4, rng=0)
    found = minimize_energy(K_X, Y[:, 0], 0.4, width=24, rng=0, n_starts=6)
    assert found.objective >= solution.certificate.lower - 1e-12
    assert found.objective <= solution.objective * (1 + 1e-5)
    assert "objective" in repr(found)
