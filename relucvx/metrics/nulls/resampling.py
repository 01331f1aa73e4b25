"""Intervals of any score from trials, conditions, neurons or sessions that are drawn anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from relucvx.conversion import is_word
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying
from relucvx.metrics.nulls.bootstrap_result import Bootstrap
from relucvx.metrics.nulls.drawing import Drawn, as_processes, as_seed, gather
from relucvx.metrics.nulls.schemes import n_rows, take
from relucvx.metrics.nulls.scores import CODES, FACTORS, LABELS, Score, is_layers
from relucvx.metrics.recordings.standing_in import asked
from relucvx.metrics.samples.groups import Groups, Indices, as_conditions, as_factors, as_groups
from relucvx.metrics.scales import RANKS, Scale
from relucvx.progress import Shown, watched
from relucvx.types import Array, Rng
from relucvx.validation import as_count, as_fraction, as_matrix

OVER = ("trials", "conditions", "neurons", "sessions")

FEWEST = 0.5
"""Share of the draws in which a score must be defined for an interval to be made of them."""


@dataclass(frozen=True)
class Units:
    """What is drawn: units of rows, in strata that keep their number of units, or columns where ``rows`` is empty."""

    rows: tuple[Indices, ...]
    strata: tuple[Indices, ...]

    @property
    def n(self) -> int:
        """How many units there are."""
        return sum(len(s) for s in self.strata)

    def drawn(self, rng: np.random.Generator, halves: bool) -> Indices:
        """Units of one draw, in order."""
        if halves:
            return np.concatenate([np.sort(rng.choice(s, max(len(s) // 2, 1), replace=False)) for s in self.strata])
        return np.concatenate([np.sort(rng.choice(s, len(s))) for s in self.strata])

    def factor(self, halves: bool) -> float:
        """By what the variance over the draws is too small or large: exact for a mean over strata of one size."""
        sizes = np.array([len(s) for s in self.strata], dtype=float)
        kept = np.maximum(sizes // 2, 1.0)
        each = kept / np.maximum(sizes - kept, 1.0) if halves else sizes / np.maximum(sizes - 1.0, 1.0)
        return float(np.average(each, weights=sizes))


def bootstrap(
    metric: str | Callable[..., Any],
    Z: Any,
    other: Any = None,
    *,
    over: Literal["trials", "conditions", "neurons", "sessions"] = "trials",
    method: Literal["copies", "halves"] | None = None,
    statistic: str | None = None,
    of: str | None = None,
    conditions: Any = None,
    sessions: Any = None,
    n_resamples: int = 500,
    confidence: float = 0.95,
    rng: Rng = None,
    time_limit: float | None = None,
    n_jobs: int | None = 1,
    callback: Callable[[Drawn], Any] | None = None,
    progress: Shown = "auto",
    **options: Any,
) -> Bootstrap:
    """Interval of a score over new trials, conditions, neurons or sessions.

    The variance over N draws, corrected for how they are drawn, gives score ± t·s with Student's t for as many degrees of
    freedom as there are units beyond strata; where the metric has both ends, Wilson's form of it, which stays between them;
    where it has a lower end alone, the same for the logarithm of the distance from it, moved from the middle to the mean
    by half of its variance.

    Parameters
    ----------
    metric, Z, other, statistic, of
        As in :func:`permutation_test`.
    over : {"trials", "conditions", "neurons", "sessions"}
        What another recording would draw anew. Trials are drawn inside each label or combination of factors (of each of
        the ``conditions`` where these are given), conditions and sessions with all their rows, neurons of each
        representation by itself.
    method : {"copies", "halves"}, optional
        ``"copies"`` draws with replacement; ``"halves"`` random halves without, whose variance is that of the whole up to
        a known factor. Default: halves for scores that a sample standing twice would spoil (neighbours, distances,
        held-out trials, debiased kernels) and for functions of the user's own, else copies.
    conditions, sessions : sequence of length n, or array_like of shape (n, k), optional
        As in :func:`permutation_test`.
    n_resamples : int, default 500
    confidence : float, default 0.95
    rng, time_limit, n_jobs, callback, progress, **options
        As in :func:`permutation_test`.

    Returns
    -------
    Bootstrap
        Of Ctrl-C, :class:`relucvx.Interrupted` carries the same for the draws that were finished. Intervals are NaN where
        the score is undefined in half of the draws or more.

    Raises
    ------
    InvalidInputError
        For an unknown metric, ``over`` or method, groups that are lacking, a single unit, and as the metric.

    Notes
    -----
    The interval is about the expected score of another recording of the same size, its bias for that size included: a
    participation ratio of 20 trials is below that of 2,000, whatever the interval.

    Of 95 % intervals these held the mean score of fresh data sets (400 simulated ones each, so within 2 to 3 points, unless
    said; ``benchmarks/nulls.py``): over trials, parallelism of four noisy conditions 99 %, probes and mutual neighbours 98 %,
    neuron tuning 97 %, debiased CKA and Procrustes similarity 96 %, the correlation of distances and graph convexity 95 %,
    participation ratio of 40 trials 94.5 % (of 3,700; most that miss it lie above), generalisation 94 %, and NC1 of two classes
    that overlap 93.6 % (of 8,000; 91 % of 1,500 where they overlap so far that it now and then is very large); CKA over 24
    conditions 98 %; participation ratio over 40 neurons 97 %, over 16 sessions 95 %, and 100 % where all directions are
    alike, so that it is near the largest it can be. Of other scores it has not been measured.

    Source: [efron-1979], halves [politis-romano-1994].
    Status: heuristic (asymptotic).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> factors = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 10, axis=0)
    >>> Z = factors @ rng.standard_normal((2, 8)) + rng.standard_normal((40, 8))
    >>> found = rx.metrics.bootstrap("parallelism_score", Z, factors, n_resamples=100, rng=0)
    >>> print(f"{found.value:.2f} [{found.interval[0]:.2f}, {found.interval[1]:.2f}] over {found.over}")
    0.76 [0.25, 0.94] over trials
    """
    score, Z, other, conditions, sessions = asked(
        metric, Z, other, statistic, options, of=of, conditions=conditions, sessions=sessions, by=over, anew=True
    )
    if score.takes == CODES:
        raise InvalidInputError(
            explain("a score of samples", f"{score.name} of one walk", "", "folding of several walks")
        )
    count, jobs = as_count(n_resamples, "n_resamples", least=2), as_processes(n_jobs)
    confidence, seed, deadline = as_fraction(confidence, "confidence"), as_seed(rng), Deadline.of(time_limit)
    halves = _halves(method, score, over)
    units = _units(score, over, Z, other, conditions, sessions)
    names, values = score.named(Z, other)
    most = _most(score, Z)
    drawn: list[Array] = []

    def again(rng: np.random.Generator) -> Array:
        if over == "neurons":
            return score(_columns(Z, rng, halves), _columns(other, rng, halves) if score.takes == "pair" else other)
        rows = np.concatenate([units.rows[u] for u in units.drawn(rng, halves)])
        return score(take(Z, rows), None if other is None else take(other, rows))

    def one(rng: np.random.Generator) -> Array:
        try:
            return again(rng)
        except InvalidInputError:
            # the whole has a score: what this draw lacks is a class, or a value of a factor
            return np.full(len(values), np.nan)

    def summary(_: Any = None) -> Bootstrap:
        table = np.array(drawn).reshape(len(drawn), len(values))
        found = _summary(score, over, halves, names, values, table, units, confidence, count, seed)
        # what is beyond the largest value holds none: nothing is lost with it
        return dataclasses.replace(found, intervals=np.minimum(found.intervals, most))

    with carrying(summary), watched("resampling", progress, callback) as told:
        gather(one, drawn, count, seed, jobs, deadline, told)
    return summary()


def _halves(method: Any, score: Score, over: Any) -> bool:
    if not is_word(over, OVER):
        raise InvalidInputError(explain(f"over among {', '.join(OVER)}", repr(over), "", 'over="trials"'))
    if method is None:
        # a neuron that stands twice weighs twice; a sample is its own neighbour
        return score.spoiled and over != "neurons"
    if not is_word(method, ("copies", "halves")):
        raise InvalidInputError(explain('method "copies", "halves" or None', repr(method), "", "method=None"))
    return bool(method == "halves")


def _units(score: Score, over: str, Z: Any, other: Any, conditions: Any, sessions: Any) -> Units:
    n = n_rows(Z, other)
    if (over == "sessions") != (sessions is not None):
        raise InvalidInputError(explain('sessions with over="sessions", and only there', f'over="{over}"', "", ""))
    if over == "neurons":
        width = min(one.shape[1] for one in _representations(Z))
        return _checked(Units((), (np.arange(width),)), over)
    if over == "trials":
        groups = _strata(score, other, n, conditions)
        rows = tuple(np.array([i]) for i in range(n))
        return _checked(Units(rows, tuple(np.flatnonzero(groups.codes == c) for c in range(len(groups.names)))), over)
    given = sessions if over == "sessions" else conditions
    if given is None and score.takes == FACTORS:
        design = as_factors(other, n)
        groups = Groups(tuple(range(len(design.table))), design.condition)
    elif given is None:
        raise InvalidInputError(explain('conditions= with over="conditions"', "none", "", "conditions=labels"))
    else:
        groups = as_conditions(given, n, over)
    members = tuple(np.flatnonzero(groups.codes == c) for c in range(len(groups.names)))
    return _checked(Units(members, (np.arange(len(members)),)), over)


def _strata(score: Score, other: Any, n: int, conditions: Any) -> Groups:
    if conditions is not None:
        return as_conditions(conditions, n)
    if score.takes == FACTORS:
        design = as_factors(other, n)
        return Groups(tuple(range(len(design.table))), design.condition)
    return as_groups(other, n) if score.takes == LABELS else Groups(("all",), np.zeros(n, dtype=np.intp))


def _checked(units: Units, over: str) -> Units:
    smallest = min(len(s) for s in units.strata)
    if smallest < 2:
        raise InvalidInputError(
            explain(f"at least 2 {over} to draw from", f"{smallest}", "one of a kind says nothing about its spread")
        )
    return units


def _representations(Z: Any) -> list[Array]:
    return [as_matrix(one, "Z") for one in (Z.values() if isinstance(Z, Mapping) else Z if is_layers(Z) else [Z])]


def _columns(value: Any, rng: np.random.Generator, halves: bool) -> Any:
    """Neurons of a representation, or of each layer, drawn anew."""
    if isinstance(value, Mapping):
        return {name: _columns(one, rng, halves) for name, one in value.items()}
    if is_layers(value):
        return [_columns(one, rng, halves) for one in value]
    Z = as_matrix(value, "Z")
    p = Z.shape[1]
    return Z[:, rng.choice(p, max(p // 2, 1), replace=False) if halves else rng.choice(p, p)]


def _summary(
    score: Score, over: str, halves: bool, names: tuple[str, ...], values: Array, drawn: Array, units: Units,
    confidence: float, n_asked: int, seed: int,
) -> Bootstrap:  # fmt: skip
    defined = np.isfinite(drawn).sum(axis=0)
    spread = np.full(len(values), np.nan)
    enough = (defined >= 2) & (defined > FEWEST * len(drawn))
    spread[enough] = np.sqrt(np.nanvar(drawn[:, enough], axis=0, ddof=1) * units.factor(halves))
    freedom = max(units.n - len(units.strata), 1)
    t = float(special.stdtrit(freedom, (1.0 + confidence) / 2.0))
    notes = [score.note]
    if len(drawn) < n_asked:
        notes.append(f"stopped after {len(drawn)} of {n_asked} draws: the interval is of these alone")
    if len(drawn) and defined.min() < len(drawn):
        notes.append(
            f"the score is undefined in {len(drawn) - defined.min()} of {len(drawn)} draws, which are left out"
        )
    if units.n < 10:
        notes.append(f"only {units.n} {over}: the interval may be too short")
    notes.append(score.explained(values))
    return Bootstrap(
        metric=score.name, statistic=score.statistic, names=names, confidence=confidence, n_asked=n_asked, seed=seed,
        scale=score.range, note="; ".join(note for note in notes if note), over=over,
        method="halves" if halves else "copies", values=values, resampled=drawn, standard_errors=spread,
        intervals=_limits(score, values, drawn, spread, t, units.n), n_units=units.n,
    )  # fmt: skip


def _most(score: Score, Z: Any) -> float:
    """The largest that a score can be: numbers of directions are at most the rank of centred rows."""
    if score.name not in RANKS:
        return np.inf if score.scale is None else score.scale.high
    n, p = as_matrix(Z, "Z").shape
    return float(max(min(n - 1, p), 1))


def _limits(score: Score, values: Array, drawn: Array, spread: Array, t: float, n: int) -> Array:
    """score ± t·s; of the distance from the end of a range in proportion, and between two ends in Wilson's form."""
    plain = np.column_stack([values - t * spread, values + t * spread])
    scale = score.scale
    # debiased values lie outside the range that the biased ones have
    if scale is None or (values < scale.low).any():
        return plain
    if np.isfinite(scale.high):
        return _between(scale, values, spread, t, n)
    return _from_end(values - scale.low, drawn - scale.low, spread, t) + scale.low


