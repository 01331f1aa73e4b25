"""Every metric in every layer: one table per network, and where the network may be cut."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from relucvx.conversion import as_list
from relucvx.deadline import Deadline
from relucvx.errors import Interrupted, InvalidInputError, explain
from relucvx.interrupts import interruptible, listening
from relucvx.labels import read_labels
from relucvx.later import later
from relucvx.metrics.layers.cut import suggested_cut
from relucvx.metrics.layers.measuring import Found, ProfileProgress, end, measure, table
from relucvx.metrics.layers.records import Recording, Representation
from relucvx.metrics.layers.representations import record
from relucvx.metrics.layers.scores import Samples, chosen_scores
from relucvx.metrics.layers.thinning import Given, thinned
from relucvx.metrics.samples.groups import Groups, as_factors, as_groups
from relucvx.progress import Shown, watched
from relucvx.types import Rng, resolve_rng
from relucvx.validation import as_count

if TYPE_CHECKING:
    from pandas import DataFrame

pd = later("pandas")


@interruptible
def profile(
    module: Any,
    X: Any = None,
    labels: Any = None,
    *,
    factors: Any = None,
    metrics: Sequence[str] | None = None,
    layers: Sequence[str] | None = None,
    classes: Sequence[Hashable] | None = None,
    k: int = 10,
    n_pairs: int | None = 1000,
    n_lines: int = 100,
    max_samples: int | None = 2000,
    tokens: Literal["all", "mean", "cls", "last"] = "all",
    pool: Literal["none", "mean", "max"] = "none",
    mask: Any = None,
    project: int | Literal["auto"] | None = "auto",
    batch_size: int | None = None,
    rng: Rng = None,
    time_limit: float | None = None,
    callback: Callable[[ProfileProgress], Any] | None = None,
    progress: Shown = "auto",
) -> DataFrame:
    """Measure every layer of a network, or of a recording, by every metric that applies.

    Parameters
    ----------
    module, X, layers, tokens, pool, mask, project, batch_size
        As in :func:`relucvx.metrics.layer_activations`; ``tokens`` and ``pool`` hold for the outputs too, so that
        ``tokens="last"`` measures what a language model says at the last token. The input is measured as it was given.
    labels : sequence of length n, optional
        Class of every sample, of any type; without it only metrics that need none are computed.
    factors : array_like of shape (n, d_Y), optional
        Binary variables, for parallelism, generalisation across conditions and separability.
    metrics : sequence of str, optional
        Columns to compute; default all.
    classes : sequence, optional
        Label of each output of the network, which may be more than occur; default the labels that occur, sorted, where
        there are as many of them (for one output: two, of which the second is decided by a positive output), else the
        numbers of the outputs where all labels are such numbers, as torch's losses have them.
    k : int, default 10
        Neighbours in the graph convexity.
    n_pairs : int or None, default 1000
        Pairs per class in both convexities; None for all.
    n_lines : int, default 100
        Segments between two samples on which linear regions and folding are averaged.
    max_samples : int or None, default 2000
        Larger data are thinned to so many rows, drawn at random once.
    rng : None, int or Generator
        Source of all draws; every layer is measured at the same ones.
    time_limit : float, optional
        Seconds that a column may take in one layer. What takes longer is cut: NaN, with the reason in ``attrs["cut"]``.
    callback : callable, optional
        Sees a :class:`ProfileProgress` before each metric. When it returns True, the rows completed so far come back.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.

    Returns
    -------
    pandas.DataFrame
        One row per layer in the order of the network: "input" (where X is given), the hidden layers, "output" (where
        the network returns one). Columns ``type`` (what made the values: modules with weights that ran behind the row
        above, and the layer's own, as in "Conv2d + ReLU"), ``width``, then

        * ``graph_convexity`` and ``euclidean_convexity`` of the labels, and with ``_decisions`` of the network's own
          decisions; the straight segments are judged by the network behind the layer;
        * ``nc1``, ``nc1_quotient``, ``nc2_equinorm``, ``nc2_cosine``, ``nc2_etf``, ``cdnv``, and, in the layer that the
          last linear map reads, ``nc3`` and ``nc4`` (:func:`relucvx.metrics.neural_collapse`) of the outputs whose
          classes occur;
        * ``participation_ratio``, ``effective_rank``, ``numerical_rank`` (eigenvalues of the covariance above 1e-3 of the
          largest) and ``two_nn``, the intrinsic dimension;
        * ``linear_probe``, the cross-validated accuracy, and ``few_shot_error``, predicted for 5 samples per class;
        * ``cka_output`` and ``cka_labels``, alignment with the outputs and with one-hot labels (CKA; debiased from 4
          samples on);
        * with factors, ``parallelism``, ``ccgp``, and ``separability``, the share of the balanced splits of the
          conditions' means that a hyperplane makes;
        * ``line_regions`` and ``folding`` of the code of all layers up to this one, in piecewise-linear networks: means
          over the segments, of chi over those that meet more than one region. Torch modules that are not read as matrices
          are run, on as many segments as 2e11 multiplications allow.

        NaN where a metric does not apply to a layer; a column that applies to none is left out unless asked for.
        ``attrs`` holds ``per_class`` (column, layer, label or factor), ``left_out`` (column, why), ``cut`` (column, layer,
        why: the time limit, or Ctrl-C), ``hidden`` (names of the hidden layers), ``accuracy`` (share of decisions that are
        the label, or None), ``n_samples`` (measured), ``n_given``, ``n_layers`` (rows of a complete profile), ``n_whole``
        (rows that nothing interrupted), ``complete`` (whether these are all),
        ``suggested_cut`` (:func:`suggested_cut`), and ``tokens``, ``pool`` and ``projected`` (which layers were projected,
        and how much distances may have changed, as in :func:`relucvx.metrics.layer_activations`).

    Raises
    ------
    InvalidInputError
        As :func:`relucvx.metrics.layer_activations`; for an unknown metric, fewer than two samples, labels of a single
        class, and labels or factors that do not fit.
    Interrupted
        After Ctrl-C, with what was completed so far as its ``result``: whole rows, and the columns of the layer begun.

    Warns
    -----
    RuntimeWarning
        When ``project="auto"`` has projected layers, which are named.

    Notes
    -----
    The network runs once for all layers, and again only behind a layer that decides the output alone, for the straight
    segments. A layer that was projected or pooled has none of these.

    Source: [relucvx].
    Status: heuristic (a collection; each column has the status of its metric, on the samples and pairs drawn).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris")
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> table = rx.metrics.profile(net, data.X, data.labels, metrics=["participation_ratio", "nc1"], rng=0)
    >>> table.index.tolist(), table.columns.tolist(), table["width"].tolist()
    (['input', '1', 'output'], ['type', 'width', 'nc1', 'participation_ratio'], [4, 8, 3])
    >>> table["type"].tolist()
    ['input', 'Linear + ReLU', 'Linear']
    """
    scores = chosen_scores(metrics)
    rng = resolve_rng(rng)
    # counts are used late: a wrong one would be found after every layer was recorded
    as_count(k, "k")
    as_count(n_lines, "n_lines")
    for value, name in ((n_pairs, "n_pairs"), (max_samples, "max_samples")):
        if value is not None:
            as_count(value, name, optional=True)
    Deadline.of(time_limit)
    # thinned before the network runs, so that nothing is recorded of samples left out
    given = thinned(Given(module, X, labels, factors, mask), max_samples, rng)
    labels, factors = given.labels, given.factors
    # one seed for all layers: they are compared on the same pairs, segments and splits
    seed = int(rng.integers(2**32))
    with watched("layers", progress, None) as told:
        recording = record(
            given.module, given.X, layers, tokens=tokens, pool=pool, mask=given.mask, project=project,
            batch_size=batch_size, seed=seed, told=told,
        )  # fmt: skip
    if project == "auto":
        _warn_of(recording)
    rows = _rows(recording)
    n = len(rows[0].Z)
    if n < 2:
        raise InvalidInputError(explain("at least two samples", f"{n}", "a single row has no geometry"))
    groups = None if labels is None else as_groups(labels, n)
    if groups is not None and len(groups.names) < 2:
        raise InvalidInputError(
            explain(
                "labels of at least two classes",
                f"only {groups.names[0]!r}",
                "the rows are sorted by class and the first were taken",
                "labels=None for the metrics that need none",
            )
        )
    samples = Samples(
        recording=recording,
        groups=groups,
        factors=None if factors is None else as_factors(factors, n),
        classes=_classes(classes, groups, recording),
        k=k,
        n_pairs=n_pairs,
        n_lines=n_lines,
        seed=seed,
    )
    found: list[Found] = []
    stopped = False
    # Ctrl-C ends the measuring alone: what is finished goes out with the interruption
    try:
        with listening(), watched("profile", progress, callback) as told:
            measure(rows, scores, samples, told, found, time_limit)
    except KeyboardInterrupt:
        stopped = True
    n_whole = end(found, scores) if stopped else len(found)
    frame = table(rows[: len(found)], found, scores, keep=metrics is not None)
    # input and output are rows of the table, but nothing can be cut behind them
    names = [row.name for row in rows if any(row is layer for layer in recording.layers)]
    frame.attrs |= {"hidden": names, "accuracy": _accuracy(samples), "n_samples": n, "n_given": given.n}
    frame.attrs |= {"n_layers": len(rows), "n_whole": n_whole, "complete": n_whole == len(rows)}
    frame.attrs["suggested_cut"] = suggested_cut(frame)
    frame.attrs |= {"tokens": tokens, "pool": pool, "projected": recording.projected}
    if stopped:
        raise Interrupted(frame)
    return frame


def _warn_of(recording: Recording) -> None:
    """Say which layers are measured in fewer columns than they have, though nobody asked for it."""
    if recording.projected:
        names = ", ".join(repr(name) for name in recording.projected)
        columns = max(facts["columns"] for facts in recording.projected.values())
        warnings.warn(
            f"layers that together take over half a GiB were projected: {names} are measured projected to {columns} columns, "
            f"where a squared distance has a relative standard deviation of at most {100 * math.sqrt(2 / columns):.2g} %; "
            'attrs["projected"] has what was seen, and pool="mean", tokens="mean" or project=None measure without',
            RuntimeWarning,
            stacklevel=4,
        )


def _rows(recording: Recording) -> list[Representation]:
    """Input, hidden layers and output; a last layer that is the output stands only as that."""
    layers, outputs, kind = list(recording.layers), recording.outputs, recording.output_kind
    if outputs is not None and layers and np.array_equal(layers[-1].Z, outputs):
        kind = layers.pop().kind
    taken = {layer.name for layer in layers}
    rows = list(layers)
    if recording.input is not None:
        name = "X" if "input" in taken else "input"
        rows.insert(0, replace(recording.input, name=name))
    if outputs is not None:
        name = "F" if "output" in taken else "output"
        rows.append(Representation(name, outputs, lambda: lambda points: points, kind=kind))
    return rows


def _classes(given: Sequence[Hashable] | None, groups: Groups | None, recording: Recording) -> tuple[Any, ...] | None:
    """Label of each output, where outputs and labels match."""
    outputs = recording.outputs
    if outputs is None or groups is None or len(recording.output_shape) > 1:
        return None
    wanted = 2 if outputs.shape[1] == 1 else outputs.shape[1]
    if given is None and len(groups.names) == wanted:
        return groups.names
    if given is None:  # labels that are numbers of outputs, of which some do not occur
        numbers = all(type(name) is int and name in range(wanted) for name in groups.names)
        return tuple(range(wanted)) if numbers and outputs.shape[1] > 1 else None
    given = read_labels(as_list(given, "classes"), "classes")
    missing = [name for name in groups.names if name not in given]
    if len(given) != wanted or missing:
        raise InvalidInputError(
            explain(
                f"classes to name the {wanted} {'sides of the output' if outputs.shape[1] == 1 else 'outputs'}",
                f"{len(given)} names; labels outside: {missing}",
            )
        )
    return tuple(given)


def _accuracy(samples: Samples) -> float | None:
    if samples.classes is None:
        return None
    decided = samples.decide(samples.outputs)
    return float(np.mean([a == b for a, b in zip(decided, samples.labels, strict=True)]))
