"""Exact fits of least norm for several outputs: closed forms, programs over dense directions, the door for one output."""

import itertools
import time

import cvxpy as cp
import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.errors import InfeasibleError
from relucvx.network.transform import balance
from relucvx.oracle import dual_norm
from relucvx.solver.interpolate_several_outputs import least_norm

BIASES = ("none", "hidden", "all", "free")


def drawn(seed, n=12, d=3, c=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((n, c))


def assert_least(solution, X, Y, tol=1e-6):
    """A fit to rounding, the norm as the objective, a gap that is closed, and the bound once more from the dual point."""
    F = solution.network.predict(X)
    assert F.shape == Y.shape
    if np.abs(F - Y).max() > 1e-9 * np.abs(Y).max():
        raise AssertionError(f"residual {np.abs(F - Y).max()}")
    if not solution.certificate.rel_gap <= tol:
        raise AssertionError(f"rel_gap {solution.certificate.rel_gap}")
    if solution.status is not rx.Status.CONVERGED:
        raise AssertionError(solution.status.name)


def over_directions(Xa, Y, W, decayed_bias=False):
    """min Σ||v_j|| over the given unit directions, written out: at least the least norm."""
    V = cp.Variable((len(W), Y.shape[1]))
    b = cp.Variable(Y.shape[1])
    fit = np.maximum(Xa @ W.T, 0) @ V
    cost = cp.sum(cp.norm(V, axis=1))
    if decayed_bias:
        fit, cost = fit + np.ones((len(Xa), 1)) @ cp.reshape(b, (1, -1), order="C"), cost + 0.5 * cp.sum_squares(b)
    return cp.Problem(cp.Minimize(cost), [fit == Y]).solve(solver="CLARABEL")


def circle(count):
    t = 2 * np.pi * np.arange(count) / count
    return np.column_stack([np.cos(t), np.sin(t)])


XOR = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
ODD = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])


# ------------------------------------------------------------------ values
def test_xor_costs_four_diagonal_neurons():
    """Each sample has a neuron of its own diagonal, of norm 1/√2: none helps two of them."""
    solution = rx.interpolate(XOR, ODD)
    assert_least(solution, XOR, ODD)
    assert solution.objective == pytest.approx(2 * np.sqrt(2), rel=1e-9)
    assert solution.objective == pytest.approx(over_directions(XOR, ODD, circle(400)), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_planar_problems_against_thousands_of_directions(seed):
    """The program over 4,000 directions, and those on walls, is above by their spacing squared."""
    rng = np.random.default_rng(seed)
    X, Y = XOR + 0.3 * rng.standard_normal(XOR.shape), ODD + 0.1 * rng.standard_normal(ODD.shape)
    if seed > 1:
        X, Y = drawn(seed, 7, 2, 2)
    solution = rx.interpolate(X, Y)
    assert_least(solution, X, Y)
    across = np.column_stack([-X[:, 1], X[:, 0]]) / np.linalg.norm(X, axis=1, keepdims=True)
    dense = over_directions(X, Y, np.vstack([circle(4000), across, -across]))
    assert solution.certificate.lower <= dense * (1 + 1e-7)
    assert solution.objective == pytest.approx(dense, rel=2e-6)


@pytest.mark.parametrize("seed", range(2))
def test_whitened_one_hot_targets_cost_the_root_of_each_class(seed):
    """THEORY: orthonormal rows, one neuron for each class, Σ_k √n_k; the dual point is one of a continuum."""
    X = np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))[0]
    Y = np.eye(3)[[0, 0, 1, 1, 2, 2]]
    solution = rx.interpolate(X, Y)
    assert_least(solution, X, Y)
    assert solution.objective == pytest.approx(3 * np.sqrt(2), rel=1e-9)
    assert solution.network.width == 3


@pytest.mark.parametrize("bias", BIASES)
def test_one_output_seen_through_a_unit_vector(bias):
    """Y = y cᵀ with ||c|| = 1 is y: projecting a network's outputs on c raises no norm."""
    X, Y = drawn(0, 7, 2)
    y = Y[:, 0]
    expected = rx.interpolate(X, y, bias=bias).objective
    two = np.outer(y, [0.6, -0.8])
    solution = rx.interpolate(X, two, bias=bias)
    assert_least(solution, X, two)
    assert solution.objective == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("bias", BIASES)
def test_dual_point_and_network_prove_each_other(bias):
    X, Y = drawn(3, 8, 2)
    solution = rx.interpolate(X, Y, bias=bias)
    assert_least(solution, X, Y)
    problem = rx.make_problem(X, Y, 1.0, bias=bias)
    # from the definition: D(N) <= 1 by the oracle, the dual value by hand, the norm by hand
    bound = dual_norm(problem, solution.dual).upper
    assert bound <= 1 + 1e-12
    total = solution.dual.sum(axis=0)
    value = float((solution.dual * Y).sum()) - (0.5 * float(total @ total) if bias == "all" else 0.0)
    assert value == pytest.approx(solution.objective, rel=1e-6)
    net = solution.network
    W = net.weights_in if net.bias_in is None or bias == "free" else np.column_stack([net.weights_in, net.bias_in])
    norm = np.linalg.norm(W, axis=1) @ np.linalg.norm(net.weights_out, axis=1)
    norm += 0.5 * float(net.bias_out @ net.bias_out) if bias == "all" else 0.0
    assert norm == pytest.approx(solution.objective, rel=1e-9)


