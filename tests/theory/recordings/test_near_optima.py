"""Ratios over all networks near the optimum: none is outside, and found ones are near the ends."""

import dataclasses

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.kernels.kernel_cut import KernelProgram
from relucvx.deadline import Deadline
from relucvx.program.objective import objective
from relucvx.theory.recordings.near_optima import NearOptima, values_of


@pytest.fixture(scope="module")
def near():
    """Networks within 3 % of the optimum of a task with an output bias, whose inputs are nearly orthogonal."""
    rng = np.random.default_rng(3)
    X, Y = np.eye(4) + 0.2, rng.standard_normal((4, 2))
    sol = rx.solve(X, Y, 0.3, bias="all")
    return NearOptima(sol, 0.03 * sol.objective, KernelProgram(sol.problem), Deadline.of(600.0), 0)


def perturbed(network, rng, size):
    """A network near another, in a scaling of its own."""
    W = np.column_stack([network.weights_in, network.bias_in])
    scale = np.exp(size * rng.standard_normal(len(W)))[:, None]
    W = W * scale + size * rng.standard_normal(W.shape)
    V = network.weights_out / scale + size * rng.standard_normal(network.weights_out.shape)
    return dataclasses.replace(network, weights_in=W[:, :-1], bias_in=W[:, -1], weights_out=V)


@pytest.mark.slow
def test_no_network_within_delta_is_outside(near):
    rng, problem, C = np.random.default_rng(0), near.problem, near.centring
    B = rng.standard_normal((4, 2))
    A = B @ B.T - np.eye(4)
    share = near.quotient(A, C, near.least_trace)
    nearest = near.nearest(np.diag([1.0, 2.0, 3.0, 4.0]), np.eye(4))
    dimension = near.participation()
    assert share.lower <= share.attained_lower < share.attained_upper <= share.upper
    assert share.attained_upper - share.attained_lower > 0.3 * (share.upper - share.lower)
    assert nearest.attained <= nearest.upper <= 1.0
    inside, target = 0, np.diag([1.0, 2.0, 3.0, 4.0]) / np.sqrt(30.0)
    for k in range(300):
        network = perturbed(problem.stated(near.seeker.network), rng, 10.0 ** rng.uniform(-3, -1))
        if objective(problem, network) > near.ceiling:
            continue
        inside += 1
        K = rx.representation_kernel(network, problem.X)
        seen = C @ K @ C
        assert np.trace(seen) >= near.least_trace
        assert share.lower <= values_of(K, A, C) <= share.upper, k
        assert np.sum(target * K) / np.linalg.norm(K) <= nearest.upper
        assert np.trace(seen) ** 2 / np.sum(seen**2) <= dimension.upper * (1 + 1e-9)
    assert inside > 50


@pytest.mark.slow
def test_a_blend_is_near_the_optimum_as_well(near):
    found = near.nearest(np.eye(4), np.eye(4))
    assert objective(near.problem, found.network) <= near.ceiling
    assert np.allclose(found.kernel, rx.representation_kernel(near.problem.stated(found.network), near.problem.X))


def test_less_than_the_least_trace_is_never_found():
    # whitened classes: at the optimum tr CKC = sqrt(2) - beta, and nothing near it has much less
    sol = rx.solve(np.eye(4), np.repeat(np.eye(2), 2, axis=0), 0.2)
    few = NearOptima(sol, 1e-9 * sol.objective, KernelProgram(sol.problem), Deadline.of(600.0), 0)
    assert few.least_trace <= np.trace(few.centring @ few.kernels()[0])
    assert few.least_trace > 0.8 * (np.sqrt(2.0) - 0.2)


def test_without_time_nothing_is_claimed():
    sol = rx.solve(np.eye(2), np.eye(2), 0.2)
    late = NearOptima(sol, 0.01, KernelProgram(sol.problem), Deadline.of(1e-9), 0)
    found = late.quotient(np.eye(2), late.centring)
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert late.nearest(np.eye(2), np.eye(2)).upper == 1.0
