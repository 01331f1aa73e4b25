"""A polygon cut into convex faces: the complex, cut along zero lines and joined again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.deadline import ruling
from relucvx.later import later
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.types import Array

Indices = NDArray[np.intp]

kernels = later("relucvx.metrics.regions.polygons._slice_kernels")  # numba takes a while to load
cutting = later("relucvx.metrics.regions.polygons._cut_kernels")

PIECE = 20_000_000
"""Faces times neurons that are cut at a time, in a second or so."""

FEWEST = 8
"""Neurons that are cut at a time at least: every piece looks through the complex once more."""


BORDER = -2
"""From here down an edge belongs to no layer and to no side of the polygon, but to a border between tiles."""


@dataclass(frozen=True)
class Cut:
    """What became of a subdivision that was cut.

    Attributes
    ----------
    cells : Subdivision
    signs : ndarray of shape (faces, columns), int8
        Sign of every column in every face; 0 where it is zero throughout.
    origin : ndarray of shape (faces,)
        The face before that each is part of.
    first, second, share : ndarrays of shape (new vertices,)
        A new vertex is (1 - share) first + share second, each an old vertex or a new one that comes before it.
    """

    cells: Subdivision
    signs: Any
    origin: Indices
    first: Indices
    second: Indices
    share: Array

    def values(self, PT: Array, k: int = 0, slopes: tuple[float, float] = (1.0, 1.0)) -> Array:
        """Rows (columns, old vertices) of numbers at all vertices, the first k of them behind a kink with these slopes."""
        out = np.empty((len(PT), len(self.cells.place)))
        cutting.values_at(PT, self.first, self.second, self.share, k, *map(float, slopes), out)
        return out


@dataclass(frozen=True)
class Subdivision:
    """A polygon cut into convex faces, as half-edges (``_slice_kernels``).

    ``place`` (V, 2) are plane coordinates of vertices, ``doubt`` (V,) how far these may be off, ``line`` the layer that
    drew an edge (-1 for the polygon's own sides), ``apart`` whether faces with a common side have different codes.
    """

    place: Array
    doubt: Array
    tail: Any
    succ: Any
    pred: Any
    face: Any
    line: Any
    first: Any
    apart: bool = True

    @classmethod
    def of(cls, plane: Plane, marks: Any = -1) -> Subdivision:
        """The polygon as a single face, its sides drawn by ``marks``."""
        n = len(plane.corners)
        ring = np.arange(n)
        tail, succ, pred, face = (np.empty(2 * n, dtype=np.int64) for _ in range(4))
        # half-edge 2k runs along side k inside the polygon, 2k + 1 back outside of it
        tail[::2], tail[1::2] = ring, (ring + 1) % n
        face[::2], face[1::2] = 0, -1
        succ[::2], pred[::2] = 2 * ((ring + 1) % n), 2 * ((ring - 1) % n)
        succ[1::2], pred[1::2] = 2 * ((ring - 1) % n) + 1, 2 * ((ring + 1) % n) + 1
        edges = np.array(np.broadcast_to(marks, n), dtype=np.int64)
        place = np.array(plane.corners, order="C")
        return cls(place, np.zeros(n), tail, succ, pred, face, edges, np.zeros(1, dtype=np.int64))

    def cut(self, PT: Array, errors: Array, mark: int, watch: Callable[[int, int], None]) -> Cut:
        """Cut along the zero lines of rows (columns, V) of values at the vertices, rounded by ``errors`` (columns,).

        New edges get ``line`` = mark; ``watch(vertices, faces)`` hears how many there are, piece by piece.
        """
        k, old, edges, faces = len(PT), len(self.place), len(self.line), len(self.first)
        none = np.empty(0, dtype=np.int64)
        rate = cutting.rates(self.place, self.doubt, self.tail)
        grown: Any = (
            old, 2 * edges, faces, self.place, self.doubt, cutting.loosest(rate, self.tail, old),
            none, none, np.empty(0), np.empty(0), np.empty(0, dtype=bool),
            self.tail.copy(), self.succ.copy(), self.pred.copy(), self.face.copy(), self.line.copy(),
            self.tail[::2].copy(), self.tail[1::2].copy(), np.zeros(edges, dtype=bool),
            self.first.copy(), np.arange(faces), np.arange(faces), np.zeros(faces, dtype=np.int64),
            np.zeros((k, faces), dtype=np.int8),
        )  # fmt: skip
        begin = 0
        while begin < k:  # in pieces, between which Ctrl-C is heard and the memory is watched
            ruling().check()
            end = min(k, begin + max(FEWEST, PIECE // (grown[2] + 1)))
            grown = cutting.cut(PT, errors, begin, end, mark, old, self.tail, rate, *grown)
            watch(grown[0], grown[2])
            begin = end
        v, h, f, place, doubt, _, pa, pb, share, _, _, tail, succ, pred, face, line, _, _, _, first, parent, *rest = (
            grown
        )
        twin, born, signs = rest
        new, signs = v - old, signs[:, :f]
        cutting.inherited(signs, twin[:f], born[:f], faces)
        cells = Subdivision(
            place[:v].copy(), doubt[:v].copy(), tail[:h].copy(), succ[:h].copy(), pred[:h].copy(), face[:h].copy(),
            line[: h // 2].copy(), first[:f].copy(), self.apart,
        )  # fmt: skip
        return Cut(cells, np.ascontiguousarray(signs.T), parent[:f], pa[:new], pb[:new], share[:new])

    def dissolved(self, origin: Any, codes: Any, since: int) -> tuple[Subdivision, Indices, Indices]:
        """Faces that were one (``origin``) and have one code joined again, a face of each before, and the vertices that stay:
        those from ``since`` on that nothing meets at any more go."""
        whole = np.column_stack([origin, codes])
        label = np.unique(whole, axis=0, return_inverse=True)[1].reshape(-1)
        done, vertices, kept, *sides = kernels.dissolve(
            label, since, len(self.place), self.tail, self.succ, self.pred, self.face, self.line, self.first
        )
        if not done:  # rounding has put a face inside another: the walls stay, and regions are joined in the end
            return replace(self, apart=False), np.arange(len(self.first)), np.arange(len(self.place))
        tail, succ, pred, face, line, first = sides
        place, doubt = self.place[vertices], self.doubt[vertices]
        return Subdivision(place, doubt, tail, succ, pred, face, line, first, self.apart), kept, vertices

    def doubts(self, PT: Array, errors: Array) -> Array:
        """What values (columns, V) at the vertices may be off by: rounding, and vertices that are not quite in place."""
        rate, out = cutting.rates(self.place, self.doubt, self.tail), np.empty(PT.shape)
        for values, error, row in zip(PT, errors, out, strict=True):
            cutting.doubts(values, error, self.tail, rate, row)
        return out
