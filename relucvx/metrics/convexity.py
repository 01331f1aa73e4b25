"""Convexity of classes: shortest paths in a neighbour graph, and straight segments through a classifier."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import numpy as np

from relucvx.conversion import is_word
from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.regions.segments.lines import outputs_along
from relucvx.metrics.samples.class_pairs import (
    Convexity,
    averages,
    class_means,
    class_members,
    collect,
    draw_pairs,
    dyadic_limits,
    half_sample_limits,
)
from relucvx.metrics.samples.groups import Groups, Indices, as_groups
from relucvx.metrics.samples.neighbour_graph import NeighbourGraph, first_path_scores, mean_path_scores, permuted_sums
from relucvx.network import is_torch_module
from relucvx.network.layers import Affine, LayerList
from relucvx.network.reading import read_layers
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_fraction, as_matrix, as_numpy

BLOCK = 4_000_000
"""Entries of the largest matrix of points on segments, which bounds the memory."""


@timed("n_pairs=100")
def graph_convexity(
    Z: Any,
    labels: ArrayLike,
    k: int = 10,
    n_pairs: int | None = 5000,
    rng: Rng = None,
    ties: Literal["first", "mean"] = "first",
    *,
    confidence: float | None = None,
    n_resamples: int = 100,
    n_permutations: int = 0,
    time_limit: float | None = None,
) -> Convexity:
    """Graph convexity: share of the interior of shortest paths between samples of a class that stays in the class.

    The graph joins every sample with its k nearest neighbours (in either direction), with the Euclidean distance as
    length; samples at distance zero are not joined. An ordered pair of samples of one class scores 1 when they are
    joined, 0 when no path exists, else the fraction of the interior vertices of the shortest path that have the label.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Representation.
    labels : sequence of length n
        Labels of any type (data labels, or a model's decisions).
    k : int, default 10
        Neighbours, capped at n - 1.
    n_pairs : int or None, default 5000
        Ordered pairs drawn without replacement per class; all of them when there are no more, or for None.
    rng : None, int or Generator
        Source of randomness; unused when every pair is scored.
    ties : {"first", "mean"}
        Where several paths are shortest: the one Dijkstra finds first, which depends on the order of the rows, or the
        average over all of them. With ``"mean"`` all samples tied with the k-th neighbour are joined too, so the score
        of all pairs does not depend on the order of the rows.
    confidence : float, optional
        Coverage of the intervals wanted, such as 0.95.
    n_resamples : int, default 100
        Random halves behind the intervals; each costs about a quarter of the score itself.
    n_permutations : int, default 0
        Permutations of the labels behind ``null``. The graph and its shortest paths are found once for all of them;
        with ``ties="mean"`` one pass over the graph per source and permutation remains.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Convexity

    Raises
    ------
    InvalidInputError
        For k or n_pairs below 1, an unknown ``ties``, a confidence outside (0, 1), or labels that do not fit Z.

    Notes
    -----
    One run of Dijkstra per source. Isometries and a change of scale leave the score as it is. Random labels do not
    score 0: compare with the score of permuted labels.

    The intervals are about the expected score of new samples, as many of each class. Pairs share samples and all paths
    share the graph, so an interval for independent pairs would be several times too narrow, and one that keeps the
    graph fixed nearly half. Each class is therefore halved at random, without replacement (copies would not be joined
    in the graph), the graph is built anew, and the variance of the halves' scores, which estimates that of the whole,
    enters Wilson's interval for a share.

    Source: [tetkova-2025], [politis-romano-1994].
    Status: theorem (a definition, exact for ``n_pairs=None``; an estimate when pairs are drawn). The p-value is exact;
    the intervals are heuristic.

    Examples
    --------
    >>> apart, mixed = [[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], [[0.0], [1.0], [2.0], [3.0]]
    >>> graph_convexity(apart, list("aaabbb"), k=2).overall, graph_convexity(mixed, list("abab"), k=1).overall
    (1.0, 0.0)
    """
    Z = as_matrix(Z, "Z")
    groups = as_groups(labels, len(Z))
    k, limit = as_count(k, "k"), None if n_pairs is None else as_count(n_pairs, "n_pairs", optional=True)
    n_permutations = as_count(n_permutations, "n_permutations", least=0)
    confidence = None if confidence is None else as_fraction(confidence, "confidence", optional=True)
    n_resamples = as_count(n_resamples, "n_resamples", least=2)
    if not is_word(ties, ("first", "mean")):
        raise InvalidInputError(explain('ties "first" or "mean"', repr(ties)))
    rng = resolve_rng(rng)
    # drawn once, so that permuted labels are judged on the very pairs that were scored
    pairs = [draw_pairs(members, limit, rng) for members in class_members(groups)]
    counts, together = [len(p) for p in pairs], np.concatenate(pairs)
    # a mean over shortest paths is free of the samples' order only if neighbours tied at the k-th place all stay
    graph = NeighbourGraph.of(Z, k, keep_ties=ties == "mean")
    score = first_path_scores if ties == "first" else mean_path_scores
    means = class_means(score(graph, groups.codes, together), counts)

    def of_rows(rows: Indices) -> Array:
        # a half has pairs and a graph of its own: paths through samples that were left out are none of the half's
        codes = groups.codes[rows]
        chosen = [draw_pairs(np.flatnonzero(codes == c), limit, rng) for c in range(len(counts))]
        part = NeighbourGraph.of(Z[rows], k, keep_ties=ties == "mean")
        return class_means(score(part, codes, np.concatenate(chosen)), [len(p) for p in chosen])

    # after the score, which is then the same for a seed whatever is asked for besides
    limits = null = None
    if confidence is not None:
        limits = half_sample_limits(groups, means, of_rows, n_resamples, confidence, rng)
    if n_permutations:
        permutations = [rng.permutation(len(Z)) for _ in range(n_permutations)]
        null = averages(permuted_sums(graph, groups.codes, together, permutations, ties), counts)
    return collect(groups, counts, means, limits, confidence, null, "graph_convexity")


def on_graph(graph: NeighbourGraph, groups: Groups, n_pairs: int | None, rng: Rng) -> Convexity:
    """As :func:`graph_convexity`, in a graph that is there: one is made for the labels and for the decisions."""
    rng = resolve_rng(rng)
    pairs = [draw_pairs(members, n_pairs, rng) for members in class_members(groups)]
    counts = [len(p) for p in pairs]
    return collect(groups, counts, class_means(first_path_scores(graph, groups.codes, np.concatenate(pairs)), counts))


@timed("n_pairs=100")
def euclidean_convexity(
    Z: Any,
    labels: ArrayLike,
    predict: Any,
    n_pairs: int | None = 5000,
    n_points: int = 10,
    method: Literal["sampled", "exact"] = "sampled",
    rng: Rng = None,
    classes: Sequence[Hashable] | None = None,
    *,
    confidence: float | None = None,
    n_permutations: int = 0,
    time_limit: float | None = None,
) -> Convexity:
    """Euclidean convexity: share of the segments between samples of a class that a classifier assigns to the class.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Representation.
    labels : sequence of length n
        Labels of any type (data labels, or the classifier's own decisions).
    predict : callable, or network, or (weights, bias)
        ``"sampled"``: a function from points (m, p) to m labels. ``"exact"``: the class scores behind an argmax: a pair
        ``(weights (p, C), bias (C,) or None)``, or a piecewise-linear network as in
        :func:`relucvx.metrics.line_regions` with C outputs. These are accepted by ``"sampled"`` as well.
    n_pairs : int or None, default 5000
        Unordered pairs drawn without replacement per class; all of them when there are no more, or for None.
    n_points : int, default 10
        ``"sampled"``: interior points j/(n_points + 1) of each segment.
    method : {"sampled", "exact"}
        Whether to test points, or to measure the length of the segment inside the class.
    rng : None, int or Generator
        Source of randomness; unused when every pair is scored.
    classes : sequence, optional
        Labels of the C outputs in order; default the labels that occur, sorted.
    confidence : float, optional
        Coverage of the intervals wanted, such as 0.95.
    n_permutations : int, default 0
        Permutations of the labels behind ``null``, the classifier kept; each costs as much as the score itself.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Convexity

    Raises
    ------
    InvalidInputError
        For counts below 1, an unknown method, a confidence outside (0, 1), a classifier that is neither, or outputs
        that do not match the classes.

    Notes
    -----
    The decision regions of the argmax of an affine head are convex, so with its own decisions as labels the score is 1.
    Equal scores go to the first class, as in argmax.

    The intervals are about the expected score of new samples under the same classifier. Pairs share samples, so their
    mean is a U-statistic: its variance sums the products of the deviations of all pairs that have a sample in common (a
    jackknife over samples), and enters Wilson's interval for a share with the quantiles of Student's t. For a score near
    0 or 1 of few samples it is too short: it holds the truth 75 times in 100 where 90 are asked, for 20 samples that
    score 0.05.

    Source: [tetkova-2025], [aronow-2015].
    Status: theorem (a definition; ``"exact"`` up to float64 rounding, ``"sampled"`` an estimate of it). The p-value is
    exact; the intervals are asymptotic.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z, labels = [[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]
    >>> found = rx.metrics.euclidean_convexity(Z, labels, lambda points: (np.asarray(points)[:, 0] > 0).astype(int))
    >>> found.overall
    1.0
    """
    Z = as_matrix(Z, "Z")
    present = as_groups(labels, len(Z))
    n_points, limit = (
        as_count(n_points, "n_points"),
        None if n_pairs is None else as_count(n_pairs, "n_pairs", optional=True),
    )
    n_permutations = as_count(n_permutations, "n_permutations", least=0)
    confidence = None if confidence is None else as_fraction(confidence, "confidence", optional=True)
    if not is_word(method, ("sampled", "exact")):
        raise InvalidInputError(explain('method "sampled" or "exact"', repr(method)))
    rng = resolve_rng(rng)
    # a segment is the same from either end: each pair counts once
    pairs = [draw_pairs(members, limit, rng, unordered=True) for members in class_members(present)]
    # weights and piecewise-linear networks are read, and can be measured exactly; a function is a black box
    function = callable(predict) and not is_torch_module(predict)
    linear = None if function else _score_network(predict, Z.shape[1])
    if linear is None and method == "exact":
        raise InvalidInputError(
            explain(
                "class scores for an exact convexity: (weights, bias) or a piecewise-linear network",
                f"{type(predict).__name__}",
                "regions of a black box cannot be measured exactly",
                'method="sampled"',
            )
        )
    columns = None if linear is None else _columns(linear, present, classes)
    # what a point takes on its way through the network limits how many may go at once
    passed = () if linear is None else (linear.n_outputs, *(layer.map.width for layer in linear.hidden))
    widest = max(Z.shape[1], *passed, 1)

    def score(order: Indices) -> Array:
        """Scores of the pairs that the permutation ``order`` moves ours to."""
        found = []
        for code, chosen in enumerate(pairs):
            # points move and the class asked for stays, which is what permuted labels come to
            a, b = Z[order[chosen[:, 0]]], Z[order[chosen[:, 1]]]
            if linear is not None and columns is not None and method == "exact":
                found.append(_lengths_inside(linear, a, b, columns[code]))
            else:
                inside = _decider(predict, linear, columns, code, present)
                found.append(_points_inside(a, b, n_points, inside, widest))
        return np.concatenate(found)

    counts, scores = [len(p) for p in pairs], score(np.arange(len(Z)))
    # the classifier is fixed, so that a score depends on the pair's two samples alone: nothing is resampled
    limits = None if confidence is None else dyadic_limits(present, pairs, scores, confidence)
    null = [class_means(score(rng.permutation(len(Z))), counts) for _ in range(n_permutations)]
    permuted = np.array(null) if null else None
    return collect(present, counts, class_means(scores, counts), limits, confidence, permuted, "euclidean_convexity")


def _score_network(predict: Any, p: int) -> LayerList:
    """The class scores as a piecewise-linear network; a pair (weights, bias) has no hidden layer."""
    if isinstance(predict, tuple):
        if len(predict) != 2:
            raise InvalidInputError(explain("a pair (weights, bias)", f"a tuple of {len(predict)}"))
        W = as_matrix(predict[0], "weights")
        b = np.zeros(W.shape[1]) if predict[1] is None else as_matrix(predict[1], "bias", allow_vector=True).reshape(-1)
        if b.shape != (W.shape[1],):
            raise InvalidInputError(explain(f"bias of shape ({W.shape[1]},), one per column of weights", f"{b.shape}"))
        network = LayerList((), Affine(W, b), len(W))
    else:
        network = read_layers(predict)
    if network.n_features != p:
        raise InvalidInputError(
            explain(
                f"a classifier of points with {p} entries", f"one of points with {network.n_features}", "", "weights.T"
            )
        )
    return network


def _columns(network: LayerList, present: Groups, classes: Sequence[Hashable] | None) -> list[int]:
    """Output of each label that occurs."""
    names = list(present.names if classes is None else classes)
    size = network.n_outputs
    missing = [name for name in present.names if name not in names]
    if len(names) != size or missing:
        raise InvalidInputError(
            explain(
                f"{size} classes, one per output of the classifier",
                f"{len(names)} ({', '.join(repr(n) for n in names[:6])}), labels outside: {missing}",
                "a class does not occur in labels, or a binary classifier has one output",
                "classes=[...] names the outputs in order",
            )
        )
    return [names.index(name) for name in present.names]


def _decider(
    predict: Any, linear: LayerList | None, columns: list[int] | None, code: int, groups: Groups
) -> Callable[[Array], Any]:
    """Function from points to whether each is assigned to a class."""
    if linear is not None and columns is not None:
        return lambda points: linear.outputs(points).argmax(axis=1) == columns[code]
    name = groups.names[code]

    def inside(points: Array) -> Any:
        found = as_numpy(predict(points), "what predict returns")
        if found.shape != (len(points),):
            raise InvalidInputError(
                explain(
                    "predict to return one label per point",
                    f"shape {found.shape} for {len(points)} points",
                    "class scores instead of labels",
                    "lambda points: scores(points).argmax(axis=1)",
                )
            )
        # dates stay what they are: tolist would make integers of those in nanoseconds
        entries = list(found) if found.dtype.kind in "mM" else found.tolist()
        return np.array([label == name for label in entries])

    return inside


def _points_inside(a: Array, b: Array, n_points: int, inside: Callable[[Array], Any], widest: int) -> Array:
    """Share of the interior points of each segment that are inside, a block of segments at a time.

    ``widest`` is the most numbers that one point takes on its way through the classifier.
    """
    shares = np.arange(1, n_points + 1)[None, :, None] / (n_points + 1)
    block = max(1, BLOCK // (n_points * widest))
    out = np.empty(len(a))
    for first in range(0, len(a), block):
        ruling().check()
        x, y = a[first : first + block, None], b[first : first + block, None]
        points = (1.0 - shares) * x + shares * y
        out[first : first + block] = inside(points.reshape(-1, a.shape[1])).reshape(-1, n_points).mean(axis=1)
    return out


def _lengths_inside(network: LayerList, starts: Array, ends: Array, column: int) -> Array:
    """Share of each segment on which one output is the argmax."""
    # scores are linear from end to end: the whole segment is one piece
    if not network.hidden:
        return _shares(network.outputs(starts), network.outputs(ends), column)
    out = [np.empty(0)]
    for t, first, F in outputs_along(network, starts, ends):
        # from the end of one segment to the start of the next t falls
        inside = _shares(F[:-1], F[1:], column) * np.maximum(np.diff(t), 0.0)
        out.append(np.add.reduceat(inside, first[:-1]))
    return np.concatenate(out)


def _shares(before: Array, after: Array, column: int) -> Array:
    """Share of each segment on which one output is the argmax, when all outputs are linear along it.

    Every lead over another output is then >= 0 on one interval, so the share is the length of an intersection. An
    output that ties along the whole segment wins when it comes first.
    """
    a, b = before[:, [column]] - before, after[:, [column]] - after
    # a lead that does not change has no zero: its sign at the ends decides, and the quotient is not used
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = a / (a - b)
    low = np.where(a >= 0, 0.0, np.where(b >= 0, zero, 1.0)).max(axis=1)
    high = np.where(b >= 0, 1.0, np.where(a >= 0, zero, 0.0)).min(axis=1)
    beaten = ((a == 0) & (b == 0))[:, :column].any(axis=1)
    share: Array = np.where(beaten, 0.0, np.maximum(high - low, 0.0))
    return share
