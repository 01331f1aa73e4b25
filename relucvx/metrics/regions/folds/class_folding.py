"""Space folding between classes: medians of the largest folding from each sample of one class to samples of another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.figures import heat_map
from relucvx.metrics.regions.folds.folding import flip_folding
from relucvx.metrics.regions.segments.lines import each_line, opened
from relucvx.metrics.samples.groups import Groups, Indices, as_groups
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_flat_matrix, as_numpy

cluster = later("sklearn.cluster")

BLOCK = 4_000_000
"""Numbers in the ends of the paths that are handed over at a time, which bounds the memory: paths are folded one by one."""


@dataclass(frozen=True)
class PairFolding(Result):
    """Folding from one class to another.

    Attributes
    ----------
    median, mad : float
        Median of the non-zero maxima, and the median of their absolute distances from it; NaN without any.
    folded : float
        Share of the paths with chi > 0 among those whose code changes; NaN without any.
    n_paths, n_maxima : int
        Paths whose code changes, and start points with a non-zero maximum.

    Notes
    -----
    Status: a record of what :func:`class_folding` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.datasets.sawtooth(3)
    >>> found = rx.metrics.class_folding(network, [[0.0], [0.1], [0.9], [1.0]], [0, 0, 1, 1], rng=0).overall
    >>> found.n_paths, bool(found.median > 0)
    (8, True)
    """

    median: float
    mad: float
    folded: float
    n_paths: int
    n_maxima: int


@dataclass(frozen=True, eq=False, repr=False)
class ClassFolding(OnScale, Result, of="class_folding"):
    """Folding between all pairs of classes; rows are the classes where paths start, columns where they end.

    Attributes
    ----------
    labels : tuple
        Labels of the classes, in the order of rows and columns.
    median, mad : ndarray of shape (C, C)
        As in :class:`PairFolding`.
    folded : ndarray of shape (C, C)
        As in :class:`PairFolding`.
    n_paths, n_maxima : ndarray of shape (C, C), int
        As in :class:`PairFolding`.
    overall : PairFolding
        The same numbers for all pairs of different classes taken together.
    within : PairFolding
        The same for all paths inside a class.

    Notes
    -----
    Status: a record of what :func:`class_folding` finds, which states what it rests on. Source: [lewandowski-2025].

    Examples
    --------
    >>> import relucvx as rx
    >>> X, labels = [[0.0], [0.1], [0.9], [1.0]], ["a", "a", "b", "b"]
    >>> found = rx.metrics.class_folding(rx.datasets.sawtooth(3), X, labels, rng=0)
    >>> found.labels, found.median.shape
    (('a', 'b'), (2, 2))
    """

    labels: tuple[Any, ...]
    median: Array
    mad: Array
    folded: Array
    n_paths: Indices
    n_maxima: Indices
    overall: PairFolding
    within: PairFolding

    def facts(self) -> dict[str, Any]:
        """The classes, and the folding between and within them."""
        return {"classes": self.labels, "between": self.overall, "within": self.within}

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per pair of classes."""
        return ({"start": a, "end": b, **pair.facts()} for (a, b), pair in self.pairs.items())

    def __repr__(self) -> str:
        every = self.overall
        return (
            f"ClassFolding({len(self.labels)} classes, median {every.median:.3g}, MAD {every.mad:.3g}, "
            f"{100 * every.folded:.3g}% of {every.n_paths} paths between classes folded)"
        )

    @property
    def pairs(self) -> dict[tuple[Any, Any], PairFolding]:
        """The entries of the matrices, keyed by (label of the start, label of the end)."""
        return {
            (a, b): PairFolding(
                float(self.median[i, j]), float(self.mad[i, j]), float(self.folded[i, j]),
                int(self.n_paths[i, j]), int(self.n_maxima[i, j]),
            )
            for i, a in enumerate(self.labels)
            for j, b in enumerate(self.labels)
        }  # fmt: skip

    def plot(self, ax: Any = None, values: str = "median") -> Any:
        """Heatmap of one of the matrices (``"median"``, ``"mad"`` or ``"folded"``); returns the axes.

        Raises
        ------
        InvalidInputError
            For another name of a matrix.
        """
        if values not in ("median", "mad", "folded"):
            raise InvalidInputError(explain('values "median", "mad" or "folded"', repr(values)))
        names = {"median": "median of maxima of $\\chi$", "mad": "MAD of maxima of $\\chi$", "folded": "share folded"}
        shown = getattr(self, values)
        # a scale needs some extent, also where nothing folds
        limits = 0.0, max(float(np.nanmax([*shown.ravel(), 0.0])), 1e-12)
        ax, image = heat_map(ax, shown, self.labels, self.labels, names[values], limits, "viridis")
        ax.set(xlabel="class at the end", ylabel="class at the start")
        for (i, j), value in np.ndenumerate(shown):
            pale = value < 0.6 * image.norm.vmax
            ax.text(j, i, "–" if np.isnan(value) else f"{value:.2f}", ha="center", va="center",
                    color="white" if pale else "black", fontsize=8)  # fmt: skip
        return ax


