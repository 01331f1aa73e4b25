"""The logistic loss of labels -1 and +1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.losses.base import TINY
from relucvx.losses.cones import LossCones
from relucvx.losses.labels import LabelLoss
from relucvx.tolerances import EPS
from relucvx.types import Array

sp = later("scipy.sparse")

clarabel = later("clarabel")
cp = later("cvxpy")
torch = later("torch")


@dataclass(frozen=True)
class Logistic(LabelLoss):
    """h = log(1 + exp(-y f)); its conjugate gives -h*(-N/w) = -t log t - (1 - t) log(1 - t) for t = y N/w in [0, 1]."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return np.logaddexp(0.0, -Y * F)

    def _slopes(self, F: Array, Y: Array) -> Array:
        return -Y * _sigmoid(-Y * F)

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return _sigmoid(F) * _sigmoid(-F)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        return np.minimum(Y, 0.0), np.maximum(Y, 0.0)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        t = np.clip(T * Y, 0.0, 1.0)
        return -t * np.log(np.maximum(t, TINY)), -(1.0 - t) * np.log(np.maximum(1.0 - t, TINY))

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        t = np.clip(T * Y, 0.0, 1.0)
        return Y * (np.log(np.maximum(1.0 - t, TINY)) - np.log(np.maximum(t, TINY)))

    def dual_error(self, N: Array, Y: Array, w: Array) -> float:
        """As in the base class, plus the rounding of t = y N / w where the entropy is steep (near t = 1)."""
        # t carries a relative error EPS; the entropy's slope is at most log(1/EPS) < 40 one rounding away from t = 1
        return super().dual_error(N, Y, w) + 48.0 * EPS * float(np.sum(np.abs(N)))

    def probabilities(self, F: Array) -> Array:
        """Of the label +1, output by output."""
        return _sigmoid(F)

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The log-odds of the label weights; ±inf when one label is missing."""
        positive, negative = self._label_sums(Y, w)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(positive) - np.log(negative))

    @property
    def strictly_convex(self) -> bool:
        """True."""
        return True

    @property
    def gradient_lipschitz(self) -> float:
        """1/4."""
        return 0.25

    def expression(self, fit: Any, Y: Array, W: Array) -> Any:
        """Σ w log(1 + exp(-y f))."""

        return cp.sum(cp.multiply(W, cp.logistic(-cp.multiply(Y, fit))))

    def cones(self, Y: Array, w: Array, sy: float) -> LossCones:
        """log(1 + exp(-y f)) <= t as exp(-t) + exp(-y f - t) <= 1: variables (t, a, b), a + b <= 1."""

        N, y, weight = Y.size, Y.ravel(), np.repeat(w, Y.shape[1])
        rows_f, rows_e, offset = sp.lil_matrix((6 * N, N)), sp.lil_matrix((6 * N, 3 * N)), np.zeros(6 * N)
        for i in range(N):
            # clarabel's exponential cone holds (x, y, z) with y exp(x / y) <= z; its rows read b - A x
            rows_e[6 * i, i] = 1.0  # x = -t
            offset[6 * i + 1] = 1.0
            rows_e[6 * i + 2, N + i] = -1.0  # z = a
            rows_f[6 * i + 3, i] = y[i]  # x = -y f - t
            rows_e[6 * i + 3, i] = 1.0
            offset[6 * i + 4] = 1.0
            rows_e[6 * i + 5, 2 * N + i] = -1.0  # z = b
        eye = sp.identity(N, format="csc")
        return LossCones(
            3 * N, np.zeros(N), np.zeros(N), np.zeros(3 * N), np.concatenate([weight, np.zeros(2 * N)]),
            [sp.csc_matrix((N, N)), rows_f.tocsc()],
            [sp.hstack([sp.csc_matrix((N, N)), eye, eye], format="csc"), rows_e.tocsc()],
            [np.ones(N), offset],
            [clarabel.NonnegativeConeT(N), *([clarabel.ExponentialConeT()] * (2 * N))],
        )  # fmt: skip

    def torch_entries(self, F: Any, Y: Any) -> Any:
        """As :meth:`_entries`."""

        t = -Y * F
        return t.clamp(min=0.0) + torch.log1p(torch.exp(-t.abs()))

    def torch_slopes(self, F: Any, Y: Any) -> Any:
        """As :meth:`_slopes`."""

        return -Y * torch.sigmoid(-Y * F)


def _sigmoid(t: Array) -> Array:
    decay = np.exp(-np.abs(t))
    return np.where(t >= 0, 1.0, decay) / (1.0 + decay)
