"""Ways to split conditions in two: all of them, or a random sample, each up to an exchange of the sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from relucvx.conversion import as_flag
from relucvx.errors import InvalidInputError, explain
from relucvx.types import BoolArray


@dataclass(frozen=True)
class Dichotomies:
    """Splits of P conditions.

    Attributes
    ----------
    sides : ndarray of shape (D, P), bool
        One split a row; the first condition is on the side False, since exchanging the sides changes nothing.
    total : int
        Number of splits there are.
    exhaustive : bool
        Whether the rows are all of them, once each; else they are independent uniform draws.
    """

    sides: BoolArray
    total: int
    exhaustive: bool


def dichotomies(n: int, balanced: bool, limit: int, rng: np.random.Generator, trivial: bool = True) -> Dichotomies:
    """Splits of n conditions: all when there are at most ``limit``, else ``limit`` random ones.

    Balanced splits have equally many conditions on both sides, up to one for odd n. The others include the one with
    every condition on the same side, if ``trivial``.
    """
    total = count_dichotomies(n, balanced, trivial)
    if total <= limit:
        sides = np.zeros((total, n), dtype=bool)
        for row, chosen in zip(sides, _subsets(n, balanced, trivial), strict=True):
            row[list(chosen)] = True
        return Dichotomies(sides, total, True)
    if balanced:
        template = np.arange(n) < n // 2
        sides = np.stack([rng.permutation(template) for _ in range(limit)])
    else:
        sides = rng.random((limit, n)) < 0.5
        # drawn again, which leaves the others equally likely
        while not trivial and len(again := np.flatnonzero((sides == sides[:, :1]).all(axis=1))):
            sides[again] = rng.random((len(again), n)) < 0.5
    # condition 0 is always on the same side: a split is one, whichever side was drawn first
    return Dichotomies(sides ^ sides[:, :1], total, False)


def count_dichotomies(n: int, balanced: bool, trivial: bool = True) -> int:
    """Number of splits up to an exchange of the sides."""
    if not as_flag(balanced, "balanced"):
        return 2 ** (n - 1) - (not trivial)
    return comb(n, n // 2) // (2 if n % 2 == 0 else 1)


def check_conditions(n: int, received: Any) -> None:
    """Raise unless there are two conditions to split.

    Raises
    ------
    InvalidInputError
        For fewer than two.
    """
    if n < 2:
        raise InvalidInputError(explain("at least two conditions to split", f"{n} ({received!r})", "a single label"))


def _subsets(n: int, balanced: bool, trivial: bool) -> Iterator[tuple[int, ...]]:
    """Subsets of conditions 1 to n - 1 that may stand against condition 0."""
    # of an odd number the part against condition 0 may be the smaller or the larger
    sizes = sorted({n // 2, n - n // 2}) if balanced else range(0 if trivial else 1, n)
    for size in sizes:
        yield from combinations(range(1, n), size)
