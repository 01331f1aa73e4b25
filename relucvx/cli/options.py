"""Options that several commands share, and groups of them that commands take as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from relucvx.cli.bags import Bags
from relucvx.cli.input import EXAMPLE, FRACTION, Reading, Source, Task, pose, problem_options
from relucvx.later import later

executors = later("relucvx.executors")
threads = later("relucvx.threads")

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="iris, wine, diabetes, breast_cancer, digits, planted:100x3, images:3x8, graphs:60x3, … or a file: .csv, .tsv, "
        ".txt (also .gz), .parquet, .mat, .h5, .npz, .npy",
    ),
]
OptionalData = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help=f"as for `patterns`; default: {' '.join(EXAMPLE)}")
]
Target = Annotated[
    str | None, typer.Option(help="target column of a file, name or index; several: A,B  [default: the last]")
]
Columns = Annotated[
    str | None, typer.Option(help="input columns of a file: A,B,… or ranges 0-3, A-D  [default: all others]")
]
Drop = Annotated[str | None, typer.Option(help="columns of a file that are neither input nor target: A,B,… or ranges")]
Delimiter = Annotated[
    str | None, typer.Option(help="of text: one character, or tab, space, …  [default: seen from the file]")
]
Decimal = Annotated[str | None, typer.Option(help="decimal mark of text, . or ,  [default: seen from the file]")]
Header = Annotated[bool | None, typer.Option("--header/--no-header", help="whether the first line of text holds names")]
XKey = Annotated[str | None, typer.Option(help="array of inputs in an .npz, .mat or .h5 file  [default: X]")]
YKey = Annotated[str | None, typer.Option(help="array of targets in such a file  [default: y]")]
Encoding = Annotated[str | None, typer.Option(help="of text, e.g. cp1252  [default: utf-8]")]
Classes = Annotated[
    bool | None,
    typer.Option("--classes/--no-classes", help="whether the target of a file holds classes  [default: seen from it]"),
]
OneVsRest = Annotated[str | None, typer.Option(help="class, by name or number, that is +1; the others are -1")]
Components = Annotated[int | None, typer.Option(help="project the columns on so many principal components")]
Standardize = Annotated[
    bool | None, typer.Option(help="centre and scale the columns  [default: embedded sets yes, others no]")
]
Samples = Annotated[int | None, typer.Option(min=1, help="use so many rows, evenly spaced")]
Seed = Annotated[int, typer.Option(min=0, help="random seed; certified results do not depend on it")]
Beta = Annotated[float | None, typer.Option(help="weight decay, for a loss summed over samples")]
Fraction = Annotated[float | None, typer.Option(help=f"beta as a share of beta_max  [default: {FRACTION}]")]
LossName = Annotated[
    str | None, typer.Option("--loss", help="squared, cross_entropy, logistic, hinge, …  [default: squared]")
]
Bias = Annotated[str | None, typer.Option(help="none, hidden, all or free  [default: none]")]
ActivationName = Annotated[
    str | None, typer.Option("--activation", help="relu, leaky_relu, abs, linear, or two slopes: 0.1,1")
]
Pooling = Annotated[
    str | None,
    typer.Option(
        help="how a sample reads its rows: mean, sum or flatten  [default: mean, where samples are bags of rows]"
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN|FILE.npy", help="the sample of each row of a long table: a column, or an array in a file"
    ),
]
Patches = Annotated[
    str | None,
    typer.Option(metavar="SIZE[,STRIDE[,PADDING]]", help="cut images into windows: 2,2 or 1x5 (height x width)"),
]
Tol = Annotated[float, typer.Option(help="relative gap to prove")]
TimeLimit = Annotated[float, typer.Option(help="seconds in all; the bound is valid when they run out")]
Seconds = Annotated[float | None, typer.Option(help="seconds, after which there is no answer (code 2)")]
SECONDS = 30.0
"""Time limit of one problem when none is given: whoever waits at a prompt sees what there is by then, and can ask for more."""
COMPARE_SECONDS = 600.0
"""The same where networks are trained as well: ten of them on a table of some hundred rows take a minute or more."""
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
Jobs = Annotated[int | None, typer.Option(min=1, help="threads to compute with  [default: all cores]")]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Dask scheduler whose workers compute instead, e.g. tcp://127.0.0.1:8786"),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON and nothing else on standard output")]


def _source(
    target: Target = None,
    columns: Columns = None,
    drop: Drop = None,
    classes: Classes = None,
    one_vs_rest: OneVsRest = None,
    components: Components = None,
    standardize: Standardize = None,
    samples: Samples = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    header: Header = None,
    encoding: Encoding = None,
    x_key: XKey = None,
    y_key: YKey = None,
    seed: Seed = 0,
) -> Source:
    """The data options, for data to be named by the command."""
    reading = Reading(drop, delimiter, decimal, header, encoding, classes, x_key, y_key)
    return Source("", target, columns, one_vs_rest, components, standardize, samples, seed, reading=reading)


@dataclass(frozen=True)
class Posing:
    """The options that pose a problem on data."""

    beta: float | None
    beta_fraction: float | None
    loss: str | None
    bias: str | None
    activation: str | None

    def on(self, source: Source) -> Task:
        """The problem on these data."""
        return pose(source, problem_options(self.loss, self.bias, self.activation), self.beta, self.beta_fraction)

    def with_bias(self, bias: str | None) -> Posing:
        """The same with this bias where none was asked for."""
        return replace(self, bias=self.bias or bias)


def _posing(
    beta: Beta = None,
    beta_fraction: Fraction = None,
    loss: LossName = None,
    bias: Bias = None,
    activation: ActivationName = None,
) -> Posing:
    """The options that pose a problem."""
    return Posing(beta, beta_fraction, loss, bias, activation)


def _bags(pooling: Pooling = None, groups: Groups = None, patches: Patches = None) -> Bags:
    """The options for samples that are bags of rows."""
    return Bags(pooling, groups, patches)


@dataclass(frozen=True)
class Workers:
    """What computes: cores of this machine, or the workers of a cluster."""

    jobs: int | None
    scheduler: str | None

    @contextmanager
    def at_work(self) -> Iterator[Any]:
        """Let everything inside the ``with`` block use them; yields the Dask client, or None."""
        connected = executors.connected(self.scheduler)
        with threads.using_jobs(self.jobs), connected as client, executors.using_executor(client):
            yield client


def _workers(jobs: Jobs = None, scheduler: Scheduler = None) -> Workers:
    """The options for cores and machines."""
    return Workers(jobs, scheduler)


GROUPS: dict[Any, Callable[..., Any]] = {Source: _source, Posing: _posing, Bags: _bags, Workers: _workers}
"""Arguments of commands that stand for a group of options, and what makes them of these options."""


def spelled_out(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every argument of a type in GROUPS replaced by the options it stands for, where it stands."""
    signature = inspect.signature(command, eval_str=True)
    groups = {name: GROUPS[p.annotation] for name, p in signature.parameters.items() if p.annotation in GROUPS}
    options = {name: inspect.signature(group, eval_str=True).parameters for name, group in groups.items()}
    spelled = [q for name, p in signature.parameters.items() for q in options.get(name, {name: p}).values()]
    # keyword-only, or an option with a default could not stand before one without
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in spelled]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{option: given.pop(option) for option in options[name]})
        command(**given)

    # typer reads the signature, not the code
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run
