"""What the command line reads: data, the problem posed on them, and saved solutions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

import relucvx as rx
from relucvx.cli.bags import Bags, thinned
from relucvx.errors import DataFileError, InvalidInputError, explain
from relucvx.later import later

if TYPE_CHECKING:
    from relucvx.datasets import Dataset
    from relucvx.program import Problem
    from relucvx.solution import Solution

of_strengths = later("relucvx._api.strengths")
lookup = later("relucvx.datasets.lookup")
losses = later("relucvx.losses")
np = later("numpy")
scale = later("relucvx.program.scale")
validation = later("relucvx.validation")

EXAMPLE = ("iris", "versicolor", "all")
"""What is solved without DATA: iris, versicolor against the rest, biases under weight decay (about 3 seconds)."""

FRACTION = 0.02
"""Strength used when none is given, as a share of beta_max."""

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
"""Files that run code when they are opened."""


@dataclass(frozen=True)
class Reading:
    """How a file is read, where it does not say so itself."""

    drop: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    encoding: str | None = None
    classes: bool | None = None
    x_key: str | None = None
    y_key: str | None = None

    def given(self) -> dict[str, Any]:
        """The options of :func:`relucvx.datasets.read_table` that were given."""
        options = {
            "drop": listed(self.drop), "delimiter": self.delimiter, "decimal": self.decimal, "header": self.header,
            "encoding": self.encoding, "classes": self.classes, "x_key": self.x_key, "y_key": self.y_key,
        }  # fmt: skip
        return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class Source:
    """The data options of a command."""

    data: str
    target: str | None = None
    columns: str | None = None
    one_vs_rest: str | None = None
    components: int | None = None
    standardize: bool | None = None
    samples: int | None = None
    seed: int = 0
    bags: Bags = field(default_factory=Bags)
    reading: Reading = field(default_factory=Reading)

    def read(self, loss: str = "squared") -> Dataset:
        """The data set, with as many outputs as it has; several classes as the loss takes them (see ``Loss.one_hot``)."""

        coding = losses.as_loss(loss).one_hot
        kind = lookup.kind_of(self.data)
        given = {
            "target": listed(self.target) if self.target is not None and "," in self.target else self.target,
            "columns": listed(self.columns),
            "one_vs_rest": self.one_vs_rest,
            # a table is prepared as it is read, so that what was done is known; recipes below
            "components": self.components if kind != "recipe" else None,
            "standardize": self.standardize if kind != "recipe" else None,
            "one_hot": coding if lookup.has_classes(self.data) and self.one_vs_rest is None else None,
            "groups": self.bags.groups,
        }
        options = {name: value for name, value in given.items() if value is not None}
        options |= self.reading.given()
        found = rx.datasets.get(self.data, rng=self.seed, **options)
        if kind == "recipe":
            found = found.prepared(standardize=bool(self.standardize), components=self.components)
        return self.bags.cut(thinned(found, self.samples))

    def named(self, found: Dataset) -> str:
        """A title for the data."""
        return self.data if self.one_vs_rest is None else f"{self.data}, {found.target_names[1]} against the rest"


def listed(text: str | None) -> list[str] | None:
    """Columns separated by commas; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",")]


def or_example(source: Source, data: str | None, bias: str | None) -> tuple[Source, str | None]:
    """The data named, or the example where none are; options that were given stay as they are."""
    if data is not None:
        return replace(source, data=data), bias
    name, one_class, its_bias = EXAMPLE
    return replace(source, data=name, one_vs_rest=source.one_vs_rest or one_class), bias or its_bias


@dataclass(frozen=True)
class Task:
    """Data and the problem posed on them."""

    name: str
    X: Any
    Y: Any
    options: dict[str, Any]
    beta: float
    range: tuple[float, float] | None = None
    top: float | None = None
    targets: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, Any]:
        """Names of columns as :func:`relucvx.compare` takes them; those of pixels say nothing about patches."""
        # one output can be two classes
        fit = (self.outputs, 2) if self.outputs == 1 else (self.outputs,)
        features = self.features if len(self.features) == self.X.shape[-1] else ()
        return {"feature_names": features or None, "target_names": self.targets if len(self.targets) in fit else None}

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return 1 if self.Y.ndim == 1 else int(self.Y.shape[1])

    @property
    def title(self) -> str:
        """One line for the head of a table."""
        loss, phi = (getattr(v, "name", v) for v in (self.options[k] for k in ("loss", "activation")))
        bags = self.options.get("pooling")
        groups = self.options.get("groups")
        n, d = len(self.Y), self.X.shape[-1]
        # rows of bags: as many in each, or in all
        of_rows = (
            f" x {self.X.shape[1]} rows" if self.X.ndim == 3 else "" if groups is None else f" of {len(self.X)} rows"
        )
        reading = "" if bags is None else f", {bags if isinstance(bags, str) else 'weighted'} pooling"
        names = f" ({', '.join(self.targets)})" if len(self.targets) == self.outputs and self.outputs <= 5 else ""
        outputs = f" -> {self.outputs} outputs{names}" if self.outputs > 1 else ""
        network = f"{loss} loss, bias {self.options['bias']}, activation {phi}{reading}"
        return f"{self.name}: {n} samples{of_rows} x {d} features{outputs}; {network}"


