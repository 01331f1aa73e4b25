"""What comes of cutting a network: accuracy, parameters and time, whole and cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.metrics.figures import COLOURS, MOST_NAMES, axes_or_new, plain, tidy
from relucvx.types import Result


@dataclass(frozen=True)
class CutNetwork(Result):
    """A network cut behind a layer with a linear head there, against the whole network, on the same test samples.

    Attributes
    ----------
    layer : str
        The last layer that is kept.
    rule : str
        Why that one, in words.
    removed : tuple of str
        Hidden layers behind it.
    accuracy, accuracy_before : float
        Share of the test samples decided rightly, cut and whole.
    compared_with : str
        What decides in the whole network: its own outputs, or a linear head on them where they are not the classes'.
    interval : tuple of two floats
        Of the change of the accuracy.
    p_value : float
        Of the change, two-sided (McNemar, exact).
    parameters, parameters_before : int
        Parameters in use.
    seconds, seconds_before : float
        Of one forward pass of the test samples, here and now.
    per_class, per_class_before : dict
        Accuracy on each class.
    margin, confidence : float
        What counts as no loss, and the coverage of the interval.
    converged : bool
        Whether every fit of a head reached its tolerance.
    network : torch.nn.Module or DeepNetwork
        The cut network, a copy that is ready to run; not part of ``to_dict``.

    Notes
    -----
    Status: a record of what :func:`cut_and_refit` finds, which states what it rests on. Source: [tetkova-2025].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> net = rx.DeepNetwork([rng.standard_normal(shape) for shape in [(2, 6), (6, 6), (6, 2)]])
    >>> X = rng.standard_normal((40, 2))
    >>> y = net.predict(X).argmax(1)
    >>> found = rx.metrics.cut_and_refit(net, X[:20], y[:20], X[20:], y[20:], layer="hidden 0")
    >>> found.layer, found.removed, found.parameters, found.parameters_before
    ('hidden 0', ('hidden 1',), 26, 60)
    """

    layer: str
    rule: str
    removed: tuple[str, ...]
    accuracy: float
    accuracy_before: float
    compared_with: str
    interval: tuple[float, float]
    p_value: float
    parameters: int
    parameters_before: int
    seconds: float
    seconds_before: float
    per_class: dict[Any, float]
    per_class_before: dict[Any, float]
    margin: float
    confidence: float
    converged: bool
    network: Any = field(repr=False)

    @property
    def word(self) -> str:
        """ "kept" where the interval is above -margin, "lost" where it is below it, else "undecided"."""
        low, high = self.interval
        return "kept" if low >= -self.margin else "lost" if high < -self.margin else "undecided"

    @property
    def verdict(self) -> str:
        """What the cut costs, in words."""
        low, high = self.interval
        return (
            f"accuracy {self.word}: {self.accuracy:.3f} cut behind {self.layer}, {self.accuracy_before:.3f} by "
            f"{self.compared_with} (change in [{low:+.3f}, {high:+.3f}], margin {self.margin:g}), with "
            f"{self.parameters / max(self.parameters_before, 1):.0%} of the parameters"
        )

    def to_dict(self) -> dict[str, Any]:
        """The numbers, without the network."""
        return {name: value for name, value in super().to_dict().items() if name != "network"}

    def facts(self) -> dict[str, Any]:
        """Where it is cut, and what that costs and saves."""
        return {
            "layer": self.layer, "word": self.word, "accuracy": self.accuracy, "before": self.accuracy_before,
            "interval": self.interval, "parameters": self.parameters, "of": self.parameters_before,
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row for the whole network and one for the cut one."""
        yield {
            "network": "whole", "accuracy": self.accuracy_before, "parameters": self.parameters_before,
            "seconds": self.seconds_before, "hidden_layers_removed": 0,
        }  # fmt: skip
        yield {
            "network": f"cut behind {self.layer}", "accuracy": self.accuracy, "parameters": self.parameters,
            "seconds": self.seconds, "hidden_layers_removed": len(self.removed),
        }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw the accuracy on each class, whole and cut; returns the axes."""
        names = list(self.per_class)
        ax = axes_or_new(ax, max(2.6 + 0.4 * min(len(names), 40), 4.2), 3.2)
        places = np.arange(len(names))
        for values, shift, colour, label in (
            (self.per_class_before, -0.2, COLOURS[0], "whole"),
            (self.per_class, 0.2, COLOURS[1], f"cut behind {plain(self.layer)}"),
        ):
            ax.bar(places + shift, [values[name] for name in names], 0.38, color=colour, alpha=0.8, label=label)
        if len(names) <= MOST_NAMES:
            ax.set_xticks(places, [plain(name) for name in names])
        ax.set_ylabel("accuracy")
        ax.set_ylim(0.0, 1.05)
        ax.legend(frameon=False, fontsize="small", ncols=2, loc="lower center")
        return tidy(ax)
