"""The commands that train: ``train`` and ``compare``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import relucvx as rx
from relucvx.cli import output, tables
from relucvx.cli.bags import Bags
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.input import Source, Task
from relucvx.cli.manners import print_json
from relucvx.cli.options import COMPARE_SECONDS, Json, Posing, TimeLimit, Tol, Workers, spelled_out
from relucvx.cli.saving import Saving, check_files, so_far
from relucvx.cli.typed import nameless, typed
from relucvx.later import later

saved = later("relucvx.report.saved")
validation = later("relucvx.validation")

ClassData = Annotated[str, typer.Argument(metavar="[DATA]", help="as for `patterns`; default: iris (with --bias all)")]
Seeds = Annotated[int, typer.Option(min=1, help="train so many networks, from seeds 0, 1, …")]
Width = Annotated[int, typer.Option(min=1, help="hidden neurons of each")]
Optimizer = Annotated[str, typer.Option(help="lbfgs, adam, gd or sgd")]
LearningRate = Annotated[float | None, typer.Option(help="step size (default: chosen for the optimizer)")]
Steps = Annotated[
    int | None, typer.Option("--max-steps", min=1, help="steps at most (default: as the optimizer needs)")
]

ENDED = ("STATIONARY", "STALLED", "STEP_LIMIT")
"""Ways for a run to end by itself: training proves nothing, so its code says only whether it did what was asked."""


def _task(data: str, source: Source, posing: Posing) -> Task:
    """The problem; without data the irises, with biases under weight decay."""
    return (posing if data else posing.with_bias("all")).on(replace(source, data=data or "iris"))


@spelled_out
def train(
    data: ClassData = "",
    *,
    posing: Posing,
    seeds: Seeds = 10,
    width: Width = 64,
    optimizer: Optimizer = "lbfgs",
    learning_rate: LearningRate = None,
    max_steps: Steps = None,
    time_limit: Annotated[float | None, typer.Option(help="seconds for all networks together")] = None,
    source: Source,
    bags: Bags,
    workers: Workers,
    out: Annotated[Path | None, typer.Option(help="save the runs, weights and histories, to this .json file")] = None,
    as_json: Json = False,
) -> None:
    """Train networks by gradients on the same objective, all seeds at once. Code 0: none was cut short."""

    # refused before the training, not after it
    check_files(out)
    task = _task(data, replace(source, bags=bags), posing)
    with workers.at_work() as client, output.progress("training", 1e-6) as callback:
        runs, cut = so_far(
            lambda: rx.train(
                task.X,
                task.Y,
                task.beta,
                **task.options,
                seeds=range(seeds),
                width=width,
                optimizer=optimizer,
                learning_rate=learning_rate,
                max_steps=max_steps,
                time_limit=time_limit,
                callback=callback,
                executor=client,
            )
        )
    table, saving = tables.run_rows(runs), Saving()

    # the file holds the networks; the table has only their numbers
    def write(path: Path) -> None:
        problem = rx.make_problem(task.X, task.Y, task.beta, **task.options)
        record = saved.problem_record(problem, saved.names_from(problem, **task.names))
        facts = {"data": nameless(task.name), "beta": task.beta, "optimizer": optimizer}
        output.write_json(path, {**facts, "problem": record, "runs": runs.runs})

    if as_json:
        facts = {"data": task.name, "beta": task.beta, "beta_max": task.range, "runs": table}
        print_json({**facts, "saved": saving.save(out, write)})
    else:
        output.show(task.title, {"beta": output.beta_text(task), **tables.training_summary(runs)})
        tables.print_table(table)
        saving.say(out, write)
    saving.end(CERTIFIED if all(row["status"] in ENDED for row in table) else NOT_CERTIFIED, cut)


@spelled_out
def compare(
    data: ClassData = "",
    *,
    posing: Posing,
    tol: Tol = 1e-6,
    reach: Annotated[float, typer.Option(help="certified relative gap up to which a run counts as optimal")] = 1e-4,
    time_limit: TimeLimit = COMPARE_SECONDS,
    seeds: Seeds = 10,
    width: Width = 64,
    optimizer: Optimizer = "lbfgs",
    learning_rate: LearningRate = None,
    max_steps: Steps = None,
    source: Source,
    bags: Bags,
    workers: Workers,
    html: Annotated[Path | None, typer.Option(help="write the report with figures to this file")] = None,
    out: Annotated[Path | None, typer.Option(help="save everything to this .json file, for `relucvx report`")] = None,
    as_json: Json = False,
    context: typer.Context,
) -> None:
    """Solve, train, and say claim by claim whether theory holds at the optimum and in the trained networks."""

    check_files(html, out)
    validation.as_positive(reach, "--reach", fix="--reach 1e-4")  # here, not after the solver's minutes
    task = _task(data, replace(source, bags=bags), posing)
    options = {
        "seeds": range(seeds), "width": width, "optimizer": optimizer, "learning_rate": learning_rate, "max_steps": max_steps,
    }  # fmt: skip
    with workers.at_work(), output.progress("comparing", tol) as callback:
        found, cut = so_far(
            lambda: rx.compare(
                task.X,
                task.Y,
                task.beta,
                **task.options,
                tol=tol,
                reach=reach,
                training=options,
                time_limit=time_limit,
                callback=callback,
                **task.names,
            )
        )
    told = tables.Told(nameless(task.name), typed(context), html, out, as_json, cut, {"beta_max": task.range})
    tables.tell(found, task.title, {"beta": output.beta_text(task)}, told)
