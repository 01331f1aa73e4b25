"""The program of two signs: its steps against dense formulas, what it proves against interior points and the optimum."""

import cvxpy as cp
import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.dual_points.lifted_program import LiftedProgram
from relucvx.certificate.dual_points.signed_program import CONES, SignedProgram, _in_cones, _rows, _spread, signs
from relucvx.certificate.proof import prove_signed
from relucvx.datasets import planted
from relucvx.deadline import Deadline
from relucvx.oracle import dual_norm
from relucvx.threads import using_jobs
from relucvx.types import Activation


def drawn(n=12, d=3, c=1, seed=0, share=0.1, **options):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, d)), rng.standard_normal((n, c))
    Y = np.where(Y > 0, 1.0, -1.0) if options.get("loss") in ("logistic", "hinge") else Y
    Y = Y[:, 0] if c == 1 else Y
    return rx.make_problem(X, Y, share * rx.beta_max(X, Y, **options)[1], **options)


def stepped(problem, steps):
    program = SignedProgram(problem)
    for _ in range(steps):
        program._step()
        program.steps += 1
        if program.steps % 20 == 0:
            program._balance()
    program._check()
    return program


def dense(program):
    R = program.rows
    return np.block([[np.zeros(R.shape), np.eye(len(R))], [-R, np.eye(len(R))]])


def test_the_equations_that_a_step_solves():
    program = SignedProgram(drawn(n=7))
    rng = np.random.default_rng(1)
    p, k = program.rows.shape
    E, D = dense(program), np.diag([1.0] * k + [0.0] * p)
    W = rng.standard_normal((k + p, k + p))
    W = W + W.T
    X, square = program.signs[0].equations.solve(W, 0.3)
    G = E.T @ E
    off = X + G @ X @ G + 0.5 * CONES * (D @ X @ G + G @ X @ D) - W
    # the square of the length is tr X_ww, and both are moved by one multiplier
    assert square == pytest.approx(np.trace(X[:k, :k]))
    assert off == pytest.approx(-(square - 0.3) * D)
    x, C = rng.standard_normal((2, k + p)), rng.standard_normal((2, 2 * p))
    assert _rows(program.rows, x) == pytest.approx(x @ E.T)
    assert _spread(program.rows, C) == pytest.approx(C @ E)


def test_columns_go_to_the_nearest_place_in_the_cone():
    C = np.random.default_rng(0).standard_normal((4, 300))
    found = _in_cones(C)
    assert np.all(np.linalg.norm(found[1:], axis=0) <= found[0] * (1 + 1e-12) + 1e-15)
    # what is cut off is in the polar cone and at right angles to what is kept
    off = found - C
    assert np.all(np.linalg.norm(off[1:], axis=0) <= off[0] * (1 + 1e-12) + 1e-12)
    assert np.sum(off * found, axis=0) == pytest.approx(np.zeros(300), abs=1e-12)


def reference(problem):
    """The same program, by an interior-point method."""
    base = LiftedProgram(problem)
    lifting, k = base.lifting, base.lifting.leading
    M = [cp.Variable((1 + lifting.size, 1 + lifting.size), PSD=True) for _ in range(2)]
    held = []
    for one in M:
        products = lifting.E @ one[1:, 1:] @ lifting.E.T
        held += [products >= 0, one[0, 0] == cp.trace(one[1 : 1 + k, 1 : 1 + k])]
        held += [products[i, j] == 0 for i, j in lifting.pairs]
        held += [cp.SOC(one[0, 1:] @ e, one[1 : 1 + k, 1:] @ e) for e in lifting.E]
    fit = base.unit * lifting.J @ (M[0][0, 1:] - M[1][0, 1:])
    extra = 0.0
    if problem.bias.decays_output:
        b = cp.Variable()
        fit, extra = fit + b, 0.5 * problem.beta * cp.square(b)
    cost = problem.loss.expression(
        cp.reshape(fit, (len(problem.Y), 1), order="C"), problem.Y, problem.sample_weight[:, None]
    )
    cost = cost + problem.beta * (M[0][0, 0] + M[1][0, 0]) + extra
    return float(cp.Problem(cp.Minimize(cost), held).solve(solver="CLARABEL"))


