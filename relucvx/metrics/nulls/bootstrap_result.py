"""What a bootstrap finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from relucvx.metrics.figures import COLOURS, axes_or_new, tidy
from relucvx.metrics.nulls.scored import Scored
from relucvx.types import Array


@dataclass(frozen=True)
class Bootstrap(Scored):
    """A score with an interval.

    Attributes
    ----------
    metric, statistic : str
        What was scored; ``statistic`` is a field of its result, or empty.
    over : str
        What was drawn anew: trials, conditions, neurons or sessions.
    method : str
        ``"copies"`` (drawn with replacement) or ``"halves"`` (random halves without).
    names : tuple of str
        Of the numbers scored.
    values : ndarray of shape (k,)
        The scores of the data.
    resampled : ndarray of shape (N, k)
        The scores of the N draws that were finished.
    standard_errors : ndarray of shape (k,)
    intervals : ndarray of shape (k, 2)
    confidence : float
        What the intervals aim at; what they reach is said by :func:`bootstrap`.
    n_units : int
        Trials, conditions, neurons or sessions there are.
    n_asked : int
        Draws asked for; as many rows of ``resampled`` unless the work was cut.
    seed : int
        ``rng=seed`` gives the same draws again.
    scale : str
        Range, chance and direction of the metric; empty for a function of the user's own.
    note : str
        What there is to know before the numbers are believed.

    Notes
    -----
    Status: a record of what :func:`bootstrap` finds, which states what it rests on. Source: [efron-1979].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z = np.random.default_rng(0).standard_normal((60, 5))
    >>> found = rx.metrics.bootstrap("participation_ratio", Z, n_resamples=50, rng=0)
    >>> bool(found.interval[0] < found.value < found.interval[1]), found.n_units, found.method
    (True, 60, 'copies')
    """

    over: str
    method: str
    values: Array
    resampled: Array
    standard_errors: Array
    intervals: Array
    n_units: int

    @property
    def n_resamples(self) -> int:
        """Draws that were finished."""
        return len(self.resampled)

    @property
    def value(self) -> float:
        """The first score."""
        return float(self.values[0])

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the first score."""
        return float(self.intervals[0, 0]), float(self.intervals[0, 1])

    @property
    def low(self) -> float:
        """Lower end of the interval of the first score."""
        return self.interval[0]

    @property
    def high(self) -> float:
        """Upper end of the interval of the first score."""
        return self.interval[1]

    def facts(self) -> dict[str, Any]:
        """The score with its interval, what was drawn, and what to know about it."""
        return {
            "metric": self.metric, "value": self.value, "low": self.low, "high": self.high,
            "confidence": self.confidence, "over": self.over, "n_units": self.n_units, "method": self.method,
            "statistic": self.statistic, "standard_error": float(self.standard_errors[0]), "n_scores": len(self.names),
            "n_resamples": self.n_resamples, "n_asked": self.n_asked, "seed": self.seed, "scale": self.scale,
            "note": self.note,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per score."""
        for k, name in enumerate(self.names):
            yield {
                "score": name, "value": float(self.values[k]), "low": float(self.intervals[k, 0]),
                "high": float(self.intervals[k, 1]), "standard_error": float(self.standard_errors[k]),
            }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw each score with its interval; returns the axes."""
        if len(self.names) > 1:
            return self._plot_each(ax, self.intervals, "value", self.values)
        ax = axes_or_new(ax, 5.2, 1.8)
        ax.hlines([0], *self.interval, color=COLOURS[0], lw=3.0, alpha=0.55)
        ax.plot([self.value], [0], "o", color=COLOURS[1])
        ax.set_yticks([0], [f"over {self.over}"])
        ax.set_xlabel(self.label)
        return tidy(ax)
