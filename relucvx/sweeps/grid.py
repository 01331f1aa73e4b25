"""The grid of a sweep: every combination of its settings as a problem, known by what is in it and not by where it stands.

The key of a cell is a hash of its data, its settings and the tolerance. It is the same in every run on every machine, so what
is stored is found again whatever else the grid has become; and problems that are the same are solved once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.conversion import as_list, shown
from relucvx.errors import InvalidInputError, RelucvxError, explain
from relucvx.losses import Loss, as_loss
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.sweeps.sources import Source, as_sources
from relucvx.types import Activation, Bias, as_activation, plain
from relucvx.validation import as_count, as_positive, as_strength

SETTINGS = ("data", "loss", "bias", "activation", "beta_fraction", "beta")
"""What tells the problems of a grid apart, in the order of the table."""

TRAINING = (
    "optimizer", "learning_rate", "schedule", "momentum", "batch_size", "max_steps", "tol", "init_scale", "dtype", "device",
    "record_every",
)  # fmt: skip
"""What can be said of training; the problem, widths and seeds are the grid's."""

DIGITS = 20
"""Hexadecimal digits of a key: two different cells share one in less than one of 10^12 grids of a million cells."""


@dataclass(frozen=True)
class Base:
    """A problem of any strength: data, loss, bias and activation."""

    settings: dict[str, Any]
    problem: Problem
    key: str