def test_bags_with_several_readouts():
    """With A = I and one row for each bag it is the plain problem; any bags of one sample cost what their best row does."""
    X, Y = drawn(4, 6, 2)
    plain = rx.interpolate(X, Y).objective
    assert rx.interpolate(X[:, None, :], Y, pooling="flatten").objective == pytest.approx(plain, rel=1e-6)
    rng = np.random.default_rng(2)
    bags = rng.standard_normal((6, 3, 2))
    solution = rx.interpolate(bags, Y[:, 0], pooling="flatten", bias="all")
    assert solution.certificate.rel_gap <= 1e-6
    np.testing.assert_allclose(solution.network.predict(bags), Y[:, 0], atol=1e-9)
    assert solution.objective <= rx.interpolate(bags, Y[:, 0], pooling="sum", bias="all").objective * np.sqrt(3)
    mean = rx.interpolate(bags, Y, pooling="mean")
    assert mean.certificate.rel_gap <= 1e-6
    np.testing.assert_allclose(mean.network.predict(bags), Y, atol=1e-9)
    # equal bags contradict each other, whatever the read-outs
    with pytest.raises(InfeasibleError, match="equal targets for samples of the same rows"):
        rx.interpolate(np.concatenate([bags, bags[:1]]), np.vstack([Y, Y[:1] + 1]), pooling="flatten")


# ------------------------------------------------------------------ invariances
def test_rotations_permutations_and_units():
    X, Y = drawn(5, 6, 2)
    base = rx.interpolate(X, Y).objective
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2)))[0]
    order = np.random.default_rng(1).permutation(6)
    assert rx.interpolate(X @ turn, Y @ turn).objective == pytest.approx(base, rel=2e-6)
    assert rx.interpolate(X[order], Y[order][:, ::-1]).objective == pytest.approx(base, rel=2e-6)
    assert rx.interpolate(1e3 * X, 1e-4 * Y).objective == pytest.approx(1e-7 * base, rel=2e-6)
    more = np.vstack([X, X[:2], 3 * X[2:3], np.zeros((1, 2))])
    assert rx.interpolate(more, np.vstack([Y, Y[:2], 3 * Y[2:3], np.zeros((1, 2))])).objective == pytest.approx(
        base, rel=2e-6
    )


@pytest.mark.slow
def test_is_the_limit_of_solve_as_beta_vanishes():
    X, Y = drawn(6, 6, 2)
    least = rx.interpolate(X, Y).objective
    value = rx.solve(X, Y, 1e-3 / least, tol=1e-5).objective * least / 1e-3
    assert value <= least * (1 + 1e-6)
    assert value == pytest.approx(least, rel=1e-2)


# ------------------------------------------------------------------ ends
def test_targets_that_need_no_neuron():
    X, _ = drawn(8, 5, 2)
    none = rx.interpolate(X, np.zeros((5, 2)))
    assert (none.objective, none.network.width, none.certificate.rel_gap) == (0.0, 0, 0.0)
    constant = rx.interpolate(X, np.tile([2.0, -1.0], (5, 1)), bias="free")
    assert (constant.objective, constant.network.width) == (0.0, 0)
    np.testing.assert_allclose(constant.network.predict(X), np.tile([2.0, -1.0], (5, 1)))


def test_contradictions_are_named():
    X, Y = drawn(10, 5, 2)
    with pytest.raises(InfeasibleError, match="equal targets for equal rows of X; received rows 1 and 5"):
        rx.interpolate(np.vstack([X, X[1]]), np.vstack([Y, Y[1] + 1]))


def test_no_time_and_a_callback_make_no_claim():
    X, Y = drawn(11, 30, 4, 3)
    for options, status in (
        ({"time_limit": 1e-3}, rx.Status.TIME_LIMIT),
        ({"callback": lambda progress: True}, rx.Status.INTERRUPTED),
    ):
        solution = rx.interpolate(X, Y, **options)
        assert solution.status is status
        assert solution.certificate.lower <= solution.certificate.upper
        assert solution.certificate.rel_gap > 1e-6


def test_saved_and_certified_afresh(tmp_path):
    X, Y = drawn(12, 5, 2)
    solution = rx.interpolate(X, Y)
    again = rx.load(solution.save(tmp_path / "fit"))
    assert again.objective == solution.objective
    assert rx.certify(again, again.problem, dual=again.dual).rel_gap < 1e-6


def test_other_networks_cost_more():
    """The strongest line: any network that fits costs at least the lower bound."""
    X, Y = drawn(13, 6, 2)
    solution = rx.interpolate(X, Y)
    rng = np.random.default_rng(0)
    for _ in range(20):
        W = rng.standard_normal((12, 2))
        V = np.linalg.lstsq(np.maximum(X @ W.T, 0), Y, rcond=None)[0]
        other = balance(rx.TwoLayerReLU(W, V))
        if np.abs(other.predict(X) - Y).max() < 1e-9:
            norm = np.linalg.norm(other.weights_in, axis=1) @ np.linalg.norm(other.weights_out, axis=1)
            assert norm >= solution.certificate.lower


def test_the_solver_alone_reports_its_rounds():
    X, Y = drawn(14, 6, 2)
    seen = []
    found = least_norm(rx.make_problem(X, Y, 1.0), tol=1e-6, deadline=Deadline(), callback=seen.append)
    assert found.status is rx.Status.CONVERGED
    assert found.rounds == seen[-1].round
    uppers = [p.upper for p in found.history]
    assert all(a >= b * (1 - 1e-9) for a, b in itertools.pairwise(uppers))
    assert found.lower <= uppers[-1]


@pytest.mark.slow
@pytest.mark.parametrize("bias", BIASES)
def test_twelve_samples_in_three_dimensions_in_seconds(bias):
    """Twenty draws of n = 12, d = 3, c = 2: a gap of 1e-6 within ten seconds of processor time each."""
    for seed in range(20):
        X, Y = drawn(100 + seed)
        began = time.process_time()
        solution = rx.interpolate(X, Y, bias=bias)
        assert_least(solution, X, Y)
        assert time.process_time() - began < 10.0
