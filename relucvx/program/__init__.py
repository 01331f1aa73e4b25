"""The training problem: losses, objective, duality, and the convex program over an arrangement."""

from relucvx.program.gated import GatedRelaxation
from relucvx.program.model import ConvexProgram
from relucvx.program.problem import Problem, make_problem
from relucvx.program.recovery import lift_network, recover_network

__all__ = ["ConvexProgram", "GatedRelaxation", "Problem", "lift_network", "make_problem", "recover_network"]