@dataclass(frozen=True)
class Cell:
    """A problem of the grid, whose strength may be a share of a beta_max that is not known yet."""

    base: Base
    beta_fraction: float | None
    beta: float | None
    tol: float

    @cached_property
    def problem(self) -> str:
        """The key of its problem, which is all that trained networks are about."""
        return digest([self.base.key, {"beta_fraction": self.beta_fraction, "beta": self.beta}])

    @cached_property
    def key(self) -> str:
        """The key of its optimum to the tolerance."""
        return digest([self.problem, self.tol])

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings as they were asked for."""
        return {**self.base.settings, "beta_fraction": self.beta_fraction, "beta": self.beta}

    def posed(self, beta: float) -> Problem:
        """The problem at its strength."""
        return dataclasses.replace(self.base.problem, beta=beta)


@dataclass(frozen=True)
class Grid:
    """The cells in the order of the table, and what is trained at each."""

    cells: tuple[Cell, ...]
    tol: float
    widths: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    training: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def how(self) -> str:
        """How networks are trained, in a word that is part of their key."""
        return digest({name: _word(value) for name, value in self.training.items()}) if self.training else ""

    @property
    def size(self) -> int:
        """Rows of the table."""
        return len(self.cells) * (1 + len(self.widths) * len(self.seeds))

    def bases(self) -> Iterator[Base]:
        """Every problem of any strength once."""
        yield from {cell.base.key: cell.base for cell in self.cells}.values()


def as_grid(
    data: Any,
    beta_fraction: Any,
    beta: Any,
    loss: Any,
    bias: Any,
    activation: Any,
    width: Any,
    seeds: Any,
    training: Any,
    tol: Any,
) -> Grid:
    """All combinations, checked and posed before anything is computed.

    Raises
    ------
    InvalidInputError
        For settings that there are not, and data that a loss does not take, naming both.
    """
    tol = as_positive(tol, "tol", fix="tol=1e-6")
    strengths = _strengths(beta_fraction, beta)
    losses = [as_loss(one) for one in _values(loss)]
    modes = [Bias.of(one) for one in _values(bias)]
    slopes = [as_activation(one) for one in _values(activation, pair=True)]
    bases = [
        _base(source, one, mode, phi)
        for source in as_sources(data) for one in losses for mode in modes for phi in slopes
    ]  # fmt: skip
    cells = [
        Cell(base, share, level, tol)
        for base in bases for share, level in strengths
    ]  # fmt: skip
    named = {json.dumps(cell.settings, sort_keys=True): cell for cell in cells}
    return Grid(tuple(named.values()), tol, *_trained(width, seeds, training))


def _values(given: Any, *, pair: bool = False) -> list[Any]:
    """One value or several; a pair of slopes is one."""
    several = isinstance(given, (list, tuple)) or getattr(given, "ndim", 0) == 1
    if not several or (
        pair and len(given) == 2 and not any(isinstance(one, (str, tuple, list, Activation)) for one in given)
    ):
        return [given]
    if not len(given):
        raise InvalidInputError(explain("at least one value of every setting", shown(given), "", 'loss=["squared"]'))
    return list(given)


def _strengths(beta_fraction: Any, beta: Any) -> list[tuple[float | None, float | None]]:
    """Shares of beta_max, or strengths."""
    if (beta is None) == (beta_fraction is None):
        received = "neither" if beta is None else "both"
        raise InvalidInputError(explain("beta_fraction= or beta=", received, "", "beta_fraction=[0.01, 0.1]"))
    if beta is not None:
        return [(None, as_strength(one)) for one in _values(beta)]
    return [
        (as_positive(one, "beta_fraction", fix="beta_fraction=[0.01, 0.1]"), None) for one in _values(beta_fraction)
    ]


def _trained(width: Any, seeds: Any, training: Any) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    """Widths, seeds and settings of the networks to train; none without a width."""
    options = {} if training is None else training
    if not isinstance(options, Mapping) or not set(options) <= set(TRAINING):
        unknown = sorted(set(options) - set(TRAINING)) if isinstance(options, Mapping) else shown(training)
        raise InvalidInputError(
            explain(
                f"training= to be a dict of {', '.join(TRAINING)}", str(unknown), "", 'training={"optimizer": "adam"}'
            )
        )
    if width is None:
        if seeds is not None or training is not None:
            raise InvalidInputError(explain("a width for networks to train", "none", "", "width=64"))
        return (), (), {}
    widths = tuple(dict.fromkeys(as_count(one, "width") for one in _values(width)))
    if seeds is None:
        seeds = 1
    if isinstance(seeds, (int, np.integer)) and not isinstance(seeds, bool):
        seeds = range(as_count(seeds, "seeds", fix="seeds=3, or seeds=[0, 1, 2]"))
    chosen = tuple(dict.fromkeys(as_count(seed, "a seed", 0) for seed in as_list(seeds, "seeds")))
    if not chosen:
        raise InvalidInputError(explain("at least one seed", "none", "", "seeds=3"))
    _check_plain(options)
    return widths, chosen, dict(options)


def _check_plain(options: Mapping[str, Any]) -> None:
    """Refuse functions: nothing says whether that of another run was the same."""
    for name, value in options.items():
        parts = vars(value) if dataclasses.is_dataclass(value) else {name: value}
        for part, inner in parts.items():
            if callable(inner):
                raise InvalidInputError(
                    explain(
                        f"{part} by name, as cells are known by their settings", shown(inner), "", 'schedule="cosine"'
                    )
                )


def _base(source: Source, loss: Loss, bias: Bias, activation: Activation) -> Base:
    settings = {"data": source.name, "loss": loss.name, "bias": str(bias), "activation": activation.name}
    try:
        X, Y, bags = source.read(loss)
        problem = make_problem(X, Y, 1.0, loss, bias, activation, **bags)
    except RelucvxError as error:
        error.add_note("in the cells " + ", ".join(f"{name} {value}" for name, value in settings.items()))
        raise
    parts = [content(problem), _word(loss), str(bias), [activation.slope_neg, activation.slope_pos]]
    return Base(settings, problem, digest(parts))


def content(problem: Problem) -> str:
    """A hash of the data as they are posed: inputs, targets, weights, and which rows make a sample."""
    found = hashlib.sha256()
    arrays: list[Any] = [problem.X, problem.Y, problem.sample_weight]
    if problem.pooling is not None:
        operator = problem.pooling.operator
        arrays += [operator.data, operator.indices, operator.indptr]
    for array in arrays:
        found.update(repr(array.shape).encode())
        found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()[:DIGITS]


def digest(value: Any) -> str:
    """A hash of plain values, the same on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _word(value: Any) -> str:
    """An option, or a loss with its parameters, as text that tells it from others."""
    if isinstance(value, Loss):
        parameters = {name: plain(part) for name, part in sorted(vars(value).items())}
        return f"{type(value).__module__}.{type(value).__qualname__} {parameters}"
    return repr(plain(value))
