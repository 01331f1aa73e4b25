"""Points in the space that they span, and whether a hyperplane parts two sides of them: certificates for either answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog, nnls

from relucvx.conversion import as_flag
from relucvx.deadline import ruling
from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.samples.scaling import mean_row, scaled
from relucvx.tolerances import EPS, RANK
from relucvx.types import Array, BoolArray
from relucvx.validation import SUMMED, check_size

NO_MARGIN = 1e-9
"""Residual of a combination, relative to the largest coordinate, up to which two convex hulls count as meeting."""


@dataclass(frozen=True)
class Span:
    """Points in orthonormal coordinates of what they span, extended by a 1 with a bias.

    Attributes
    ----------
    rows : ndarray of shape (n, D)
        Coordinates, entries about 1.
    back : ndarray of shape (p, r)
        Maps a normal vector in these coordinates to one in the original ones.
    centre : ndarray of shape (p,)
        What was subtracted first.
    bias : bool
        Whether the last coordinate is the constant 1.
    """

    rows: Array
    back: Array
    centre: Array
    bias: bool

    @classmethod
    def of(cls, Z: Array, bias: bool) -> Span:
        """The points Z in coordinates of their own; with a bias centred first, and extended by a 1."""
        check_size(Z, "Z", SUMMED)
        centre = mean_row(Z) if as_flag(bias, "bias") else np.zeros(Z.shape[1])
        unit, size = scaled(Z - centre)
        U, s, Vt = np.linalg.svd(unit, full_matrices=False)
        # what centring leaves of equal points is rounding of their common size
        floor = max(float(RANK) * s[0], EPS * len(Z) * float(np.abs(Z).max()) / size)
        kept = s > floor
        scale = np.sqrt(len(Z))
        rows = U[:, kept] * scale
        back = Vt[kept].T * (scale / (s[kept] * size))
        return cls(np.column_stack([rows, np.ones(len(Z))]) if bias else rows, back, centre, bias)

    @property
    def dimension(self) -> int:
        """Dimension of the span, without the constant."""
        return int(self.back.shape[1])

    def pull_back(self, w: Array) -> tuple[Array, float]:
        """Weights and bias in the original coordinates."""
        weights = self.back @ w[: self.dimension]
        return weights, float(w[-1] - weights @ self.centre) if self.bias else 0.0

    def answers(self, signs: Array) -> Indices:
        """1, 0 or -1 (undecided) for every row of signs (D, n), with as few linear programs as certificates allow.

        Least squares often separates, and non-negative least squares nearly always decides. A combination that shows one
        split not separable has few points, and shows the same for every split that gives those points the same sides, or
        all of them the opposite ones.
        """
        guesses = signs @ np.linalg.pinv(self.rows).T if self.rows.size else np.zeros((len(signs), 0))
        separated = [self._separates(w, s) for w, s in zip(guesses, signs, strict=True)]
        found = np.where(separated, 1, -1).astype(np.intp)
        waiting = found < 0
        while waiting.any():
            ruling().check()
            r = int(np.argmax(waiting))
            waiting[r] = False
            w, q = self.nearest(signs[r])
            if w is None and q is None:
                w, q = self.decide(signs[r])
            if w is not None:
                found[r] = 1
            elif q is not None:
                found[r] = 0
                few = np.where(q > NO_MARGIN, q, 0.0)
                if self._meets(few, signs[r]):
                    same = signs[:, few > 0] @ signs[r, few > 0]
                    alike = waiting & (np.abs(same) == np.count_nonzero(few))
                    found[alike], waiting[alike] = 0, False
        return found

    def nearest(self, signs: Array) -> tuple[Array | None, Array | None]:
        """As :meth:`decide`, from min ||A q - (0, 1)|| over q >= 0 with columns (s_i z_i, 1) of A; both None where open.

        With the residual (-w, t) the conditions of optimality are s_i w . z_i >= t, and t is its squared length: either
        there is none, and q is a combination that is zero, or w separates. An active set needs no set-up, which takes
        longer than a small linear program.
        """
        n, D = self.rows.shape
        goal = np.append(np.zeros(D), 1.0)
        A = np.vstack([(signs[:, None] * self.rows).T, np.ones(n)])
        try:
            q, _ = nnls(A, goal)
        except RuntimeError:  # it cycles
            return None, None
        w = (A @ q)[:D]
        if self._separates(w, signs):
            return w, None
        return None, q / q.sum() if self._meets(q, signs) else None

    def decide(self, signs: Array) -> tuple[Array | None, Array | None]:
        """A separating normal vector, or a combination of the points that is zero; each checked, else both None."""
        n, D = self.rows.shape
        if D == 0:  # without a bias, points at the origin
            return None, np.full(n, 1.0 / n)
        A = np.column_stack([-signs[:, None] * self.rows, np.ones(n)])
        options: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        bounds = [(-1.0, 1.0)] * D + [(None, None)]
        out = linprog(np.append(np.zeros(D), -1.0), A_ub=A, b_ub=np.zeros(n), bounds=bounds, options=options)
        if out.x is None:
            return None, None
        w, q = out.x[:D], np.maximum(-out.ineqlin.marginals, 0.0)
        if self._separates(w, signs):
            return w, None
        return None, q / q.sum() if self._meets(q, signs) else None

    def _meets(self, q: Array, signs: Array) -> bool:
        """Whether a combination of the points, each with its sign, is zero."""
        return bool(q.any() and np.abs((q * signs) @ self.rows).max(initial=0.0) <= NO_MARGIN * float(q.sum()))

    def _separates(self, w: Array, signs: Array) -> bool:
        """Whether every point is on its side by more than rounding."""
        rounding = (self.rows.shape[1] + 4) * EPS * (np.abs(self.rows) @ np.abs(w))
        side: BoolArray = signs * (self.rows @ w) > np.maximum(rounding, NO_MARGIN * float(np.abs(w).max(initial=0.0)))
        return bool(side.all())
