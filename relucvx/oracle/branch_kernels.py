"""Compiled branch-and-bound for branches of three layers: Σ_i N_i relu(relu(x_i·u_1) - relu(x_i·u_2)) on the unit ball.

With a = x·u_1 and b = x·u_2, ``relu(relu(a) - relu(b)) = max(a, b, 0) - max(b, 0)``: a difference of convex functions that are
linear on cones. On a cone spanned by unit generators g_k in one orthant, w = Σ_k α_k g_k with α >= 0, a convex one is at most
Σ_k α_k f(g_k), and at least any of its linear pieces. So H(w) <= Σ_k α_k h_k, and with the least c such that g_k·c >= h_k for
all k, H(w) <= ||c||·||w||. What c misses of h by rounding counts Σ_k α_k <= sqrt(q) ||w|| times, for generators of one orthant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.least_norm import Passive, least_norm

RUNNING, EMPTY, VIOLATED, FULL = 0, 1, 2, 3

WALL_SHARE = 0.4
"""Where one kink carries this share of what an edge loses, the edge is split on it."""


@compiled
def pieces(X: Any, G: Any, A: Any, B: Any) -> None:
    """Fill a_ki = x_i·u_1 and b_ki = x_i·u_2 at the generators (rows of G)."""
    n, d = X.shape
    for k in range(G.shape[0]):
        for i in range(n):
            a = 0.0
            b = 0.0
            for j in range(d):
                a += X[i, j] * G[k, j]
                b += X[i, j] * G[k, d + j]
            A[k, i] = a
            B[k, i] = b


@compiled
def value_of(X: Any, N: Any, w: Any) -> float:
    """H at w (2 d,), as it is defined."""
    n, d = X.shape
    total = 0.0
    for i in range(n):
        a = 0.0
        b = 0.0
        for j in range(d):
            a += X[i, j] * w[j]
            b += X[i, j] * w[d + j]
        total += N[i] * max(max(a, 0.0) - max(b, 0.0), 0.0)
    return total


@compiled
def over_generators(N: Any, A: Any, B: Any, pa: Any, pb: Any, h: Any) -> None:
    """Fill h_k, with the pieces of each sample's minorants chosen where they have the values pa (of a) and pb (of b)."""
    size, n = A.shape
    for k in range(size):
        h[k] = 0.0
    for i in range(n):
        weight = N[i]
        # max(a, b, 0) counts as a chord and max(b, 0) as a line where the weight is positive, and the reverse elsewhere
        if weight > 0.0:
            for k in range(size):
                top = max(max(A[k, i], B[k, i]), 0.0)
                h[k] += weight * (top - (B[k, i] if pb[i] > 0.0 else 0.0))
        elif weight < 0.0:
            first = pa[i] > max(pb[i], 0.0)
            second = not first and pb[i] > 0.0
            for k in range(size):
                line = A[k, i] if first else (B[k, i] if second else 0.0)
                h[k] -= weight * (max(B[k, i], 0.0) - line)


@compiled
def cone_bound(G: Any, h: Any, slack: float, x: Any, c: Any, room: Passive) -> float:
    """||c|| for the least c with g_k·c >= h_k, with what rounding leaves of these inequalities; c lies in the cone."""
    size, q = G.shape
    least_norm(G, q, h, x, c, room)
    missing = 0.0
    for k in range(size):
        left = h[k]
        for j in range(q):
            left -= G[k, j] * c[j]
        missing = max(missing, left)
    square = 0.0
    for j in range(q):
        square += c[j] * c[j]
    return np.sqrt(square) * (1.0 + 1e-14) + np.sqrt(float(q)) * (missing + slack)


@compiled
def split(N: Any, G: Any, A: Any, B: Any, out: Any) -> Any:
    """The edge (k, l) on which interpolants lose most, and the generator that splits it."""
    size, n = A.shape
    q = G.shape[1]
    best, bk, bl, at = -1.0, 0, 1, 0.5
    for k in range(size):
        for l in range(k):
            cost = 0.0
            heaviest, where = 0.0, 0.5
            for i in range(n):
                if N[i] == 0.0:
                    continue
                a0, b0, a1, b1 = A[k, i], B[k, i], A[l, i], B[l, i]
                t0, t1 = max(max(a0, b0), 0.0), max(max(a1, b1), 0.0)
                r0, r1 = max(b0, 0.0), max(b1, 0.0)
                lost = t0 + t1 - max(max(a0 + a1, b0 + b1), 0.0) + r0 + r1 - max(b0 + b1, 0.0)
                lost *= abs(N[i])
                cost += lost
                if lost > heaviest:
                    # where the pieces at the two ends are equal: along the edge the one falls and the other rises
                    p0 = a1 if t0 == a0 else (b1 if t0 == b0 else 0.0)  # the first end's piece at the second
                    p1 = a0 if t1 == a1 else (b0 if t1 == b1 else 0.0)
                    up, down = t0 - p1, t1 - p0
                    if up + down <= 0.0:
                        up, down = abs(b0), abs(b1)
                    heaviest = lost
                    where = up / (up + down) if up + down > 0.0 else 0.5
            if cost > best:
                best, bk, bl = cost, k, l
                at = min(max(where, 0.05), 0.95) if heaviest > WALL_SHARE * cost else 0.5
    # nothing is lost on any edge: the longest is halved
    if best <= 0.0:
        worst = -1.0
        for k in range(size):
            for l in range(k):
                length = 0.0
                for j in range(q):
                    length += (G[k, j] - G[l, j]) ** 2
                if length > worst:
                    worst, bk, bl = length, k, l
        at = 0.5
    norm = 0.0
    for j in range(q):
        out[j] = (1.0 - at) * G[bk, j] + at * G[bl, j]
        norm += out[j] * out[j]
    norm = np.sqrt(norm)
    for j in range(q):
        out[j] /= norm
    return bk, bl


