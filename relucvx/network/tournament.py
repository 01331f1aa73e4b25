"""Largest entries of windows, found by rounds of comparisons; their code is who won, which no comparison of losers changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.types import BoolArray

Indices = NDArray[np.intp]

BLOCK = 4_000_000
"""Candidates followed at a time, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Round:
    """Candidate ``first[i]`` meets ``second[i]``; winners and then ``unpaired`` ones, sorted by ``order``, go on."""

    first: Indices
    second: Indices
    unpaired: Indices
    order: Indices

    def onwards(self, won: Any, candidates: Any) -> Any:
        """What is said of the winners, and of all candidates before, as it is said of the candidates of the next round."""
        return np.concatenate([won, candidates[..., self.unpaired]], axis=-1)[..., self.order]


@dataclass(frozen=True, eq=False)
class Tournament:
    """All windows of a maximum.

    Attributes
    ----------
    taps : tuple of ndarrays
        Positions in its window of the entries of every window, in the order in which they are candidates.
    rounds : tuple of Round
    """

    taps: tuple[Indices, ...]
    rounds: tuple[Round, ...]

    @property
    def width(self) -> int:
        """Number of windows."""
        return len(self.taps)

    @cached_property
    def dtype(self) -> Any:
        """The smallest whole numbers that hold the codes."""
        return code_dtype(1 + max((int(tap.max()) for tap in self.taps), default=0))

    def winners(self, signs: Sequence[Any]) -> Any:
        """Codes (rows, windows) from the signs -1, 0, 1 of first - second in every round, each (rows, meetings).

        The code of a window is the position of the entry that is largest. Where several are, throughout a region, it is
        minus the sum of 2^position over these (from 63 entries on a number of its own for each such set): argument order
        changes nothing about which codes are equal.
        """
        rows, taps = len(signs[0]), np.concatenate(self.taps)
        out = np.empty((rows, self.width), dtype=self.dtype)
        step = max(1, BLOCK // len(taps))
        for begin in range(0, rows, step):
            part = [sign[begin : begin + step] for sign in signs]
            codes = np.repeat(taps[None].astype(self.dtype), len(part[0]), axis=0)
            for now, sign in zip(self.rounds, part, strict=True):
                a, b = codes[:, now.first], codes[:, now.second]
                won, level = np.where(sign > 0, a, b), np.equal(sign, 0)
                if level.any():
                    won[level] = -self._united(self._sets(a[level]), self._sets(b[level]))
                codes = now.onwards(won, codes)
            out[begin : begin + step] = codes
        return out

    def gates(self, codes: Any) -> list[BoolArray]:
        """Comparisons of every round, each (rows, meetings), that have these winners: True where ``first`` goes on."""
        here, found = self.leaders(codes), []
        for now in self.rounds:
            found.append(here[:, now.first])
            here = now.onwards(here[:, now.first] | here[:, now.second], here)
        return found

    def leaders(self, codes: Any) -> Any:
        """Whether each candidate (rows, candidates) is the winner; of several that are largest the first stands for all."""
        taps = np.concatenate(self.taps)
        mine = codes[:, np.repeat(np.arange(self.width), [len(tap) for tap in self.taps])]
        if self._few:
            best = self._sets(mine)
            return np.equal(best & -best, self._sets(taps.astype(self.dtype)))
        return np.where(mine < 0, -mine & LOW, mine) == taps

    @property
    def _few(self) -> bool:
        """Whether sets of entries are numbers with a bit for each."""
        return max((int(tap.max()) for tap in self.taps), default=0) < 62

    def _sets(self, codes: Any) -> Any:
        """Sets of entries as numbers: bits, or a random number for each with its position behind."""
        tap = np.maximum(codes, 0)
        single = np.left_shift(np.ones_like(codes), tap) if self._few else _numbers(1 + int(tap.max(initial=0)))[tap]
        return np.where(codes < 0, -codes, single)

    def _united(self, a: Any, b: Any) -> Any:
        """Two sets that have no entry in common as one."""
        return a | b if self._few else ((a ^ b) & ~LOW) | np.minimum(a & LOW, b & LOW)


LOW = np.int64(2**16 - 1)
"""Bits of a position in a window that is too large for sets of bits."""


def _numbers(count: int) -> Any:
    high = np.random.default_rng(62).integers(2**45, 2**46, size=count) << 16
    return high | np.arange(count)


def entry_numbers(count: int) -> tuple[Any, bool]:
    """Numbers for the sets of so many entries, and whether they are bits; see :meth:`Tournament.winners`."""
    few = count < 63
    return (np.left_shift(np.int64(1), np.arange(count)) if few else _numbers(count)), few


def code_dtype(pieces: int) -> Any:
    """The smallest whole numbers for the codes of a maximum of so many entries."""
    for dtype in (np.int8, np.int16, np.int32):
        if pieces < np.iinfo(dtype).bits:
            return np.dtype(dtype)
    return np.dtype(np.int64)


def draw_up(windows: Sequence[Indices], taps: Sequence[Indices]) -> Tournament:
    """The rounds of windows given by the positions of their entries: neighbours meet, an odd one goes on unbeaten."""
    owner = np.repeat(np.arange(len(windows)), [len(w) for w in windows])
    rounds = []
    while len(owner) > len(windows):
        # within a window each candidate of even rank meets the next
        rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
        first = np.flatnonzero((rank % 2 == 0) & (np.append(owner[1:], -1) == owner))
        unpaired = np.setdiff1d(np.arange(len(owner)), np.concatenate([first, first + 1]))
        owners = np.concatenate([owner[first], owner[unpaired]])
        order = np.argsort(owners, kind="stable")
        rounds.append(Round(first, first + 1, unpaired, order))
        owner = owners[order]
    return Tournament(tuple(np.asarray(tap, dtype=np.intp) for tap in taps), tuple(rounds))
