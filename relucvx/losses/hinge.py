"""The hinge loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.cones import LossCones
from relucvx.losses.labels import LabelLoss
from relucvx.types import Array

sp = later("scipy.sparse")

clarabel = later("clarabel")
cp = later("cvxpy")
functional = later("torch.nn.functional")


@dataclass(frozen=True)
class Hinge(LabelLoss):
    """h = max(0, 1 - y f); its conjugate gives -h*(-N/w) = t for t = y N/w in [0, 1]."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return np.maximum(0.0, 1.0 - Y * F)

    def _slopes(self, F: Array, Y: Array) -> Array:
        return np.where(Y * F < 1.0, -Y, 0.0)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.minimum(Y, 0.0), np.maximum(Y, 0.0)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, np.zeros_like(T)

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y.copy()

    def subgradient_bounds(self, F: Array, Y: Array, w: Array, tol: float = 0.0) -> tuple[Array, Array]:
        """[-w, 0]·y for margins within ``tol`` of 1, the gradient elsewhere."""
        lo, hi = super().subgradient_bounds(F, Y, w, tol)
        kink = np.abs(Y * F - 1.0) <= tol
        steep = -w[:, None] * Y
        return np.where(kink, np.minimum(steep, 0.0), lo), np.where(kink, np.maximum(steep, 0.0), hi)

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The majority label (0 on a tie)."""
        positive, negative = self._label_sums(Y, w)
        return np.sign(positive - negative)

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return np.zeros_like(F)

    @property
    def linear_dual(self) -> bool:
        """True."""
        return True

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """Σ w (1 - y f)₊."""

        return cp.sum(cp.multiply(W, cp.pos(1.0 - cp.multiply(Y, fit))))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """The slack, linearly."""
        return slack_cones(Y, np.zeros(Y.size), np.repeat(w, Y.shape[1]))

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""

        return functional.relu(1.0 - Y * F)

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""
        return -Y * (Y * F < 1.0)


def slack_cones(Y: Array, quadratic: Array, linear: Array) -> LossCones:
    """Slack s >= 1 - y f, s >= 0, with the terms in which it enters: linearly (hinge) or squared (squared hinge)."""

    N, y = Y.size, Y.ravel()
    eye = sp.identity(N, format="csc")
    return LossCones(
        N, np.zeros(N), np.zeros(N), quadratic, linear,
        [sp.vstack([-sp.diags(y), sp.csc_matrix((N, N))], format="csc")],
        [sp.vstack([-eye, -eye], format="csc")],
        [np.concatenate([-np.ones(N), np.zeros(N)])],
        [clarabel.NonnegativeConeT(2 * N)],
    )  # fmt: skip
