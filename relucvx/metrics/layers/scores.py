"""What a profile measures in one layer: every metric of this package that applies to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.abstraction import ccgp, parallelism_score
from relucvx.metrics.alignment import cka
from relucvx.metrics.collapse import neural_collapse
from relucvx.metrics.convexity import Convexity, euclidean_convexity, on_graph
from relucvx.metrics.dimension import participation_ratio, ranks
from relucvx.metrics.few_shot import few_shot_matrix
from relucvx.metrics.intrinsic import two_nn
from relucvx.metrics.layers.records import Recording, Representation
from relucvx.metrics.layers.segments import Segments
from relucvx.metrics.probes import linear_probe
from relucvx.metrics.samples.groups import Factors, Groups, as_groups
from relucvx.metrics.samples.neighbour_graph import NeighbourGraph
from relucvx.metrics.separation import separability
from relucvx.types import Array

RANK_TOLERANCE = 1e-3
"""Eigenvalues of the covariance above this share of the largest count: the threshold with which tunnels are described."""

SHOTS = 5
"""Samples per class in the few-shot error."""

DICHOTOMIES = 500
"""Splits of the conditions tested at most."""


@dataclass(frozen=True)
class Samples:
    """What the layers of one profile have in common.

    Attributes
    ----------
    recording : Recording
        All layers at the samples.
    groups : Groups or None
        Labels of the samples.
    factors : Factors or None
        Binary variables of the samples.
    classes : tuple or None
        Label of each output; None when outputs and labels do not match one to one.
    seed : int
        Of every draw, so that all layers are measured at the same pairs.
    scored : dict
        Convexities of the labels by metric and layer, so that those of decisions that are the labels are not computed
        again.
    """

    recording: Recording
    groups: Groups | None
    factors: Factors | None
    classes: tuple[Any, ...] | None
    k: int
    n_pairs: int | None
    n_lines: int
    seed: int
    scored: dict[tuple[str, str], Convexity] = field(default_factory=dict, repr=False)
    graphs: dict[str, NeighbourGraph] = field(default_factory=dict, repr=False)

    @property
    def labels(self) -> list[Any]:
        """Label of every sample."""
        groups = self.labelled()
        return [groups.names[c] for c in groups.codes]

    @property
    def one_hot(self) -> Array:
        """Indicators of the classes, of shape (n, C)."""
        groups = self.labelled()
        return np.asarray(groups.codes[:, None] == np.arange(len(groups.names)), dtype=np.float64)

    @property
    def outputs(self) -> Array:
        """Outputs of the network, of shape (n, c)."""
        if self.recording.outputs is None:
            raise InvalidInputError(explain("a network", "recorded layers, or a module that returns no tensor"))
        return self.recording.outputs

    def decide(self, outputs: Array) -> list[Any]:
        """The network's decisions: labels where its outputs match them, else positions of the largest output."""
        self.labelled()
        shape = self.recording.output_shape
        if len(shape) > 1:
            raise InvalidInputError(
                explain(
                    "one row of class scores per sample",
                    f"outputs of shape {shape} per sample",
                    "a row for each token, or for each place of an image",
                    'tokens="last", tokens="cls" or pool="mean"',
                )
            )
        if outputs.shape[1] == 1:
            if self.classes is None:
                raise InvalidInputError(explain("two classes for the sign of one output", "other labels"))
            chosen = (outputs[:, 0] > 0).astype(int)
        else:
            chosen = outputs.argmax(axis=1)
        return chosen.tolist() if self.classes is None else [self.classes[c] for c in chosen]

    def decider(self, layer: Representation) -> Callable[[Array], list[Any]]:
        """The network behind a layer as a classifier of points."""
        if layer.rest is None:
            raise InvalidInputError(explain("a layer that decides the output", layer.why))
        rest = layer.rest
        return lambda points: self.decide(np.asarray(rest(points)).reshape(len(points), -1))

    @property
    def group_names(self) -> tuple[Any, ...]:
        """The classes that occur."""
        return self.labelled().names

    def graph(self, layer: Representation) -> NeighbourGraph:
        """Of one layer at a time, for the labels and the decisions."""
        if layer.name not in self.graphs:
            self.graphs.clear()
            self.graphs[layer.name] = NeighbourGraph.of(layer.Z, self.k, keep_ties=False)
        return self.graphs[layer.name]

    def labelled(self) -> Groups:
        """The labels, where there are some."""
        if self.groups is None:
            raise InvalidInputError(explain("labels", "none"))
        return self.groups

    @cached_property
    def segments(self) -> Segments:
        """Segments between samples, walked through the network."""
        return Segments(self.recording, self.n_lines, self.seed)


class Score(NamedTuple):
    """Columns of a profile that are computed together; the function returns numbers, or results with a mean."""

    columns: tuple[str, ...]
    measure: Callable[[Representation, Samples], dict[str, Any]]


def _graph(layer: Representation, samples: Samples) -> dict[str, Any]:
    found = on_graph(samples.graph(layer), samples.labelled(), samples.n_pairs, samples.seed)
    samples.scored["graph", layer.name] = found
    return {"graph_convexity": found}


def _graph_decided(layer: Representation, samples: Samples) -> dict[str, Any]:
    decided = samples.decide(samples.outputs)
    # a network without errors decides as the labels say, and has been scored
    known = samples.scored.get(("graph", layer.name)) if decided == samples.labels else None
    found = known or on_graph(samples.graph(layer), as_groups(decided, len(decided)), samples.n_pairs, samples.seed)
    return {"graph_convexity_decisions": found}


