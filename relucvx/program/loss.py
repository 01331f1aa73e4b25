"""What a loss is: value, derivatives and conjugate, and the domain in which its dual points live.

A loss acts on the fit ``F`` (n, c) with targets ``Y`` (n, c) and sample weights ``w`` (n,). Its dual function is
``-loss*(-N)`` for a dual point ``N`` (n, c), where ``N = -∇loss(F)`` at the optimum. The domain of the conjugate contains 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from relucvx.tolerances import EPS
from relucvx.types import Array
from relucvx.validation import as_matrix

TINY = np.finfo(np.float64).tiny
"""The smallest normal float64: logarithms are cut here, and no underflow loses more than this."""


@dataclass(frozen=True)
class Loss(ABC):
    """A convex loss ``Σ_ik w_i h(F_ik, Y_ik)`` with its conjugate. Base class: subclasses give the formulas.

    The domain of the conjugate is a box here; a loss that couples the outputs overrides what says so.

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
        return (N.size + 8) * EPS * size + N.size * TINY * bool(size)

    def dual_gradient(self, N: Array, Y: Array, w: Array) -> Array:
        """Gradient (n, c) of :meth:`dual_value`: a fit whose negative (sub)gradient is N. 0 where w is 0."""
        T, weight = self._scaled(N, w)
        return np.where(weight > 0, self._dual_slopes(T, Y), 0.0)

    def clip_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """The point of the conjugate's domain nearest to N."""
        return np.clip(N, *self.dual_bounds(Y, w))

    def round_dual(self, N: Array, Y: Array, w: Array) -> Array:
        """N, which is in the domain up to rounding, moved into it for certain; by no more than that rounding."""
        return self.clip_dual(N, Y, w)

    @property
    def shift_invariant(self) -> bool:
        """Whether adding a constant to all outputs of a sample changes nothing: fits are then unique up to that."""
        return False

    def row_slack(self, N: Array) -> Array:
        """Bound (n,) on how far each row of N is from the exact dual point that it stands for; 0 for boxes."""
        return np.zeros(len(N))

    def largest_scale(self, N: Array, Y: Array, w: Array) -> float:
        """The largest s for which s N is in the domain, inf where there is none."""
        lo, hi = self.dual_bounds(Y, w)
        used = N != 0.0
        with np.errstate(over="ignore"):
            return float(np.min(np.where(N > 0, hi, lo)[used] / N[used], initial=np.inf))

    def shift_to_zero(self, N: Array, Y: Array, w: Array) -> Array:
        """A nearby point of the domain whose columns sum to zero up to rounding, as moving an output bias does."""
        lo, hi = self.dual_bounds(Y, w)
        return np.stack([_shift_to_zero(N[:, k], lo[:, k], hi[:, k], w) for k in range(N.shape[1])], axis=1)

    def exact_zero_sums(self, N: Array, Y: Array, w: Array) -> Array:
        """Entries moved by multiples of a binary grid until every column sums to exactly 0, inside the domain.

        Rounding towards zero keeps N inside any box around 0. On a grid of 2^(ceil log2(n max|N|) - 52) all partial
        sums are exact in float64, whatever the order.
        """
        grid = binary_grid(N)
        if grid == 0.0:
            return np.zeros_like(N)
        out = np.trunc(N / grid) * grid
        for column in out.T:
            excess = float(column.sum())
            for i in np.argsort(-column * np.sign(excess), kind="stable"):
                if excess == 0.0:
                    break
                step = math.copysign(min(abs(excess), abs(float(column[i]))), excess)
                column[i] -= step
                excess -= step
        return out + 0.0

    def read_targets(self, Y: Any) -> tuple[Array, bool]:
        """Targets as (n, c), and whether they were given as a vector, so that predictions are squeezed back."""
        return as_matrix(Y, "Y", allow_vector=True), np.ndim(Y) == 1

    def check_targets(self, Y: Array) -> None:  # noqa: B027 (real targets suit most losses)
        """Raise InvalidInputError when the loss is not defined for these targets (real targets by default)."""

    @abstractmethod
    def best_constant(self, Y: Array, w: Array) -> Array:
        """The constants (c,) that minimise ``loss(1 bᵀ)``; ±inf where the infimum is approached only there."""

    def decayed_constant(self, Y: Array, w: Array, beta: float) -> Array:
        """The constants (c,) that minimise ``loss(1 bᵀ) + beta/2 ||b||²``, output by output."""
        return np.array([_decayed_constant(self, Y[:, [k]], w, beta) for k in range(Y.shape[1])])


def binary_grid(N: Array) -> float:
    """Step on which all sums of a column of N are exact in float64; 0 for N = 0."""
    top = float(np.abs(N).max(initial=0.0)) * len(N)
    return math.ldexp(1.0, max(math.frexp(top)[1] - 52, -1000)) if top > 0.0 else 0.0


def _shift_to_zero(v: Array, lo: Array, hi: Array, w: Array) -> Array:
    """clip(v - t w, lo, hi) with t chosen so that the sum vanishes; the sum is monotone in t."""

    def total(t: float) -> float:
        return float(np.clip(v - t * w, lo, hi).sum())

    used = w > 0
    ratio = v[used] / w[used]
    left, right = float(ratio.min()), float(ratio.max())
    if left >= right or total(left) <= 0.0:
        t = left
    elif total(right) >= 0.0:
        t = right
    else:
        t = float(brentq(total, left, right, xtol=EPS * max(abs(left), abs(right)), rtol=4 * EPS))
    return np.asarray(np.clip(v - t * w, lo, hi))


def _decayed_constant(loss: Loss, y: Array, w: Array, beta: float) -> float:
    """Minimiser of loss(1 b) + beta/2 b² for one output: the sign change of a strictly increasing function."""

    def slope(b: float) -> float:
        return float(np.sum(loss.gradient(np.full_like(y, b), y, w))) + beta * b

    start = slope(0.0)
    # slope(b) - beta b is non-decreasing, so the root lies between 0 and -slope(0)/beta; never past the best constant
    far = -start / beta
    best = float(loss.best_constant(y, w)[0])
    end = float(np.clip(best, min(far, 0.0), max(far, 0.0)))
    if start == 0.0 or end == 0.0 or slope(end) * start >= 0.0:
        return end if start != 0.0 else 0.0
    return float(brentq(slope, 0.0, end, xtol=EPS * abs(end), rtol=4 * EPS, maxiter=1000))
