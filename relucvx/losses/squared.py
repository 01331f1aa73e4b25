"""The squared loss, with ½."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.base import Loss
from relucvx.losses.cones import LossCones
from relucvx.losses.constants import extremes
from relucvx.types import Array

cp = later("cvxpy")


@dataclass(frozen=True)
class Squared(Loss):
    """h = (f - y)²/2; its conjugate gives -h*(-t) = t y - t²/2."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return 0.5 * (F - Y) ** 2

    def _slopes(self, F: Array, Y: Array) -> Array:
        return F - Y

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return np.ones_like(F)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.full_like(Y, -np.inf), np.full_like(Y, np.inf)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, -0.5 * T * T

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y - T

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The weighted mean, between the least and the largest target also after rounding."""
        return np.clip(w @ Y / w.sum(), *extremes(Y, w))

    def decayed_constant(self, Y: Array, w: Array, beta: float) -> Array:
        """The weighted mean, shrunk."""
        return np.asarray(w @ Y / (w.sum() + beta))

    @property
    def strictly_convex(self) -> bool:
        """True."""
        return True

    @property
    def gradient_lipschitz(self) -> float:
        """1."""
        return 1.0

    @property
    def least_squares(self) -> bool:
        """True."""
        return True

    @property
    def translation_invariant(self) -> bool:
        """True: a loss of the residual."""
        return True

    @property
    def homogeneity(self) -> int | None:
        """2."""
        return 2

    @property
    def averages_targets(self) -> bool:
        """True: Σ w_i (f - y_i)² = (Σ w_i) (f - mean)² + the variance."""
        return True

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """½ Σ w (f - y)²."""

        return 0.5 * cp.sum_squares(cp.multiply(np.sqrt(W), fit - Y))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """Quadratic in the fit itself."""
        weight, none = np.repeat(w, Y.shape[1]), np.zeros(0)
        return LossCones(0, weight, -weight * (Y.ravel() / sy), none, none, [], [], [], [])

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""
        return 0.5 * (F - Y) ** 2

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""
        return F - Y

    def torch_value_and_slopes(self, F: Any, Y: Any, weight: Any = None) -> tuple[Any, Any]:
        """The slopes are the residuals: the square needs no second look at the targets."""
        slopes = F - Y
        terms = slopes * slopes
        value = 0.5 * (terms if weight is None else terms * weight).sum((-2, -1))
        return value, slopes if weight is None else slopes * weight
