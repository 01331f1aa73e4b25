"""The least vector with given products, for bounds: any multipliers give one, so dependent rows may take each other's place.

Listing the cells of an arrangement has its own (:mod:`relucvx.arrangement._least_norm`), which gives up on rows that depend
on each other to rounding: there a point that is off by as much would put a cell where there is none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from relucvx.compiled import compiled


class Passive(NamedTuple):
    """Room for the rows that hold as equations, g_k = Σ_a R[a, k] q_a in the order in which they came.

    ``y`` are the coordinates of w = Σ y_a q_a, ``s`` the multipliers of the equations, ``index`` their rows and ``inside``
    which rows those are.
    """

    Q: Any
    R: Any
    y: Any
    s: Any
    index: Any
    inside: Any


def passive_room(size: int, p: int) -> Passive:
    """Room for ``size`` rows, of which at most ``p`` are independent."""
    return Passive(
        np.empty((p, p)), np.empty((p, p)), np.empty(p), np.empty(p), np.empty(p, np.int64), np.empty(size, np.bool_)
    )


@compiled(counted=False)
def least_norm(G: Any, p: int, b: Any, x: Any, w: Any, room: Passive) -> int:
    """Least ||w|| over the leading p coordinates with g_k·w >= b_k: fills multipliers x >= 0 and w = Σ x_k g_k.

    Returns how many rows hold as equations.

    Lawson-Hanson on the dual, with an orthogonal factorisation so that thin cones keep their digits. It may stop early;
    x >= 0 holds whenever it does, and w is Σ x_k g_k to the accuracy of the factorisation.
    """
    size = G.shape[0]
    top = 0.0
    for k in range(size):
        x[k] = 0.0
        room.inside[k] = False
        top = max(top, b[k])
    for j in range(w.shape[0]):
        w[j] = 0.0
    # numbers that are no literals, for each of which numba would compile everything below once more
    count: Any = np.int64(0)
    pick: Any = np.int64(-1)
    if top <= 0.0:
        return count
    # each round: the worst violated row becomes an equation, and equations whose multiplier falls below 0 go
    for _ in range(3 * min(size, p + 1) + 6):
        worst, pick = 1e-14 * top, np.int64(-1)
        for k in range(size):
            if not room.inside[k]:
                slack = b[k]
                for j in range(p):
                    slack -= G[k, j] * w[j]
                if slack > worst:
                    worst, pick = slack, k
        if pick < 0:
            break
        # a row that depends on the equations takes the place of one of them
        if not append_row(G, p, b, pick, count, room):
            count = make_way(G, p, b, x, pick, count, 1e-14 * top, room)
            if not append_row(G, p, b, pick, count, room):
                x[pick] = 0.0
                break
        count = settle(G, p, b, x, count + 1, 1e-14 * top, room)
        for j in range(p):
            w[j] = 0.0
            for a in range(count):
                w[j] += room.y[a] * room.Q[a, j]
    return count


@compiled(counted=False)
def append_row(G: Any, p: int, b: Any, k: int, count: int, room: Passive) -> bool:
    """Row k as the next equation: one step of modified Gram-Schmidt, and of the forward substitution for w.

    False, and nothing changed, when it depends on the ``count`` equations that are there.
    """
    # p independent rows span everything
    if count == p:
        return False
    Q, R = room.Q, room.R
    for j in range(p):
        Q[count, j] = G[k, j]
    for a in range(count):
        R[a, count] = 0.0
    # twice is enough: what the first pass leaves in nearly dependent rows is taken away by the second
    for _ in range(2):
        for a in range(count):
            along = 0.0
            for j in range(p):
                along += Q[a, j] * Q[count, j]
            R[a, count] += along
            for j in range(p):
                Q[count, j] -= along * Q[a, j]
    norm = 0.0
    for j in range(p):
        norm += Q[count, j] * Q[count, j]
    norm = np.sqrt(norm)
    if norm <= 1e-12:
        return False
    for j in range(p):
        Q[count, j] /= norm
    R[count, count] = norm
    total = b[k]
    for a in range(count):
        total -= R[a, count] * room.y[a]
    room.y[count] = total / norm
    room.index[count] = k
    room.inside[k] = True
    return True


@compiled(counted=False)
def settle(G: Any, p: int, b: Any, x: Any, count: int, zero: float, room: Passive) -> int:
    """Take the multipliers x to those of the equations, dropping equations on the way; returns how many are left."""
    R, s, index = room.R, room.s, room.index
    while count > 0:
        # the multipliers of the equations as they are, by backward substitution
        for a in range(count - 1, -1, -1):
            total = room.y[a]
            for e in range(a + 1, count):
                total -= R[a, e] * s[e]
            s[a] = total / R[a, a]
        # from x towards them, as far as all stay non-negative
        step = 1.0
        for a in range(count):
            if s[a] <= 0.0:
                old = x[index[a]]
                step = min(step, old / (old - s[a]) if old > s[a] else 0.0)
        for a in range(count):
            x[index[a]] = max(0.0, x[index[a]] + step * (s[a] - x[index[a]]))
        if step >= 1.0:
            break
        # stopped by a multiplier that is zero now: its row is no equation any more
        count = drop_zeros(G, p, b, x, count, zero, room)
    return count


@compiled
def make_way(G: Any, p: int, b: Any, x: Any, k: int, count: int, zero: float, room: Passive) -> int:
    """Shift multipliers from the equations to row k, which depends on them, until one is zero; w stays what it is."""
    Q, R, s, index = room.Q, room.R, room.s, room.index
    # g_k = Σ s_a g_a over the equations
    for a in range(count - 1, -1, -1):
        total = 0.0
        for j in range(p):
            total += Q[a, j] * G[k, j]
        for e in range(a + 1, count):
            total -= R[a, e] * s[e]
        s[a] = total / R[a, a]
    step = np.inf
    for a in range(count):
        if s[a] > 0.0:
            step = min(step, x[index[a]] / s[a])
    # no multiplier falls: the inequalities contradict each other, and nothing makes way
    if not np.isfinite(step):
        return count
    for a in range(count):
        x[index[a]] = max(0.0, x[index[a]] - step * s[a])
    x[k] = step
    return drop_zeros(G, p, b, x, count, zero, room)


@compiled(counted=False)
def drop_zeros(G: Any, p: int, b: Any, x: Any, count: int, zero: float, room: Passive) -> int:
    """Equations whose multiplier is zero are none any more; those after them are factored again."""
    kept: Any = np.int64(0)  # no literal, as above
    for a in range(count):
        k = room.index[a]
        room.inside[k] = x[k] > zero
        if not room.inside[k]:
            x[k] = 0.0
        elif kept == a or append_row(G, p, b, k, kept, room):
            kept += 1
        else:
            room.inside[k] = False
            x[k] = 0.0
    return kept
