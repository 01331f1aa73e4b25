"""The command line's frame: exit codes, and errors without tracebacks."""

from __future__ import annotations

import atexit
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from relucvx import __version__
from relucvx.cli.advice import in_words_of
from relucvx.cli.manners import JSON, mannered, print_error
from relucvx.errors import LicenseError, RelucvxError, ScaleWarning, TimeLimitError, TooManyPatternsError, explain
from relucvx.interrupts import hearing, is_interruption, terminable

CERTIFIED, BAD_INPUT, NOT_CERTIFIED, MISSING = 0, 1, 2, 3
"""Exit codes."""

INTERRUPTED = "INTERRUPTED before there was a result"
"""What is said when Ctrl-C or SIGTERM comes too early."""

_EXIT = (typer.Exit, typer.Abort)
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
        given = [*getattr(ctx, "_protected_args", ()), *ctx.args]
        ctx.obj = JSON in given[: given.index("--")] if "--" in given else JSON in given
        with terminable(), hearing() as heard:
            try:
                return self._explained(ctx)
            except _EXIT:
                raise
            except BaseException as error:
                # an error that nobody explains, after Ctrl-C: what became of it inside compiled code or an import
                if not (heard() or is_interruption(error)):
                    raise
                _fail(INTERRUPTED, NOT_CERTIFIED, ctx.obj)

    def _explained(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings():
                # said by the commands in words of their own, before the work
                warnings.simplefilter("ignore", ScaleWarning)
                return super().invoke(ctx)
        except _USAGE_ERROR as error:
            cast(Any, error).exit_code = BAD_INPUT
            if ctx.obj:
                print_error(cast(Any, error).format_message(), BAD_INPUT)
            raise
        except (LicenseError, ImportError) as error:
            # Ctrl-C in the middle of an import comes out as an ImportError
            if is_interruption(error):
                raise
            ours = error if isinstance(error, RelucvxError) else None
            _fail(str(error) if ours is None else in_words_of(ours, self._options(ctx)), MISSING, ctx.obj)
        except TooManyPatternsError as error:
            # its advice in Python names arguments that this command has as options
            fix = "--sample 1000 for a part of them, --samples 50 for fewer rows, or a larger --max-patterns"
            parts = error.explanation
            _fail(str(error) if parts is None else explain(*parts.parts[:3], fix), BAD_INPUT, ctx.obj)
        except TimeLimitError as error:
            # its advice in Python is about arguments; here there is the option
            parts = error.explanation
            fix = "a larger --time-limit"
            _fail(str(error) if parts is None else explain(*parts.parts[:3], fix), NOT_CERTIFIED, ctx.obj)
        except RelucvxError as error:
            _fail(in_words_of(error, self._options(ctx)), BAD_INPUT, ctx.obj)
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader has gone, as in `| head`: no error
                raise
            text = explain("files and output that can be written", str(error), "a full disk, or no permission")
            _fail(text, BAD_INPUT, ctx.obj)

    def _options(self, ctx: Any) -> list[str]:
        """Names of the options of the command that runs."""
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        return [name for option in getattr(command, "params", []) for name in (*option.opts, *option.secondary_opts)]


@contextmanager
def soon_gone() -> Iterator[None]:
    """After Ctrl-C the process ends when everything is said and saved.

    Taking the interpreter down with PyTorch loaded takes seconds, and one that saw a KeyboardInterrupt pass through an
    extension's own Python code ends by SIGINT whatever exit code it was given.
    """
    with hearing() as heard:
        try:
            yield
        except SystemExit as end:
            if not heard():
                raise
            # os._exit waits for no thread that still computes; what an ordinary end would have done is done here
            atexit._run_exitfuncs()
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(end.code if isinstance(end.code, int) else NOT_CERTIFIED)


def _fail(text: str, code: int, as_json: bool) -> NoReturn:
    """Leave with an error: on standard error for a reader, and as JSON on standard output where JSON was asked for."""
    typer.echo(f"Error: {text}", err=True)
    if as_json:
        print_error(text, code)
    raise typer.Exit(code)


class _App(typer.Typer):
    """An application whose commands all have the common options."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        add = super().command(*args, **kwargs)
        return lambda command: add(mannered(command))


app = _App(
    cls=_Commands,
    help="Certified global optima of two-layer ReLU networks with weight decay.",
    epilog="Exit codes: 0 done and, where it proves, certified to the tolerance, 1 bad usage or input, "
    "2 not certified to the tolerance, 3 missing package or licence.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"relucvx {__version__}")
        raise typer.Exit(0)
