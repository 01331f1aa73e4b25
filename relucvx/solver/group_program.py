"""One conic solve: group norms over vectors that enter the fit linearly, handed to CLARABEL directly.

    min loss(F) + beta Σ_j ||x_j||_p (+ beta/2 ||b_out||²),  vec F = Σ_j A_j x_j + 1 b_out,  rows·x >= 0

The fit is a variable of its own, so the multiplier of its defining equation is the dual point, for every loss. The steps of
the solver state what x_j is: a neuron's input vector with its output direction fixed, or the reverse.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relucvx.deadline import Deadline
from relucvx.errors import BackendError
from relucvx.later import later
from relucvx.losses import LossCones
from relucvx.program.backend import run_clarabel, usable
from relucvx.program.problem import Problem
from relucvx.types import Array

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = later("scipy.sparse")

clarabel = later("clarabel")

LARGEST_GAIN = 1e6  # where beta is tiny beside the data, the unit of the variables grows no further

RATE = 8e8
"""Multiplications a second of the interior point's sparse factorisation, about."""

STEPS = 20
"""Steps an interior point takes, about."""

LONGEST = 3600.0
"""Seconds of a solve beyond which it is not begun even without a limit."""

QUICK = 0.3
"""Solves predicted to take less than so many seconds are awaited where they are, Ctrl-C included."""


def dense_seconds(rows: int, columns: int) -> float:
    """Predicted seconds of a solve whose fit rows are dense: each step factorises a dense block of the smaller size."""
    small, large = sorted((float(rows), float(columns)))
    return STEPS * (large * small**2 + small**3 / 3.0) / RATE


def block_seconds(rows: int, columns: int, blocks: int) -> float:
    """Predicted seconds where the fit rows fall into equal dense blocks that only the norms tie together."""
    small, large = sorted((float(rows), float(columns)))
    return STEPS * (blocks * large * small**2 + (blocks * small) ** 3 / 3.0) / RATE


def affordable(seconds: float, deadline: Deadline) -> bool:
    """Whether a solve of so many predicted seconds should begin: half the time left is enough for it."""
    return seconds <= min(0.5 * deadline.left(), LONGEST)


