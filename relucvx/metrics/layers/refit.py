"""A network cut behind one of its layers, with a linear head in place of the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import numpy as np
from scipy import special, stats

from relucvx.conversion import as_list, is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.layers.cut import suggested_cut
from relucvx.metrics.layers.cut_network import CutNetwork
from relucvx.metrics.layers.decisions import decisions, is_network, output_names
from relucvx.metrics.layers.profile import profile
from relucvx.metrics.layers.representations import ACCEPTED, Recording, record
from relucvx.metrics.probes import fitted
from relucvx.metrics.samples.groups import Groups, as_groups
from relucvx.network import DeepNetwork, is_torch_module
from relucvx.network.modules import evaluating
from relucvx.types import Array, ArrayLike, Rng
from relucvx.validation import as_count, as_fraction, as_matrix, as_positive

hooks = later("relucvx.metrics.layers.hooks")
torch = later("torch")
truncation = later("relucvx.metrics.layers.truncated")

RULES = {"convexity_peak": "graph_convexity", "rank_drop": "numerical_rank"}
"""The rules of :func:`suggested_cut`, and the column of a profile that each reads."""

PASSES = 5
"""Forward passes behind each time; the median counts."""


@timed("max_samples=500, or a layer (layer=...)")
def cut_and_refit(
    module: Any,
    X: ArrayLike,
    labels: ArrayLike,
    X_test: ArrayLike,
    labels_test: ArrayLike,
    *,
    layer: str | None = None,
    rule: Literal["convexity_peak", "rank_drop"] = "convexity_peak",
    slack: float = 0.01,
    classes: Sequence[Hashable] | None = None,
    C: float = 1.0,
    margin: float = 0.01,
    confidence: float = 0.95,
    k: int = 10,
    n_pairs: int | None = 1000,
    max_samples: int | None = 2000,
    batch_size: int = 1024,
    rng: Rng = None,
    time_limit: float | None = None,
) -> CutNetwork:
    """Cut a network behind a layer, fit a linear head there, and compare with the whole network.

    The layer is the one that :func:`suggested_cut` finds on the training samples; the test samples decide nothing.

    Parameters
    ----------
    module : torch.nn.Module, TwoLayerReLU, DeepNetwork, or anything with such a ``network``
        The whole network; it is not changed.
    X, labels : array_like of shape (n, ...) and sequence of length n
        Training samples: for the rule, and for the head.
    X_test, labels_test : array_like of shape (n_test, ...) and sequence of length n_test
        Test samples: for the accuracies.
    layer : str, optional
        The last layer to keep, as :func:`relucvx.metrics.layer_activations` names it; default that of the rule.
    rule : {"convexity_peak", "rank_drop"}
        Which of the rules of :func:`suggested_cut` chooses.
    slack : float, default 0.01
        As in :func:`suggested_cut`.
    classes : sequence, optional
        Label of each output of the network; default the labels that occur in ``labels``, sorted.
    C : float, default 1.0
        Inverse strength of the head's l2 penalty, as in :func:`relucvx.metrics.linear_probe`.
    margin : float, default 0.01
        Accuracy that may go without counting as lost.
    confidence : float, default 0.95
        Coverage of the interval of the change.
    k, n_pairs, max_samples, batch_size, rng
        As in :func:`relucvx.metrics.profile`, with which the rule measures the layers.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    CutNetwork
        Its ``network`` runs; its ``verdict`` says what the cut costs, in words.

    Raises
    ------
    InvalidInputError
        For recorded layers, an unknown layer or rule, a rule that finds no layer, and as
        :func:`relucvx.metrics.profile` and :func:`relucvx.metrics.linear_probe`.

    Notes
    -----
    A network whose outputs are not one for each class (an encoder) is compared with a linear head on its outputs. The
    interval is Agresti and Min's for the difference of two shares of the same samples: it is about these two networks on
    new test samples, not about new training. A head that is fitted anew may read more than the network's own for that
    reason alone: ``layer`` set to the last hidden layer says how much. Times are of this machine, in batches of ``batch_size``.

    Source: [tetkova-2025], [masarczyk-2023], [agresti-2005].
    Status: heuristic (both rules are; the accuracies are measured, the interval is asymptotic).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris")
    >>> torch.manual_seed(0)  # doctest: +ELLIPSIS
    <torch...>
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8), torch.nn.ReLU())
    >>> found = rx.metrics.cut_and_refit(net, data.X, data.labels, data.X, data.labels, layer="1", rng=0)
    >>> found.compared_with, found.removed, found.parameters, found.parameters_before
    ('a linear head on its outputs', ('3',), 67, 112)
    """
    if not is_word(rule, tuple(RULES)):
        raise InvalidInputError(explain('rule "convexity_peak" or "rank_drop"', shown(rule)))
    C, margin = as_positive(C, "C"), as_positive(margin, "margin", allow_zero=True)
    confidence, batch_size = as_fraction(confidence, "confidence"), as_count(batch_size, "batch_size")
    if not is_network(module):
        raise InvalidInputError(
            explain("a network to cut", type(module).__name__, "recorded layers cannot run", ACCEPTED)
        )
    recording = record(module, X, None, batch_size=batch_size)
    train = recording if layer is None else record(module, X, [layer], batch_size=batch_size)
    groups = as_groups(labels, len(train.layers[0].Z) if train.layers else 0)
    if len(groups.names) < 2:
        raise InvalidInputError(explain("labels of at least two classes", f"only {groups.names[0]!r}"))
    truth = as_groups(labels_test, len(as_list(labels_test, "labels_test")), name="labels_test")
    known = {name: code for code, name in enumerate(groups.names)}
    wanted = np.array([known.get(truth.names[code], -1) for code in truth.codes])
    chosen, why = (layer, "as asked") if layer is not None else _chosen(
        module, X, labels, rule, slack, k=k, n_pairs=n_pairs, max_samples=max_samples, batch_size=batch_size, rng=rng
    )  # fmt: skip
    (kept,) = [part for part in train.layers if part.name == chosen]
    head = fitted(kept.Z, groups.codes, "logistic", C)
    cut, parameters = _cut(recording.network, X, chosen, head.affine(len(groups.names)))
    decided = decide(cut, X_test, batch_size).argmax(axis=1)
    if len(decided) != len(wanted):
        raise InvalidInputError(explain(f"labels_test of length {len(decided)}, one per row", f"length {len(wanted)}"))
    right = decided == wanted
    before, compared, converged = _before(recording, X_test, wanted, groups, classes, C, batch_size)
    return _collect(
        recording, chosen, why, right, before, compared, truth, confidence, margin, cut, parameters,
        (_seconds(cut, X_test, batch_size), _seconds(recording.network, X_test, batch_size)), head.converged and converged,
    )  # fmt: skip


def _chosen(module: Any, X: Any, labels: Any, rule: str, slack: float, **options: Any) -> tuple[str, str]:
    """The layer that a rule finds, and the rule in words."""
    frame = profile(module, X, labels, metrics=[RULES[rule]], progress=False, **options)
    found = suggested_cut(frame, slack)[rule]
    if found["layer"] is None:
        other = next(name for name in RULES if name != rule)
        raise InvalidInputError(
            explain(
                f"a network in which the rule {rule} finds a layer",
                f"{len(frame.attrs['hidden'])} hidden layers in which it finds none",
                "no rank falls, or no convexity is defined",
                f'rule="{other}", or layer={frame.attrs["hidden"][-1:]}',
            )
        )
    return found["layer"], found["rule"]


def _cut(network: Any, X: Any, layer: str, head: tuple[Array, Array]) -> tuple[Any, int]:
    """The cut network, and its parameters in use."""
    if is_torch_module(network):
        return truncation.truncated(network, X[:2], layer, *head)
    last = int(layer.split()[-1]) + 1  # "hidden 0" is behind one map
    biases = None if network.biases is None else network.biases[:last]
    cut = DeepNetwork((*network.weights[:last], head[0]), (*(biases or [None] * last), head[1]), network.activation)
    return cut, parameters_of(cut)


def parameters_of(network: Any) -> int:
    """Weights and biases of a network."""
    if is_torch_module(network):
        return sum(p.numel() for p in network.parameters())
    arrays = [*network.weights, *(network.biases or ())]
    return sum(a.size for a in arrays if a is not None)


def decide(network: Any, X: Any, batch_size: int) -> Array:
    """Outputs of a network."""
    outputs = record(network, X, (), batch_size=batch_size).outputs
    assert outputs is not None  # a head's
    return outputs


def _before(
    recording: Recording, X_test: Any, wanted: Array, groups: Groups, classes: Sequence[Hashable] | None, C: float,
    batch_size: int,
) -> tuple[Any, str, bool]:  # fmt: skip
    """Whether the whole network decides each test sample rightly, what decides in it, and whether a fit converged."""
    outputs = recording.outputs
    if outputs is None:
        raise InvalidInputError(explain("a network with one output tensor", "none", "an output of several parts"))
    names = output_names(classes, groups)
    if outputs.shape[1] == len(names) or (len(names) == 2 and outputs.shape[1] == 1):
        found = decisions(recording.network, X_test, names, "module", batch_size)
        known = {name: code for code, name in enumerate(groups.names)}
        return np.array([known.get(name, -2) for name in found]) == wanted, "its own outputs", True
    if classes is not None:
        raise InvalidInputError(explain(f"{outputs.shape[1]} classes, one for each output", f"{len(names)}"))
    head = fitted(outputs, groups.codes, "logistic", C)
    return (
        head.predict(decide(recording.network, X_test, batch_size)) == wanted,
        "a linear head on its outputs",
        head.converged,
    )


def _seconds(network: Any, X: Any, batch_size: int) -> float:
    """Median time of a forward pass of all samples."""
    run = _torch_pass(network, X, batch_size) if is_torch_module(network) else _array_pass(network, X)
    times = []
    for _ in range(PASSES):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _array_pass(network: Any, X: Any) -> Callable[[], Any]:
    rows = as_matrix(X, "X_test")
    return lambda: network.predict(rows)


def _torch_pass(network: Any, X: Any, batch_size: int) -> Callable[[], Any]:
    hooked = hooks.Hooked(network, X, batch_size)  # inputs in the module's dtype, on its device

    def run() -> None:
        # in eval mode: batch norms would learn from being timed
        with evaluating(hooked.module), torch.no_grad():
            for at in range(0, len(hooked.inputs), batch_size):
                hooked.inputs.rows(slice(at, at + batch_size)).run(hooked.module)

    return run


def _collect(
    recording: Recording, layer: str, rule: str, right: Any, before: Any, compared: str, truth: Groups, confidence: float,
    margin: float, cut: Any, parameters: int, seconds: tuple[float, float], converged: bool,
) -> CutNetwork:  # fmt: skip
    names = [part.name for part in recording.layers]
    removed = names[names.index(layer) + 1 :] if layer in names else []
    gained, lost = int(np.sum(right & ~before)), int(np.sum(before & ~right))
    shares, shares_before = (
        {name: float(hits[truth.codes == c].mean()) for c, name in enumerate(truth.names)} for hits in (right, before)
    )
    return CutNetwork(
        layer=layer,
        rule=rule,
        removed=tuple(removed),
        accuracy=float(right.mean()),
        accuracy_before=float(before.mean()),
        compared_with=compared,
        interval=paired_interval(gained, lost, len(right), confidence),
        p_value=mcnemar(gained, lost),
        parameters=parameters,
        parameters_before=parameters_of(recording.network),
        seconds=seconds[0],
        seconds_before=seconds[1],
        per_class=shares,
        per_class_before=shares_before,
        margin=margin,
        confidence=confidence,
        converged=converged,
        network=cut,
    )


def paired_interval(gained: int, lost: int, n: int, confidence: float) -> tuple[float, float]:
    """Agresti and Min's interval of (gained - lost)/n: Wald's after half a sample is added to each of the four cells."""
    b, c, size = gained + 0.5, lost + 0.5, n + 2.0
    change = (b - c) / size
    half = float(special.ndtri((1.0 + confidence) / 2.0)) * math.sqrt((b + c) / size - change**2) / math.sqrt(size)
    return max(-1.0, change - half), min(1.0, change + half)


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value that gains and losses are as likely."""
    n = gained + lost
    return 1.0 if n == 0 else min(1.0, 2.0 * float(stats.binom.cdf(min(gained, lost), n, 0.5)))
