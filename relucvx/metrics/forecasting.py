"""Does the convexity of classes before a network is fine-tuned foretell its accuracy on them afterwards?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from relucvx.conversion import as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.convexity import graph_convexity
from relucvx.metrics.forecast_result import Forecast, Premise
from relucvx.metrics.layers.decisions import decisions, is_network, output_names
from relucvx.metrics.layers.representations import record
from relucvx.metrics.nulls.several import holm
from relucvx.metrics.samples.class_pairs import Convexity
from relucvx.metrics.samples.groups import Groups, as_groups
from relucvx.types import Array, ArrayLike, Rng, resolve_rng
from relucvx.validation import as_count, as_fraction

MOST_ENUMERATED = 7
"""Classes of which all orders are tried (5,040); of more of them some are drawn."""

DRAWS = 9999
"""Orders drawn beyond that."""


@timed("n_pairs=100, or fewer layers (layers=[...])")
def forecast(
    before: Any,
    after: Any,
    X: Any,
    labels: ArrayLike,
    X_test: Any,
    labels_test: ArrayLike,
    *,
    layers: Sequence[str] | None = None,
    classes: Sequence[Hashable] | None = None,
    k: int = 10,
    n_pairs: int | None = 1000,
    confidence: float = 0.95,
    n_resamples: int = 20,
    batch_size: int = 1024,
    rng: Rng = None,
    time_limit: float | None = None,
) -> Forecast:
    """Whether the convexity of classes in a pretrained network foretells the accuracy on them after fine-tuning.

    In every layer, the graph convexity of each class before is correlated, over the classes, with the share of its test
    samples that the fine-tuned network decides rightly. A correlation is concluded from only where its premises are met,
    and after a correction for the number of layers.

    Parameters
    ----------
    before : network, recorded layers, or a list of either
        What was pretrained, as in :func:`relucvx.metrics.layer_activations`; a list of networks, or of dicts of
        recorded layers, has one entry for each seed, with the same layers.
    after : network, labels, or a list of them
        What was fine-tuned: with an output for each class, or its decisions on the test samples; as many as ``before``.
    X : array_like of shape (n, ...) or None
        Samples at which convexity is measured; not needed for recorded layers.
    labels : sequence of length n
        Their labels.
    X_test : array_like of shape (n_test, ...) or None
        Samples on which accuracy is measured; not needed where ``after`` are decisions.
    labels_test : sequence of length n_test
        Their labels; every class has to occur.
    layers : sequence of str, optional
        Layers to look at; default the input, every hidden layer and the output, where there is one. The fewer, the less
        is lost to the correction.
    classes : sequence, optional
        Label of each output of ``after``; default the labels that occur, sorted.
    k, n_pairs
        As in :func:`relucvx.metrics.graph_convexity`.
    confidence : float, default 0.95
        Of the intervals; 1 - confidence is the level of the conclusions, for all layers together.
    n_resamples : int, default 20
        Random halves behind the errors of the classes' convexities.
    batch_size : int, default 1024
        Samples per forward pass of a torch module.
    rng : None, int or Generator
        Source of all draws.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Forecast
        Its ``verdict(layer)`` says what may be concluded, in words.

    Raises
    ------
    InvalidInputError
        As :func:`relucvx.metrics.layer_activations` and :func:`relucvx.metrics.graph_convexity`; for lists of different
        lengths, networks with different layers, and outputs that do not match the labels.

    Notes
    -----
    *Premises*, with their numbers in ``premises``: there are classes enough for a p-value that small; the fine-tuned
    network is better than the most frequent label; the classes' convexities differ by more than their errors, and so do
    their accuracies; the representation has more convexity than permuted labels.

    The classes are the sample: networks are averaged, for more seeds do not make more classes. p-values are those of
    permuted classes (all orders for up to 7 of them), which is exact where classes are exchangeable. The intervals take
    (convexity, accuracy) of classes for normal; accuracies near 1 are not. Of samples drawn with a correlation of 0.5
    they held it 95 % of the time (20,000 draws) for 6, 10 and 20 classes, normal ones and those with accuracies cut off at
    1. Convexity and accuracy are both known with errors, which pull a correlation towards 0.

    Source: [tetkova-2025], [holm-1979].
    Status: heuristic (a correlation over few classes; the p-values are exact under exchangeability).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(np.arange(8), 25)
    >>> spread = 0.4 + 0.3 * y[:, None]  # later classes are wider
    >>> Z = spread * rng.standard_normal((200, 3)) + 3.0 * rng.standard_normal((8, 3))[y]
    >>> wrong = rng.random(200) < 0.05 * y  # and read less well
    >>> found = rx.metrics.forecast({"encoder": Z}, np.where(wrong, (y + 1) % 8, y), None, y, None, y, rng=0)
    >>> found.word("encoder"), bool(found.pearson[0] > 0.7)
    ('forecasts', True)
    """
    k, n_resamples = as_count(k, "k"), as_count(n_resamples, "n_resamples", least=2)
    confidence, batch_size = as_fraction(confidence, "confidence"), as_count(batch_size, "batch_size")
    rng = resolve_rng(rng)
    pairs = _pairs(before, after)
    names: tuple[str, ...] = ()
    measured: list[list[Convexity]] = []
    right = []
    for old, new in pairs:
        found = _layers(old, X, layers, batch_size)
        if names and tuple(found) != names:
            raise InvalidInputError(explain(f"networks with the same layers, {', '.join(names)}", ", ".join(found)))
        names = tuple(found)
        groups = as_groups(labels, len(next(iter(found.values()))))
        truth = _truth(labels_test, groups)
        right.append(_right(new, X_test, groups, truth, classes, batch_size))
        measured.append([
            graph_convexity(
                Z, labels, k, n_pairs, rng=rng, confidence=confidence, n_resamples=n_resamples,
                n_permutations=math.ceil(1.0 / (1.0 - confidence)),
            )
            for Z in found.values()
        ])  # fmt: skip
    return _collect(names, groups, truth, measured, np.array(right), confidence, rng)


def _pairs(before: Any, after: Any) -> list[tuple[Any, Any]]:
    """What was pretrained with what became of it."""
    # a list of arrays is one recording; a list of networks or of dicts is several
    several = isinstance(before, (list, tuple)) and all(is_network(b) or hasattr(b, "items") for b in before)
    if not several:
        return [(before, after)]
    if not isinstance(after, (list, tuple, np.ndarray)) or len(after) != len(before) or not len(before):
        size = len(after) if hasattr(after, "__len__") else 1
        raise InvalidInputError(explain(f"as many fine-tuned networks as pretrained ones, {len(before)}", f"{size}"))
    return list(zip(before, after, strict=True))


def _layers(network: Any, X: Any, layers: Sequence[str] | None, batch_size: int) -> dict[str, Array]:
    """The chosen layers; by default the input and the output too."""
    recording = record(network, X, layers, batch_size=batch_size)
    found = {layer.name: layer.Z for layer in recording.layers}
    if layers is None:
        first = {} if recording.input is None else {"input": recording.input.Z}
        found = {**first, **found}
        last = recording.outputs
        if last is not None and not any(Z.shape == last.shape and np.array_equal(Z, last) for Z in found.values()):
            found["output"] = last
    if not found:
        raise InvalidInputError(explain("at least one layer", "none", "", "layers=None for all"))
    return found


def _truth(labels_test: Any, groups: Groups) -> Groups:
    return as_groups(labels_test, len(as_list(labels_test, "labels_test")), classes=groups.names, name="labels_test")


def _right(
    after: Any, X_test: Any, groups: Groups, truth: Groups, classes: Sequence[Hashable] | None, batch_size: int
) -> Array:
    """Whether each test sample is decided rightly."""
    decided = decisions(after, X_test, output_names(classes, groups), "after", batch_size)
    if len(decided) != len(truth.codes):
        raise InvalidInputError(
            explain(
                f"a decision for each of the {len(truth.codes)} test samples", f"{len(decided)}", "", "after=network"
            )
        )
    return np.array([a == truth.names[b] for a, b in zip(decided, truth.codes, strict=True)])


def _collect(
    names: tuple[str, ...], groups: Groups, truth: Groups, measured: list[list[Convexity]], right: Array,
    confidence: float, rng: np.random.Generator,
) -> Forecast:  # fmt: skip
    """Correlations over the classes, of means over the networks."""
    alpha, size = 1.0 - confidence, len(groups.names)
    shape = (len(measured), len(names), size)
    convexity = np.array([[list(c.per_class.values()) for c in row] for row in measured]).reshape(shape).mean(axis=0)
    errors = np.array([[_errors(c) for c in row] for row in measured]).reshape(shape)
    # a mean over networks that share their samples is not known better than one of them
    error = np.sqrt((errors**2).mean(axis=0))
    accuracy = np.array([right[:, truth.codes == c].mean() for c in range(size)])
    noise = np.sqrt(accuracy * (1.0 - accuracy) / truth.counts)
    shared = (
        _classes_enough(size, len(names), alpha),
        _learnt(right, truth, alpha),
        _differ("accuracies", accuracy, noise),
    )
    premises: dict[str, tuple[Premise, ...]] = {
        name: (
            *shared,
            _differ("convexities", convexity[at], error[at]),
            _above_chance([row[at] for row in measured], alpha),
        )
        for at, name in enumerate(names)
    }
    pearson = np.array([_correlation(row, accuracy) for row in convexity])
    ranks = [stats.rankdata(row) if np.isfinite(row).all() else row for row in convexity]
    p = _p_values(convexity, accuracy, rng)
    return Forecast(
        names, groups.names, convexity, accuracy, pearson,
        np.array([_correlation(row, stats.rankdata(accuracy)) for row in ranks]),
        _fisher(pearson, size, confidence), p, holm(p), premises, len(measured), confidence,
    )  # fmt: skip


def _errors(found: Convexity) -> list[float]:
    """Standard error of each class's convexity, from its interval."""
    assert found.class_intervals is not None  # asked for
    quantile = float(special.ndtri((1.0 + (found.confidence or 0.95)) / 2.0))
    return [(high - low) / (2.0 * quantile) for low, high in found.class_intervals.values()]