def pose(
    source: Source, options: dict[str, Any], beta: float | None, fraction: float | None, least: float | None = None
) -> Task:
    """Fix the strength: as given, or as a share of beta_max, which is the same number on every machine.

    ``least`` is the smallest strength that the command will come to, where that is another.
    """

    if beta is not None and fraction is not None:
        raise InvalidInputError(explain("--beta or --beta-fraction", "both", "", "one of them"))
    found = source.read(options["loss"])
    name, options = source.named(found), {**options, **source.bags.options(found)}
    options |= {} if found.preparation is None else {"preparation": found.preparation}
    problem = rx.make_problem(found.X, found.Y, 1.0 if beta is None else beta, **options)
    # asked for in any case: a strength means something only beside beta_max
    unit = of_strengths.scale_of(problem)
    lo, hi = unit.lower, unit.upper
    known: Any = (lo, hi), unit.top, found.target_names, found.feature_names
    if beta is not None:
        say_scale(problem, beta, unit.one, hi)
        return Task(name, found.X, found.Y, options, beta, *known)
    share = validation.as_positive(
        FRACTION if fraction is None else fraction, "--beta-fraction", fix="--beta-fraction 0.02"
    )
    if hi <= 0.0:
        raise InvalidInputError(
            explain("targets that neurons help to fit", f"beta_max in [{lo:g}, {hi:g}]", "constant targets", "--beta 1")
        )
    say_scale(problem, share * unit.one if least is None else least, unit.one, hi)
    return Task(name, found.X, found.Y, options, share * unit.one, *known)


def say_scale(problem: Problem, beta: float, lo: float, hi: float) -> None:
    """One line where a strength or the columns are far from where networks are small and proofs quick."""
    found = scale.findings(problem, beta, lo)
    fraction = f"--beta-fraction {FRACTION} in place of --beta"
    fixes = {"columns": "--standardize, which brings the columns to one scale", "beta": fraction}
    parts = list(found.values())
    if beta >= hi > 0.0 and beta > lo:
        parts.append(f"beta = {beta:g} is not below beta_max ({hi:.3g}): no neuron pays")
        found["beta"] = ""
    if parts:
        typer.echo(f"{'; '.join(parts)}. Try {' and '.join(fixes[kind] for kind in found)}", err=True)


def strengths(task: Task, count: int, smallest: float) -> list[float]:
    """So many strengths from beta_max down to a share of it, equally spaced in the logarithm."""

    top = task.beta if task.top is None else task.top
    last = top * validation.as_positive(smallest, "--smallest", fix="--smallest 0.01")
    return [float(b) for b in np.geomspace(top, last, count)]


def given_strengths(text: str) -> list[float]:
    """The strengths of ``--betas``, checked before anything is printed."""

    return [validation.as_positive(beta, "beta", fix="every beta > 0") for beta in floats(text, "--betas")]


def pose_again(stored: Solution, path: Path, beta: float | None = None) -> Task:
    """The problem that a solution file holds, for another strength if one is given."""
    p = stored.problem
    options = {"loss": p.loss, "bias": p.bias, "activation": p.activation, "sample_weight": p.sample_weight}
    if p.preparation is not None:
        options["preparation"] = p.preparation
    if p.pooling is not None:
        options |= {"pooling": p.pooling.kind, "groups": p.pooling.groups}
    return Task(str(path), p.X, p.Y[:, 0] if p.scalar_output else p.Y, options, p.beta if beta is None else beta)


def problem_options(loss: str | None, bias: str | None, activation: str | None) -> dict[str, Any]:
    """Loss, bias and activation with the defaults of :func:`relucvx.solve`."""
    phi: Any = activation or "relu"
    if activation and "," in activation and "(" not in activation:
        phi = tuple(floats(activation, "--activation"))
    return {"loss": loss or "squared", "bias": bias or "none", "activation": phi}


def floats(text: str, name: str) -> list[float]:
    """Numbers separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInputError(explain(f"numbers separated by commas for {name}", repr(text))) from None


def stored_solution(path: Path) -> Solution:
    """A saved solution; pickles, and therefore torch files, are never opened."""

    if path.suffix.lower() in PICKLES:
        raise DataFileError(
            explain(
                "a solution saved by relucvx (.npz)",
                str(path),
                "torch and pickle files can run code when they are opened, so they are not read here",
                "in Python: relucvx.certify(module, X, Y, beta=…)",
            )
        )
    return rx.load(path)
