"""Recorded activity: averages over the trials of a condition, and Gram matrices without the bias of trial noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import picture, strip
from relucvx.metrics.recordings.reading import words
from relucvx.metrics.samples.groups import Indices, as_conditions, as_groups
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_matrix


@dataclass(frozen=True)
class ConditionAverages(Result):
    """Mean activity of each condition.

    Attributes
    ----------
    means : ndarray of shape (P, p)
        One row per condition.
    conditions : tuple
        The labels in the order of the rows; tuples when conditions were given by several variables.
    n_trials : ndarray of shape (P,)
        Trials averaged.
    neurons : tuple of str
        Names of the columns; empty where they have none.

    Notes
    -----
    Status: a record of what :func:`condition_averages` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.condition_averages([[1.0], [3.0], [10.0]], ["go", "go", "stop"])
    >>> found.conditions, found.means.tolist(), found.n_trials.tolist()
    (('go', 'stop'), [[2.0], [10.0]], [2, 1])
    """

    means: Array
    conditions: tuple[Any, ...]
    n_trials: Indices
    neurons: tuple[str, ...] = ()

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per condition: its trials, and its mean activity."""
        names = self.neurons or tuple(f"z{k}" for k in range(self.means.shape[1]))
        for label, trials, row in zip(self.conditions, self.n_trials, self.means, strict=True):
            about = {"condition": words(label), "trials": int(trials)}
            yield {**about, **dict(zip(names, map(float, row), strict=True))}

    def plot(self, ax: Any = None) -> Any:
        """Draw the means, conditions from top to bottom; returns the axes."""
        names, columns = [words(label) for label in self.conditions], self.neurons or range(self.means.shape[1])
        ax = strip(ax, self.means, names, columns, "mean activity")
        ax.set_xlabel("neuron")
        return ax

    @property
    def factors(self) -> Any:
        """The variables of each condition as an array (P, d_Y), for metrics that ask for ``factors``."""
        return _table(self.conditions)


