"""Figures of a comparison. Every function draws on ``ax`` (or a new figure's axes), returns the axes and never shows.

Figures are built without pyplot, so they need no display and leave no global state behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.report.comparison import Comparison

figures = later("matplotlib.figure")
ticker = later("matplotlib.ticker")

OPTIMUM, RUN, FLOOR = "#1b4f8a", "#c8641e", "#8c1d40"
"""Colours of the optimum, the prediction, the runs and the certified bound in every figure."""

QUIET = "#8a8f98"


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
            ax.axhline(edge - 0.5, color="white", lw=0.8)
            ax.axvline(edge - 0.5, color="white", lw=0.8)
    kind = "class" if comparison.factors is None else "combination"
    axes[0].set_ylabel(f"{len(order)} samples" + (f", sorted by {kind}" if edges else ""))
    axes[-1].figure.colorbar(image, ax=axes, shrink=0.85, label="hidden kernel $\\Phi\\Phi^T$")
    return axes


def plot_curves(comparison: Comparison, ax: Any = None) -> Any:
    """Objective against training step for every run, above the certified floor that no network can cross."""
    ax = new_axes() if ax is None else ax
    lower = comparison.solution.certificate.lower
    longest = 1.0
    for k, history in enumerate(comparison.histories):
        if "objective" not in history:
            continue
        # from 1 on, for the logarithm
        steps = np.asarray(history.get("step", np.arange(len(history["objective"]))), dtype=float) + 1.0
        best = k == comparison.best
        label = f"best run ({comparison.rows[k].name})" if best else None
        ax.plot(
            steps, history["objective"], color=RUN, lw=1.8 if best else 0.9, alpha=1.0 if best else 0.45, label=label
        )
        longest = max(longest, float(steps[-1]))
    ax.axhline(lower, color=FLOOR, lw=1.6, ls="--", label=f"certified floor, {lower:.6g}")
    # a bound of zero has no place on a logarithmic axis
    if lower > 0:
        ax.set_yscale("log")
        _plain_ticks(ax.yaxis)
    if longest > 30:
        ax.set_xscale("log")
    ax.set_xlabel("step + 1")
    ax.set_ylabel("objective")
    ax.legend(frameon=False)
    return _clean(ax)


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
    ax.text(0.02, 0.97, note, transform=ax.transAxes, va="top", color="#30343b")
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


def _plain_ticks(axis: Any) -> None:
    """Ticks such as 20 and 300 on a logarithmic axis that spans less than two decades or so."""

    low, high = axis.get_view_interval()
    if low > 1e-3 and high < 1e5 and high / low < 300:
        axis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(ticker.StrMethodFormatter(""))


def _clean(ax: Any) -> Any:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e4e6ea", lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    return ax
