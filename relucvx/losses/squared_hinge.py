"""The squared hinge loss, without ½."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.cones import LossCones
from relucvx.losses.hinge import slack_cones
from relucvx.losses.labels import LabelLoss
from relucvx.types import Array

cp = later("cvxpy")
functional = later("torch.nn.functional")


@dataclass(frozen=True)
class SquaredHinge(LabelLoss):
    """h = max(0, 1 - y f)²; its conjugate gives -h*(-N/w) = t - t²/4 for t = y N/w >= 0."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return np.maximum(0.0, 1.0 - Y * F) ** 2

    def _slopes(self, F: Array, Y: Array) -> Array:
        return -2.0 * Y * np.maximum(0.0, 1.0 - Y * F)

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return np.where(Y * F < 1.0, 2.0, 0.0)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.where(Y > 0, 0.0, -np.inf), np.where(Y > 0, np.inf, 0.0)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, -0.25 * T * T

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y - 0.5 * T

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The weighted mean label."""
        positive, negative = self._label_sums(Y, w)
        return np.asarray((positive - negative) / (positive + negative))

    @property
    def gradient_lipschitz(self) -> float:
        """2."""
        return 2.0

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """Σ w (1 - y f)₊²."""

        return cp.sum_squares(cp.multiply(np.sqrt(W), cp.pos(1.0 - cp.multiply(Y, fit))))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """The slack of the hinge, squared."""
        return slack_cones(Y, 2.0 * np.repeat(w, Y.shape[1]), np.zeros(Y.size))

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""

        return functional.relu(1.0 - Y * F) ** 2

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""

        return -2.0 * Y * functional.relu(1.0 - Y * F)
