"""One-dimensional searches behind the defaults of a loss: best constants, and columns shifted to sum to zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from relucvx.later import later
from relucvx.tolerances import EPS
from relucvx.types import Array

optimize = later("scipy.optimize")

if TYPE_CHECKING:
    from relucvx.losses.base import Loss


def extremes(Y: Array, w: Array) -> tuple[Array, Array]:
    """Least and largest target (c,) among the samples that count."""
    used = Y[w > 0]
    return used.min(axis=0), used.max(axis=0)


def binary_grid(N: Array) -> float:
    """Step on which all sums of a column of N are exact in float64; 0 for N = 0."""
    top = float(np.abs(N).max(initial=0.0)) * len(N)
    return math.ldexp(1.0, max(math.frexp(top)[1] - 52, -1000)) if top > 0.0 else 0.0


def shifted_to_zero(v: Array, lo: Array, hi: Array, w: Array) -> Array:
    """clip(v - t w, lo, hi) with t chosen so that the sum vanishes; the sum falls in t, with kinks."""
    top = float(np.abs(v).max(initial=0.0))
    if top == 0.0:
        return np.asarray(np.clip(v, lo, hi))
    # in units of the largest entry: entries of 1e-300 would leave no digits for quotients and sums
    lift = -int(np.frexp(top)[1])
    v, low, high = np.ldexp(v, lift), np.ldexp(lo, lift), np.ldexp(hi, lift)

    def total(t: float) -> float:
        return float(np.clip(v - t * w, low, high).sum())

    # entries without weight do not move
    used = w > 0
    ratio = v[used] / w[used]
    left, right = float(ratio.min()), float(ratio.max())
    ends = np.concatenate([v[used] - low[used], v[used] - high[used]]) / np.concatenate([w[used], w[used]])
    knots = np.unique(np.concatenate([[left, right], ends[np.isfinite(ends)]]).clip(left, right))
    first, last = 0, len(knots) - 1
    # between knots the sum is linear in t: bisection finds the piece, one step its root
    while last - first > 1:
        middle = (first + last) // 2
        if total(float(knots[middle])) >= 0.0:
            first = middle
        else:
            last = middle
    t, end = float(knots[first]), float(knots[last])
    inside = v - 0.5 * (t + end) * w
    # slope of the piece, from the entries that are not clipped
    slope = float(w[(low < inside) & (inside < high)].sum())
    if slope > 0.0:
        t = min(max(t + total(t) / slope, t), end)
    return np.asarray(np.ldexp(np.clip(v - t * w, low, high), -lift).clip(lo, hi))


def decayed_constant(loss: Loss, y: Array, w: Array, beta: float) -> float:
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
    return float(optimize.brentq(slope, 0.0, end, xtol=EPS * abs(end), rtol=4 * EPS, maxiter=1000))


def best_constant(loss: Loss, y: Array, w: Array) -> float:
    """Sign change of the slope of loss(1 b), by bisection: it has jumps where the loss has kinks."""
    # the minimum of a sum lies between the minima of its summands
    minimisers = loss.dual_gradient(np.zeros_like(y), y, w)[w > 0]
    far = 1e30 * max(1.0, float(np.abs(y).max()))
    left, right = (float(np.clip(m, -far, far)) for m in (minimisers.min(), minimisers.max()))
    for end, sign in ((left, -1.0), (right, 1.0)):
        # no minimum at a finite constant: all labels are on one side
        if abs(end) == far and sign * float(np.sum(loss.gradient(np.full_like(y, end), y, w))) <= 0.0:
            return sign * math.inf
    while left < right:
        middle = 0.5 * (left + right)
        if middle in (left, right):
            break
        slope = float(np.sum(loss.gradient(np.full_like(y, middle), y, w)))
        if slope == 0.0:
            return middle
        left, right = (middle, right) if slope < 0.0 else (left, middle)
    ends = [loss.value(np.full_like(y, b), y, w) for b in (left, right)]
    return left if ends[0] <= ends[1] else right
