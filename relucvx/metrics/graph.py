"""The k-nearest-neighbour graph and what its shortest paths pass through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist

from relucvx.metrics.groups import Indices
from relucvx.types import Array, BoolArray

BLOCK = 500_000
"""Entries of the largest dense block of distances, which bounds the memory."""

TIE = 1e-12
"""Relative difference below which two path lengths count as equal; sums of distances agree to about 1e-14."""


@dataclass(frozen=True)
class NeighbourGraph:
    """Symmetric graph of samples, edges weighted by Euclidean distance.

    Attributes
    ----------
    edges : sparse array of shape (n, n)
        Symmetric; no entry where the distance is zero.
    """

    edges: Any

    @classmethod
    def of(cls, Z: Array, k: int, keep_ties: bool) -> NeighbourGraph:
        """Join every row with its k nearest others, and the other way round.

        Distances are differences of rows, not built from inner products, which lose digits far from the origin. Among
        samples tied with the k-th neighbour the first rows are taken, or all of them with ``keep_ties``.
        """
        n = len(Z)
        k = min(k, n - 1)
        rows, cols, lengths = [], [], []
        for first in range(0, n if k else 0, max(1, BLOCK // n)):
            here = np.arange(first, min(n, first + max(1, BLOCK // n)))
            distance = cdist(Z[here], Z)
            distance[np.arange(len(here)), here] = np.inf
            limit = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
            near = distance <= limit * (1.0 + TIE) if keep_ties else distance <= limit
            if not keep_ties:
                _drop_last_ties(near, distance, limit, k)
            near &= distance > 0
            i, j = np.nonzero(near)
            rows.append(here[i])
            cols.append(j)
            lengths.append(distance[i, j])
        start, end = np.concatenate([[], *rows]).astype(np.intp), np.concatenate([[], *cols]).astype(np.intp)
        half: Any = csr_array((np.concatenate([[], *lengths]), (start, end)), shape=(n, n))
        return cls(csr_array(half.maximum(half.T)))

    def joined(self, pairs: Indices) -> BoolArray:
        """Whether each pair is an edge."""
        start, end = self.edges.nonzero()
        n = self.edges.shape[0]
        return np.isin(pairs[:, 0] * n + pairs[:, 1], start.astype(np.intp) * n + end)

    def from_sources(self, sources: Indices) -> Iterator[tuple[Indices, Array, Indices]]:
        """Blocks of (sources, distances, predecessors), one run of Dijkstra per source."""
        block = max(1, BLOCK // self.edges.shape[0])
        for first in range(0, len(sources), block):
            here = sources[first : first + block]
            distance, before = dijkstra(self.edges, indices=here, return_predecessors=True)
            yield here, distance, before.astype(np.intp)


def _drop_last_ties(near: BoolArray, distance: Array, limit: Array, k: int) -> None:
    """Leave k entries in every row of ``near``: of those tied with the k-th neighbour, the first."""
    crowded = np.flatnonzero(np.count_nonzero(near, axis=1) > k)
    if len(crowded):
        tied = distance[crowded] == limit[crowded]
        closer = near[crowded] & ~tied
        places = k - closer.sum(axis=1, keepdims=True)
        near[crowded] = closer | (tied & (np.cumsum(tied, axis=1) <= places))


def first_path_scores(graph: NeighbourGraph, codes: Indices, pairs: Indices) -> Array:
    """Share of the interior of the shortest path found first that has the source's label, per pair."""
    scores = np.zeros(len(pairs))
    for chosen, row, _, before in _blocks(graph, pairs):
        source, vertex = pairs[chosen].T
        interior, inside = np.zeros(len(chosen)), np.zeros(len(chosen))
        reached = before[row, vertex] >= 0
        vertex = np.where(reached, before[row, vertex], source)
        while (walking := vertex != source).any():  # one step back along every path at once
            interior += walking
            inside += walking & (codes[vertex] == codes[source])
            vertex = np.where(walking, before[row, vertex], source)
        scores[chosen] = np.where(interior > 0, inside / np.maximum(interior, 1.0), reached)
    scores[graph.joined(pairs)] = 1.0
    return scores


def mean_path_scores(graph: NeighbourGraph, codes: Indices, pairs: Indices) -> Array:
    """As :func:`first_path_scores`, averaged over all shortest paths."""
    from relucvx.metrics._kernels import path_means  # numba takes a while to load

    scores = np.zeros(len(pairs))
    edges = graph.edges
    for chosen, row, distance, _ in _blocks(graph, pairs):
        for r in np.unique(row):
            mine = chosen[row == r]
            source = pairs[mine[0], 0]
            order = np.argsort(distance[r], kind="stable")
            order = order[np.isfinite(distance[r][order])]
            inside = codes == codes[source]
            shares = path_means(order, edges.indptr, edges.indices, edges.data, distance[r], inside, TIE)
            scores[mine] = shares[pairs[mine, 1]]
    scores[graph.joined(pairs)] = 1.0
    return scores


def _blocks(graph: NeighbourGraph, pairs: Indices) -> Iterator[tuple[Indices, Indices, Array, Indices]]:
    """Blocks of (pairs, their row in the block, distances, predecessors), grouped by source."""
    sources, source_of = np.unique(pairs[:, 0], return_inverse=True)
    order = np.argsort(source_of, kind="stable")
    done = 0
    for here, distance, before in graph.from_sources(sources):
        last = np.searchsorted(source_of[order], done + len(here))
        first = np.searchsorted(source_of[order], done)
        chosen = order[first:last]
        yield chosen, source_of[chosen] - done, distance, before
        done += len(here)
