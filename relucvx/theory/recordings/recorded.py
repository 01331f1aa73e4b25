"""The kernel of a recording with what new trials could have made of it, and the task that its factors stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.kernel.representation import as_kernel
from relucvx.metrics import Recording, noise_corrected_kernel
from relucvx.metrics.recordings.reading import words
from relucvx.types import Array
from relucvx.validation import as_matrix

FEWEST = 4
"""Trials of a condition: two halves with two trials each."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """A kernel of conditions, and how it would differ in new recordings.

    Attributes
    ----------
    kernel : ndarray, shape (n, n)
        Unbiased.
    deviations : ndarray, shape (B, n, n)
        Of the kernel in recordings with other trials, and other neurons; none for a kernel that is given.
    names : tuple of str
        Of the conditions.
    recording : Recording or None
    sampled : bool
        Whether other neurons are meant as well as other trials.
    neurons : ndarray, shape (p, n, n)
        Kernels of single neurons, whose sum is the kernel; none where neurons are not sampled.
    draws : ndarray of int, shape (B, p)
        How often each of them is in the neurons that a deviation is of.
    """

    kernel: Array
    deviations: Array
    names: tuple[str, ...]
    recording: Recording | None
    sampled: bool = False
    neurons: Array = field(default_factory=lambda: np.zeros((0, 1, 1)))
    draws: Array = field(default_factory=lambda: np.zeros((0, 0)))

    def radius(self, basis: Array, confidence: float) -> float:
        """Within it of the kernel, as seen through Uᵀ(·)U, lies a multiple of the true one; 0 for a kernel that is given.

        What changes the scale alone does not count. Few neurons with an uneven code are known worse than they look: each
        distance is divided by the spread that its own neurons show, and the quantile multiplied by that of all.
        """
        if not len(self.deviations):
            return 0.0
        own = (basis.T @ self.kernel @ basis).ravel()
        moved = (basis.T @ self.deviations @ basis).reshape(len(self.deviations), -1)
        sizes = np.linalg.norm(_beside(moved, own), axis=1)
        if not len(self.neurons):
            return _quantile(sizes, confidence)
        parts = (basis.T @ self.neurons @ basis).reshape(len(self.neurons), -1)
        over_trials = moved - (self.draws @ parts - own)
        steady = float(np.mean(np.sum(_beside(over_trials, own) ** 2, axis=1)))
        whole = np.ones((1, len(parts)))
        now, then = (np.sqrt(_variance(parts, counts) + steady) for counts in (whole, self.draws))
        return float(now[0]) * _quantile(np.divide(sizes, then, out=np.zeros_like(sizes), where=then > 0.0), confidence)

    def share_of_neurons(self, basis: Array) -> float:
        """Of the squared deviations: what is due to which neurons were recorded; 0 where these stand for themselves."""
        if not len(self.neurons):
            return 0.0
        seen = [basis.T @ one @ basis for one in (self.deviations, np.tensordot(self.draws - 1.0, self.neurons, 1))]
        total, sampled = (float(np.sum(one**2)) for one in seen)
        return min(sampled / total, 1.0) if total > 0.0 else 0.0

    def interval(self, values: Any, confidence: float) -> tuple[float, float, float]:
        """A number of kernels (k, n, n), and an interval: half of the spread over new recordings to each side."""
        own = float(values(self.kernel[None])[0])
        if not len(self.deviations):
            return own, own, own
        drawn = values(self.kernel + self.deviations)
        known = drawn[np.isfinite(drawn)]
        if len(known) < confidence * len(drawn) or not np.isfinite(own):
            return own, -np.inf, np.inf
        tail = (1.0 - confidence) / 2.0
        half = (_quantile(known, 1.0 - tail) - _quantile(known, tail)) / 2.0
        return own, own - half, own + half


def _quantile(values: Array, share: float) -> float:
    """A new draw is below it with this probability: one of a hundred leaves a hundred and one places for it."""
    return float(np.quantile(values, share, method="weibull"))


def _beside(vectors: Array, line: Array) -> Array:
    """Vectors (k, m) without their part along a line (m,)."""
    direction = line / max(float(np.linalg.norm(line)), 1e-300)
    return np.asarray(vectors - np.outer(vectors @ direction, direction))


def _variance(parts: Array, counts: Array) -> Array:
    """Of the sum of so many (B, p) of each of the parts (p, m), beside the direction of that sum."""
    totals = counts @ parts
    along = (totals / np.maximum(np.linalg.norm(totals, axis=1, keepdims=True), 1e-300)) @ parts.T
    # beside its own direction a sum is zero: so is the mean of its parts
    squares = np.sum(counts * (np.sum(parts * parts, axis=1) - along * along), axis=1)
    return np.maximum(squares, 0.0) * len(parts) / max(len(parts) - 1, 1)


def check_recorded(recording: Any, sampled: bool) -> tuple[tuple[str, ...], Recording | None]:
    """Names of the conditions of a recording, or of a kernel that is given, of which :func:`estimate` can be asked.

    Raises
    ------
    InvalidInputError
        For what is neither, a recording with time bins, conditions with fewer than four trials or repeats, and fewer than
        four neurons of a sample: before anything takes long.
    """
    if not isinstance(recording, Recording):
        return tuple(map(str, range(len(as_kernel(recording, "recording"))))), None
    if recording.time is not None:
        bins = f"{len(recording.time)} time bins"
        raise InvalidInputError(explain("a recording without time bins", bins, "", "recording.window(start, stop)"))
    _units(recording)
    if sampled and recording.n_neurons < FEWEST:
        known = "what others would do is not known from so few"
        raise InvalidInputError(explain(f"at least {FEWEST} neurons", f"{recording.n_neurons}", known, 'neurons="all"'))
    return tuple(map(words, recording.conditions)), recording


def estimate(recording: Any, count: int, sampled: bool, rng: np.random.Generator) -> Estimate:
    """The kernel of a recording, or a kernel that is given; with ``sampled`` its neurons are a sample of more.

    Raises
    ------
    InvalidInputError
        As :func:`check_recorded`.
    """
    names, known = check_recorded(recording, sampled)
    if known is None:
        K = as_kernel(recording, "recording")
        return Estimate(K, np.zeros((0, *K.shape)), names, None)
    K, spread = recording.kernel().kernel, _over_trials(recording, count, rng)
    if not sampled:
        return Estimate(K, spread, names, recording)
    parts = _of_neurons(recording)
    p = len(parts)
    draws = rng.multinomial(p, np.full(p, 1.0 / p), size=count).astype(np.float64)
    spread = spread + np.tensordot(draws - 1.0, parts, 1)
    return Estimate(K, spread, names, recording, True, parts, draws)


def _over_trials(recording: Recording, count: int, rng: np.random.Generator) -> Array:
    """Deviations of kernels (count, n, n) in recordings of other trials."""
    units, strata = _units(recording)
    drawn, kept = [], sum(len(members) // 2 for members in strata)
    for _ in range(count):
        halves = [rng.choice(members, len(members) // 2, replace=False) for members in strata]
        rows = np.sort(np.concatenate([units[k] for k in np.concatenate(halves)]))
        drawn.append(_kernel(recording, rows))
    # the variance of half of the trials, given all, is that of all of them, up to the odd one
    factor = kept / (sum(map(len, strata)) - kept)
    return np.asarray((np.array(drawn) - np.mean(drawn, axis=0)) * np.sqrt(factor))


def _kernel(recording: Recording, rows: Any) -> Array:
    """The kernel of some of the trials."""
    if not recording.complete:
        return recording.select(trials=rows).kernel().kernel
    runs = None if recording.runs is None else [recording.runs[i] for i in rows]
    return noise_corrected_kernel(recording.activity[rows], recording.groups.codes[rows], runs).kernel


def _of_neurons(recording: Recording) -> Array:
    """Kernels (p, n, n) of single neurons: that of the recording is their sum."""
    if recording.complete:
        each = [
            noise_corrected_kernel(recording.activity[:, [k]], recording.condition, recording.runs)
            for k in range(recording.n_neurons)
        ]
    else:
        each = [recording.select(neurons=[name]).kernel() for name in recording.neurons]
    return np.array([one.kernel for one in each])


def _units(recording: Recording) -> tuple[list[Any], list[Any]]:
    """What another recording would draw anew, as rows: trials, or repeats whose noise is shared; and strata of these."""
    codes = recording.groups.codes
    sittings = recording.sittings
    if recording.runs is None:
        cells = [
            np.flatnonzero((codes == c) & (sittings.codes == s))
            for c in range(len(recording.conditions)) for s in range(len(sittings.names))
        ]  # fmt: skip
        strata = [cell for cell in cells if len(cell)]
        units: list[Any] = [np.array([i]) for i in range(recording.n_trials)]
        what = "trials of a condition in a session" if len(sittings.names) > 1 else "trials of a condition"
    else:
        runs = list(dict.fromkeys(recording.runs))
        units = [np.array([i for i, run in enumerate(recording.runs) if run == one]) for one in runs]
        strata = [
            np.array([k for k, rows in enumerate(units) if sittings.codes[rows[0]] == s])
            for s in range(len(sittings.names))
        ]
        what = "repeats"
    fewest = min(map(len, strata))
    if fewest < FEWEST:
        raise InvalidInputError(
            explain(
                f"at least {FEWEST} {what}", f"{fewest}", "the noise of the kernel is that of its two halves",
                "recording.kernel().kernel for the estimate alone, with targets=",
            )
        )  # fmt: skip
    return units, strata


def targets_of(recording: Recording | None, targets: Any, n: int) -> Array:
    """The task (n, c): as given, or ±1 for factors of two values and one column per value for others.

    Raises
    ------
    InvalidInputError
        For a kernel or a recording without factors where no targets are given, and for another number of rows.
    """
    if targets is not None:
        Y = as_matrix(targets, "targets", allow_vector=True)
        if len(Y) != n:
            raise InvalidInputError(
                explain(f"targets of shape ({n}, c), one row per condition", f"shape {Y.shape}", "one row per trial")
            )
        return Y
    if recording is None or not recording.factors:
        raise InvalidInputError(
            explain(
                "targets, the task of the conditions", "a recording without factors" if recording else "a kernel alone",
                "", "targets=Y of shape (conditions, outputs)",
            )
        )  # fmt: skip
    columns = []
    for column in np.asarray(recording.condition_factors, dtype=object).T:
        values = list(dict.fromkeys(column.tolist()))
        if len(values) == 2:
            last = max(values, key=str)
            columns.append(np.array([1.0 if value == last else -1.0 for value in column]))
        elif len(values) > 2:
            columns += [np.array([float(value == one) for value in column]) for one in values]
    if not columns:
        raise InvalidInputError(
            explain("a factor with two values or more", "factors of one value each", "", "targets=Y")
        )
    return np.column_stack(columns)
