"""Ways to get a primal and a dual point: the conic reference and our active set."""

from relucvx.program.backend import check_mosek
from relucvx.solver.choose import solve_problem
from relucvx.solver.column_generation import active_set
from relucvx.solver.conic import solve_conic
from relucvx.solver.interpolate import interpolate_problem, interpolates, interpolation_problem
from relucvx.solver.iteration_log import IterationLog
from relucvx.solver.result import Progress, SolverResult

__all__ = [
    "IterationLog",
    "Progress",
    "SolverResult",
    "active_set",
    "check_mosek",
    "interpolate_problem",
    "interpolates",
    "interpolation_problem",
    "solve_conic",
    "solve_problem",
]


def __dir__() -> list[str]:
    return sorted(__all__)