@dataclass(frozen=True)
class NoiseCorrectedKernel(Result):
    """Unbiased Gram matrix of the mean activities of conditions.

    Attributes
    ----------
    kernel : ndarray of shape (P, P)
        Estimate of the inner products of the condition means; symmetric, negative eigenvalues are possible.
    conditions : tuple
        The labels in the order of the rows; tuples when conditions were given by several variables.
    n_pairs : ndarray of shape (P, P)
        Pairs of trials from different repeats behind each entry.
    smallest_eigenvalue : float
        Of ``kernel``; far below zero compared with the largest when noise dominates.

    Notes
    -----
    Status: a record of what :func:`noise_corrected_kernel` finds, which states what it rests on.
    Source: [walther-2016].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.noise_corrected_kernel([[1.0], [1.2], [3.0], [2.8]], [0, 0, 1, 1])
    >>> found.kernel.round(6).tolist(), found.conditions
    ([[1.2, 3.19], [3.19, 8.4]], (0, 1))
    """

    kernel: Array
    conditions: tuple[Any, ...]
    n_pairs: Indices
    smallest_eigenvalue: float

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per condition: its row of the kernel."""
        for label, row in zip(self.conditions, self.kernel, strict=True):
            pairs = zip(self.conditions, row, strict=True)
            yield {"condition": words(label), **{words(other): float(value) for other, value in pairs}}

    def plot(self, ax: Any = None) -> Any:
        """Draw the kernel; returns the axes."""
        names = [words(label) for label in self.conditions]
        return picture(ax, self.kernel, names, names, "inner product", signed=True)

    @property
    def factors(self) -> Any:
        """The variables of each condition as an array (P, d_Y), for metrics that ask for ``factors``."""
        return _table(self.conditions)

    @property
    def clipped(self) -> Array:
        """The closest Gram matrix: negative eigenvalues set to zero. No longer unbiased; traces grow."""
        values, vectors = np.linalg.eigh(self.kernel)
        out: Array = (vectors * np.maximum(values, 0.0)) @ vectors.T
        return (out + out.T) / 2.0


def condition_averages(Z: Any, conditions: ArrayLike) -> ConditionAverages:
    """Average the trials of each condition.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Trials.
    conditions : sequence of length n, or array_like of shape (n, d_Y)
        Condition of each trial: a label of any type, or the values of several variables.

    Returns
    -------
    ConditionAverages

    Raises
    ------
    InvalidInputError
        For another number of conditions than trials, or missing labels.

    Notes
    -----
    The mean of T trials still carries 1/T of the noise's variance, which adds to every squared norm and distance:
    :func:`noise_corrected_kernel` estimates inner products without it.

    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.metrics.condition_averages([[1.0], [3.0], [10.0]], ["go", "go", "stop"]).means.tolist()
    [[2.0], [10.0]]
    """
    Z = as_matrix(Z, "Z")
    groups = as_conditions(conditions, len(Z))
    return ConditionAverages(groups.means(Z), groups.names, groups.counts)


@timed("fewer conditions")
def noise_corrected_kernel(
    Z: Any, conditions: ArrayLike, repeats: Any = None, *, time_limit: float | None = None
) -> NoiseCorrectedKernel:
    """Gram matrix of condition means, estimated from products of trials of different repeats only.

    K_cc' is the mean of z_i . z_j over the trials i of c and j of c' that belong to different repeats. When noise is
    independent between repeats, E K_cc' = mu_c . mu_c' exactly, whatever its covariance within a repeat.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Trials.
    conditions : sequence of length n, or array_like of shape (n, d_Y)
        Condition of each trial: a label of any type, or the values of several variables.
    repeats : sequence of length n, optional
        Repeat (block, run, session) of each trial, of any type; default every trial is one of its own, which asks
        for noise that is independent between trials. Two halves give the split-half estimate.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    NoiseCorrectedKernel

    Raises
    ------
    InvalidInputError
        For a pair of conditions never seen in different repeats (a condition with a single trial), or shapes that do
        not fit.

    Notes
    -----
    K is symmetric and linear functions of it are unbiased: squared distances K_cc + K_dd - 2 K_cd (crossnobis distances
    for features whitened by the noise), traces. Ratios are consistent, not unbiased, and may leave their range:
    ``parallelism_score(kernel=K)`` may exceed 1 and is NaN where a squared difference is not positive;
    ``participation_ratio(kernel=K)`` and ``cka(kernel1=K, ...)`` accept negative eigenvalues, but tr K^2 grows with the
    noise, which lowers both: more trials are the remedy (the participation ratio is NaN for a trace that is not
    positive). ``ccgp(kernel=...)`` needs a true Gram matrix: pass ``clipped``.

    Source: [walther-2016].
    Status: theorem (unbiased under noise that is independent between repeats).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng, conditions = np.random.default_rng(0), np.repeat([0, 1], 50)
    >>> Z = np.array([[1.0, 0.0], [0.0, 1.0]])[conditions] + rng.standard_normal((100, 2))
    >>> means = rx.metrics.condition_averages(Z, conditions).means
    >>> K = rx.metrics.noise_corrected_kernel(Z, conditions).kernel
    >>> bool(np.trace(K) < np.trace(means @ means.T))  # without the variance that noise adds
    True
    """
    Z = as_matrix(Z, "Z")
    groups = as_conditions(conditions, len(Z))
    P = len(groups.names)
    n = groups.counts.astype(np.float64)
    # products of all trials less those of the same repeat: sums per condition will do, and no n x n matrix is formed
    total = groups.means(Z) * n[:, None]
    same, shared = np.zeros((P, P)), np.zeros((P, P))
    if repeats is None:
        # without repeats a trial shares its noise with itself alone
        same[np.diag_indices(P)] = np.bincount(groups.codes, np.sum(Z**2, axis=1), P)
        shared[np.diag_indices(P)] = n
    else:
        runs = as_groups(repeats, len(Z), name="repeats")
        # within a repeat noise is shared, between conditions too: the whole block of products goes
        for r in range(len(runs.names)):
            rows = np.flatnonzero(runs.codes == r)
            hot = np.zeros((P, len(rows)))
            hot[groups.codes[rows], np.arange(len(rows))] = 1.0
            sums, counts = hot @ Z[rows], hot.sum(axis=1)
            same += sums @ sums.T
            shared += np.outer(counts, counts)
    pairs = np.outer(n, n) - shared
    # an entry without a single pair of different repeats could only be guessed
    if pairs.min() < 1.0:
        c, d = np.argwhere(pairs < 1.0)[0]
        raise InvalidInputError(
            explain(
                "every pair of conditions in different repeats",
                f"no such pair of trials of {groups.names[c]!r} and {groups.names[d]!r}",
                "a condition with a single trial, or recorded in one repeat only",
                "condition_averages(Z, conditions) keeps the noise's bias but needs one trial",
            )
        )
    K = (total @ total.T - same) / pairs
    # symmetric up to rounding; negative eigenvalues stay, as any correction would bring a bias back
    K = (K + K.T) / 2.0
    smallest = float(np.linalg.eigvalsh(K)[0])
    return NoiseCorrectedKernel(K, groups.names, np.rint(pairs).astype(np.intp), smallest)


def _table(conditions: tuple[Any, ...]) -> Any:
    return np.array([c if isinstance(c, tuple) else (c,) for c in conditions])
