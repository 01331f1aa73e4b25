"""The limit beta -> 0+: the network of least norm that fits the data exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.arrangement.patterns import Arrangement
from relucvx.errors import InfeasibleError, explain
from relucvx.program.cvxpy_form import CvxpyForm, build
from relucvx.program.model import ConvexProgram
from relucvx.program.problem import Problem, make_problem
from relucvx.tolerances import PATTERN, RANK
from relucvx.types import Activation, Array


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
        check_consistent(problem)
        self._bind(problem, arrangement)
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
        problem = self.problem
        basis = _fits_basis(self)
        y = problem.Y[:, 0]
        left = y - basis @ (basis.T @ y)
        if np.linalg.norm(left) <= 1e3 * RANK.value * np.linalg.norm(y):
            return
        i = int(np.argmax(np.abs(left)))
        cause, fix = "the rows of X are tied by linear relations that every network respects", 'bias="all"'
        if not self.complete:
            cause, fix = "the patterns are too few", "more patterns: enumerate_patterns instead of sample_patterns"
        raise InfeasibleError(
            explain(
                "targets that some network with neurons in the program's cells fits exactly",
                f"targets off by {np.linalg.norm(left):.3g} at best, mostly at row {i}",
                cause,
                fix if problem.bias == "none" or not self.complete else "beta > 0",
            )
        )


def _fits_basis(program: ConvexProgram) -> Array:
    """Orthonormal basis (n, r) of the fits reachable over the program's patterns, a batch of patterns at a time."""
    problem = program.problem
    Xa, n = problem.inputs, problem.n_samples
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
    Y = problem.Y
    tol = PATTERN.value * float(np.abs(Y).max())
    if problem.bias != "none":
        _check_rays(problem, np.ones(problem.n_samples), tol)
        return
    size = np.linalg.norm(problem.X, axis=1)
    wrong = np.flatnonzero((size == 0.0) & (np.abs(Y).max(axis=1) > tol))
    if len(wrong):
        i = int(wrong[0])
        expected = "target 0 wherever x = 0: a network without bias vanishes there"
        raise InfeasibleError(explain(expected, f"target {Y[i]} at row {i}", "", 'bias="all"'))
    _check_rays(problem, size, tol)


def _check_rays(problem: Problem, size: Array, tol: float) -> None:
    """Raise when two rows are equal after division by size while their targets are not."""
    X, Y, act = problem.X, problem.Y, problem.activation
    rows = np.flatnonzero(size > 0.0)
    units, targets, slack = X[rows] / size[rows, None], Y[rows] / size[rows, None], tol / size[rows]
    if problem.bias == "none" and abs(act.slope_neg) == abs(act.slope_pos):
        # phi(-t) = -mirror phi(t) for these two activations, so each row also fixes its opposite
        mirror = act.slope_neg / act.slope_pos
        units, targets = np.vstack([units, -units]), np.vstack([targets, -mirror * targets])
        slack = np.tile(slack, 2)
    clash = _first_clash(units, targets, slack)
    if clash is None:
        return
    i, j = sorted(int(rows[k % len(rows)]) for k in clash)
    same = np.array_equal(X[i], X[j])
    raise InfeasibleError(
        explain(
            "equal targets for equal rows of X" if same else "targets proportional along each line through the origin",
            f"rows {i} and {j} with targets {Y[i]} and {Y[j]}",
            "duplicate samples with noisy targets" if same else "a network without bias is positively homogeneous",
            "beta > 0, which averages them" if same else 'bias="all"',
        )
    )


def _first_clash(units: Array, targets: Array, slack: Array) -> tuple[int, int] | None:
    """Two equal rows of units (to rounding) with different targets, or None."""
    # rounding to a grid finds nearly equal rows in one sort; rows split by a grid line are left to the span check
    _, group = np.unique(np.round(units * 1e9) + 0.0, axis=0, return_inverse=True)
    first: dict[int, int] = {}
    for k, g in enumerate(np.ravel(group).tolist()):
        i = first.setdefault(g, k)
        near = np.abs(units[k] - units[i]).max() <= PATTERN.value
        if near and np.abs(targets[k] - targets[i]).max() > slack[k] + slack[i]:
            return i, k
    return None
