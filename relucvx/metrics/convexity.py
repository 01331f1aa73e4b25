"""Convexity of classes: shortest paths in a neighbour graph, and straight segments through a classifier."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.graph import NeighbourGraph, first_path_scores, mean_path_scores
from relucvx.metrics.groups import Groups, Indices, as_groups
from relucvx.metrics.layers import Affine, LayerList, read_layers
from relucvx.metrics.lines import outputs_along
from relucvx.network import is_torch_module
from relucvx.types import Array, Result, Rng, resolve_rng
from relucvx.validation import as_matrix


@dataclass(frozen=True)
class Convexity(Result):
    """Convexity of a labelled set of points, as fractions between 0 and 1.

    Attributes
    ----------
    overall : float
        Mean over all pairs scored (classes weigh by their pairs); NaN without a pair.
    per_class : dict
        Mean over the pairs of each class, keyed by label; NaN for a class of one sample.
    n_pairs : dict
        Pairs scored in each class.
    """

    overall: float
    per_class: dict[Any, float]
    n_pairs: dict[Any, int]


def graph_convexity(
    Z: Any,
    labels: Any,
    k: int = 10,
    n_pairs: int | None = 5000,
    rng: Rng = None,
    ties: Literal["first", "mean"] = "first",
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

    Returns
    -------
    Convexity

    Raises
    ------
    InvalidInputError
        For k or n_pairs below 1, an unknown ``ties``, or labels that do not fit Z.

    Notes
    -----
    One run of Dijkstra per source. Isometries and a change of scale leave the score as it is. Random labels do not
    score 0: compare with the score of permuted labels.

    Source: [tetkova-2025].
    Status: theorem (a definition, exact for ``n_pairs=None``; an estimate when pairs are drawn).
    """
    Z = as_matrix(Z, "Z")
    groups = as_groups(labels, len(Z))
    k, limit = _count(k, "k"), None if n_pairs is None else _count(n_pairs, "n_pairs")
    if ties not in ("first", "mean"):
        raise InvalidInputError(explain('ties "first" or "mean"', repr(ties)))
    rng = resolve_rng(rng)
    pairs = [_pairs(members, limit, rng) for members in _members(groups)]
    graph = NeighbourGraph.of(Z, k, keep_ties=ties == "mean")
    score = first_path_scores if ties == "first" else mean_path_scores
    scores = score(graph, groups.codes, np.concatenate(pairs))
    return _collect(groups, [len(p) for p in pairs], scores)


