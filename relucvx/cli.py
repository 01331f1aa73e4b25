"""The command line: ``relucvx patterns | solve | certify | path``, thin over the front doors.

Exit codes: 0 certified to the tolerance, 1 bad usage or input, 2 not certified to the tolerance, 3 missing package or licence.
numpy and the solvers are imported inside the commands, so that ``relucvx --help`` answers at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from relucvx import __version__, cli_output
from relucvx.cli_input import (
    EXAMPLE,
    FRACTION,
    Source,
    Task,
    check_folder,
    given_strengths,
    or_example,
    pose,
    pose_again,
    problem_options,
    stored_solution,
    strengths,
)  # fmt: skip
from relucvx.errors import LicenseError, RelucvxError, TooManyPatternsError

if TYPE_CHECKING:
    from relucvx.solution import Solution

CERTIFIED, BAD_INPUT, NOT_CERTIFIED, MISSING = 0, 1, 2, 3
"""Exit codes."""

_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])  # click's or typer's own, depending on the version


class _Commands(TyperGroup):
    """The commands with this program's exit codes, and errors without a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().make_context(*args, **kwargs)
        except _USAGE_ERROR as error:
            cast(Any, error).exit_code = BAD_INPUT
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _USAGE_ERROR as error:
            cast(Any, error).exit_code = BAD_INPUT
            raise
        except (LicenseError, ImportError) as error:
            _fail(str(error), MISSING)
        except TooManyPatternsError as error:
            _fail(f"{error} On the command line: --sample 1000, --samples 50 or --max-patterns.", BAD_INPUT)
        except RelucvxError as error:
            _fail(str(error), BAD_INPUT)
        except KeyboardInterrupt:
            _fail("interrupted before anything was certified", NOT_CERTIFIED)


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(f"Error: {text}", err=True)
    raise typer.Exit(code)


app = typer.Typer(
    cls=_Commands,
    help="Certified global optima of two-layer ReLU networks with weight decay.",
    epilog="Exit codes: 0 certified to the tolerance, 1 bad usage or input, 2 not certified to the tolerance, "
    "3 missing package or licence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="iris, wine, diabetes, breast_cancer, digits, planted:100x3, spiral:80, … or a .csv, .npy or .npz file",
    ),
]
OptionalData = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help=f"as for `patterns`; default: {' '.join(EXAMPLE)}")
]
Target = Annotated[str | None, typer.Option(help="target column of a file (name or index; default: the last)")]
Columns = Annotated[str | None, typer.Option(help="input columns of a file, comma-separated (default: all others)")]
OneVsRest = Annotated[str | None, typer.Option(help="class of an embedded set that is +1; the others are -1")]
Components = Annotated[int | None, typer.Option(help="project an embedded set on so many principal components")]
Standardize = Annotated[
    bool | None, typer.Option(help="centre and scale the columns (default: embedded sets yes, others no)")
]
Samples = Annotated[int | None, typer.Option(min=1, help="use so many rows, evenly spaced")]
Seed = Annotated[int, typer.Option(min=0, help="random seed; certified results do not depend on it")]
Beta = Annotated[float | None, typer.Option(help="weight decay, for a loss summed over samples")]
Fraction = Annotated[
    float | None, typer.Option(help=f"beta as a share of the certified beta_max  [default: {FRACTION}]")
]
LossName = Annotated[str | None, typer.Option("--loss", help="squared, logistic, hinge, …  [default: squared]")]
Bias = Annotated[str | None, typer.Option(help="none, hidden, all or free  [default: none]")]
ActivationName = Annotated[
    str | None, typer.Option("--activation", help="relu, leaky_relu, abs, linear, or two slopes: 0.1,1")
]
Tol = Annotated[float, typer.Option(help="relative gap to prove")]
TimeLimit = Annotated[float | None, typer.Option(help="seconds in all; the bound is valid when they run out")]
Json = Annotated[bool, typer.Option("--json", help="print JSON and nothing else on standard output")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"relucvx {__version__}")
        raise typer.Exit(0)


