"""The loops over shortest paths, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def path_means(
    order: Any, indptr: Any, indices: Any, weights: Any, distance: Any, inside: Any, tie: float
) -> Any:  # pragma: no cover
    """Average over all shortest paths to each vertex of the share of its interior that is inside.

    The share has the number of interior vertices below the line, so paths are counted apart by their number of steps:
    ``count[v, h]`` paths of h steps to v, of whose interior vertices ``total[v, h]`` are inside, summed over the
    paths. Counts grow exponentially on lattices, so every vertex has its own scale.
    """
    n = len(distance)
    out = np.zeros(n)
    # by distance, so that every vertex comes after those its paths pass through; n marks what is not reached
    rank = np.full(n, n)
    steps = np.zeros(n, dtype=np.int64)
    # first the most steps of a shortest path to each vertex, which is how wide the tables must be
    for r in range(len(order)):
        v = order[r]
        rank[v] = r
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            # u precedes v when the edge closes the distance up to rounding; the rank keeps such ties free of circles
            if rank[u] < r and abs(distance[u] + weights[e] - distance[v]) <= tie * distance[v]:
                steps[v] = max(steps[v], steps[u] + 1)
    width = steps.max() + 1
    # by number of steps: how many paths, and their interior vertices inside; in units of exp(scale), as the
    # number of paths grows exponentially with their length
    count, total = np.zeros((n, width)), np.zeros((n, width))
    scale = np.zeros(n)
    count[order[0], 0] = 1.0
    for r in range(1, len(order)):
        v = order[r]
        # the largest unit of those before, so that no factor exceeds one
        top = -np.inf
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if rank[u] < r and abs(distance[u] + weights[e] - distance[v]) <= tie * distance[v]:
                top = max(top, scale[u])
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if rank[u] < r and abs(distance[u] + weights[e] - distance[v]) <= tie * distance[v]:
                factor = np.exp(scale[u] - top)
                # u is now interior to the paths to v, unless they begin there
                step = 1.0 if inside[u] and u != order[0] else 0.0
                for h in range(steps[u] + 1):
                    count[v, h + 1] += factor * count[u, h]
                    total[v, h + 1] += factor * (total[u, h] + step * count[u, h])
        paths = count[v].sum()
        share = 0.0
        # h steps have h - 1 vertices in between; a single edge has none, and none of it is outside
        for h in range(1, steps[v] + 1):
            share += count[v, h] if h == 1 else total[v, h] / (h - 1)
        out[v] = share / paths
        count[v] /= paths
        total[v] /= paths
        scale[v] = top + np.log(paths)
    return out


MEETINGS = 64
"""Edges on which two searches meet that are kept: many on one path, and more where paths are equally long."""

SWALLOWED = 8.0
"""Edges shorter than so many tolerances of a path leave its way open."""


@compiled
def first_path_shares(
    indptr: Any, indices: Any, weights: Any, source: Any, target: Any, codes: Any, tie: float
) -> Any:  # pragma: no cover
    """Share of the interior of the shortest path between each pair that has the code of its source; and in which pairs
    another path is as short, so that the share is not known; and how many vertices were left.

    Two searches start at the ends of a pair and meet: each sees a small part of the graph.
    """
    n = len(indptr) - 1
    scores, tied, seen = np.zeros(len(source)), np.zeros(len(source), dtype=np.bool_), 0
    smallest = weights.min() if len(weights) else np.inf
    # one row for each end; the last is 1 where another way is as short, 2 where the vertex has been left
    distance, before = np.full((2, n), np.inf), np.full((2, n), -1)
    state = np.zeros((2, n), dtype=np.uint8)
    # an entry is not moved when a shorter way is found: another one comes, at most one for every edge
    keys, heap = np.empty((2, len(indices) + 1)), np.empty((2, len(indices) + 1), dtype=np.int64)
    touched, path, meetings = np.empty((2, n), dtype=np.int64), np.empty(n, dtype=np.int64), np.empty((MEETINGS, 2))
    for j in range(len(source)):
        size = np.ones(2, dtype=np.int64)
        count, best = meet(
            indptr,
            indices,
            weights,
            source[j],
            target[j],
            tie,
            distance,
            before,
            state,
            keys,
            heap,
            touched,
            size,
            meetings,
        )
        if count:
            scores[j], tied[j] = along(before, state, meetings, count, path, codes)
            # an edge that rounding swallows in a path so long leaves an order that another search would not
            tied[j] = tied[j] or smallest <= SWALLOWED * tie * best
        for side in range(2):
            for v in touched[side, : size[side]]:
                seen += state[side, v] >> 1
                distance[side, v], before[side, v], state[side, v] = np.inf, -1, 0
    return scores, tied, seen


@compiled
def meet(
    indptr: Any, indices: Any, weights: Any, source: int, target: int, tie: float, distance: Any, before: Any, state: Any,
    keys: Any, heap: Any, touched: Any, size: Any, meetings: Any,
) -> Any:  # pragma: no cover  # fmt: skip
    """Dijkstra's search from both ends, until no path up to ``tie`` longer than the shortest is left to be found.

    ``meetings`` gets the edges on which these paths go over from the one search to the other, ``touched`` and ``size`` the
    vertices that were reached. Returns the number of edges (0 without a path, more than fit where they were too many) and
    the length of the path.
    """
    ends = np.array([source, target])
    fill = np.ones(2, dtype=np.int64)
    for side in range(2):
        distance[side, ends[side]] = keys[side, 0] = 0.0
        heap[side, 0] = touched[side, 0] = ends[side]
    best, count = np.inf, 0
    while fill[0] > 0 and fill[1] > 0 and keys[0, 0] + keys[1, 0] <= best * (1.0 + tie):
        a = 0 if keys[0, 0] <= keys[1, 0] else 1
        key, v = keys[a, 0], heap[a, 0]
        fill[a] -= 1
        sink(keys[a], heap[a], fill[a])
        if state[a, v] & 2:
            continue
        state[a, v] |= 2
        for e in range(indptr[v], indptr[v + 1]):
            u, reach = indices[e], key + weights[e]
            if reached(a, u, v, reach, tie, distance, before, state, touched, size):
                rise(keys[a], heap[a], fill[a], reach, u)
                fill[a] += 1
            total = reach + distance[1 - a, u]
            # paths that are longer than the best so far, or make those before them too long
            if total > best * (1.0 + tie) or total == np.inf:
                continue
            if total < best * (1.0 - tie) or best == np.inf:
                count = 0
            best = min(best, total)
            if count < MEETINGS:
                meetings[count, a], meetings[count, 1 - a] = v, u
            count += 1
    return count, best


@compiled
def reached(
    a: int, u: int, v: int, reach: float, tie: float, distance: Any, before: Any, state: Any, touched: Any, size: Any
) -> bool:  # pragma: no cover
    """Note a way from v to u in search ``a``; whether it is the shortest so far."""
    far = distance[a, u]
    if reach >= far:
        if reach - far <= tie * far:
            state[a, u] |= 1
        return False
    if far == np.inf:
        if before[a, u] < 0:
            touched[a, size[a]] = u
            size[a] += 1
        state[a, u] = 0
    else:
        state[a, u] = 1 if far - reach <= tie * far else 0
    distance[a, u], before[a, u] = reach, v
    return True


@compiled
def along(before: Any, state: Any, meetings: Any, count: int, path: Any, codes: Any) -> Any:  # pragma: no cover
    """Share of the interior of the path over the first meeting that has the code of its start; whether there is another."""
    doubt, length = count > MEETINGS, 0
    v = int(meetings[0, 0])
    while v >= 0:
        path[length] = v
        length += 1
        doubt = doubt or state[0, v] & 1 > 0
        v = before[0, v]
    path[:length] = path[:length][::-1].copy()
    v = int(meetings[0, 1])
    while v >= 0:
        path[length] = v
        length += 1
        doubt = doubt or state[1, v] & 1 > 0
        v = before[1, v]
    for m in range(1, min(count, MEETINGS)):
        known = False
        for i in range(length - 1):
            known = known or (path[i] == meetings[m, 0] and path[i + 1] == meetings[m, 1])
        doubt = doubt or not known
    inside = 0
    for i in range(1, length - 1):
        if codes[path[i]] == codes[path[0]]:
            inside += 1
    return (inside / (length - 2) if length > 2 else 1.0), doubt


@compiled
def sink(keys: Any, heap: Any, size: int) -> None:  # pragma: no cover
    """Put the entry at ``size`` in the first place of a heap, and let it sink."""
    key, vertex, hole = keys[size], heap[size], 0
    while 2 * hole + 1 < size:
        child = 2 * hole + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[hole], heap[hole] = keys[child], heap[child]
        hole = child
    keys[hole], heap[hole] = key, vertex


@compiled
def rise(keys: Any, heap: Any, hole: int, key: float, vertex: int) -> None:  # pragma: no cover
    """Let a new entry rise from the end of a heap."""
    while hole > 0 and keys[(hole - 1) // 2] > key:
        parent = (hole - 1) // 2
        keys[hole], heap[hole] = keys[parent], heap[parent]
        hole = parent
    keys[hole], heap[hole] = key, vertex
