"""What all figures share: new panels, matrices as heat maps, intervals and curves.

A figure that nobody gave axes for is one of pyplot's: a notebook shows it below the cell, a script with ``plt.show()``, and
``ax.figure.savefig(path)`` writes it. Whoever writes figures to files makes them :func:`unseen`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.types import Array

figures = later("matplotlib.figure")
pyplot = later("matplotlib.pyplot")

COLOURS = ("#1b4f8a", "#c8641e", "#2e7d4f", "#7b3f98")
"""Of what is drawn on one pair of axes, in order."""

MOST_NAMES = 26
"""Names that fit along one axis."""

CHARACTERS = 64
"""Characters that fit side by side below axes of the usual width."""

Values: TypeAlias = "Sequence[float] | Array"
"""Numbers along an axis."""

_unseen: ContextVar[bool] = ContextVar("unseen", default=False)


@contextmanager
def unseen() -> Iterator[None]:
    """New figures are unknown to pyplot: they need no display, and a notebook does not show them."""
    before = _unseen.set(True)
    try:
        yield
    finally:
        _unseen.reset(before)


def new_figure(width: float, height: float) -> Any:
    """A figure of this size in inches: of pyplot, so that it is shown, unless it is made :func:`unseen`."""
    make = figures.Figure if _unseen.get() else pyplot.figure
    return make(figsize=(width, height), layout="constrained")


def new_panels(count: int, across: int, size: tuple[float, float]) -> list[Any]:
    """Axes of a new figure, at most ``across`` in a row, of a width and height in inches each."""

    columns = min(count, across)
    rows = -(-count // columns)
    figure = new_figure(size[0] * columns + 0.3, size[1] * rows + 0.2)
    panels = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for spare in panels[count:]:
        spare.remove()
    return panels[:count]


def plain(name: Any) -> str:
    """A name as text of a figure: matplotlib reads dollars as formulas, and hides what begins with an underscore."""
    text = str(name).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def heat_map(
    ax: Any,
    matrix: Array,
    rows: Sequence[Any],
    columns: Sequence[Any],
    label: str,
    limits: tuple[float, float],
    cmap: str,
) -> tuple[Any, Any]:
    """Draw a matrix with the names of its rows and columns and a colour bar; returns the axes and the image.

    Without axes a new figure is made whose size goes with the matrix.
    """
    if ax is None:
        (ax,) = new_panels(1, 1, (max(2.8 + 0.47 * len(columns), 4.0), max(1.5 + 0.47 * len(rows), 3.0)))
    image = ax.imshow(matrix, vmin=limits[0], vmax=limits[1], cmap=cmap)
    names = [plain(name) for name in columns]
    slanted = max(map(len, names)) > 3
    ax.set_xticks(range(len(names)), names, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    ax.set_yticks(range(len(rows)), [plain(name) for name in rows])
    ax.figure.colorbar(image, ax=ax, label=label, fraction=0.046, pad=0.03)
    return ax, image


def axes_or_new(ax: Any, width: float = 5.2, height: float = 3.4) -> Any:
    """The axes that were given, or those of a new figure of this size in inches."""
    return new_panels(1, 1, (width, height))[0] if ax is None else ax


def picture(
    ax: Any, matrix: Array, rows: Sequence[Any], columns: Sequence[Any], label: str, signed: bool = False
) -> Any:
    """A matrix as a heat map on a scale of its own, around nought where it is signed; names as long as there is room."""
    known = np.abs(matrix[np.isfinite(matrix)])
    top = float(known.max()) if known.size else 1.0
    limits = (-top, top) if signed else (min(0.0, float(np.nanmin(matrix, initial=0.0))), top)
    if max(len(rows), len(columns)) <= MOST_NAMES:
        return heat_map(ax, matrix, rows, columns, label, limits, "RdBu_r" if signed else "viridis")[0]
    ax = axes_or_new(ax, 5.2, 4.2)
    image = ax.imshow(matrix, vmin=limits[0], vmax=limits[1], cmap="RdBu_r" if signed else "viridis", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label=label)
    return ax


def strip(ax: Any, matrix: Array, rows: Sequence[Any], columns: Sequence[Any], label: str) -> Any:
    """A wide matrix as a heat map that fills its axes; of its columns as many are named as there is room for."""
    ax = axes_or_new(ax, 6.4, max(1.3 + 0.26 * min(len(rows), 30), 2.2))
    top, signed = float(np.nanmax(np.abs(matrix), initial=0.0)) or 1.0, bool((matrix < 0).any())
    image = ax.imshow(
        matrix, vmin=-top if signed else 0.0, vmax=top, cmap="RdBu_r" if signed else "viridis", aspect="auto"
    )
    ax.figure.colorbar(image, ax=ax, label=label, fraction=0.046, pad=0.03)
    if len(rows) <= MOST_NAMES:
        ax.set_yticks(range(len(rows)), [plain(name) for name in rows])
    names = [plain(name) for name in columns]
    each = max(-(-len(names) * (max(map(len, names)) + 2) // CHARACTERS), 1)
    ax.set_xticks(range(0, len(names), each), names[::each])
    return ax


def named_points(ax: Any, x: Any, y: Any, names: Sequence[Any]) -> None:
    """Names beside points, each where it covers least of the points and of the names before it.

    The limits of the axes are taken as they are, and the sizes of letters are guessed.
    """
    window, points = ax.get_window_extent(), 72.0 / ax.figure.dpi
    size = np.array([window.width, window.height]) * points
    ends = np.array([ax.get_xlim(), ax.get_ylim()])
    at = (np.column_stack([x, y]).astype(float) - ends[:, 0]) / np.ptp(ends, axis=1) * size
    taken = np.column_stack([at - 3.0, at + 3.0])  # boxes: left, bottom, right, top
    for name, spot, (a, b) in zip(names, at, zip(x, y, strict=True), strict=True):
        wide, tall = 4.7 * len(str(name)), 9.0
        across, up = (5.0, -5.0 - wide, -wide / 2.0), (4.0, -4.0 - tall, -tall / 2.0, 4.0 + tall, -4.0 - 2.0 * tall)
        shifts = np.array([(dx, dy) for dy in up for dx in across])
        boxes = np.column_stack([spot + shifts, spot + shifts + (wide, tall)])
        common = np.minimum(boxes[:, None, 2:], taken[:, 2:]) - np.maximum(boxes[:, None, :2], taken[:, :2])
        outside = np.maximum(-boxes[:, 0], 0.0) + np.maximum(boxes[:, 2] - size[0], 0.0)
        best = int(np.argmin(np.maximum(common, 0.0).prod(axis=2).sum(axis=1) + tall * outside))
        taken = np.vstack([taken, boxes[best]])
        ax.annotate(plain(name), (a, b), xytext=shifts[best], textcoords="offset points", fontsize="small")


def inches_tall(ax: Any) -> float:
    """Of axes, about: before their figure is laid out."""
    return float(ax.get_window_extent().height / ax.figure.dpi)


def intervals(
    ax: Any, names: Sequence[Any], lows: Values, highs: Values, label: str,
    marks: Mapping[str, Values] | None = None,
) -> Any:  # fmt: skip
    """Intervals, one below the other, with marks on them; each kind of mark has its entry in a legend."""
    ax = axes_or_new(ax, 5.2, 1.5 + 0.32 * min(len(names), 30))
    places = np.arange(len(names))
    ax.hlines(places, lows, highs, color=COLOURS[0], lw=3.0, alpha=0.55, label="interval")
    ends = np.concatenate([np.asarray(lows, dtype=float), np.asarray(highs, dtype=float)])
    ax.plot(ends, np.tile(places, 2), "|", color=COLOURS[0], ms=9, mew=1.5)
    for (name, values), colour, marker in zip((marks or {}).items(), COLOURS[1:], "oDs", strict=False):
        ax.plot(values, places, marker, color=colour, ms=5, label=name)
    if len(names) <= MOST_NAMES:
        ax.set_yticks(places, [plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel(label)
    if marks:
        # below, where it hides nothing: as far from tall axes as from flat ones
        under = -0.5 / max(inches_tall(ax), 0.5)
        ax.legend(frameon=False, fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, under))
    return tidy(ax)


def bars(
    ax: Any, names: Sequence[Any], values: Values, label: str, spans: Sequence[tuple[float, float]] | None = None,
) -> Any:  # fmt: skip
    """A column for each value, with an interval on it where there is one; values that are NaN have none."""
    ax = axes_or_new(ax, max(2.6 + 0.3 * min(len(names), 40), 4.2), 3.2)
    places, heights = np.arange(len(names)), np.asarray(values, dtype=float)
    ax.bar(places, heights, width=0.62, color=COLOURS[0], alpha=0.75)
    if spans is not None:
        ends = np.asarray(spans, dtype=float).reshape(len(names), 2)
        ax.vlines(places, ends[:, 0], ends[:, 1], color=COLOURS[1], lw=1.6)
    texts = [plain(name) for name in names]
    slanted = max(map(len, texts), default=0) > 3
    if len(names) <= MOST_NAMES:
        ax.set_xticks(places, texts, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    ax.set_ylabel(label)
    return tidy(ax)


def bounds(ax: Any, history: Any, against: str) -> Any:
    """Upper and lower bounds of a history over its seconds or its steps."""
    if not is_word(against, ("seconds", "step")):
        raise InvalidInputError(explain('against to be "seconds" or "step"', shown(against), "", 'against="step"'))
    ax = axes_or_new(ax)
    at = history["seconds"] if is_word(against, ("seconds",)) else np.arange(len(history))
    upper = history["upper"].where(np.isfinite(history["upper"]))
    ax.step(at, upper, where="post", color=COLOURS[0], marker=".", label="upper bound: networks")
    ax.step(at, history["lower"], where="post", color=COLOURS[1], ls="--", marker=".", label="lower bound: proofs")
    ax.set_xlabel(against)
    ax.set_ylabel("objective")
    ax.legend(frameon=False, fontsize="small")
    return tidy(ax)


def tidy(ax: Any) -> Any:
    """Axes without the frame's upper and right sides, on a faint grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="0.5", alpha=0.2, lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    return ax
