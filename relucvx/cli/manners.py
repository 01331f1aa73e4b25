"""How much a command says and in what form: ``-q``, ``-v`` and ``--json``, which every command takes."""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from relucvx.errors import Explanation
from relucvx.later import later

types = later("relucvx.types")

SCHEMA = 1
"""Number of the form of everything that is printed as JSON; a larger one where a key goes, or comes to mean something else."""

JSON = "--json"


@dataclass(frozen=True)
class Manners:
    """What was asked for: nothing but the exit code, or every step."""

    quiet: bool = False
    verbose: int = 0


_NOTHING = Manners()
_asked: ContextVar[Manners] = ContextVar("manners", default=_NOTHING)


def asked() -> Manners:
    """What the command that runs was asked for."""
    return _asked.get()


Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="print nothing but errors: the exit code says it")]
Verbose = Annotated[
    int,
    typer.Option(
        "-v", "--verbose", count=True, show_default=False, help="print every step on standard error; -vv more"
    ),
]


def mannered(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that all have."""
    signature = inspect.signature(command, eval_str=True)
    common = {"quiet": (Quiet, False), "verbose": (Verbose, 0)}
    keyword = inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, keyword, default=d, annotation=kind) for name, (kind, d) in common.items()]

    @functools.wraps(command)
    def run(quiet: bool, verbose: int, **given: Any) -> None:
        with _with(Manners(quiet, verbose), given.get("as_json", False)):
            command(**given)

    # typer reads the signature, not the code
    own = [p.replace(kind=keyword) for p in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*own, *more]}
    return run


@contextlib.contextmanager
def _with(manners: Manners, as_json: bool) -> Iterator[None]:
    """Mind them within the ``with`` block."""
    token, log = _asked.set(manners), logging.getLogger("relucvx")
    level, handler = log.level, logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    with contextlib.ExitStack() as stack:
        if manners.quiet:
            log.setLevel(logging.ERROR)
            if not as_json:
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        elif manners.verbose:
            log.setLevel(logging.INFO if manners.verbose == 1 else logging.DEBUG)
            log.addHandler(handler)
        try:
            yield
        finally:
            log.setLevel(level)
            log.removeHandler(handler)
            _asked.reset(token)


def print_json(value: dict[str, Any]) -> None:
    """Print strict JSON with the number of its form, null for NaN and infinity."""
    typer.echo(types.strict_json({"schema": SCHEMA, **value}))


def print_error(text: str, code: int) -> None:
    """Print an error as JSON: the text, the exit code, and what was expected, received and can be tried where it says so."""
    names = ("expected", "received", "cause", "try")
    parts = dict(zip(names, text.parts, strict=True)) if isinstance(text, Explanation) else {}
    print_json({"error": {"code": code, "message": str(text), **parts}})
