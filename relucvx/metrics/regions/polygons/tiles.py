"""A large polygon in tiles: each is cut by itself, so that the vertices in flight are few, and what comes out is joined again.

How many tiles a polygon needs is foreseen from its first layers: polygons grow like the square of the neurons so far.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.packing import Codes
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.metrics.regions.polygons.subdivision import BORDER, Subdivision
from relucvx.threads import jobs
from relucvx.types import Array

Indices = NDArray[np.intp]

MOST_BYTES = 4 * 2**30
"""What a slice may take: the values of two layers at the vertices of a tile, or what is known of all polygons in the end."""

LEAST = 64
"""Vertices in flight below which a tile is not cut in two."""

DEPTH = 16
"""Times that a tile is halved at most: where many lines meet in a point, a part has as many vertices as the whole."""

MOST_PARTS = 64
"""Into which a tile is cut at a time."""


class Overfull(Exception):
    """A tile with more vertices in flight than it may have; how many parts would do, and where its vertices were last."""

    def __init__(self, place: Array, parts: int) -> None:
        super().__init__(parts)
        self.place, self.parts = place, int(np.clip(parts, 2, MOST_PARTS))


@dataclass(frozen=True)
class Tile:
    """A convex part of a polygon, in the same frame.

    ``marks`` says of every side what it is: -1 a side of the whole polygon, else which border it lies on, and on which side
    of it the tile is. ``key`` puts tiles in order.
    """

    plane: Plane
    marks: Indices
    key: tuple[int, ...] = ()

    @classmethod
    def of(cls, plane: Plane) -> Tile:
        """All of a polygon."""
        return cls(plane, np.full(len(plane.corners), -1))

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the polygon."""
        return not self.key

    @property
    def can_part(self) -> bool:
        """Whether it is large enough for parts to be any smaller."""
        return len(self.key) < DEPTH

    def subdivision(self) -> Subdivision:
        """The tile as a single face."""
        return Subdivision.of(self.plane, self.marks)

    def parted(self, place: Array, parts: int, borders: Iterator[int]) -> list[Tile]:
        """The tile in parts with about equally many of some points (n, 2); each border takes its number from ``borders``."""
        if parts < 2 or not self.can_part:
            return [self]
        corners = self.plane.corners
        low, high = corners.min(axis=0), corners.max(axis=0)
        axis = int(np.argmax(high - low))
        half = parts // 2
        at = _between(np.sort(place[:, axis]), half / parts, low[axis], high[axis])
        one, other = self._halves(axis, at, next(borders))
        inside = place[:, axis] < at
        return [
            *one.parted(place[inside], half, borders),
            *other.parted(place[~inside], parts - half, borders),
        ]

    def _halves(self, axis: int, at: float, border: int) -> tuple[Tile, Tile]:
        """Below and above a coordinate, which lies between those of the corners."""
        plane = self.plane
        where = plane.corners[:, axis] - at
        sides: tuple[list[Any], list[Any]] = ([], [])  # (corner, point, mark of the side behind it)
        for i, (x, y) in enumerate(zip(where, np.roll(where, -1), strict=True)):
            j = (i + 1) % len(where)
            for side, sign in zip(sides, (-1.0, 1.0), strict=True):
                mark = BORDER - 2 * border - (sign > 0)
                if sign * x >= 0.0:
                    leaves = x == 0.0 and sign * y < 0.0
                    side.append((plane.corners[i], plane.points[i], mark if leaves else self.marks[i]))
                if x * y < 0.0:
                    s = x / (x - y)
                    new = [(1.0 - s) * a[i] + s * a[j] for a in (plane.corners, plane.points)]
                    side.append((*new, mark if sign * x > 0.0 else self.marks[i]))
        tiles = []
        for k, side in enumerate(sides):
            corners, points, marks = (np.array(part) for part in zip(*side, strict=True))
            tiles.append(Tile(Plane(plane.origin, plane.axes, corners, points), marks, (*self.key, k)))
        return tiles[0], tiles[1]


def _between(values: Array, share: float, low: float, high: float) -> float:
    """A coordinate with about this share of some sorted ones below it, and on none of them."""
    inside = values[(values > low) & (values < high)]
    ends = np.concatenate([[low], inside, [high]])
    k = min(int(share * (len(ends) - 1)), len(ends) - 2)
    # the widest of a few gaps, unevenly: lines of interest like to pass through the middle
    first = max(0, k - 2)
    gaps = np.diff(ends[first : k + 4])
    best = first + int(np.argmax(gaps))
    return float(ends[best] + 0.4375 * (ends[best + 1] - ends[best]))


