"""The loop over shortest paths, compiled."""

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
