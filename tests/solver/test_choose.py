"""Methods by name."""

import pytest
from solver.test_column_generation import problem_for

from relucvx.errors import InvalidInputError
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
