"""Points of the convex program: one vector per activation pattern and output sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.program.problem import Problem
from relucvx.types import Array, BoolArray, Result


@dataclass(frozen=True, eq=False)
class ConvexPrimal(Result):
    """A point of the convex program over P patterns, one output and one read-out.

    ``F = Σ_i diag(phi'(pattern_i)) Xa (positive_i - negative_i) [+ 1 bias_outᵀ]``, summed over the rows of a sample where it
    is a bag.

    Attributes
    ----------
    positive, negative : (P, D) arrays
        Row i belongs to pattern i: the neurons with positive and with negative output weight.
    bias_out : (1,) array or None
        Output bias for the bias modes "all" and "free".

    Notes
    -----
    Status: theorem (definition). Source: [pilanci-ergen-2020]
    """

    positive: Array
    negative: Array
    bias_out: Array | None = None

    def __post_init__(self) -> None:
        if self.positive.ndim != 2 or self.positive.shape != self.negative.shape:
            raise InvalidInputError(
                explain(
                    "positive and negative of one shape (P, D)",
                    f"shapes {self.positive.shape} and {self.negative.shape}",
                )
            )
        super().__post_init__()

    def fit(self, problem: Problem, patterns: BoolArray) -> Array:
        """Fit F (n, 1) of the point, for the patterns (P, n) its rows belong to."""
        gates = problem.activation.gate(patterns)
        rows = np.sum(gates.T * (problem.inputs @ (self.positive - self.negative).T), axis=1, keepdims=True)
        F = problem.combine(rows, np.ones((1, 1)))
        return F if self.bias_out is None else F + self.bias_out

    def penalty(self, problem: Problem) -> float:
        """``beta Σ_i (||positive_i|| + ||negative_i||) [+ beta/2 ||bias_out||² for "all"]``.

        For free biases the norms leave out the last coordinate.
        """
        k = problem.penalized
        total = float(np.linalg.norm(self.positive[:, :k], axis=1).sum())
        total += float(np.linalg.norm(self.negative[:, :k], axis=1).sum())
        if problem.bias.decays_output and self.bias_out is not None:
            total += 0.5 * float(self.bias_out @ self.bias_out)
        return problem.beta * total

    def objective(self, problem: Problem, patterns: BoolArray) -> float:
        """Loss of the fit plus the penalty; equals the program's value only where :meth:`cone_violation` is 0."""
        return problem.loss_at(self.fit(problem, patterns)) + self.penalty(problem)

    def cone_violation(self, problem: Problem, patterns: BoolArray) -> float:
        """Largest violation of ``(2 pattern_i - 1) Xa u_i >= 0`` over all blocks, in units of the preactivation."""
        signs = np.where(patterns, 1.0, -1.0)
        worst = 0.0
        for block in (self.positive, self.negative):
            worst = max(worst, float(np.max(-signs * (block @ problem.inputs.T), initial=0.0)))
        return worst
