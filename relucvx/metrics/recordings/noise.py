"""Covariance of the noise of trials, shrunk so that it can be inverted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_instance, is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import picture
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.samples.groups import Groups
from relucvx.types import Array, Result

SHRINKAGES = ("diagonal", "identity", "variances", "none")


@dataclass(frozen=True)
class NoiseCovariance(Result):
    """Covariance of the trials around the means of their conditions.

    Attributes
    ----------
    covariance : ndarray of shape (p, p)
        0 between neurons that were never recorded together.
    shrinkage : str
        Towards what it was shrunk.
    share : float
        How far: 0 is the covariance of the residuals, 1 what it is shrunk towards. The largest where sessions recorded
        different neurons.
    n_residuals : int
        Trials behind it, the fewest of any neuron.
    degrees_of_freedom : int
        Of the residuals: trials less conditions, the fewest of any neuron.
    neurons : tuple of str

    Notes
    -----
    Status: a record of what :func:`noise_covariance` finds, which states what it rests on. Source: [ledoit-wolf-2004].

    Examples
    --------
    >>> import relucvx as rx
    >>> recording = rx.Recording([[1.0, 0.0], [3.0, 1.0], [0.0, 2.0], [2.0, 3.0]], condition=["A", "A", "B", "B"])
    >>> rx.metrics.noise_covariance(recording, shrinkage="none").covariance.tolist()
    [[2.0, 1.0], [1.0, 0.5]]
    """

    covariance: Array
    shrinkage: str
    share: float
    n_residuals: int
    degrees_of_freedom: int
    neurons: tuple[str, ...]

    @property
    def precision(self) -> Array:
        """The inverse.

        Raises
        ------
        InvalidInputError
            For a covariance that has none.
        """
        return inverse(self.covariance, self.neurons)

    @property
    def correlations(self) -> Array:
        """The covariance with a diagonal of ones; 0 for a neuron without noise."""
        size = np.sqrt(np.diag(self.covariance))
        safe = np.where(size > 0, size, 1.0)
        return np.asarray(self.covariance / safe[:, None] / safe)

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per neuron: its variance, and its mean correlation with the others."""
        p = len(self.neurons)
        means = (self.correlations.sum(axis=1) - np.diag(self.correlations)) / max(p - 1, 1)
        for name, variance, mean in zip(self.neurons, np.diag(self.covariance), means, strict=True):
            yield {"neuron": name, "variance": float(variance), "mean_correlation": float(mean)}

    def plot(self, ax: Any = None) -> Any:
        """Draw the correlations; returns the axes."""
        return picture(ax, self.correlations, self.neurons, self.neurons, "correlation of noise", signed=True)


@timed("fewer neurons")
def noise_covariance(
    recording: Recording,
    *,
    shrinkage: Literal["diagonal", "identity", "variances", "none"] = "diagonal",
    time_limit: float | None = None,
) -> NoiseCovariance:
    """Estimate the covariance of the noise from the trials around the means of their conditions.

    ``covariance = (1 - share) S + share T`` with S the covariance of the residuals (n - P degrees of freedom), and T its
    diagonal or its mean variance times the identity; the share minimises the expected squared error.

    Parameters
    ----------
    recording : Recording
        Without time bins (see its ``window``).
    shrinkage : {"diagonal", "identity", "variances", "none"}
        * ``"diagonal"``: correlations are shrunk, variances are not (Schäfer and Strimmer).
        * ``"identity"``: towards equal variances without correlation (Ledoit and Wolf).
        * ``"variances"``: the diagonal alone.
        * ``"none"``: as it is; it has no inverse for fewer degrees of freedom than neurons.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    NoiseCovariance

    Raises
    ------
    InvalidInputError
        For an unknown word, time bins, and conditions with a single trial each.

    Notes
    -----
    The same estimates as rsatoolbox's ``cov_from_unbalanced`` ("shrinkage_diag", "shrinkage_eye", "diag", "full").

    Source: [schafer-strimmer-2005], [ledoit-wolf-2004].
    Status: heuristic (an estimate from the trials there are).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> responses = np.random.default_rng(0).standard_normal((40, 30))
    >>> found = rx.metrics.noise_covariance(rx.Recording(responses, condition=[0, 1] * 20))
    >>> bool(0.5 < found.share <= 1.0), found.degrees_of_freedom  # independent neurons: little is left of correlations
    (True, 38)
    """
    as_instance(recording, Recording, "recording", "rx.Recording(responses, condition=...)")
    check_shrinkage(shrinkage)
    out = np.zeros((recording.n_neurons, recording.n_neurons))
    shares, sizes, freedoms = [], [], []
    for columns, rows in recording.parts():
        part = recording.groups.of(rows)
        residuals, dof = residuals_of(recording.responses[np.ix_(rows, columns)], part)
        found, share = shrunk(residuals, dof, shrinkage)
        out[np.ix_(columns, columns)] = found
        shares.append(share)
        sizes.append(len(rows))
        freedoms.append(dof)
    return NoiseCovariance(out, shrinkage, max(shares), min(sizes), min(freedoms), recording.neurons)


