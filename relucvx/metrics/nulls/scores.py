"""A metric as numbers of arrays: which argument holds the question, which field the answer, and what it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.abstraction import below_chance, ccgp, neuron_tuning, parallelism_score
from relucvx.metrics.alignment import cka, one_form, procrustes
from relucvx.metrics.collapse import neural_collapse
from relucvx.metrics.convexity import euclidean_convexity, graph_convexity
from relucvx.metrics.decoding import decoding_dimension
from relucvx.metrics.dimension import effective_rank, numerical_rank, participation_ratio
from relucvx.metrics.dissimilarity import rdm_correlation
from relucvx.metrics.intrinsic import two_nn
from relucvx.metrics.neighbours import mutual_knn
from relucvx.metrics.probes import linear_probe
from relucvx.metrics.regions.folds.folding import space_folding
from relucvx.metrics.scales import SCALES, Scale
from relucvx.metrics.separation import separability
from relucvx.metrics.similarity import layer_similarity
from relucvx.types import Array
from relucvx.validation import as_matrix, as_numpy

LABELS, FACTORS, PAIR, ALONE, CODES, ANY = "labels", "factors", "pair", "alone", "codes", "any"
"""What the second argument of a score is; ``ALONE`` and ``CODES`` have none, of ``ANY`` nobody knows."""

TAKES: dict[str, tuple[Callable[..., Any], str]] = {
    "ccgp": (ccgp, FACTORS),
    "cka": (cka, PAIR),
    "decoding_dimension": (decoding_dimension, LABELS),
    "effective_rank": (effective_rank, ALONE),
    "euclidean_convexity": (euclidean_convexity, LABELS),
    "graph_convexity": (graph_convexity, LABELS),
    "linear_probe": (linear_probe, LABELS),
    "mutual_knn": (mutual_knn, PAIR),
    "neural_collapse": (neural_collapse, LABELS),
    "neuron_tuning": (neuron_tuning, FACTORS),
    "numerical_rank": (numerical_rank, ALONE),
    "parallelism_score": (parallelism_score, FACTORS),
    "participation_ratio": (participation_ratio, ALONE),
    "procrustes": (procrustes, PAIR),
    "rdm_correlation": (rdm_correlation, PAIR),
    "separability": (separability, LABELS),
    "space_folding": (space_folding, CODES),
    "two_nn": (two_nn, ALONE),
}

SEEDED = ("decoding_dimension", "euclidean_convexity", "graph_convexity", "separability")
"""Scores that draw: the same draws for every permutation, so that these differ in the data alone."""

SPOILED = (
    "cka", "decoding_dimension", "euclidean_convexity", "graph_convexity", "linear_probe", "mutual_knn", "rdm_correlation",
    "separability", "two_nn",
)  # fmt: skip
"""Scores in which a sample must not stand twice: as its own neighbour, at no distance of itself, trained on and tested."""


PARTS = ("per_class", "per_factor", "per_neuron")
"""Fields of results whose mean or whole is the usual one, in the same unit."""


@dataclass(frozen=True)
class Score:
    """A metric that is a number, or several, of one or two arrays.

    Attributes
    ----------
    name : str
    function : callable
    takes : str
        Kind of the second argument.
    statistic : str
        Field of what the function returns; empty for a number.
    scale : Scale or None
        None for a statistic that is not the usual one.
    options : dict
        Further arguments.
    note : str
        What was chosen for the user.
    parts : tuple of str
        Names of the numbers, where there are as many.
    """

    name: str
    function: Callable[..., Any]
    takes: str
    statistic: str
    scale: Scale | None
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    parts: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """Which end of the statistic is more of what the metric is about; "either" where nobody has said."""
        return "either" if self.scale is None else self.scale.direction

    @property
    def range(self) -> str:
        """Range, chance and direction in one line; empty where nobody has said."""
        return "" if self.scale is None else self.scale.text

    @property
    def spoiled(self) -> bool:
        """Whether copies of a sample spoil it; of a function nobody knows, so that they are not risked."""
        return self.takes == ANY or self.name in SPOILED

    def explained(self, values: Array) -> str:
        """What there is to say about scores on the wrong side of chance."""
        if self.name != "ccgp" or self.scale is None or not (values < 0.5).any():
            return ""
        return below_chance(float(np.nanmin(values)))

    def __call__(self, Z: Any, other: Any) -> Array:
        return self.named(Z, other)[1]

    def named(self, Z: Any, other: Any) -> tuple[tuple[str, ...], Array]:
        """Names of the numbers, and the numbers as a vector."""
        arguments = (Z,) if other is None else (Z, other)
        found = self.function(*arguments, **self.options)
        if self.statistic:
            found = self._field(found)
        if isinstance(found, Mapping):
            return tuple(map(str, found)), np.array([float(value) for value in found.values()])
        try:
            values = np.asarray(found, dtype=np.float64)
        except (TypeError, ValueError) as error:
            wanted = "statistic= names one of its fields"
            raise InvalidInputError(
                explain("a metric that returns numbers", f"a {type(found).__name__} of {self.name}", "", wanted)
            ) from error
        if values.ndim == 0:
            return (self.statistic or self.name,), values.reshape(1)
        if self.takes == PAIR and values.ndim == 2:
            first, second = _names(Z), _names(other)
            return tuple(f"{a} / {b}" for a in first for b in second), values.ravel()
        named = len(self.parts) == values.size
        return self.parts if named else tuple(map(str, range(values.size))), values.ravel()

    def _field(self, found: Any) -> Any:
        if not hasattr(found, self.statistic):
            fields = ", ".join(getattr(found, "__dataclass_fields__", ())) or "none"
            raise InvalidInputError(
                explain(f"statistic to be a field of what {self.name} returns ({fields})", repr(self.statistic))
            )
        return getattr(found, self.statistic)


def as_score(metric: Any, Z: Any, other: Any, statistic: Any, options: Mapping[str, Any]) -> Score:
    """The score that is meant, with what it takes.

    Raises
    ------
    InvalidInputError
        For an unknown name, a second argument that is missing or too many, and a statistic that is no text.
    """
    _check_arrays(Z, "Z")
    _check_arrays(other, "other")
    if statistic is not None and not isinstance(statistic, str):
        raise InvalidInputError(explain("statistic to be the name of a field, or None", shown(statistic)))
    score = _named(metric, other, statistic, options)
    alone = score.takes in (ALONE, CODES)
    if alone != (other is None):
        wanted = f"{score.name} of one array" if alone else f"the {_SECOND[score.takes]} of {score.name} as well"
        raise InvalidInputError(explain(wanted, "two" if alone else "one array"))
    if score.takes == PAIR and (is_layers(Z) or is_layers(other)):
        return _of_layers(score, Z, other)
    return _chosen(score, [Z], [other]) if score.name == "cka" else score


def _named(metric: Any, other: Any, statistic: str | None, options: Mapping[str, Any]) -> Score:
    """The score by its name, or of a function."""
    # rx.metrics.cka is "cka": what is known of a metric does not depend on how it was named
    known = next((name for name, (function, _) in TAKES.items() if function is metric), metric)
    if is_word(known, TAKES):
        function, takes = TAKES[known]
        scale = SCALES[known]
        # range and direction are those of the usual field, and of its parts; of another nobody knows
        meant = scale.field if statistic is None else statistic
        usual = meant == scale.field or meant in PARTS
        score = Score(known, function, takes, meant, scale if usual else None, {**options})
        if known in SEEDED:
            score.options.setdefault("rng", 0)
        return score
    if callable(metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        return Score(name, metric, ANY if other is not None else ALONE, statistic or "", None, dict(options))
    raise InvalidInputError(
        explain(f"a metric among {', '.join(TAKES)}, or a function of arrays", shown(metric), "", 'metric="cka"')
    )


_SECOND = {LABELS: "labels", FACTORS: "factors", PAIR: "second representation", ANY: "second argument"}


def _check_arrays(value: Any, name: str) -> None:
    """Refuse what is no array, nor a list or dict of arrays; what an array must hold the score says."""
    if value is None:
        return
    parts = value.values() if isinstance(value, Mapping) else value if is_layers(value) else [value]
    for part in parts:
        # lists may be ragged or hold gaps, which a matrix of numbers may not
        plain = name == "Z" and isinstance(part, (list, tuple, np.ma.MaskedArray))
        array = as_matrix(part, name, allow_vector=True) if plain else as_numpy(part, name)
        if array.ndim == 0:
            raise InvalidInputError(explain(f"{name} as an array with a row for each sample", "a single value"))


def is_layers(value: Any) -> bool:
    """Whether this is a list or dict of representations rather than one."""
    if isinstance(value, Mapping):
        return True
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(getattr(one, "ndim", 0) == 2 for one in value)


def _names(layers: Any) -> tuple[str, ...]:
    return tuple(map(str, layers)) if isinstance(layers, Mapping) else tuple(map(str, range(len(layers))))


def _of_layers(score: Score, Z: Any, other: Any) -> Score:
    """The same score between all layers of one network and all of another."""
    if not (is_layers(Z) and is_layers(other)):
        raise InvalidInputError(
            explain("layers of both networks", "layers and one array", "", "[Z] for a network with one layer")
        )
    first, second = (list(one.values() if isinstance(one, Mapping) else one) for one in (Z, other))
    score = _chosen(score, first, second) if score.name == "cka" else score
    options = {"metric": score.name, **score.options}

    def between(first: Any, second: Any, **given: Any) -> Array:
        return layer_similarity(first, second, **given).matrix

    return replace(score, function=between, statistic="", options=options)


def _chosen(score: Score, first: list[Any], second: list[Any]) -> Score:
    """CKA in the form that fits the samples, unless one was asked for: the same in every draw, whose chance is the same."""
    if score.options.get("debiased") is not None or {"kernel1", "kernel2"} & set(score.options):
        return score
    debiased, why = one_form(first, second, score.options)
    return replace(score, options={**score.options, "debiased": debiased}, note=why)
