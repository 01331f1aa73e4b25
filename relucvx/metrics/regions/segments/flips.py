"""Codes along a walk as what changes from each to the next: as much memory as there are changes, whatever the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.later import later

Indices = NDArray[np.intp]

# numba, which compiles them, takes a while to load
kernels = later("relucvx.metrics.regions.segments._line_kernels")


@dataclass(frozen=True)
class Flips:
    """A walk through codes: the first one, and which entries change in each step.

    Attributes
    ----------
    first : ndarray of shape (N,), bool or whole numbers
        The code at the start.
    starts : ndarray of shape (r,)
        The changes from code i to code i + 1 are those from ``starts[i]`` to ``starts[i + 1]``; the last entry is how many
        there are.
    columns : ndarray of shape (F,)
        The entry that changes, increasing within a step; each once.
    changes : ndarray of shape (F,)
        The old entry and the new one, combined by exclusive or: ``new = old ^ change``, and back.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """

    first: Any
    starts: Indices
    columns: Any
    changes: Any

    def __post_init__(self) -> None:
        for array in (self.first, self.starts, self.columns, self.changes):
            array.setflags(write=False)

    @classmethod
    def of(cls, codes: Any) -> Flips:
        """The walk whose codes are the rows of a matrix, of which there is one at least."""
        # of one axis, which is found many times faster than of two
        step, column = np.divmod(np.flatnonzero(codes[1:] != codes[:-1]), max(1, codes.shape[1]))
        starts = np.searchsorted(step, np.arange(len(codes)))
        return cls(codes[0].copy(), starts, column.astype(np.int32), codes[step + 1, column] ^ codes[step, column])

    @classmethod
    def joined(cls, walks: Sequence[Flips]) -> Flips:
        """One walk behind the other: a step, in which nothing may change, leads from each to the next."""
        starts, columns, changes, total = [], [], [], 0
        for k, walk in enumerate(walks):
            if k:
                last = walks[k - 1].last
                column = np.flatnonzero(last != walk.first)
                columns.append(column.astype(np.int32))
                changes.append(last[column] ^ walk.first[column])
                total += len(column)
            starts.append(walk.starts + total)
            columns.append(walk.columns)
            changes.append(walk.changes)
            total += len(walk.columns)
        return cls(walks[0].first.copy(), np.concatenate(starts), np.concatenate(columns), np.concatenate(changes))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(array.nbytes for array in (self.first, self.starts, self.columns, self.changes))

    @property
    def dense_bytes(self) -> int:
        """Bytes of memory that the matrix of all codes takes."""
        return len(self) * int(self.first.nbytes)

    @property
    def lengths(self) -> Indices:
        """How many entries change in each step, of shape (r - 1,)."""
        return np.diff(self.starts)

    @property
    def steps(self) -> Indices:
        """The step in which each change happens, of shape (F,)."""
        return np.repeat(np.arange(len(self) - 1), self.lengths)

    @property
    def last(self) -> Any:
        """The code at the end."""
        code = self.first.copy()
        np.bitwise_xor.at(code, self.columns, self.changes)
        return code

    def backwards(self) -> Flips:
        """The same walk from its end."""
        # whole steps change places, and within each the columns keep their order
        lengths = self.lengths[::-1]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        order = np.arange(len(self.columns)) + np.repeat(self.starts[:-1][::-1] - starts[:-1], lengths)
        return Flips(self.last, starts, self.columns[order], self.changes[order])

    def behind(self, i: int) -> Flips:
        """The walk from code i on."""
        begin = int(self.starts[i])
        return Flips(self.at(np.array([i]))[0], self.starts[i:] - begin, self.columns[begin:], self.changes[begin:])

    def distinct(self) -> tuple[Flips, Indices]:
        """The walk without steps in which nothing changes, and which codes it keeps."""
        kept = np.flatnonzero(np.concatenate([[True], self.lengths > 0]))
        return Flips(self.first, self.starts[kept], self.columns, self.changes), kept

    def dense(self) -> Any:
        """All codes as a matrix of shape (r, N)."""
        out = np.empty((len(self), len(self.first)), self.first.dtype)
        plain = np.dtype(f"u{self.first.dtype.itemsize}")
        kernels.fill(self.first.view(plain), self.starts, self.columns, self.changes.view(plain), out.view(plain))
        return out

    def at(self, positions: Indices) -> Any:
        """The codes at positions that do not decrease, of shape (len(positions), N)."""
        # a walk with fewer stops: what changes between two of them happens in one step
        stops = np.concatenate([[0], positions])
        starts = self.starts[stops]
        group = np.repeat(np.arange(len(positions)), np.diff(starts))
        inside = slice(0, int(starts[-1]))
        out = np.zeros((len(positions), len(self.first)), self.first.dtype)
        np.bitwise_xor.at(out, (group, self.columns[inside]), self.changes[inside])
        code = self.first
        for row in out:
            row ^= code
            code = row
        return out

    def differing(self) -> tuple[Any, Any]:
        """In what each changing entry differs from the first code, before and after the change, both of shape (F,)."""
        order = np.argsort(self.columns, kind="stable")
        columns, together = self.columns[order], np.bitwise_xor.accumulate(self.changes[order])
        # without what earlier columns have left behind
        begins = np.flatnonzero(np.diff(columns, prepend=-1))
        left = np.concatenate([np.zeros(1, together.dtype), together])[begins]
        own = np.repeat(left, np.diff(begins, append=len(columns)))
        after = np.empty_like(together)
        after[order] = together ^ own
        return after ^ self.changes, after

    def away(self) -> Indices:
        """Hamming distances of all codes from the first, of shape (r,)."""
        before, after = self.differing()
        return self._summed((after != 0).astype(np.int8) - (before != 0))

    def active(self) -> Indices:
        """How many entries of each code are positive, of shape (r,)."""
        first, (before, after) = self.first[self.columns], self.differing()
        gained = ((first ^ after) > 0).astype(np.int8) - ((first ^ before) > 0)
        return int((self.first > 0).sum()) + self._summed(gained)

    def _summed(self, gained: Any) -> Indices:
        """What the changes up to each code add up to."""
        total = np.concatenate([[0], np.cumsum(gained, dtype=np.intp)])
        return np.asarray(total[self.starts], dtype=np.intp)
