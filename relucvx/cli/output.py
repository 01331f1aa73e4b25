"""What the command line writes: tables and JSON on standard output, progress on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from relucvx.cli.input import Task
from relucvx.cli.manners import SCHEMA, asked
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.certificate import Certificate
    from relucvx.solution import Solution

bars = later("relucvx.progress")
files = later("relucvx.results")
np = later("numpy")
objectives = later("relucvx.program.objective")
solver = later("relucvx.solver")
types = later("relucvx.types")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write strict JSON to a file, with the number of its form."""

    files.write_text(path, types.strict_json({"schema": SCHEMA, **value}) + "\n")


def show(title: str, rows: dict[str, str]) -> int:
    """Print a title and aligned rows; lines are folded only in a terminal. Returns the width of the labels."""
    width = max((len(label) for label in rows), default=0)
    console = Console(markup=False, highlight=False)
    # a pipe gets whole lines: folded ones could not be read by a program
    if not console.is_terminal:
        typer.echo("\n".join([title, *(f"{label:<{width}}  {text}" for label, text in rows.items())]))
        return width
    table = Table.grid(padding=(0, 2))
    for label, text in rows.items():
        table.add_row(label, text)
    console.print(title)
    console.print(table)
    return width


def side_by_side(widths: Sequence[int]) -> list[list[int]]:
    """Columns of a table that fit next to each other, the first of all in front of each block.

    A pipe gets all of them in one: a program could not put the blocks together.
    """
    console = Console()
    blocks: list[list[int]] = [[0]] if widths else []
    for k in range(1, len(widths)):
        taken = sum(widths[j] + 2 for j in blocks[-1]) + widths[k]
        if console.is_terminal and taken > console.width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(k)
    return blocks


def certificate_rows(c: Certificate, tol: float) -> dict[str, str]:
    """What is proven, over which patterns, and how."""
    rows = {
        "certified": f"{c.lower:.10g} <= p* <= {c.upper:.10g}",
        "relative gap": f"{c.rel_gap:.2g} (tolerance {tol:g})",
        "scope": f"{c.scope.name}: {c.scope.help}",
        "method": f"{c.method}: dual norm <= {c.dual_norm:.10g} for beta = {c.beta:.10g}; {c.cones:,} cells or cones",
    }
    # beyond rounding only: balanced networks are the rule
    if c.upper_balanced < c.upper * (1 - 1e-9):
        rows["balanced"] = f"rescaling the neurons alone lowers the objective to {c.upper_balanced:.10g}"
    return rows


def beta_max_text(task: Task) -> str:
    """beta_max, as an interval where it is not known to six digits."""
    lo, hi = task.range or (math.nan, math.nan)
    return f"beta_max = {hi:.8g}" if hi - lo <= 1e-6 * hi else f"{lo:.6g} <= beta_max <= {hi:.6g}"


def beta_text(task: Task) -> str:
    """The strength, to all digits, and beta_max where that was computed."""
    beta = repr(float(task.beta))
    return beta if task.range is None else f"{beta} ({beta_max_text(task)})"


def prepared_rows(options: dict[str, Any]) -> dict[str, str]:
    """What was done to the columns, of which the bounds are then."""
    made = options.get("preparation")
    if made is None or not made.changes:
        return {}
    return {"inputs": f"{made.steps}; objective and bounds are of the problem on these columns"}


def solution_rows(task: Task, sol: Solution, tol: float) -> dict[str, str]:
    """The table of ``relucvx solve``."""
    return {
        "beta": beta_text(task),
        **prepared_rows(task.options),
        "objective": f"{sol.objective:.10g}{'' if sol.certificate.rel_gap <= tol else ' (best found, not proven)'}",
        **certificate_rows(sol.certificate, tol),
        "network": f"{sol.network.width} hidden neurons",
        "status": f"{sol.status.name}: {sol.status.help}",
        "seconds": f"{sol.stats['seconds']:.3g} to solve, {sol.certificate.seconds:.3g} to certify",
    }


