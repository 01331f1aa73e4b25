"""What the number of each metric means: its range, what chance gives, and which end is which. Results and docs read it here."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Result


@dataclass(frozen=True)
class Scale(Result):
    """Range, chance level and direction of a metric.

    Attributes
    ----------
    metric : str
    field : str
        The number meant, where a metric finds several: a field of its result; empty where it returns a number.
    low, high : float
        Ends of the range.
    chance : str
        What a representation without structure scores, in words; a permutation measures it.
    direction : str
        ``"higher"`` or ``"lower"`` where that is more of what the metric is about, else ``"either"``.
    meaning : str
        What is more at that end.

    Notes
    -----
    Status: a convention (names and ends of ranges). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> print(rx.metrics.scale("ccgp").text)
    from 0 to 1, chance 0.5; higher: the variable is read out in contexts not trained on
    """

    metric: str
    field: str
    low: float
    high: float
    chance: str
    direction: str
    meaning: str

    @property
    def text(self) -> str:
        """In one line."""
        return f"from {_end(self.low)} to {_end(self.high)}, chance {self.chance}; {self.direction}: {self.meaning}"


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "∞" if value > 0 else "-∞"


_INF = math.inf

RANKS = ("participation_ratio", "effective_rank")
"""Numbers of directions, which centred rows have at most as many of as their rank: an end that depends on the data."""

SCALES: dict[str, Scale] = {
    row[0]: Scale(*row)
    for row in (
        ("ccgp", "mean", 0.0, 1.0, "0.5", "higher", "the variable is read out in contexts not trained on"),
        (
            "cka",
            "",
            0.0,
            1.0,
            "that of ``cka(...).chance``, near 1 for few samples; debiased 0",
            "higher",
            "more alike",
        ),
        ("decoding_dimension", "mean_accuracy", 0.0, 1.0, "0.5", "higher", "more splits are decoded"),
        ("effective_rank", "", 1.0, _INF, "none of its own", "either", "more directions carry variance where higher"),
        ("euclidean_convexity", "overall", 0.0, 1.0, "grows with the share of the class", "higher", "more convex"),
        ("graph_convexity", "overall", 0.0, 1.0, "grows with the share of the class", "higher", "more convex"),
        ("linear_probe", "accuracy", 0.0, 1.0, "the share of the largest class", "higher", "more is read out"),
        ("mutual_knn", "", 0.0, 1.0, "k / (n - 1)", "higher", "more neighbours in common"),
        ("neural_collapse", "nc1", 0.0, _INF, "about the samples of a class", "lower", "more collapsed"),
        (
            "neuron_tuning",
            "mean",
            0.0,
            1.0,
            "about sqrt(2 log(2k) / n) for k variables",
            "higher",
            "neurons follow variables",
        ),
        ("numerical_rank", "", 0.0, _INF, "min(n - 1, p)", "either", "more directions where higher"),
        (
            "parallelism_score",
            "mean",
            -1.0,
            1.0,
            "0",
            "higher",
            "contexts code alike; below 0 they code against each other",
        ),
        (
            "participation_ratio",
            "",
            1.0,
            _INF,
            "none of its own",
            "either",
            "more directions carry variance where higher",
        ),
        ("procrustes", "similarity", 0.0, 1.0, "near 1 for more features than samples", "higher", "more alike"),
        ("rdm_correlation", "", -1.0, 1.0, "0", "higher", "distances are ordered alike"),
        ("separability", "share", 0.0, 1.0, "Cover's count", "higher", "more splits are separable"),
        ("space_folding", "chi", 0.0, 1.0, "grows with the crossings", "higher", "walks fold back more"),
        ("two_nn", "dimension", 0.0, _INF, "none of its own", "either", "more dimensions where higher"),
    )
}
"""Of every metric that is one number of arrays."""

DERIVED: dict[str, Scale] = {
    row[0]: Scale(*row)
    for row in (
        ("class_folding", "overall", 0.0, 1.0, "grows with the crossings", "higher", "paths fold back more"),
        ("few_shot_snr", "snr", -_INF, _INF, "0, where half of the samples go astray", "higher", "fewer errors"),
        ("few_shot_matrix", "snr", -_INF, _INF, "0, where half of the samples go astray", "higher", "fewer errors"),
        ("largest_folding", "chi", 0.0, 1.0, "grows with the crossings", "higher", "segments fold back more"),
    )
}
"""Of what is asked of networks, or of two classes: no permutation of rows is a null of these."""

RECORDED: dict[str, Scale] = {
    row[0]: Scale(*row)
    for row in (
        (
            "crossnobis",
            "distances",
            -_INF,
            _INF,
            "0 on average, half of the time below",
            "higher",
            "conditions are further apart",
        ),
        ("epairs", "index", -_INF, 1.0, "0", "either", "categories where higher, spread more evenly where lower"),
        ("erp", "value", 0.0, 1.0, "about 0.6 / sqrt(neurons)", "higher", "less like a random mixture"),
        ("noise_ceiling", "upper", -1.0, 1.0, "0, above it for few pairs of conditions", "higher", "sessions agree"),
    )
}
"""Of what is asked of recordings, whose results hold several numbers."""


def scale(metric: str) -> Scale:
    """Range, chance level and direction of a metric.

    Parameters
    ----------
    metric : str
        Name of a metric that is one number of arrays, or of a score of recordings.

    Returns
    -------
    Scale

    Raises
    ------
    InvalidInputError
        For a name that is none of these.

    Notes
    -----
    Source: [relucvx].
    Status: a convention (names and ends of ranges).

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.scale("parallelism_score")
    >>> found.low, found.high, found.chance, found.direction
    (-1.0, 1.0, '0', 'higher')
    """
    if not is_word(metric, EVERY):
        raise InvalidInputError(explain(f"a metric among {', '.join(EVERY)}", shown(metric), "", 'scale("ccgp")'))
    return EVERY[metric]


EVERY = {**SCALES, **RECORDED, **DERIVED}


class OnScale:
    """What a metric returns knows what its number means, from the one table: ``range``, ``chance`` and ``direction``.

    A class of results names its row with ``of=``; where several metrics share a class, ``metric`` of the instance does.
    """

    _of = ""

    def __init_subclass__(cls, *, of: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._of = of or cls._of

    def _row(self) -> Scale | None:
        return EVERY.get(self._of or str(getattr(self, "metric", "")))

    # what an instance holds under these names goes before: a chance level that was measured is better than words
    @functools.cached_property
    def range(self) -> tuple[float, float]:
        """Ends of the range of the number; infinite for a function of the user's own."""
        row = self._row()
        return (-_INF, _INF) if row is None else (row.low, row.high)

    @functools.cached_property
    def chance(self) -> str | float:
        """What a representation without structure scores: a number where the result holds one, else in words."""
        row = self._row()
        return "" if row is None else row.chance

    @functools.cached_property
    def direction(self) -> str:
        """The end that is more of what the metric is about: "higher", "lower" or "either"."""
        row = self._row()
        return "either" if row is None else row.direction


class Level(OnScale, float):
    """A number like any other that knows its metric."""

    metric: str

    def __new__(cls, value: float, metric: str) -> Level:
        """The number with the name of its metric."""
        found = super().__new__(cls, value)
        found.metric = metric
        return found

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.metric


class Count(OnScale, int):
    """A whole number that knows its metric."""

    metric: str

    def __new__(cls, value: int, metric: str) -> Count:
        """The number with the name of its metric."""
        found = super().__new__(cls, value)
        found.metric = metric
        return found

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]
        return int(self), self.metric
