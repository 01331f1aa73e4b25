"""Representational dissimilarity matrices and their correlation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.spatial.distance import pdist

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.neighbours import TIE
from relucvx.metrics.samples.groups import check_same_samples
from relucvx.metrics.scales import Level
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix

stats = later("scipy.stats")

DISTANCES = ("euclidean", "sqeuclidean", "correlation", "cosine", "cityblock")
METHODS = ("pearson", "spearman", "kendall")


@timed("rdm_correlation(Z1[::4], Z2[::4])")
def rdm_correlation(
    Z1: ArrayLike,
    Z2: ArrayLike,
    *,
    distance: Literal["euclidean", "sqeuclidean", "correlation", "cosine", "cityblock"] = "euclidean",
    method: Literal["pearson", "spearman", "kendall"] = "spearman",
    time_limit: float | None = None,
) -> float:
    """Correlation of two representational dissimilarity matrices over the n(n - 1)/2 pairs of samples.

    Parameters
    ----------
    Z1, Z2 : array_like of shapes (n, p1) and (n, p2)
        Two representations of the same n >= 3 samples.
    distance : {"euclidean", "sqeuclidean", "correlation", "cosine", "cityblock"}
        Dissimilarity of two samples; ``"correlation"`` is 1 - Pearson correlation over the neurons.
    method : {"spearman", "pearson", "kendall"}
        Correlation of the two lists of dissimilarities: of ranks (ties share their mean rank), of values, or tau-b.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    float
        Between -1 and 1. NaN when one list is constant, or when a dissimilarity has no value (``"cosine"`` of a row
        of zeros, ``"correlation"`` of a constant row).

    Raises
    ------
    InvalidInputError
        For different numbers of samples, fewer than 3, or an unknown distance or method.

    Notes
    -----
    Euclidean distances ignore rotations and shifts, ``"cosine"`` ignores rotations and the scale of each sample,
    ``"correlation"`` ignores what is added to all neurons of a sample; the last depends on the basis, as
    ``"cityblock"`` does. Ranks ignore any increasing change of the dissimilarities. Dissimilarities within 1e-12 of the
    largest are tied, so that rounding does not rank what is equal.

    All pairs are held in memory: with ranks some 0.7 GB for 5,000 samples and 11 GB for 20,000, of which a random part
    tells as much.

    Source: [kriegeskorte-2008].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> Z = [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]
    >>> round(rx.metrics.rdm_correlation(Z, [[5 * a, 5 * b] for a, b in Z]), 9)  # distances in the same order
    1.0
    """
    if not is_word(distance, DISTANCES):
        raise InvalidInputError(explain(f"a distance among {', '.join(DISTANCES)}", repr(distance)))
    if not is_word(method, METHODS):
        raise InvalidInputError(explain(f"a method among {', '.join(METHODS)}", repr(method)))
    A, B = as_matrix(Z1, "Z1"), as_matrix(Z2, "Z2")
    check_same_samples(len(A), len(B))
    if len(A) < 3:
        raise InvalidInputError(explain("at least 3 samples", f"{len(A)}", "one pair has no correlation"))
    score = {"pearson": _pearson, "spearman": _pearson, "kendall": _kendall}[method]
    first, second = (_dissimilarities(rows, distance) for rows in (A, B))
    if np.isnan(first).any() or np.isnan(second).any():
        return Level(np.nan, "rdm_correlation")
    # ranks for Kendall, too: distances closer than rounding then tie exactly; Spearman is Pearson of ranks
    if method != "pearson":
        _rank(first)
        _rank(second)
    return Level(score(first, second), "rdm_correlation")


def _dissimilarities(Z: Array, distance: Any) -> Array:
    """Condensed dissimilarities, scaled to a largest of 1; NaN where a sample has no direction."""
    Z = Z / (float(np.abs(Z).max()) or 1.0)
    if distance in ("euclidean", "sqeuclidean", "cityblock"):
        out = pdist(Z, distance)
        top = float(out.max())
        out /= top or 1.0
        return out
    # rows to size 1 first: norms of huge or tiny ones leave float64
    size = np.abs(Z).max(axis=1, keepdims=True)
    Z = Z / np.where(size > 0, size, 1.0)
    if distance == "correlation":
        Z = Z - Z.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(Z, axis=1, keepdims=True)
    if norms.min() <= 1e-13:
        return np.full(len(Z) * (len(Z) - 1) // 2, np.nan)
    # 1 - cos is half the squared distance of the directions, which keeps the digits of small angles
    out = pdist(Z / norms, "sqeuclidean")
    out /= 2.0
    return out


def _rank(values: Array) -> None:
    """Put mean ranks in the place of values; values closer than rounding share theirs."""
    order = np.argsort(values)
    ordered, room = values[order], TIE * float(np.abs(values).max())
    ahead = np.empty(len(values), dtype=bool)
    ahead[0], ahead[1:] = True, np.diff(ordered) > room
    # an entry per pair of samples: what is done with is let go at once
    del ordered
    starts = np.flatnonzero(ahead)
    counts = np.diff(starts, append=len(values))
    values[order] = np.repeat(starts + (counts + 1) / 2.0, counts)


def _pearson(x: Array, y: Array) -> float:
    """Correlation; what is left in x and y is of no more use."""
    for v in (x, y):
        v /= float(np.abs(v).max()) or 1.0
        v -= v.mean()
    norms = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    if min(norms) <= 1e-13 * np.sqrt(len(x)):
        return np.nan
    return float(np.clip(x @ y / norms[0] / norms[1], -1.0, 1.0))


def _kendall(x: Array, y: Array) -> float:

    return np.nan if min(np.ptp(x), np.ptp(y)) == 0.0 else float(stats.kendalltau(x, y).statistic)
