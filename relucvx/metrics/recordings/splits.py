"""Scores of ways to split conditions in two: generalisation to conditions left out, parallel directions."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations, product

import numpy as np

from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.samples.machine import Machines
from relucvx.types import Array, BoolArray

MOST_PAIRED = 7
"""Conditions on a side up to which all pairings are tried: 5,040 of them."""


def generalisation(machines: Machines, codes: Indices, sides: BoolArray) -> Array:
    """Mean accuracy on one condition of each side that were both left out, over all such pairs; NaN for sides of one.

    With a pair left out, splits (D, P) that agree on the other conditions, up to an exchange of the sides, train the same
    machine: what one finds the others read.
    """
    known: dict[tuple[int, int, bytes], float] = {}
    held = [codes == c for c in range(sides.shape[1])]
    out = np.full(len(sides), np.nan)
    for k, side in enumerate(sides):
        on, off = np.flatnonzero(side), np.flatnonzero(~side)
        if min(len(on), len(off)) < 2:
            continue
        found = []
        for first, second in (sorted(map(int, pair)) for pair in product(on, off)):
            rest = np.delete(side, [first, second])
            # a machine is right about both conditions as often as it is wrong where these change sides
            turned = bool(side[first] ^ rest[0])
            key = (first, second, (rest ^ rest[0]).tobytes())
            if key not in known:
                test = held[first] | held[second]
                accuracy = machines.accuracy(side[codes], ~test, test)
                known[key] = 1.0 - accuracy if turned else accuracy
            found.append(1.0 - known[key] if turned else known[key])
        out[k] = np.mean(found)
    return out


def parallelism(means: Array, side: BoolArray) -> float:
    """Largest mean cosine of the differences of conditions over all ways to pair those of the sides.

    NaN for fewer than two pairs, more than 7, and where a difference is zero.
    """
    few, many = sorted((np.flatnonzero(side), np.flatnonzero(~side)), key=len)
    k = len(few)
    if k < 2 or len(many) > MOST_PAIRED:
        return np.nan
    differences = means[few][:, None] - means[many]
    lengths = np.linalg.norm(differences, axis=2)
    if lengths.min() <= 1e-14 * float(np.abs(means).max(initial=0.0)):
        return np.nan
    units = differences / lengths[:, :, None]
    # the cosines of k unit vectors sum up in the length of their sum
    sums = units[np.arange(k), _pairings(k, len(many))].sum(axis=1)
    best = float(np.max(np.einsum("ij,ij->i", sums, sums)))
    return float(np.clip((best - k) / (k * (k - 1)), -1.0, 1.0))


@lru_cache(maxsize=4)
def _pairings(few: int, many: int) -> Indices:
    """All ways to give each of a few one of many of its own."""
    return np.array(list(permutations(range(many), few)), dtype=np.intp)
