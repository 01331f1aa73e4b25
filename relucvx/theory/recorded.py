"""The kernel of a recording with what new trials could have made of it, and the task that its factors stand for."""

from __future__ import annotations

from dataclasses import dataclass
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
        Of the kernel in recordings with other trials; none for a kernel that is given.
    names : tuple of str
        Of the conditions.
    recording : Recording or None
    sampled : bool
        Whether other neurons are meant as well as other trials.
    """

    kernel: Array
    deviations: Array
    names: tuple[str, ...]
    recording: Recording | None
    sampled: bool = False

    def radius(self, basis: Array, confidence: float) -> float:
        """Of a ball about the kernel, as seen through Uᵀ(·)U, that holds this share of them; 0 for a kernel that is given."""
        if not len(self.deviations):
            return 0.0
        sizes = np.linalg.norm(basis.T @ self.deviations @ basis, axis=(1, 2))
        return float(np.quantile(sizes, confidence))

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
        half = float(np.quantile(known, 1.0 - tail) - np.quantile(known, tail)) / 2.0
        return own, own - half, own + half


def estimate(recording: Any, count: int, sampled: bool, rng: np.random.Generator) -> Estimate:
    """The kernel of a recording, or a kernel that is given; with ``sampled`` its neurons are a sample of more.

    Raises
    ------
    InvalidInputError
        For what is neither, a recording with time bins, conditions with fewer than four trials or repeats, and fewer than
        four neurons of a sample.
    """
    if not isinstance(recording, Recording):
        K = as_kernel(recording, "recording")
        return Estimate(K, np.zeros((0, *K.shape)), tuple(map(str, range(len(K)))), None)
    K = recording.kernel().kernel
    spread = _over_trials(recording, count, rng)
    if sampled:
        spread = spread + _over_neurons(recording, K, count, rng)
    return Estimate(K, spread, tuple(map(words, recording.conditions)), recording, sampled)


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


def _over_neurons(recording: Recording, K: Array, count: int, rng: np.random.Generator) -> Array:
    """The same of other neurons: a kernel is a sum over neurons."""
    p = recording.n_neurons
    if p < FEWEST:
        raise InvalidInputError(
            explain(
                f"at least {FEWEST} neurons", f"{p}", "what others would do is not known from so few", 'neurons="all"'
            )
        )
    if recording.complete:
        each = [
            noise_corrected_kernel(recording.activity[:, [k]], recording.condition, recording.runs) for k in range(p)
        ]
    else:
        each = [recording.select(neurons=[name]).kernel() for name in recording.neurons]
    parts, half = np.array([one.kernel for one in each]), p // 2
    drawn = [p / half * parts[rng.choice(p, half, replace=False)].sum(axis=0) for _ in range(count)]
    return np.asarray((np.array(drawn) - K) * np.sqrt(half / (p - half)))


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
