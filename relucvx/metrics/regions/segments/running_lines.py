"""Linear regions along segments of a module that is run: a batch of points on the segment, with rows inserted at every bend."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.deadline import ruling
from relucvx.metrics.regions.segments import _line_kernels as kernels
from relucvx.metrics.regions.segments import _window_kernels as maxima
from relucvx.metrics.regions.segments.changes import Changes, walks
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.network.running.module import Enough, RunningModule
from relucvx.network.running.rows import Bends, Indices, Insertion
from relucvx.network.tournament import code_dtype, entry_numbers
from relucvx.types import Array

MEMORY = 150_000_000
"""Bytes that the values needed at a time, at all rows of a piece of a segment, should stay below."""

FEWEST = 64
"""Rows that a piece may have whatever they take."""

SHORTEST = 1e-9
"""Pieces below this length are not cut: so many bends lie in one place."""


class TooMany(Exception):
    """A piece of a segment gets more rows than fit; ``rows`` of them are known."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


@dataclass
class Curve:
    """The geometry of segments, one below the other: rows are sorted, neighbours stand side by side.

    Attributes
    ----------
    columns : dict
        Kinks whose codes are wanted, with the columns among theirs that make up the code.
    limit : int
        Rows above which :class:`TooMany` is raised.
    count : int
        Segments.
    """

    columns: dict[int, Any]
    limit: int
    count: int = 1
    found: list[Changes | None] = field(default_factory=list)
    parents: list[Indices] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.t = np.tile([0.0, 1.0], self.count)
        self.doubt = np.zeros(2 * self.count)
        self.first: Indices = 2 * np.arange(self.count + 1, dtype=np.int64)

    @property
    def rows(self) -> int:
        """As :class:`~relucvx.network.running.rows.Geometry` has it."""
        return len(self.t)

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.walls`."""
        k, count = values.shape[1], len(self.first) - 1
        moved, spread = np.zeros((count, k)), np.tile(errors, (count, 1))
        above, below = np.zeros((2, count, k), dtype=bool)
        points, placed = kernels.locate(
            values, np.zeros(k), k, self.first, self.t, self.doubt, spread, moved, above, below
        )
        segment, share, _, start, neurons = points
        if pieces == 1:
            begin = np.empty((count, k), dtype=bool)
            found = Changes.by_sign(begin, *kernels.flips(values, k, self.first, segment, start, neurons, begin))
            least, most = values.min(axis=0) > 0.0, values.max(axis=0) > 0.0
        else:
            signs = np.empty((len(placed[0]), k), dtype=bool)
            kernels.code(values, k, self.first, segment, start, neurons, signs)
            codes = _counted(signs, pieces)
            found, least, most = self._changes(codes, placed)
        return self._refined(placed, share, found, Bends([], least, most, moved.max(axis=0)))

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.winners`."""
        shape = (len(values), len(table))
        top, winner = np.empty(shape), np.zeros(shape, np.int64)
        maxima.largest(values, table, top)
        numbers, few = entry_numbers(1 + int(np.flatnonzero((table >= 0).any(axis=0)).max(initial=0)))
        known = (values, table, top, self.first, self.t, self.doubt, errors, winner, numbers, few)
        bent = maxima.whole(*known)
        segment, share, slack, window, after = maxima.envelopes(*known, bent)
        order = np.lexsort((share, segment))
        at, where, doubt, start = maxima.gathered(segment, share, slack, order)
        placed = kernels.place(self.first, self.t, self.doubt, at, where, doubt)
        codes = np.empty((len(placed[0]), len(table)), np.int64)
        maxima.places(winner, self.first, at, start, order, window, after, codes)
        found, least, most = self._changes(codes.astype(code_dtype(len(numbers))), placed)
        return self._refined(placed, where, found, Bends([], least, most, np.zeros(len(table))))

    def neighbours(self) -> tuple[Indices, Indices]:
        """As :meth:`~relucvx.network.running.rows.Geometry.neighbours`."""
        inside = np.ones(self.rows, dtype=bool)
        inside[self.first[1:] - 1] = False  # no segment begins at the last row of a curve
        before = np.flatnonzero(inside)
        return before, before + 1

    def _changes(self, codes: Any, placed: Any) -> tuple[Changes, Any, Any]:
        """What changes in codes, and the least and the largest of each column."""
        ends = placed[2][1:] - 1
        codes[ends] = codes[ends - 1]  # no segment begins there
        return Changes.of(codes, placed[2]), codes.min(axis=0), codes.max(axis=0)

    def _refined(self, placed: Any, share: Array, found: Changes, bends: Bends) -> Bends:
        ruling().check()
        self.t, self.doubt, self.first, parent = placed
        if len(self.t) > self.limit:
            raise TooMany(len(self.t))
        position = len(self.found)
        wanted = self.columns.get(position)
        self.found.append(None if wanted is None else found.of_columns(wanted))
        self.parents.append(parent)
        if position == max(self.columns, default=-1):
            raise Enough
        fresh = np.flatnonzero(parent[1:] == parent[:-1]) + 1
        return dataclasses.replace(bends, steps=[Insertion(parent, fresh, parent[fresh] + 1, share)])

    def walks(self, kind: Any) -> Iterator[tuple[Array, Flips]]:
        """Breakpoints and codes of each segment."""
        return walks(self.found, self.parents, self.first, self.t, kind)


def _counted(codes: Any, pieces: int) -> Any:
    """How many of its thresholds each neuron is above."""
    if pieces == 1:
        return codes
    return codes.reshape(len(codes), pieces, -1).sum(axis=1, dtype=np.int8)


def running_lines(
    network: RunningModule, starts: Array, ends: Array, columns: dict[int, Any]
) -> Iterator[tuple[Array, Flips]]:
    """Breakpoints and codes of every segment in turn.

    Segments go through the module together, and long ones in pieces, so that the values need not more than ``MEMORY`` bytes.
    """
    kind = np.result_type(bool, *(network.dtypes[c] for c in columns))
    limit = max(FEWEST, MEMORY // network.row_bytes)
    pieces, done, together = _Pieces(network, columns, kind, limit), 0, 1
    while done < len(starts):
        if together < 2:
            yield pieces.walk(starts[done], ends[done])
            done, together = done + 1, int(0.7 * limit / pieces.rows)
            continue
        some = slice(done, done + together)
        curves = Curve(columns, limit, len(starts[some]))
        try:
            network.run(np.stack([starts[some], ends[some]], axis=1).reshape(2 * curves.count, -1), curves)
        except TooMany:
            together //= 2
            continue
        yield from curves.walks(kind)
        done += curves.count
        together = min(4 * together, int(0.7 * limit * curves.count / curves.rows))


class _Pieces:
    """Walks along one segment at a time, in as many pieces as it takes.

    Attributes
    ----------
    rows : int
        Rows that the last segment had.
    """

    def __init__(self, network: RunningModule, columns: dict[int, Any], kind: Any, limit: int) -> None:
        self.network, self.columns, self.kind, self.limit = network, columns, kind, limit
        self.length, self.rows = 1.0, 2

    def walk(self, start: Array, end: Array) -> tuple[Array, Flips]:
        """Breakpoints and codes of a segment."""
        at, found = 0.0, []
        self.rows = 0
        while at < 1.0:
            until = 1.0 if at + self.length >= 1.0 else at + self.length
            curve = Curve(self.columns, self.limit if until - at > SHORTEST else 2**62)
            points = np.stack([(1.0 - s) * start + s * end for s in (at, until)])
            try:
                self.network.run(points, curve)
            except TooMany as many:
                self.length = (until - at) * min(0.5, 0.5 * self.limit / many.rows)
                continue
            ((t, flips),) = curve.walks(self.kind)
            found.append((np.concatenate([[at], (1.0 - t) * at + t * until]), flips))
            at, self.length = until, (until - at) * min(4.0, 0.7 * self.limit / curve.rows)
            self.rows += curve.rows
        # a region goes on from piece to piece where nothing changes
        walk, kept = Flips.joined([flips for _, flips in found]).distinct()
        return np.concatenate([t for t, _ in found])[kept][1:], walk
