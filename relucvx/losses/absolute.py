"""The absolute loss: with large weights, the exact penalty of interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.base import Loss
from relucvx.losses.cones import LossCones
from relucvx.types import Array

sp = later("scipy.sparse")

clarabel = later("clarabel")
cp = later("cvxpy")


@dataclass(frozen=True)
class Absolute(Loss):
    """h = |f - y|; -h*(-t) = t y on |t| <= 1. With weights above the multipliers, the exact penalty of F = Y."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return np.abs(F - Y)

    def _slopes(self, F: Array, Y: Array) -> Array:
        return np.sign(F - Y)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.full_like(Y, -1.0), np.full_like(Y, 1.0)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, np.zeros_like(T)

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y.copy()

    def subgradient_bounds(self, F: Array, Y: Array, w: Array, tol: float = 0.0) -> tuple[Array, Array]:
        """[-w, w] for residuals within ``tol`` of 0, the gradient elsewhere."""
        lo, hi = super().subgradient_bounds(F, Y, w, tol)
        kink = np.abs(F - Y) <= tol
        return np.where(kink, -w[:, None], lo), np.where(kink, w[:, None], hi)

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The weighted (lower) median."""
        order = np.argsort(Y, axis=0)
        reached = np.cumsum(w[order], axis=0) >= 0.5 * w.sum()
        return np.asarray([Y[order[int(reached[:, k].argmax()), k], k] for k in range(Y.shape[1])])

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return np.zeros_like(F)

    @property
    def linear_dual(self) -> bool:
        """True."""
        return True

    @property
    def translation_invariant(self) -> bool:
        """True: a loss of the residual."""
        return True

    @property
    def homogeneity(self) -> int | None:
        """1."""
        return 1

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """Σ w |f - y|."""

        return cp.sum(cp.multiply(W, cp.abs(fit - Y)))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """|f - y| <= t, entering linearly."""

        N = Y.size
        y, eye = Y.ravel() / sy, sp.identity(N, format="csc")
        return LossCones(
            N, np.zeros(N), np.zeros(N), np.zeros(N), np.repeat(w, Y.shape[1]) / sy,
            [sp.vstack([eye, -eye], format="csc")], [sp.vstack([-eye, -eye], format="csc")], [np.concatenate([y, -y])],
            [clarabel.NonnegativeConeT(2 * N)],
        )  # fmt: skip

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""
        return (F - Y).abs()

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""
        return (F - Y).sign()
