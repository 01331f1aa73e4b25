"""The Huber loss with threshold 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.base import Loss
from relucvx.losses.cones import LossCones
from relucvx.losses.constants import extremes
from relucvx.types import Array

sp = later("scipy.sparse")

clarabel = later("clarabel")
cp = later("cvxpy")


@dataclass(frozen=True)
class Huber(Loss):
    """h = r²/2 for |r| <= 1, |r| - 1/2 beyond, r = f - y; -h*(-t) = t y - t²/2 on |t| <= 1."""

    def _entries(self, F: Array, Y: Array) -> Array:
        r = np.abs(F - Y)
        inner = np.minimum(r, 1.0)
        return inner * (r - 0.5 * inner)

    def _slopes(self, F: Array, Y: Array) -> Array:
        return np.clip(F - Y, -1.0, 1.0)

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return (np.abs(F - Y) <= 1.0).astype(np.float64)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.full_like(Y, -1.0), np.full_like(Y, 1.0)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, -0.5 * T * T

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y - T

    def best_constant(self, Y: Array, w: Array) -> Array:
        """Root of the piecewise linear derivative, found between its breakpoints y ± 1."""
        used = w > 0
        return np.clip([_huber_location(column[used], w[used]) for column in Y.T], *extremes(Y, w))

    @property
    def gradient_lipschitz(self) -> float:
        """1."""
        return 1.0

    @property
    def translation_invariant(self) -> bool:
        """True: a loss of the residual."""
        return True

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """½ Σ w huber(f - y): CVXPY has it without the ½."""

        return 0.5 * cp.sum(cp.multiply(W, cp.huber(fit - Y, 1.0)))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """h(r) = min over s of (r - s)²/2 + delta |s|: variables (a, s, t) with f - y = a + s, |s| <= t."""

        N, delta = Y.size, 1.0 / sy
        weight, y = np.repeat(w, Y.shape[1]), Y.ravel() / sy
        eye, zero = sp.identity(N, format="csc"), sp.csc_matrix((N, N))
        return LossCones(
            3 * N, np.zeros(N), np.zeros(N), np.concatenate([weight, np.zeros(2 * N)]),
            np.concatenate([np.zeros(2 * N), delta * weight]),
            [eye, sp.csc_matrix((2 * N, N))],
            [sp.hstack([-eye, -eye, zero]), sp.vstack([sp.hstack([zero, eye, -eye]), sp.hstack([zero, -eye, -eye])])],
            [y, np.zeros(2 * N)],
            [clarabel.ZeroConeT(N), clarabel.NonnegativeConeT(2 * N)],
        )  # fmt: skip

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""
        r = (F - Y).abs()
        inner = r.clamp(max=1.0)
        return inner * (r - 0.5 * inner)

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""
        return (F - Y).clamp(-1.0, 1.0)


def _huber_location(y: Array, w: Array) -> float:
    knots = np.unique(np.concatenate([y - 1.0, y + 1.0]))
    low, high = 0, len(knots) - 1
    # the slope is monotone and linear between knots: bisection finds the piece, interpolation the root
    while high - low > 1:
        middle = (low + high) // 2
        if w @ np.clip(knots[middle] - y, -1.0, 1.0) <= 0.0:
            low = middle
        else:
            high = middle
    a, b = knots[low], knots[high]
    slope_a, slope_b = (float(w @ np.clip(t - y, -1.0, 1.0)) for t in (a, b))
    return float(a if slope_b == slope_a else a - slope_a * (b - a) / (slope_b - slope_a))
