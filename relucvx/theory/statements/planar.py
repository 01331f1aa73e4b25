"""The exact convex program for several outputs in the plane, where every cell has two rays: a second opinion on optima."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.types import Array

cp = later("cvxpy")


def planar_optimum(X: Any, Y: Any, beta: float) -> float:
    """Optimal value for inputs with two features, from one semidefinite program over all cells.

    A direction in a cell is ``R a`` with its rays as columns of R and ``a >= 0``. A cell's block ``V = R C`` is a sum of
    ``(R a_j) g_j^T``, at cost ``Σ (||R a_j||² + ||g_j||²)/2``, iff ``[[A, C], [C^T, B]]`` is positive semidefinite with
    ``A = Σ a_j a_j^T``; a nonnegative 2x2 matrix A that is positive semidefinite has such a form.

    Parameters
    ----------
    X : array_like of shape (n, 2)
        No row zero.
    Y : array_like of shape (n, c)
    beta : float

    Returns
    -------
    float

    Notes
    -----
    Source: [sahiner-2021]. Status: theorem (exact in the plane), to the accuracy of the backend.
    """

    X, Y = np.asarray(X, dtype=float), np.asarray(Y, dtype=float)
    c = Y.shape[1]
    rays = _rays(X)
    fit, cost, constraints = 0, 0, []
    for k in range(len(rays)):
        # neurons of the cell are R a with a >= 0, and the block holds the moments of (a, v)
        R = np.column_stack([rays[k], rays[(k + 1) % len(rays)]])
        block = cp.Variable((2 + c, 2 + c), PSD=True)
        A, C, B = block[:2, :2], block[:2, 2:], block[2:, 2:]
        # the sum of its rays lies inside the cell, where its gates can be read off
        fit = fit + (X * (X @ R.sum(axis=1) > 0)[:, None]) @ R @ C
        cost = cost + cp.trace((R.T @ R) @ A) + cp.trace(B)
        constraints.append(A >= 0)
    objective = 0.5 * cp.sum_squares(fit - Y) + 0.5 * beta * cost
    problem = cp.Problem(cp.Minimize(objective), constraints)
    problem.solve(solver="CLARABEL")
    return float(problem.value)


def _rays(X: Array) -> Array:
    """Unit vectors at right angles to the inputs, both ways round, by angle."""
    turned = np.column_stack([-X[:, 1], X[:, 0]]) / np.linalg.norm(X, axis=1, keepdims=True)
    both = np.vstack([turned, -turned])
    rays: Array = both[np.argsort(np.arctan2(both[:, 1], both[:, 0]))]
    return rays
