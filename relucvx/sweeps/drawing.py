"""The figure of a sweep: one number against another, a line for every combination of the other settings."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics import figures
from relucvx.sweeps.store import OPTIMUM

if TYPE_CHECKING:
    from relucvx.sweeps.table import Sweep

NUMBERS = (
    "beta_fraction", "beta", "width", "seed", "upper", "lower", "gap", "rel_gap", "neurons", "steps", "seconds",
)  # fmt: skip
"""Columns that can be drawn."""

TELLING = ("data", "loss", "bias", "activation", "beta_fraction", "width")
"""Settings that tell lines apart where they vary; the seed does not, and the strength follows the share."""

WIDE = 10.0
"""Ratio of the largest to the smallest positive number from which on an axis is logarithmic."""


DASHES = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
"""Kinds of lines of trained networks, one for each width."""

FEW = 5
"""Lines up to which their legend is among them; more have it beside."""


def lines(sweep: Sweep, x: str, y: str, ax: Any = None) -> Any:
    """Draw the lines; see :meth:`relucvx.sweeps.Sweep.plot`."""
    for name, value in (("x", x), ("y", y)):
        if not is_word(value, NUMBERS):
            raise InvalidInputError(
                explain(f"{name} to be one of {', '.join(NUMBERS)}", shown(value), "", f'{name}="beta_fraction"')
            )
    if ax is None:
        (ax,) = figures.new_panels(1, 1, (6.4, 4.2))
    rows = [row for row in sweep.rows if _there(row[x]) and _there(row[y])]
    # the share says where a strength stands, and is one of several per data set
    varied = [name for name in TELLING if name != x and (x, name) != ("beta", "beta_fraction") and _varies(rows, name)]
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], *(row[name] for name in varied)), []).append(row)
    # a colour for each problem, and a kind of line for each width on it
    others = [k for k, name in enumerate(varied, 1) if name != "width"]
    colors = dict.fromkeys(tuple(key[k] for k in others) for key in groups)
    widths = sorted({row["width"] for row in rows if row["width"] is not None})
    for key, members in groups.items():
        color = f"C{list(colors).index(tuple(key[k] for k in others)) % 10}"
        width = members[0]["width"]
        style = "-" if width is None or x == "width" else DASHES[widths.index(width) % len(DASHES)]
        _draw(ax, members, (x, y), {"color": color, "linestyle": style, "label": _label(key, varied)}, sweep.tol)
    for axis, name in (("x", x), ("y", y)):
        values = [float(row[name]) for row in rows]
        if values and min(values) > 0 and max(values) >= WIDE * min(values):
            getattr(ax, f"set_{axis}scale")("log")
    ax.set_xlabel(figures.plain(x))
    ax.set_ylabel(figures.plain(y))
    if len(groups) > 1:
        ax.legend(
            fontsize="small", **({"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if len(groups) > FEW else {})
        )
    return ax


def _there(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value))


def _varies(rows: Sequence[dict[str, Any]], name: str) -> bool:
    return len({row[name] for row in rows if row[name] is not None}) > 1


def _label(key: tuple[Any, ...], varied: Sequence[str]) -> str:
    """What tells a line from the others: words as they are, numbers with their name."""
    parts = [
        str(value) if isinstance(value, str) else f"{name} {value:g}"
        for name, value in zip(varied, key[1:], strict=True) if value is not None
    ]  # fmt: skip
    return figures.plain(", ".join([*parts, str(key[0])]))


def _draw(ax: Any, rows: Sequence[dict[str, Any]], axes: tuple[str, str], style: dict[str, Any], tol: float) -> None:
    """One line; a band where there are several values at one place."""
    x, y = axes
    places: dict[float, list[float]] = {}
    for row in rows:
        places.setdefault(float(row[x]), []).append(float(row[y]))
    at = sorted(places)
    middle = [statistics.median(places[place]) for place in at]
    best = rows[0]["kind"] == OPTIMUM
    (line,) = ax.plot(at, middle, marker="o" if best else "s", markersize=4, **style)
    if any(len(values) > 1 for values in places.values()):
        least, most = ([end(places[place]) for place in at] for end in (min, max))
        ax.fill_between(at, least, most, color=line.get_color(), alpha=0.15, linewidth=0)
    open_ = [row for row in rows if best and not row["rel_gap"] <= tol]
    if open_:
        ax.plot([row[x] for row in open_], [row[y] for row in open_], "x", color="tab:red", markersize=9)
