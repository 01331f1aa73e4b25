"""The k-nearest-neighbour graph and what its shortest paths pass through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from relucvx.deadline import ruling
from relucvx.metrics.neighbours import TIE, near_distances
from relucvx.metrics.samples.blocks import BLOCK
from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.samples.scaling import exactly_scaled
from relucvx.types import Array, BoolArray

COMPILED = 1_000_000
"""Sources times samples above which it pays to load the compiled searches."""

SEARCHED = 200
"""Pairs between which paths are searched in one go."""

SLOWER = 3.0
"""How much longer a sample takes in a search from both ends than in one from a source to all."""


@dataclass(frozen=True)
class NeighbourGraph:
    """Symmetric graph of samples, edges weighted by Euclidean distance up to a common factor.

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
        Z, _ = exactly_scaled(Z)  # squares of very large or small distances have no float64
        rows, cols, lengths = [], [], []
        # a difference is rounded relative to what is left: near samples far from the origin keep their digits
        middle = Z - np.median(Z, axis=0)
        for some, distance in near_distances(middle, k, Z) if k else ():
            here = np.arange(n)[some]
            limit = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
            near = distance <= limit * (1.0 + TIE) if keep_ties else distance <= limit
            if not keep_ties:
                _drop_last_ties(near, distance, limit, k)
            near &= (distance > 0) & (distance < np.inf)
            i, j = np.nonzero(near)
            rows.append(here[i])
            cols.append(j)
            lengths.append(distance[i, j])
        start, end = np.concatenate([[], *rows]).astype(np.intp), np.concatenate([[], *cols]).astype(np.intp)
        half: Any = csr_array((np.concatenate([[], *lengths]), (start, end)), shape=(n, n))
        return cls(csr_array(half.maximum(half.T)))


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
    n, sources = len(codes), len(np.unique(pairs[:, 0]))
    if sources * n <= COMPILED:
        return _whole_searches(graph, codes, pairs)
    # what an edge joins has a shortest path without an interior, whether there is another way or not
    scores, left = np.ones(len(pairs)), np.flatnonzero(~_joined(graph, *pairs.T))
    doubtful = [left[:0]]
    while len(left):
        ruling().check()
        here, left = left[:SEARCHED], left[SEARCHED:]  # Ctrl-C is heard in between
        scores[here], unclear, seen = _searched(graph, codes, pairs[here])
        doubtful.append(here[unclear])
        # a search per source sees all samples, once for all of its pairs; and it decides where paths are equally long
        if len(unclear) * n * sources < len(pairs) * (SLOWER * seen + n * np.count_nonzero(unclear)):
            doubtful.append(left)
            break
    rest = np.concatenate(doubtful)
    scores[rest] = _whole_searches(graph, codes, pairs[rest])
    return scores


def _whole_searches(graph: NeighbourGraph, codes: Indices, pairs: Indices) -> Array:
    scores = np.zeros(len(pairs))
    for block in _blocks(graph, np.unique(pairs[:, 0])):
        chosen = block.starting(pairs[:, 0])
        scores[chosen] = block.first(pairs[chosen], codes)
    return scores


def _searched(graph: NeighbourGraph, codes: Indices, pairs: Indices) -> tuple[Array, BoolArray, int]:
    """The scores from searches that meet between the samples of a pair, which pairs have two shortest paths, and how many
    samples were seen."""
    edges = graph.edges
    source, target = pairs.T
    return _kernels().first_path_shares(edges.indptr, edges.indices, edges.data, source, target, codes, TIE)


def _joined(graph: NeighbourGraph, source: Indices, target: Indices) -> BoolArray:
    """Which pairs an edge joins."""
    edges, n = graph.edges, graph.edges.shape[0]
    # rows and columns as one number, which grows along the entries as columns are sorted within rows
    every = np.repeat(np.arange(n), np.diff(edges.indptr)) * n + edges.indices
    wanted = source * n + target
    places = np.minimum(np.searchsorted(every, wanted), max(len(every) - 1, 0))
    return every[places] == wanted if len(every) else np.zeros(len(wanted), dtype=bool)


