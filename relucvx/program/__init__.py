"""The training problem: losses, objective, duality, and the convex program over an arrangement."""

from relucvx.program.gated import GatedRelaxation
from relucvx.program.interpolation import InterpolationProgram
from relucvx.program.model import ConvexProgram
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.program.recovery import lift_network, recover_network
from relucvx.program.relaxations import Relaxation, doubly_nonnegative_bound, nuclear_norm_bound

__all__ = [
    "ConvexProgram",
    "GatedRelaxation",
    "InterpolationProgram",
    "Problem",
    "Relaxation",
    "doubly_nonnegative_bound",
    "lift_network",
    "make_problem",
    "nuclear_norm_bound",
    "recover_network",
]


def __dir__() -> list[str]:
    return sorted(__all__)