def pattern_rows(facts: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Title and table of ``relucvx patterns``."""
    digits = len(str(facts["predicted"])) - 1
    predicted = f"{facts['predicted']:,}" if digits < 15 else f"about 10^{digits}"
    kind = "complete" if facts["complete"] else "a sample: nothing says that there are no others"
    rows = {
        "hyperplanes": f"{facts['walls']} distinct, rank {facts['rank']}",
        "predicted": f"{predicted} (Cover's count: exact in general position, an upper bound otherwise)",
        "found": f"{facts['found']:,}, {kind}",
        "seconds": f"{facts['seconds']:.3g}",
    }
    saved = {} if facts["saved"] is None else {"saved": facts["saved"]}
    return f"{facts['data']}: {facts['samples']} samples x {facts['dimension']} columns", {**rows, **saved}


def certificate_facts(certificate: Certificate) -> dict[str, Any]:
    """A certificate for JSON, without its dual point."""
    return {k: v for k, v in certificate.to_dict().items() if k != "dual"}


def solution_facts(sol: Solution) -> dict[str, Any]:
    """A solution for JSON: everything but the data and the history."""
    p = sol.problem
    # of bags: all their rows, and how a sample reads them
    bags = {} if p.pooling is None else {"rows": p.n_rows, "pooling": p.pooling.kind}
    return {
        "problem": {
            "samples": p.n_samples, "features": p.n_features, "beta": p.beta, "loss": p.loss.name, "bias": p.bias,
            "activation": [p.activation.slope_neg, p.activation.slope_pos], **bags,
        },
        "objective": sol.objective, "status": sol.status, "status_help": sol.status.help,
        "certificate": certificate_facts(sol.certificate), "width": sol.network.width, "network": sol.network,
        "dual": sol.dual, "rounds": sol.stats["rounds"], "seconds": sol.stats["seconds"], "tol": sol.stats["tol"],
    }  # fmt: skip


PATH_HEADER = (
    f"{'beta':>11} {'/beta_max':>9} {'objective':>15} {'lower bound':>15} {'rel gap':>7} {'width':>5} {'loss':>11}"
)
PATH_ROW = "{beta:11.6g} {ratio:9.4g} {objective:15.10g} {lower:15.10g} {rel_gap:7.2g} {width:5d} {loss:11.6g}"


def path_line(row: dict[str, Any], tol: float) -> str:
    """The printed row of a strength; one that is not proven says so."""
    line = PATH_ROW.format(**row)
    return line if row["rel_gap"] <= tol else f"{line}\n{'':>11} best found, not proven ({row['status']})"


def path_facts(sol: Solution, beta_max: float) -> dict[str, Any]:
    """One row of ``relucvx path``."""
    p, c = sol.problem, sol.certificate
    return {
        "beta": p.beta, "ratio": p.beta / beta_max if beta_max > 0 else math.inf, "objective": sol.objective,
        "lower": c.lower, "rel_gap": c.rel_gap, "scope": c.scope.name, "width": sol.network.width,
        "loss": p.loss_at(objectives.fit(p, sol.inner)), "status": sol.status.name,
        "seconds": sol.stats["seconds"],
    }  # fmt: skip


def save_table(path: Path, table: list[dict[str, Any]]) -> None:
    """Write the columns of ``relucvx path`` to an .npz file."""

    columns: dict[str, Any] = {name: np.array([row[name] for row in table]) for name in (table[0] if table else ())}
    files.write_arrays(path, columns)


@contextmanager
def progress(label: str, tol: float, console: Console | None = None) -> Iterator[Callable[..., None] | None]:
    """A callback that shows how far the work is, on standard error: as a bar where that is a terminal, as lines for ``-v``.

    None otherwise, and where nothing is to be said.
    """
    if asked().verbose:
        # lines in place of a bar, also of those inside
        with bars.watched(label, False, _lines(label, tol)) as tell:
            yield tell
        return
    console = Console(stderr=True) if console is None else console
    with bars.watched(label, console.is_terminal and not asked().quiet, None, tol, console=console) as draw:
        yield draw


def _lines(label: str, tol: float) -> Callable[..., None]:
    """A callback that prints a line for every step: the table of a solve, and else what a bar would show."""
    log = solver.IterationLog(None, sys.stderr)

    def tell(*state: Any) -> None:
        if isinstance(state[0], solver.Progress):
            log(state[0])
        else:
            typer.echo(f"{label}: {bars.in_words(state, tol)[0]}", err=True)

    return tell
