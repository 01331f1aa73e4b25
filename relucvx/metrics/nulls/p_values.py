"""P-values from draws: never zero, valid for any number of draws, and corrected for the best of several scores."""

from __future__ import annotations

import numpy as np

from relucvx.types import Array

TIE = 1e-12
"""Relative to the larger of 1 and the score: closer ones differ by the order of a summation alone, and count as equal."""


def p_values(observed: Array, null: Array, tail: str) -> Array:
    """(1 + draws at least as extreme) / (1 + draws), score by score; twice the smaller end for both."""
    if tail == "two-sided":
        ends = _one_end(observed, null, 1.0), _one_end(observed, null, -1.0)
        return np.minimum(1.0, 2.0 * np.minimum(*ends))
    return _one_end(observed, null, 1.0 if tail == "greater" else -1.0)


def _one_end(observed: Array, null: Array, sign: float) -> Array:
    room = TIE * np.maximum(1.0, np.abs(observed))
    # what is undefined by chance counts as extreme: the p-value stays valid
    reached = np.isnan(null) | (sign * null >= sign * observed - room)
    return np.where(np.isnan(observed), np.nan, (1.0 + reached.sum(axis=0)) / (1.0 + len(null)))


def corrected_p_values(observed: Array, null: Array, tail: str) -> Array:
    """P-values against the most extreme of all scores of a draw, in standard deviations of each."""
    known = ~np.isnan(observed)
    if known.sum() <= 1:
        return p_values(observed, null, tail)
    mean, spread = _pooled(observed[known], null[:, known])
    far, far_null = ((values - mean) / spread for values in (observed[known], null[:, known]))
    if tail == "two-sided":
        far, far_null = np.abs(far), np.abs(far_null)
    elif tail == "less":
        far, far_null = -far, -far_null
    out = np.full(len(observed), np.nan)
    most = np.where(np.isnan(far_null), np.inf, far_null).max(axis=1)
    out[known] = p_values(far, np.tile(most[:, None], (1, len(far))), "greater")
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