@dataclass
class GroupProgram:
    """Data of one solve, in the scaled variables x' = x / x_unit and f' = f / sy.

    Attributes
    ----------
    problem : Problem
        Gives loss, targets, beta and the output bias.
    design : array or sparse matrix, shape (n c, k q)
        The matrices A_j side by side, samples major; already in the scaled variables.
    k, q, p : int
        Number of groups, length of each, and how many of its leading entries the norm counts.
    sx : float
        Scale of the inputs that ``design`` was divided by.
    rows : sparse matrix, shape (r, k q)
        Linear constraints ``rows @ x <= 0``.
    predicted : float
        Seconds the solve is predicted to take.
    exact : bool
        Demand the targets as the fit, in place of the loss.
    """

    problem: Problem
    design: Array | sp.csc_matrix
    k: int
    q: int
    p: int
    sx: float
    rows: sp.csc_matrix
    predicted: float = 0.0
    exact: bool = False

    def __post_init__(self) -> None:
        problem = self.problem
        self.n, self.c = problem.Y.shape
        self.sy = target_scale(problem)
        # The certificate is about N/beta: state the objective in units of the penalty, within reason.
        self.gain = min(self.sx * self.sy / problem.beta, LARGEST_GAIN)
        self.bias = problem.bias.has_output
        self.at_t = self.k * self.q
        self.at_b = self.at_t + self.k
        self.at_f = self.at_b + (self.c if self.bias else 0)
        self.at_extra = self.at_f + self.n * self.c

    def solve(self, tol: float, deadline: Deadline) -> tuple[Array, Array, Array, float]:
        """Minimiser x' (k, q) in scaled variables, output bias (c,), dual point (n, c), seconds.

        Raises
        ------
        BackendError
            When CLARABEL returns a status from which no usable point follows, running out of time included.
        """
        # unknowns in this order: x, norm bounds t, output bias, fit, and what the loss needs besides
        Y, weights = self.problem.Y, self.problem.sample_weight
        extra = _exact_fit(Y, self.sy) if self.exact else self.problem.loss.cones(Y, weights, self.sy)
        width = self.at_extra + extra.width
        P = sp.diags(self._quadratic(extra), format="csc")
        q = np.zeros(width)
        q[self.at_t : self.at_b] = self.problem.beta / (self.sx * self.sy)
        q[self.at_f : self.at_extra] = extra.linear_fit
        q[self.at_extra :] = extra.linear
        # rows: the fit is what the neurons make of it; linear constraints; (t, x) in second-order cones; the loss's own
        eq, norms = self._fit_rows(width), self._norm_rows(width)
        cells = sp.hstack([self.rows, sp.csc_matrix((self.rows.shape[0], width - self.at_t))], format="csc")
        A = sp.vstack([eq, cells, norms, *extra.rows(width, self.at_f)], format="csc")
        b = np.concatenate([np.zeros(eq.shape[0] + cells.shape[0] + norms.shape[0]), *extra.offsets])
        cones = [clarabel.ZeroConeT(eq.shape[0])]
        if cells.shape[0]:
            cones.append(clarabel.NonnegativeConeT(cells.shape[0]))
        cones += [clarabel.SecondOrderConeT(self.p + 1)] * self.k + extra.cones
        began = time.perf_counter()
        # Pushed past what the program allows the interior point breaks down: then ask for less, in other units.
        for level, gain in ((tol, self.gain), (100 * tol, self.gain), (100 * tol, 1.0), (1e4 * tol, self.gain)):
            out = run_clarabel((P * gain, q * gain, A, b, cones), level, deadline, self.predicted >= QUICK)
            status = getattr(out, "status", "MaxTime")
            x, z = np.array(getattr(out, "x", [np.nan])), np.array(getattr(out, "z", [])) / gain
            if usable(out, x) or deadline.passed():
                break
        if not usable(out, x):
            cause = "the time limit" if deadline.passed() else "badly scaled data; try: standardise the columns of X"
            raise BackendError(
                f"CLARABEL stopped with status {status} on a restricted program of {self.k} cells, "
                f"{self.n} samples; likely cause: {cause}."
            )
        # the multiplier of the fit is minus the dual point, in units of targets
        bias_out = x[self.at_b : self.at_f] * self.sy if self.bias else np.zeros(self.c)
        dual = z[: self.n * self.c].reshape(self.n, self.c)
        return x[: self.at_t].reshape(self.k, self.q), bias_out, -dual * self.sy, time.perf_counter() - began

    def _quadratic(self, extra: LossCones) -> Array:
        bias = np.full(self.at_f - self.at_b, self.problem.output_decay)
        return np.concatenate([np.zeros(self.at_b), bias, extra.quadratic_fit, extra.quadratic])

    def _fit_rows(self, width: int) -> sp.csc_matrix:
        """Σ_j A_j x_j + 1 bᵀ - f = 0, samples major."""
        parts = [sp.csc_matrix(self.design), sp.csc_matrix((self.n * self.c, self.k))]
        if self.bias:
            parts.append(sp.csc_matrix(np.tile(np.eye(self.c), (self.n, 1))))
        parts.append(-sp.identity(self.n * self.c, format="csc"))
        rest = width - self.at_extra
        if rest:
            parts.append(sp.csc_matrix((self.n * self.c, rest)))
        return sp.hstack(parts, format="csc")

    def _norm_rows(self, width: int) -> sp.csc_matrix:
        """(t_j, x_j) in the second-order cone, over the counted coordinates."""
        step = self.p + 1
        rows = np.arange(self.k * step)
        cols = np.empty((self.k, step), dtype=int)
        # -I on t and x, so that b - A x is the vector that must lie in the cone
        cols[:, 0] = self.at_t + np.arange(self.k)
        cols[:, 1:] = np.arange(self.k)[:, None] * self.q + np.arange(self.p)
        return sp.csc_matrix((np.full(self.k * step, -1.0), (rows, cols.ravel())), shape=(self.k * step, width))


def _exact_fit(Y: Array, sy: float) -> LossCones:
    """No loss but a demand: the fit, in units ``sy``, is Y."""
    N, none = Y.size, np.zeros(0)
    return LossCones(
        0, np.zeros(N), np.zeros(N), none, none, [sp.identity(N, format="csc")], [sp.csc_matrix((N, 0))],
        [Y.ravel() / sy], [clarabel.ZeroConeT(N)],
    )  # fmt: skip


def target_scale(problem: Problem) -> float:
    """Unit of the fit: the largest target where the loss compares with targets, 1 for labels."""
    return (float(np.abs(problem.Y).max()) or 1.0) if problem.loss.regression else 1.0


def input_scale(problem: Problem) -> float:
    """Largest entry of the counted columns of the augmented inputs."""
    return float(np.abs(problem.inputs[:, : problem.penalized]).max()) or 1.0


def scaled_inputs(problem: Problem, sx: float) -> Array:
    """Augmented inputs divided by their scale; an unpenalised bias column keeps its ones."""
    X = problem.inputs / sx
    if problem.bias.is_free:
        X = X.copy()
        X[:, -1] = 1.0
    return X
