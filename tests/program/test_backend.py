"""The conic backends: what each calls its options, which stops count, and CLARABEL called directly."""

import time
import warnings

import clarabel
import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp

from relucvx.deadline import Deadline, OutOfTime
from relucvx.program import backend


@pytest.mark.parametrize("name", [backend.CLARABEL, backend.SCS])
def test_backends_take_the_options_they_are_given(name):
    x = cp.Variable()
    problem = cp.Problem(cp.Minimize(cp.abs(x - 1.0)), [x >= 3.0])
    assert backend.solve(problem, name, backend.options(name, 1e-8, 20.0, 1000)) == backend.OPTIMAL
    assert problem.value == pytest.approx(2.0, abs=1e-6)


def test_a_solve_that_is_late_is_out_of_time(monkeypatch):
    monkeypatch.setattr(cp.Problem, "solve", lambda self, **options: time.sleep(2))
    problem = cp.Problem(cp.Minimize(cp.Variable()))
    with pytest.raises(OutOfTime):
        backend.solve(problem, backend.CLARABEL, {}, deadline=Deadline(0.05))


@pytest.mark.parametrize("name", backend.BACKENDS)
def test_a_limit_is_named_only_where_there_is_one(name):
    without, limited = str(backend.options(name, 1e-8, None, 5)), backend.options(name, 1e-8, 7.5, 5)
    assert "7.5" not in without
    assert "1e-08" in without
    assert 7.5 in {**limited, **limited.get("mosek_params", {})}.values()


def test_what_cvxpy_says_of_inaccurate_points_is_not_passed_on_and_other_warnings_are():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with backend.quiet():
            warnings.warn("Solution may be inaccurate. Try another solver.", UserWarning, stacklevel=1)
            with pytest.raises(UserWarning, match="parameters"):
                warnings.warn("too many parameters", UserWarning, stacklevel=1)


def test_failures_are_those_of_the_backend_and_of_arithmetic():
    assert issubclass(cp.error.SolverError, backend.failures(backend.SCS))
    assert issubclass(ZeroDivisionError, backend.failures(backend.CLARABEL))
    assert not issubclass(KeyError, backend.failures(backend.CLARABEL))


LEAST = (
    sp.csc_matrix((1, 1)), np.array([1.0]), sp.csc_matrix([[-1.0]]), np.array([-2.0]), [clarabel.NonnegativeConeT(1)],
)  # fmt: skip
"""min x subject to x >= 2."""


@pytest.mark.parametrize("long", [False, True])
def test_clarabel_directly(long):
    out = backend.run_clarabel(LEAST, 1e-9, Deadline(30.0), long)
    x = np.array(out.x)
    assert x == pytest.approx([2.0], abs=1e-6)
    assert backend.usable(out, x)
    assert not backend.usable(out, np.array([np.nan]))


def test_a_long_solve_that_is_late_has_no_answer(monkeypatch):
    solver = type("Solver", (), {"set_termination_callback": lambda self, f: None, "solve": lambda self: time.sleep(2)})
    monkeypatch.setattr(clarabel, "DefaultSolver", lambda *data: solver())
    assert backend.run_clarabel(LEAST, 1e-9, Deadline(0.05), long=True) is None
    assert not backend.usable(None, np.array([1.0]))


def test_what_is_contradictory_or_without_end_is_of_no_use():
    unbounded = (LEAST[0], np.array([-1.0]), *LEAST[2:])
    out = backend.run_clarabel(unbounded, 1e-9, Deadline(), long=False)
    assert not backend.usable(out, np.array(out.x))
