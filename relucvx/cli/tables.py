"""What ``train``, ``compare`` and ``report`` print: tables, and the files that go with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.manners import print_json
from relucvx.cli.saving import Saving
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.report import Comparison
    from relucvx.training import Runs

embedding = later("relucvx.report.embedding")

HEADS = {
    "name": "network", "seed": "seed", "objective": "objective", "rel_gap": "certified gap", "reached": "reached",
    "width": "neurons", "fit_distance": "fit", "kernel_to_optimum": "K - solved", "kernel_to_prediction": "K - theory",
    "nc1": "NC1", "nc2_etf": "NC2", "parallelism": "parallel", "ccgp": "CCGP", "participation_ratio": "PR",
    "tuning": "tuning", "stationarity": "gradient", "steps": "steps", "seconds": "seconds", "status": "stopped",
}  # fmt: skip
"""Columns of the printed tables; the others are in the JSON and the HTML."""


def run_rows(runs: Runs) -> list[dict[str, Any]]:
    """One row per trained network."""
    names = ("seed", "objective", "stationarity", "steps", "seconds")
    return [{**{name: getattr(run, name) for name in names}, "status": run.status.name} for run in runs.runs]


def training_summary(runs: Runs) -> dict[str, str]:
    """What all runs have in common."""
    best = min(float(value) for value in runs.objectives)
    moving = sum(run.status.name == "STEP_LIMIT" for run in runs.runs)
    most = max(run.steps for run in runs.runs)
    more = {"still moving": f"{moving} at the step limit; for more: --max-steps {10 * most}"} if moving else {}
    same = sum(float(value) <= best * (1 + 1e-6) for value in runs.objectives)
    return {
        "networks": f"{len(runs.runs)} by {runs.optimizer} in {runs.seconds:.3g} s",
        "best objective": f"{best:.10g}, reached to 1e-06 by {same}",
        **more,
        "proof": "none: `relucvx compare` certifies how far they are from the optimum",
    }


def finding_rows(comparison: Comparison) -> dict[str, str]:
    """One line per claim."""
    cut = {"cut short": comparison.cut} if comparison.cut else {}
    return {**cut, **{f.claim: f"{f.verdict}: {f.text}" for f in comparison.findings}}


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The optimum and the runs, without what the JSON and the HTML have room for."""
    return [{name: row[name] for name in HEADS if name in row} for row in comparison.table()]


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Aligned columns: words to the left, numbers to the right. In a terminal that is too narrow they come in blocks."""
    names = list(rows[0]) if rows else []
    cells = [[HEADS[name] for name in names], *([_cell(name, row[name]) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    left = [isinstance(rows[0][name], str) for name in names] if rows else []
    for block in output.side_by_side(widths):
        for line in cells:
            parts = [f"{line[k]:<{widths[k]}}" if left[k] else f"{line[k]:>{widths[k]}}" for k in block]
            typer.echo("  ".join(parts).rstrip())


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if not isinstance(value, float):
        return str(value)
    if name in ("steps", "seed"):
        return f"{value:.0f}"
    # two digits, and whole numbers with all of theirs
    return f"{value:.10g}" if name == "objective" else f"{value:.0f}" if 100 <= value < 1e6 else f"{value:.2g}"


@dataclass(frozen=True)
class Told:
    """Where a comparison goes: the page and its head, the command that makes it again, the file of everything.

    ``facts`` are more of them for JSON.
    """

    title: str
    command: str
    html: Path | None
    out: Path | None
    as_json: bool
    cut: bool
    facts: dict[str, Any] = field(default_factory=dict)


def tell(comparison: Comparison, head: str, facts: dict[str, str], told: Told) -> NoReturn:
    """Print a comparison, write its files and leave the command: code 0 for what is proven and whole."""
    saving = Saving()

    def write_page(path: Path) -> Path:
        # nobody waits for drawings after Ctrl-C
        return comparison.to_html(path, told.title, figures=not told.cut, command=told.command)

    def write_record(path: Path) -> None:
        output.write_json(path, embedding.record(comparison, told.title))

    if told.as_json:
        files = {"saved": saving.save(told.html, write_page), "record": saving.save(told.out, write_record)}
        print_json({"data": told.title, **told.facts, **comparison.to_dict(), **files})
    else:
        output.show(head, {**facts, **finding_rows(comparison)})
        print_table(comparison_rows(comparison))
        page = saving.save(told.html, write_page)
        if page is not None:
            typer.echo(f"report: {page}{' (without figures)' if told.cut else ''}")
        saving.say(told.out, write_record)
    saving.end(CERTIFIED if comparison.proven and not comparison.cut else NOT_CERTIFIED, told.cut)
