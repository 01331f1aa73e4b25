"""The convex program of several outputs in a plane, against the certified solver, other programs, and closed forms."""

import dataclasses
import itertools

import cvxpy as cp
import numpy as np
import pytest
from strategies import ENTRYWISE, LABEL_LOSSES
from vector_oracles import group_lasso, lbfgs_best, plane_sdp

import relucvx as rx
from relucvx.errors import InfeasibleError, UnsupportedError
from relucvx.oracle import dual_norm
from relucvx.program.interpolation import InterpolationProgram
from relucvx.program.objective import fit, objective
from relucvx.solver import solve_conic
from relucvx.types import Bias

XOR = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
ODD = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])


def drawn(seed, bias="none", loss="squared", activation="relu", n=7):
    """Two features without bias or one with, two or three outputs, weights, beta between 1 and 60 % of beta_max."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2 if bias == "none" else 1))
    c = 2 + seed % 2
    Y = rng.standard_normal((n, c))
    if loss in LABEL_LOSSES:
        Y = np.where(Y > 0, 1.0, -1.0)
        Y[:2] = [[1.0], [-1.0]]
    if loss == "cross_entropy":
        Y = np.eye(c)[np.arange(n) % c]
    problem = rx.make_problem(X, Y, 1.0, loss, bias, activation, rng.uniform(0.5, 2.0, n))
    return dataclasses.replace(problem, beta=10.0 ** rng.uniform(-2, -0.2) * rx.beta_max(problem)[1])


def program(problem):
    return rx.ConvexProgram(problem, arrangement=rx.enumerate_patterns(problem.inputs))


def assert_exact(problem, tol=1e-6):
    """The program's value is the certified optimum, its network attains it, and its multiplier proves it."""
    prog = program(problem)
    found = solve_conic(prog)
    solution = rx.solve(problem, tol=1e-8)
    if not abs(found.value - solution.objective) <= tol * solution.objective:
        raise AssertionError(f"program {found.value}, solver {solution.objective}")
    net = rx.recover_network(prog, found.primal)
    if not abs(objective(problem, problem.inner(net)) - found.value) <= 1e-7 * found.value:
        raise AssertionError(f"network {objective(problem, problem.inner(net))}, program {found.value}")
    proof = rx.certify(net, problem, dual=found.dual)
    if not proof.rel_gap <= tol:
        raise AssertionError(f"proven only to {proof.rel_gap}")
    lifted = rx.lift_network(net, prog)
    if not abs(lifted.objective(problem, prog.patterns) - found.value) <= 1e-7 * found.value:
        raise AssertionError(f"lifted {lifted.objective(problem, prog.patterns)}, program {found.value}")


# ------------------------------------------------------------------ values
@pytest.mark.parametrize(
    ("seed", "bias", "loss", "activation"),
    [
        (0, "none", "squared", "relu"),
        (1, "hidden", "cross_entropy", "leaky_relu"),
        (2, "all", "hinge", "abs"),
        (3, "free", "logistic", (0.4, -1.3)),
    ],
)
def test_the_programs_value_is_the_certified_optimum(seed, bias, loss, activation):
    assert_exact(drawn(seed, bias, loss, activation))


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "linear", (0.4, -1.3)])
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("loss", [*ENTRYWISE, "cross_entropy"])
def test_every_loss_bias_and_activation(loss, bias, activation):
    for seed in range(2):
        assert_exact(drawn(10 + seed, bias, loss, activation, n=6 + seed))


def test_the_check_can_fail():
    """A program of three patterns is above, and its network is not proven."""
    problem = drawn(0)
    whole = rx.enumerate_patterns(problem.inputs)
    few = dataclasses.replace(whole, patterns=whole.patterns[:3], generators=whole.generators[:3])
    prog = rx.ConvexProgram(problem, arrangement=few)
    assert not prog.complete
    value = prog.to_cvxpy().problem.solve(solver="CLARABEL")
    best = rx.solve(problem).objective
    assert value > 1.001 * best
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rx, "enumerate_patterns", lambda X: few)
        with pytest.raises(AssertionError, match=r"program .*, solver"):
            assert_exact(problem)


