"""The command line: ``relucvx patterns | solve | certify | path | sweep | train | compare | report | verify``,
``profile | regions | measure | predict | prove | check-proof | warmup``.

Thin over the front doors. Exit codes: 0 certified to the tolerance, 1 bad usage or input, 2 not certified to the tolerance,
3 missing package or licence.
numpy and the solvers are imported inside the commands, so that ``relucvx --help`` answers at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import relucvx as rx
from relucvx.cli import measure, output, predict, profile, proofs, regions, report, sweep, theory, verify, warmup
from relucvx.cli.bags import Bags, rows_only
from relucvx.cli.band import show_band
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED, app, soon_gone
from relucvx.cli.input import (
    Source,
    Task,
    given_strengths,
    or_example,
    pose,
    pose_again,
    problem_options,
    stored_solution,
    strengths,
)  # fmt: skip
from relucvx.cli.manners import print_json
from relucvx.cli.options import (
    SECONDS,
    ActivationName,
    Bias,
    Data,
    Json,
    LossName,
    OptionalData,
    Posing,
    Seconds,
    TimeLimit,
    Tol,
    Workers,
    spelled_out,
)  # fmt: skip
from relucvx.cli.saving import Saving, check_files, checked_npz, make_path_folder, so_far
from relucvx.errors import Interrupted, InvalidInputError, explain
from relucvx.interrupts import listening
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.solution import Solution

enumeration = later("relucvx.arrangement.enumeration")
equilibrium = later("relucvx.arrangement.equilibrium")
files = later("relucvx.results")
np = later("numpy")


@app.command()
@spelled_out
def patterns(
    data: Data,
    *,
    bias: Annotated[bool, typer.Option("--bias", help="append a column of ones to the inputs")] = False,
    max_patterns: Annotated[int, typer.Option(help="refuse when more are predicted")] = 1_000_000,
    sample: Annotated[int | None, typer.Option(help="draw so many at random instead of enumerating")] = None,
    time_limit: Seconds = None,
    source: Source,
    out: Annotated[Path | None, typer.Option(help="save the patterns to this .npz file")] = None,
    as_json: Json = False,
) -> None:
    """Count the activation patterns of the data, and list them."""

    # refused before the work, not after it
    out = checked_npz(out)
    table = replace(source, data=data).read()
    X = np.asarray(rows_only(table, "the patterns of its samples").X)
    X = np.column_stack([X, np.ones(len(X))]) if bias else X
    rows, nonzero, _ = equilibrium.equilibrate(X)
    # parallel rows are one wall, and only dimensions that rows span count: Cover's count is taken of these
    walls, _, basis = enumeration.reduce_rows(rows[nonzero])
    predicted = rx.count_patterns(len(walls), len(basis))
    began = time.perf_counter()
    arr = (
        rx.enumerate_patterns(X, max_patterns, time_limit=time_limit)
        if sample is None
        else rx.sample_patterns(X, sample, rng=source.seed, time_limit=time_limit)
    )
    facts = {
        "data": data, "samples": X.shape[0], "dimension": X.shape[1], "walls": len(walls), "rank": len(basis),
        "predicted": predicted, "found": len(arr), "complete": arr.complete, "seconds": time.perf_counter() - began,
        "saved": None,
    }  # fmt: skip
    saving = Saving()
    found = {"X": X, "patterns": arr.patterns, "generators": arr.generators, "complete": arr.complete}

    def write(path: Path) -> Path:
        return files.write_arrays(path, found)

    if as_json:
        print_json({**facts, "saved": saving.save(out, write)})
    else:
        # shown first: a disk that is full must not cost the result
        saving.say(out, write, output.show(*output.pattern_rows(facts)))
    saving.end(CERTIFIED)


@app.command()
@spelled_out
def solve(
    data: OptionalData = None,
    *,
    posing: Posing,
    tol: Tol = 1e-6,
    time_limit: TimeLimit = SECONDS,
    solver: Annotated[str, typer.Option(help="auto, active_set or conic (all patterns through CVXPY)")] = "auto",
    start: Annotated[Path | None, typer.Option(help="saved solution to start from; without DATA, to resume")] = None,
    source: Source,
    bags: Bags,
    workers: Workers,
    out: Annotated[Path | None, typer.Option(help="save the solution to this .npz file")] = None,
    as_json: Json = False,
) -> None:
    """Find the global optimum and prove it. Ctrl-C stops with the best certified result so far."""

    out = checked_npz(out)
    first = None if start is None else stored_solution(start)
    # a saved solution holds its problem, so that it can go on without the data
    if data is None and first is not None and start is not None:
        task = pose_again(first, start, posing.beta)
    else:
        source, bias = or_example(replace(source, bags=bags), data, posing.bias)
        task = posing.with_bias(bias).on(source)
    with workers.at_work(), output.progress("solving", tol) as callback:
        # Ctrl-C gives the best network so far, with its proof
        sol, cut = so_far(
            lambda: rx.solve(
                task.X,
                task.Y,
                task.beta,
                **task.options,
                tol=tol,
                time_limit=time_limit,
                solver=solver,
                start=first,
                callback=callback,
                rng=source.seed,
            )
        )
    saving = Saving()
    if as_json:
        facts = {"data": task.name, "beta_max": task.range, **output.solution_facts(sol)}
        print_json({**facts, "saved": saving.save(out, sol.save)})
    else:
        rows = output.solution_rows(task, sol, tol)
        if sol.status is rx.Status.TIME_LIMIT:
            # the next step in words that can be copied
            rows["time limit"] = f"{time_limit:g} s; for more: --time-limit {10 * time_limit:g}"
        saving.say(out, sol.save, output.show(task.title, rows))
    # the proof decides about the exit code, whatever the solver says of itself
    saving.end(CERTIFIED if sol.certificate.rel_gap <= tol else NOT_CERTIFIED, cut)


@app.command()
@spelled_out
def certify(
    solution: Annotated[
        Path, typer.Argument(metavar="SOLUTION.npz", help=".npz file written by `relucvx solve --out`")
    ],
    tol: Tol = 1e-6,
    time_limit: Annotated[
        float, typer.Option(help="seconds for the oracle; when they run out the bound is valid")
    ] = 60.0,
    method: Annotated[str, typer.Option(help="auto, enumeration, branch_and_bound, semidefinite or spectral")] = "auto",
    *,
    workers: Workers,
    as_json: Json = False,
) -> None:
    """Prove a saved network's gap afresh. The file holds its problem; none of its stored claims is believed."""

    stored = stored_solution(solution)
    task = pose_again(stored, solution)
    with workers.at_work(), output.progress("certifying", tol) as callback:
        # the stored dual point is a proposal only: a bound by any dual point is valid
        certificate, cut = so_far(
            lambda: rx.certify(
                stored.network, task.X, task.Y, task.beta, **task.options, dual=stored.dual, tol=tol,
                time_limit=time_limit, method=cast(Any, method), callback=callback,
            )
        )  # fmt: skip
    if as_json:
        facts = {"solution": str(solution), "tol": tol, "interrupted": cut, **output.certificate_facts(certificate)}
        print_json(facts)
    else:
        old = stored.certificate
        claim = {"stored claim": f"{old.lower:.10g} <= p* <= {old.upper:.10g} (not used)"}
        rows = {
            **output.prepared_rows(task.options),
            **output.certificate_rows(certificate, tol),
            "seconds": f"{certificate.seconds:.3g}",
            **claim,
        }
        if cut:
            rows["INTERRUPTED"] = "the bounds hold; more time may bring them closer"
        output.show(task.title, rows)
    Saving().end(CERTIFIED if certificate.rel_gap <= tol else NOT_CERTIFIED, cut)