def euclidean_convexity(
    Z: Any,
    labels: Any,
    predict: Any,
    n_pairs: int | None = 5000,
    n_points: int = 10,
    method: Literal["sampled", "exact"] = "sampled",
    rng: Rng = None,
    classes: Sequence[Hashable] | None = None,
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

    Returns
    -------
    Convexity

    Raises
    ------
    InvalidInputError
        For counts below 1, an unknown method, a classifier that is neither, or outputs that do not match the classes.

    Notes
    -----
    The decision regions of the argmax of an affine head are convex, so with its own decisions as labels the score is 1.
    Equal scores go to the first class, as in argmax.

    Source: [tetkova-2025].
    Status: theorem (a definition; ``"exact"`` up to float64 rounding, ``"sampled"`` an estimate of it).
    """
    Z = as_matrix(Z, "Z")
    present = as_groups(labels, len(Z))
    n_points, limit = _count(n_points, "n_points"), None if n_pairs is None else _count(n_pairs, "n_pairs")
    if method not in ("sampled", "exact"):
        raise InvalidInputError(explain('method "sampled" or "exact"', repr(method)))
    rng = resolve_rng(rng)
    pairs = [_pairs(members, limit, rng, unordered=True) for members in _members(present)]
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
    scores = []
    for code, chosen in enumerate(pairs):
        a, b = Z[chosen[:, 0]], Z[chosen[:, 1]]
        if linear is not None and columns is not None and method == "exact":
            scores.append(_lengths_inside(linear, a, b, columns[code]))
        else:
            inside = _decider(predict, linear, columns, code, present)
            scores.append(_points_inside(a, b, n_points, inside))
    return _collect(present, [len(p) for p in pairs], np.concatenate(scores))


def _count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidInputError(explain(f"{name} to be an int >= 1", repr(value)))
    return int(value)


def _members(groups: Groups) -> list[Indices]:
    return [np.flatnonzero(groups.codes == c) for c in range(len(groups.names))]


def _pairs(members: Indices, limit: int | None, rng: np.random.Generator, unordered: bool = False) -> Indices:
    """Pairs of different members: all, or ``limit`` of them without replacement; shape (pairs, 2)."""
    m = len(members)
    total = m * (m - 1) // (2 if unordered else 1)
    everything = limit is None or total <= limit
    number = np.arange(total) if everything else np.sort(rng.choice(total, limit, replace=False))
    if unordered:
        # pair number q is (i, j < i) with i(i-1)/2 <= q; the root is rounded, so it is corrected by one step
        i = np.floor((1.0 + np.sqrt(1.0 + 8.0 * number)) / 2.0).astype(np.intp)
        i = np.where(i * (i - 1) // 2 > number, i - 1, i)
        i = np.where(i * (i + 1) // 2 <= number, i + 1, i)
        j = number - i * (i - 1) // 2
    else:
        i, j = np.divmod(number, max(m - 1, 1))
        j = j + (j >= i)
    return members[np.stack([i, j], axis=1)]


def _collect(groups: Groups, counts: list[int], scores: Array) -> Convexity:
    parts = np.split(scores, np.cumsum(counts)[:-1])
    means = [float(part.mean()) if len(part) else np.nan for part in parts]
    return Convexity(
        float(scores.mean()) if len(scores) else np.nan,
        dict(zip(groups.names, means, strict=True)),
        dict(zip(groups.names, counts, strict=True)),
    )


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
        found = predict(points)
        found = found.detach().cpu().numpy() if hasattr(found, "detach") else found
        if len(found) != len(points) or np.ndim(found) > 1:
            raise InvalidInputError(
                explain(
                    "predict to return one label per point",
                    f"shape {np.shape(found)} for {len(points)} points",
                    "class scores instead of labels",
                    "lambda points: scores(points).argmax(axis=1)",
                )
            )
        return np.array([bool(label == name) for label in found])

    return inside


def _points_inside(a: Array, b: Array, n_points: int, inside: Callable[[Array], Any]) -> Array:
    """Share of the interior points of each segment that are inside, a block of segments at a time."""
    shares = np.arange(1, n_points + 1)[None, :, None] / (n_points + 1)
    block = max(1, 4_000_000 // (n_points * a.shape[1]))
    out = np.empty(len(a))
    for first in range(0, len(a), block):
        x, y = a[first : first + block, None], b[first : first + block, None]
        points = (1.0 - shares) * x + shares * y
        out[first : first + block] = inside(points.reshape(-1, a.shape[1])).reshape(-1, n_points).mean(axis=1)
    return out


def _lengths_inside(network: LayerList, starts: Array, ends: Array, column: int) -> Array:
    """Share of each segment on which one output is the argmax."""
    if not network.hidden:
        return _shares(network.outputs(starts), network.outputs(ends), column)
    out = np.empty(len(starts))
    for q, (start, end) in enumerate(zip(starts, ends, strict=True)):
        t, F = outputs_along(network, start, end)
        out[q] = _shares(F[:-1], F[1:], column) @ np.diff(t)
    return out


def _shares(before: Array, after: Array, column: int) -> Array:
    """Share of each segment on which one output is the argmax, when all outputs are linear along it.

    Every lead over another output is then >= 0 on one interval, so the share is the length of an intersection. An
    output that ties along the whole segment wins when it comes first.
    """
    a, b = before[:, [column]] - before, after[:, [column]] - after
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = a / (a - b)
    low = np.where(a >= 0, 0.0, np.where(b >= 0, zero, 1.0)).max(axis=1)
    high = np.where(b >= 0, 1.0, np.where(a >= 0, zero, 0.0)).min(axis=1)
    beaten = ((a == 0) & (b == 0))[:, :column].any(axis=1)
    share: Array = np.where(beaten, 0.0, np.maximum(high - low, 0.0))
    return share
