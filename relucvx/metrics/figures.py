"""What the figures of metrics share: new panels, and matrices as heat maps. Pyplot is not used, so nothing is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relucvx.later import later
from relucvx.types import Array

figures = later("matplotlib.figure")


def new_panels(count: int, across: int, size: tuple[float, float]) -> list[Any]:
    """Axes of a new figure, at most ``across`` in a row, of a width and height in inches each."""

    columns = min(count, across)
    rows = -(-count // columns)
    figure = figures.Figure(figsize=(size[0] * columns + 0.3, size[1] * rows + 0.2), layout="constrained")
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