def _correlation(x: Array, y: Array) -> float:
    if not (np.isfinite(x).all() and np.ptp(x) > 1e-12 and np.ptp(y) > 1e-12):
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _fisher(r: Array, size: int, confidence: float) -> Array:
    """Interval of each correlation; at -1 and 1 it has no length."""
    if size < 4:
        return np.full((len(r), 2), np.nan)
    half = float(special.ndtri((1.0 + confidence) / 2.0)) / math.sqrt(size - 3)
    with np.errstate(divide="ignore"):
        return np.tanh(np.arctanh(np.clip(r, -1.0, 1.0))[:, None] + np.array([-half, half]))


def _p_values(convexity: Array, accuracy: Array, rng: np.random.Generator) -> Array:
    """Share of the orders of the classes that correlate at least as much, in every layer."""
    size = len(accuracy)
    if size <= MOST_ENUMERATED:
        orders = np.array(list(itertools.permutations(range(size))))
        own = 0  # the order that was found is one of them
    else:
        orders = rng.permuted(np.tile(np.arange(size), (DRAWS, 1)), axis=1)
        own = 1
    out = np.full(len(convexity), np.nan)
    for at, row in enumerate(convexity):
        if math.isnan(_correlation(row, accuracy)):
            continue
        x, y = row - row.mean(), accuracy - accuracy.mean()
        reached = np.abs(y[orders] @ x) >= abs(float(x @ y)) * (1.0 - 1e-9)
        out[at] = (own + np.count_nonzero(reached)) / (own + len(orders))
    return out


