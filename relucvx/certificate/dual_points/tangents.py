"""A concave dual function that is a sum over samples, as a linear program over its tangents."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.program.duality import residual
from relucvx.program.problem import Problem
from relucvx.types import Array

EXACT = 1e-9
"""Relative distance of tangents from a dual function up to which they stand for it."""


class Tangents:
    """Summands of the dual function of one output, each the least of its tangents: θ_i <= slope N_i + offset."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rows: list[tuple[Array, Array]] = []
        self.add(np.zeros(problem.n_samples))

    def add(self, N: Array) -> float:
        """The tangents at N (n,); the dual function there."""
        loss, y, w = self.problem.loss, self.problem.Y, self.problem.sample_weight
        point = loss.round_dual(N[:, None], y, w)
        slope, values = loss.dual_gradient(point, y, w)[:, 0], loss.dual_entries(point, y, w)[:, 0]
        self.rows.append((slope, values - slope * point[:, 0]))
        return float(values.sum())

    def bounded(self, lo: Array, hi: Array) -> tuple[Array, Array]:
        """A finite box: four times the slopes at fit 0 where the domain is unbounded."""
        far = 4.0 * float(np.abs(residual(self.problem, np.zeros_like(self.problem.Y))).max())
        return np.maximum(lo, -far), np.minimum(hi, far)

    def extend(
        self, A: Array, b: Array, eq: Array | None, bounds: list[Any]
    ) -> tuple[Array, Array, Array, Any, list[Any]]:
        """A linear program in (N, level) with θ appended: cost -Σ θ, rows, right-hand sides, equations, bounds."""
        n = self.problem.n_samples
        below = [np.column_stack([np.diag(-slope), np.zeros(n), np.eye(n)]) for slope, _ in self.rows]
        A = np.vstack([np.column_stack([A, np.zeros((len(A), n))]), *below])
        b = np.concatenate([b, *(offset for _, offset in self.rows)])
        eq = None if eq is None else np.column_stack([eq, np.zeros((1, n))])
        return np.append(np.zeros(n + 1), -np.ones(n)), A, b, eq, [*bounds, *[(None, None)] * n]

    def refine(self, x: Array) -> bool:
        """Add the tangents at the point found; whether the ones so far were exact there."""
        n = self.problem.n_samples
        promised = float(x[n + 1 :].sum())
        return promised - self.add(x[:n]) <= EXACT * max(abs(promised), 1e-300)
