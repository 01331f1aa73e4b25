"""The limit beta -> 0+: the network of least norm that fits the data exactly."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from relucvx.arrangement.patterns import Arrangement
from relucvx.errors import InfeasibleError, explain
from relucvx.program.cvxpy_form import CvxpyForm
from relucvx.program.feasibility import check_feasible
from relucvx.program.model import ConvexProgram
from relucvx.program.posing import NetworkOptions, as_fit
from relucvx.tolerances import RANK
from relucvx.types import Array


class InterpolationProgram(ConvexProgram):
    """Least norm subject to an exact fit, over an arrangement.

    ``min Σ_i (||u_i|| + ||v_i||) [+ b_out²/2 for "all"]  subject to  Σ_i diag(phi'_i) Xa (u_i - v_i) + b_out = Y``
    and the cone constraints of :class:`~relucvx.program.model.ConvexProgram`. It is the limit of the minimisers of
    ``loss + beta·penalty`` as beta -> 0+, and its value the limit of (optimum - least loss)/beta. Several outputs or read-outs
    have a program where ConvexProgram has one for them, with ``Σ_i (tr W_i + tr V_i)/2`` in place of the norms.

    ``problem`` is the squared-loss problem with beta = 1, so that penalties are read in units of the norm.
    :func:`relucvx.interpolate` finds the network itself, in any dimension; this is for constraints of your own.

    Parameters
    ----------
    X, Y, bias, activation, pooling, groups
        As in :func:`~relucvx.program.posing.make_problem`, or a :class:`Problem` alone, of which the loss, the strength and the
        weights play no part.
    arrangement : Arrangement
        As in ConvexProgram.

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

    Examples
    --------
    >>> import relucvx as rx
    >>> X = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    >>> Y = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]  # whether the signs are equal, and whether they differ
    >>> program = rx.InterpolationProgram(X, Y, arrangement=rx.enumerate_patterns(X))
    >>> form = program.to_cvxpy()
    >>> print(f"{form.problem.solve(solver='CLARABEL'):.5f} {rx.interpolate(X, Y).objective:.5f}")
    2.82843 2.82843
    >>> (rx.recover_network(program, form.primal()).predict(X).round(4) + 0.0).tolist() == Y
    True
    """

    def __init__(self, X: Any, Y: Any = None, *, arrangement: Arrangement, **options: Unpack[NetworkOptions]) -> None:
        problem = as_fit(X, Y, **options)
        check_feasible(problem)
        super().__init__(problem, arrangement=arrangement)
        if not self.complete:
            self._check_span()

    def to_cvxpy(self) -> CvxpyForm:
        """The program in CVXPY; ``fit`` is the targets, and the multiplier of ``link`` the dual point."""
        return self._form(self.problem.Y)

    def _check_span(self) -> None:
        """Each output must lie in the span of all diag(phi'_i) Xa (and the ones vector if there is an output bias)."""
        basis = _fits_basis(self)
        Y = self.problem.Y
        left = Y - basis @ (basis.T @ Y)
        if np.linalg.norm(left) <= 1e3 * RANK.value * np.linalg.norm(Y):
            return
        raise InfeasibleError(
            explain(
                "targets that some network with neurons in the program's cells fits exactly",
                f"targets off by {np.linalg.norm(left):.3g} at best, mostly at row {int(np.argmax(np.abs(left).max(axis=1)))}",
                "the patterns are too few",
                "more patterns: enumerate_patterns instead of sample_patterns",
            )
        )


def _fits_basis(program: ConvexProgram) -> Array:
    """Orthonormal basis (n, r) of the fits reachable over the program's patterns, a batch of patterns at a time.

    Of bags these are what the samples read of the fits of their rows.
    """
    problem = program.problem
    n, hidden = problem.n_samples, problem.bias.has_hidden
    # what a pattern spans is the same with features around any point and in any unit
    X = problem.X - problem.X.mean(axis=0) if hidden else problem.X
    X = X / np.maximum(np.abs(X).max(axis=0), 1e-300)
    Xa = np.column_stack([X, np.ones(len(X))]) if hidden else X
    gates = problem.activation.gate(program.patterns)
    start = np.ones((n, 1)) if problem.bias.has_output else np.zeros((n, 0))
    span = start / max(1.0, float(np.linalg.norm(start)))
    scale = float(np.linalg.norm(Xa, 2)) * problem.activation.steepest
    # as many patterns at a time as a square matrix holds
    batch = max(1, 4 * n // Xa.shape[1])
    for first in range(0, len(gates), batch):
        columns = problem.pool(np.concatenate([g[:, None] * Xa for g in gates[first : first + batch]], axis=1))
        columns = columns.reshape(n, -1)  # every read-out has a weight of its own
        columns = columns - span @ (span.T @ columns)
        u, s, _ = np.linalg.svd(columns, full_matrices=False)
        span = np.linalg.qr(np.hstack([span, u[:, s > RANK.value * scale]]))[0]
        # everything is reachable: no further pattern can add to it
        if span.shape[1] >= n:
            break
    return span
