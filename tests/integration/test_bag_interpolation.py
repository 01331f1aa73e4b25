"""Exact fits of least norm where samples are bags of rows: against CVXPY, the ordinary door, and themselves."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relucvx as rx
from relucvx.errors import InfeasibleError
from relucvx.program.feasibility import check_feasible
from relucvx.program.interpolation import InterpolationProgram

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((6, 3, 2)), RNG.standard_normal(6)
BIASES = ("none", "hidden", "all", "free")


def by_hand(X, y, A):
    """Least norm over all patterns of the rows, no bias, one read-out, written out."""
    rows, T = X.reshape(-1, X.shape[2]), np.kron(np.eye(len(X)), A)
    fit, cost, constraints = 0, 0, []
    for pattern in rx.enumerate_patterns(rows).patterns:
        for sign in (1.0, -1.0):
            u = cp.Variable(X.shape[2])
            fit = fit + sign * (T @ (pattern[:, None] * rows)) @ u
            cost = cost + cp.norm(u)
            constraints.append((np.where(pattern, 1.0, -1.0)[:, None] * rows) @ u >= 0)
    return cp.Problem(cp.Minimize(cost), [*constraints, fit == y]).solve(solver="CLARABEL")


@pytest.mark.parametrize("kind", ["mean", "sum", [[1.0, -2.0, 0.5]]])
def test_least_norms_against_cvxpy(kind):
    sol = rx.interpolate(X, Y, pooling=kind)
    assert sol.certificate.rel_gap <= 1e-6
    np.testing.assert_allclose(sol.network.predict(X), Y, atol=1e-9)
    assert isinstance(sol.network, rx.PooledReLU)
    A = {"mean": np.full((1, 3), 1 / 3), "sum": np.ones((1, 3))}[kind] if isinstance(kind, str) else np.array(kind)
    assert sol.objective == pytest.approx(by_hand(X, Y, A), rel=1e-6)
    assert sol.network.width <= 6


@pytest.mark.parametrize("bias", BIASES)
def test_every_bias_agrees_with_the_program_over_all_patterns(bias):
    groups, rows = np.array([0, 1, 1, 2, 2, 3, 3, 4, 4]), RNG.standard_normal((9, 2))
    sol = rx.interpolate(rows, Y[:5], bias=bias, groups=groups)
    assert sol.certificate.rel_gap <= 1e-6
    np.testing.assert_allclose(sol.network.predict(rows, groups), Y[:5], atol=1e-9)
    problem = rx.make_problem(rows, Y[:5], 1.0, bias=bias, groups=groups)
    program = InterpolationProgram(problem, arrangement=rx.enumerate_patterns(problem.inputs))
    assert sol.objective == pytest.approx(program.to_cvxpy().problem.solve(solver="CLARABEL"), rel=1e-6)


def test_is_the_limit_of_solve_as_beta_vanishes():
    least = rx.interpolate(X, Y, bias="all", pooling="mean").objective
    problem = rx.make_problem(X, Y, 1e-4 * least, bias="all", pooling="mean")
    sol = rx.solve(problem, tol=1e-8)
    assert sol.objective / problem.beta == pytest.approx(least, rel=1e-2)
    assert sol.objective / problem.beta <= least * (1 + 1e-9)
    # of a problem the strength, the loss and the weights play no part
    assert rx.interpolate(problem).objective == pytest.approx(least, rel=1e-6)


@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.sampled_from(BIASES))
@pytest.mark.slow
def test_the_same_bags_in_other_words(seed, bias):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((4, 2, 2)), rng.standard_normal(4)
    plain = rx.interpolate(X[:, 0], Y, bias=bias).objective
    assert rx.interpolate(X[:, :1], Y, bias=bias, pooling="mean").objective == pytest.approx(plain, rel=1e-5)
    mean = rx.interpolate(X, Y, bias=bias, pooling="mean").objective
    assert rx.interpolate(np.repeat(X[:, ::-1], 2, axis=1), Y, bias=bias, pooling="mean").objective == pytest.approx(
        mean, rel=1e-5
    )
    if bias == "none":  # a row is twice its half, and a zero row nothing
        halves = np.concatenate([X[:, :1] / 2, X[:, :1] / 2, X[:, 1:], np.zeros((4, 1, 2))], axis=1)
        assert 2 * rx.interpolate(halves, Y, pooling="sum").objective == pytest.approx(mean, rel=1e-5)
    # twice the activities are fitted with half the norm, where no output bias has a part of it
    if bias in ("none", "hidden", "free"):
        assert 2 * rx.interpolate(X, Y, bias=bias, pooling="sum").objective == pytest.approx(mean, rel=1e-5)


# ---------------------------------------------------------------------- what no network fits
def in_the_dictionary(problem):
    """Whether the targets are in the span of what samples show of very many random neurons."""
    W = np.random.default_rng(0).normal(size=(problem.n_inputs, 400))
    H = problem.pool(problem.activation(problem.inputs @ W))[:, 0]
    if problem.bias.has_output:
        H = np.hstack([H, np.ones((len(H), 1))])
    left = problem.Y - H @ np.linalg.lstsq(H, problem.Y, rcond=1e-9)[0]
    return bool(np.linalg.norm(left) < 1e-6)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=6, max_size=6),
    st.lists(st.integers(-1, 1), min_size=3, max_size=3),
    st.sampled_from(BIASES),
    st.sampled_from(["relu", "abs", "leaky_relu", "linear"]),
    st.sampled_from(["sum", "mean"]),
)
def test_feasibility_matches_the_span_of_many_neurons(rows, values, bias, activation, kind):
    bags = np.array(rows, float).reshape(3, 2, 2)
    problem = rx.make_problem(bags, np.array(values, float), 1.0, bias=bias, activation=activation, pooling=kind)
    try:
        check_feasible(problem)
    except InfeasibleError:
        assert not in_the_dictionary(problem)
    else:
        assert in_the_dictionary(problem)


def test_contradictions_are_named():
    bag = [[1.0, 2.0], [3.0, -1.0]]
    with pytest.raises(InfeasibleError, match=r"samples 0 and 2 with targets \[1\.\] and \[2\.\].*in another order"):
        rx.interpolate([bag, [[0.0, 1.0]] * 2, bag[::-1]], [1.0, 5.0, 2.0], bias="all", pooling="mean")
    # with weights of position the order counts
    fits = rx.interpolate([bag, [[0.0, 1.0]] * 2, bag[::-1]], [1.0, 5.0, 2.0], bias="all", pooling=[[1.0, 3.0]])
    assert fits.certificate.rel_gap <= 1e-6
    # the third sample has the rows of the other two together
    with pytest.raises(InfeasibleError, match="numerically, what the samples read of their rows is tied"):
        rx.interpolate([[1.0], [2.0], [1.0], [2.0]], [1.0, 1.0, 3.0], groups=[0, 1, 2, 2], pooling="sum")
    with pytest.raises(InfeasibleError, match="samples 0 and 1"):
        rx.interpolate(np.zeros((2, 2, 1)), [0.0, 1.0], pooling="mean")
    # a pair of opposite rows shows |x·w|, and no linear part
    with pytest.raises(InfeasibleError):
        rx.interpolate([[[1.0], [-1.0]], [[2.0], [-2.0]]], [1.0, 1.0], pooling="sum")
    assert rx.interpolate([[[1.0], [-1.0]], [[2.0], [-2.0]]], [1.0, 2.0], pooling="sum").objective == pytest.approx(1.0)


def test_patterns_that_are_too_few_are_said():
    problem = rx.make_problem(X, Y, 1.0, pooling="mean")
    few = rx.sample_patterns(problem.inputs, 1, rng=0)
    with pytest.raises(InfeasibleError, match="the patterns are too few"):
        InterpolationProgram(problem, arrangement=few)


def test_saved_and_certified_again(tmp_path):
    sol = rx.interpolate(X, Y, bias="all", pooling="mean")
    again = rx.load(sol.save(tmp_path / "fit.npz"))
    assert rx.certify(again, again.problem, dual=again.dual).rel_gap <= 1e-6