@timed("n_pairs=20")
def class_folding(
    module: Any,
    X: ArrayLike,
    labels: ArrayLike,
    *,
    n_pairs: int | None = 400,
    centroids: int | None = None,
    layers: int | Sequence[int] | None = None,
    neurons: Any = None,
    symmetric: bool = False,
    ordered: bool = True,
    rng: Rng = None,
    time_limit: float | None = None,
) -> ClassFolding:
    """Space folding of a network between the classes of a data set.

    For classes a and b, with chi(x, y) the folding along the segment from x to y,

        M(x) = max_{y in b, y != x} chi(x, y)  for x in a,     median(a, b) = median {M(x): x in a, M(x) > 0},

    ``mad`` the median of |M(x) - median|, and ``folded`` the share of paths with chi > 0. Paths on which the code never
    changes have no chi and are left out.

    Parameters
    ----------
    module
        As in :func:`relucvx.metrics.line_regions`.
    X : array_like of shape (n, ...)
        Inputs, one per sample, of any shape that the network takes.
    labels : sequence of length n
        Labels of any type.
    n_pairs : int or None, default 400
        Paths per pair of classes, at most: floor(sqrt(n_pairs)) samples per class are drawn without replacement, the
        same for all pairs, and joined each with each. None takes all samples. M(x) grows with the number of targets, so
        compare only runs with the same number.
    centroids : int, optional
        Use this many k-means centroids of each class in place of its samples (all samples, where these are no more).
    layers, neurons
        Neurons that make up the code, as in :func:`relucvx.metrics.line_regions`.
    symmetric : bool, default False
        Whether chi counts both ends, as in :func:`relucvx.metrics.space_folding`.
    ordered : bool, default True
        Whether (a, b) means paths from a to b. Else it means paths both ways: the maxima over b from each x in a and
        those over a from each y in b are taken together, and the matrices are symmetric.
    rng : None, int or Generator
        Draws the samples and starts k-means.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    ClassFolding

    Raises
    ------
    InvalidInputError
        For labels that do not fit X, n_pairs or centroids below 1, and as :func:`relucvx.metrics.line_regions`.

    Notes
    -----
    The paper reports "median of maxima of non-zero space folding values" with its MAD; the listing of its algorithm is
    not available to us. The maxima are read as above: one per start point, over the targets. Read as one maximum per
    pair of classes, it has no median; as one per path, over the length of the walk so far, it would not be chi.

    Source: [lewandowski-2025].
    Status: theorem (a definition, exact on the segments used; an estimate of all when samples are drawn).

    Examples
    --------
    >>> import relucvx as rx
    >>> X, labels = [[0.0], [0.1], [0.9], [1.0]], ["a", "a", "b", "b"]
    >>> found = rx.metrics.class_folding(rx.datasets.sawtooth(3), X, labels, rng=0)
    >>> found.overall.folded  # share of the paths that fold
    1.0
    """
    flat, shape = as_flat_matrix(X, "X"), as_numpy(X, "X").shape[1:]
    groups = as_groups(labels, len(flat))
    # so many samples of each class that their pairs number n_pairs at most
    limit = None if n_pairs is None else math.isqrt(as_count(n_pairs, "n_pairs", optional=True))
    generator = resolve_rng(rng)
    chosen = [flat[groups.codes == k] for k in range(len(groups.names))]
    if centroids is not None:
        chosen = [_centroids(part, as_count(centroids, "centroids", optional=True), generator) for part in chosen]
    if limit is not None:
        # the first of one permutation: with a seed, more pairs keep the samples of fewer
        chosen = [part[np.sort(generator.permutation(len(part))[:limit])] for part in chosen]
    points = [part.reshape(len(part), *shape) for part in chosen]
    return _summary(groups, _all_chi(module, points, layers, neurons, symmetric), ordered)