@app.command()
@spelled_out
def path(
    data: OptionalData = None,
    *,
    count: Annotated[int, typer.Option(min=1, help="so many strengths, equally spaced in the logarithm")] = 10,
    smallest: Annotated[float, typer.Option(help="the last of them, as a share of beta_max")] = 0.01,
    betas: Annotated[str | None, typer.Option(help="these strengths instead, e.g. 1,0.1,0.01")] = None,
    band: Annotated[
        float | None,
        typer.Option(metavar="WIDTH", help="bounds at every strength instead, to this relative width: 1e-3"),
    ] = None,
    loss: LossName = None,
    bias: Bias = None,
    activation: ActivationName = None,
    tol: Tol = 1e-6,
    time_limit: Annotated[float | None, typer.Option(help="seconds for each strength; of a band in all")] = None,
    source: Source,
    bags: Bags,
    workers: Workers,
    out: Annotated[Path | None, typer.Option(help="a folder for the solutions, or an .npz file for the table")] = None,
    as_json: Json = False,
) -> None:
    """Certified optima for a sequence of strengths, one row each as soon as it is proven."""
    # one table for all strengths, or a folder with a solution for each
    table_file = out if out is not None and out.suffix == ".npz" else None
    check_files(table_file)
    source, bias = or_example(replace(source, bags=bags), data, bias)
    given = None if betas is None else given_strengths(betas)
    # posed at the whole of beta_max, of which the strengths are shares
    task = pose(source, problem_options(loss, bias, activation), None, 1.0, None if given is None else min(given))
    if band is not None:
        if given is not None:
            raise InvalidInputError(explain("--band or --betas", "both", "", "--band 1e-3 --smallest 0.01"))
        show_band(task, band, smallest, time_limit, workers, checked_npz(out), source.seed, as_json)
    wanted = strengths(task, count, smallest) if given is None else given
    files = [] if out is None or out is table_file else make_path_folder(out, len(wanted))
    saving, table = Saving(), []
    if not as_json:
        output.show(f"{task.title}; {output.beta_max_text(task)}", {})
        typer.echo(output.PATH_HEADER)
    with workers.at_work() as client, output.progress("path", tol) as callback:
        try:
            for sol in _path(task, wanted, tol, time_limit, callback, source.seed, client):
                table.append(output.path_facts(sol, task.beta))
                if not as_json:
                    typer.echo(output.path_line(table[-1], tol))
                if files and not saving.failures:  # one message says that the disk is full
                    saving.save(files[len(table) - 1], sol.save)
        except KeyboardInterrupt:  # between two strengths, or before there was anything of the next
            pass
    # after an interruption, too: what is proven is proven
    saving.save(table_file if table else None, lambda file: output.save_table(file, table))
    done = len(table) == len(wanted) and all(row["rel_gap"] <= tol for row in table)
    if as_json:
        saved = None if out is None or saving.failures else str(out)
        print_json(
            {"data": task.name, "beta_max": task.range, "tol": tol, "certified": done, "path": table, "saved": saved}
        )
    elif len(table) < len(wanted):
        typer.echo(f"INTERRUPTED after {len(table)} of {len(wanted)} strengths")
    saving.end(CERTIFIED if done else NOT_CERTIFIED)


