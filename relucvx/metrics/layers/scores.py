"""What a profile measures in one layer: every metric of this package that applies to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.abstraction import ccgp, parallelism_score
from relucvx.metrics.alignment import cka
from relucvx.metrics.collapse import neural_collapse
from relucvx.metrics.convexity import Convexity, euclidean_convexity, graph_convexity
from relucvx.metrics.dimension import effective_rank, numerical_rank, participation_ratio
from relucvx.metrics.few_shot import few_shot_matrix
from relucvx.metrics.intrinsic import two_nn
from relucvx.metrics.layers.records import Recording, Representation
from relucvx.metrics.layers.walking import check_readable, walked
from relucvx.metrics.probes import linear_probe
from relucvx.metrics.samples.groups import Factors, Groups, Indices
from relucvx.metrics.separation import separability
from relucvx.network import is_torch_module
from relucvx.network.layers import LayerList
from relucvx.network.modules import evaluating
from relucvx.network.reading import read_layers
from relucvx.types import Array

RANK_TOLERANCE = 1e-3
"""Eigenvalues of the covariance above this share of the largest count: the threshold with which tunnels are described."""

SHOTS = 5
"""Samples per class in the few-shot error."""

DICHOTOMIES = 500
"""Splits of the conditions tested at most."""

COMPARED = 64
"""Samples at which a recorded layer is compared with the layers of the network that was read."""

SAME_VALUES = 1e-4
"""Largest difference, relative to the largest value, between a recorded layer (float32, say) and the same layer here."""


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

    @property
    def labels(self) -> list[Any]:
        """Label of every sample."""
        groups = self._labelled()
        return [groups.names[c] for c in groups.codes]

    @property
    def one_hot(self) -> Array:
        """Indicators of the classes, of shape (n, C)."""
        groups = self._labelled()
        return np.asarray(groups.codes[:, None] == np.arange(len(groups.names)), dtype=np.float64)

    @property
    def outputs(self) -> Array:
        """Outputs of the network, of shape (n, c)."""
        if self.recording.outputs is None:
            raise InvalidInputError(explain("a network", "recorded layers, or a module that returns no tensor"))
        return self.recording.outputs

    def decide(self, outputs: Array) -> list[Any]:
        """The network's decisions: labels where its outputs match them, else positions of the largest output."""
        self._labelled()
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
        return self._labelled().names

    def _labelled(self) -> Groups:
        if self.groups is None:
            raise InvalidInputError(explain("labels", "none"))
        return self.groups

    @cached_property
    def walks(self) -> dict[int, dict[str, float]]:
        """Mean number of regions and mean folding on segments between samples, up to each hidden layer."""
        network, points, n = self.pieces, self.recording.points, len(self.outputs)
        if points is None:
            raise InvalidInputError(explain("inputs to draw segments between", "none"))
        rng = np.random.default_rng(self.seed)
        starts = rng.integers(n, size=self.n_lines)
        # 1 to n - 1 places on and round the end: never the sample itself
        ends = (starts + rng.integers(1, n, size=self.n_lines)) % n
        found = walked(network, points, starts, ends)
        return {
            k: {"line_regions": _mean(found[:, k, 0]), "folding": _mean(found[:, k, 1])}
            for k in range(len(network.kinks))
        }

    @property
    def pieces(self) -> LayerList:
        """The network as a list of affine maps and kinks."""
        if isinstance(self._read, Exception):
            raise self._read
        return self._read

    @cached_property
    def _read(self) -> LayerList | Exception:
        """What reading the network gave, or why it failed: it is tried once, and not for every layer."""
        network = self.recording.network
        if network is None:
            return InvalidInputError(explain("a network", "recorded layers"))
        try:
            check_readable(self.recording.multiplications)
            with (
                evaluating(network) if is_torch_module(network) else nullcontext()
            ):  # the mode in which it was recorded
                return read_layers(network, self.recording.input_shape)
        except (InvalidInputError, MemoryError) as error:
            return error

    def position(self, layer: Representation) -> int:
        """Which of the hidden layers with a kink a recorded layer is: the one with the same values, up to the sign."""
        for k, values in enumerate(self._hidden):
            # a layer in half precision is this one up to the digits that it has
            allowed = max(SAME_VALUES, 8.0 * (layer.resolution or 0.0)) * np.abs(values).max()
            Z = layer.Z[self._compared]
            if values.shape == Z.shape and any(np.abs(values - s * Z).max() <= allowed for s in (1, -1)):
                return k
        raise InvalidInputError(
            explain(
                f"the values behind a kink, to {SAME_VALUES:g} of the largest",
                f"layer {layer.name!r}",
                "another kind of layer, or a summary or a projection of its values",
            )
        )

    @cached_property
    def _compared(self) -> Indices:
        """Rows at which layers are compared: not all, as those of all layers are held at once."""
        return np.unique(np.linspace(0, len(self.outputs) - 1, COMPARED).astype(np.intp))

    @cached_property
    def _hidden(self) -> list[Array]:
        network, points = self.pieces, self.recording.points
        values = network.preactivations(points(self._compared)) if points is not None else []
        # behind a maximum stand winners, of which its comparisons are no values
        rounds = [kink.rounds[-1] for kink in network.kinks]
        return [network.hidden[k].phi(values[k]) for k in rounds] if values else []


class Score(NamedTuple):
    """Columns of a profile that are computed together; the function returns numbers, or results with a mean."""

    columns: tuple[str, ...]
    measure: Callable[[Representation, Samples], dict[str, Any]]


def _graph(layer: Representation, samples: Samples) -> dict[str, Any]:
    found = graph_convexity(layer.Z, samples.labels, samples.k, samples.n_pairs, samples.seed)
    samples.scored["graph", layer.name] = found
    return {"graph_convexity": found}


def _graph_decided(layer: Representation, samples: Samples) -> dict[str, Any]:
    decided = samples.decide(samples.outputs)
    # a network without errors decides as the labels say, and has been scored
    known = samples.scored.get(("graph", layer.name)) if decided == samples.labels else None
    found = known or graph_convexity(layer.Z, decided, samples.k, samples.n_pairs, samples.seed)
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


def _dimension(layer: Representation, samples: Samples) -> dict[str, Any]:
    return {
        "participation_ratio": participation_ratio(layer.Z),
        "effective_rank": effective_rank(layer.Z),
        "numerical_rank": numerical_rank(layer.Z, tolerance=RANK_TOLERANCE, spectrum="covariance"),
        "two_nn": two_nn(layer.Z, resolution=layer.resolution).dimension,
    }


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
    position = samples.position(layer)  # before the walks, which take longer
    return samples.walks[position]


SCORES: tuple[Score, ...] = (
    Score(("graph_convexity",), _graph),
    Score(("graph_convexity_decisions",), _graph_decided),
    Score(("euclidean_convexity",), _euclidean),
    Score(("euclidean_convexity_decisions",), _euclidean_decided),
    Score(COLLAPSE, _collapse),
    Score(HEAD, _head),
    Score(("participation_ratio", "effective_rank", "numerical_rank", "two_nn"), _dimension),
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


def _mean(values: Any) -> float:
    """Mean of what is defined."""
    kept = [v for v in values if v == v]
    return float(np.mean(kept)) if kept else np.nan
