"""Newton steps of all neurons at once."""

import numpy as np
from solver.test_step_several_outputs import gaussian

import relucvx as rx
from relucvx.program.objective import objective, stationarity
from relucvx.solver.joint_polish import joint_polish


def test_polish_reaches_a_stationary_point_from_four_digits():
    X, Y = gaussian(12, 2, 2, seed=11)
    beta = 0.05 * rx.beta_max(X, Y)[1]
    solution = rx.solve(X, Y, beta, tol=1e-9)
    net, problem = solution.network, solution.problem
    rng = np.random.default_rng(0)
    W, V = np.array(net.weights_in), np.array(net.weights_out)
    T = W @ X.T
    interior = np.abs(T) > 1e-3 * np.linalg.norm(X, axis=1) * np.linalg.norm(W, axis=1, keepdims=True)
    noise = 1e-7 * rng.standard_normal(W.shape) * np.abs(W).max()
    polished = [rx.TwoLayerReLU(*c[:2]) for c in joint_polish(problem, W + noise, V * (1 + 1e-4), np.zeros(2))]
    best = min(objective(problem, p) for p in polished)
    assert best <= solution.objective * (1 + 1e-11)
    if interior.all():
        assert min(stationarity(problem, p) for p in polished) < 1e-10
