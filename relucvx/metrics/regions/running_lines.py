"""Linear regions along segments of a module that is run: a batch of points on the segment, with rows inserted at every bend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.metrics.regions import _line_kernels as kernels
from relucvx.metrics.regions import _window_kernels as maxima
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
    """The geometry of one segment (or of several, one below the other): its rows are sorted, neighbours stand side by side.

    Attributes
    ----------
    columns : dict
        Kinks whose codes are wanted, with the columns among theirs that make up the code.
    limit : int
        Rows above which :class:`TooMany` is raised.
    """

    columns: dict[int, Any]
    limit: int
    t: Array = field(default_factory=lambda: np.array([0.0, 1.0]))
    doubt: Array = field(default_factory=lambda: np.zeros(2))
    first: Indices = field(default_factory=lambda: np.array([0, 2], dtype=np.int64))
    found: list[Any] = field(default_factory=list)
    parents: list[Indices] = field(default_factory=list)

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
        codes = np.empty((len(placed[0]), k), dtype=bool)
        kernels.code(values, k, self.first, segment, start, neurons, codes)
        return self._refined(placed, share, _counted(codes, pieces), moved.max(axis=0))

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
        return self._refined(placed, where, codes.astype(code_dtype(len(numbers))), np.zeros(len(table)))

    def _refined(self, placed: Any, share: Array, codes: Any, moved: Array) -> Bends:
        self.t, self.doubt, self.first, parent = placed
        if len(self.t) > self.limit:
            raise TooMany(len(self.t))
        # no segment begins at the last row of a curve
        codes[self.first[1:] - 1] = codes[self.first[1:] - 2]
        position = len(self.found)
        wanted = self.columns.get(position)
        self.found.append(None if wanted is None else np.ascontiguousarray(codes[:, wanted]))
        self.parents.append(parent)
        if position == max(self.columns, default=-1):
            raise Enough
        fresh = np.flatnonzero(parent[1:] == parent[:-1]) + 1
        step = Insertion(parent, fresh, parent[fresh] + 1, share)
        return Bends([step], codes.min(axis=0), codes.max(axis=0), moved)

    def codes(self, kind: Any) -> Any:
        """Codes on the intervals behind the rows, of all kinks that are wanted."""
        parts, row = [], np.arange(self.rows)
        for active, parent in zip(reversed(self.found), reversed(self.parents), strict=True):
            if active is not None:
                parts.append(active.take(row, axis=0).astype(kind, copy=False))
            row = parent[row]
        return np.hstack(parts[::-1]) if parts else np.zeros((self.rows, 0), kind)


def _counted(codes: Any, pieces: int) -> Any:
    """How many of its thresholds each neuron is above."""
    if pieces == 1:
        return codes
    return codes.reshape(len(codes), pieces, -1).sum(axis=1, dtype=np.int8)


def running_lines(
    network: RunningModule, starts: Array, ends: Array, columns: dict[int, Any]
) -> Iterator[tuple[Array, Any]]:
    """Breakpoints and codes of every segment in turn.

    A segment goes through the module in pieces, so that the values of a piece need not more than ``MEMORY`` bytes.
    """
    kind = np.result_type(bool, *(network.dtypes[c] for c in columns))
    limit = max(FEWEST, MEMORY // network.row_bytes)
    length = 1.0
    for start, end in zip(starts, ends, strict=True):
        at, found = 0.0, _Joined()
        while at < 1.0:
            until = 1.0 if at + length >= 1.0 else at + length
            curve = Curve(columns, limit if until - at > SHORTEST else 2**62)
            points = np.stack([(1.0 - s) * start + s * end for s in (at, until)])
            try:
                network.run(points, curve)
            except TooMany as many:
                length = (until - at) * min(0.5, 0.5 * limit / many.rows)
                continue
            found.add(at, until, curve.t, curve.codes(kind))
            at, length = until, (until - at) * min(4.0, 0.7 * limit / curve.rows)
        yield found.result()


class _Joined:
    """Regions of the pieces of a segment, one after the other."""

    def __init__(self) -> None:
        self.t: list[Array] = []
        self.codes: list[Any] = []

    def add(self, at: float, until: float, t: Array, codes: Any) -> None:
        """The next piece, from ``at`` to ``until``, in its own t."""
        begins = np.empty(len(t), dtype=bool)
        kernels.mark_changes(_bytes(codes), np.array([0, len(t)], dtype=np.int64), begins)
        rows = np.flatnonzero(begins)
        # a region goes on from piece to piece
        if self.codes and np.array_equal(codes[rows[0]], self.codes[-1][-1]):
            rows = rows[1:]
        if len(rows):
            self.t.append((1.0 - t[rows]) * at + t[rows] * until)
            self.codes.append(codes[rows])

    def result(self) -> tuple[Array, Any]:
        """Breakpoints and codes."""
        t, rows = np.concatenate(self.t)[1:], 0
        codes = np.empty((len(t) + 1, self.codes[0].shape[1]), dtype=self.codes[0].dtype)
        # each piece is freed when it is copied: a deep network has more codes than anything else
        self.codes.reverse()
        while self.codes:
            piece = self.codes.pop()
            codes[rows : rows + len(piece)] = piece
            rows += len(piece)
        return t, codes


def _bytes(codes: Any) -> Any:
    """Codes as kernels compare them."""
    return codes if codes.dtype == bool else codes.view(np.uint8)
