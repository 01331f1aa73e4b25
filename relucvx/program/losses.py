"""Losses, their derivatives and their conjugates. Every loss is a sum over samples and outputs.

A loss acts entrywise on the fit ``F`` (n, c) with targets ``Y`` (n, c) and sample weights ``w`` (n,):
``loss(F) = Σ_ik w_i h(F_ik, Y_ik)``. Its dual function is ``-loss*(-N)`` for a dual point ``N`` (n, c), where
``N = -∇loss(F)`` at the optimum. The domain of every conjugate here is a box that contains 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.tolerances import EPS
from relucvx.types import Array

# the smallest normal float64: logarithms are cut here, and no underflow loses more than this
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Loss(ABC):
    """A convex loss ``Σ_ik w_i h(F_ik, Y_ik)`` with its conjugate. Base class: subclasses give the formulas.

    Attributes
    ----------
    name : str
        The name by which :func:`as_loss` finds it.
    smooth : bool
        Whether the gradient is continuous. Where it is not, :meth:`subgradient_bounds` gives the choice left.

    Notes
    -----
    Shapes: ``F``, ``Y``, ``N`` (n, c); ``w`` (n,) with zeros allowed, whose rows of N must then be 0.

    Status: theorem (closed forms of value, gradient and conjugate).
    Source: [relucvx]
    """

    name: str
    smooth: bool

    @abstractmethod
    def _entries(self, F: Array, Y: Array) -> Array:
        """h(F_ik, Y_ik), unweighted."""

    @abstractmethod
    def _slopes(self, F: Array, Y: Array) -> Array:
        """Derivative of h in its first argument, unweighted."""

    def _curvatures(self, F: Array, Y: Array) -> Array:
        """Second derivative of h, unweighted."""
        return np.zeros_like(F)

    def _dual_bounds(self, Y: Array) -> tuple[Array, Array]:
        """Box of -h' for unit weight."""
        return np.full_like(Y, -np.inf), np.full_like(Y, np.inf)

    @abstractmethod
    def _dual_terms(self, T: Array, Y: Array) -> tuple[Array, Array]:
        """Two arrays of summands of -h*(-T, Y) for T inside the box."""

    @abstractmethod
    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        """Derivative of -h*(-T, Y) in T: a fit whose -h' is T."""

    def value(self, F: Array, Y: Array, w: Array) -> float:
        """``Σ_ik w_i h(F_ik, Y_ik)``."""
        return float(np.sum(w[:, None] * self._entries(F, Y)))

    def gradient(self, F: Array, Y: Array, w: Array) -> Array:
        """Gradient (n, c) in F; where the loss has a kink, the slope on the flat side."""
        return np.asarray(w[:, None] * self._slopes(F, Y))

    def subgradient_bounds(self, F: Array, Y: Array, w: Array, tol: float = 0.0) -> tuple[Array, Array]:
        """Entrywise bounds (lo, hi) of the subdifferential, joined over all fits within ``tol`` of a kink.

        ``lo == hi`` away from kinks; ``tol`` is absolute, in units of the fit.
        """
        g = self.gradient(F, Y, w)
        return g, g.copy()

    def hessian(self, F: Array, Y: Array, w: Array) -> Array:
        """Diagonal (n, c) of the second derivative; at joints, that of the curved side."""
        return np.asarray(w[:, None] * self._curvatures(F, Y))

    def curvature(self, F: Array, Y: Array, w: Array, J: Array) -> Array:
        """The second derivative (n c, n c), samples major, times a matrix J (n c, k)."""
        return np.asarray(self.hessian(F, Y, w).ravel()[:, None] * J)

    def dual_bounds(self, Y: Array, w: Array) -> tuple[Array, Array]:
        """The domain of ``N -> -loss*(-N)`` as a box (lo, hi) with ``lo <= 0 <= hi``; rows of zero weight are {0}."""
        lo, hi = self._dual_bounds(Y)
        weight = np.broadcast_to(w[:, None], Y.shape)
        lo = np.multiply(lo, weight, where=weight > 0, out=np.zeros_like(Y))
        hi = np.multiply(hi, weight, where=weight > 0, out=np.zeros_like(Y))
        return lo, hi

    def in_domain(self, N: Array, Y: Array, w: Array) -> bool:
        """Whether ``-loss*(-N)`` is finite."""
        lo, hi = self.dual_bounds(Y, w)
        return bool(np.all((lo <= N) & (hi >= N)))

    def _scaled(self, N: Array, w: Array) -> tuple[Array, Array]:
        weight = np.broadcast_to(w[:, None], N.shape)
        return np.divide(N, weight, where=weight > 0, out=np.zeros_like(N)), weight

    def dual_value(self, N: Array, Y: Array, w: Array) -> float:
        """``-loss*(-N) = min_F loss(F) + <N, F>``; -inf outside the domain, 0 at N = 0."""
        if not self.in_domain(N, Y, w):
            return -np.inf
        T, weight = self._scaled(N, w)
        first, second = self._dual_terms(T, Y)
        return float(np.sum(weight * (first + second)))

    def dual_error(self, N: Array, Y: Array, w: Array) -> float:
        """A bound on the floating-point error of :meth:`dual_value` at N inside the domain."""
        T, weight = self._scaled(N, w)
        first, second = self._dual_terms(T, Y)
        # each summand takes at most 8 roundings, their sum at most N.size more
        size = float(np.sum(weight * (np.abs(first) + np.abs(second))))
        return (N.size + 8) * EPS * size + N.size * _TINY * bool(size)

    def dual_gradient(self, N: Array, Y: Array, w: Array) -> Array:
        """Gradient (n, c) of :meth:`dual_value`: a fit whose negative (sub)gradient is N. 0 where w is 0."""
        T, weight = self._scaled(N, w)
        return np.where(weight > 0, self._dual_slopes(T, Y), 0.0)

    def clip_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """The point of the conjugate's domain nearest to N."""
        return np.clip(N, *self.dual_bounds(Y, w))

    def check_targets(self, Y: Array) -> None:  # noqa: B027 (real targets suit most losses)
        """Raise InvalidInputError when the loss is not defined for these targets (real targets by default)."""

    @abstractmethod
    def best_constant(self, Y: Array, w: Array) -> Array:
        """The constants (c,) that minimise ``loss(1 bᵀ)``; ±inf where the infimum is approached only there."""


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
        return -t * np.log(np.maximum(t, _TINY)), -(1.0 - t) * np.log(np.maximum(1.0 - t, _TINY))

    def _dual_slopes(self, T: Array, Y: Array) -> Array:
        t = np.clip(T * Y, 0.0, 1.0)
        return Y * (np.log(np.maximum(1.0 - t, _TINY)) - np.log(np.maximum(t, _TINY)))

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
