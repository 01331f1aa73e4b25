"""Figures as drawings inside a page: sharp at every size, in the colours of the page, light or dark."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from relucvx.later import later
from relucvx.report import figures as style
from relucvx.results import figure_bytes

matplotlib = later("matplotlib")

ROLES = {
    style.PAPER: "paper", style.INK: "ink", "#000000": "ink", style.QUIET: "quiet", style.GRID: "grid",
    style.WALL: "wall", style.NET: "net", style.OPTIMUM: "optimum", style.RUN: "run", style.FLOOR: "floor",
}  # fmt: skip
"""What the colours of figures stand for; all others stay as they are, such as those of lines on pictures."""

DROPPED = (
    r"<\?xml.*?\?>", r"<!DOCTYPE.*?>", r"<metadata>.*?</metadata>", r"<style\b.*?</style>", r"<!--.*?-->",
    r'\sxmlns(:\w+)?="[^"]*"', r"\sversion=\"[^\"]*\"", r"<defs>\s*</defs>",
)  # fmt: skip
"""What a drawing needs in a file of its own, and not in a page: addresses among it, which are never loaded."""

DPI = 144
"""Of pictures inside drawings: twice the usual screen, so that they stay sharp when the page is zoomed."""


def drawing(figure: Any, name: str, description: str) -> str:
    """A matplotlib figure as an ``<svg>`` element whose colours are variables of the page's style.

    ``name`` makes its identifiers its own; ``description`` says what is to be seen to whoever does not see it.
    """
    # the identifiers of a drawing follow from what is in it, so that a page made twice is the same
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": name}):
        text = figure_bytes(figure, "svg", DPI, bare=True).decode("utf-8")
    for pattern in DROPPED:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'href="data:[^"]*"', lambda found: re.sub(r"\s+", "", found[0]), text)
    # only what something points to has a name: two equal pictures would share theirs
    wanted = set(re.findall(r'(?:url\(#|href="#)([^)"]*)', text))
    text = re.sub(r'\sid="([^"]*)"', lambda found: found[0] if found[1] in wanted else "", text)
    text = re.sub(r'(\bid="|url\(#|\bhref="#)', rf"\g<1>{name}-", text)
    for colour, role in ROLES.items():
        text = re.sub(rf"(fill|stroke): {colour}\b", rf"\g<1>: var(--{role})", text)
    width, height = (float(size) * 96 for size in figure.get_size_inches())
    head = (
        f'<svg class="drawing" role="img" aria-label="{escape(description)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width * 0.75:g} {height * 0.75:g}">'
    )
    return head + re.sub(r"\s*\n\s*", "\n", re.sub(r"^.*?<svg\b.*?>", "", text, count=1, flags=re.DOTALL)).strip()
