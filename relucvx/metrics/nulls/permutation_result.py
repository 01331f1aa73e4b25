"""What a permutation test finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.metrics.figures import COLOURS, axes_or_new, tidy
from relucvx.metrics.nulls.p_values import TIES, corrected_p_values, lot
from relucvx.metrics.nulls.scored import Scored
from relucvx.types import Array


@dataclass(frozen=True)
class PermutationTest(Scored):
    """A score, and what it is when the relation it measures is left to chance.

    Attributes
    ----------
    metric, statistic : str
        What was scored; ``statistic`` is a field of its result, or empty.
    scheme : str
        How chance was made.
    names : tuple of str
        Of the numbers scored: one, or one for each pair of layers or each variable.
    observed : ndarray of shape (k,)
        The scores of the data.
    null_values : ndarray of shape (N, k)
        The scores of the N draws that were finished.
    p_values : ndarray of shape (k,)
        (1 + draws at least as extreme) / (1 + N), with ties as ``ties`` says; NaN for a score that is undefined, and
        without a draw.
    corrected_p_values : ndarray of shape (k,)
        The same against the most extreme of all k scores of a draw: the chance that any of k unrelated ones gets so far.
    z : ndarray of shape (k,)
        Distance from the mean of the null values, in their standard deviations.
    intervals : ndarray of shape (k, 2)
        Central interval of the null values that holds the share ``confidence`` of them.
    critical : ndarray of shape (k,)
        What the best of all k scores stays below in the share ``confidence`` of the draws; above, for "less".
    alternative : str
        Which end counts as extreme.
    confidence : float
    n_asked : int
        Draws asked for; as many rows of ``null_values`` unless the work was cut.
    seed : int
        ``rng=seed`` gives the same draws again.
    scale : str
        Range, chance and direction of the metric; empty for a function of the user's own.
    note : str
        What there is to know before the numbers are believed.
    ties : str
        What draws that equal the score count as: "finer", what ``finer`` says of them, extreme where it says nothing;
        "count", extreme; "lot", those before the data in a random order.
    finer : ndarray of shape (k,), or None
        A finer number of the data, by which equal scores are ordered; None for a metric without.
    null_finer : ndarray of shape (N, k), or None
        That of the draws whose score equals that of the data; NaN for the others.

    Notes
    -----
    Status: a record of what :func:`permutation_test` finds, which states what it rests on. Source: [phipson-smyth-2010].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> Z, labels = rng.standard_normal((40, 3)), np.repeat([0, 1], 20)
    >>> Z[labels == 1] += 3.0
    >>> found = rx.metrics.permutation_test("linear_probe", Z, labels, n_permutations=19, rng=0)
    >>> float(found.value), found.p_value, found.n_permutations
    (1.0, 0.05, 19)
    """

    scheme: str
    observed: Array
    null_values: Array
    p_values: Array
    corrected_p_values: Array
    z: Array
    intervals: Array
    critical: Array
    alternative: str
    ties: str = "finer"
    finer: Array | None = None
    null_finer: Array | None = None

    @property
    def n_permutations(self) -> int:
        """Draws that were finished."""
        return len(self.null_values)

    @property
    def best(self) -> int:
        """Place of the score that chance explains least: of the smallest corrected p-value, and among these the largest z."""
        worst = np.where(np.isnan(self.corrected_p_values), 2.0, self.corrected_p_values)
        sign = {"greater": 1.0, "less": -1.0}.get(self.alternative)
        far = np.nan_to_num(np.abs(self.z) if sign is None else sign * self.z, nan=-np.inf)
        return int(np.lexsort((-far, worst))[0])

    @property
    def value(self) -> float:
        """The score, or the best one."""
        return float(self.observed[self.best])

    @property
    def p_value(self) -> float:
        """P-value of the score; of the best of several, corrected for their number."""
        return float(self.corrected_p_values[self.best])

    @property
    def randomised_p_value(self) -> float:
        """What ``p_value`` is with ``ties="lot"``: the data in a random place, which ``seed`` says, among its ties."""
        if not len(self.null_values):
            return float("nan")
        every = corrected_p_values(self.observed, self.null_values, self.alternative, lot(self.seed))
        known = every[~np.isnan(every)]
        return float(known.min()) if known.size else float("nan")

    @property
    def adjusted(self) -> Array:
        """(score - mean of the null values) / (1 - that mean): 0 on average for unrelated data, 1 for a score of 1."""
        if not len(self.null_values):
            return np.full(len(self.observed), np.nan)
        mean = self.null_values.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.observed - mean) / (1.0 - mean))

    @property
    def calibrated(self) -> Array:
        """max(score - critical, 0) / (1 - critical): 0 for what chance reaches, 1 for a score of 1; NaN but for "greater"."""
        if self.alternative != "greater":
            return np.full(len(self.observed), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            above = np.where(np.isnan(self.observed), np.nan, np.maximum(self.observed - self.critical, 0.0))
            return np.asarray(above / (1.0 - self.critical))

    def facts(self) -> dict[str, Any]:
        """The score and its p-value, how chance was made, and what to know about both."""
        which = {} if len(self.names) == 1 else {"best": self.names[self.best], "n_scores": len(self.names)}
        k = self.best
        return {
            "metric": self.metric, "value": self.value, "p_value": self.p_value, "z": float(self.z[k]),
            "scheme": self.scheme, "alternative": self.alternative, **which, "statistic": self.statistic,
            "null_low": float(self.intervals[k, 0]), "null_high": float(self.intervals[k, 1]),
            "adjusted": float(self.adjusted[k]), "n_permutations": self.n_permutations, "n_asked": self.n_asked,
            "seed": self.seed, **({"ties": self.ties} if self.ties != TIES[0] else {}), "scale": self.scale, "note": self.note,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per score."""
        for k, name in enumerate(self.names):
            yield {
                "score": name, "value": float(self.observed[k]), "p_value": float(self.p_values[k]),
                "corrected_p_value": float(self.corrected_p_values[k]), "z": float(self.z[k]),
                "null_low": float(self.intervals[k, 0]), "null_high": float(self.intervals[k, 1]),
                "adjusted": float(self.adjusted[k]), "calibrated": float(self.calibrated[k]),
            }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw how the null values are spread and where the score is; of several, their null intervals; returns the axes."""
        if len(self.names) > 1:
            return self._plot_each(ax, self.intervals, "observed", self.observed)
        ax = axes_or_new(ax)
        values = self.null_values[np.isfinite(self.null_values)]
        ax.hist(values, bins=min(40, max(5, len(values) // 5)), color=COLOURS[0], alpha=0.6, label="by chance")
        ax.axvline(self.value, color=COLOURS[1], lw=2.0, label=f"observed, p = {self.p_value:.3g}")
        ax.set_xlabel(self.label)
        ax.set_ylabel("draws")
        ax.legend(frameon=False, fontsize="small")
        return tidy(ax)
