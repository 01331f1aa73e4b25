"""What comes of a forecast: correlations layer by layer, the premises of a conclusion, and the conclusion in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.figures import COLOURS, axes_or_new, plain, tidy
from relucvx.types import Array, Result

WORDS = ("forecasts", "forecasts the opposite", "not concluded")
"""What may come of a layer."""


class Premise(NamedTuple):
    """Something that has to be so before a correlation means anything, whether it is so, and the numbers that say it.

    Notes
    -----
    Status: a record of what :func:`forecast` finds. Source: [relucvx].
    """

    met: bool
    text: str


@dataclass(frozen=True)
class Forecast(Result):
    """Convexity of classes before fine-tuning against accuracy on them after it, layer by layer.

    Attributes
    ----------
    layers, classes : tuple
        Names of the L layers and labels of the C classes.
    convexity : ndarray of shape (L, C)
        Graph convexity of each class before fine-tuning, averaged over the networks.
    accuracy : ndarray of shape (C,)
        Share of each class's test samples decided rightly after it, averaged over the networks.
    pearson, spearman : ndarray of shape (L,)
        Correlations over the classes; NaN where one of the two is constant.
    interval : ndarray of shape (L, 2)
        Of ``pearson``, by Fisher's transform; NaN for fewer than four classes.
    p_values, corrected : ndarray of shape (L,)
        Two-sided, from permuted classes; corrected for the number of layers by Holm's method.
    premises : dict of str to tuple of Premise
        What a conclusion rests on, for each layer.
    n_networks : int
        Networks averaged.
    confidence : float
        Of the intervals; layers are concluded about at the level 1 - confidence, together.

    Notes
    -----
    Status: a record of what :func:`forecast` finds, which states what it rests on. Source: [tetkova-2025].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1, 2], 20)
    >>> Z = rng.standard_normal((60, 2)) + 4.0 * y[:, None]
    >>> found = rx.metrics.forecast({"encoder": Z}, y, None, y, None, y, k=5, rng=0)
    >>> found.layers, found.classes, found.verdict("encoder").split(":")[0]
    (('encoder',), (0, 1, 2), 'not concluded')
    """

    layers: tuple[str, ...]
    classes: tuple[Any, ...]
    convexity: Array
    accuracy: Array
    pearson: Array
    spearman: Array
    interval: Array
    p_values: Array
    corrected: Array
    premises: dict[str, tuple[Premise, ...]]
    n_networks: int
    confidence: float

    @property
    def best(self) -> str:
        """The layer with the smallest corrected p-value, of equal ones the one with the largest correlation."""
        order = [(math.inf if math.isnan(p) else p, -abs(r)) for p, r in zip(self.corrected, self.pearson, strict=True)]
        return self.layers[min(range(len(order)), key=order.__getitem__)]

    def word(self, layer: str) -> str:
        """What comes of a layer: "forecasts", "forecasts the opposite" or "not concluded"."""
        at = self._at(layer)
        # NaN is no conclusion either
        if not all(premise.met for premise in self.premises[layer]) or not self.corrected[at] <= 1.0 - self.confidence:
            return WORDS[2]
        return WORDS[0] if self.pearson[at] > 0 else WORDS[1]

    def verdict(self, layer: str) -> str:
        """What comes of a layer, with the numbers, and with what is missing where nothing is concluded."""
        at, word = self._at(layer), self.word(layer)
        low, high = self.interval[at]
        numbers = (
            f"Pearson {self.pearson[at]:+.2f} [{low:+.2f}, {high:+.2f}] over {len(self.classes)} classes, "
            f"p = {self.p_values[at]:.2g}, {self.corrected[at]:.2g} as one of {len(self.layers)}"
        )
        missed = [premise.text for premise in self.premises[layer] if not premise.met]
        return f"{word}: {numbers}" + (f"; premise not met: {'; '.join(missed)}" if missed else "")

    def facts(self) -> dict[str, Any]:
        """The layer that forecasts best, and what may be concluded from it."""
        at = self._at(self.best)
        return {
            "best": self.best, "pearson": float(self.pearson[at]), "corrected": float(self.corrected[at]),
            "word": self.word(self.best), "classes": len(self.classes), "n_networks": self.n_networks,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per layer: the correlations, their interval and p-values, and what comes of it."""
        for at, layer in enumerate(self.layers):
            yield {
                "layer": layer, "convexity": float(np.nanmean(self.convexity[at])), "pearson": float(self.pearson[at]),
                "low": float(self.interval[at, 0]), "high": float(self.interval[at, 1]),
                "spearman": float(self.spearman[at]), "p_value": float(self.p_values[at]),
                "corrected": float(self.corrected[at]), "word": self.word(layer),
            }  # fmt: skip

    def plot(self, ax: Any = None, layer: str | None = None) -> Any:
        """Draw accuracy after against convexity before, a point for each class; default the best layer; returns the axes."""
        at = self._at(self.best if layer is None else layer)
        ax = axes_or_new(ax, 4.8, 3.6)
        ax.plot(self.convexity[at], self.accuracy, "o", color=COLOURS[0])
        for name, x, y in zip(self.classes, self.convexity[at], self.accuracy, strict=True):
            ax.annotate(plain(name), (x, y), xytext=(4, 3), textcoords="offset points", fontsize="small")
        ax.set(xlabel=f"convexity before, {plain(self.layers[at])}", ylabel="accuracy after")
        ax.set_title(f"r = {self.pearson[at]:+.2f}, {self.word(self.layers[at])}", fontsize="medium")
        return tidy(ax)

    def _at(self, layer: str) -> int:
        if layer not in self.layers:
            raise InvalidInputError(explain(f"a layer among {', '.join(map(repr, self.layers))}", repr(layer)))
        return self.layers.index(layer)
