"""The figure of a profile: one panel per kind of metric, layers from left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.figures import COLOURS, MOST_NAMES, new_panels, plain
from relucvx.metrics.layers.cut import check_frame, suggested_cut
from relucvx.types import ArrayLike

if TYPE_CHECKING:
    from pandas import DataFrame

QUIET = "#8a8f98"


class Panel(NamedTuple):
    """One pair of axes: its title, its lines (column and legend), and the kind of its vertical axis."""

    title: str
    lines: dict[str, str]
    scale: str = "linear"
    limits: tuple[float, float] | None = None


PANELS = (
    Panel(
        "Convexity of classes",
        {
            "graph_convexity": "graph, labels",
            "graph_convexity_decisions": "graph, decisions",
            "euclidean_convexity": "straight lines, labels",
            "euclidean_convexity_decisions": "straight lines, decisions",
        },
    ),
    Panel("Dimension", {
        "participation_ratio": "participation ratio",
        "effective_rank": "effective rank",
        "numerical_rank": "numerical rank",
        "two_nn": "TwoNN",
    }, "log"),
    Panel("Accuracy", {
        "linear_probe": "linear probe",
        "nc4": "head = nearest mean (NC4)",
    }),
    Panel("Few-shot error", {"few_shot_error": "5 samples per class"}, "linear", (0.0, np.nan)),
    Panel("Spread within classes", {"nc1": "NC1", "nc1_quotient": "NC1, quotient of traces", "cdnv": "CDNV"}, "log"),
    Panel("Distance from a simplex", {
        "nc2_etf": "means to simplex (NC2)",
        "nc2_equinorm": "unequal norms",
        "nc2_cosine": "unequal angles",
        "nc3": "head to means (NC3)",
    }, "linear", (0.0, np.nan)),
    Panel("Alignment (CKA)", {"cka_output": "with the output", "cka_labels": "with the labels"}, "linear", (0.0, 1.0)),
    Panel("Linear regions on segments", {"line_regions": "regions up to the layer"}, "linear", (0.0, np.nan)),
    Panel("Space folding on segments", {"folding": "mean of χ up to the layer"}, "linear", (0.0, np.nan)),
    Panel("Abstraction", {
        "parallelism": "parallelism",
        "ccgp": "generalisation (CCGP)", "separability": "separability",
    }),
)  # fmt: skip
"""Every column of a profile is on one of these."""

CUTS = (
    ("convexity_peak", "graph_convexity", "suggested cut (peak)", ":"),
    ("rank_drop", "numerical_rank", "suggested cut (rank drop)", "--"),
)
"""Rule, the column whose panel explains it, what its legend says, and the style of its line in every panel."""


def plot_profile(frame: DataFrame, axes: ArrayLike | None = None) -> list[Any]:
    """Draw a profile: one panel per kind of metric, one line per column, and the suggested cuts as dotted lines.

    Parameters
    ----------
    frame : pandas.DataFrame
        From :func:`relucvx.metrics.profile`.
    axes : matplotlib Axes or sequence of them, optional
        Where to draw; the first panels with data are drawn when there are fewer axes than panels, and axes left over
        stay empty. Default a new figure.

    Returns
    -------
    list of Axes
        Those drawn on; ``axes[0].figure.savefig(path)`` saves the figure.

    Raises
    ------
    InvalidInputError
        For a frame without a row, or without a column of a profile, and for something else than a frame.

    Notes
    -----
    Source: [relucvx].
    Status: heuristic (a picture).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> layers = {"one": np.eye(4), "two": np.eye(4)[:, :2]}
    >>> axes = rx.metrics.plot_profile(rx.metrics.profile(layers, metrics=["participation_ratio"]))
    >>> len(axes)
    1
    """
    check_frame(frame)
    panels = [(panel, _lines(frame, panel)) for panel in PANELS]
    panels = [(panel, lines) for panel, lines in panels if lines]
    if len(frame) == 0 or not panels:
        raise InvalidInputError(
            explain(
                "a profile with at least one row and one metric",
                f"{len(frame)} rows, columns {', '.join(map(str, frame.columns))}",
                "an interrupted profile, or another table",
                "plot_profile(profile(module, X, labels))",
            )
        )
    drawn = new_panels(len(panels), 3, (4.3, 3.1)) if axes is None else list(np.ravel(np.asarray(axes, dtype=object)))
    cuts = {name: found["layer"] for name, found in suggested_cut(frame).items() if found["layer"] is not None}
    for ax, (panel, lines) in zip(drawn, panels, strict=False):
        _draw(ax, frame, panel, lines, cuts)
    return drawn[: len(panels)]


def _lines(frame: DataFrame, panel: Panel) -> dict[str, str]:
    """Columns of a panel with something to draw."""
    return {c: label for c, label in panel.lines.items() if c in frame and np.isfinite(frame[c].astype(float)).any()}


def _draw(ax: Any, frame: DataFrame, panel: Panel, lines: dict[str, str], cuts: dict[str, str]) -> None:
    places = np.arange(len(frame))
    shown = []
    for (column, label), colour, marker in zip(lines.items(), COLOURS, "os^D", strict=False):
        values = frame[column].to_numpy(dtype=float)
        # a logarithmic axis has no place for zeros
        values = np.where(values > 0, values, np.nan) if panel.scale == "log" else values
        shown.append(values)
        # later lines are thinner, so that two that coincide are both seen
        size = 2.6 - 0.5 * len(shown)
        ax.plot(places, values, color=colour, marker=marker, ms=3 + size, lw=size, label=label, zorder=3, clip_on=False)
    if panel.scale == "log":
        ax.set_yscale("log")
        _plain_ticks(ax)
    if panel.limits is not None:
        low, high = panel.limits
        highest = np.nanmax([v[np.isfinite(v)].max(initial=0.0) for v in shown]) if np.isnan(high) else high
        ax.set_ylim(low, 1.04 * highest or 1.0)  # all nought: any height
    for name, column, label, style in CUTS:
        if name in cuts:
            text = label if column in lines else None
            ax.axvline(list(frame.index).index(cuts[name]), color=QUIET, lw=1.2, ls=style, zorder=1, label=text)
    _name_layers(ax, [plain(name) for name in frame.index])
    ax.set_xlim(-0.4, len(frame) - 0.6)
    ax.tick_params(axis="y", labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e4e6ea", lw=0.6, zorder=0)
    ax.set_axisbelow(True)
    # the legend stands between title and axes, where it hides no line
    entries = len(ax.get_legend_handles_labels()[1])
    ax.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=8, borderaxespad=0.5, borderpad=0.0,
        labelspacing=0.25, columnspacing=1.2, handlelength=1.8,
    )  # fmt: skip
    ax.set_title(panel.title, fontsize=10, loc="left", pad=7 + 11 * -(-entries // 2))


def _name_layers(ax: Any, names: list[str]) -> None:
    """Names of the layers below the axes: turned when they are long or many, and not all of very many."""
    step = -(-len(names) // MOST_NAMES)
    turned = 90 if len(names) > 12 else 40 if sum(map(len, names)) > 42 else 0
    style = {0: {"ha": "center"}, 40: {"ha": "right", "rotation_mode": "anchor"}, 90: {"ha": "center"}}[turned]
    ax.set_xticks(range(0, len(names), step), names[::step], rotation=turned, fontsize=8, **style)


def _plain_ticks(ax: Any) -> None:
    """Ticks such as 0.2 and 30 on a logarithmic axis."""
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
