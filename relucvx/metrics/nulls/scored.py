"""What a permutation test and a bootstrap have in common: scores of data, many of drawn data, and how these are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from relucvx.metrics.figures import intervals
from relucvx.metrics.scales import OnScale, Scale
from relucvx.types import Array, Result


@dataclass(frozen=True)
class Scored(OnScale, Result, ABC):
    """Scores of one metric, drawn anew many times."""

    metric: str
    statistic: str
    names: tuple[str, ...]
    confidence: float
    n_asked: int
    seed: int
    scale: str
    note: str

    def _row(self) -> Scale | None:
        # of a statistic that is not the usual one nobody has said anything
        return super()._row() if self.scale else None

    @property
    def label(self) -> str:
        """The metric, and the field of its result where one was asked for."""
        return f"{self.metric} {self.statistic}".strip()

    @abstractmethod
    def plot(self, ax: Any = None) -> Any:
        """Draw the scores with what was drawn; returns the axes."""

    def _plot_each(self, ax: Any, limits: Array, kind: str, values: Array) -> Any:
        """An interval below the other, one for each score, with the scores on them."""
        return intervals(ax, self.names, limits[:, 0], limits[:, 1], self.label.replace("_", " "), {kind: values})
