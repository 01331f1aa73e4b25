"""The figure of a planar slice. It draws on ``ax`` (or a new figure's axes), returns the axes and never shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LogNorm, hsv_to_rgb

from relucvx.conversion import as_instance, as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.figures import new_figure, plain
from relucvx.metrics.regions.polygons.slice_result import SliceRegions
from relucvx.metrics.samples.groups import as_groups
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix

SLIVER = 0.2
"""Ratio of the sides below which a slice is drawn with a scale of its own on each axis."""

BOUNDARY = "#b3123f"
"""Colour of the decision boundary."""

COLORS = ("region", "area", "eccentricity", "none")


def plot_slice(
    regions: SliceRegions,
    ax: Any = None,
    color: str | Any = "region",
    *,
    walls: bool = True,
    boundary: bool = True,
    points: ArrayLike | None = None,
    names: Any = None,
    labels: ArrayLike | None = None,
) -> Any:
    """Draw the regions of a slice, the walls between them by layer, and the decision boundary.

    Parameters
    ----------
    regions : SliceRegions
        What :func:`relucvx.metrics.slice_regions` found.
    ax : matplotlib axes, optional
        Default: axes of a new figure.
    color : {"region", "area", "eccentricity", "none"} or array_like of shape (n_regions,)
        What the fill of a region says: which it is (pale colours without meaning), its area (logarithmic scale), its
        eccentricity, nothing, or the given number.
    walls : bool, default True
        Draw the sides of the regions, darker for earlier layers.
    boundary : bool, default True
        Draw the decision boundary, where it is known.
    points : array_like of shape (n, 2), optional
        Points to mark, in plane coordinates (``regions.to_plane(X)``).
    names : sequence of str, optional
        Texts beside the points.
    labels : sequence, optional
        Labels of the points, of any type: one colour each, in the legend for up to ten.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    InvalidInputError
        For an unknown colour or numbers that are not one per region.

    Notes
    -----
    Slices narrower than a fifth of their length are stretched: each axis then has a scale of its own.

    Source: [humayun-2023].
    Status: theorem (a drawing of exact regions).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.TwoLayerReLU([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> found = rx.metrics.slice_regions(network, [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> ax = rx.metrics.plot_slice(found)
    >>> len(ax.collections) > 0
    True
    """
    as_instance(regions, SliceRegions, "regions", "slice_regions(module, polygon)")
    values, label, log = _fill(regions, color)
    own = ax is None
    size = np.ptp(regions.vertices, axis=0)
    sliver = float(size.min()) < SLIVER * float(size.max())
    if sliver:  # at equal scales there is no room for what is inside, nor for names
        size = np.maximum(size, 0.5 * size.max())
    ax = _new_axes(size, values is not None) if ax is None else ax
    # smoothed, the edges of neighbouring polygons would leave seams
    faces = PolyCollection(regions.polygons, linewidths=0.0, antialiaseds=False)
    if values is None:
        faces.set_facecolor("white" if label == "none" else _pale(regions.region))
    else:
        _scale(ax, faces, values[regions.region], label, log)
    ax.add_collection(faces)
    # the more regions, the thinner the walls, or the figure is black
    thin = float(np.clip(25.0 / np.sqrt(len(regions.region)), 0.25, 1.2))
    if walls:
        shades, widths = _walls(regions, thin)
        ends: Any = regions.vertices[regions.edges]
        ax.add_collection(LineCollection(ends, colors=shades, linewidths=widths))
        _legend_of_walls(ax, regions)
    if boundary and regions.decision_boundary is not None and len(regions.decision_boundary):
        segments: Any = regions.decision_boundary
        ax.add_collection(
            LineCollection(
                segments, colors=BOUNDARY, linewidths=1.2 + thin, capstyle="round", label="decision boundary"
            )
        )
    if points is not None:
        _mark(ax, as_matrix(points, "points"), names, labels)
    ax.margins(0.02 if names is None else 0.1)
    ax.autoscale_view()
    ax.set_aspect("auto" if sliver else "equal")
    ax.set_xlabel("u (another scale)" if sliver else "u")
    ax.set_ylabel("v")
    ax.set_title(f"{regions.n_regions:,} regions")
    if ax.get_legend_handles_labels()[0] and own:
        ax.figure.legend(loc="outside lower center", frameon=False, ncols=4, columnspacing=1.2)
    elif ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, ncols=2, borderaxespad=0.0)
    return ax


def _new_axes(size: Array, scale: bool) -> Any:
    """Axes of a figure in the proportions of the slice, with room for a colour scale and the legend."""
    width, height = 5.6 * size / max(size)
    return new_figure(max(width, 4.8) + (2.0 if scale else 0.9), height + 1.8).subplots()


def _fill(regions: SliceRegions, color: Any) -> tuple[Array | None, str, bool]:
    """Numbers to show (None for none), what they are, and whether on a logarithmic scale."""
    if isinstance(color, str):
        if color not in COLORS:
            raise InvalidInputError(
                explain(f"color among {', '.join(COLORS)}, or {regions.n_regions} numbers", repr(color))
            )
        numbers = {"area": regions.areas, "eccentricity": regions.eccentricity}.get(color)
        return numbers, color, color == "area"
    values = as_matrix(color, "color", allow_vector=True)
    if values.shape != (regions.n_regions, 1):
        raise InvalidInputError(explain(f"{regions.n_regions} numbers, one per region", f"shape {np.shape(color)}"))
    return values[:, 0], "", False


def _scale(ax: Any, faces: Any, values: Array, label: str, log: bool) -> None:
    faces.set_array(values)
    faces.set_cmap("viridis")
    if log:
        # a few slivers would take up most of the scale
        faces.set_norm(LogNorm(float(np.quantile(values[values > 0], 0.02)), float(values.max()), clip=True))
    ax.figure.colorbar(faces, ax=ax, shrink=0.9, aspect=28, label=label, extend="min" if log else "neither")


def _pale(region: Any) -> Array:
    """A pale colour per region; golden-ratio steps keep neighbours in the numbering apart."""
    hue = (region * 0.618034) % 1.0
    lightness = 0.92 + 0.08 * ((region * 0.754878) % 1.0)
    return np.asarray(hsv_to_rgb(np.column_stack([hue, np.full(len(hue), 0.22), lightness])))


def _shades(count: int) -> Array:
    """Greys from dark (first layer) to light (last)."""
    grey = np.linspace(0.12, 0.62, max(count, 2))[:, None]
    return np.hstack([np.repeat(grey, 3, axis=1), np.ones_like(grey)])


def _walls(regions: SliceRegions, thin: float) -> tuple[Array, Array]:
    depth = len(regions.per_layer)
    # the rim of the polygon has layer -1, which is the last row
    shades = np.vstack([_shades(depth), [[0.0, 0.0, 0.0, 1.0]]])[regions.edge_layer]
    widths = thin * np.append(np.linspace(1.6, 0.7, max(depth, 2)), 1.6)[regions.edge_layer]
    return shades, widths


def _legend_of_walls(ax: Any, regions: SliceRegions) -> None:
    """One line per layer in the legend, for up to six layers."""
    depth = len(regions.per_layer)
    if 1 < depth <= 6:
        for layer, shade in enumerate(_shades(depth)[:depth]):
            ax.plot([], [], color=tuple(shade), lw=2.0 - layer / depth, label=f"layer {layer}")


def _mark(ax: Any, points: Array, names: Any, labels: Any) -> None:
    if points.shape[1] != 2:
        raise InvalidInputError(
            explain(
                "points of shape (k, 2) in the plane",
                f"shape {points.shape}",
                "points of the inputs' space",
                "points=regions.to_plane(X)",
            )
        )
    shades: Any = ["white"] * len(points)
    if labels is not None:
        groups = as_groups(labels, len(points))
        codes, palette = groups.codes, colormaps["tab10" if len(groups.names) <= 10 else "tab20"]
        shades = palette(codes % 20)
        for k, name in enumerate(groups.names if len(groups.names) <= 10 else ()):
            ax.scatter([], [], s=34.0, color=palette(k), edgecolors="black", linewidths=1.2, label=plain(name))
    ax.scatter(*points.T, s=34.0, c=shades, edgecolors="black", linewidths=1.2, clip_on=False, zorder=5)
    middle = points[:, 1].mean()
    for name, point in zip([] if names is None else as_list(names, "names"), points, strict=False):
        above = point[1] > middle
        ax.annotate(
            plain(name), point, xytext=(0, 8 if above else -8), textcoords="offset points", ha="center",
            va="bottom" if above else "top", fontweight="bold", zorder=6,
        )  # fmt: skip
