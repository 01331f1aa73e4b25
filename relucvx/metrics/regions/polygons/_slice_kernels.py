"""Compiled kernels of the planar subdivision: half-edges cut and joined, point location.

The complex is a half-edge structure in flat arrays: half-edges 2e and 2e + 1 are the two sides of edge e, ``tail`` is the
vertex a half-edge starts from, ``succ`` and ``pred`` its neighbours around its face, ``face`` its face (-1 outside), and
``first`` one half-edge of every face. A vertex exists once, however many faces meet there, so neighbouring faces agree
on it to the last bit, and areas telescope.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def longer(a: Any, size: int) -> Any:
    """An array with room for more entries behind."""
    out = np.empty(size, a.dtype)
    out[: len(a)] = a
    return out


@compiled
def taller(a: Any, size: int) -> Any:
    """A matrix with room for more rows below."""
    out = np.empty((size, a.shape[1]), a.dtype)
    out[: len(a)] = a
    return out


@compiled
def cut_edge(h: int, v: int, new: int, tail: Any, succ: Any, pred: Any, face: Any, line: Any) -> None:
    """Vertex v on edge h (even): h ends there, the pair (new, new + 1) is the rest of the edge."""
    back = h + 1
    b, after, before = tail[back], succ[h], pred[back]
    tail[new], tail[new + 1], tail[back] = v, b, v
    face[new], face[new + 1], line[new // 2] = face[h], face[back], line[h // 2]
    succ[h], pred[new], succ[new], pred[after] = new, h, after, new
    succ[before], pred[new + 1], succ[new + 1], pred[back] = new + 1, before, back, new + 1


@compiled
def crossings(value_at: Any, f: int, first: Any, tail: Any, succ: Any) -> Any:
    """Half-edges of a face that start where the sign of a function turns to - and to + (going round); -1 if it does not.

    A turn happens at the first zero vertex after the last of the other sign.
    """
    begin = first[f]
    h = begin
    while value_at[tail[h]] == 0.0:  # begin at a vertex with a sign
        h = succ[h]
        if h == begin:
            return -1, -1
    begin = h
    sign = value_at[tail[h]]
    down = up = zero = -1
    h = succ[h]
    while True:
        value = value_at[tail[h]]
        if value == 0.0:
            if zero < 0:
                zero = h
        else:
            if (value > 0.0) != (sign > 0.0):
                if value < 0.0 and down < 0:
                    down = zero
                elif value > 0.0 and up < 0:
                    up = zero
            sign, zero = value, -1
        if h == begin:
            return down, up
        h = succ[h]


@compiled
def cut_face(f: int, new_face: int, e: int, g: int, new: int, tail: Any, succ: Any, pred: Any, face: Any) -> None:
    """A chord between the vertices where half-edges e and g of face f start; the part from g on becomes new_face."""
    before_e, before_g = pred[e], pred[g]
    tail[new], tail[new + 1] = tail[e], tail[g]
    succ[before_g], pred[new + 1], succ[new + 1], pred[e] = new + 1, before_g, e, new + 1
    succ[before_e], pred[new], succ[new], pred[g] = new, before_e, g, new
    face[new], face[new + 1] = new_face, f
    h = g
    while h != new:
        face[h] = new_face
        h = succ[h]


@compiled
def dissolve(
    label: Any, since: int, n_v: int, tail: Any, succ: Any, pred: Any, face: Any, line: Any, first: Any
) -> Any:
    """Take away edges between faces of one label, then vertices from ``since`` on that are no corner any more.

    Returns whether faces are still bounded by one loop each (else nothing is to be used), the vertices that stay, an old
    face of each new one, and tail, succ, pred, face, line, first.
    """
    tail, succ, pred, face = tail.copy(), succ.copy(), pred.copy(), face.copy()
    stays = np.ones(len(line), dtype=np.bool_)
    joined = np.arange(len(first))
    for e in range(len(line)):
        h, back = 2 * e, 2 * e + 1
        f, g = face[h], face[back]
        if f < 0 or g < 0 or label[f] != label[g]:
            continue
        stays[e] = False
        # around either end the neighbours of the edge become neighbours of each other
        before, after, other, following = pred[h], succ[h], pred[back], succ[back]
        succ[before], pred[following] = following, before
        succ[other], pred[after] = after, other
        while joined[f] != f:
            f = joined[f]
        while joined[g] != g:
            g = joined[g]
        joined[max(f, g)] = min(f, g)
    degree, out = np.zeros(n_v, dtype=np.int64), np.zeros(n_v, dtype=np.int64)
    for h in range(len(tail)):
        if stays[h // 2]:
            degree[tail[h]] += 1
            out[tail[h]] = h
    for v in range(since, n_v):
        if degree[v] != 2:
            continue
        h = out[v]
        while not stays[h // 2]:
            h = pred[h ^ 1]
        p = pred[h]
        if line[p // 2] != line[h // 2] or succ[h] == p:
            continue
        # the edge before v takes over the one behind it
        back, end = h ^ 1, tail[h ^ 1]
        succ[p], pred[succ[h]] = succ[h], p
        tail[p ^ 1], pred[p ^ 1], succ[pred[back]] = end, pred[back], p ^ 1
        stays[h // 2] = False
        out[end] = p ^ 1
        degree[v] = 0
    return _compacted(stays, degree, joined, tail, succ, pred, face, line)


@compiled
def _compacted(stays: Any, degree: Any, joined: Any, tail: Any, succ: Any, pred: Any, face: Any, line: Any) -> Any:
    """What is left, numbered anew."""
    vertices = np.flatnonzero(degree > 0)
    place = np.full(len(degree), -1)
    place[vertices] = np.arange(len(vertices))
    edges = np.flatnonzero(stays)
    where = np.full(2 * len(line), -1)
    for e in range(len(edges)):
        where[2 * edges[e]], where[2 * edges[e] + 1] = 2 * e, 2 * e + 1
    faces = np.flatnonzero(joined == np.arange(len(joined)))
    number = np.full(len(joined), -1)
    number[faces] = np.arange(len(faces))
    n = 2 * len(edges)
    new_tail, new_succ, new_pred, new_face = (
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64), np.full(n, -1)
    )  # fmt: skip
    first = np.full(len(faces), -1)
    for e in range(len(edges)):
        for s in range(2):
            old, new = 2 * edges[e] + s, 2 * e + s
            new_tail[new], new_succ[new], new_pred[new] = place[tail[old]], where[succ[old]], where[pred[old]]
            f = face[old]
            if f >= 0:
                while joined[f] != f:
                    f = joined[f]
                new_face[new] = number[f]
                first[number[f]] = new
    # a face with a hole has a second loop
    met = 0
    for f in range(len(faces)):
        h = first[f]
        while True:
            met += 1
            h = new_succ[h]
            if h == first[f] or met > n:
                break
    whole = met == np.sum(new_face >= 0)
    return whole, vertices, faces, new_tail, new_succ, new_pred, new_face, line[edges].copy(), first


@compiled
def loops(first: Any, tail: Any, succ: Any) -> Any:
    """Vertices of the faces, one after the other, and where each face begins."""
    offsets = np.zeros(len(first) + 1, dtype=np.int64)
    corners = np.empty(len(tail), dtype=np.int64)
    n = 0
    for f in range(len(first)):
        h = first[f]
        while True:
            corners[n] = tail[h]
            n += 1
            h = succ[h]
            if h == first[f]:
                break
        offsets[f + 1] = n
    return corners[:n].copy(), offsets


@compiled
def locate(points: Any, XY: Any, corners: Any, offsets: Any, tolerance: float) -> Any:
    """A polygon that holds each point, the one it is deepest in; -1 when it is farther outside all than the tolerance."""
    n = len(offsets) - 1
    box = np.empty((n, 4))
    for f in range(n):
        low, high = np.full(2, np.inf), np.full(2, -np.inf)
        for c in range(offsets[f], offsets[f + 1]):
            for k in range(2):
                low[k], high[k] = min(low[k], XY[corners[c], k]), max(high[k], XY[corners[c], k])
        box[f, 0], box[f, 1], box[f, 2], box[f, 3] = low[0], high[0], low[1], high[1]
    found = np.full(len(points), -1)
    for p in range(len(points)):
        x, y = points[p, 0], points[p, 1]
        deepest = -tolerance
        for f in range(n):
            if x < box[f, 0] + deepest or x > box[f, 1] - deepest or y < box[f, 2] + deepest or y > box[f, 3] - deepest:
                continue  # no point is deeper than its distance to the sides of the box
            depth = _depth(x, y, XY, corners, offsets[f], offsets[f + 1])
            if depth > deepest or (found[p] < 0 and depth >= deepest):
                found[p], deepest = f, depth
    return found


@compiled
def _depth(x: float, y: float, XY: Any, corners: Any, begin: int, end: int) -> float:
    """Signed distance to the nearest side of a convex polygon (counter-clockwise), positive inside."""
    depth = np.inf
    for c in range(begin, end):
        a, b = corners[c], corners[c + 1 if c + 1 < end else begin]
        dx, dy = XY[b, 0] - XY[a, 0], XY[b, 1] - XY[a, 1]
        length = np.sqrt(dx * dx + dy * dy)
        if length > 0.0:
            depth = min(depth, (dx * (y - XY[a, 1]) - dy * (x - XY[a, 0])) / length)
    return depth
