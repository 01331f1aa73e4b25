"""Nearest neighbours with exact distances and shared ties, and how far two representations agree on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from relucvx.conversion import as_flag
from relucvx.limits import timed
from relucvx.metrics.samples.blocks import row_blocks, squared_distances
from relucvx.metrics.samples.groups import check_same_samples
from relucvx.metrics.samples.scaling import from_middle
from relucvx.metrics.scales import Level
from relucvx.tolerances import EPS
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_count, as_matrix

TIE = 1e-12
"""Relative difference below which two distances count as equal."""


@timed("mutual_knn(Z1[::4], Z2[::4])")
def mutual_knn(
    Z1: ArrayLike, Z2: ArrayLike, k: int = 10, *, normalise: bool = True, time_limit: float | None = None
) -> float:
    """Mutual nearest neighbours: mean share of the k nearest neighbours that two representations have in common.

    (1/n) sum_i |N1(i) and N2(i)| / k, where N(i) are the k nearest other samples in Euclidean distance.

    Parameters
    ----------
    Z1, Z2 : array_like of shapes (n, p1) and (n, p2)
        Two representations of the same n samples.
    k : int, default 10
        Neighbours, between 1 and n - 1.
    normalise : bool, default True
        Whether every row is scaled to norm 1 first, so that near means a small angle; a row of zeros stays zero.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    float
        Between 0 and 1; 1 for equal neighbourhoods. Unrelated representations score k/(n - 1) on average (more with
        ties), which is large for few samples.

    Raises
    ------
    InvalidInputError
        For different numbers of samples, or k outside 1 ... n - 1.

    Notes
    -----
    Ties do not depend on the order of the rows: the t samples tied with the k-th neighbour share the r places that the
    nearer ones leave with r/t of a place each, and what two neighbourhoods have in common is the sum of the smaller
    shares. Distances within 1e-12 of each other are tied.

    With ``normalise`` rotations and positive scaling of any row leave the score as it is, and a shift changes it;
    without, rotations, shifts and a common scale leave it as it is.

    Source: [huh-2024].
    Status: theorem (a definition).

    Examples
    --------
    >>> mutual_knn([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [[0.0, 2.0], [0.1, 2.0], [2.0, 0.0], [2.0, 0.1]], k=1)
    1.0
    """
    A, B = _prepared(Z1, "Z1", normalise), _prepared(Z2, "Z2", normalise)
    n = len(A)
    check_same_samples(n, len(B))
    k = as_count(k, "k", most=n - 1, cause=f"each of {n} samples has {n - 1} neighbours")
    pairs = zip(_places(A, k), _places(B, k), strict=True)
    return Level(sum(float(np.minimum(a, b).sum()) for a, b in pairs) / (k * n), "mutual_knn")


def common_nearness(Z1: Any, Z2: Any, k: int = 10, *, normalise: bool = True) -> float:
    """What orders equal scores of :func:`mutual_knn`: how near those neighbours are that two representations have in common.

    A neighbour weighs 2 - d/r, where r is the distance of the k-th: one that is common by the product of its weights.
    """
    A, B = _prepared(Z1, "Z1", normalise), _prepared(Z2, "Z2", normalise)
    pairs = zip(_places(A, k, near=True), _places(B, k, near=True), strict=True)
    return sum(float(np.sum(a * b)) for a, b in pairs) / (k * len(A))


def near_distances(Z: Array, k: int, given: Array | None = None) -> Iterator[tuple[slice, Array]]:
    """Blocks of (rows, distances to all samples): exact for the k nearest and what may tie with them, else infinite.

    Inner products find the candidates quickly but lose digits; the distances of the candidates are then taken from
    differences of rows: of Z, or of ``given`` where Z is these rows relative to a point in their midst. A sample is not its
    own neighbour.
    """
    squared, norms = squared_distances(Z), np.linalg.norm(Z, axis=1)
    exact = Z if given is None else given
    # what an inner product, the rows' own rounding and a sum of squares may be off by, relative to the norms' sum squared
    lost = 4.0 * (Z.shape[1] + 4) * EPS
    for rows in row_blocks(len(Z), len(Z)):
        here = np.arange(len(Z))[rows]
        found, error = squared(rows), norms[rows, None] + norms
        error *= error
        error *= lost
        # no sample is its own neighbour
        found[here - here[0], here] = np.inf
        # at least k are nearer than the k-th upper end: what is farther by its lower end is out
        limit = np.partition(found + error, k - 1, axis=1)[:, k - 1 : k]
        # wider by what counts as a tie to callers, whose ties are then measured exactly as well
        room = np.sqrt(limit) * (1.0 + TIE) + 2.0 * slack(norms[rows, None])
        found -= error
        out = np.full(found.shape, np.inf)
        for row, near in enumerate(found <= room**2):
            candidates = np.flatnonzero(near)
            out[row, candidates] = cdist(exact[here[row], None], exact[candidates])[0]
        yield rows, out


def slack(norm: Any) -> Any:
    """Rounding of a distance from a row of this norm when the features have been rotated."""
    return 8.0 * EPS * norm


def _places(Z: Array, k: int, near: bool = False) -> Iterator[Array]:
    """Blocks of the share of a place that every sample has among the k nearest of each row; rows sum to k.

    With ``near`` the shares are multiplied by what the nearness of the sample weighs.
    """
    norms = np.linalg.norm(Z, axis=1)
    for rows, distance in near_distances(Z, k):
        limit = np.partition(distance, k - 1, axis=1)[:, k - 1 : k]
        room = TIE * limit + slack(norms[rows, None])
        nearer = distance < limit - room
        tied = (distance <= limit + room) & ~nearer
        # places that the nearer ones leave are shared by those tied, so that the order of the samples does not matter
        left = k - nearer.sum(axis=1, keepdims=True)
        shares = nearer + tied * (left / tied.sum(axis=1, keepdims=True))
        if near:
            relative = np.minimum(distance, limit) / np.where(limit > 0, limit, 1.0)
            shares = shares * (2.0 - relative)
        yield shares


def _prepared(Z: Any, name: str, normalise: bool) -> Array:
    rows = as_matrix(Z, name)
    if as_flag(normalise, "normalise"):
        # largest entry first: norms of huge or tiny rows leave float64; a row of zeros has no direction and stays
        size = np.abs(rows).max(axis=1, keepdims=True)
        rows = rows / np.where(size > 0, size, 1.0)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(norms > 0, norms, 1.0))
    # neighbours see neither shift nor scale, which are chosen so that inner products keep digits
    return from_middle(rows)
