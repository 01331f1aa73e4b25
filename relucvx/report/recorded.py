"""The page of a recording: what was measured, in tables and figures, in one file with nothing to load."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from relucvx.metrics import Measurement
from relucvx.metrics.figures import new_panels
from relucvx.report.style import STYLE
from relucvx.report.svg import drawing

CAPTIONS = {
    "activity": "Mean activity of each condition, neuron by neuron.",
    "distances": "Cross-validated squared distances of the conditions per neuron, weighted against noise: 0 on average where "
    "two conditions do not differ.",
    "embedding": "Conditions as points whose squared distances are closest to these.",
    "splits": "Every split of the conditions into halves: accuracy on held-out trials (decoding), on conditions left out "
    "(ccgp), and how parallel the differences are; bars hold 95 % of what chance gives.",
    "categories": "Mean angle of neurons to their nearest neighbours, beside random mixtures of the same shape.",
    "ceiling": "What the best model of all sessions could score in each: of the others alone, and of all.",
    "time": "Decoding of a factor in every time bin.",
    "interval": "Scores of the factors with their intervals over trials.",
}
"""Of each figure."""


def recording_page(found: Measurement, title: str, command: str = "") -> str:
    """The page as HTML text; ``command`` is what a shell is told to make it again.

    Parameters
    ----------
    found : Measurement
    title : str
    command : str, optional
    """
    body = "\n".join(_sections(found, title, command))
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<style>{STYLE}</style></head><body>",
            f"<main>\n{body}\n</main>",
            "</body></html>\n",
        ]
    )


def _sections(found: Measurement, title: str, command: str) -> Iterator[str]:
    about = found.recording
    yield f"<h1>{escape(title)}</h1>"
    size = f"{about['n_trials']} trials of {about['n_neurons']} neurons in {about['n_conditions']} conditions"
    yield f'<p class="sub">{escape(size)}</p>'
    for part, why in found.left_out.items():
        yield f'<p class="sub">Left out: {escape(part)} ({escape(why)})</p>'
    yield "<h2>Figures</h2>"
    for k, (name, draw) in enumerate(found.panels().items()):
        caption = next(text for key, text in CAPTIONS.items() if name.startswith(key))
        yield _figure(f"figure-{k}", draw, f"{caption[:-1]} ({name[6:]})." if name.startswith("time: ") else caption)
    yield "<h2>Numbers</h2>"
    parts = (found.dichotomies, found.distances, found.ceiling, found.categories, found.averages, *found.over_time)
    yield from (one._repr_html_() for one in (*parts, *found.intervals) if one is not None)
    if command:
        yield f"<h2>Make it again</h2><pre>{escape(command)}</pre>"


def _figure(name: str, draw: Any, caption: str) -> str:
    (ax,) = new_panels(1, 1, (6.2, 4.2))
    draw(ax)
    picture = drawing(ax.figure, name, caption)
    return (
        f'<figure><div class="picture" tabindex="0">{picture}</div><figcaption>{escape(caption)}</figcaption></figure>'
    )
