"""The convex program over all patterns of the rows of bags: against the solver, the ordinary program, and networks."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relucvx as rx
from relucvx.errors import InvalidInputError, LiftingError
from relucvx.program.atoms import ConvexPrimal

RNG = np.random.default_rng(8)
X, Y = RNG.standard_normal((5, 2, 2)), RNG.standard_normal(5)
GROUPS = np.array([0, 1, 1, 2, 2, 2, 3, 4, 4])
ROWS = RNG.standard_normal((9, 2))
LABELS = np.where(Y > 0, 1.0, -1.0)
BIASES = ("none", "hidden", "all", "free")


def program(problem):
    return rx.ConvexProgram(problem, arrangement=rx.enumerate_patterns(problem.inputs))


def optimum(problem):
    return program(problem).to_cvxpy().problem.solve(solver="CLARABEL")


def network(problem, rng, width=5):
    """A random network of the problem's kind."""
    b = problem.bias
    return rx.PooledReLU(
        rng.standard_normal((width, problem.n_features)),
        rng.standard_normal((width, 1, 1)),
        rng.standard_normal(width) if b.has_hidden else None,
        rng.standard_normal(1) if b.has_output else None,
        scalar_output=problem.scalar_output,
        pooling=problem.pooling.kind,
    )


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize(("loss", "kind"), [("squared", "mean"), ("logistic", "sum"), ("hinge", [[2.0, -1.0]])])
def test_the_programs_value_is_the_certified_optimum(loss, kind, bias):
    if loss == "hinge" and bias == "free":
        kind = "mean"
    problem = rx.make_problem(X, LABELS if loss != "squared" else Y, 0.1, loss=loss, bias=bias, pooling=kind)
    sol = rx.solve(problem, tol=1e-8)
    value = optimum(problem)
    assert sol.certificate.lower * (1 - 1e-6) <= value <= sol.objective * (1 + 1e-6)
    assert sol.certificate.rel_gap <= 1e-6


def test_bags_of_unequal_size():
    problem = rx.make_problem(ROWS, Y, 0.1, groups=GROUPS)
    assert optimum(problem) == pytest.approx(rx.solve(problem, tol=1e-8).objective, rel=1e-6)
    # the conic solver is this program, certified like any other
    by_conic = rx.solve(problem, solver="conic")
    assert by_conic.objective == pytest.approx(rx.solve(problem, tol=1e-8).objective, rel=1e-6)
    assert by_conic.certificate.rel_gap <= 1e-5


def test_the_multiplier_is_a_dual_point_of_the_samples():
    problem = rx.make_problem(X, Y, 0.1, pooling="mean")
    form = program(problem).to_cvxpy()
    form.problem.solve(solver="CLARABEL")
    assert form.link.dual_value.shape == form.fit.shape == (5,)
    np.testing.assert_allclose(form.link.dual_value, Y - form.fit.value, atol=1e-6)
    proof = rx.certify(rx.solve(problem).network, problem, dual=form.link.dual_value[:, None])
    assert proof.rel_gap <= 1e-5


def test_constraints_of_ones_own():
    """Fits of the first sample at most zero: the network recovered from the constrained point obeys, and costs more."""
    problem = rx.make_problem(X, np.abs(Y), 0.1, pooling="mean")
    prog = program(problem)
    form = prog.to_cvxpy()
    free = form.problem.solve(solver="CLARABEL")
    assert form.fit.value[0] > 0.1
    bound = cp.Problem(form.problem.objective, [*form.constraints, form.fit[0] <= 0.0]).solve(solver="CLARABEL")
    net = rx.recover_network(prog, form.primal())
    assert isinstance(net, rx.PooledReLU)
    assert bound > free
    assert net.predict(X)[0] <= 1e-6
    assert rx.certify(net, problem).upper == pytest.approx(bound, rel=1e-5)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("kind", ["mean", "sum", [[1.0, -0.5]]])