def mean_path_scores(graph: NeighbourGraph, codes: Indices, pairs: Indices) -> Array:
    """As :func:`first_path_scores`, averaged over all shortest paths."""
    scores = np.zeros(len(pairs))
    for block in _blocks(graph, np.unique(pairs[:, 0])):
        chosen = block.starting(pairs[:, 0])
        scores[chosen] = block.mean(graph, pairs[chosen], codes)
    return scores


def permuted_sums(
    graph: NeighbourGraph, codes: Indices, pairs: Indices, permutations: Sequence[Indices], ties: str
) -> Array:
    """Sum of the scores of each class's pairs when labels and pairs move with each permutation; shape (N, classes).

    Every shortest path is found once for all permutations.
    """
    sums = np.zeros((len(permutations), int(codes.max()) + 1))
    for block in _blocks(graph, np.arange(len(codes))):
        for row, order in zip(sums, permutations, strict=True):
            # the labels move, and with them the pairs: each is still one of its own class
            moved = np.empty_like(codes)
            moved[order] = codes
            chosen = block.starting(order[pairs[:, 0]])
            here = order[pairs[chosen]]
            scores = block.first(here, moved) if ties == "first" else block.mean(graph, here, moved)
            row += np.bincount(codes[pairs[chosen, 0]], scores, len(row))
    return sums


@dataclass(frozen=True)
class _Block:
    """Shortest paths from some sources: their position (-1 for others), distances, predecessors and neighbours."""

    position: Indices
    distance: Array
    before: Any  # int32, as Dijkstra gives it
    near: BoolArray

    def starting(self, sources: Indices) -> Indices:
        """Which of some pairs, given by their sources, start here."""
        return np.flatnonzero(self.position[sources] >= 0)

    def first(self, pairs: Indices, codes: Indices) -> Array:
        """Score of pairs along the path found first, one step back along every path at once."""
        source, target = pairs.T
        row = self.position[source]
        reached = self.before[row, target] >= 0
        # 1 for pairs that an edge joins, 0 for those without a path: the others have an interior to walk through
        scores = reached.astype(np.float64)
        walking = np.flatnonzero(reached & ~self.near[row, target])
        interior, inside = np.zeros(len(pairs)), np.zeros(len(pairs))
        vertex = target[walking]
        while len(walking):
            vertex = self.before[row[walking], vertex]
            alive = vertex != source[walking]
            walking, vertex = walking[alive], vertex[alive]
            interior[walking] += 1.0
            inside[walking] += codes[vertex] == codes[source[walking]]
        through = interior > 0
        scores[through] = inside[through] / interior[through]
        return scores

    def mean(self, graph: NeighbourGraph, pairs: Indices, codes: Indices) -> Array:
        """Score of pairs, averaged over all shortest paths."""
        edges = graph.edges
        source, target = pairs.T
        scores = np.zeros(len(pairs))
        for start in np.unique(source):
            mine = np.flatnonzero(source == start)
            # the kernel wants vertices by distance, and none that cannot be reached
            distance = self.distance[self.position[start]]
            order = np.argsort(distance, kind="stable")
            order = order[np.isfinite(distance[order])]
            inside = codes == codes[start]
            shares = _kernels().path_means(order, edges.indptr, edges.indices, edges.data, distance, inside, TIE)
            scores[mine] = shares[target[mine]]
        # an edge counts as in the score of the first path, also where a path around it is as short
        scores[self.near[self.position[source], target]] = 1.0
        return scores


def _kernels() -> Any:
    from relucvx.metrics.samples import _path_kernels  # numba takes a while to load

    return _path_kernels


def _blocks(graph: NeighbourGraph, sources: Indices) -> Iterator[_Block]:
    """One run of Dijkstra per source, a block of them at a time."""
    n = graph.edges.shape[0]
    size = max(1, BLOCK // n)
    for first in range(0, len(sources), size):
        ruling().check()
        here = sources[first : first + size]
        distance, before = dijkstra(graph.edges, indices=here, return_predecessors=True)
        position = np.full(n, -1, dtype=np.intp)
        position[here] = np.arange(len(here))
        yield _Block(position, distance, before, graph.edges[here].toarray() > 0)