def _centroids(part: Array, k: int, rng: np.random.Generator) -> Array:
    """k-means centroids; the different samples themselves where there are no more of these."""
    different = np.unique(part, axis=0)
    if len(different) <= k:
        return different

    found = cluster.KMeans(k, n_init=4, random_state=int(rng.integers(2**31))).fit(part)
    return np.asarray(found.cluster_centers_, dtype=float)


def _all_chi(
    module: Any, points: list[Array], layers: Any, neurons: Any, symmetric: bool
) -> dict[tuple[int, int], Array]:
    """chi of all paths from class a to class b, shape (starts, targets); NaN where undefined. One trace serves both
    directions."""
    sizes = np.array([len(part) for part in points])
    member = np.repeat(np.arange(len(points)), sizes)
    everything, n = np.concatenate(points), int(sizes.sum())
    chi = np.full((n, n), np.nan)
    first, second = np.triu_indices(n, 1)
    step, network = max(1, BLOCK // max(1, everything[0].size)), opened(module, like=everything)
    for begin in range(0, len(first), step):
        i, j = first[begin : begin + step], second[begin : begin + step]
        lines, _ = each_line(network, everything[i], everything[j], layers, neurons)
        for a, b, line in zip(i, j, lines, strict=True):
            chi[a, b] = flip_folding(line.flips, symmetric).chi
            chi[b, a] = flip_folding(line.flips.backwards(), symmetric).chi
    count = range(len(points))
    return {(a, b): chi[np.ix_(member == a, member == b)] for a in count for b in count}


def _summary(groups: Groups, chi: dict[tuple[int, int], Array], ordered: bool) -> ClassFolding:
    C = len(groups.names)
    paths = {key: block[~np.isnan(block)] for key, block in chi.items()}
    maxima = {key: _maxima(block) for key, block in chi.items()}
    if not ordered:
        # both directions in a fixed order; from a class to itself there is only one
        both = {(a, b): {(a, b), (b, a)} for a, b in chi}
        paths = {key: np.concatenate([paths[k] for k in sorted(both[key])]) for key in chi}
        maxima = {key: np.concatenate([maxima[k] for k in sorted(both[key])]) for key in chi}
    table = [[_pair(paths[a, b], maxima[a, b]) for b in range(C)] for a in range(C)]

    def matrix(name: str, dtype: type) -> Any:
        return np.array([[getattr(pair, name) for pair in row] for row in table], dtype=dtype)

    def together(keys: list[tuple[int, int]]) -> PairFolding:
        if not keys:
            return _pair(np.zeros(0), np.zeros(0))
        return _pair(np.concatenate([paths[k] for k in keys]), np.concatenate([maxima[k] for k in keys]))

    return ClassFolding(
        groups.names,
        matrix("median", float),
        matrix("mad", float),
        matrix("folded", float),
        matrix("n_paths", np.intp),
        matrix("n_maxima", np.intp),
        together([(a, b) for a, b in chi if (a != b if ordered else a < b)]),
        together([(a, b) for a, b in chi if a == b]),
    )


def _maxima(block: Array) -> Array:
    """Largest chi from each start, those that are not zero."""
    largest = np.where(np.isnan(block), 0.0, block).max(axis=1, initial=0.0)
    return largest[largest > 0]


def _pair(paths: Array, maxima: Array) -> PairFolding:
    median = float(np.median(maxima)) if len(maxima) else np.nan
    mad = float(np.median(np.abs(maxima - median))) if len(maxima) else np.nan
    folded = float((paths > 0).mean()) if len(paths) else np.nan
    return PairFolding(median, mad, folded, len(paths), len(maxima))