def _euclidean(layer: Representation, samples: Samples) -> dict[str, Any]:
    if samples.classes is None:
        raise InvalidInputError(explain("one output per class", f"{samples.outputs.shape[1]} outputs, other classes"))
    decide = samples.decider(layer)
    found = euclidean_convexity(layer.Z, samples.labels, decide, samples.n_pairs, rng=samples.seed)
    samples.scored["euclidean", layer.name] = found
    return {"euclidean_convexity": found}


def _euclidean_decided(layer: Representation, samples: Samples) -> dict[str, Any]:
    decided, decide = samples.decide(samples.outputs), samples.decider(layer)
    known = samples.scored.get(("euclidean", layer.name)) if decided == samples.labels else None
    found = known or euclidean_convexity(layer.Z, decided, decide, samples.n_pairs, rng=samples.seed)
    return {"euclidean_convexity_decisions": found}


COLLAPSE = ("nc1", "nc1_quotient", "nc2_equinorm", "nc2_cosine", "nc2_etf", "cdnv")
HEAD = ("nc3", "nc4")


def _collapse(layer: Representation, samples: Samples) -> dict[str, Any]:
    found = neural_collapse(layer.Z, samples.labels)
    return {name: getattr(found, name) for name in COLLAPSE}


def _head(layer: Representation, samples: Samples) -> dict[str, Any]:
    if layer.head is None or samples.classes is None or len(samples.classes) != layer.head[0].shape[1]:
        raise InvalidInputError(explain("a layer read by a linear map with one output per class", layer.name))
    # outputs whose class has no sample here have no mean to be compared with
    weights, bias = layer.head
    kept = [k for k, name in enumerate(samples.classes) if name in samples.group_names]
    classes = [samples.classes[k] for k in kept]
    found = neural_collapse(layer.Z, samples.labels, weights[:, kept], bias[kept], classes=classes)
    return {name: getattr(found, name) for name in HEAD}


def _participation(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"participation_ratio": participation_ratio(layer.Z)}


def _ranks(layer: Representation, samples: Samples) -> dict[str, Any]:
    effective, numerical = ranks(layer.Z, RANK_TOLERANCE)
    return {"effective_rank": effective, "numerical_rank": numerical}


def _two_nn(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"two_nn": two_nn(layer.Z, resolution=layer.resolution).dimension}


def _probe(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"linear_probe": linear_probe(layer.Z, samples.labels)}


def _few_shot(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"few_shot_error": few_shot_matrix(layer.Z, samples.labels, SHOTS).mean_error}


def _to_output(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"cka_output": _alignment(layer.Z, samples.outputs)}


def _to_labels(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"cka_labels": _alignment(layer.Z, samples.one_hot)}


def _alignment(Z: Array, target: Array) -> float:
    """CKA in one form for all layers, that without the bias which grows with their width."""
    return float(cka(Z, target, debiased=len(Z) >= 4))


def _parallelism(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"parallelism": parallelism_score(layer.Z, _conditions(samples).sides)}


def _ccgp(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {"ccgp": ccgp(layer.Z, _conditions(samples).sides)}


def _separability(layer: Representation, samples: Samples) -> dict[str, Any]:
    # what is split are conditions, so each is one point
    means = _conditions(samples).averaging @ layer.Z
    found = separability(means, balanced=True, n_dichotomies=DICHOTOMIES, rng=samples.seed)
    return {"separability": found.share}


def _conditions(samples: Samples) -> Factors:
    if samples.factors is None:
        raise InvalidInputError(explain("factors", "none"))
    return samples.factors


def _pieces(layer: Representation, samples: Samples) -> dict[str, Any]:
    return samples.segments.of(layer)


SCORES: tuple[Score, ...] = (
    Score(("graph_convexity",), _graph),
    Score(("graph_convexity_decisions",), _graph_decided),
    Score(("euclidean_convexity",), _euclidean),
    Score(("euclidean_convexity_decisions",), _euclidean_decided),
    Score(COLLAPSE, _collapse),
    Score(HEAD, _head),
    Score(("participation_ratio",), _participation),
    Score(("effective_rank", "numerical_rank"), _ranks),
    Score(("two_nn",), _two_nn),
    Score(("linear_probe",), _probe),
    Score(("few_shot_error",), _few_shot),
    Score(("cka_output",), _to_output),
    Score(("cka_labels",), _to_labels),
    Score(("parallelism",), _parallelism),
    Score(("ccgp",), _ccgp),
    Score(("separability",), _separability),
    Score(("line_regions", "folding"), _pieces),
)
"""In the order of the columns."""

COLUMNS: tuple[str, ...] = tuple(column for score in SCORES for column in score.columns)


def chosen_scores(metrics: Sequence[str] | None) -> tuple[Score, ...]:
    """The scores of the columns asked for.

    Raises
    ------
    InvalidInputError
        For a name that is no column.
    """
    if metrics is None:
        return SCORES
    wanted = [metrics] if isinstance(metrics, str) else as_list(metrics, "metrics")
    unknown = [name for name in wanted if not is_word(name, COLUMNS)]
    if unknown or not wanted:
        raise InvalidInputError(
            explain(f"metrics among {', '.join(COLUMNS)}", ", ".join(repr(name) for name in unknown) or "none")
        )
    return tuple(
        Score(tuple(c for c in score.columns if c in wanted), score.measure)
        for score in SCORES
        if any(c in wanted for c in score.columns)
    )
