"""Dual points that a cover of cones proves: better than a scaled residual, for every kind of problem."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate import prove_dual
from relucvx.certificate.dual_points.relaxed_program import descend_coordinates, provable_dual
from relucvx.deadline import Deadline
from relucvx.oracle import cover
from relucvx.program.duality import balance_dual, residual
from relucvx.program.objective import fit
from relucvx.solver import solve_problem
from relucvx.threads import using_jobs

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 5))
T = X @ RNG.standard_normal(5) + np.abs(X @ RNG.standard_normal(5))
Y = T - T.mean()
SIGNS = np.where(Y > 0, 1.0, -1.0)
CLASSES = np.eye(3)[np.digitize(T, np.quantile(T, [0.33, 0.66]))]
CASES = {
    "squared": {"Y": Y},
    "hidden": {"Y": Y, "bias": "hidden"},
    "free": {"Y": Y, "bias": "free"},
    "all": {"Y": Y, "bias": "all"},
    "huber": {"Y": Y, "loss": "huber"},
    "logistic": {"Y": SIGNS, "loss": "logistic"},
    "hinge": {"Y": SIGNS, "loss": "hinge"},
    "absolute, all": {"Y": Y, "loss": "absolute", "bias": "all"},
    "cross-entropy": {"Y": CLASSES, "loss": "cross_entropy"},
    "two outputs": {"Y": np.column_stack([Y, Y[::-1]])},
    "abs": {"Y": Y, "activation": "abs"},
}


class Looks(Deadline):
    """Passes when it has been looked at so many times: the same work on any machine."""

    __slots__ = ("looks",)

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def passed(self):
        self.looks -= 1
        return self.looks < 0


def posed(options, share=0.05):
    options = dict(options)
    targets = options.pop("Y")
    return rx.make_problem(X, targets, share * rx.beta_max(X, targets, **options)[1], **options)


LONG = ("hinge", "absolute, all", "two outputs", "cross-entropy")


@pytest.mark.parametrize("name", [pytest.param(k, marks=[pytest.mark.slow] if k in LONG else []) for k in CASES])
def test_it_proves_more_with_as_many_cones_as_the_residual_of_the_optimum(name):
    problem = posed(CASES[name])
    found = solve_problem(problem, tol=1e-4)
    start = residual(problem, fit(problem, found.network)) if problem.loss.smooth else found.dual
    inside = provable_dual(problem, start, found.network, Looks(160))
    few = prove_dual(problem, inside, target=problem.beta, method="branch_and_bound")
    whole = prove_dual(problem, found.dual, target=problem.beta, max_cones=few.bound.cones, method="branch_and_bound")
    optimum = found.lower
    assert few.lower <= optimum * (1 + 2e-4)
    # closer to the optimum by a good part of what is missing
    assert optimum - few.lower <= 0.8 * (optimum - whole.lower)
    assert problem.loss.in_domain(few.dual, problem.Y, problem.sample_weight)


def test_no_time_gives_the_point_to_start_from():
    problem = posed(CASES["squared"])
    network = problem.null_network()
    start = residual(problem, fit(problem, network))
    assert provable_dual(problem, start, network, Deadline(0.0)) == pytest.approx(start)


@pytest.mark.parametrize("free", [False, True])
def test_coordinate_descent_ends_where_no_coordinate_can_win(free):
    rng = np.random.default_rng(1)
    A, target = rng.standard_normal((40, 12)), rng.standard_normal(12)
    h, beta, decay = rng.uniform(0.5, 2.0, 12), 0.8, 0.3
    a, b = np.zeros(40), np.zeros(2)
    r = -h * target
    descend_coordinates(A, r, h, beta, decay, a, b, free, 100_000, 1e-22)
    fitted = a @ A + np.tile(b, 6)
    assert r == pytest.approx(h * (fitted - target))
    slope = A @ r + beta
    assert slope[a > 0] == pytest.approx(0.0, abs=1e-8)
    assert (slope >= -1e-8).all()
    assert (a > 0).any()
    if free:
        assert r.reshape(6, 2).sum(axis=0) + decay * b == pytest.approx(0.0, abs=1e-8)
    else:
        assert not b.any()


def test_time_that_ends_inside_the_first_cover_ends_it(monkeypatch):
    """In many dimensions it alone takes seconds, whatever the limit: the clock is looked at between its pieces."""
    problem = posed({"Y": Y, "bias": "free"})
    start, pieces, whole = residual(problem, np.zeros_like(problem.Y)), [], cover.bound_all
    monkeypatch.setattr(cover, "PIECE", 10)
    monkeypatch.setattr(cover, "bound_all", lambda *args: (pieces.append(1), whole(*args)))
    with using_jobs(1):
        point = provable_dual(problem, start, problem.null_network(), Looks(3))
    assert len(pieces) == 3
    assert np.array_equal(point, balance_dual(problem, start))
