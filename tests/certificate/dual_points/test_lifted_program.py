"""The lifted program: its steps against dense formulas, what it proves against an interior-point method and the optimum."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.dual_points.lifted_program import MOST_LINES, LiftedProgram, lifts
from relucvx.certificate.proof import prove_lifted
from relucvx.datasets import planted
from relucvx.deadline import Deadline
from relucvx.oracle import dual_norm
from relucvx.oracle.semidefinite import multiplier_bound
from relucvx.program.lifting import split_lifting
from relucvx.program.relaxations import doubly_nonnegative_bound
from relucvx.types import Activation, Scope


def drawn(n=12, d=3, c=1, seed=0, share=0.1, **options):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, c))
    if options.get("loss") in ("logistic", "hinge", "squared_hinge"):
        Y = np.where(Y > 0, 1.0, -1.0)
    Y = Y[:, 0] if c == 1 else Y
    return rx.make_problem(X, Y, share * rx.beta_max(X, Y, **options)[1], **options)


@pytest.fixture(scope="module")
def program():
    return LiftedProgram(drawn(n=7, c=2))


def test_products_and_their_adjoint_are_those_of_the_matrix(program):
    rng = np.random.default_rng(1)
    p, k = program.rows.shape
    E = np.block([[np.zeros((p, k)), np.eye(p)], [-program.rows, np.eye(p)]])
    W, S = (A + A.T for A in (rng.standard_normal((k + p, k + p)), rng.standard_normal((2 * p, 2 * p))))
    assert program._products(W) == pytest.approx(E @ W @ E.T)
    assert program._adjoint(S) == pytest.approx(E.T @ S @ E)
    # and the equations that a step solves
    X = program._least_squares(W)
    assert pytest.approx(W) == X + E.T @ E @ X @ E.T @ E


def test_the_nearest_semidefinite_matrix_also_where_most_eigenvalues_are_positive(program):
    rng = np.random.default_rng(2)
    V = np.linalg.qr(rng.standard_normal((200, 200)))[0]
    values = np.where(np.arange(200) < 150, 1.0, -1.0) * rng.random(200)
    program.positive = 1  # so few were positive last
    assert program._semidefinite((V * values) @ V.T) == pytest.approx((V * np.maximum(values, 0.0)) @ V.T, abs=1e-12)


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic", "squared_hinge", "hinge", "absolute"])
def test_the_fit_is_where_its_loss_and_its_distance_balance(loss):
    problem = drawn(loss=loss, n=10)
    program = LiftedProgram(problem)
    B = np.random.default_rng(3).standard_normal((10, 1))
    F = program.fit_unit * program._proximal(B)
    low, high = problem.loss.subgradient_bounds(F, problem.Y, problem.sample_weight, tol=1e-9)
    pull = -program.rho * (F - program.fit_unit * B)
    assert np.all(low - 1e-6 <= pull)
    assert np.all(pull <= high + 1e-6)


CASES = {
    "squared": {},
    "hidden": {"bias": "hidden"},
    "all": {"bias": "all"},
    "two outputs": {"c": 2},
    "leaky": {"activation": Activation("leaky", 0.1, 1.0)},
    "abs": {"activation": "abs"},
    "huber": {"loss": "huber"},
    "logistic": {"loss": "logistic"},
    "hinge": {"loss": "hinge"},
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n == "hinge" else []) for n in CASES])
def test_it_proves_what_an_interior_point_method_does_and_never_more_than_the_optimum(name):
    problem = drawn(n=10, **CASES[name])
    program = LiftedProgram(problem)
    program.run(Deadline(20.0))
    proof = program.proof()
    reference = doubly_nonnegative_bound(problem).lower
    upper = rx.solve(problem, time_limit=20).objective
    assert proof.lower == pytest.approx(reference, rel=0.01)
    assert proof.lower <= upper
    assert proof.bound.method == "semidefinite"
    assert proof.lower == pytest.approx(program.lower, rel=1e-3)
    # a proof like any other: its point is feasible
    assert dual_norm(problem, proof.dual).lower <= problem.beta * (1 + 1e-9)


@pytest.mark.parametrize("unit", [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-6), (1e5, 1e5), (1e-9, 1e9)])
def test_units_change_nothing(unit):
    problem = drawn()
    # the objective is that of targets in their units, squared
    moved = rx.make_problem(problem.X * unit[0], problem.Y * unit[1], problem.beta * unit[0] * unit[1])
    lowers = []
    for one in (problem, moved):
        program = LiftedProgram(one)
        for _ in range(150):
            program._step()
        program._check()
        lowers.append(program.proof().lower)
    assert lowers[1] / unit[1] ** 2 == pytest.approx(lowers[0], rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_any_multiplier_bounds_the_dual_norm(seed):
    rng = np.random.default_rng(seed)
    problem = drawn(seed=seed, c=2)
    lifting = split_lifting(problem.inputs, problem.activation)
    N = rng.standard_normal(problem.Y.shape)
    S = rng.standard_normal((len(lifting.E), len(lifting.E)))
    # also one that would forbid every neuron, were it believed
    below = -1e3 * np.eye(len(S))
    for multiplier in (S, 0.0 * S, below):
        assert multiplier_bound(lifting, N, multiplier) >= dual_norm(problem, N).lower
    assert prove_lifted(problem, lifting, 1.0, N, S).lower <= rx.solve(problem).objective


@pytest.mark.parametrize("steps", [10, 40, 160])
def test_iterates_far_from_feasible_prove_what_was_made_good_in_them(steps):
    program = LiftedProgram(drawn(n=15, d=4, bias="hidden"))
    for _ in range(steps):
        program._step()
    program._check()
    assert program.shrink <= 1.0
    assert program.proof().lower >= program.lower * (1.0 - 1e-5)


DEGENERATE = {
    "zero inputs": (np.zeros((4, 2)), np.ones(4)),
    "zero targets": (np.eye(4), np.zeros(4)),
    "a zero row": (np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]]), np.array([1.0, 2.0, -1.0])),
    "parallel and opposite rows": (np.array([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0], [1.0, 0.0]]), np.arange(4.0)),
    "more inputs than samples": (np.random.default_rng(0).standard_normal((3, 8)), np.arange(3.0)),
    "one column": (np.arange(1.0, 6.0)[:, None], np.array([1.0, -1.0, 2.0, 0.0, 1.0])),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_data(name):
    X, y = DEGENERATE[name]
    problem = rx.make_problem(X, y, 0.1)
    program = LiftedProgram(problem)
    program.run(Deadline(2.0))
    proof = program.proof()
    assert 0.0 <= proof.lower <= rx.solve(problem).objective * (1 + 1e-12)


def test_where_it_applies():
    assert lifts(drawn())
    assert not lifts(drawn(bias="free"))
    one_hot = np.eye(3)[[0, 1, 2, 0]]
    assert not lifts(rx.make_problem(np.eye(4), one_hot, 0.1, loss="cross_entropy"))
    assert not lifts(rx.make_problem(np.ones((4, 2, 3)), np.ones(4), 0.1, pooling="mean"))
    assert not lifts(rx.make_problem(np.ones((MOST_LINES + 1, 2)), np.ones(MOST_LINES + 1), 0.1))


def test_steps_go_on_where_they_ended_and_no_time_proves_nothing():
    data = planted(40, 8)
    problem = rx.make_problem(data.X, data.Y, 1.0)
    program = LiftedProgram(problem)
    program.run(Deadline(0.0))
    assert program.proof() is None
    program.run(Deadline(0.2))
    steps, lower = program.steps, program.lower
    program.run(Deadline(0.2))
    assert program.steps > steps
    assert program.lower >= lower
    # enough is enough
    program.run(Deadline(60.0), enough=lower)
    assert program.proof().bound.scope in (Scope.RELAXED, Scope.ALL_PATTERNS)