@pytest.mark.parametrize("seed", range(2))
def test_against_rays_and_descent(seed):
    """The same optimum in coordinates of rays, written out elsewhere; nothing that L-BFGS finds lies below."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 2 + seed))
    value = solve_conic(program(rx.make_problem(X, Y, 0.2))).value
    assert value == pytest.approx(plane_sdp(X, Y, 0.2)[0], rel=1e-8)
    assert value <= lbfgs_best(X, Y, 0.2, 12, runs=3, rng=seed)[0] * (1 + 1e-8)


def test_xor_with_two_outputs_against_dense_directions():
    value = solve_conic(program(rx.make_problem(XOR, ODD, 0.3))).value
    t = 2 * np.pi * np.arange(720) / 720  # the diagonals are among them
    dense = group_lasso(XOR, ODD, 0.3, np.column_stack([np.cos(t), np.sin(t)]))[0]
    assert value == pytest.approx(dense, rel=1e-6)


def test_whitened_classes_have_their_closed_form():
    """Two orthonormal samples of two classes: singular values of Y less beta, and all of Y in the limit."""
    X = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))[0]
    problem = rx.make_problem(X, np.eye(2), 0.3)
    expected = rx.kernel.predict_one_hot(np.eye(2), 0.3, X=X).objective
    assert solve_conic(program(problem)).value == pytest.approx(expected, rel=1e-8)
    limit = InterpolationProgram(problem, arrangement=rx.enumerate_patterns(X))
    assert solve_conic(limit).value == pytest.approx(2.0, rel=1e-8)


DEGENERATE = {
    "duplicate": [[1.0, 2.0], [1.0, 2.0], [-1.0, 0.5], [0.3, -1.0]],
    "opposite": [[1.0, 2.0], [-1.0, -2.0], [-1.0, 0.5], [1.0, -0.5], [0.3, -1.0]],
    "collinear": [[1.0, 2.0], [2.0, 4.0], [-3.0, -6.0]],
    "zero row": [[1.0, 2.0], [0.0, 0.0], [-1.0, 0.5], [0.3, -1.0]],
    "nothing": [[0.0, 0.0, 0.0]] * 3,
    "one row": [[1.0, 2.0]],
    "five features": np.random.default_rng(0).standard_normal((6, 2))
    @ np.random.default_rng(1).standard_normal((2, 5)),
    "sharp cells": [[1.0, 1e-9], [1.0, 2e-9], [1.0, -1e-9], [-1.0, 0.5]],
    "units": np.random.default_rng(2).standard_normal((6, 2)) * [1e6, 1e-3],
}


@pytest.mark.parametrize("kind", DEGENERATE)
def test_degenerate_inputs(kind):
    X = np.array(DEGENERATE[kind])
    Y = np.random.default_rng(3).standard_normal((len(X), 2))
    assert_exact(rx.make_problem(X, Y, 0.1 * max(1.0, np.abs(X).max())))


def with_biases():
    """Kinds and biases; a few of them for every day."""
    kinds = ["equal", "duplicate", "line in space", "far from the origin"]
    daily = {("equal", "free"), ("line in space", "free"), ("line in space", "all"), ("far from the origin", "free")}
    for pair in itertools.product(kinds, ["hidden", "all", "free"]):
        yield pytest.param(*pair, marks=() if pair in daily else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "bias"), list(with_biases()))
def test_degenerate_inputs_with_biases(kind, bias):
    rng = np.random.default_rng(4)
    X = {
        "equal": np.ones((4, 1)),
        "duplicate": np.array([[1.0], [1.0], [2.0], [-1.0]]),
        "line in space": rng.standard_normal((5, 1)) @ rng.standard_normal((1, 3)) + (bias == "free") * np.ones(3),
        "far from the origin": 1e3 + rng.standard_normal((5, 1)),
    }[kind]
    assert_exact(rx.make_problem(X, rng.standard_normal((len(X), 2)), 0.3, bias=bias))


def test_bags_that_are_read_in_several_ways():
    rng = np.random.default_rng(5)
    X, Y = rng.standard_normal((5, 3, 2)), rng.standard_normal(5)
    assert_exact(rx.make_problem(X[:, :2], rng.standard_normal((5, 2)), 0.2, pooling="flatten"))
    assert_exact(rx.make_problem(X[..., :1], Y, 0.2, bias="all", pooling="flatten"))


# ------------------------------------------------------------------ the limit beta -> 0+
@pytest.mark.parametrize("bias", Bias)
def test_the_least_norm_of_an_exact_fit(bias):
    problem = drawn(6, bias)
    solution = rx.interpolate(problem.X, problem.Y, bias=bias)
    prog = InterpolationProgram(problem, arrangement=rx.enumerate_patterns(problem.inputs))
    found = solve_conic(prog)
    assert found.value == pytest.approx(solution.objective, rel=1e-6)
    net = rx.recover_network(prog, found.primal)
    np.testing.assert_allclose(fit(prog.problem, net), problem.Y, atol=1e-6)
    # the multiplier proves it: <N, Y> over its dual norm, less what a decayed output bias takes
    size = dual_norm(prog.problem, found.dual).upper
    assert size == pytest.approx(1.0, abs=1e-6)
    taken = 0.5 * (found.dual.sum(axis=0) ** 2).sum() if bias == "all" else 0.0
    assert np.sum(found.dual * problem.Y) - taken == pytest.approx(found.value, rel=1e-6)


def test_xor_fitted_exactly_costs_four_diagonal_neurons():
    prog = InterpolationProgram(XOR, ODD, arrangement=rx.enumerate_patterns(XOR))
    assert solve_conic(prog).value == pytest.approx(2 * np.sqrt(2), rel=1e-8)


def test_too_few_patterns_for_one_of_the_outputs():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    whole = rx.enumerate_patterns(X)
    few = dataclasses.replace(whole, patterns=whole.patterns[:2], generators=whole.generators[:2])
    within = np.column_stack([np.where(p, X[:, 0], 0.0) for p in few.patterns])
    assert solve_conic(InterpolationProgram(X, within, arrangement=few)).value > 0.0
    # one output that is out of reach is enough
    for targets in (Y, np.column_stack([within[:, 0], Y[:, 1]])):
        with pytest.raises(InfeasibleError, match="the patterns are too few"):
            InterpolationProgram(X, targets, arrangement=few)


# ------------------------------------------------------------------ for people who add constraints
def test_constraints_of_ones_own():
    """Outputs that add up to zero on every sample, and a first neuron's worth of output forbidden."""
    problem = drawn(8)
    prog = program(problem)
    form = prog.to_cvxpy()
    free = form.problem.solve(solver="CLARABEL")
    extra = [*form.constraints, cp.sum(form.fit, axis=1) == 0]
    value = cp.Problem(form.problem.objective, extra).solve(solver="CLARABEL")
    net = rx.recover_network(prog, form.primal())
    assert value > free * (1 + 1e-3)
    np.testing.assert_allclose(net.predict(problem.X).sum(axis=1), 0.0, atol=1e-5)
    assert objective(problem, net) == pytest.approx(value, rel=1e-6)
    # Σ w vᵀ of each pattern is at hand: without a second input weight the network is that of the first feature
    silent = [*form.constraints, *[(form.basis @ M[:2, :2] @ form.basis.T)[1, 1] == 0 for M in form.moments]]
    value = cp.Problem(form.problem.objective, silent).solve(solver="CLARABEL")
    first = rx.solve(dataclasses.replace(problem, X=problem.X[:, :1])).objective
    assert value == pytest.approx(first, rel=1e-5)


def test_the_conic_solver_takes_several_outputs_in_a_plane():
    problem = drawn(9)
    solution = rx.solve(problem, solver="conic")
    assert solution.certificate.rel_gap <= 1e-6
    assert solution.objective == pytest.approx(rx.solve(problem).objective, rel=1e-6)
    with pytest.raises(UnsupportedError, match=r'try: relucvx\.solve with solver="auto"'):
        rx.solve(np.eye(3), np.eye(3), 0.1, solver="conic")
