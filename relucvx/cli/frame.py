"""The command line's frame: exit codes, errors without tracebacks, and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from relucvx import __version__
from relucvx.cli.input import EXAMPLE, FRACTION
from relucvx.errors import LicenseError, RelucvxError, TooManyPatternsError

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
LossName = Annotated[
    str | None, typer.Option("--loss", help="squared, cross_entropy, logistic, hinge, …  [default: squared]")
]
Bias = Annotated[str | None, typer.Option(help="none, hidden, all or free  [default: none]")]
ActivationName = Annotated[
    str | None, typer.Option("--activation", help="relu, leaky_relu, abs, linear, or two slopes: 0.1,1")
]
Tol = Annotated[float, typer.Option(help="relative gap to prove")]
TimeLimit = Annotated[float | None, typer.Option(help="seconds in all; the bound is valid when they run out")]
Hidden = Annotated[
    str | None, typer.Option(help="widths of the hidden layers, e.g. 64,32  [default: --depth layers of --width]")
]
Depth = Annotated[int, typer.Option(min=1, help="hidden layers of the network to train")]
LayerWidth = Annotated[int, typer.Option("--width", min=1, help="neurons of each hidden layer")]
Epochs = Annotated[int, typer.Option(min=1, help="passes over the data (Adam)")]
Weights = Annotated[
    Path | None,
    typer.Option(help="look at this network instead: .npz of `relucvx solve --out`, or a torch state dict of an MLP"),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON and nothing else on standard output")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(f"relucvx {__version__}")
        raise typer.Exit(0)
