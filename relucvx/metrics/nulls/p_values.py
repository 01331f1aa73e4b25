"""P-values from draws: never zero, valid for any number of draws, and corrected for the best of several scores.

A draw that ties with the data counts as extreme, which keeps a p-value valid, and makes it larger than it need be for scores of
few values. Where these have a finer number beside them, it decides among ties, and only what ties in both counts so. Ranked at
random among its ties the data's place is uniform, which is what error rates are checked with.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from relucvx.metrics.samples.groups import Indices
from relucvx.types import Array, BoolArray

TIE = 1e-12
"""Relative to the larger of 1 and the score: closer ones differ by the order of a summation alone, and count as equal."""


TIES = ("finer", "count", "lot")
"""What a draw that equals the data counts as: what a finer number says, extreme, or as a lot says."""

Finer: TypeAlias = "tuple[Array, Array] | None"
"""Finer numbers of the data (k,) and of the draws (N, k), which order equal scores; NaN decides nothing."""


def lot(seed: int) -> float:
    """Where the data stand among what ties with them, as a share of the places: the seed says it."""
    # the words of a seed are filled up with zeros: [seed, k] are the draws, and [seed] alone is the first of them
    return float(np.random.default_rng([seed, 0, 1]).random())


def p_values(observed: Array, null: Array, tail: str, place: float | None = None, finer: Finer = None) -> Array:
    """(1 + draws at least as extreme) / (1 + draws), score by score; twice the smaller end for both.

    Of equal scores that one is larger whose number in ``finer`` is.

    With a ``place`` from :func:`lot`, only those of the ties count that lie before the data. It is one for all scores: the
    best of them is then the same whether it is sought among scores or among p-values, and duplicates have one p-value.
    """
    tied = n_tied(observed, null, finer)
    before = tied if place is None else np.floor(place * (tied + 1.0)).astype(np.intp)
    # the same place among the ties, seen from either end
    above, below = (
        _beyond(observed, null, 1.0, finer) + before,
        _beyond(observed, null, -1.0, finer) + (tied if place is None else tied - before),
    )
    count = {"greater": above, "less": below}.get(tail, np.minimum(above, below))
    p = (1.0 + count) / (1.0 + len(null))
    return np.where(np.isnan(observed), np.nan, np.minimum(1.0, 2.0 * p) if tail == "two-sided" else p)


def n_tied(observed: Array, null: Array, finer: Finer = None) -> Indices:
    """How many draws equal each score, and the finer number where there is one, up to rounding."""
    tied = ties(observed, null)
    if finer is not None:
        tied &= ~_larger(*finer, 1.0) & ~_larger(*finer, -1.0)
    return np.asarray(tied.sum(axis=0), dtype=np.intp)


def _beyond(observed: Array, null: Array, sign: float, finer: Finer = None) -> Indices:
    """Draws that are more extreme; what is undefined by chance counts as such, so that the p-value stays valid."""
    beyond = np.isnan(null) | _larger(observed, null, sign)
    if finer is not None:
        beyond |= ties(observed, null) & _larger(*finer, sign)
    return np.asarray(beyond.sum(axis=0), dtype=np.intp)


def ties(observed: Array, null: Array) -> BoolArray:
    """Which scores of draws equal those of the data, up to rounding."""
    return np.asarray(np.abs(null - observed) <= _room(observed))


def _larger(observed: Array, null: Array, sign: float) -> BoolArray:
    return np.asarray(sign * null > sign * observed + _room(observed))


def _room(observed: Array) -> Array:
    return np.asarray(TIE * np.maximum(1.0, np.abs(observed)))


def corrected_p_values(
    observed: Array, null: Array, tail: str, place: float | None = None, finer: Finer = None
) -> Array:
    """P-values against the most extreme of all scores of a draw, in standard deviations of each; ``place`` as above.

    A finer number decides where there is one score alone.
    """
    known = ~np.isnan(observed)
    if known.sum() <= 1:
        return p_values(observed, null, tail, place, finer)
    mean, spread = _pooled(observed[known], null[:, known])
    far, far_null = ((values - mean) / spread for values in (observed[known], null[:, known]))
    if tail == "two-sided":
        far, far_null = np.abs(far), np.abs(far_null)
    elif tail == "less":
        far, far_null = -far, -far_null
    out = np.full(len(observed), np.nan)
    most = np.where(np.isnan(far_null), np.inf, far_null).max(axis=1)
    out[known] = p_values(far, np.tile(most[:, None], (1, len(far))), "greater", place)
    return out


def _pooled(observed: Array, null: Array) -> tuple[Array, Array]:
    """Mean and spread over the draws and the data, which are then treated alike: the correction is exact."""
    pool = np.ma.masked_invalid(np.vstack([null, observed]))
    mean, spread = np.ma.filled(pool.mean(axis=0), 0.0), np.ma.filled(pool.std(axis=0), 0.0)
    # a score that chance does not move has no unit of its own, and is rounding apart from itself
    return mean, np.where(spread > TIE * np.maximum(1.0, np.abs(mean)), spread, 1.0)


def critical_values(observed: Array, null: Array, tail: str, confidence: float) -> Array:
    """What the best of all scores stays below in the share ``confidence`` of draws and data, in each score's own unit."""
    mean, spread = _pooled(observed, null)
    sign = -1.0 if tail == "less" else 1.0
    far = sign * (np.vstack([null, observed]) - mean) / spread
    most = np.where(np.isnan(far), -np.inf, far).max(axis=1)
    return np.asarray(mean + sign * spread * np.quantile(most, confidence, method="inverted_cdf"))