@dataclass(frozen=True)
class Room:
    """How much memory a tile may take.

    Attributes
    ----------
    tile : Tile
    budget : int
        Bytes in flight.
    """

    tile: Tile
    budget: int

    def watch(self, place: Array, vertices: int, faces: int, needed: int) -> None:
        """Stop before a tile fills the memory; ``place`` are vertices that it had before.

        Raises
        ------
        Overfull
            Where parts of it would do with less.
        InvalidInputError
            Where they would not.
        """
        if needed > self.budget and vertices > LEAST and self.tile.can_part:
            raise Overfull(place, -(-2 * needed // self.budget))
        check_memory(vertices, faces, needed)

    def foresee(self, place: Array, per_vertex: float) -> None:
        """Stop a tile early that would be overfull behind later layers: ``per_vertex`` bytes for each vertex that it has now.

        Raises
        ------
        Overfull
            As soon as that is to be expected.
        """
        ahead = len(place) * per_vertex
        if len(place) > LEAST and ahead > 2 * self.budget and self.tile.can_part:
            raise Overfull(place, int(np.ceil(ahead / self.budget)))


def check_memory(vertices: int, faces: int, needed: int) -> None:
    """Stop before a slice fills the memory.

    Raises
    ------
    InvalidInputError
        If it would take more than ``MOST_BYTES``.
    """
    if needed > MOST_BYTES:
        raise InvalidInputError(
            explain(
                f"a slice that takes at most {MOST_BYTES / 2**30:g} GiB",
                f"{vertices:,} vertices and {faces:,} polygons so far ({needed / 2**30:.2g} GiB)",
                "wide layers, or a large polygon",
                "a smaller polygon, or line_regions",
            )
        )


@dataclass(frozen=True)
class Piece:
    """What is known of a tile behind all layers.

    Attributes
    ----------
    cells : Subdivision
    codes : Codes
        Of its faces, all layers that cut.
    per_layer : tuple of int
        Faces after each layer.
    ancestors : ndarray of shape (layers, faces)
        The face after each layer that a face is part of.
    maps, outputs, doubts : ndarray or None
        Maps of the faces, outputs at the vertices and what these may be off by.
    """

    cells: Subdivision
    codes: Codes
    per_layer: tuple[int, ...]
    ancestors: Any
    maps: Array | None = None
    outputs: Array | None = None
    doubts: Array | None = None

    @property
    def nbytes(self) -> int:
        """Memory that the result takes for it: codes, geometry, maps and outputs."""
        extra = sum(a.nbytes for a in (self.maps, self.outputs, self.doubts) if a is not None)
        return self.codes.rows.nbytes + 80 * len(self.cells.tail) + extra


def ancestry(origins: Sequence[Any], faces: int) -> Any:
    """The face after each layer that each of the last faces is part of, from the face before that each is part of."""
    out = np.empty((len(origins), faces), dtype=np.int32)
    row = np.arange(faces)
    for k in reversed(range(len(origins))):
        out[k] = row
        row = origins[k][row]
    return out


def tiled(plane: Plane, cut: Callable[[Tile], Piece], threads: bool) -> list[Piece]:
    """A polygon cut as a whole where there is room, else in tiles; ``threads`` says that several may be cut at a time.

    Raises
    ------
    InvalidInputError
        For a slice that would not fit into memory even so.
    """
    borders = itertools.count()
    done: dict[tuple[int, ...], Piece] = {}
    waiting = [Tile.of(plane)]
    workers = jobs() if threads else 1
    with ThreadPoolExecutor(workers) as pool:
        while waiting:
            ruling().check()
            overfull: list[tuple[Tile, Overfull]] = []
            many = workers > 1 and len(waiting) > 1
            results = pool.map(_trying(cut), waiting) if many else map(_trying(cut), waiting)
            try:
                for tile, found in zip(waiting, results, strict=True):
                    ruling().check()
                    if isinstance(found, Overfull):
                        overfull.append((tile, found))
                        continue
                    done[tile.key] = found
                    check_memory(
                        sum(len(piece.cells.place) for piece in done.values()),
                        sum(len(piece.cells.first) for piece in done.values()),
                        sum(piece.nbytes for piece in done.values()),
                    )
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            waiting = [part for tile, told in overfull for part in tile.parted(told.place, told.parts, borders)]
    return [done[key] for key in sorted(done)]


def _trying(cut: Callable[[Tile], Piece]) -> Callable[[Tile], Piece | Overfull]:
    def tried(tile: Tile) -> Piece | Overfull:
        try:
            return cut(tile)
        except Overfull as told:
            # its traceback holds all that the tile was made of
            return told.with_traceback(None)

    return tried
