"""One HTML file with everything inside: no scripts, no fonts, nothing to load; light, dark, narrow and on paper."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from relucvx.report.comparison import Comparison
from relucvx.report.embedding import downloads
from relucvx.report.neuron_table import neuron_rows
from relucvx.report.pictures import pictures
from relucvx.report.style import STYLE
from relucvx.report.uniqueness import ASK, no_ranges
from relucvx.report.words import glossary, linked

COLUMNS = {
    "name": "network", "objective": "objective", "rel_gap": "certified gap", "reached": "reached", "width": "neurons",
    "fit_distance": "fit", "kernel_to_optimum": "kernel – solved", "kernel_to_prediction": "kernel – prediction",
    "nc1": "NC1", "nc2_etf": "NC2", "nc3": "NC3", "nc4": "NC4", "parallelism": "parallelism", "ccgp": "CCGP",
    "participation_ratio": "PR", "tuning": "tuning", "stationarity": "gradient", "steps": "steps", "seconds": "seconds",
    "status": "stopped",
}  # fmt: skip
"""Columns of the table and their heads."""

VERDICTS = {"holds": "holds", "does not hold": "fails", "partly": "partly"}
"""Style of each verdict."""

STATISTICS = {
    "nc1_quotient": "tr S_W/tr S_B", "nc1": "NC1", "parallelism": "parallelism",
    "distance": "distance of kernels from the one found",
}  # fmt: skip
"""What is asked over all optima, as it is called."""

NONE_YET = "no bound in this time"
"""Where an interval was asked for and none was proven."""

MOST = 12
"""Neurons and coordinates of the table of neurons: more of them no reader looks at."""


def page(
    comparison: Comparison, title: str | None = None, figures: bool = True, command: str = "", data: bool = True
) -> str:
    """The report as HTML text; ``command`` is what a shell is told to make it again."""
    head = title or f"Theory, {comparison.subject} and trained networks"
    body = "\n".join(_sections(comparison, head, figures, command, data))
    body += f"\n<h2>Words</h2>\n{glossary(body)}"
    # escaped wherever the words are not ours
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(head)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<style>{STYLE}</style></head><body>",
            f"<main>\n{body}\n</main>",
            "</body></html>\n",
        ]
    )


def _sections(comparison: Comparison, head: str, figures: bool, command: str, data: bool) -> Iterator[str]:
    yield f'<h1>{escape(head)}</h1><p class="sub">{escape(_subtitle(comparison))}</p>'
    if comparison.cut:
        yield f'<p class="cut">{escape(comparison.cut)}</p>'
    kind = "lede" if comparison.proven else "lede open"
    yield f'<p class="{kind}">{escape(summary(comparison))}</p>'
    yield _facts(comparison)
    yield "<h2>Findings</h2>"
    yield _findings(comparison)
    if not comparison.uniqueness.unique:
        yield f"<h2>{'Over all optima' if comparison.proven else 'Over all of the best networks'}</h2>"
        yield from _ranges(comparison)
    if figures:
        yield "<h2>Figures</h2>"
        yield from pictures(comparison)
    yield "<h2>Networks</h2>"
    yield _networks(comparison)
    yield from _neurons(comparison)
    yield "<h2>Data</h2>"
    yield from _data(comparison)
    yield "<h2>How it was made</h2>"
    yield from _making(comparison, command)
    yield downloads(comparison, head, data)


def _subtitle(comparison: Comparison) -> str:
    p = comparison.problem
    outputs = f"{p.n_outputs} output{'s' if p.n_outputs > 1 else ''}"
    return (
        f"{p.n_samples} samples, {p.n_features} features, {outputs}; {p.loss.name} loss, beta = {p.beta:.6g}, bias {p.bias}, "
        f"activation {p.activation.name}"
    )


def summary(comparison: Comparison) -> str:
    """What was found, in two sentences; an unproven result never calls itself the best there is."""
    c = comparison.solution.certificate
    count, reached = len(comparison.rows), sum(row.reached for row in comparison.rows)
    if comparison.proven:
        text = f"Proven: the best network of any width has an objective p* between {c.lower:.8g} and {c.upper:.8g}."
        runs = f"{_counted(reached, count)} within {comparison.reach:g} of it, relatively."
    else:
        text = (
            f"Not proven: the best network found has the objective {c.upper:.8g}, and no network of any width is below "
            f"{c.lower:.8g}; what lies between is open."
        )
        runs = f"{_counted(reached, count)} within {comparison.reach:g} of that bound, relatively."
    return f"{text} {runs}" if count else text


def _counted(reached: int, count: int) -> str:
    if count == 1:
        return f"The one network that was compared {'is' if reached else 'is not proven to be'}"
    words = {0: "None", 1: "One", count: "All"}.get(reached, str(reached))
    verb = {0: "is proven to be", 1: "is"}.get(reached, "are")
    return f"{words} of the {count} networks that were compared {verb}"


def number(value: Any) -> str:
    """A number as short as it stays readable; an en dash for what does not exist."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    return (
        f"{value:.0f}" if math.isfinite(value) and value == round(value) and 1 <= abs(value) < 1e6 else f"{value:.3g}"
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "", marked: int = -1) -> str:
    """A table that scrolls in its own box; the first cell of a row is its head, and cells are HTML already.

    ``marked`` is the row that stands out.
    """
    head = "".join(f'<th scope="col">{linked(name)}</th>' for name in heads)
    body = "".join(
        f'<tr{" class=solved" if k == marked else ""}><th scope="row">{row[0]}</th>'
        f"{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>"
        for k, row in enumerate(rows)
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{kind}">'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _facts(comparison: Comparison) -> str:
    c = comparison.solution.certificate
    unique = {True: "unique", False: "not unique", None: "not known to be unique"}[comparison.uniqueness.unique]
    boxes = [(f"objective, {comparison.subject}", f"{c.upper:.8g}"), ("certified floor", f"{c.lower:.8g}")]
    boxes += [
        (
            f"relative gap, {c.scope.name.lower().replace('_', ' ')}",
            f"{c.rel_gap:.1g}" if c.rel_gap > 0 else "0, to rounding",
        )
    ]
    if comparison.rows:
        reached = sum(row.reached for row in comparison.rows)
        boxes.append((f"within {comparison.reach:g} of the floor", f"{reached} of {len(comparison.rows)}"))
    boxes.append(("optimal hidden kernel", unique))
    return (
        '<dl class="facts">'
        + "".join(f"<div><dt>{linked(t)}</dt><dd>{escape(b)}</dd></div>" for t, b in boxes)
        + "</dl>"
    )


def _findings(comparison: Comparison) -> str:
    rows = [
        [
            linked(f.claim),
            f'<span class="word {VERDICTS.get(f.verdict, "other")}">{escape(f.verdict)}</span>',
            _unbroken(f.text),
        ]
        for f in comparison.findings
    ]
    return table("Claim by claim, and what the verdict rests on", ["claim", "verdict", "because"], rows, "findings")


def _unbroken(text: str) -> str:
    """A text in which no line ends inside a number such as 3e-07."""
    return re.sub(r"\d[\d.]*e-\d+", r'<span class="number">\g<0></span>', escape(text))


def _ranges(comparison: Comparison) -> Iterator[str]:
    reason = no_ranges(comparison.solution, comparison.ranges)
    rows = []
    for found in comparison.ranges:
        lowest = {"parallelism": -1.0}.get(found.statistic, 0.0)
        highest = {"parallelism": 1.0}.get(found.statistic, math.inf)
        told = found.lower > lowest or found.upper < highest
        interval = f"{number(found.lower)} to {number(found.upper)}" if told else NONE_YET
        values = [number(value) for value in found.attained]
        seen = values[0] if values[0] == values[1] else " to ".join(values)
        name = STATISTICS.get(found.statistic, found.statistic)
        rows.append([linked(name), f"{interval}", seen, f"{found.seconds:.1f}"])
    yield (
        '<p class="note">Optimal networks may differ in what they represent. An interval here is proven for every one of them, '
        "of any width; beside it stand the values of networks that were found.</p>"
        if rows
        else f"<p>{escape(reason)}</p>"
    )
    if rows:
        heads = ["statistic of the kernel", "proven of every one", "of networks found", "seconds"]
        yield table("Certified intervals", heads, rows, "numbers")
    if any(NONE_YET in row for row in rows):
        yield f"<p>{escape(f'More time may give one. In Python: {ASK}.')}</p>"


def _networks(comparison: Comparison) -> str:
    found = comparison.table()
    names = [name for name in COLUMNS if name in found[0]]
    rows = [[escape(_cell(name, row[name])) for name in names] for row in found]
    caption = f"The {comparison.subject} first, then the networks that were compared"
    return table(caption, [COLUMNS[name] for name in names], rows, "numbers", 0)


def _cell(name: str, value: Any) -> str:
    return f"{value:.8g}" if name == "objective" else number(value)


def _neurons(comparison: Comparison) -> Iterator[str]:
    """The neurons of the solved network, in the words of the data."""
    found = neuron_rows(comparison)
    if found is None or not 0 < len(found[1]) <= MOST or len(found[0]) > 2 * MOST:
        return
    heads, rows = found
    yield f"<h3>Neurons of the {escape(comparison.subject)}</h3>"
    caption = "Each adds (weights to outputs) × activation of (weights from inputs), with ‖weights from inputs‖ = 1"
    yield table(caption, heads, [[number(v) for v in row] for row in rows], "numbers neurons")


def _data(comparison: Comparison) -> Iterator[str]:
    names, labels = comparison.names, comparison.labels
    if names.features:
        yield f"<p>Inputs: {escape(_listed(names.features))}.</p>"
    if names.targets and names.targets != names.classes:
        yield f"<p>Outputs: {escape(_listed(names.targets))}.</p>"
    if labels is None:
        yield f"<p>{escape(_subtitle(comparison).partition(';')[0])}.</p>"
        return
    values, counts = _counts(labels)
    classes = names.classes or tuple(str(value) for value in values)
    listed = _listed([f"{name} ({count})" for name, count in zip(classes, counts, strict=True)])
    yield f"<p>Classes, and how many samples each has: {escape(listed)}.</p>"


def _counts(labels: Any) -> tuple[list[Any], list[int]]:
    values, counts = np.unique(labels, return_counts=True)
    return values.tolist(), counts.tolist()


def _listed(names: Sequence[str], most: int = 40) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _making(comparison: Comparison, command: str) -> Iterator[str]:
    made = comparison.made
    told = [command] if command else [f"found = {made.call}", 'found.to_html("report.html")']
    yield f"<p>Typed again, this makes the page again:</p><pre><code>{escape(chr(10).join(told))}</code></pre>"
    seeds = f" Seeds of the networks that were trained: {', '.join(map(str, made.seeds))}." if made.seeds else ""
    yield (
        f"<p>Made on {escape(made.date)} with {escape(', '.join(f'{k} {v}' for k, v in made.versions.items()))}.{seeds} "
        "How far training comes depends on rounding and so on the processor; bounds hold wherever they are computed.</p>"
        '<p class="note">The objective is a loss summed over samples, the squared one with a factor 1/2, plus '
        "beta/2 ‖weights‖².</p>"
    )
