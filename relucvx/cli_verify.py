"""``relucvx verify``: the theory's claims on random problems, one line each as soon as it is decided."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from relucvx import cli_output
from relucvx.cli_app import CERTIFIED, NOT_CERTIFIED, Json, Seed
from relucvx.errors import InvalidInputError, explain


def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[IDS]...", help="claims to check (default: all)")] = None,
    trials: Annotated[int, typer.Option(min=1, help="applicable random problems per claim")] = 80,
    quick: Annotated[bool, typer.Option("--quick", help="small problems and few trials")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="claims checked at the same time")] = 1,
    seed: Seed = 0,
    listed: Annotated[bool, typer.Option("--list", help="list the claims and check none")] = False,
    as_json: Json = False,
) -> None:
    """Check the theory's claims on random problems. Code 0: every verdict is the expected one (2 otherwise)."""
    chosen = chosen_claims(ids)
    if listed:
        rows = [{k: getattr(c, k) for k in ("id", "expected", "statement", "source")} for c in chosen]
        if as_json:
            cli_output.print_json(rows)
        else:
            typer.echo("\n".join(f"{r['id']:<32}  {r['expected']:<8}  {r['statement']} [{r['source']}]" for r in rows))
        return
    table = []
    with claim_progress(len(chosen)) as (echo, bar):
        for row in _checked(chosen, trials, seed, quick, jobs, bar):
            table.append(row)
            if not as_json:
                echo(verdict_line(row))
    good = sum(row["as_expected"] for row in table)
    if as_json:
        cli_output.print_json(table)
    else:
        typer.echo(f"{good} of {len(table)} claims have the verdict expected of them")
    raise typer.Exit(CERTIFIED if good == len(table) else NOT_CERTIFIED)


def chosen_claims(ids: Sequence[str] | None) -> list[Any]:
    """The claims named, in that order, or all of them."""
    from relucvx.theory import claims

    known = {claim.id: claim for claim in claims()}
    for name in ids or ():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            raise InvalidInputError(
                explain("the id of a claim", repr(name), "a typo", " or ".join(close) or "relucvx verify --list")
            )
    return [known[name] for name in ids] if ids else list(known.values())


def check_claim(name: str, trials: int, seed: int, quick: bool, callback: Any = None) -> dict[str, Any]:
    """The verdict on one claim as a row of plain values (a worker of ``--jobs`` runs this)."""
    from relucvx.theory import verify as check

    (claim,) = chosen_claims([name])
    began = time.perf_counter()
    result = check(name, trials=trials, rng=seed, quick=quick, callback=callback)
    return {
        "id": name, "verdict": result.verdict.name, "expected": claim.expected,
        "as_expected": result.verdict.name == claim.expected, "trials": result.applicable,
        "seconds": time.perf_counter() - began, "reason": result.reason, "statement": claim.statement,
    }  # fmt: skip


def verdict_line(row: dict[str, Any]) -> str:
    """One line per claim, and a second with the reason where the verdict is not the expected one."""
    mark = "as expected" if row["as_expected"] else f"UNEXPECTED, {row['expected']} was expected"
    line = f"{row['id']:<32}  {row['verdict']:<14}  {mark}; {row['trials']} trials, {row['seconds']:.3g} s"
    return line if row["as_expected"] else f"{line}\n    {row['statement']}\n    {row['reason']}"


@contextmanager
def claim_progress(
    total: int, console: Console | None = None
) -> Iterator[tuple[Callable[[str], None], Callable[[str, float], None] | None]]:
    """(print a line, move the bar to so many claims): a bar over claims on standard error, if that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True) if console is None else console
    if not console.is_terminal:
        yield typer.echo, None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("verifying", total=total)

        def move(text: str, done: float) -> None:
            bar.update(task, description=text, completed=done)

        def echo(text: str) -> None:
            bar.stop()  # standard output and the bar share the terminal
            typer.echo(text)
            bar.start()

        yield echo, move


def _checked(
    chosen: Sequence[Any], trials: int, seed: int, quick: bool, jobs: int, bar: Callable[[str, float], None] | None
) -> Iterator[dict[str, Any]]:
    """Rows in the order of the claims."""
    if jobs == 1:
        for k, claim in enumerate(chosen):
            if bar is not None:
                bar(claim.id, k)
            yield check_claim(claim.id, trials, seed, quick)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # spawn: a fork of a process with threads (BLAS, torch) may hang
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        rows = [pool.submit(check_claim, claim.id, trials, seed, quick) for claim in chosen]
        for k, (claim, row) in enumerate(zip(chosen, rows, strict=True)):
            if bar is not None:
                bar(claim.id, k)
            yield row.result()
