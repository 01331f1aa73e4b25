"""What is said of all optima, at the size at which it was asked for: theory per instance, linear programs, trained networks."""

import time

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.datasets import load_iris

import relucvx as rx
from relucvx import metrics

pytestmark = pytest.mark.slow


def test_fifty_instances_with_a_common_mode_are_abstract_at_every_optimum(record_property):
    rng, least = np.random.default_rng(0), []
    for seed in range(50):
        x2 = rng.uniform(0.05, 0.5)
        data = rx.datasets.factorial(2, x0=rng.uniform(0.5, 2.0), x1=x2 + rng.uniform(0.0, 0.5), x2=x2, rng=seed)
        beta = rng.uniform(0.1, 0.7) * rx.beta_max(data.X, data.Y)[0]
        sol = rx.solve(data.X, data.Y, beta, tol=1e-10, time_limit=30)
        least.append(rx.kernel_statistic(sol, "parallelism", factors=data.Y, time_limit=120).lower)
    record_property("least", min(least))
    print(f"least certified parallelism of 50: {min(least):.8f}")
    assert min(least) >= 0.999


@pytest.mark.parametrize("classes", [(2, 2), (3, 2), (2, 3)])
def test_whitened_classes_have_one_kernel(classes):
    k, each = classes
    X, Y = np.eye(k * each), np.kron(np.eye(k), np.ones((each, 1)))
    sol = rx.solve(X, Y, 0.3, tol=1e-12, time_limit=20)
    radius = rx.kernel_statistic(sol, "distance", time_limit=120)
    print(f"radius of {k} classes of {each}: {radius.upper:.2e}, kernel {np.linalg.norm(sol.network.hidden(X)):.2f}")
    assert radius.upper <= 1e-4


def ends_by_a_linear_program(sol, M, count):
    """Ends of <K, M> over optima with neurons on many directions, each with the output that the dual point gives it."""
    X, beta = sol.problem.X, sol.problem.beta
    own = sol.problem.directions(sol.network)[0]
    t = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    U = np.vstack([own, np.column_stack([np.cos(t), np.sin(t)])])
    H = np.maximum(X @ U.T, 0.0)
    pull = sol.dual.T @ H
    size = np.linalg.norm(pull, axis=0)
    near = size >= beta * (1.0 - 1e-5)
    H, V, price = H[:, near], (pull / np.maximum(size, 1e-300))[:, near], beta - size[near]
    atoms = np.einsum("nk,ck->nck", H, V).reshape(-1, H.shape[1])
    F = sol.network.predict(X).ravel()
    q = np.einsum("ik,ij,jk->k", H, M, H, optimize=True)
    slack = 1e-8 * np.abs(F).max()
    rows = np.vstack([atoms, -atoms, np.maximum(price, 0.0)])
    bound = np.concatenate([F + slack, -F + slack, [1e-10 * sol.objective]])
    ends = [linprog(sign * q, A_ub=rows, b_ub=bound, method="highs") for sign in (1.0, -1.0)]
    assert all(end.status == 0 for end in ends)
    return ends[0].fun, -ends[1].fun


@pytest.mark.parametrize("seed", range(4))
def test_planar_ranges_are_those_of_a_linear_program(seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((10, 2)), rng.standard_normal((10, 2))
    sol = rx.solve(X, Y, 0.15 * rx.beta_max(X, Y)[1], tol=1e-12)
    B, A = rng.standard_normal((10, 2)), rng.standard_normal((10, 10))
    K = rx.representation_kernel(sol.network, X)
    for M in (B @ B.T, A + A.T):
        found = rx.kernel_range(sol, M)
        low, high = ends_by_a_linear_program(sol, M, 10_000)
        scale = np.abs(np.linalg.eigvalsh(M)).max() * np.trace(K)
        print(
            f"[{found.lower:.6f}, {found.upper:.6f}] certified, [{low:.6f}, {high:.6f}] by a linear program; "
            f"off by {abs(found.lower - low) / scale:.1e} and {abs(found.upper - high) / scale:.1e} of the size"
        )
        assert abs(found.lower - low) <= 1e-4 * scale
        assert abs(found.upper - high) <= 1e-4 * scale


def test_iris_has_an_interval_in_a_minute():
    data = load_iris()
    X, Y = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0), np.eye(3)[data.target]
    began = time.perf_counter()
    sol = rx.solve(X, Y, 11.2, time_limit=20)
    found = rx.kernel_statistic(sol, "nc1_quotient", labels=data.target, time_limit=35)
    seconds = time.perf_counter() - began
    print(f"NC1's quotient on iris: [{found.lower:.6f}, {found.upper:.6f}] in {seconds:.0f} s, {found.parts}")
    assert found.upper - found.lower < 0.05 * found.upper
    assert seconds < 60
    H = rx.balance(sol.network).hidden(X)
    assert found.lower <= metrics.neural_collapse(H, data.target).nc1_quotient <= found.upper


def test_two_hundred_trained_networks_are_inside():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((12, 2)), rng.standard_normal((12, 2))
    beta = 0.1 * rx.beta_max(X, Y)[1]
    sol = rx.solve(X, Y, beta, tol=1e-10)
    delta = 0.05 * sol.objective
    A = rng.standard_normal((12, 12))
    found = [rx.kernel_range(sol, M, delta) for M in (np.eye(12), A + A.T, np.ones((12, 12)))]
    exact = [rx.kernel_range(sol, one.matrix) for one in found]
    for near, at in zip(found, exact, strict=True):
        assert near.lower < at.lower
        assert at.upper < near.upper
    count, used = 0, []
    for batch in range(8):
        runs = rx.train(X, Y, beta=beta, width=30, seeds=range(100 * batch, 100 * batch + 100))
        for run in runs:
            if run.objective > sol.certificate.lower + delta or count == 200:
                continue
            count += 1
            K = rx.representation_kernel(run.network, X)
            used.append([(K * one.matrix).sum() for one in found])
        if count == 200:
            break
    used = np.array(used)
    print(f"{count} networks: {used.min(axis=0)} to {used.max(axis=0)} in {[(one.lower, one.upper) for one in found]}")
    assert count == 200
    for values, one in zip(used.T, found, strict=True):
        assert values.min() >= one.lower
        assert values.max() <= one.upper
