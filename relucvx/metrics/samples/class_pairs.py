"""Pairs of samples of one class: how they are drawn, averaged, and how far their average may be off."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special

from relucvx.metrics.figures import bars, intervals
from relucvx.metrics.samples.groups import Groups, Indices
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, Result

Interval = tuple[float, float]


@dataclass(frozen=True)
class ConvexityNull(Result):
    """Convexity of the same points under permuted labels: what a representation without classes would score.

    Attributes
    ----------
    mean : float
        Mean of the overall score over the permutations.
    interval : tuple of two floats
        Central interval that holds the share ``confidence`` of the permuted scores.
    p_value : float
        (1 + permutations scoring at least as high as the labels) / (1 + permutations); a valid p-value at any number
        of permutations.
    class_means, class_intervals, class_p_values : dict
        The same per class, keyed by label; NaN for a class of one sample.
    n_permutations : int
        Permutations drawn.
    confidence : float
        Share held by the intervals.

    Notes
    -----
    Status: a record of what :func:`graph_convexity` finds, which states what it rests on.
    Source: [tetkova-2025], [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z = np.random.default_rng(0).standard_normal((30, 2)) + np.repeat([[0.0], [9.0]], 15, axis=0)
    >>> found = rx.metrics.graph_convexity(Z, np.repeat([0, 1], 15), k=4, rng=0, n_permutations=30).null
    >>> bool(found.mean < 1.0), bool(found.p_value < 0.05), found.n_permutations
    (True, True, 30)
    """

    mean: float
    interval: Interval
    p_value: float
    class_means: dict[Any, float]
    class_intervals: dict[Any, Interval]
    class_p_values: dict[Any, float]
    n_permutations: int
    confidence: float

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per class: mean and interval of the permuted scores, and the p-value."""
        for label, mean in self.class_means.items():
            low, high = self.class_intervals[label]
            yield {"class": label, "mean": mean, "low": low, "high": high, "p_value": self.class_p_values[label]}

    def plot(self, ax: Any = None) -> Any:
        """Draw the interval of the permuted scores of each class; returns the axes."""
        ends = np.array(list(self.class_intervals.values())).reshape(-1, 2).T
        means = {"mean": list(self.class_means.values())}
        return intervals(ax, list(self.class_means), ends[0], ends[1], "convexity under permuted labels", means)


@dataclass(frozen=True)
class Convexity(OnScale, Result):
    """Convexity of a labelled set of points, as fractions between 0 and 1.

    Attributes
    ----------
    overall : float
        Mean over all pairs scored (classes weigh by their pairs); NaN without a pair.
    per_class : dict
        Mean over the pairs of each class, keyed by label; NaN for a class of one sample.
    n_pairs : dict
        Pairs scored in each class.
    interval : tuple of two floats, or None
        Confidence interval of ``overall`` when asked for.
    class_intervals : dict or None
        Confidence interval of each class, keyed by label; NaN for a class too small.
    confidence : float or None
        Nominal coverage of the intervals.
    null : ConvexityNull or None
        Scores under permuted labels when asked for.
    metric : str
        Name of the metric.

    Notes
    -----
    Status: a record of what :func:`graph_convexity` finds, which states what it rests on. Source: [tetkova-2025].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z = np.random.default_rng(0).standard_normal((30, 2)) + np.repeat([[0.0], [9.0]], 15, axis=0)
    >>> found = rx.metrics.graph_convexity(Z, np.repeat(["a", "b"], 15), k=4, rng=0)
    >>> found.overall, found.per_class
    (1.0, {'a': 1.0, 'b': 1.0})
    """

    overall: float
    per_class: dict[Any, float]
    n_pairs: dict[Any, int]
    interval: Interval | None = None
    class_intervals: dict[Any, Interval] | None = None
    confidence: float | None = None
    null: ConvexityNull | None = None
    metric: str = field(default="", repr=False, compare=False)

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per class: its convexity and pairs, and the interval where one was asked for."""
        for label, value in self.per_class.items():
            low, high = (self.class_intervals or {}).get(label, (math.nan, math.nan))
            interval = {} if self.class_intervals is None else {"low": low, "high": high}
            yield {"class": label, "convexity": value, "pairs": self.n_pairs[label], **interval}

    def plot(self, ax: Any = None) -> Any:
        """Draw the convexity of each class, with its interval where there is one, and the overall one; returns the axes."""
        spans = None if self.class_intervals is None else [self.class_intervals[label] for label in self.per_class]
        ax = bars(ax, list(self.per_class), list(self.per_class.values()), "convexity", spans)
        ax.axhline(self.overall, color="0.5", lw=1.0, ls="--", label="overall")
        ax.set_ylim(0.0, 1.05)
        ax.legend(frameon=False, fontsize="small")
        return ax


def class_members(groups: Groups) -> list[Indices]:
    """Rows of each class."""
    return [np.flatnonzero(groups.codes == c) for c in range(len(groups.names))]


def draw_pairs(members: Indices, limit: int | None, rng: np.random.Generator, unordered: bool = False) -> Indices:
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
        # m - 1 partners for each, the sample itself left out
        i, j = np.divmod(number, max(m - 1, 1))
        j = j + (j >= i)
    return members[np.stack([i, j], axis=1)]


def class_means(scores: Array, counts: Sequence[int]) -> Array:
    """Mean score of each class and, last, of all pairs; NaN without a pair."""
    parts = np.split(scores, np.cumsum(counts)[:-1])
    return averages(np.array([[part.sum() for part in parts]]), counts)[0]


def averages(sums: Array, counts: Sequence[int]) -> Array:
    """From sums of scores per class (columns) to their means, with that of all pairs appended; NaN without a pair."""
    with np.errstate(invalid="ignore"):
        means: Array = np.column_stack([sums, sums.sum(axis=1)]) / np.array([*counts, sum(counts)])
    return means


def collect(
    groups: Groups,
    counts: Sequence[int],
    means: Array,
    limits: Array | None = None,
    confidence: float | None = None,
    null: Array | None = None,
    metric: str = "",
) -> Convexity:
    """A result from means per class and overall (C + 1), their limits (C + 1, 2), and permuted means (N, C + 1)."""
    per_class = dict(zip(groups.names, means[:-1].tolist(), strict=True))
    intervals = [] if limits is None else [(low, high) for low, high in limits.tolist()]
    return Convexity(
        float(means[-1]),
        per_class,
        dict(zip(groups.names, counts, strict=True)),
        interval=intervals[-1] if intervals else None,
        class_intervals=dict(zip(groups.names, intervals[:-1], strict=True)) if intervals else None,
        confidence=confidence,
        null=None if null is None else _summary(groups, means, null, confidence or 0.95),
        metric=metric,
    )


def _summary(groups: Groups, means: Array, null: Array, confidence: float) -> ConvexityNull:
    """Mean, central interval and p-value of permuted scores, column by column."""
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    low, high = np.quantile(null, tails, axis=0)
    # a permuted score equal to the observed one may differ from it by the rounding of another order of summation
    reached = 1 + np.count_nonzero(null >= means - 1e-12, axis=0)
    p = np.where(np.isnan(means), np.nan, reached / (1.0 + len(null)))
    names = groups.names
    intervals = list(zip(low.tolist(), high.tolist(), strict=True))
    return ConvexityNull(
        mean=float(null[:, -1].mean()),
        interval=intervals[-1],
        p_value=float(p[-1]),
        class_means=dict(zip(names, null[:, :-1].mean(axis=0).tolist(), strict=True)),
        class_intervals=dict(zip(names, intervals[:-1], strict=True)),
        class_p_values=dict(zip(names, p[:-1].tolist(), strict=True)),
        n_permutations=len(null),
        confidence=confidence,
    )


def dyadic_limits(groups: Groups, pairs: Sequence[Indices], scores: Array, confidence: float) -> Array:
    """Intervals of means over unordered pairs that share samples, per class and overall; shape (C + 1, 2).

    With e the scores minus their mean, the variance of the mean over M pairs is estimated by the sum of e_p e_q over
    the pairs p, q that have a sample in common, divided by M^2: sum_i (sum of e over the pairs of i)^2 - sum_p e_p^2.
    This is the jackknife over samples without its double count of each pair's own noise.
    """
    n, counts = len(groups.codes), [len(p) for p in pairs]
    variances, sizes = [], []
    for p, s in zip(pairs, np.split(scores, np.cumsum(counts)[:-1]), strict=True):
        e = s - s.mean() if len(s) else s
        per_sample = np.bincount(p[:, 0], e, n) + np.bincount(p[:, 1], e, n)
        own, m = float(e @ e), len(np.unique(p))
        # three samples or fewer: no two pairs are without a sample in common
        inflated = max(float(per_sample @ per_sample) - own, own) * m / (m - 2.0) if m > 3 else np.nan
        variances.append(inflated / max(len(s), 1) ** 2)
        sizes.append(m)
    shares = np.array(counts) / max(sum(counts), 1)
    used = shares > 0
    # pairs of different classes have no sample in common: what they add to the variance adds up
    variances.append(float(np.sum(shares[used] ** 2 * np.array(variances)[used])) if used.any() else np.nan)
    freedom = np.array([*(m - 1 for m in sizes), sum(m - 1 for m in sizes if m)])
    quantiles = special.stdtrit(np.maximum(freedom, 1), (1.0 + confidence) / 2.0)
    return _limits(class_means(scores, counts), np.array(variances), np.array([*sizes, sum(sizes)]), quantiles)


def half_sample_limits(
    groups: Groups,
    means: Array,
    evaluate: Callable[[Indices], Array],
    n_resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> Array:
    """Intervals from random halves of every class, per class and overall; shape (C + 1, 2).

    ``evaluate(rows)`` gives the means per class and overall of a subset. The variance over random halves of m samples
    is that of the whole, up to the factor b/(m - b) for b = m // 2: a half drawn without replacement varies about the
    whole as the whole varies about the truth. Sampling with replacement would put copies into the neighbour graph.
    """
    members, draws = class_members(groups), []
    for _ in range(n_resamples):
        chosen = [rng.choice(rows, max(len(rows) // 2, 1), replace=False) for rows in members]
        draws.append(evaluate(np.sort(np.concatenate(chosen))))
    sizes = np.append(groups.counts, len(groups.codes))
    ratios = (sizes // 2) / np.maximum(sizes - sizes // 2, 1)
    variances = np.var(draws, axis=0, ddof=1) * ratios
    quantile = float(special.ndtri((1.0 + confidence) / 2.0))
    return _limits(means, variances, sizes, np.full(len(means), quantile))


def _limits(means: Array, variances: Array, sizes: Indices, quantiles: Array) -> Array:
    """Wilson's interval for a share with a given variance: inside [0, 1], and of positive length at 0 and 1.

    The variance stands for mean (1 - mean) / N independent trials. Where either is zero, N is half the samples: as many
    pairs as have no sample in common.
    """
    bernoulli = means * (1.0 - means)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (variances > 1e-15) & (bernoulli > 1e-15)
        trials = np.where(known, bernoulli / variances, np.maximum(sizes // 2, 1))
    trials[np.isnan(variances)] = np.nan
    shift = quantiles**2 / trials
    centre = (means + shift / 2.0) / (1.0 + shift)
    half = quantiles * np.sqrt(bernoulli / trials + shift / (4.0 * trials)) / (1.0 + shift)
    # at 0 and 1 an end of the interval is the score itself, which rounding must not push out
    low, high = np.minimum(centre - half, means), np.maximum(centre + half, means)
    return np.clip(np.column_stack([low, high]), 0.0, 1.0)