def check_shrinkage(shrinkage: Any) -> None:
    """Raise for an unknown word.

    Raises
    ------
    InvalidInputError
        With those that are known.
    """
    if not is_word(shrinkage, SHRINKAGES):
        raise InvalidInputError(
            explain(f"shrinkage among {', '.join(SHRINKAGES)}", shown(shrinkage), "", 'shrinkage="diagonal"')
        )


def residuals_of(Z: Array, groups: Groups) -> tuple[Array, int]:
    """Trials less the means of their conditions, and the degrees of freedom.

    Raises
    ------
    InvalidInputError
        When every condition has a single trial.
    """
    dof = len(Z) - int((groups.counts > 0).sum())
    if dof < 1:
        raise InvalidInputError(
            explain(
                "a condition with two trials or more, whose difference is noise", "one trial of each", "averages as trials",
                "noise=None, which takes the noise of all neurons for equal",
            )
        )  # fmt: skip
    out = np.array(Z)
    for c in np.flatnonzero(groups.counts):
        out[groups.codes == c] -= Z[groups.codes == c].mean(axis=0)
    return out, dof


def shrunk(X: Array, dof: int, shrinkage: str) -> tuple[Array, float]:
    """The covariance of residuals (n, p), and how far it was shrunk."""
    n, p = X.shape
    S = X.T @ X / dof
    if shrinkage == "none":
        return S, 0.0
    diagonal = np.diag(np.diag(S))
    if shrinkage == "variances":
        return diagonal, 1.0
    if shrinkage == "identity":
        full = X.T @ X / n
        target = np.eye(p) * np.trace(full) / p
        spread = float(np.sum((full - target) ** 2))
        error = float(np.sum((X**2).T @ (X**2) / n - full**2)) / n
        share = min(error / spread, 1.0) if spread > 0 else 1.0
        return ((1.0 - share) * full + share * target) * (n / dof), share
    size = np.sqrt(np.diag(S))
    U = X / np.where(size > 0, size, 1.0)
    mean = U.T @ U / (n - 1)
    noise = n / dof**2 * ((U**2).T @ (U**2) / (n - 1) - mean**2)
    off = ~np.eye(p, dtype=bool)
    signal = float(np.sum(mean[off] ** 2))
    share = float(np.clip(np.sum(noise[off]) / signal, 0.0, 1.0)) if signal > 0 else 1.0
    return (1.0 - share) * S + share * diagonal, share


def inverse(covariance: Array, neurons: tuple[str, ...]) -> Array:
    """The precision of a covariance.

    Raises
    ------
    InvalidInputError
        For a neuron without noise, and a covariance of too few trials.
    """
    still = np.flatnonzero(np.diag(covariance) <= 0.0)
    if len(still):
        raise InvalidInputError(
            explain(
                "noise in every neuron", f"none in {neurons[still[0]]!r}", "a neuron that never fires",
                "recording.select(neurons=[...]) without it, or noise=None",
            )
        )  # fmt: skip
    values, vectors = np.linalg.eigh(covariance)
    if values[0] <= 1e-13 * values[-1]:
        raise InvalidInputError(
            explain(
                "a covariance with an inverse", f"eigenvalues from {values[0]:.2g} to {values[-1]:.2g}",
                "fewer trials than neurons", 'shrinkage="diagonal"',
            )
        )  # fmt: skip
    out: Array = (vectors / values) @ vectors.T
    return out