def _path(
    task: Task, betas: list[float], tol: float, time_limit: float | None, callback: Any, seed: int, client: Any
) -> Iterator[Solution]:
    """The solutions of a path up to the first that was interrupted."""

    found = rx.beta_path(
        task.X,
        task.Y,
        betas,
        **task.options,
        tol=tol,
        time_limit=time_limit,
        callback=callback,
        rng=seed,
        executor=client,
    )
    cut = False
    while not cut:
        try:
            with listening():
                sol = next(found, None)
        except Interrupted as stop:
            # anything else was stopped before there was a solution, and there is nothing to show
            if not isinstance(stop.result, rx.Solution):
                raise
            sol = stop.result
        if sol is None:
            return
        cut = sol.status is rx.Status.INTERRUPTED
        yield sol


app.command()(sweep.sweep)
app.command()(theory.train)
app.command()(theory.compare)
app.command()(report.report)
app.command()(verify.verify)
app.command()(profile.profile)
app.command()(regions.regions)
app.command()(measure.measure)
app.command()(warmup.warmup)
app.command()(predict.predict)
app.command()(proofs.prove)
app.command()(proofs.check_proof)


def main() -> None:
    """Entry point of the ``relucvx`` command; ends by SystemExit with one of the exit codes."""
    with soon_gone():
        app()
