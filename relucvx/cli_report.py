"""Tables of ``train``, ``compare`` and ``verify``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from relucvx.errors import InvalidInputError, explain

if TYPE_CHECKING:
    from relucvx.report import Comparison
    from relucvx.training import Runs

HEADS = {
    "name": "network", "seed": "seed", "objective": "objective", "rel_gap": "certified gap", "reached": "optimal",
    "width": "neurons", "fit_distance": "fit", "kernel_to_optimum": "K - opt", "kernel_to_prediction": "K - theory",
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
    same = sum(float(value) <= best * (1 + 1e-6) for value in runs.objectives)
    return {
        "networks": f"{len(runs.runs)} by {runs.optimizer} in {runs.seconds:.3g} s",
        "best objective": f"{best:.10g}, reached to 1e-06 by {same}",
        "proof": "none: `relucvx compare` certifies how far they are from the optimum",
    }


def finding_rows(comparison: Comparison) -> dict[str, str]:
    """One line per claim."""
    return {f.claim: f"{f.verdict}: {f.text}" for f in comparison.findings}


def comparison_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The optimum and the runs, without what the JSON and the HTML have room for."""
    return [{name: row[name] for name in HEADS if name in row} for row in comparison.table()]


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Aligned columns: words to the left, numbers to the right."""
    names = list(rows[0]) if rows else []
    cells = [[HEADS[name] for name in names], *([_cell(name, row[name]) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    left = [isinstance(rows[0][name], str) for name in names] if rows else []
    for line in cells:
        parts = [f"{t:<{w}}" if to_left else f"{t:>{w}}" for t, w, to_left in zip(line, widths, left, strict=True)]
        typer.echo("  ".join(parts).rstrip())


def chosen_claims(ids: Sequence[str] | None) -> list[Any]:
    """The claims named, in their order, or all of them."""
    from relucvx.theory import claims

    known = {claim.id: claim for claim in claims()}
    for name in ids or ():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            raise InvalidInputError(
                explain("ids of claims", repr(name), "a typo", " or ".join(close) or "relucvx verify --list")
            )
    return [known[name] for name in ids] if ids else list(known.values())


def claim_rows(claims: Sequence[Any]) -> list[dict[str, Any]]:
    """What ``relucvx verify --list`` says of each claim."""
    return [{name: getattr(claim, name) for name in ("id", "statement", "source", "expected")} for claim in claims]


def verdict_row(claim: Any, result: Any) -> dict[str, Any]:
    """A claim, its verdict and whether that was expected."""
    expected = getattr(claim.expected, "name", str(claim.expected))
    verdict = getattr(result.verdict, "name", str(result.verdict))
    return {
        "id": claim.id, "verdict": verdict, "expected": expected, "as_expected": verdict == expected,
        "trials": result.applicable, "seconds": result.seconds, "statement": claim.statement, "reason": result.reason,
    }  # fmt: skip


def verdict_line(row: dict[str, Any]) -> str:
    """One line per claim."""
    mark = "as expected" if row["as_expected"] else f"UNEXPECTED, should be {row['expected']}"
    line = f"{row['id']:<34} {row['verdict']:<14} {mark}; {row['trials']} trials, {row['seconds']:.3g} s"
    return line if row["as_expected"] or not row["reason"] else f"{line}\n    {row['reason']}"


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if not isinstance(value, float):
        return str(value)
    if name in ("steps", "seed"):
        return f"{value:.0f}"
    return f"{value:.10g}" if name == "objective" else f"{value:.2g}"
