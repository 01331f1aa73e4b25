"""Dissimilarities of conditions and what they look like in the plane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.metrics.figures import COLOURS, MOST_NAMES, axes_or_new, named_points, picture, tidy
from relucvx.metrics.recordings.reading import words
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, Result
from relucvx.validation import as_count


@dataclass(frozen=True)
class Embedding(Result):
    """Conditions as points whose squared distances are as close to their dissimilarities as a few dimensions allow.

    Attributes
    ----------
    points : ndarray of shape (P, k)
        Centred; the first dimension is the longest.
    conditions : tuple
    share : float
        Of the positive eigenvalues that these dimensions hold.
    negative : float
        Size of the negative eigenvalues relative to the positive ones: what no points in any space have.

    Notes
    -----
    Status: a record of what :meth:`Dissimilarities.embedding` finds, which states what it rests on. Source: [torgerson-1952].

    Examples
    --------
    >>> import relucvx as rx
    >>> trials = [[0.0, 0.0], [0.1, 0.0], [3.0, 0.0], [2.9, 0.0], [0.0, 4.0], [0.0, 4.1]]
    >>> recording = rx.Recording(trials, condition=["A", "A", "B", "B", "C", "C"])
    >>> rx.metrics.crossnobis(recording, noise=None).embedding().points.shape
    (3, 2)
    """

    points: Array
    conditions: tuple[Any, ...]
    share: float
    negative: float

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per condition."""
        for label, row in zip(self.conditions, self.points, strict=True):
            yield {"condition": words(label), **{f"dimension {k + 1}": float(x) for k, x in enumerate(row)}}

    def plot(self, ax: Any = None) -> Any:
        """Draw the conditions in the first two dimensions; returns the axes."""
        ax = axes_or_new(ax, 5.4, 4.4)
        second = self.points[:, 1] if self.points.shape[1] > 1 else np.zeros(len(self.points))
        ax.scatter(self.points[:, 0], second, color=COLOURS[0], s=36)
        # one unit is as long both ways: limits are chosen here, since names are placed by them
        middle = (self.points[:, 0].min() + self.points[:, 0].max()) / 2.0, (second.min() + second.max()) / 2.0
        box = ax.get_window_extent()
        ratio = box.width / box.height
        half = 0.66 * max(float(np.ptp(self.points[:, 0])), float(np.ptp(second)) * ratio, 1e-12)
        ax.set_xlim(middle[0] - half, middle[0] + half)
        ax.set_ylim(middle[1] - half / ratio, middle[1] + half / ratio)
        ax.set_aspect("equal", adjustable="box")
        if len(self.conditions) <= MOST_NAMES:
            named_points(ax, self.points[:, 0], second, [words(label) for label in self.conditions])
        ax.set_xlabel("dimension 1")
        ax.set_ylabel("dimension 2")
        return tidy(ax)


@dataclass(frozen=True)
class Dissimilarities(OnScale, Result, of="crossnobis"):
    """A representational dissimilarity matrix of conditions.

    Attributes
    ----------
    distances : ndarray of shape (P, P)
        Symmetric; estimates of squared distances may be negative.
    conditions : tuple
        Names of the rows.
    measure : str
        What the distances are.
    noise : str
        How neurons were weighted against their noise.
    n_folds : int
        Folds that were compared.
    n_neurons : int
    scale : str
        Range, chance and direction.

    Notes
    -----
    Status: a record of what :func:`crossnobis` finds, which states what it rests on. Source: [walther-2016].

    Examples
    --------
    >>> import relucvx as rx
    >>> recording = rx.Recording([[0.0], [0.0], [2.0], [2.0]], condition=["A", "A", "B", "B"])
    >>> rx.metrics.crossnobis(recording, noise=None).distances.tolist()
    [[0.0, 4.0], [4.0, 0.0]]
    """

    distances: Array
    conditions: tuple[Any, ...]
    measure: str
    noise: str
    n_folds: int
    n_neurons: int
    scale: str

    @property
    def vector(self) -> Array:
        """The distances of the pairs (0, 1), (0, 2), …, of length P (P - 1) / 2."""
        return np.asarray(self.distances[np.triu_indices(len(self.conditions), 1)])

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per pair of conditions."""
        for i, j in zip(*np.triu_indices(len(self.conditions), 1), strict=True):
            pair = {"condition": words(self.conditions[i]), "other": words(self.conditions[j])}
            yield {**pair, "distance": float(self.distances[i, j])}

    def plot(self, ax: Any = None) -> Any:
        """Draw the matrix; returns the axes."""
        names = [words(label) for label in self.conditions]
        low = bool(self.distances.min() < -1e-9 * float(np.abs(self.distances).max()))
        return picture(ax, self.distances, names, names, f"{self.measure}, squared distance per neuron", signed=low)

    def embedding(self, dimensions: int = 2) -> Embedding:
        """Points of the conditions, by classical scaling of the distances as squared ones.

        Parameters
        ----------
        dimensions : int, default 2
            At most P - 1; directions without a positive eigenvalue are 0.

        Raises
        ------
        InvalidInputError
            For dimensions outside 1 … P - 1.

        Notes
        -----
        Source: [torgerson-1952].
        Status: theorem (the closest Gram matrix of that rank).
        """
        P = len(self.conditions)
        k = as_count(dimensions, "dimensions", most=P - 1)
        H = np.eye(P) - 1.0 / P
        values, vectors = np.linalg.eigh(-0.5 * H @ self.distances @ H)
        values, vectors = values[::-1], vectors[:, ::-1]
        positive = np.maximum(values, 0.0)
        points = vectors[:, :k] * np.sqrt(positive[:k])
        # the sign of an eigenvector is the computer's: the largest coordinate is positive
        points *= np.sign(points[np.abs(points).argmax(axis=0), np.arange(k)] + 1e-300)
        total = float(positive.sum())
        share = float(positive[:k].sum() / total) if total > 0 else np.nan
        negative = float(-np.minimum(values, 0.0).sum() / total) if total > 0 else np.nan
        return Embedding(points, self.conditions, share, negative)
