"""The page of a recording: what was measured, in tables and figures, in one file with nothing to load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from itertools import chain
from typing import Any

import numpy as np

from relucvx.metrics import Measurement, scale
from relucvx.metrics.figures import MOST_NAMES
from relucvx.metrics.recordings.reading import words
from relucvx.report.html import table
from relucvx.report.style import STYLE
from relucvx.report.svg import drawing
from relucvx.report.words import glossary

CAPTIONS = {
    "activity": "Mean activity of each condition, neuron by neuron.",
    "distances": "Cross-validated squared distances of the conditions per neuron, weighted against noise: 0 on average where "
    "two conditions do not differ.",
    "embedding": "Conditions as points whose squared distances are closest to these.",
    "splits": "Every split of the conditions into halves: accuracy on held-out trials (decoding), on conditions left out "
    "(ccgp), and how parallel the differences are; bars hold 95 % of what chance gives.",
    "categories": "Mean angle of neurons to their nearest neighbours, beside random mixtures of the same shape.",
    "ceiling": "How like the distances of each session are to the mean of the others, and to that of all: the best model of "
    "all sessions scores between the two, in the band.",
    "time": "accuracy on held-out trials in every time bin; band: 95 % of shuffled trials, dots above: p corrected over time "
    "below 0.05, dotted line: chance.",
    "interval": "Scores of the factors over contexts of the others, with 95 % intervals over trials.",
}
"""Of each figure."""

SCORES, METRICS = ("decoding", "ccgp", "parallelism"), ("decoding_dimension", "ccgp", "parallelism_score")

LEVEL = 0.05
"""Below it a p-value is counted as a finding."""

MOST_CELLS = 20_000
"""Of the table of mean activity."""


def in_short(found: Measurement) -> dict[str, str]:
    """One line for each part that is one number or a few.

    Parameters
    ----------
    found : Measurement

    Returns
    -------
    dict of str to str
    """
    about = found.recording
    rows = {
        "conditions": f"{about['n_conditions']}, {about['trials_per_condition']} trials of each",
        "dimension": f"{found.participation_ratio:.2f} (participation ratio of the means, without noise)",
    }
    if "n_sessions" in about:
        rows["sessions"] = f"{about['n_sessions']}" + ("" if about["complete"] else ", of different neurons")
    if "time" in about:
        rows["time"] = str(about["time"])
    if found.distances is not None:
        vector = found.distances.vector
        rows["distances"] = f"{vector.min():.3g} to {vector.max():.3g} (crossnobis per neuron, 0 by chance)"
    if found.ceiling is not None:
        ends = f"{found.ceiling.lower:.3f} to {found.ceiling.upper:.3f}"
        rows["noise ceiling"] = f"{ends} ({found.ceiling.method} of distances, over sessions)"
    if found.dichotomies is not None:
        splits = found.dichotomies
        how = f"{len(splits.names)} of {splits.n_total} splits"
        rows["shattering"] = f"{splits.shattering_dimension:.3f} mean decoding of {how} (chance 0.5)"
    if found.categories is not None:
        test = found.categories
        rows["categories"] = f"index {test.index:+.3f}, p = {test.p_value:.3g}: {test.note.split(',')[0]}"
    for course in found.over_time:
        facts, (name, *_) = course.facts(), course.names
        said = f"decoded best at {facts['at']:.3g}: {facts['largest']:.3f} (chance 0.5)"
        sure = np.flatnonzero(course.corrected_p_values[:, 0] < LEVEL) if len(course.null_values) else np.zeros(0, int)
        if len(sure):
            first, last = (f"{course.time[sure[k]]:.3g}" for k in (0, -1))
            where = f"from {first} to {last}" if first != last else f"at {first}"
            said += f"; above chance in {len(sure)} of {len(course.time)} bins, {where}"
        elif 1.0 / (1 + len(course.null_values)) < LEVEL:
            said += "; nowhere above chance"
        rows[f"time: {name}"] = said
    return rows


def findings(found: Measurement) -> list[str]:
    """What the p-values of the splits are, and how many are below 0.05 after correction; nothing without a null.

    Parameters
    ----------
    found : Measurement

    Returns
    -------
    list of str
    """
    splits = found.dichotomies
    if splits is None or min(len(splits.null_decoding), len(splits.null_ccgp)) == 0:
        return []
    count = len(splits.names)
    sure = [f"{score} {int(np.sum(splits.p_values(score, corrected=True) < LEVEL))}" for score in SCORES]
    least = 1.0 / (1 + min(len(splits.null_decoding), len(splits.null_ccgp)))
    said = [f"p: of each split by itself; below {LEVEL:g} after correction for all {count}: {', '.join(sure)}"]
    return said if least < LEVEL else [*said, f"{least:.2g} is the least that p can be with so few draws"]


def by_factor(found: Measurement) -> list[dict[str, Any]]:
    """Generalisation and parallelism of each factor over contexts of the others, with intervals where there are some.

    Parameters
    ----------
    found : Measurement

    Returns
    -------
    list of dict
        ``factor``, ``ccgp``, ``parallelism``, and of each its ``low`` and ``high`` end or NaN; no row where a factor has more
        than two values.
    """
    splits = found.dichotomies
    known = {} if splits is None else dict(zip(splits.names, range(len(splits.names)), strict=True))
    ends = {one.metric: dict(zip(found.recording["factors"], one.records(), strict=False)) for one in found.intervals}
    rows = []
    for name in found.recording["factors"]:
        if splits is None or name not in known or math.isnan(splits.factor_ccgp[known[name]]):
            continue
        row: dict[str, Any] = {"factor": name}
        for score, metric in (("ccgp", "ccgp"), ("parallelism", "parallelism_score")):
            span = ends.get(metric, {}).get(name, {})
            row[score] = float(getattr(splits, f"factor_{score}")[known[name]])
            row[f"{score} low"], row[f"{score} high"] = span.get("low", math.nan), span.get("high", math.nan)
        rows.append(row)
    return rows


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
            f"<main>\n{body}\n{_words(body)}</main>",
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
    lines = [[escape(name), escape(text)] for name, text in in_short(found).items()]
    yield table("In short", ["part", "found"], lines)
    yield "<h2>Figures</h2>"
    for k, (name, draw) in enumerate(found.panels().items()):
        caption = next(text for key, text in CAPTIONS.items() if name.startswith(key))
        yield _figure(f"figure-{k}", draw, f"{name[6:]}: {caption}" if name.startswith("time: ") else caption)
    yield "<h2>Numbers</h2>"
    yield from chain(_splits(found), _distances(found), _sessions(found), _over_time(found), _activity(found))
    yield "<h2>What the numbers mean</h2>"
    yield table("Range, chance and direction", ["score", "scale"], _scales(found))
    if command:
        yield f"<h2>Make it again</h2><pre>{escape(command)}</pre>"


def _figure(name: str, draw: Any, caption: str) -> str:
    picture = drawing(draw(None).figure, name, caption)
    return (
        f'<figure><div class="picture" tabindex="0">{picture}</div><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.3f}"


def _splits(found: Measurement) -> Iterator[str]:
    splits = found.dichotomies
    if splits is None:
        return
    heads, rows = ["split"], []
    for score in SCORES:
        heads += [score, "p", "p corrected"] + (["share as high"] if score != "decoding" else [])
    for row in splits.records():
        cells = [escape(row["split"])]
        for score in SCORES:
            keys = [score, f"{score}_p", f"{score}_corrected_p", f"{score}_share"]
            cells += [_cell(row[key]) for key in keys if key in row]
        rows.append(cells)
    yield table("; ".join(["Splits of the conditions into halves", *findings(found)]), heads, rows, "numbers")
    if splits.note:
        yield f'<p class="note">{escape(splits.note)}</p>'
    factors = [
        [escape(row["factor"])]
        + [
            _cell(row[score]) + ("" if math.isnan(low) else f" ({_cell(low)} to {_cell(high)})")
            for score in SCORES[1:] for low, high in [(row[f"{score} low"], row[f"{score} high"])]
        ]
        for row in by_factor(found)
    ]  # fmt: skip
    if factors:
        over = "Factors over contexts of the others: conditions that differ in one factor alone"
        yield table(over, ["factor", "ccgp", "parallelism"], factors, "numbers")


def _distances(found: Measurement) -> Iterator[str]:
    if found.distances is None:
        return
    names = [escape(words(one)) for one in found.distances.conditions]
    caption = f"Squared distances per neuron ({found.distances.measure}, {found.distances.noise})"
    if len(names) <= MOST_NAMES:
        square = [[name, *map(_cell, row)] for name, row in zip(names, found.distances.distances, strict=True)]
        yield table(caption, ["condition", *map(words, found.distances.conditions)], square, "numbers")
        return
    pairs = [
        [escape(row["condition"]), escape(row["other"]), _cell(row["distance"])] for row in found.distances.records()
    ]
    yield table(caption, ["condition", "other", "distance"], pairs, "numbers")


def _sessions(found: Measurement) -> Iterator[str]:
    if found.ceiling is None:
        return
    rows = [[escape(row["session"]), _cell(row["lower"]), _cell(row["upper"])] for row in found.ceiling.records()]
    rows.append(["mean", _cell(found.ceiling.lower), _cell(found.ceiling.upper)])
    heads = ["session", "with the mean of the others", "with the mean of all"]
    yield table(f"Noise ceiling: {found.ceiling.method} of the distances", heads, rows, "numbers")


def _over_time(found: Measurement) -> Iterator[str]:
    if not found.over_time:
        return
    heads, columns = ["time"], []
    for course in found.over_time:
        heads += [course.names[0], "p corrected"]
        columns += [course.values[:, 0], course.corrected_p_values[:, 0]]
    times = [f"{t:.4g}" for t in found.over_time[0].time]
    rows = [[t, *(_cell(float(column[k])) for column in columns)] for k, t in enumerate(times)]
    yield table("Decoding accuracy over time; p corrected over all bins", heads, rows, "numbers")


def _activity(found: Measurement) -> Iterator[str]:
    means = found.averages
    if means.means.size > MOST_CELLS:
        yield f'<p class="note">Mean activity: {means.means.shape[1]} neurons, too many for a page.</p>'
        return
    names = list(means.neurons or (f"z{k}" for k in range(means.means.shape[1])))
    rows = [
        [escape(words(label)), str(int(n)), *map(_cell, row)]
        for label, n, row in zip(means.conditions, means.n_trials, means.means, strict=True)
    ]
    yield table("Mean activity", ["condition", "trials", *names], rows, "numbers")


def _scales(found: Measurement) -> list[list[str]]:
    said = {score: scale(metric).text for score, metric in zip(SCORES, METRICS, strict=True)}
    if found.dichotomies is None:
        said = {}
    for name, part in (
        ("distances", found.distances),
        ("noise ceiling", found.ceiling),
        ("categories", found.categories),
    ):
        if part is not None:
            said[name] = part.scale
    if found.categories is not None:
        said["categories"] += f"; here: {found.categories.note}"
    return [[escape(name), escape(text)] for name, text in said.items()]


def _words(body: str) -> str:
    """The meanings of words that are pointed to."""
    return f"<h2>Words</h2>{glossary(body)}" if 'class="term"' in body else ""
