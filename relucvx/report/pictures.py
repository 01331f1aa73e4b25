"""The figures of a report: drawings with a caption for everybody and a description for whoever does not see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import numpy as np

from relucvx.report.comparison import Comparison
from relucvx.report.figures import new_axes, plot_curves, plot_gaps, plot_kernels
from relucvx.report.measure import distance
from relucvx.report.neurons import plot_landscape, plot_neurons
from relucvx.report.svg import drawing

BROAD = 6.5
"""Inches from which on the words in a figure are too small on a telephone, when all of it is shown."""


def pictures(comparison: Comparison) -> Iterator[str]:
    """The figures as HTML, two side by side where there is room."""
    yield _figure("kernels", lambda: plot_kernels(comparison), _kernel_caption(comparison), _kernel_words(comparison))
    # without runs the optimum's kernels and neurons are all there is
    if comparison.rows:
        yield '<div class="pair">'
        # networks of other trainers may come without a history
        if any("objective" in history for history in comparison.histories):
            yield _figure(
                "curves",
                lambda: plot_curves(comparison, new_axes(5.6, 4.0)),
                "Objective of every run minus the certified floor, which no network can cross: how far a run still is from p*, "
                "at most. Below the dashed line, the gap of the proof itself, it may be there.",
                _curve_words(comparison),
            )
        yield _figure(
            "gaps",
            lambda: plot_gaps(comparison, new_axes(5.6, 4.0)),
            "How far each run is from p* at most, whatever the landscape: its certified relative gap.",
            _gap_words(comparison),
        )
        yield "</div>"
    walls = "; thin lines: where a sample switches a neuron on or off" if comparison.problem.n_inputs in (2, 3) else ""
    yield '<div class="pair">'
    yield _figure(
        "neurons",
        lambda: plot_neurons(comparison),
        f"Neurons; areas are ‖w‖·‖v‖, neurons within 3 degrees drawn as one{walls}.",
        _neuron_words(comparison),
    )
    # maps of all directions exist up to three coordinates
    if comparison.problem.n_inputs <= 3:
        yield _figure(
            "landscape",
            lambda: plot_landscape(comparison),
            "Dual norm over all directions, at the certified dual point. Neurons of an optimum can only lie where it reaches "
            "beta (1 here); circles or dots are those found.",
            "Dual norm over all directions of a neuron, divided by beta. It is nowhere above 1; the "
            f"{comparison.optimum.width} neurons of the network marked ({comparison.subject}) lie where it is largest.",
        )
    yield "</div>"


def _figure(name: str, draw: Callable[[], Any], caption: str, words: str) -> str:
    axes = draw()
    figure = (axes[0] if isinstance(axes, list) else axes).figure
    # on a telephone what is broad scrolls, and what is not shrinks
    kind = ' class="broad"' if figure.get_size_inches()[0] > BROAD else ""
    return (
        f'<figure{kind}><div class="picture" tabindex="0">{drawing(figure, name, words)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _kernel_caption(comparison: Comparison) -> str:
    remark = {
        True: "The optimal kernel is unique.",
        False: "The optimal kernel is not unique: equally good networks have others.",
        None: "The optimal kernel is not known to be unique: another optimum may have another.",
    }[comparison.uniqueness.unique]
    return f"Hidden kernels on one colour scale. {remark}"


def _kernel_words(comparison: Comparison) -> str:
    found = comparison.kernels
    n = comparison.problem.n_samples
    low, high = min(float(K.min()) for K in found.values()), max(float(K.max()) for K in found.values())
    first, *others = found.values()
    apart = ", ".join(
        f"{name} is {distance(K, first):.2g} away from the first"
        for name, K in zip(list(found)[1:], others, strict=True)
    )
    return (
        f"Heat maps, {n} by {n} samples: {', '.join(found)}. Entries from {low:.3g} to {high:.3g}"
        f"{f'; relatively, {apart}' if apart else ''}."
    )


def _curve_words(comparison: Comparison) -> str:
    c = comparison.solution.certificate
    ends = [float(h["objective"][-1]) - c.lower for h in comparison.histories if len(h.get("objective", ()))]
    text = f"Curves on a logarithmic axis: objective minus the certified floor {c.lower:.6g}, of {len(ends)} runs in training."
    if ends:
        text += f" They end between {max(min(ends), 0.0):.2g} and {max(ends):.2g} above it."
    return f"{text} The gap of the proof itself is {c.gap:.2g}."


def _gap_words(comparison: Comparison) -> str:
    gaps = np.array([row.rel_gap for row in comparison.rows])
    reached = sum(row.reached for row in comparison.rows)
    return (
        f"Dots on a logarithmic axis, the best run first: certified relative gaps from {gaps.min():.2g} to {gaps.max():.2g}; "
        f"{reached} of {len(gaps)} are within {comparison.reach:g}."
    )


def _neuron_words(comparison: Comparison) -> str:
    text = f"Directions of the {comparison.optimum.width} neurons of the network called {comparison.subject}"
    if comparison.best is not None:
        best = comparison.rows[comparison.best]
        text += f", and of the {best.width} of the best run, {best.name}"
    return f"{text}. {'They lie in' if comparison.problem.n_inputs > 1 else 'In'} {comparison.problem.n_inputs} coordinates."
