"""Compiled kernels of the decision boundary: where the largest of several functions, linear on each face, changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def _ring(f: int, first: Any, tail: Any, succ: Any) -> Any:
    count, h = 1, succ[first[f]]
    while h != first[f]:
        count, h = count + 1, succ[h]
    ring = np.empty(count, dtype=np.int64)
    for c in range(count):
        ring[c], h = tail[h], succ[h]
    return ring


@compiled
def _difference(O: Any, D: Any, v: int, i: int, j: int) -> float:
    """Output i minus output j at a vertex, 0 within its doubt."""
    d = O[v, i] - O[v, j]
    return 0.0 if abs(d) <= D[v, i] + D[v, j] else d


@compiled
def _contenders(O: Any, D: Any, ring: Any) -> Any:
    """Outputs that may be the largest somewhere between these vertices: none other is above them at every vertex.

    Of outputs equal at every vertex only the first is kept.
    """
    c = O.shape[1]
    # what stays below the least value of another output is below it everywhere, and needs no look at vertices
    floor = -np.inf
    for k in range(c):
        low = np.inf
        for v in ring:
            low = min(low, O[v, k] - D[v, k])
        floor = max(floor, low)
    kept = np.empty(c, dtype=np.int64)
    n = 0
    for k in range(c):
        high = -np.inf
        for v in ring:
            high = max(high, O[v, k] + D[v, k])
        if high < floor:
            continue
        beaten = False
        # asked of those kept so far alone: one too many costs time, as segments are clipped by all
        for s in range(n):
            never_above = True
            same = True
            for v in ring:
                d = _difference(O, D, v, k, kept[s])
                never_above &= d < 0.0
                same &= d == 0.0
            beaten |= never_above or same
        if not beaten:
            kept[n] = k
            n += 1
    return kept[:n].copy()


@compiled
def _zeros(O: Any, D: Any, ring: Any, i: int, j: int, ends: Any, shares: Any) -> bool:
    """The two places on the ring where outputs i and j cross: vertex pairs ``ends`` (2, 2) and shares of the way."""
    # from a vertex at which the outputs differ, so that going round once meets every change of sign
    found = 0
    n = len(ring)
    begin = -1
    for c in range(n):
        if _difference(O, D, ring[c], i, j) != 0.0:
            begin = c
            break
    if begin < 0:
        return False
    sign, zero = _difference(O, D, ring[begin], i, j), -1
    for step in range(1, n + 1):
        before, here = ring[(begin + step - 1) % n], ring[(begin + step) % n]
        value = _difference(O, D, here, i, j)
        # equal within doubt: the crossing is put at the first such vertex, not between two that rounding separates
        if value == 0.0:
            zero = here if zero < 0 else zero
            continue
        if (value > 0.0) != (sign > 0.0):
            # faces are convex: a third change of sign is doubt, and there is no line to draw
            if found == 2:
                return False
            if zero >= 0:
                ends[found, 0], ends[found, 1], shares[found] = zero, zero, 0.0
            else:
                ends[found, 0], ends[found, 1], shares[found] = before, here, abs(sign) / (abs(sign) + abs(value))
            found += 1
        sign, zero = value, -1
    return found == 2


@compiled
def _clip(O: Any, D: Any, ends: Any, shares: Any, kept: Any, i: int, j: int, span: Any) -> bool:
    """The part of the segment on which no other contender is above i and j; False when nothing is left."""
    span[0], span[1] = 0.0, 1.0
    for k in kept:
        if k in (i, j):
            continue
        gap = np.empty(2)
        for e in range(2):
            a, b, s = ends[e, 0], ends[e, 1], shares[e]
            # i and j are equal here up to rounding, and neither is the truer: compared with the middle of both
            mean = 0.5 * (_difference(O, D, a, k, i) + _difference(O, D, a, k, j)) * (1.0 - s)
            gap[e] = mean + 0.5 * (_difference(O, D, b, k, i) + _difference(O, D, b, k, j)) * s
            doubt = max(D[a, k] + D[a, i] + D[a, j], D[b, k] + D[b, i] + D[b, j])
            gap[e] = 0.0 if abs(gap[e]) <= doubt else gap[e]
        # k is nowhere below, and level at one end at most
        if gap[0] >= 0.0 and gap[1] >= 0.0 and gap[0] + gap[1] > 0.0:
            return False
        if gap[0] > 0.0:
            span[0] = max(span[0], gap[0] / (gap[0] - gap[1]))
        elif gap[1] > 0.0:
            span[1] = min(span[1], gap[0] / (gap[0] - gap[1]))
    return span[0] < span[1]


@compiled
def _point(XY: Any, ends: Any, shares: Any, t: float, out: Any) -> None:
    """The point at share t of the segment between two places."""
    for k in range(2):
        p = (1.0 - shares[0]) * XY[ends[0, 0], k] + shares[0] * XY[ends[0, 1], k]
        q = (1.0 - shares[1]) * XY[ends[1, 0], k] + shares[1] * XY[ends[1, 1], k]
        out[k] = (1.0 - t) * p + t * q


@compiled
def _leader(O: Any, D: Any, ring: Any, tied: Any) -> int:
    """The largest of outputs that are equal along a line, on the side of it where the ring lies."""
    best = tied[0]
    for k in tied[1:]:
        for v in ring:
            d = _difference(O, D, v, k, best)
            if d != 0.0:
                best = k if d > 0.0 else best
                break
    return best


@compiled
def _tied(O: Any, D: Any, ends: Any, shares: Any, kept: Any, i: int) -> Any:
    """The contenders equal to i all along the segment (i among them), in order."""
    out = np.empty(len(kept), dtype=np.int64)
    n = 0
    for k in kept:
        equal = True
        for e in range(2):
            a, b, s = ends[e, 0], ends[e, 1], shares[e]
            d = (O[a, k] - O[a, i]) * (1.0 - s) + (O[b, k] - O[b, i]) * s
            equal &= abs(d) <= max(D[a, k] + D[a, i], D[b, k] + D[b, i])
        if equal or k == i:
            out[n] = k
            n += 1
    return out[:n].copy()


@compiled
def _side(O: Any, D: Any, ring: Any, i: int, j: int, above: bool) -> Any:
    """The vertices of a ring where output i is above j, or below."""
    out = np.empty(len(ring), dtype=np.int64)
    n = 0
    for v in ring:
        d = _difference(O, D, v, i, j)
        if (d > 0.0) if above else (d < 0.0):
            out[n] = v
            n += 1
    return out[:n].copy()


@compiled
def inside_faces(O: Any, D: Any, XY: Any, first: Any, tail: Any, succ: Any) -> Any:
    """Segments through the inside of faces; ends (S, 2, 2) and the pair of outputs that change places on each."""
    segments, pairs = np.empty((64, 2, 2)), np.empty((64, 2), dtype=np.int64)
    ends, shares, span = np.empty((2, 2), dtype=np.int64), np.empty(2), np.empty(2)
    n = 0
    for f in range(len(first)):
        ring = _ring(f, first, tail, succ)
        kept = _contenders(O, D, ring)
        for p in range(len(kept)):
            for q in range(p + 1, len(kept)):
                i, j = kept[p], kept[q]
                if not _zeros(O, D, ring, i, j, ends, shares) or not _clip(O, D, ends, shares, kept, i, j, span):
                    continue
                tied = _tied(O, D, ends, shares, kept, i)
                over, under = _side(O, D, ring, i, j, True), _side(O, D, ring, i, j, False)
                # where more than two are level along the segment, the leaders beside it change places and no others
                if len(tied) > 2 and (_leader(O, D, over, tied) != i or _leader(O, D, under, tied) != j):
                    continue
                segments, pairs = _added(segments, pairs, n, XY, ends, shares, span, i, j)
                n += 1
    return segments[:n].copy(), pairs[:n].copy()


@compiled
def along_edges(O: Any, D: Any, XY: Any, first: Any, tail: Any, succ: Any, face: Any) -> Any:
    """Segments along common sides of faces, where outputs are equal on the side and different ones lead beside it."""
    segments, pairs = np.empty((64, 2, 2)), np.empty((64, 2), dtype=np.int64)
    ends, shares, span = np.empty((2, 2), dtype=np.int64), np.zeros(2), np.empty(2)
    n = 0
    for h in range(0, len(tail), 2):
        # beyond a side of the polygon there is no face
        if face[h] < 0 or face[h + 1] < 0:
            continue
        a, b = tail[h], tail[h + 1]
        ends[0, 0], ends[0, 1], ends[1, 0], ends[1, 1] = a, a, b, b
        here = _contending_ends(O, D, a, b)
        if len(here) < 2:
            continue
        left, right = _ring(face[h], first, tail, succ), _ring(face[h + 1], first, tail, succ)
        for p in range(len(here)):
            for q in range(p + 1, len(here)):
                i, j = here[p], here[q]
                # outputs that are level on the side itself cross inside neither face
                level = _difference(O, D, a, i, j) == 0.0 and _difference(O, D, b, i, j) == 0.0
                if not level or not _clip(O, D, ends, shares, here, i, j, span):
                    continue
                tied = _tied(O, D, ends, shares, here, i)
                one, other = _leader(O, D, left, tied), _leader(O, D, right, tied)
                # i and j lead on one side each, whichever it is: other pairs that are level here lie below
                if min(one, other) != i or max(one, other) != j:
                    continue
                segments, pairs = _added(segments, pairs, n, XY, ends, shares, span, i, j)
                n += 1
    return segments[:n].copy(), pairs[:n].copy()


@compiled
def _contending_ends(O: Any, D: Any, a: int, b: int) -> Any:
    """Outputs that may be the largest somewhere on an edge."""
    floor = -np.inf
    for k in range(O.shape[1]):
        floor = max(floor, min(O[a, k] - D[a, k], O[b, k] - D[b, k]))
    out = np.empty(O.shape[1], dtype=np.int64)
    n = 0
    for k in range(O.shape[1]):
        if max(O[a, k] + D[a, k], O[b, k] + D[b, k]) >= floor:
            out[n] = k
            n += 1
    return out[:n].copy()


@compiled
def _added(segments: Any, pairs: Any, n: int, XY: Any, ends: Any, shares: Any, span: Any, i: int, j: int) -> Any:
    """Both lists with the n-th segment between outputs i and j filled in, twice as long where they were full."""
    if n == len(pairs):
        longer, more = np.empty((2 * n, 2, 2)), np.empty((2 * n, 2), dtype=np.int64)
        longer[:n], more[:n] = segments, pairs
        segments, pairs = longer, more
    _point(XY, ends, shares, span[0], segments[n, 0])
    _point(XY, ends, shares, span[1], segments[n, 1])
    pairs[n, 0], pairs[n, 1] = i, j
    return segments, pairs
