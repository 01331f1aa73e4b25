"""The coefficients that reproduce an optimal fit: a polytope, its vertices, and whether it is more than a point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from relucvx.deadline import Deadline, seconds_left
from relucvx.later import later
from relucvx.types import Array, BoolArray

optimize = later("scipy.optimize")

DEPENDENT = 1e-10
"""Singular values of the normalised atoms below this share of the largest are zero: rounding leaves them near 1e-15."""

FITS = 1e-9
"""Allowed misfit of coefficients, relative to the norm of the fit."""

SUPPORT = 1e-7
"""A coefficient below this share of the largest is zero at a vertex that a linear program returned."""


@dataclass(frozen=True)
class Polytope:
    """{(c, b) : c >= 0, A c + b 1 = F on ``fixed`` rows, low <= A c + b 1 <= high elsewhere}; b = 0 unless ``free``.

    ``atoms`` (n, k) holds the columns s_k phi(X w_k).
    """

    atoms: Array
    fit: Array
    fixed: BoolArray
    low: Array
    high: Array
    free: bool

    @property
    def size(self) -> int:
        """Number k of atoms."""
        return int(self.atoms.shape[1])

    @property
    def scale(self) -> float:
        """Size of the fit, by which misfits are measured."""
        return max(float(np.linalg.norm(self.fit)), 1e-300)

    def columns(self) -> Array:
        """Atoms, and the ones vector of a free output bias."""
        if not self.free:
            return self.atoms
        return np.column_stack([self.atoms, np.ones(len(self.atoms))])

    def misfit(self, x: Array) -> float:
        """Largest violation of a constraint at x = (c, b), relative to the fit."""
        F = self.columns() @ x
        off = np.where(self.fixed, np.abs(F - self.fit), np.maximum(np.maximum(self.low - F, F - self.high), 0.0))
        return float(np.linalg.norm(off) / self.scale)

    def through(self, x: Array) -> Polytope:
        """The polytope whose fit is the one at x."""
        F = self.columns() @ x
        return replace(self, fit=F, low=np.minimum(self.low, F), high=np.maximum(self.high, F))

    def point(self) -> Array:
        """Some x with exactly this fit, in the least-squares sense: the coefficients are non-negative."""
        A = self.columns()
        # a free bias has either sign: as the difference of two non-negative columns it fits into the same program
        if self.free:
            A = np.column_stack([A, -np.ones(len(A))])
        size = np.maximum(np.linalg.norm(A, axis=0), 1e-300)
        x = optimize.nnls(A / size, self.fit, maxiter=50 * A.shape[1] + 100)[0] / size if A.shape[1] else np.zeros(0)
        if self.free:
            x = np.append(x[:-2], x[-2] - x[-1])
        return self.refitted(x, x[: self.size] > 0)

    def singular_values(self) -> Array:
        """Singular values of the normalised columns on the fixed rows, one per column."""
        A = self.columns()[self.fixed]
        size = np.linalg.norm(A, axis=0)
        unit = A / np.where(size > 0, size, 1.0)
        values = np.linalg.svd(unit, compute_uv=False)
        return np.concatenate([values, np.zeros(max(0, A.shape[1] - len(values)))])

    def null_space(self) -> Array:
        """Orthonormal basis (k or k + 1, q) of the moves that change no fixed row, for normalised columns."""
        A = self.columns()[self.fixed]
        # columns of one length, so that singular values compare directions and not sizes
        size = self._sizes()
        _, s, Vt = np.linalg.svd(A / size)
        rank = int((s > DEPENDENT * s.max(initial=1e-300)).sum())
        return np.asarray(Vt[rank:].T / size[:, None])

    def _sizes(self) -> Array:
        size = np.linalg.norm(self.columns()[self.fixed], axis=0)
        return np.where(size > 0, size, 1.0)

    def vertex(self, cost: Array, start: Array, deadline: Deadline | None = None) -> Array | None:
        """A point x minimising cost·c, cleaned to float64; None when that fails (unbounded, not clean, late).

        ``start`` is a point of the polytope; its fit on the fixed rows is kept exactly.
        """
        A, k = self.columns(), self.size
        loose = ~self.fixed
        upper, lower = loose & np.isfinite(self.high), loose & np.isfinite(self.low)
        # one-sided rows as inequalities, fixed ones as equations in the unit of the fit
        rows = np.concatenate([A[upper], -A[lower]])
        bounds = [(0.0, None)] * k + [(None, None)] * self.free
        full = np.append(cost, 0.0) if self.free else cost
        out = optimize.linprog(
            full, A_ub=rows if len(rows) else None,
            b_ub=np.concatenate([self.high[upper], -self.low[lower]]) if len(rows) else None,
            A_eq=A[self.fixed] / self.scale if self.fixed.any() else None,
            b_eq=(A[self.fixed] @ start) / self.scale if self.fixed.any() else None,
            bounds=bounds, method="highs", options=seconds_left(deadline or Deadline()),
        )  # fmt: skip
        if out.x is None or out.status != 0:
            return None
        # HiGHS leaves 1e-10: the support is believed, its coefficients are solved for again
        x = np.asarray(out.x)
        clean = self.refitted(x, x[:k] > SUPPORT * x[:k].max(initial=0.0))
        if self.misfit(clean) <= FITS:
            return clean
        # no clean solution on that support: from the start towards it, as far as the exact null space allows
        moved = self._moved(start, x)
        return moved if self.misfit(moved) <= FITS else None

    def refitted(self, x: Array, support: BoolArray) -> Array:
        """Least squares on a support; x itself where that makes a coefficient negative or fits worse."""
        keep = np.append(support, True) if self.free else support
        # only a correction is solved for, so that what is already right keeps its digits
        A = self.columns()
        target = np.where(self.fixed, self.fit, A @ x)
        size = np.maximum(np.linalg.norm(A[:, keep], axis=0), 1e-300)
        solved = np.zeros(len(x))
        if keep.any():
            solved[keep] = (
                x[keep] + np.linalg.lstsq(A[:, keep] / size, target - A[:, keep] @ x[keep], rcond=1e-12)[0] / size
            )
        if (solved[: self.size] < 0).any() or self.misfit(solved) > max(self.misfit(x), 1e-13):
            return x
        return solved

    def _moved(self, start: Array, goal: Array) -> Array:
        """As far from start towards goal as coefficients stay non-negative, along the exact null space."""
        null = self.null_space() * self._sizes()[:, None] if self.size else np.zeros((len(start), 0))
        step = (goal - start) * self._sizes()
        step = (null @ (null.T @ step)) / self._sizes()
        # the first coefficient to reach zero ends the move
        falling = step[: self.size] < 0
        ratios = start[: self.size][falling] / -step[: self.size][falling]
        moved = start + min(1.0, float(ratios.min(initial=1.0))) * step
        moved[: self.size] = np.maximum(moved[: self.size], 0.0)
        return moved
