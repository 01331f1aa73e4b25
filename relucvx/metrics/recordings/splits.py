"""Scores of one way to split conditions in two: decoding, generalisation to conditions left out, parallel directions."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from relucvx.metrics.abstraction import held_out_accuracy
from relucvx.metrics.samples.groups import Indices
from relucvx.types import Array, BoolArray

MOST_PAIRED = 7
"""Conditions on a side up to which all pairings are tried: 5,040 of them."""


def decoding(features: Array, codes: Indices, side: BoolArray, fold: Indices, C: float) -> float:
    """Mean accuracy on trials of folds that were held out."""
    trials = side[codes]
    tests = [fold == f for f in range(int(fold.max()) + 1)]
    return float(np.mean([held_out_accuracy(features, trials, ~test, test, C) for test in tests]))


def generalisation(features: Array, codes: Indices, side: BoolArray, C: float) -> float:
    """Mean accuracy on one condition of each side that were both left out, over all such pairs; NaN for sides of one."""
    sides = np.flatnonzero(side), np.flatnonzero(~side)
    if min(map(len, sides)) < 2:
        return np.nan
    trials, found = side[codes], []
    for one in sides[0]:
        for other in sides[1]:
            test = (codes == one) | (codes == other)
            found.append(held_out_accuracy(features, trials, ~test, test, C))
    return float(np.mean(found))


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
    orders = np.array(list(permutations(range(len(many)), k)))
    sums = units[np.arange(k), orders].sum(axis=1)
    best = float(np.max(np.einsum("ij,ij->i", sums, sums)))
    return float(np.clip((best - k) / (k * (k - 1)), -1.0, 1.0))
