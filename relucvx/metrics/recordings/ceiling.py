"""How well any model could explain the dissimilarities of several sessions, animals or subjects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_list, is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.metrics.figures import COLOURS, axes_or_new, plain, tidy
from relucvx.metrics.recordings.crossvalidated import crossnobis
from relucvx.metrics.recordings.dissimilarities import Dissimilarities
from relucvx.metrics.recordings.recording import Recording
from relucvx.metrics.scales import OnScale, scale
from relucvx.types import Array, Result
from relucvx.validation import as_matrix

stats = later("scipy.stats")

COMPARISONS = ("cosine", "pearson", "spearman")


@dataclass(frozen=True)
class NoiseCeiling(OnScale, Result, of="noise_ceiling"):
    """Bounds of the mean score of the best model of several dissimilarity matrices.

    Attributes
    ----------
    lower : float
        Mean score of what the others say about each: a model that knows the others alone.
    upper : float
        Mean score of the average of all, which no model exceeds.
    per_session : ndarray of shape (m, 2)
        Both for each matrix.
    names : tuple of str
        Of the matrices.
    method : str
        How matrices are compared.
    scale : str
        Range, chance and direction.

    Notes
    -----
    Status: a record of what :func:`noise_ceiling` finds, which states what it rests on. Source: [nili-2014].

    Examples
    --------
    >>> import relucvx as rx
    >>> one = [[0.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]]
    >>> found = rx.metrics.noise_ceiling([one, one])
    >>> round(found.lower, 9), round(found.upper, 9)  # they agree
    (1.0, 1.0)
    """

    lower: float
    upper: float
    per_session: Array
    names: tuple[str, ...]
    method: str
    scale: str

    def facts(self) -> dict[str, Any]:
        """The bounds, and of how many matrices."""
        return {
            "lower": self.lower, "upper": self.upper, "method": self.method, "n_sessions": len(self.names),
            "scale": self.scale,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per session."""
        for name, (low, high) in zip(self.names, self.per_session, strict=True):
            yield {"session": name, "lower": float(low), "upper": float(high)}

    def plot(self, ax: Any = None) -> Any:
        """Draw the band of the ceiling, and the bounds of each session; returns the axes."""
        ax = axes_or_new(ax, max(2.8 + 0.35 * min(len(self.names), 30), 4.2), 3.2)
        places = np.arange(len(self.names))
        ax.axhspan(self.lower, self.upper, color="0.5", alpha=0.25, label="noise ceiling")
        ax.vlines(places, self.per_session[:, 0], self.per_session[:, 1], color=COLOURS[0], lw=2.0, alpha=0.6)
        ax.plot(places, self.per_session[:, 0], "o", color=COLOURS[0], label="mean of the others")
        ax.plot(places, self.per_session[:, 1], "^", color=COLOURS[1], label="mean of all")
        slanted = max(map(len, self.names)) > 3
        names = [plain(name) for name in self.names]
        ax.set_xticks(places, names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
        ax.set_xlabel("session")
        ax.set_ylabel(f"{self.method} with its distances")
        ax.legend(frameon=False, fontsize="small", ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
        return tidy(ax)


def noise_ceiling(
    rdms: Any, *, method: Literal["cosine", "pearson", "spearman"] = "cosine", **options: Any
) -> NoiseCeiling:
    """Bound the score that the best model of the dissimilarities of several sessions can have.

    Each matrix is compared with the average of all (upper) and of all others (lower), after they were brought to one scale:
    divided by their root mean square ("cosine"), standardised ("pearson"), or ranked ("spearman").

    Parameters
    ----------
    rdms : Recording, or sequence of Dissimilarities or of array_like of shape (P, P)
        One for each session, animal or subject, of the same conditions. Of a recording with sessions: its crossnobis
        distances session by session.
    method : {"cosine", "pearson", "spearman"}
        "cosine" keeps the origin, which estimates without bias have.
    **options
        Of :func:`crossnobis`, for a recording.

    Returns
    -------
    NoiseCeiling

    Raises
    ------
    InvalidInputError
        For fewer than two matrices, matrices of other conditions or of none that differ, and an unknown method.

    Notes
    -----
    The mean of matrices on one scale has the largest mean score of all models; that is exact for all three. With few pairs of
    conditions the bounds are optimistic, the upper one above all. The definition is rsatoolbox's ``boot_noise_ceiling``.

    Source: [nili-2014].
    Status: theorem (upper bounds the mean score of every model on these matrices; lower is the score of one model).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> truth = np.abs(np.subtract.outer([0, 1, 3, 6], [0, 1, 3, 6])).astype(float)
    >>> noise = [np.triu(rng.standard_normal((4, 4)), 1) for _ in range(8)]
    >>> found = rx.metrics.noise_ceiling([truth + e + e.T for e in noise])
    >>> bool(0.8 < found.lower < found.upper < 1.0)
    True
    """
    if not is_word(method, COMPARISONS):
        raise InvalidInputError(
            explain(f"a method among {', '.join(COMPARISONS)}", shown(method), "", 'method="cosine"')
        )
    names, vectors = _of_recording(rdms, options) if isinstance(rdms, Recording) else _of_matrices(rdms, options)
    if len(vectors) < 2:
        raise InvalidInputError(
            explain("two or more matrices, one for each session", f"{len(vectors)}", "", "a recording with session=")
        )
    rows = np.array([_on_one_scale(vector, method) for vector in vectors])
    total, m = rows.sum(axis=0), len(rows)
    bounds = np.array([[_score((total - row) / (m - 1), row, method), _score(total / m, row, method)] for row in rows])
    low, high = (float(x) for x in bounds.mean(axis=0))
    return NoiseCeiling(low, high, bounds, names, method, scale("noise_ceiling").text)


def _of_recording(recording: Recording, options: dict[str, Any]) -> tuple[tuple[str, ...], list[Array]]:
    """Distances session by session."""
    if len(recording.sessions) < 2:
        raise InvalidInputError(
            explain(
                "a recording of two or more sessions", f"{len(recording.sessions)}", "", "session=[...], one per trial"
            )
        )
    found = {}
    for session in recording.sessions:
        part = recording.select(sessions=[session])
        if part.conditions != recording.conditions:
            lacking = next(c for c in recording.conditions if c not in part.conditions)
            raise InvalidInputError(
                explain("every condition in every session", f"no trial of {lacking!r} in session {session!r}", "",
                        "recording.select(conditions=[...]) for those they share")
            )  # fmt: skip
        found[str(session)] = crossnobis(part, **options).vector
    return tuple(found), list(found.values())


def _of_matrices(rdms: Any, options: dict[str, Any]) -> tuple[tuple[str, ...], list[Array]]:
    if options:
        raise InvalidInputError(
            explain("options of crossnobis with a recording", f"{next(iter(options))}= with matrices")
        )
    vectors = []
    first: Any = None
    for k, one in enumerate(as_list(rdms, "rdms")):
        given = isinstance(one, Dissimilarities)
        D = one.distances if given else as_matrix(one, f"matrix {k}")
        if D.shape[0] != D.shape[1] or np.abs(D - D.T).max() > 1e-9 * np.abs(D).max():
            raise InvalidInputError(explain("symmetric matrices of dissimilarities", f"shape {D.shape} of number {k}"))
        labels = one.conditions if given else len(D)
        first = labels if first is None else first
        if labels != first:
            raise InvalidInputError(explain("matrices of the same conditions", f"{labels} and {first}"))
        vectors.append(np.asarray(D[np.triu_indices(len(D), 1)]))
    return tuple(str(k) for k in range(len(vectors))), vectors


def _on_one_scale(vector: Array, method: str) -> Array:
    """Dissimilarities on the scale on which their mean scores best."""
    out = stats.rankdata(vector) if method == "spearman" else np.array(vector)
    size = float(np.abs(out).max(initial=0.0))
    if method != "cosine":
        out = out - out.mean()
    norm = float(np.sqrt(np.mean(out**2))) if out.size else 0.0
    if norm <= 1e-13 * size or norm == 0.0:
        raise InvalidInputError(
            explain(
                "dissimilarities that differ",
                f"{len(vector)} alike" if len(vector) else "none",
                "too few conditions",
                "",
            )
        )
    # ranks have one norm unless they are tied, and their mean is what scores best
    return np.asarray(out if method == "spearman" else out / norm)


def _score(model: Array, row: Array, method: str) -> float:
    """Cosine of the two; of Spearman's, of the ranks of the model."""
    if method == "spearman":
        ranks = stats.rankdata(model)
        model = ranks - ranks.mean()
    norms = float(np.linalg.norm(model) * np.linalg.norm(row))
    return float(model @ row / norms) if norms > 0 else np.nan