@compiled
def push(heap: Any, bounds: Any, size: int, slot: int) -> int:
    """A slot into the heap of largest bounds."""
    at = size
    heap[at] = slot
    while at > 0:
        up = (at - 1) // 2
        if bounds[heap[up]] >= bounds[heap[at]]:
            break
        heap[up], heap[at] = heap[at], heap[up]
        at = up
    return size + 1


@compiled
def pop(heap: Any, bounds: Any, size: int) -> int:
    """Take the first slot off the heap; the last one takes its place and sinks."""
    top = heap[0]
    heap[0] = heap[size - 1]
    size -= 1
    at = 0
    while True:
        left, right, largest = 2 * at + 1, 2 * at + 2, at
        if left < size and bounds[heap[left]] > bounds[heap[largest]]:
            largest = left
        if right < size and bounds[heap[right]] > bounds[heap[largest]]:
            largest = right
        if largest == at:
            break
        heap[largest], heap[at] = heap[at], heap[largest]
        at = largest
    return top


@compiled
def search(
    X: Any,
    N: Any,
    cones: Any,
    bounds: Any,
    depths: Any,
    heap: Any,
    free: Any,
    counts: Any,
    best: Any,
    witness: Any,
    target: float,
    stop_above: float,
    unit: float,
    steps: int,
    room: Passive,
) -> int:
    """Split the cone of the largest bound, up to ``steps`` times.

    ``counts`` holds the size of the heap, of the list of free slots, and the cones examined; ``best`` the best value, which
    the direction ``witness`` has. ``unit`` times (1 + the depth) is the rounding of a bound. Returns RUNNING, EMPTY when no
    bound is above max(target, best), VIOLATED when a value is above ``stop_above``, FULL when there is no room for more cones.
    """
    n = X.shape[0]
    q = cones.shape[1]
    A, B = np.empty((q, n)), np.empty((q, n))
    h, x, c, c2 = np.empty(q), np.empty(q), np.empty(q), np.empty(q)
    pa, pb = np.empty(n), np.empty(n)
    point = np.empty(q)
    G, P = np.empty((q, q)), np.empty((q, q))
    for _ in range(steps):
        if best[0] > stop_above:
            return VIOLATED
        if counts[0] == 0 or bounds[heap[0]] <= max(target, best[0]):
            return EMPTY
        if counts[1] < 1:
            return FULL
        slot = pop(heap, bounds, counts[0])
        counts[0] -= 1
        for k in range(q):
            for j in range(q):
                P[k, j] = cones[slot, k, j]
        pieces(X, P, A, B)
        bk, bl = split(N, P, A, B, point)
        depth, above, taken = depths[slot] + 1, bounds[slot], False
        value = value_of(X, N, point)
        if value > best[0]:
            best[0] = value
            for j in range(q):
                witness[j] = point[j]
        # each child has the new generator in place of one end of the edge
        for child in range(2):
            out = bk if child == 0 else bl
            for k in range(q):
                for j in range(q):
                    G[k, j] = point[j] if k == out else P[k, j]
            pieces(X, G, A, B)
            fresh = tightened(X, N, G, A, B, pa, pb, h, x, c, c2, unit * (1.0 + depth), target, best, witness, room)
            bound = min(above, fresh)
            counts[2] += 1
            if bound <= max(target, best[0]):
                continue
            place = slot
            if taken:
                counts[1] -= 1
                place = free[counts[1]]
            taken = True
            for k in range(q):
                for j in range(q):
                    cones[place, k, j] = G[k, j]
            bounds[place] = bound
            depths[place] = depth
            counts[0] = push(heap, bounds, counts[0], place)
        # neither child took the parent's place
        if not taken:
            free[counts[1]] = slot
            counts[1] += 1
    return RUNNING


@compiled
def tightened(
    X: Any,
    N: Any,
    G: Any,
    A: Any,
    B: Any,
    pa: Any,
    pb: Any,
    h: Any,
    x: Any,
    c: Any,
    c2: Any,
    slack: float,
    target: float,
    best: Any,
    witness: Any,
    room: Passive,
) -> float:
    """The bound of a cone: lines chosen by the sums over its generators, then once more at the point where that bound is."""
    size, n = A.shape
    d = X.shape[1]
    q = G.shape[1]
    for i in range(n):
        pa[i] = 0.0
        pb[i] = 0.0
        for k in range(size):
            pa[i] += A[k, i]
            pb[i] += B[k, i]
    over_generators(N, A, B, pa, pb, h)
    bound = cone_bound(G, h, slack, x, c, room)
    for _ in range(2):
        norm = 0.0
        for j in range(q):
            norm += c[j] * c[j]
        if bound <= max(target, best[0]) or norm <= 0.0:
            break
        norm = np.sqrt(norm)
        # the point of the bound is a direction to try, and where lines should touch
        for j in range(q):
            c2[j] = c[j] / norm
        value = value_of(X, N, c2)
        if value > best[0]:
            best[0] = value
            for j in range(q):
                witness[j] = c2[j]
        for i in range(n):
            a = 0.0
            b = 0.0
            for j in range(d):
                a += X[i, j] * c2[j]
                b += X[i, j] * c2[d + j]
            pa[i] = a
            pb[i] = b
        over_generators(N, A, B, pa, pb, h)
        fresh = cone_bound(G, h, slack, x, c, room)
        if fresh >= bound:
            break
        bound = fresh
    return bound
