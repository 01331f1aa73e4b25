"""Figures of a comparison. Every function draws on ``ax`` (or a new figure's axes), returns the axes and never shows.

Figures are built without pyplot, so they need no display and leave no global state behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.report.comparison import Comparison

figures = later("matplotlib.figure")

OPTIMUM, RUN, FLOOR = "#1b4f8a", "#c8641e", "#8c1d40"
"""Colours of the optimum, the runs and the certified bound in every figure."""

INK, QUIET, GRID, WALL, NET = "#22262c", "#8a8f98", "#e4e6ea", "#d5d8dd", "#c3c7ce"
"""Of words, of what stands back, of grids, of samples' walls and of the meridians of a map."""

PAPER, EDGE = "#ffffff", "#fdfdfd"
"""Of the page beneath, which may be dark, and of lines on pictures, which stay as they are."""

RESOLUTION = 1e-15
"""Share of the objective below which a difference of two is rounding."""


def new_axes(width: float = 6.0, height: float = 4.0, columns: int = 1) -> Any:
    """Axes of a new figure that pyplot does not know; an array of them for several columns."""

    figure = figures.Figure(figsize=(width, height), layout="constrained")
    return figure.subplots(1, columns)


def plot_kernels(comparison: Comparison, axes: Any = None) -> list[Any]:
    """Hidden kernels side by side (optimum, prediction where one applies, best run), samples sorted by class.

    One colour scale for all. Returns the axes, one per kernel.
    """
    kernels = comparison.kernels
    axes = new_axes(3.3 * len(kernels) + 0.7, 3.7, len(kernels)) if axes is None else axes
    axes = list(np.atleast_1d(axes))
    order, edges = _order(comparison)
    # one scale for all, or kernels of different size would look alike
    top = max(float(np.abs(K).max()) for K in kernels.values()) or 1.0
    # beyond rounding: a scale with two signs would waste half of its colours on non-negative kernels
    signed = min(float(K.min()) for K in kernels.values()) < -1e-6 * top
    style = {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if signed else {"cmap": "viridis", "vmin": 0.0, "vmax": top}
    for ax, (name, K) in zip(axes, kernels.items(), strict=True):
        image = ax.imshow(K[np.ix_(order, order)], interpolation="nearest", **style)
        ax.set_title(name)
        ax.set_xticks([])
        ax.set_yticks([])
        for edge in edges:
            ax.axhline(edge - 0.5, color=EDGE, lw=0.8)
            ax.axvline(edge - 0.5, color=EDGE, lw=0.8)
    kind = "class" if comparison.factors is None else "combination"
    axes[0].set_ylabel(f"{len(order)} samples" + (f", sorted by {kind}" if edges else ""))
    names = [str(name) for name in comparison.class_names]
    # names of the blocks, where they have room
    if names and len(names) == len(edges) + 1 <= 8:
        middles = np.diff([0, *edges, len(order)]) / 2 + [0, *edges] - 0.5
        for ax in axes:
            ax.set_xticks(middles, [_short(name) for name in names], fontsize=8)
            ax.tick_params(length=0)
        axes[0].set_yticks(middles, [_short(name) for name in names], fontsize=8, rotation=90, va="center")
    axes[-1].figure.colorbar(image, ax=axes, shrink=0.85, label="hidden kernel $\\Phi\\Phi^T$")
    return axes


def plot_curves(comparison: Comparison, ax: Any = None) -> Any:
    """Objective minus the certified floor against training step for every run, on a logarithmic axis.

    No network falls below the floor, so nothing is below zero; below the dashed line, which is the gap of the proof itself, a
    run and the optimum cannot be told apart.
    """
    ax = new_axes() if ax is None else ax
    lower, own = comparison.solution.certificate.lower, comparison.solution.certificate.gap
    curves = [_above(history, lower) for history in comparison.histories]
    least = min((float(y.min()) for _, y in curves if y.size), default=own)
    # what rounding leaves of nothing has no logarithm
    resolution = RESOLUTION * max(abs(comparison.solution.objective), 1e-300)
    bottom = max(min([own, least]) if own > 0 else least, resolution)
    for k, (steps, above) in enumerate(curves):
        best = k == comparison.best
        label = f"best run ({comparison.rows[k].name})" if best else None
        style = {"lw": 1.8, "zorder": 3} if best else {"lw": 0.9, "alpha": 0.45}
        ax.plot(steps, np.maximum(above, bottom), color=RUN, label=label, **style)
    if own >= bottom:
        ax.axhline(own, color=FLOOR, lw=1.4, ls="--", label=f"gap of the proof itself, {own:.2g}")
    top = comparison.reach * comparison.solution.objective
    ax.axhline(top, color=QUIET, lw=1.2, ls=":", label=f"within {comparison.reach:g} of the floor")
    ax.set_yscale("log")
    ax.set_ylim(bottom=bottom / 3)
    if max((float(steps.max()) for steps, _ in curves if steps.size), default=1.0) > 30:
        ax.set_xscale("log")
    ax.set_xlabel("step + 1")
    ax.set_ylabel(f"objective − certified floor {lower:.6g}")
    ax.legend(frameon=False)
    return _clean(ax)


def _above(history: dict[str, Any], lower: float) -> tuple[np.ndarray, np.ndarray]:
    """Steps, from 1 on for the logarithm, and objectives minus the floor; nothing where none were recorded."""
    if "objective" not in history:
        return np.empty(0), np.empty(0)
    values = np.asarray(history["objective"], dtype=float)
    steps = np.asarray(history.get("step", np.arange(len(values))), dtype=float) + 1.0
    kept = np.isfinite(values)
    return steps[kept], values[kept] - lower


def plot_gaps(comparison: Comparison, ax: Any = None) -> Any:
    """Certified relative gap of every run, sorted, against the reach up to which a run counts as optimal."""
    ax = new_axes() if ax is None else ax
    rows = sorted(comparison.rows, key=lambda row: row.rel_gap)
    # gaps of zero have no logarithm
    floor = 1e-12
    values = np.maximum([row.rel_gap for row in rows], floor)
    colours = [OPTIMUM if row.reached else RUN for row in rows]
    ax.scatter(range(1, len(rows) + 1), values, c=colours, s=42, zorder=3)
    reached = sum(row.reached for row in rows)
    ax.axhline(comparison.reach, color=QUIET, lw=1.2, ls=":")
    note = f"{reached} of {len(rows)} runs within {comparison.reach:g}"
    ax.text(0.02, 0.97, note, transform=ax.transAxes, va="top", color=INK)
    proof = comparison.optimum.rel_gap
    low, high = min([comparison.reach, *values]), max([comparison.reach, *values])
    # the proof's own gap is shown where it is near enough to matter for what the runs' gaps say
    if proof > low / 100:
        low, high = min(low, proof), max(high, proof)
        ax.axhline(proof, color=FLOOR, lw=1.2, ls="--")
        ax.text(
            0.98,
            proof / 1.3,
            "gap of the proof itself",
            transform=ax.get_yaxis_transform(),
            ha="right",
            va="top",
            color=FLOOR,
        )
    ax.set_yscale("log")
    # a logarithmic axis has its margins by factors
    ax.set_ylim(low / 12, high * 12)
    # names as long as there is room for them
    if len(rows) <= 15:
        ax.set_xticks(range(1, len(rows) + 1), [row.name.replace("seed ", "").replace("network ", "") for row in rows])
        ax.set_xlabel("seed, best first" if rows and rows[0].seed is not None else "network, best first")
    else:
        ax.set_xlabel("rank of the run")
    ax.set_ylabel("certified relative gap")
    return _clean(ax)


def _order(comparison: Comparison) -> tuple[np.ndarray, list[int]]:
    """Samples sorted by class or combination of factors, and where these change (not for more than 20 of them)."""
    keys = comparison.labels
    if comparison.factors is not None:
        keys = np.unique(np.asarray(comparison.factors), axis=0, return_inverse=True)[1].ravel()
    if keys is None:
        # without classes the first target puts similar samples together
        return np.argsort(comparison.problem.Y[:, 0], kind="stable"), []
    codes = np.unique(keys, return_inverse=True)[1].ravel()
    order = np.argsort(codes, kind="stable")
    edges = np.flatnonzero(np.diff(codes[order])) + 1
    return order, edges.tolist() if len(edges) < 20 else []


def _short(name: str, most: int = 12) -> str:
    """A name that leaves room for its neighbours."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _clean(ax: Any) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID, lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    return ax
