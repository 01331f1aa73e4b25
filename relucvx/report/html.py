"""One HTML file with everything inside: no scripts, no fonts, nothing to load."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from relucvx import __version__
from relucvx.report.comparison import Comparison
from relucvx.report.figures import new_axes, plot_curves, plot_gaps, plot_kernels
from relucvx.report.neurons import plot_landscape, plot_neurons
from relucvx.results import figure_bytes

DPI = 144
"""Twice the usual screen, so that lines stay sharp when the page is zoomed."""

COLUMNS = {
    "name": "network", "objective": "objective", "rel_gap": "certified gap", "reached": "reached", "width": "neurons",
    "fit_distance": "fit", "kernel_to_optimum": "kernel – solved", "kernel_to_prediction": "kernel – prediction",
    "nc1": "NC1", "nc2_etf": "NC2", "nc3": "NC3", "nc4": "NC4", "parallelism": "parallelism", "ccgp": "CCGP",
    "participation_ratio": "PR", "tuning": "tuning", "stationarity": "gradient", "steps": "steps", "seconds": "seconds",
    "status": "stopped",
}  # fmt: skip
"""Columns of the table and their heads."""

LEGEND = (
    "certified gap: objective minus the proven lower bound, over the objective; reached where that is within "
    "the reach. fit, kernel: relative Frobenius distances; "
    "kernels only where the optimal kernel is known to be unique. NC1: scatter within classes over scatter between; NC2: "
    "distance of the centred class means from a simplex; NC3: of the output weights from the means; NC4: agreement with the "
    "nearest class mean. parallelism, CCGP, tuning: means over factors or neurons. PR: participation ratio. gradient: "
    "relative size of the gradient at the end."
)

STYLE = """
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #22262c; background: #fff;
       max-width: 1080px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.sub, p.legend, figcaption { color: #5a616b; } p.legend, figcaption { font-size: .88rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .32rem .6rem; border-bottom: 1px solid #e4e6ea; vertical-align: top; }
th { font-weight: 600; color: #5a616b; white-space: nowrap; }
table.numbers { font-size: .8rem; } table.numbers td, table.numbers th { padding: .28rem .45rem; }
table.numbers td, table.numbers th { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
table.numbers td:first-child, table.numbers th:first-child { text-align: left; }
tr.solved td { background: #f0f4fa; } .facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.1rem 0; padding: 0; }
.facts div { border: 1px solid #e4e6ea; border-radius: 6px; padding: .55rem .9rem; }
.facts b { display: block; font-size: 1.15rem; } .facts span { color: #5a616b; font-size: .85rem; }
p.cut { color: #a3261f; font-weight: 600; }
.word { white-space: nowrap; font-weight: 600; } .holds { color: #1e6b3c; } .fails { color: #a3261f; }
.partly { color: #94610a; } .other { color: #5a616b; }
figure { margin: .6rem 0 1.4rem; } figure img { max-width: 100%; height: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; }
.pair figure { flex: 1 1 440px; min-width: 0; }
"""

WORDS = {"holds": "holds", "does not hold": "fails", "partly": "partly"}
"""Style of each verdict."""


def page(comparison: Comparison, title: str | None = None, figures: bool = True) -> str:
    """The report as HTML text."""
    p = comparison.problem
    head = title or f"Theory, {comparison.subject} and trained networks"
    outputs = f"{p.n_outputs} output{'s' if p.n_outputs > 1 else ''}"
    sub = (
        f"{p.n_samples} samples, {p.n_features} features, {outputs}; {p.loss.name} loss, beta = {p.beta:.6g}, bias {p.bias}, "
        f"activation {p.activation.name}"
    )
    # escaped wherever the words are not ours
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{escape(head)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f'<h1>{escape(head)}</h1><p class="sub">{escape(sub)}</p>',
            *([f'<p class="cut">{escape(comparison.cut)}</p>'] if comparison.cut else []),
            _facts(comparison),
            "<h2>Findings</h2>",
            _findings(comparison),
            *(["<h2>Figures</h2>", *_figures(comparison)] if figures else []),
            "<h2>Networks</h2>",
            _table(comparison),
            f'<p class="legend">{escape(LEGEND)}</p>',
            f'<p class="legend">relucvx {escape(__version__)}. beta/2 ‖weights‖² is added to a loss summed over samples.</p>',
            "</body></html>",
        ]
    )


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


def _facts(comparison: Comparison) -> str:
    c = comparison.solution.certificate
    unique = {True: "unique", False: "not unique", None: "undecided"}[comparison.uniqueness.unique]
    boxes = [(f"{c.upper:.8g}", f"objective: {comparison.subject}"), (f"{c.lower:.8g}", "certified lower bound on p*")]
    boxes += [(f"{c.rel_gap:.1g}" if c.rel_gap > 0 else "to rounding", f"relative gap, {c.scope.name}")]
    if comparison.rows:
        reached = sum(row.reached for row in comparison.rows)
        boxes.append((f"{reached} of {len(comparison.rows)}", f"runs within {comparison.reach:g} of p*"))
    boxes.append((unique, "optimal hidden kernel"))
    return (
        '<div class="facts">'
        + "".join(f"<div><b>{escape(b)}</b><span>{escape(t)}</span></div>" for b, t in boxes)
        + "</div>"
    )


def _findings(comparison: Comparison) -> str:
    rows = [
        f'<tr><td>{escape(f.claim)}</td><td class="word {WORDS.get(f.verdict, "other")}">{escape(f.verdict)}</td>'
        f"<td>{escape(f.text)}</td></tr>"
        for f in comparison.findings
    ]
    return (
        f'<div class="wide"><table><tr><th>claim</th><th>verdict</th><th>because</th></tr>{"".join(rows)}</table></div>'
    )


def _table(comparison: Comparison) -> str:
    table = comparison.table()
    names = [name for name in COLUMNS if name in table[0]]
    heads = "".join(f"<th>{escape(COLUMNS[name])}</th>" for name in names)
    rows = []
    for k, row in enumerate(table):
        cells = "".join(f"<td>{escape(_cell(name, row[name]))}</td>" for name in names)
        rows.append(f'<tr class="{"run" if k else "solved"}">{cells}</tr>')
    return f'<div class="wide"><table class="numbers"><tr>{heads}</tr>{"".join(rows)}</table></div>'


def _cell(name: str, value: Any) -> str:
    return f"{value:.8g}" if name == "objective" else number(value)


def _figures(comparison: Comparison) -> Iterator[str]:
    remark = {
        True: "The optimal kernel is unique.",
        False: "The optimal kernel is not unique: equally good networks have others.",
        None: "The optimal kernel is not known to be unique: another optimum may have another.",
    }[comparison.uniqueness.unique]
    kernels = f"Hidden kernels on one colour scale. {remark}"
    yield _figure(lambda: plot_kernels(comparison), kernels)
    # without runs the optimum's kernels and neurons are all there is
    if comparison.rows:
        yield '<div class="pair">'
        # networks of other trainers may come without a history
        if any("objective" in history for history in comparison.histories):
            yield _figure(
                lambda: plot_curves(comparison, new_axes(5.6, 4.0)),
                "Objective of every run; no network can fall below the dashed line.",
            )
        yield _figure(
            lambda: plot_gaps(comparison, new_axes(5.6, 4.0)),
            "How far each run is from the optimum at most, whatever the landscape: its certified relative gap.",
        )
        yield "</div>"
    walls = "; thin lines: where a sample switches a neuron on or off" if comparison.problem.n_inputs in (2, 3) else ""
    yield '<div class="pair">'
    yield _figure(
        lambda: plot_neurons(comparison), f"Neurons; areas are ‖w‖·‖v‖, neurons within 3 degrees drawn as one{walls}."
    )
    # maps of all directions exist up to three coordinates
    if comparison.problem.n_inputs <= 3:
        yield _figure(
            lambda: plot_landscape(comparison),
            "Dual norm over all directions, at the certified dual point. Neurons of an optimum can only lie where it reaches "
            "beta (1 here); circles or dots are those found.",
        )
    yield "</div>"


def _figure(draw: Callable[[], Any], caption: str) -> str:
    axes = draw()
    figure = (axes[0] if isinstance(axes, list) else axes).figure
    data = base64.b64encode(figure_bytes(figure, "png", DPI)).decode("ascii")
    width = round(float(figure.get_size_inches()[0]) * 96)
    return (
        f'<figure><img width="{width}" alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
