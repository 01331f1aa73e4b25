"""Points of the convex program: a vector per activation pattern and output sign, or a second moment per pattern."""

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


@dataclass(frozen=True, eq=False)
class MomentPrimal(Result):
    """A point of the convex program over P patterns where a neuron has several output weights (q = K c), in a plane.

    ``F = Σ_i diag(phi'(pattern_i)) Xa basis T_i [+ 1 bias_outᵀ]`` with ``moments[i] = [[W_i, T_i], [T_iᵀ, V_i]]``, the sum of
    ``(z, v)(z, v)ᵀ`` over the neurons ``w = basis z`` of pattern i with outputs v.

    Attributes
    ----------
    moments : (P, r + q, r + q) array
    basis : (D, r) array
        The plane; the identity where two features (or one and a decayed bias) fill it.
    bias_out : (c,) array or None
        Output bias for the bias modes "all" and "free".

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    moments: Array
    basis: Array
    bias_out: Array | None = None

    def __post_init__(self) -> None:
        square = self.moments.ndim == 3 and self.moments.shape[1] == self.moments.shape[2]
        if not square or self.basis.ndim != 2 or self.basis.shape[1] >= self.moments.shape[1]:
            raise InvalidInputError(
                explain(
                    "moments of shape (P, r + q, r + q) and a basis of shape (D, r)",
                    f"shapes {self.moments.shape} and {self.basis.shape}",
                    "a point put together by hand",
                    "form.primal()",
                )
            )
        super().__post_init__()

    def fit(self, problem: Problem, patterns: BoolArray) -> Array:
        """Fit F (n, c) of the point, for the patterns (P, R) its moments belong to."""
        r = self.basis.shape[1]
        flat = problem.inputs @ self.basis
        rows = np.concatenate([gate[:, None] * flat for gate in problem.activation.gate(patterns)], axis=1)
        F = problem.combine(rows, np.concatenate(self.moments[:, :r, r:]))
        return F if self.bias_out is None else F + self.bias_out

    def penalty(self, problem: Problem) -> float:
        """``beta/2 Σ_i (tr W_i + tr V_i) [+ beta/2 ||bias_out||² for "all"]``; for free biases without their coordinate."""
        r, counted = self.basis.shape[1], self.basis[: problem.penalized]
        total = float(np.einsum("di,pij,dj->", counted, self.moments[:, :r, :r], counted))
        total += float(np.einsum("pii->", self.moments[:, r:, r:]))
        if problem.bias.decays_output and self.bias_out is not None:
            total += float(self.bias_out @ self.bias_out)
        return 0.5 * problem.beta * total

    def objective(self, problem: Problem, patterns: BoolArray) -> float:
        """Loss of the fit plus the penalty; that of a network where :meth:`cone_violation` is 0."""
        return problem.loss_at(self.fit(problem, patterns)) + self.penalty(problem)

    def cone_violation(self, problem: Problem, patterns: BoolArray) -> float:
        """How far a moment is from being one of neurons of its cell: products of preactivations and eigenvalues below zero.

        The largest of ``-(s_k x_k)ᵀ W_i (s_l x_l)`` over pairs of rows and of ``-eigenvalues`` over all patterns i, where s are
        the signs of the pattern and x the rows in the plane.
        """
        r, flat = self.basis.shape[1], problem.inputs @ self.basis
        worst = max(0.0, -float(np.linalg.eigvalsh(self.moments)[:, 0].min(initial=0.0)))
        for pattern, moment in zip(patterns, self.moments, strict=True):
            rows = np.where(pattern, 1.0, -1.0)[:, None] * flat
            worst = max(worst, float(np.max(-(rows @ moment[:r, :r] @ rows.T), initial=0.0)))
        return worst
