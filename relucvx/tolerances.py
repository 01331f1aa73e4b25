"""Tolerances that several modules share, or that say what counts as proven: name, value, relative to what, and why.

The others are named constants of the module that uses them, with their reason.
"""

from __future__ import annotations

from dataclasses import dataclass

EPS = 2.220446049250313e-16
"""Unit in the last place of 1.0 in float64."""


@dataclass(frozen=True)
class Tolerance:
    """A named tolerance.

    Attributes
    ----------
    value : float
        The number itself.
    relative_to : str
        What the number is multiplied with before it is compared.
    reason : str
        Why it is neither smaller nor larger.
    """

    value: float
    relative_to: str
    reason: str

    def __float__(self) -> float:
        return self.value


SOLVE = Tolerance(
    1e-6, "upper bound of the objective", "what a paper's table needs; interior-point steps reach it safely"
)
EVALUATION = Tolerance(
    1e-13,
    "the lower bound itself",
    "room for whoever evaluates an objective with another order of summation, for thousands of terms",
)
PATTERN = Tolerance(1e-11, "||x_i|| ||w||", "closer to a wall than this, the side of the wall is undecided in float64")
RANK = Tolerance(1e-10, "largest singular value of X", "directions below it are numerically outside the row space")
MERGE = Tolerance(
    1e-9,
    "1 - cosine between directions",
    "an angle of 4.5e-5, inside which neurons are taken for one; callers keep the merge only if the objective agrees",
)
WALL = Tolerance(1e-5, "||x_i|| ||w||", "a neuron this close to a wall gets a block on each side, so it can cross")
CONIC = Tolerance(1e-10, "the conic backend's own residuals", "two digits below what float64 interior points stall at")
DEAD = Tolerance(1e-10, "largest ||w_j|| ||v_j||", "blocks below it are the barrier's residue, not neurons")
PLANE = Tolerance(
    1e-6, "size of a polygon and of its coordinates", "corners computed in float32 still lie in one plane"
)
ROUNDING = Tolerance(
    32 * EPS, "sum of the absolute terms of a preactivation", "above what summation does, far below what geometry does"
)
