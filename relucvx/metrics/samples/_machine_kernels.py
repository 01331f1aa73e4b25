"""Linear support vector machines by sequential minimal optimisation of their dual problem, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled

FLOOR = 1e-12
"""Curvature along a pair whose points coincide, as libsvm has it: the step then goes to a bound."""

SNAP = 1e-12
"""Relative distance from its bound at which a coefficient is there: rounding of steps that reach it."""

MOST_STEPS = 10_000_000
"""Steps after which the point reached is taken, as in libsvm."""


@compiled
def coefficients(K: Any, sides: Any, caps: Any, tol: float) -> Any:  # pragma: no cover
    """Coefficients of the samples in the normal vector, and the offset.

    The dual problem min 1/2 a'Qa - sum a, Q_ij = s_i s_j K_ij, over 0 <= a_i <= caps_i with s'a = 0, in u = s a. Every step
    moves the pair that promises most by the second order (Fan, Chen and Lin 2005) until no pair violates its condition by
    ``tol``, relative to the largest coefficient or 1. ``pull`` is side minus value without the offset.
    """
    n = len(sides)
    u, pull = np.zeros(n), sides.astype(np.float64)
    low, high = np.minimum(sides * caps, 0.0), np.maximum(sides * caps, 0.0)
    for _ in range(MOST_STEPS):
        i = -1
        for k in range(n):
            if u[k] < high[k] and (i < 0 or pull[k] > pull[i]):
                i = k
        j, best, least, size = -1, 0.0, np.inf, 1.0
        for k in range(n):
            size = max(size, abs(u[k]))
            if u[k] > low[k]:
                least = min(least, pull[k])
                gap = pull[i] - pull[k]
                gain = gap * gap / max(K[i, i] + K[k, k] - 2.0 * K[i, k], FLOOR)
                if gap > 0.0 and gain > best:
                    j, best = k, gain
        if i < 0 or j < 0 or pull[i] - least < tol * size:
            break
        # along u_i + t, u_j - t their sum stays; t is cut where either comes to a bound
        step = (pull[i] - pull[j]) / max(K[i, i] + K[j, j] - 2.0 * K[i, j], FLOOR)
        room_i, room_j = high[i] - u[i], u[j] - low[j]
        step = min(step, room_i, room_j)
        # exactly at a bound, which rounding would miss
        u[i] = high[i] if room_i - step <= SNAP * caps[i] else u[i] + step
        u[j] = low[j] if room_j - step <= SNAP * caps[j] else u[j] - step
        for k in range(n):
            pull[k] -= step * (K[i, k] - K[j, k])
    return u, offset(u, pull, low, high)


@compiled
def offset(u: Any, pull: Any, low: Any, high: Any) -> float:  # pragma: no cover
    """Mean pull of the samples on the margin; where there are none, the middle of what those at their bounds allow."""
    total, free, most, least = 0.0, 0, -np.inf, np.inf
    for k in range(len(u)):
        if low[k] < u[k] < high[k]:
            total, free = total + pull[k], free + 1
        elif u[k] < high[k]:
            most = max(most, pull[k])
        else:
            least = min(least, pull[k])
    return total / free if free > 0 else (most + least) / 2.0


@compiled
def held_out(K: Any, sides: Any, train: Any, test: Any, C: float, tol: float, tie: float) -> float:  # pragma: no cover
    """Mean accuracy on the two sides of the test rows; values within ``tie`` of the largest in training count half."""
    n = len(train)
    inner, above = np.empty((n, n)), 0
    for a in range(n):
        above += sides[train[a]] > 0
        for b in range(n):
            inner[a, b] = K[train[a], train[b]]
    own = sides[train]
    u, b = coefficients(inner, own, C * n / (2.0 * np.where(own > 0, above, n - above)), tol)
    largest = 0.0
    for a in range(n):
        value = b
        for k in range(n):
            value += inner[a, k] * u[k]
        largest = max(largest, abs(value))
    right, count = np.zeros(2), np.zeros(2)
    for r in test:
        value = b
        for a in range(n):
            value += K[r, train[a]] * u[a]
        k = 1 if sides[r] > 0 else 0
        count[k] += 1.0
        if abs(value) <= tie * largest:
            right[k] += 0.5
        elif value * sides[r] > 0.0:
            right[k] += 1.0
    return (right[0] / count[0] + right[1] / count[1]) / 2.0