def _from_end(distance: Array, drawn: Array, spread: Array, t: float) -> Array:
    """distance · e^(s²/2 ± t·s) with the spread s of its logarithm: what has one end varies in proportion.

    Half of the variance of a logarithm lies between the middle of a number and its mean, which the interval is about.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # what corrects the spread of the draws for how they are drawn corrects that of their logarithms
        corrected = spread / np.nanstd(drawn, axis=0, ddof=1)
        relative = corrected * np.nanstd(np.log(drawn), axis=0, ddof=1)
        s = np.where(np.isfinite(relative), relative, spread / distance)
        # never so far that the score itself is left out
        middle, factor = distance * np.exp(np.minimum(0.5 * s**2, t * s)), np.exp(t * s)
        ends = np.column_stack([middle / factor, middle * factor])
    # at the very end there is no proportion
    return np.where((distance > 0)[:, None], ends, np.column_stack([distance, distance + t * spread]))


def _between(scale: Scale, values: Array, spread: Array, t: float, n: int) -> Array:
    """Wilson's interval of a share, between the ends of the range."""
    width = scale.high - scale.low
    share, variance = np.clip((values - scale.low) / width, 0.0, 1.0), (spread / width) ** 2
    bernoulli = share * (1.0 - share)
    known = (variance > 1e-15) & (bernoulli > 1e-15)
    # as many independent trials as have this variance; at an end, where there is none, half the units
    trials = np.where(known, bernoulli / np.where(known, variance, 1.0), max(n // 2, 1))
    shift = t**2 / trials
    centre = (share + shift / 2.0) / (1.0 + shift)
    half = t * np.sqrt(bernoulli / trials + shift / (4.0 * trials)) / (1.0 + shift)
    wilson = np.column_stack([np.minimum(centre - half, share), np.maximum(centre + half, share)])
    return np.where(np.isnan(spread)[:, None], np.nan, scale.low + width * np.clip(wilson, 0.0, 1.0))