def test_lift_then_recover_keeps_fit_and_objective(bias, kind):
    if bias == "free" and not isinstance(kind, str):
        kind = "mean"
    problem, rng = rx.make_problem(X, Y, 0.4, bias=bias, pooling=kind), np.random.default_rng(1)
    prog = program(problem)
    for _ in range(3):
        net = network(problem, rng)
        primal = rx.lift_network(net, prog)
        assert primal.cone_violation(problem, prog.patterns) <= 1e-14
        np.testing.assert_allclose(primal.fit(problem, prog.patterns)[:, 0], net.predict(X), atol=1e-12)
        back = rx.recover_network(prog, primal)
        assert back.scalar_output
        np.testing.assert_allclose(back.predict(X), net.predict(X), atol=1e-12)
        assert rx.certify(back, problem).upper == pytest.approx(primal.objective(problem, prog.patterns), rel=1e-9)


def test_a_block_of_a_free_bias_alone_becomes_output_bias_with_all_its_rows():
    problem = rx.make_problem(X, Y, 0.4, bias="free", pooling="sum")
    prog = program(problem)
    ones = int(np.flatnonzero(prog.patterns.all(axis=1))[0])
    blocks = np.zeros((len(prog.patterns), 3))
    blocks[ones, -1] = 2.0
    net = rx.recover_network(prog, ConvexPrimal(blocks, np.zeros_like(blocks), np.array([0.5])))
    assert net.width == 0
    np.testing.assert_allclose(net.predict(X), 4.5)  # two rows of 2 each, and the bias


def test_networks_and_arrangements_of_another_kind_are_refused():
    problem = rx.make_problem(X, Y, 0.1, pooling="mean")
    prog = program(problem)
    with pytest.raises(InvalidInputError, match=r"net to be a PooledReLU.*relucvx\.PooledReLU\("):
        rx.lift_network(rx.TwoLayerReLU([[1.0, 0.0]], [1.0]), prog)
    with pytest.raises(InvalidInputError, match="pooling='mean'"):
        rx.lift_network(rx.PooledReLU([[1.0, 0.0]], [1.0], pooling="sum"), prog)
    with pytest.raises(InvalidInputError, match=r"make_problem\(X, Y, beta, pooling=...\)\.inputs"):
        rx.ConvexProgram(problem, arrangement=rx.enumerate_patterns(X[:, 0]))
    few = rx.ConvexProgram(problem, arrangement=rx.sample_patterns(problem.inputs, 2, rng=0))
    with pytest.raises(LiftingError, match="outside"):
        rx.lift_network(network(problem, np.random.default_rng(0), 20), few)


def test_the_gated_relaxation_is_below():
    problem = rx.make_problem(X, Y, 0.1, pooling="mean")
    gated = rx.GatedRelaxation(problem, rx.enumerate_patterns(problem.inputs))
    value = gated.lower_bound(gated.to_cvxpy().problem.solve(solver="CLARABEL"))
    assert 0.0 < value <= rx.solve(problem).objective * (1 + 1e-6)


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1), st.sampled_from(BIASES), st.floats(0.05, 1.0))
def test_the_same_program_in_other_words(seed, bias, beta):
    """Bags of one row are the ordinary program; order, repeated rows of a mean, and a row split in two change nothing."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((3, 2, 2)), rng.standard_normal(3)
    plain = optimum(rx.make_problem(X[:, 0], Y, beta, bias=bias))
    assert optimum(rx.make_problem(X[:, :1], Y, beta, bias=bias, pooling="mean")) == pytest.approx(plain, rel=1e-6)
    mean = optimum(rx.make_problem(X, Y, beta, bias=bias, pooling="mean"))
    groups, order = np.repeat(np.arange(3), 4), rng.permutation(12)
    twice = np.repeat(X, 2, axis=1).reshape(-1, 2)
    again = rx.make_problem(twice[order], Y, beta, bias=bias, groups=groups[order])
    assert optimum(again) == pytest.approx(mean, rel=1e-6)
    if bias == "none":
        halves = np.concatenate([X[:, :1] / 2, X[:, :1] / 2, X[:, 1:]], axis=1)
        whole = optimum(rx.make_problem(X, Y, beta, pooling="sum"))
        assert optimum(rx.make_problem(halves, Y, beta, pooling="sum")) == pytest.approx(whole, rel=1e-6)