def _classes_enough(size: int, n_layers: int, alpha: float) -> Premise:
    """The smallest p-value that so many classes allow, two-sided, is one to conclude from after the correction."""
    least = 2.0 / math.factorial(size) if size <= MOST_ENUMERATED else 1.0 / (1.0 + DRAWS)
    text = f"{size} classes allow p-values down to {least:.2g}, {alpha / n_layers:.2g} needed after the correction"
    return Premise(least <= alpha / n_layers, text)


def _learnt(right: Array, truth: Groups, alpha: float) -> Premise:
    """The accuracy is above that of the most frequent label."""
    n, share, chance = right.shape[1], float(right.mean()), float(truth.counts.max() / truth.counts.sum())
    p = float(stats.binom.sf(round(share * n) - 1, n, chance))
    return Premise(p <= alpha, f"accuracy after fine-tuning {share:.3f}, {chance:.3f} for the most frequent label")


def _differ(what: str, values: Array, errors: Array) -> Premise:
    """The variance between classes is larger than that of their errors."""
    between, within = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan, float(np.sqrt(np.mean(errors**2)))
    return Premise(between > within, f"{what} of classes differ by {between:.2g} (s.d.), their errors are {within:.2g}")


def _above_chance(found: Sequence[Convexity], alpha: float) -> Premise:
    """Every network's convexity is above that of permuted labels."""
    nulls = [c.null for c in found if c.null is not None]
    worst, chance = max(null.p_value for null in nulls), float(np.mean([null.mean for null in nulls]))
    overall = float(np.mean([c.overall for c in found]))
    return Premise(worst <= alpha, f"convexity {overall:.3f}, {chance:.3f} under permuted labels (p = {worst:.2g})")
