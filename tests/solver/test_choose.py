"""Methods by name."""

import sys

import pytest
from solver.test_column_generation import problem_for
from solver.test_conic import fake_mosek

import relucvx as rx
from relucvx.errors import InvalidInputError, LicenseError, MissingPackageError
from relucvx.program.objective import objective
from relucvx.solver.choose import solve_problem
from relucvx.solver.column_generation import active_set
from relucvx.types import Status


def test_methods_and_errors():
    problem = problem_for()
    assert solve_problem(problem).status is Status.CONVERGED
    conic = solve_problem(problem, method="conic", time_limit=60.0)
    assert objective(problem, conic.network) == pytest.approx(objective(problem, active_set(problem).network), rel=1e-6)
    with pytest.raises(InvalidInputError, match="a solver among auto, active_set, conic"):
        solve_problem(problem, method="newton")


def test_a_backend_is_asked_by_name():
    problem = problem_for()
    reference = objective(problem, active_set(problem).network)
    rough = solve_problem(problem, method="conic", backend="SCS", time_limit=60.0)
    assert objective(problem, rough.network) == pytest.approx(reference, rel=1e-3)
    assert [step.phase for step in rough.history] == ["solved"]
    assert rough.history[0].cells > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "conic", "backend": "ECOS"}, "a backend among CLARABEL, SCS, MOSEK; received 'ECOS'.*\"CLARABEL\""),
        ({"method": "conic", "backend": "scs"}, "try: backend='SCS'"),
        ({"backend": "SCS"}, "received solver='auto', backend='SCS'; try: solver=\"conic\", backend='SCS'"),
        ({"method": "active_set", "backend": 3}, "a backend with the solver that has one"),
        ({"method": "conic", "backend": 3}, "a backend among"),
    ],
)
def test_a_backend_that_is_none_is_refused(options, said):
    with pytest.raises(InvalidInputError, match=said):
        solve_problem(problem_for(), **options)


@pytest.mark.parametrize(
    ("mosek", "error", "said"),
    [
        (None, MissingPackageError, "the mosek package"),
        (fake_mosek(licensed=False), LicenseError, "valid MOSEK licence"),
    ],
)
def test_what_is_missing_for_mosek_is_said_before_any_work(monkeypatch, mosek, error, said):
    """With a licence it is called: `test_mosek_licensed_is_called_by_name`."""
    monkeypatch.setitem(sys.modules, "mosek", mosek)
    monkeypatch.setattr("relucvx.solver.choose.enumerate_patterns", lambda *a, **k: pytest.fail("worked first"))
    with pytest.raises(error, match=said):
        rx.solve([[1.0], [2.0]], [1.0, 2.0], 0.5, solver="conic", backend="MOSEK")