@app.command()
def patterns(
    data: Data,
    bias: Annotated[bool, typer.Option("--bias", help="append a column of ones to the inputs")] = False,
    max_patterns: Annotated[int, typer.Option(help="refuse when more are predicted")] = 1_000_000,
    sample: Annotated[int | None, typer.Option(help="draw so many at random instead of enumerating")] = None,
    target: Target = None,
    columns: Columns = None,
    components: Components = None,
    standardize: Standardize = None,
    samples: Samples = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="save the patterns to this .npz file")] = None,
    as_json: Json = False,
) -> None:
    """Count the activation patterns of the data, and list them."""
    import numpy as np

    import relucvx as rx
    from relucvx.arrangement.enumeration import reduce_rows
    from relucvx.arrangement.patterns import unit_rows

    check_folder(out)
    X = np.asarray(Source(data, target, columns, None, components, standardize, samples, seed).read().X)
    X = np.column_stack([X, np.ones(len(X))]) if bias else X
    rows, nonzero = unit_rows(X)
    walls, _, basis = reduce_rows(rows[nonzero])
    predicted = rx.count_patterns(len(walls), len(basis))
    began = time.perf_counter()
    arr = rx.enumerate_patterns(X, max_patterns) if sample is None else rx.sample_patterns(X, sample, rng=seed)
    facts = {
        "data": data, "samples": X.shape[0], "dimension": X.shape[1], "walls": len(walls), "rank": len(basis),
        "predicted": predicted, "found": len(arr), "complete": arr.complete, "seconds": time.perf_counter() - began,
        "saved": None,
    }  # fmt: skip
    if out is not None:
        facts["saved"] = str(out if out.suffix == ".npz" else out.with_name(out.name + ".npz"))
        np.savez_compressed(
            str(facts["saved"]), X=X, patterns=arr.patterns, generators=arr.generators, complete=arr.complete
        )
    if as_json:
        cli_output.print_json(facts)
    else:
        cli_output.show(*cli_output.pattern_rows(facts))


@app.command()
def solve(
    data: OptionalData = None,
    beta: Beta = None,
    beta_fraction: Fraction = None,
    loss: LossName = None,
    bias: Bias = None,
    activation: ActivationName = None,
    tol: Tol = 1e-6,
    time_limit: TimeLimit = None,
    solver: Annotated[str, typer.Option(help="auto, active_set or conic (all patterns through CVXPY)")] = "auto",
    start: Annotated[Path | None, typer.Option(help="saved solution to start from; without DATA, to resume")] = None,
    target: Target = None,
    columns: Columns = None,
    one_vs_rest: OneVsRest = None,
    components: Components = None,
    standardize: Standardize = None,
    samples: Samples = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="save the solution to this .npz file")] = None,
    as_json: Json = False,
) -> None:
    """Find the global optimum and prove it. Ctrl-C stops with the best certified result so far."""
    import relucvx as rx

    check_folder(out)
    first = None if start is None else stored_solution(start)
    if data is None and first is not None and start is not None:
        task = pose_again(first, start, beta)
    else:
        source = Source(data or "", target, columns, one_vs_rest, components, standardize, samples, seed)
        source, bias = or_example(source, data, bias)
        task = pose(source, problem_options(loss, bias, activation), beta, beta_fraction)
    with cli_output.progress("solving", tol) as callback:
        sol = rx.solve(
            task.X, task.Y, task.beta, **task.options, tol=tol, time_limit=time_limit, solver=solver, start=first,
            callback=callback, rng=seed,
        )  # fmt: skip
    saved = None if out is None else str(sol.save(out))
    if as_json:
        cli_output.print_json(
            {"data": task.name, "beta_max": task.range, **cli_output.solution_facts(sol), "saved": saved}
        )
    else:
        rows = cli_output.solution_rows(task, sol, tol)
        cli_output.show(task.title, rows if saved is None else {**rows, "saved": saved})
    raise typer.Exit(CERTIFIED if sol.certificate.rel_gap <= tol else NOT_CERTIFIED)


