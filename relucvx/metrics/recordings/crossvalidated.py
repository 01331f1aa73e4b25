"""Squared distances of conditions that are 0 on average where conditions do not differ."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_instance, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.recordings.dissimilarities import Dissimilarities
from relucvx.metrics.recordings.noise import (
    NoiseCovariance,
    check_shrinkage,
    inverse,
    residuals_of,
    shrunk,
)
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.samples.folds import as_folds
from relucvx.metrics.samples.groups import Groups
from relucvx.metrics.scales import scale
from relucvx.types import Array
from relucvx.validation import as_count, as_matrix


@timed("n_folds=2")
def crossnobis(
    recording: Recording,
    *,
    noise: Any = "folds",
    shrinkage: Literal["diagonal", "identity", "variances", "none"] = "diagonal",
    n_folds: int = 10,
    time_limit: float | None = None,
) -> Dissimilarities:
    """Cross-validated squared Mahalanobis distances between the mean activities of conditions, per neuron.

    ``d_cd = mean over folds of (m_c - m_d) . W (m'_c - m'_d) / p`` with m' the means of a fold, m those of all others, and W
    the precision of the noise.

    Parameters
    ----------
    recording : Recording
        Without time bins. Where it has repeats these are the folds, and every condition occurs in each of them; else the
        trials of a condition go to the folds in turn. Distances of neurons of different sessions add.
    noise : "folds", None, NoiseCovariance, or array_like of shape (p, p)
        ``"folds"``: the precision is estimated anew for each fold, from the trials of the others. None: the identity. Else
        what :func:`noise_covariance` finds in other data, or a precision.
    shrinkage : {"diagonal", "identity", "variances", "none"}
        Of ``noise="folds"``, see :func:`noise_covariance`.
    n_folds : int, default 10
        Where there are no repeats; capped at the trials of the rarest condition.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Dissimilarities
        0 on average where two conditions have one mean; negative by chance.

    Raises
    ------
    InvalidInputError
        For time bins, a condition with one trial or missing from a fold, and a precision that does not fit.

    Notes
    -----
    For a W that does not depend on the fold that is left out, ``E d = delta . E[W] delta / p`` whatever the noise, as the
    folds have independent noise. A precision of the same trials, which other tools pass to all folds, breaks that: it is
    fitted to the noise that is multiplied with it, and distances of conditions that do not differ come out positive.

    Without noise weights and with folds of equal size it is K_cc + K_dd - 2 K_cd of :func:`noise_corrected_kernel`.
    The definition is rsatoolbox's ``calc_rdm(method="crossnobis")``.

    Source: [walther-2016].
    Status: theorem (unbiased in that sense, under noise that is independent between folds).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng, condition = np.random.default_rng(0), np.repeat(["A", "B", "C"], 20)
    >>> Z = 2.0 * (condition == "C")[:, None] + rng.standard_normal((60, 5))
    >>> found = rx.metrics.crossnobis(rx.Recording(Z, condition=condition))
    >>> bool(abs(found.distances[0, 1]) < 0.1), bool(found.distances[0, 2] > 3.0)  # A and B do not differ
    (True, True)
    """
    as_instance(recording, Recording, "recording", "rx.Recording(responses, condition=...)")
    check_shrinkage(shrinkage)
    P, p = len(recording.conditions), recording.n_neurons
    if P < 2:
        raise InvalidInputError(explain("at least two conditions", f"{P}"))
    n_folds = as_count(n_folds, "n_folds", least=2)
    precision, said = _weights(noise, recording)
    total, most = np.zeros((P, P)), 0
    for columns, rows in recording.parts():
        Z, groups = recording.responses[np.ix_(rows, columns)], recording.groups.of(rows)
        runs = None if recording.runs is None else [recording.runs[i] for i in rows]
        fold = as_folds(groups, runs, n_folds)
        names = tuple(recording.neurons[k] for k in columns)
        one = None if precision is None else precision[np.ix_(columns, columns)]
        total += _left_out(Z, groups, fold, one, shrinkage if said == "folds" else None, names)
        most = max(most, int(fold.max()) + 1)
    words = {"folds": f"precision of the other folds, shrinkage {shrinkage!r}", "none": "none"}.get(said, said)
    return Dissimilarities(
        total / p, recording.conditions, "crossnobis", words, most, p, scale("crossnobis").text
    )  # fmt: skip


def _left_out(
    Z: Array, groups: Groups, fold: Any, precision: Array | None, shrinkage: str | None, names: tuple[str, ...]
) -> Array:
    """Distances of the means of each fold and of the others, averaged over the folds."""
    P, M = len(groups.names), int(fold.max()) + 1
    out = np.zeros((P, P))
    for f in range(M):
        there, rest = fold == f, fold != f
        test, train = groups.of(there).means(Z[there]), groups.of(rest).means(Z[rest])
        weighted = train
        if shrinkage is not None:
            # from the other folds alone: what it is fitted to is not multiplied with it
            residuals, dof = residuals_of(Z[rest], groups.of(rest))
            weighted = train @ inverse(shrunk(residuals, dof, shrinkage)[0], names)
        elif precision is not None:
            weighted = train @ precision
        K = weighted @ test.T
        own = np.diag(K)
        out += own[:, None] + own - K - K.T
    np.fill_diagonal(out, 0.0)
    return out / M


def _weights(noise: Any, recording: Recording) -> tuple[Array | None, str]:
    """A precision that was given, and what to call the weights."""
    if noise is None:
        return None, "none"
    if isinstance(noise, str):
        if noise == "folds":
            return None, "folds"
        raise InvalidInputError(explain('noise "folds", None, a NoiseCovariance or a precision', shown(noise)))
    given = isinstance(noise, NoiseCovariance)
    W = noise.precision if given else as_matrix(noise, "noise")
    p = recording.n_neurons
    if W.shape != (p, p) or np.abs(W - W.T).max() > 1e-9 * np.abs(W).max():
        raise InvalidInputError(
            explain(f"a symmetric precision of shape ({p}, {p})", f"shape {W.shape}", "a covariance, or other neurons")
        )
    return W, "a covariance that was given" if given else "a precision that was given"
