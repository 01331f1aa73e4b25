"""Compiled kernels that cut a planar subdivision along the zero lines of many columns of values, one after the other.

The complex is the half-edge structure of ``_slice_kernels``. Values are known at the vertices that there are at first and are
linear in every face; those of new vertices are interpolated column by column, when their column has its turn, so that no
matrix of values grows while faces are cut. The ends between which a new vertex lies are those of an old edge, or the two
points at which a line meets the rim of an old face: two generations of new vertices at most, but for rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.metrics.regions.polygons._slice_kernels import crossings, cut_edge, cut_face, longer, taller

SLIVER = 2.3e-16
"""What a share of an edge is rounded by."""


@compiled
def rates(XY: Any, doubt: Any, tail: Any) -> Any:
    """For either end of every edge, which share of the change along the edge its uncertain place amounts to."""
    out = np.empty(len(tail))
    for h in range(len(tail)):
        a, b = tail[h], tail[h ^ 1]
        dx, dy = XY[b, 0] - XY[a, 0], XY[b, 1] - XY[a, 1]
        length = np.sqrt(dx * dx + dy * dy)
        out[h] = min(1.0, doubt[a] / length) if length > 0.0 else 1.0
    return out


@compiled
def loosest(rate: Any, tail: Any, n: int) -> Any:
    """The largest rate at every vertex."""
    out = np.zeros(n)
    for h in range(len(rate)):
        out[tail[h]] = max(out[tail[h]], rate[h])
    return out


@compiled
def doubts(values: Any, error: float, tail: Any, rate: Any, out: Any) -> None:
    """What the values of a column at the old vertices may be off by: rounding, and a place that is not quite known."""
    out[: len(values)] = error
    for h in range(len(rate)):
        a = tail[h]
        off = error + rate[h] * abs(values[tail[h ^ 1]] - values[a])
        if off > out[a]:
            out[a] = off


@compiled
def _column(
    values: Any, error: float, ends: Any, rate: Any, n_v: int, pa: Any, pb: Any, share: Any, slack: Any, loose: Any,
    here: Any, off: Any, side: Any,
) -> int:  # fmt: skip
    """Fill a column at all vertices, zero within doubt, and its signs: the sign where it is one throughout, else 0."""
    n, low, high, most = len(values), np.inf, -np.inf, 0.0
    for v in range(n):
        low, high = min(low, values[v]), max(high, values[v])
        most = max(most, loose[v])
    span = high - low
    # far from zero, whatever the places may be off by
    if low > 2.0 * (error + most * span):
        return 1
    if high < -2.0 * (error + most * span):
        return -1
    near = 0
    for v in range(n):
        value = values[v]
        here[v] = value
        side[v] = 1 if value > 0.0 else (-1 if value < 0.0 else 0)
        near += abs(value) <= error + loose[v] * span
    for i in range(n_v - n):
        x, y, s = here[pa[i]], here[pb[i]], share[i]
        value = (1.0 - s) * x + s * y
        here[n + i] = value
        side[n + i] = 1 if value > 0.0 else (-1 if value < 0.0 else 0)
        near += abs(value) <= error + slack[i] * abs(y - x) + loose[n + i] * span
    if near > 0:  # few columns come near zero at a vertex: the doubts of all vertices are looked at only then
        doubts(values, error, ends, rate, off)
        for v in range(n):
            if abs(values[v]) <= off[v]:
                here[v], side[v] = 0.0, 0
        for i in range(n_v - n):
            a, b, s, v = pa[i], pb[i], share[i], n + i
            x, y = here[a], here[b]
            here[v] = (1.0 - s) * x + s * y
            off[v] = max(error, min(off[a], off[b])) + slack[i] * abs(y - x)
            if abs(here[v]) <= off[v]:
                here[v] = 0.0
            side[v] = 1 if here[v] > 0.0 else (-1 if here[v] < 0.0 else 0)
    return 0


@compiled
def _mark(side: Any, n_h: int, tail: Any, face: Any, cut: Any, touched: Any) -> Any:
    """Edges that a column crosses, and faces with a zero or a crossing on their rim; how many of each."""
    cuts = marks = 0
    for h in range(0, n_h, 2):
        met = side[tail[h]] * side[tail[h + 1]]
        if met > 0:
            continue
        if met < 0:
            cut[cuts] = h
            cuts += 1
        for s in range(2):
            f = face[h + s]
            if f >= 0 and not touched[f]:
                touched[f] = True
                marks += 1
    return cuts, marks


@compiled
def _sign(side: Any, f: int, first: Any, tail: Any, succ: Any) -> int:
    h = first[f]
    while True:
        sign = side[tail[h]]
        if sign != 0:
            return sign
        h = succ[h]
        if h == first[f]:
            return 0


@compiled
def _meetings(here: Any, j: int, n_f: int, old: int, rim: Any, touched: Any, parent: Any, first: Any, tail: Any, succ: Any,
              turn: Any, met: Any, hits: Any) -> None:  # fmt: skip
    """The two points at which the line of a column meets the rim of every old face (``hits``, as many as ``met``)."""
    for f in range(n_f):
        if not touched[f]:
            continue
        p, h = parent[f], first[f]
        while True:
            v = tail[h]
            if here[v] == 0.0 and (v < old or rim[v - old]):
                if turn[p] != j:
                    turn[p], met[p] = j, 0
                if not ((met[p] > 0 and hits[p, 0] == v) or (met[p] > 1 and hits[p, 1] == v)):
                    if met[p] < 2:
                        hits[p, met[p]] = v
                    met[p] += 1
            h = succ[h]
            if h == first[f]:
                break


@compiled
def cut(
    PT: Any, errors: Any, begin: int, end: int, mark: int, old: int, ends: Any, rate: Any, n_v: int, n_h: int, n_f: int,
    XY: Any, doubt: Any, loose: Any, pa: Any, pb: Any, share: Any, slack: Any, rim: Any,
    tail: Any, succ: Any, pred: Any, face: Any, line: Any, ra: Any, rb: Any, drawn: Any,
    first: Any, parent: Any, twin: Any, born: Any, signs: Any,
) -> Any:  # fmt: skip
    """Cut along the zero lines of rows ``begin`` to ``end`` of PT (columns, old vertices).

    ``ra``, ``rb`` are the ends between which an edge's vertices are interpolated, ``drawn`` says that it was drawn here,
    ``rim`` that a new vertex lies on an old edge, ``loose`` bounds the rates at a vertex; ``twin`` is the face that a new
    one was part of until column ``born``, ``signs`` (columns, faces) holds a face's signs from then on. Returns what grows.
    """
    here, off, side = np.empty(len(XY)), np.empty(len(XY)), np.empty(len(XY), np.int8)
    touched, list_ = np.zeros(len(first), np.bool_), np.empty(len(line), np.int64)
    turn, met, hits = np.full(len(first), -1), np.zeros(len(first), np.int64), np.empty((len(first), 2), np.int64)
    for j in range(begin, end):
        whole = _column(PT[j], errors[j], ends, rate, n_v, pa, pb, share, slack, loose, here, off, side)
        if whole != 0:
            signs[j, :n_f] = whole
            continue
        cuts, marks = _mark(side, n_h, tail, face, list_, touched)
        # room first: from here on arrays are filled in place
        if n_v + cuts > len(XY):
            size = max(2 * len(XY), n_v + cuts)
            here, off, side = longer(here, size), longer(off, size), longer(side, size)
            XY, doubt, loose = taller(XY, size), longer(doubt, size), longer(loose, size)
            pa, pb = longer(pa, size - old), longer(pb, size - old)
            share, slack, rim = longer(share, size - old), longer(slack, size - old), longer(rim, size - old)
        need = n_h + 2 * cuts + 2 * marks  # at most one chord for every face
        if need > len(tail):
            size = max(2 * len(tail), need)
            tail, succ, pred, face = longer(tail, size), longer(succ, size), longer(pred, size), longer(face, size)
            half = size // 2 + 1
            line, ra, rb, drawn = longer(line, half), longer(ra, half), longer(rb, half), longer(drawn, half)
            list_ = longer(list_, half)
        if n_f + marks > len(first):
            size = max(2 * len(first), n_f + marks)
            first, parent, twin, born = (
                longer(first, size),
                longer(parent, size),
                longer(twin, size),
                longer(born, size),
            )
            more, wider = np.zeros(size, np.bool_), np.empty((len(PT), size), np.int8)
            more[: len(touched)], wider[:j, :n_f] = touched, signs[:j, :n_f]
            touched, signs = more, wider
        # every edge gets its vertex before any face is cut, so that neighbours share it
        for c in range(cuts):
            h = list_[c]
            e = h // 2
            a, b = ra[e], rb[e]
            x, y = here[a], here[b]
            if x == 0.0 or y == 0.0 or (x > 0.0) == (y > 0.0):
                a, b = tail[h], tail[h + 1]
                x, y = here[a], here[b]
            i, step = n_v - old, abs(x) + abs(y)
            s, blur = abs(x) / step, 2.0 * errors[j] / step + SLIVER
            pa[i], pb[i], share[i], slack[i], rim[i] = a, b, s, blur, not drawn[e]
            XY[n_v, 0], XY[n_v, 1] = (1.0 - s) * XY[a, 0] + s * XY[b, 0], (1.0 - s) * XY[a, 1] + s * XY[b, 1]
            dx, dy = XY[b, 0] - XY[a, 0], XY[b, 1] - XY[a, 1]
            doubt[n_v] = min(doubt[a], doubt[b]) + blur * np.sqrt(dx * dx + dy * dy)
            here[n_v], off[n_v], side[n_v], loose[n_v] = 0.0, errors[j], 0, max(loose[a], loose[b])
            cut_edge(h, n_v, n_h, tail, succ, pred, face, line)
            ra[n_h // 2], rb[n_h // 2], drawn[n_h // 2] = ra[e], rb[e], drawn[e]
            n_v, n_h = n_v + 1, n_h + 2
        _meetings(here, j, n_f, old, rim, touched, parent, first, tail, succ, turn, met, hits)
        # a line cuts a convex face once at most: faces made in this round need no look
        row = signs[j]
        for f in range(n_f):
            if not touched[f]:
                row[f] = side[tail[first[f]]]
                continue
            touched[f] = False
            down, up = crossings(here, f, first, tail, succ)
            if down >= 0 and up >= 0:
                cut_face(f, n_f, down, up, n_h, tail, succ, pred, face)
                e, p = n_h // 2, parent[f]
                line[e], drawn[e], ra[e], rb[e] = mark, True, tail[n_h], tail[n_h + 1]
                if turn[p] == j and met[p] == 2:
                    ra[e], rb[e] = hits[p, 0], hits[p, 1]
                first[f], first[n_f], parent[n_f], twin[n_f], born[n_f] = down, up, p, f, j
                row[n_f] = _sign(side, n_f, first, tail, succ)
                n_h, n_f = n_h + 2, n_f + 1
            row[f] = _sign(side, f, first, tail, succ)
    return (
        n_v, n_h, n_f, XY, doubt, loose, pa, pb, share, slack, rim,
        tail, succ, pred, face, line, ra, rb, drawn, first, parent, twin, born, signs,
    )  # fmt: skip


@compiled
def inherited(signs: Any, twin: Any, born: Any, old: int) -> None:
    """Give new faces the signs of the faces that they were part of, in columns before they were made."""
    for j in range(len(signs)):
        row = signs[j]
        for f in range(old, len(twin)):
            if born[f] > j:
                row[f] = row[twin[f]]


@compiled
def values_at(PT: Any, pa: Any, pb: Any, share: Any, k: int, negative: float, positive: float, out: Any) -> None:
    """Rows of PT at old and new vertices, the first k of them behind a kink with these slopes."""
    width, old = PT.shape
    for j in range(width):
        now, row = out[j], PT[j]
        for v in range(old):
            now[v] = row[v]
        for i in range(len(pa)):
            s = share[i]
            now[old + i] = (1.0 - s) * now[pa[i]] + s * now[pb[i]]
        if j < k:
            for v in range(len(now)):
                now[v] = now[v] * (positive if now[v] > 0.0 else negative)
