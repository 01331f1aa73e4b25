"""``relucvx path --band``: the optimum at every strength of an interval, as a table of its corners."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import relucvx as rx
from relucvx.cli import output
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.input import Task
from relucvx.cli.manners import print_json
from relucvx.cli.saving import Saving, so_far
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.band import BetaBand

validation = later("relucvx.validation")

ROWS = 12
"""Strengths in the printed table, equally spaced in the logarithm."""


def show_band(
    task: Task,
    width: float,
    smallest: float,
    time_limit: float | None,
    workers: Any,
    out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Compute, print and save a band from a share of beta_max up to it; leaves by the exit code."""
    top = task.beta if task.top is None else task.top
    lo = top * validation.as_fraction(smallest, "--smallest")
    tol = validation.as_fraction(width, "--band")
    if out is not None and out.is_dir():
        raise InvalidInputError(explain("a file for a band", f"{out}, a folder", "", f"--out {out / 'band.npz'}"))
    with workers.at_work() as client, output.progress("band", tol) as callback:
        found, cut = so_far(
            lambda: rx.beta_band(
                task.X, task.Y, lo, top, tol=tol, time_limit=time_limit, callback=callback, rng=seed, executor=client,
                **task.options,
            )
        )  # fmt: skip
    saving = Saving()
    narrow = found.width <= tol
    if as_json:
        saved = saving.save(out, found.save)
        print_json({**_facts(task, found, narrow), "interrupted": cut, "saved": saved})
    else:
        rows = {
            "interval": f"{found.lo:.6g} to {found.hi:.6g} ({smallest:g} to 1 x beta_max)",
            "width": f"{found.width:.2g} at most, at beta = {found.widest:.6g} (tolerance {tol:g})",
            "knots": f"{len(found.knots)} strengths solved, in {found.seconds:.3g} s",
            "status": f"{found.status.name}: {found.status.help}",
        }
        label = output.show(f"{task.title}; {output.beta_max_text(task)}", rows)
        table = found.to_frame(ROWS)
        typer.echo(f"{'beta':>12} {'/beta_max':>10} {'lower bound':>16} {'upper bound':>16} {'width':>8}")
        for row in table.itertuples():
            typer.echo(
                f"{row.beta:12.6g} {row.beta / top:10.4g} {row.lower:16.10g} {row.upper:16.10g} {row.width:8.2g}"
            )
        saving.say(out, found.save, label)
    saving.end(CERTIFIED if narrow else NOT_CERTIFIED, cut)


def _facts(task: Task, band: BetaBand, narrow: bool) -> dict[str, Any]:
    """A band for JSON: its corners and its knots."""
    columns = band.to_frame()
    return {
        "data": task.name, "beta_max": task.range, "tol": band.tol, "certified": narrow, "width": band.width,
        "widest": band.widest, "status": band.status, "seconds": band.seconds,
        "knots": [
            {"beta": sol.problem.beta, "objective": sol.objective, "lower": sol.certificate.lower, "width": sol.network.width}
            for sol in band.knots
        ],
        "band": {name: columns[name].tolist() for name in ("beta", "lower", "upper")},
    }  # fmt: skip