@app.command()
def certify(
    solution: Annotated[
        Path, typer.Argument(metavar="SOLUTION.npz", help=".npz file written by `relucvx solve --out`")
    ],
    tol: Annotated[float | None, typer.Option(help="relative gap to prove (default: the one it was solved to)")] = None,
    time_limit: Annotated[
        float, typer.Option(help="seconds for the oracle; when they run out the bound is valid")
    ] = 60.0,
    method: Annotated[str, typer.Option(help="auto, enumeration, branch_and_bound or spectral")] = "auto",
    as_json: Json = False,
) -> None:
    """Prove a saved network's gap afresh. The file holds its problem; none of its stored claims is believed."""
    import relucvx as rx

    stored = stored_solution(solution)
    goal = float(stored.stats["tol"]) if tol is None else tol
    task = pose_again(stored, solution)
    with cli_output.interruptible() as stopped, cli_output.progress("certifying", goal) as draw:

        def callback(state: object) -> bool:
            if draw is not None:
                draw(state)
            return stopped()

        certificate = rx.certify(
            stored.network, task.X, task.Y, task.beta, **task.options, dual=stored.dual, tol=goal,
            time_limit=time_limit, method=cast(Any, method), callback=callback,
        )  # fmt: skip
    if as_json:
        cli_output.print_json({"solution": str(solution), "tol": goal, **cli_output.certificate_facts(certificate)})
    else:
        old = stored.certificate
        claim = {"stored claim": f"{old.lower:.10g} <= p* <= {old.upper:.10g} (not used)"}
        rows = {**cli_output.certificate_rows(certificate, goal), "seconds": f"{certificate.seconds:.3g}", **claim}
        cli_output.show(task.title, rows)
    raise typer.Exit(CERTIFIED if certificate.rel_gap <= goal else NOT_CERTIFIED)


@app.command()
def path(
    data: OptionalData = None,
    count: Annotated[int, typer.Option(min=1, help="so many strengths, equally spaced in the logarithm")] = 10,
    smallest: Annotated[float, typer.Option(help="the last of them, as a share of beta_max")] = 0.01,
    betas: Annotated[str | None, typer.Option(help="these strengths instead, e.g. 1,0.1,0.01")] = None,
    loss: LossName = None,
    bias: Bias = None,
    activation: ActivationName = None,
    tol: Tol = 1e-6,
    time_limit: Annotated[float | None, typer.Option(help="seconds for each strength")] = None,
    target: Target = None,
    columns: Columns = None,
    one_vs_rest: OneVsRest = None,
    components: Components = None,
    standardize: Standardize = None,
    samples: Samples = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="a folder for the solutions, or an .npz file for the table")] = None,
    as_json: Json = False,
) -> None:
    """Certified optima for a sequence of strengths, one row each as soon as it is proven."""
    check_folder(out)
    source = Source(data or "", target, columns, one_vs_rest, components, standardize, samples, seed)
    source, bias = or_example(source, data, bias)
    given = None if betas is None else given_strengths(betas)
    task = pose(source, problem_options(loss, bias, activation), None, 1.0)
    wanted = strengths(task, count, smallest) if given is None else given
    if not as_json:
        cli_output.show(f"{task.title}; {cli_output.beta_max_text(task)}", {})
        typer.echo(cli_output.PATH_HEADER)
    table = []
    with cli_output.progress("path", tol) as callback:
        for sol in _path(task, wanted, tol, time_limit, callback, seed):
            table.append(cli_output.path_facts(sol, task.beta))
            if not as_json:
                typer.echo(cli_output.PATH_ROW.format(**table[-1]))
            if out is not None and out.suffix != ".npz":
                out.mkdir(exist_ok=True)
                sol.save(out / f"solution-{len(table) - 1:03d}.npz")
    if out is not None and out.suffix == ".npz":
        cli_output.save_table(out, table)
    done = len(table) == len(wanted) and all(row["rel_gap"] <= tol for row in table)
    if as_json:
        saved = None if out is None else str(out)
        cli_output.print_json(
            {"data": task.name, "beta_max": task.range, "tol": tol, "certified": done, "path": table, "saved": saved}
        )
    raise typer.Exit(CERTIFIED if done else NOT_CERTIFIED)


def _path(
    task: Task, betas: list[float], tol: float, time_limit: float | None, callback: Any, seed: int
) -> Iterator[Solution]:
    """The solutions of a path up to the first that was interrupted."""
    import relucvx as rx

    for sol in rx.beta_path(
        task.X, task.Y, betas, **task.options, tol=tol, time_limit=time_limit, callback=callback, rng=seed
    ):
        yield sol
        if sol.status is rx.Status.INTERRUPTED:
            return


def main() -> None:
    """Entry point of the ``relucvx`` command; ends by SystemExit with one of the exit codes."""
    app()
