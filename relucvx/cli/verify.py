"""``relucvx verify``: the theory's claims on random problems."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import relucvx as rx
from relucvx.cli.frame import CERTIFIED, NOT_CERTIFIED
from relucvx.cli.manners import print_json
from relucvx.cli.options import Json, Seed
from relucvx.cli.saving import Saving, make_folder, so_far
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.deadline import Deadline
    from relucvx.theory import Claim, Verification

bars = later("rich.progress")
deadlines = later("relucvx.deadline")


def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[IDS]...", help="claims to check (default: all)")] = None,
    trials: Annotated[int, typer.Option(min=1, help="applicable random problems per claim")] = 80,
    quick: Annotated[bool, typer.Option("--quick", help="at most 3 of them")] = False,
    time_limit: Annotated[
        float | None, typer.Option(help="seconds in all; claims that they do not suffice for are cut")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes; with more than 1 the lines appear at the end")] = 1,
    seed: Seed = 0,
    listed: Annotated[bool, typer.Option("--list", help="list the claims and check none")] = False,
    out: Annotated[Path | None, typer.Option(help="save counterexamples to this folder, one .npz per claim")] = None,
    as_json: Json = False,
) -> None:
    """Check the theory's claims on random problems. Code 0: every verdict is the expected one (2 otherwise)."""

    chosen = [rx.theory.claim(name) for name in ids] if ids else list(rx.theory.claims())
    if listed:
        _list(chosen, as_json)
        return
    if out is not None:
        make_folder(out)
    results, saving, deadline = [], Saving(), deadlines.Deadline.of(time_limit, "--time-limit")
    with claim_progress(len(chosen)) as (echo, bar):
        try:
            for result in _checked(chosen, trials, seed, quick, jobs, bar, deadline):
                results.append(result)
                if not as_json:
                    echo(verdict_line(rx.theory.claim(result.claim), result))
                if out is not None and result.counterexample is not None and not saving.failures:
                    saving.save(out / f"{result.claim}.npz", result.counterexample.save)
        except KeyboardInterrupt:  # between two claims: none is cut short, the others are not begun
            pass
    good = sum(result.as_expected for result in results)
    if as_json:
        print_json({"claims": [result.to_dict() for result in results]})
    else:
        typer.echo(f"{good} of {len(chosen)} claims have the verdict expected of them{_missing(chosen, results)}")
    saving.end(CERTIFIED if good == len(chosen) else NOT_CERTIFIED)


def _missing(chosen: Sequence[Claim], results: Sequence[Verification]) -> str:
    """What Ctrl-C, SIGTERM or the time limit took away, in words."""
    cut, never = sum(result.interrupted for result in results), len(chosen) - len(results)
    return f"; INTERRUPTED: {cut} cut short, {never} not begun" if cut or never else ""


def verdict_line(claim: Claim, result: Verification) -> str:
    """One line per claim, and what to know where the verdict is not the expected one."""
    end = f"{result.applicable:>3} trials {result.seconds:>6.1f} s"
    line = f"{claim.id:<33} {result.verdict.name:<12} {end}"
    if result.interrupted:
        return f"{line}\n{_indented(result.reason)}"
    if result.as_expected:
        return f"{line}  {result.margin:.1e} tol"
    return f"{line}\n{_indented(f'UNEXPECTED ({claim.expected} was expected): {claim.statement}')}\n{_indented(result.reason)}"


def _indented(text: str) -> str:
    """Text below a line, folded as a page of 80 columns."""
    return textwrap.fill(text, 80, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _list(chosen: Sequence[Claim], as_json: bool) -> None:
    rows = [{k: getattr(c, k) for k in ("id", "expected", "statement", "status", "source")} for c in chosen]
    if as_json:
        print_json({"claims": rows})
    else:
        for row in rows:
            text = _indented(f"{row['statement']} [{row['source']}]")
            typer.echo(f"{row['id']:<34} {row['expected']}\n{text}")


def _checked(
    chosen: Sequence[Claim],
    trials: int,
    seed: int,
    quick: bool,
    jobs: int,
    bar: Callable[[str, float], None] | None,
    deadline: Deadline | None = None,
) -> Iterator[Verification]:
    """Results in the order of the claims, up to the first that was interrupted."""

    def watch(done: int) -> Any:
        return (
            None
            if bar is None
            else lambda s: bar(s.claim, done + s.done + s.trials / max(s.total, 1) * (s.done < s.claims))
        )

    options: dict[str, Any] = {"trials": trials, "rng": seed, "quick": quick, "progress": False, "time_limit": deadline}
    if jobs > 1:
        # all claims at once, so that no process waits for the last trial of a claim; results then come together
        names = [c.id for c in chosen]
        yield from so_far(lambda: rx.theory.verify(names, callback=watch(0), n_jobs=jobs, **options))[0]
        return
    # one after the other: each verdict is printed as soon as it is known
    for k, claim in enumerate(chosen):
        result, cut = so_far(functools.partial(rx.theory.verify, claim.id, callback=watch(k), **options))
        yield result
        if cut or (deadline is not None and deadline.passed()):
            return


@contextmanager
def claim_progress(
    total: int, console: Console | None = None
) -> Iterator[tuple[Callable[[str], None], Callable[[str, float], None] | None]]:
    """(print a line, move the bar to so many claims): a bar over claims on standard error, if that is a terminal."""

    console = Console(stderr=True) if console is None else console
    if not console.is_terminal:
        yield typer.echo, None
        return
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("verifying", total=total)

        def move(text: str, done: float) -> None:
            bar.update(task, description=text, completed=done)

        def echo(text: str) -> None:
            bar.stop()  # standard output and the bar share the terminal
            typer.echo(text)
            bar.start()

        yield echo, move
