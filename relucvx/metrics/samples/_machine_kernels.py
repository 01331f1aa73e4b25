"""The dual problem of a linear support vector machine by sequential minimal optimisation, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled

FLOOR = 1e-12
"""Curvature along a pair whose points coincide, as libsvm has it: the step then goes to a bound."""

MOST_STEPS = 10_000_000
"""Steps after which the point reached is taken, as in libsvm."""


@compiled
def coefficients(K: Any, sides: Any, caps: Any, tol: float) -> Any:  # pragma: no cover
    """Coefficients of the samples in the normal vector.

    The dual problem min 1/2 a'Qa - sum a, Q_ij = s_i s_j K_ij, over 0 <= a_i <= caps_i with s'a = 0. Every step moves the
    pair that promises most by the second order (Fan, Chen and Lin 2005) until no pair violates its condition by ``tol``.
    """
    n = len(sides)
    a, slope = np.zeros(n), -np.ones(n)
    for _ in range(MOST_STEPS):
        # the sample whose step up along its side pays most
        top, i = -np.inf, -1
        for k in range(n):
            up = a[k] < caps[k] if sides[k] > 0 else a[k] > 0.0
            if up and -sides[k] * slope[k] >= top:
                top, i = -sides[k] * slope[k], k
        low, best, j = np.inf, np.inf, -1
        if i >= 0:
            for k in range(n):
                down = a[k] > 0.0 if sides[k] > 0 else a[k] < caps[k]
                if down:
                    value = -sides[k] * slope[k]
                    low = min(low, value)
                    gain = top - value
                    if gain > 0.0:
                        curve = K[i, i] + K[k, k] - 2.0 * K[i, k]
                        if -gain * gain / max(curve, FLOOR) <= best:
                            best, j = -gain * gain / max(curve, FLOOR), k
        if j < 0 or top - low < tol:
            break
        # along a_i + s_i t, a_j - s_j t the constraint stays; t is cut where either comes to a bound
        step = (top + sides[j] * slope[j]) / max(K[i, i] + K[j, j] - 2.0 * K[i, j], FLOOR)
        room_i = caps[i] - a[i] if sides[i] > 0 else a[i]
        room_j = a[j] if sides[j] > 0 else caps[j] - a[j]
        step = min(step, room_i, room_j)
        # exactly at a bound, which rounding would miss
        a[i] = (caps[i] if sides[i] > 0 else 0.0) if step == room_i else a[i] + sides[i] * step
        a[j] = (0.0 if sides[j] > 0 else caps[j]) if step == room_j else a[j] - sides[j] * step
        for k in range(n):
            slope[k] += sides[k] * step * (K[k, i] - K[k, j])
    return sides * a
