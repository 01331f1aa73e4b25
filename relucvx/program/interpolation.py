"""The limit beta -> 0+: the network of least norm that fits the data exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement.patterns import Arrangement
from relucvx.errors import InfeasibleError, explain
from relucvx.program.cvxpy_form import CvxpyForm, build
from relucvx.program.model import ConvexProgram
from relucvx.program.problem import Problem, make_problem
from relucvx.tolerances import EPS, PATTERN, RANK
from relucvx.types import Activation, Array

COLLINEAR = 8.0 * EPS
"""Ratios of entries that rounding alone sets apart: each of the four numbers in x_j = t x_i is off by one unit at most."""


class InterpolationProgram(ConvexProgram):
    """Least norm subject to an exact fit, over an arrangement (one output).

    ``min Σ_i (||u_i|| + ||v_i||) [+ b_out²/2 for "all"]  subject to  Σ_i diag(phi'_i) Xa (u_i - v_i) + b_out = Y``
    and the cone constraints of :class:`~relucvx.program.model.ConvexProgram`. It is the limit of the minimisers of
    ``loss + beta·penalty`` as beta -> 0+, and its value the limit of (optimum - least loss)/beta.

    ``problem`` is the squared-loss problem with beta = 1, so that penalties are read in units of the norm.

    Raises
    ------
    InfeasibleError
        When no network with neurons in these cells fits Y: rows of X that contradict each other, or Y outside the
        span of the gated data.
    InvalidInputError, UnsupportedError
        As for ConvexProgram.

    Notes
    -----
    Status: theorem (cells are full-dimensional, so differences of their points span everything; for complete
    arrangements infeasible means that no network of any width fits). Source: [relucvx]
    """

    def __init__(
        self,
        X: Any,
        Y: Any,
        *,
        arrangement: Arrangement,
        bias: str | bool = "none",
        activation: str | tuple[float, float] | Activation = "relu",
    ) -> None:
        problem = make_problem(X, Y, 1.0, "squared", bias, activation)
        check_feasible(problem)
        self._bind(problem, arrangement)
        if not self.complete:
            self._check_span()

    @classmethod
    def from_problem(cls, problem: Problem, arrangement: Arrangement) -> InterpolationProgram:
        """The interpolation program of a problem's data (its beta, loss and sample weights play no part)."""
        Y = problem.Y[:, 0] if problem.scalar_output else problem.Y
        return cls(problem.X, Y, arrangement=arrangement, bias=problem.bias, activation=problem.activation)

    def to_cvxpy(self) -> CvxpyForm:
        """The program in CVXPY; ``fit`` is the targets, and the multiplier of ``link`` the dual point."""
        return build(self.problem, self.patterns, target=self.problem.Y[:, 0])

    def _check_span(self) -> None:
        """Y must lie in the span of all diag(phi'_i) Xa (and the ones vector if there is an output bias)."""
        y = self.problem.Y[:, 0]
        basis = _fits_basis(self)
        left = y - basis @ (basis.T @ y)
        if np.linalg.norm(left) <= 1e3 * RANK.value * np.linalg.norm(y):
            return
        i = int(np.argmax(np.abs(left)))
        raise InfeasibleError(
            explain(
                "targets that some network with neurons in the program's cells fits exactly",
                f"targets off by {np.linalg.norm(left):.3g} at best, mostly at row {i}",
                "the patterns are too few",
                "more patterns: enumerate_patterns instead of sample_patterns",
            )
        )


def _fits_basis(program: ConvexProgram) -> Array:
    """Orthonormal basis (n, r) of the fits reachable over the program's patterns, a batch of patterns at a time."""
    problem = program.problem
    Xa, n = _even(problem), problem.n_samples
    gates = problem.activation.gate(program.patterns)
    start = np.ones((n, 1)) if problem.bias in ("all", "free") else np.zeros((n, 0))
    span = start / max(1.0, float(np.linalg.norm(start)))
    scale = float(np.linalg.norm(Xa, 2)) * max(abs(problem.activation.slope_neg), abs(problem.activation.slope_pos))
    batch = max(1, 4 * n // Xa.shape[1])
    for first in range(0, len(gates), batch):
        columns = np.concatenate([g[:, None] * Xa for g in gates[first : first + batch]], axis=1)
        columns = columns - span @ (span.T @ columns)
        u, s, _ = np.linalg.svd(columns, full_matrices=False)
        span = np.linalg.qr(np.hstack([span, u[:, s > RANK.value * scale]]))[0]
        if span.shape[1] >= n:
            break
    return span


def _even(problem: Problem) -> Array:
    """Inputs whose columns span what those of the problem span, of equal size and, beside a column of ones, around zero."""
    X = problem.X if problem.bias == "none" else problem.X - problem.X.mean(axis=0)
    size = np.abs(X).max(axis=0)
    X = X / np.where(size > 0, size, 1.0)
    return X if problem.bias == "none" else np.hstack([X, np.ones((len(X), 1))])


def check_feasible(problem: Problem) -> None:
    """Raise unless some network of the problem's kind, of any width, fits Y exactly.

    With phi(t) = a t + b |t|, rows x_i = t_i u on the line of u give phi(x_i·w) = a x_i·w + b |t_i| |u·w|, and the
    functions |u·w| of different lines are linearly independent of each other and of all linear ones. So the reachable
    fits are the span of the columns a X, of b |t_i| on each line, and of the ones vector if there is an output bias.
    With a hidden bias and a kink, different rows are on different lines, each by itself: then everything can be fitted
    that gives equal rows equal targets, whatever the units or the offset of X.

    Raises
    ------
    InfeasibleError
        Naming two rows that contradict each other, or else the row that is off most at the best fit.

    Notes
    -----
    Status: theorem (up to the rounding with which rows count as collinear: a few units in the last place of every
    coordinate). Source: [relucvx]
    """
    check_consistent(problem)
    act = problem.activation
    if problem.bias != "none" and act.hinge != 0.0:
        return
    X = _even(problem)
    line, size = _lines(problem.X) if problem.bias == "none" else (None, np.ones(len(X)))
    rows = np.flatnonzero(size != 0.0)
    scale = np.abs(X[rows]).max(axis=1, initial=0.0)  # rows of one line agree after division by it, whatever its size
    columns = [X[rows] / scale[:, None]]
    if line is not None and act.hinge != 0.0:
        own = np.zeros((len(rows), int(line.max(initial=-1)) + 1))
        own[np.arange(len(rows)), line[rows]] = 1.0
        columns = [own] if act.slope_pos == -act.slope_neg else [*columns, own]
    A, targets = np.concatenate(columns, axis=1), problem.Y[rows] / scale[:, None]
    u, s, _ = np.linalg.svd(A, full_matrices=False)
    basis = u[:, s > RANK.value * s.max(initial=0.0)]
    left = targets - basis @ (basis.T @ targets)
    if np.linalg.norm(left) <= 1e3 * RANK.value * np.linalg.norm(targets):
        return
    left = left * scale[:, None]
    raise InfeasibleError(
        explain(
            "targets that some network fits exactly",
            f"targets off by {np.linalg.norm(left):.3g} at best, mostly at row {rows[np.abs(left).max(axis=1).argmax()]}",
            "the rows of X are tied by linear relations that every network respects",
            'bias="all"' if problem.bias == "none" else "relucvx.solve with beta > 0",
        )
    )


def check_consistent(problem: Problem) -> None:
    """Raise when two rows of the data contradict each other for every network of the problem's kind.

    Checked are equal rows with different targets and, without bias, zero rows with non-zero targets and rows
    ``x_j = t x_i`` with ``t > 0`` but ``y_j != t y_i`` (networks without bias are positively homogeneous); for the
    absolute value without bias also ``t < 0`` with ``y_j != |t| y_i``, for the linear activation ``y_j != t y_i``.
    Passing is necessary for interpolation, not sufficient.

    Raises
    ------
    InfeasibleError
        Naming the two rows.

    Notes
    -----
    Status: theorem (positive homogeneity). Source: [relucvx]
    """
    X, Y, act = problem.X, problem.Y, problem.activation
    tol = PATTERN.value * float(np.abs(Y).max())
    if problem.bias != "none":
        line = np.ravel(np.unique(X + 0.0, axis=0, return_inverse=True)[1])
        _check_rays(problem, line, np.ones(len(X)), Y, tol)
        return
    line, size = _lines(X)
    wrong = np.flatnonzero((size == 0.0) & (np.abs(Y).max(axis=1) > tol))
    if len(wrong):
        i = int(wrong[0])
        expected = "target 0 wherever x = 0: a network without bias vanishes there"
        raise InfeasibleError(explain(expected, f"target {Y[i]} at row {i}", "", 'bias="all"'))
    back = size[:, None] < 0
    if abs(act.slope_neg) == abs(act.slope_pos):
        # phi(-t) = -mirror phi(t) for these two activations, so each row also fixes its opposite
        _check_rays(problem, line, np.abs(size), np.where(back, -act.slope_neg / act.slope_pos * Y, Y), tol)
    else:
        _check_rays(problem, 2 * line + back[:, 0], np.abs(size), Y, tol)


def _check_rays(problem: Problem, ray: NDArray[np.intp], size: Array, targets: Array, tol: float) -> None:
    """Raise when two rows of one ray have targets that are not proportional to the rows' sizes."""
    X, Y = problem.X, problem.Y
    rows = np.flatnonzero(size > 0.0)
    _, first, group = np.unique(ray[rows], return_index=True, return_inverse=True)
    start = rows[first[np.ravel(group)]]
    value, slack = targets / np.where(size > 0, size, 1.0)[:, None], tol / np.where(size > 0, size, 1.0)
    clash = np.abs(value[rows] - value[start]).max(axis=1) > slack[rows] + slack[start]
    if not clash.any():
        return
    at = int(clash.argmax())
    i, j = int(start[at]), int(rows[at])
    same = np.array_equal(X[i], X[j])
    raise InfeasibleError(
        explain(
            "equal targets for equal rows of X" if same else "targets proportional along each line through the origin",
            f"rows {i} and {j} with targets {Y[i]} and {Y[j]}",
            "duplicate samples with noisy targets" if same else "a network without bias is positively homogeneous",
            "beta > 0, which averages them" if same else 'bias="all"',
        )
    )


def _lines(X: Array) -> tuple[NDArray[np.intp], Array]:
    """For every row the number of the line through the origin that holds it, and its signed size on it (0 for zero rows).

    Rows are on one line when all ratios to their first entry agree in nearly every digit: no sum over columns, so that
    neither their units nor a common offset of the rows makes different lines one.
    """
    pivot = (X != 0.0).argmax(axis=1)
    size = X[np.arange(len(X)), pivot]
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = X / np.where(size != 0.0, size, 1.0)[:, None]
        label = pivot
        for column in ratio.T:
            order = np.lexsort((column, label))
            value, old = column[order], label[order]
            apart = ~(np.diff(value) <= COLLINEAR * np.abs(value[1:])) | (np.diff(old) != 0)
            label = np.empty_like(label)
            label[order] = np.concatenate([[0], np.cumsum(apart)])
        _, first, group = np.unique(label, return_index=True, return_inverse=True)
        line = np.ravel(group)
        # a long chain of neighbours: what is far from its first row is on a line of its own
        far = ~(np.abs(ratio - ratio[first[line]]) <= 2 * COLLINEAR * np.abs(ratio)).all(axis=1)
    line[far] = len(first) + np.arange(far.sum())
    return line, size
