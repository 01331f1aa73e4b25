"""What every kink of a network changes in the codes along curves, put together to walks through the codes of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.metrics.regions.segments.flips import Flips
from relucvx.types import Array

Indices = NDArray[np.intp]


@dataclass
class Changes:
    """What a kink does along curves, one below the other: the codes at their starts, and the changes behind some rows.

    Attributes
    ----------
    first : ndarray of shape (curves, n)
    row, column, change : ndarrays of shape (F,)
        At which row, counted behind the kink, which neuron changes, and how: old code, exclusive or, new code.
    """

    first: Any
    row: Indices
    column: Indices
    change: Any

    @classmethod
    def of(cls, codes: Any, first: Indices) -> Changes:
        """Read off the codes behind the rows; curves begin at the rows ``first``, whose last entry is the number of rows."""
        differ = codes[1:] != codes[:-1]
        differ[first[1:] - 2] = False  # no segment begins at the last row of a curve
        differ[first[1:-1] - 1] = False  # the next curve is another one
        # of one axis, which is found many times faster than of two
        row, column = np.divmod(np.flatnonzero(differ), max(1, codes.shape[1]))
        return cls(codes[first[:-1]], row + 1, column, codes[row + 1, column] ^ codes[row, column])

    @classmethod
    def by_sign(cls, first: Any, row: Indices, column: Indices) -> Changes:
        """Of neurons that are positive or not."""
        return cls(first, row, column, np.ones(len(row), dtype=bool))

    def of_columns(self, wanted: Any) -> Changes:
        """Those of some neurons (increasing positions), or of all."""
        if isinstance(wanted, slice):
            return self
        position = np.full(self.first.shape[1], -1)
        position[wanted] = np.arange(len(wanted))
        column = position[self.column]
        kept = column >= 0
        return Changes(self.first[:, wanted], self.row[kept], column[kept], self.change[kept])


def walks(
    found: Sequence[Changes | None], parents: Sequence[Indices], first: Indices, t: Array, kind: Any
) -> Iterator[tuple[Array, Flips]]:
    """Breakpoints and codes along every curve.

    Parameters
    ----------
    found : sequence of Changes or None
        Of every kink, in order; None where its codes are not wanted.
    parents : sequence of ndarrays
        For every kink the row before it that each row behind it is or follows.
    first : ndarray of shape (curves + 1,)
        Row at which each curve begins in the end, and how many rows there are.
    t : ndarray of shape (rows,)
    kind : dtype
        Of the codes.
    """
    place, parts = np.arange(len(t)), []
    width = sum(f.first.shape[1] for f in found if f is not None)
    begin = np.empty((len(first) - 1, width), kind)
    # backwards, as it is known where the rows behind the last kink stand in the end
    for changes, parent in zip(reversed(found), reversed(parents), strict=True):
        if changes is not None:
            width -= changes.first.shape[1]
            begin[:, width : width + changes.first.shape[1]] = changes.first
            parts.append((place[changes.row], changes.column + width, changes.change.astype(kind, copy=False)))
        place = place[_begins(parent)]
    none = [(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, kind))]
    row, column, change = map(np.concatenate, zip(*(parts[::-1] or none), strict=True))
    order = np.argsort(row, kind="stable")
    row, column, change = row[order], column[order].astype(np.int32), change[order]
    steps = _begins(row)
    ends, bounds = np.searchsorted(row, first), np.searchsorted(row[steps], first)
    at = t[row[steps]]
    for p, code in enumerate(begin):
        own, low, high = slice(bounds[p], bounds[p + 1]), ends[p], ends[p + 1]
        starts = np.append(steps[own], high) - low
        yield at[own], Flips(code, starts, column[low:high], change[low:high])


def _begins(numbers: Indices) -> Indices:
    """Where each of the numbers in an increasing list stands first."""
    first = np.ones(len(numbers), dtype=bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return np.flatnonzero(first)
