"""``relucvx report``: the page of a comparison, or of saved runs, from a file that holds their problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import relucvx as rx
from relucvx.cli import output, tables
from relucvx.cli.options import COMPARE_SECONDS, Json, TimeLimit, Tol, Workers, spelled_out
from relucvx.cli.saving import check_files, so_far
from relucvx.cli.typed import typed
from relucvx.later import later

saved_files = later("relucvx.report.saved")
validation = later("relucvx.validation")

Reach = Annotated[float, typer.Option(help="certified relative gap up to which a run counts as optimal")]


@spelled_out
def report(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RUNS.json", help="written by `relucvx train --out` or `compare --out`, or saved from a report"
        ),
    ],
    *,
    html: Annotated[Path | None, typer.Option(help="the page  [default: the file's name with .html]")] = None,
    title: Annotated[str | None, typer.Option(help="head of the page  [default: what the data are called]")] = None,
    tol: Tol = 1e-6,
    reach: Reach = 1e-4,
    time_limit: TimeLimit = COMPARE_SECONDS,
    workers: Workers,
    as_json: Json = False,
    context: typer.Context,
) -> None:
    """Write the page about saved runs: the problem is solved and proven afresh, and every network certified against that."""

    page = file.with_suffix(".html") if html is None else html
    check_files(page)
    validation.as_positive(reach, "--reach", fix="--reach 1e-4")  # here, not after the solver's minutes
    saved = saved_files.read_saved(file)
    names: dict[str, Any] = {"feature_names": saved.names.features or None, "target_names": saved.names.targets or None}
    with workers.at_work(), output.progress("comparing", tol) as callback:
        found, cut = so_far(
            lambda: rx.compare(
                saved.problem, list(saved.runs), labels=saved.labels, factors=saved.factors, tol=tol, reach=reach,
                time_limit=time_limit, callback=callback, **names,
            )
        )  # fmt: skip
    head = title or saved.title or file.stem
    told = tables.Told(head, typed(context), page, None, as_json, cut)
    tables.tell(found, f"{file.name}: {len(saved.runs)} networks", {"beta": repr(float(saved.problem.beta))}, told)
