"""Losses, their derivatives and their conjugates. Every loss is a sum over samples and outputs.

A loss acts entrywise on the fit ``F`` (n, c) with targets ``Y`` (n, c) and sample weights ``w`` (n,):
``loss(F) = Σ_ik w_i h(F_ik, Y_ik)``. Its dual function is ``-loss*(-N)`` for a dual point ``N`` (n, c), where
``N = -∇loss(F)`` at the optimum. The domain of every conjugate here is a box that contains 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.program.cross_entropy import CrossEntropy
from relucvx.program.loss import TINY, Loss
from relucvx.tolerances import EPS
from relucvx.types import Array


@dataclass(frozen=True)
class _LabelLoss(Loss):
    """A loss of the margin y·f with labels y in {-1, +1}."""

    def check_targets(self, Y: Array) -> None:
        """Raise InvalidInputError unless every target is -1 or +1."""
        bad = np.abs(Y) != 1.0
        if not bad.any():
            return
        i, k = (int(j) for j in np.argwhere(bad)[0])
        found = np.unique(Y)
        cause, fix = "regression targets", 'loss="squared" or loss="huber"'
        if set(found) <= {0.0, 1.0}:
            cause, fix = "labels coded as 0 and 1", "y = 2*y - 1"
        elif len(found) == 2:
            cause, fix = f"labels coded as {found[0]:g} and {found[1]:g}", f"y = numpy.where(y == {found[1]:g}, 1, -1)"
        elif np.array_equal(found, np.round(found)) and len(found) <= max(20, len(Y) // 2):
            cause = "class numbers of a problem with more than two classes"
            fix = "one column of ±1 labels per class: Y = 2*(y[:, None] == numpy.unique(y)) - 1"
        expected = f"labels -1 or +1 for the {self.name} loss"
        raise InvalidInputError(explain(expected, f"{Y[i, k]:g} at row {i}, column {k}", cause, fix))

    def _label_sums(self, Y: Array, w: Array) -> tuple[Array, Array]:
        """Total weight (c,) of the positive and of the negative labels."""
        return w @ (Y > 0), w @ (Y < 0)


@dataclass(frozen=True)
class _Squared(Loss):
    """h = (f - y)²/2; -h*(-t) = t y - t²/2."""

    def _entries(self, F: Array, Y: Array) -> Array:
        return 0.5 * (F - Y) ** 2

    def _slopes(self, F: Array, Y: Array) -> Array:
        return F - Y

    def _curvatures(self, F: Array, Y: Array) -> Array:
        return np.ones_like(F)

    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        return T * Y, -0.5 * T * T

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        return Y - T

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The weighted mean."""
        return np.asarray(w @ Y / w.sum())


@dataclass(frozen=True)
class _Huber(Loss):
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
        return np.array([_huber_location(column, w) for column in Y.T])


def _huber_location(y: Array, w: Array) -> float:
    knots = np.unique(np.concatenate([y - 1.0, y + 1.0]))
    low, high = 0, len(knots) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if w @ np.clip(knots[middle] - y, -1.0, 1.0) <= 0.0:
            low = middle
        else:
            high = middle
    a, b = knots[low], knots[high]
    slope_a, slope_b = (float(w @ np.clip(t - y, -1.0, 1.0)) for t in (a, b))
    return float(a if slope_b == slope_a else a - slope_a * (b - a) / (slope_b - slope_a))


@dataclass(frozen=True)
class _Logistic(_LabelLoss):
    """h = log(1 + exp(-y f)); with t = y N / w in [0, 1], -h*(-N) = -t log t - (1 - t) log(1 - t)."""

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

    def best_constant(self, Y: Array, w: Array) -> Array:
        """The log-odds of the label weights; ±inf when one label is missing."""
        positive, negative = self._label_sums(Y, w)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(positive) - np.log(negative))


def _sigmoid(t: Array) -> Array:
    decay = np.exp(-np.abs(t))
    return np.where(t >= 0, 1.0, decay) / (1.0 + decay)


@dataclass(frozen=True)
class _Hinge(_LabelLoss):
    """h = max(0, 1 - y f); with t = y N / w in [0, 1], -h*(-N) = t."""

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


@dataclass(frozen=True)
class _SquaredHinge(_LabelLoss):
    """h = max(0, 1 - y f)²; with t = y N / w >= 0, -h*(-N) = t - t²/4."""

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


@dataclass(frozen=True)
class _Absolute(Loss):
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


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        _Squared("squared", True),
        _Logistic("logistic", True),
        _Hinge("hinge", False),
        _SquaredHinge("squared_hinge", True),
        _Huber("huber", True),
        CrossEntropy("cross_entropy", True),
    )
}

EXACT_PENALTY: Loss = _Absolute("absolute", False)
"""Behind :func:`relucvx.interpolate`, whose solutions carry it; not among the losses the front doors offer."""


def as_loss(loss: str | Loss) -> Loss:
    """Resolve a loss given by name or as an object.

    Raises
    ------
    InvalidInputError
        For an unknown name; the message lists the known ones.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if loss == EXACT_PENALTY.name:
        return EXACT_PENALTY
    raise InvalidInputError(
        explain(f"a loss among {', '.join(LOSSES)}", repr(loss), "", 'loss="squared" for regression')
    )
