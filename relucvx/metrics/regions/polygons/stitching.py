"""Tiles of a polygon joined again: their borders are matched and taken away wherever a region goes on behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from relucvx.later import later
from relucvx.metrics.regions.packing import Codes
from relucvx.metrics.regions.polygons.subdivision import BORDER, Subdivision
from relucvx.metrics.regions.polygons.tiles import Piece
from relucvx.tolerances import EPS
from relucvx.types import Array

Indices = NDArray[np.intp]

kernels = later("relucvx.metrics.regions.polygons._slice_kernels")  # numba takes a while to load

NEAR = 4.0
"""Two vertices of a border are one within so many times what their places may be off by."""


def stitched(pieces: list[Piece], corners: Array) -> Piece:
    """Tiles as one subdivision of a polygon with these corners; the list is emptied on the way.

    Where a vertex of one tile has no partner in the next, it becomes a vertex of both; where codes differ across a border,
    the border stays, as a wall of the first layer that differs. So what comes out is a subdivision whatever is rounded.
    """
    if len(pieces) == 1:
        return pieces.pop()
    faces = np.cumsum([0, *(len(piece.cells.first) for piece in pieces)])
    offsets = np.cumsum([0, *(len(piece.cells.place) for piece in pieces)])
    layers, kinds = len(pieces[0].per_layer), pieces[0].codes.kinds
    sheet = _Sheet.of(pieces)
    one, other = sheet.sew()
    apart = _first_differences(pieces, faces, one, other)
    per_layer = tuple(_counted(pieces, faces, one, other, apart, k) for k in range(layers))
    # from here on what a tile has is let go as soon as the whole has it
    rows, maps, outputs, doubts = (
        [part(piece) for piece in pieces]
        for part in (lambda p: p.codes.rows, lambda p: p.maps, lambda p: p.outputs, lambda p: p.doubts)
    )
    pieces.clear()
    same = apart == layers
    sheet.line[sheet.glued] = np.where(same, BORDER, apart)
    cells, kept, vertices = sheet.dissolved(_components(one[same], other[same], int(faces[-1])), corners)
    del sheet
    return Piece(
        cells, Codes(_picked(rows, faces, kept), kinds), per_layer, np.empty((layers, 0), np.int32),
        _picked(maps, faces, kept), _picked(outputs, offsets, vertices), _picked(doubts, offsets, vertices),
    )  # fmt: skip


def _picked(parts: list[Any], offsets: Indices, rows: Indices) -> Any:
    """Rows of arrays that stand one below the other; None for None. The list is emptied."""
    if parts[0] is None:
        return None
    out = np.empty((len(rows), *parts[0].shape[1:]), dtype=parts[0].dtype)
    order = np.argsort(rows, kind="stable")
    ends = np.searchsorted(rows[order], offsets)
    for k in reversed(range(len(parts))):
        here = order[ends[k] : ends[k + 1]]
        out[here] = parts.pop()[rows[here] - offsets[k]]
    return out


def _first_differences(pieces: Sequence[Piece], faces: Indices, one: Indices, other: Indices) -> Indices:
    """The first layer whose codes differ between pairs of faces of all tiles; the number of layers if none does."""
    both = np.concatenate([one, other])
    rows = _picked([piece.codes.rows for piece in pieces], faces, both)
    half = np.arange(len(one))
    return Codes(rows, pieces[0].codes.kinds).first_difference(half, half + len(one))


def _counted(pieces: Sequence[Piece], faces: Indices, one: Indices, other: Indices, apart: Indices, k: int) -> int:
    """Faces behind layer k: those of all tiles, counted once where they go on behind a border."""
    counts = np.cumsum([0, *(piece.per_layer[k] for piece in pieces)])
    still = apart > k
    ends = []
    for side in (one[still], other[still]):
        tile = np.searchsorted(faces, side, side="right") - 1
        ancestors = np.empty(len(side), dtype=np.intp)
        for i, piece in enumerate(pieces):
            here = tile == i
            ancestors[here] = counts[i] + piece.ancestors[k][side[here] - faces[i]]
        ends.append(ancestors)
    used, where = np.unique(np.concatenate(ends), return_inverse=True)
    first, second = np.split(where.reshape(-1), 2)
    return int(counts[-1]) - len(used) + len(np.unique(_components(first, second, len(used))))


def _components(one: Indices, other: Indices, n: int) -> Indices:
    """Connected components of n things, some pairs of which belong together."""
    graph = sparse.coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
    return np.asarray(csgraph.connected_components(graph, directed=False)[1], dtype=np.intp)


@dataclass
class _Sheet:
    """Half-edges of all tiles in common arrays, those of a border side by side until they are sewn.

    ``pairs`` are vertices that are one, ``intervals`` half-edges of the lower and of the upper tile along the same stretch of
    a border, ``glued`` the edges that they have become, ``bends`` vertices of one side alone, where a wall may turn; ``edges``
    counts those in use, as arrays have room for more.
    """

    place: Array
    doubt: Array
    tail: Any
    succ: Any
    pred: Any
    face: Any
    line: Any
    first: Any
    apart: bool
    edges: int
    pairs: list[tuple[int, int]]
    intervals: list[tuple[int, int]]
    bends: list[int]
    glued: Any = None

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> _Sheet:
        """All tiles, with room for as many edges more as there are along borders."""
        cells = [piece.cells for piece in pieces]
        vertices, halves, faces = (
            np.cumsum([0, *(len(getattr(c, name)) for c in cells)]) for name in ("place", "tail", "first")
        )
        more = 2 * sum(int((c.line <= BORDER).sum()) for c in cells)

        def joined(name: str, offsets: Any, room: int = 0, least: int = 0) -> Any:
            out = np.empty(sum(len(getattr(c, name)) for c in cells) + room, dtype=np.int64)
            at = 0
            for c, offset in zip(cells, offsets[:-1], strict=True):
                part = getattr(c, name)
                out[at : at + len(part)] = np.where(part >= least, part + offset, part)
                at += len(part)
            return out

        still = np.zeros(len(cells) + 1, dtype=np.int64)
        return cls(
            np.concatenate([c.place for c in cells]), np.concatenate([c.doubt for c in cells]),
            joined("tail", vertices, more), joined("succ", halves, more), joined("pred", halves, more),
            joined("face", faces, more), joined("line", still, more // 2, BORDER - 2**40), joined("first", halves),
            all(c.apart for c in cells), int(halves[-1]) // 2, [], [], [],
        )  # fmt: skip

    def sew(self) -> tuple[Indices, Indices]:
        """Make one edge of the two on either side of every stretch of a border; the faces there, below and above."""
        on = np.flatnonzero(self.line[: self.edges] <= BORDER)
        mark = BORDER - self.line[on]
        for border in np.unique(mark // 2):
            below, above = on[mark == 2 * border], on[mark == 2 * border + 1]
            spread = np.ptp(self.place[self.tail[np.concatenate([2 * below, 2 * below + 1])]], axis=0)
            t = self.place[:, int(np.argmax(spread))]
            self._match(_Chain.of(self, below, t), _Chain.of(self, above, t), t)
        low, high = np.array(self.intervals, dtype=np.intp).T
        pairs = np.array(self.pairs, dtype=np.intp).T
        faces = self.face[low], self.face[high]
        self._glue(low, high)
        number = _components(pairs[0], pairs[1], len(self.place))
        least = np.full(int(number.max()) + 1, len(number))
        np.minimum.at(least, number, np.arange(len(number)))
        self.tail = least[number][self.tail]
        self._close_rim()
        return faces

    def _match(self, one: _Chain, other: _Chain, t: Array) -> None:
        """Walk both sides of a border, and note which stretches of them are the same."""
        chains, slack = (one, other), 64.0 * EPS * float(np.abs(t[one.nodes]).max())
        self.pairs += [(one.nodes[0], other.nodes[0]), (one.nodes[-1], other.nodes[-1])]
        at, here = [1, 1], [one.halves[0], other.halves[0]]
        while any(k < len(chain.halves) for k, chain in zip(at, chains, strict=True)):
            # the last vertices of both are one: nothing comes behind them
            ahead = [chain.nodes[k] if k < len(chain.halves) else None for k, chain in zip(at, chains, strict=True)]
            side = self._nearer(ahead, t, slack)
            stretch = list(here)
            if side is None:
                self.pairs.append((one.nodes[at[0]], other.nodes[at[1]]))
            else:  # a vertex of one side alone: the edge on the other side gets it too
                behind = 1 - side
                vertex = chains[side].nodes[at[side]]
                if vertex not in chains[side].joints:
                    self.bends.append(vertex)
                stretch[behind], here[behind] = self._halved(here[behind], chains[behind].rising, vertex)
            self.intervals.append((stretch[0], stretch[1]))
            for k in (0, 1) if side is None else (side,):
                here[k] = chains[k].halves[at[k]]
                at[k] += 1
        self.intervals.append((here[0], here[1]))

    def _nearer(self, ahead: list[int | None], t: Array, slack: float) -> int | None:
        """On which side the next vertex of a border is; None where both have it."""
        a, b = ahead
        if a is None or b is None:
            return int(a is None)
        gap = float(t[a] - t[b])
        if abs(gap) <= NEAR * (self.doubt[a] + self.doubt[b]) + slack:
            return None
        return int(gap > 0.0)

    def _halved(self, half: int, rising: bool, vertex: int) -> tuple[int, int]:
        """Put a vertex on an edge; its half-edges before and behind it along the border."""
        e, new = half // 2, 2 * self.edges
        kernels.cut_edge(2 * e, vertex, new, self.tail, self.succ, self.pred, self.face, self.line)
        self.edges += 1
        rest = new + half % 2
        return (half, rest) if (half % 2 == 0) == rising else (rest, half)

    def _glue(self, low: Indices, high: Indices) -> None:
        """The half-edges ``high`` take the outer sides of the edges of ``low``; their own edges go."""
        count = 2 * self.edges
        tail, succ, pred, face = (a[:count] for a in (self.tail, self.succ, self.pred, self.face))
        outer, now = low ^ 1, np.arange(count)
        now[high] = outer
        for a in (tail, succ, pred, face):
            a[outer] = a[high]
        stays = np.ones(self.edges, dtype=bool)
        stays[high // 2] = False
        kept = np.flatnonzero(stays)
        number = np.full(self.edges, -1)
        number[kept] = np.arange(len(kept))
        now = 2 * number[now // 2] + now % 2
        both = np.repeat(2 * kept, 2)
        both[1::2] += 1
        self.tail, self.face = tail[both], face[both]
        # around the outside nothing is in order yet
        self.succ, self.pred = now[succ[both]], now[pred[both]]
        self.line, self.first, self.glued = self.line[kept], now[self.first], number[low // 2]
        self.edges = len(kept)

    def _close_rim(self) -> None:
        """Sides of the whole polygon, from outside, one after the other."""
        rim = np.flatnonzero(self.face < 0)
        order = rim[np.argsort(self.tail[rim])]
        behind = order[np.searchsorted(self.tail[order], self.tail[rim ^ 1])]
        self.succ[rim], self.pred[behind] = behind, rim

    def dissolved(self, label: Indices, corners: Array) -> tuple[Subdivision, Indices, Indices]:
        """Without edges between faces of one label and without vertices on borders that nothing meets at; which faces and
        vertices stay."""
        border = np.zeros(len(self.place), dtype=bool)
        border[self.tail[2 * self.glued]] = border[self.tail[2 * self.glued + 1]] = True
        border[np.array(self.bends, dtype=np.intp)] = False
        for corner in corners:
            border[(self.place == corner).all(axis=1)] = False
        order = np.argsort(border, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        tail, n = place[self.tail], len(order)
        rest = (tail, self.succ, self.pred, self.face, self.line, self.first)
        done, vertices, kept, *sides = kernels.dissolve(label, int(n - border.sum()), n, *rest)
        if not done:  # rounding has put a face inside another: the borders stay, and regions are joined in the end
            _, vertices, kept, *sides = kernels.dissolve(np.arange(len(self.first)), n, n, *rest)
        tail, succ, pred, face, line, first = sides
        vertices = order[vertices]
        line = np.where(line <= BORDER, -1, line)
        apart = self.apart and bool(done)
        cells = Subdivision(self.place[vertices], self.doubt[vertices], tail, succ, pred, face, line, first, apart)
        return cells, kept, vertices


@dataclass(frozen=True)
class _Chain:
    """One side of a border: vertices in the order of a coordinate, and the inner half-edges between them.

    ``rising`` says that these run in that order, ``joints`` are corners of tiles between them.
    """

    nodes: list[int]
    halves: list[int]
    rising: bool
    joints: set[int]

    @classmethod
    def of(cls, sheet: _Sheet, edges: Indices, t: Array) -> _Chain:
        """Edges of one side of a border, of one tile or of several, whose ends become one."""
        halves = 2 * edges + (sheet.face[2 * edges] < 0)
        starts, ends = sheet.tail[halves].tolist(), sheet.tail[halves ^ 1].tolist()
        following = dict(zip(starts, zip(halves.tolist(), ends, strict=True), strict=True))
        runs = []
        for begin in set(starts) - set(ends):
            nodes, run = [begin], []
            while nodes[-1] in following:
                half, end = following[nodes[-1]]
                run.append(half)
                nodes.append(end)
            runs.append((nodes, run))
        rising = bool(t[runs[0][0][-1]] > t[runs[0][0][0]])
        if not rising:
            runs = [(nodes[::-1], run[::-1]) for nodes, run in runs]
        runs.sort(key=lambda run: float(t[run[0][0]]))
        nodes, out, joints = list(runs[0][0]), list(runs[0][1]), set()
        for more, run in runs[1:]:
            joints.add(nodes[-1])
            sheet.pairs.append((nodes[-1], more[0]))
            nodes += more[1:]
            out += run
        return cls(nodes, out, rising, joints)