CASES = {
    "squared": {},
    "hidden": {"bias": "hidden"},
    "all": {"bias": "all"},
    "leaky": {"activation": Activation("leaky", 0.1, 1.0)},
    "abs": {"activation": "abs"},
    "huber": {"loss": "huber"},
    "logistic": {"loss": "logistic"},
    "hinge": {"loss": "hinge"},
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "squared" else [pytest.mark.slow]) for n in CASES])
def test_it_proves_what_an_interior_point_method_does_and_never_more_than_the_optimum(name):
    problem = drawn(n=6, d=2, **CASES[name])
    program = stepped(problem, 4000)
    proof = program.proof()
    assert proof.lower == pytest.approx(reference(problem), rel=0.01)
    assert proof.lower <= rx.solve(problem, time_limit=20).objective
    assert proof.bound.method == "semidefinite"
    assert proof.lower == pytest.approx(program.lower, rel=1e-3)
    # a proof like any other: its point is feasible
    assert dual_norm(problem, proof.dual).lower <= problem.beta * (1 + 1e-9)


def test_it_proves_more_than_one_moment_does():
    X, y = np.random.default_rng(0).standard_normal((12, 3)), np.random.default_rng(1).standard_normal(12)
    problem = rx.make_problem(X, y, 0.3)
    lifted, program = LiftedProgram(problem), stepped(problem, 2000)
    for _ in range(2000):
        lifted._step()
    lifted._check()
    upper = rx.solve(problem, time_limit=20).objective
    assert upper - program.lower < 0.5 * (upper - lifted.lower)


@pytest.mark.parametrize("unit", [(1e-6, 1.0), (1e6, 1.0), (1.0, 1e-6), (1e5, 1e5), (1e-9, 1e9)])
def test_units_change_nothing(unit):
    problem = drawn()
    # the objective is that of targets in their units, squared
    moved = rx.make_problem(problem.X * unit[0], problem.Y * unit[1], problem.beta * unit[0] * unit[1])
    lowers = [stepped(one, 150).proof().lower for one in (problem, moved)]
    assert lowers[1] / unit[1] ** 2 == pytest.approx(lowers[0], rel=1e-6)


def test_order_signs_and_threads_change_nothing():
    problem = drawn(n=15, d=3)
    lower = stepped(problem, 200).proof().lower
    order = np.random.default_rng(0).permutation(15)
    turned = rx.make_problem(problem.X[order], -problem.Y[order], problem.beta)
    assert stepped(turned, 200).proof().lower == pytest.approx(lower, rel=1e-6)
    found = []
    for jobs in (1, 2):
        with using_jobs(jobs):
            program = SignedProgram(problem)
            program.run(Deadline(60.0), enough=0.5 * lower)
            found.append((program.steps, program.lower))
    assert found[0] == found[1]


@pytest.mark.parametrize("steps", [10, 40, 160])
def test_iterates_far_from_feasible_prove_what_was_made_good_in_them(steps):
    program = stepped(drawn(n=15, d=4, bias="hidden"), steps)
    proof = program.proof()
    assert proof.lower >= program.lower * (1.0 - 1e-5)
    # what is handed out is feasible, also where it is believed to be the whole bound
    point, multipliers = program.best
    again = prove_signed(
        program.problem, program.lifting, program.unit, 3.0 * point, [(3 * S, 3 * C) for S, C in multipliers]
    )
    assert again.lower == pytest.approx(proof.lower)


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
    program = SignedProgram(problem)
    for _ in range(200):
        program._step()
    program._check()
    proof = program.proof()
    assert 0.0 <= proof.lower <= rx.solve(problem).objective * (1 + 1e-12)


def test_it_is_for_one_output():
    assert signs(drawn())
    assert not signs(drawn(c=2))


def test_no_time_proves_nothing_and_enough_is_enough():
    data = planted(40, 8)
    program = SignedProgram(rx.make_problem(data.X, data.Y, 1.0))
    program.run(Deadline(0.0))
    assert program.proof() is None
    program.run(Deadline(0.2))
    steps, lower = program.steps, program.lower
    program.run(Deadline(0.1))
    assert program.steps > steps
    assert program.lower >= lower
    program.run(Deadline(60.0), enough=lower)
    assert program.proof().lower <= rx.solve(program.problem, time_limit=2).objective
