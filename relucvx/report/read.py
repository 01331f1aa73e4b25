"""What a comparison is given: networks from any trainer, and the labels and factors that targets imply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.conversion import as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import numbered
from relucvx.labels import read_labels as label_values
from relucvx.network import PooledReLU, TwoLayerReLU, as_network, is_torch_module
from relucvx.network.pooling import Pooling
from relucvx.program.objective import check_network
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.types import Array, Result
from relucvx.validation import as_numpy


@dataclass(frozen=True)
class Names(Result):
    """What features, outputs and classes are called; empty where they have no names.

    Attributes
    ----------
    features : tuple of str
        One per column of X.
    targets : tuple of str
        One per column of Y; two for one column of ±1: of -1 and of +1.
    classes : tuple of str
        One per class, in the order of the values of the labels.

    Notes
    -----
    Status: a record of names (no statement). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [1.0, 1.0, -1.0, -1.0]
    >>> rx.compare(X, y, 1.0, [], feature_names=["depth"], target_names=["sea", "land"]).names.classes
    ('sea', 'land')
    """

    features: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


def read_names(
    problem: Problem, tables: tuple[Any, Any], given: tuple[Sequence[str] | None, Sequence[str] | None], labels: Any
) -> Names:
    """Names as given, or those of the columns of the tables X and Y; classes go by the targets that say what they are.

    Raises
    ------
    InvalidInputError
        For another number of names than of columns.
    """
    d, c = problem.n_features, problem.n_outputs
    features = _column_names(tables[0], given[0], "feature_names", (d,))
    # one output can be two classes
    targets = _column_names(tables[1], given[1], "target_names", (c, 2) if c == 1 else (c,))
    if labels is None:
        return Names(features, targets)
    values, implied = np.unique(labels), read_labels(problem, None)
    classes = tuple(str(value) for value in values)
    # labels of another kind than the targets have names of their own
    if implied is not None and values.dtype.kind in "iu" and np.array_equal(implied, labels):
        meant = targets if len(targets) > 1 else ("-1", "+1") if c == 1 else ()
        classes = tuple(meant[k] for k in values) if meant else classes
    return Names(features, targets, classes)


def _column_names(table: Any, given: Sequence[str] | None, what: str, counts: tuple[int, ...]) -> tuple[str, ...]:
    if given is None:
        # a data frame has names, which are none where they are numbers
        columns = [] if getattr(table, "ndim", 0) != 2 else list(getattr(table, "columns", []))
        named = len(columns) in counts and all(isinstance(name, str) for name in columns)
        return tuple(columns) if named else ()
    names = tuple(str(name) for name in as_list(given, what))
    if names and len(names) not in counts:
        raise InvalidInputError(explain(f"{counts[0]} {what}, one per column", f"{len(names)} names"))
    return names


def read_network(problem: Problem, run: Any, index: int) -> TwoLayerReLU:
    """A run's network, or a network from any trainer, checked against the problem; errors name the run."""
    # a torch module may well call a part of itself its network
    carrier = (
        run if isinstance(run, (TwoLayerReLU, PooledReLU)) or is_torch_module(run) else getattr(run, "network", run)
    )
    try:
        network = problem.inner(as_network(carrier, activation=problem.activation, like=problem.X))
        check_network(problem, network)
    except InvalidInputError as error:
        raise InvalidInputError(f"run {index}: {error}") from error
    return network


def run_facts(run: Any, index: int) -> dict[str, Any]:
    """Name and progress of a run, as far as it has them."""
    seed = getattr(run, "seed", None)
    numbers = {k: float(v) for k in ("stationarity", "steps", "seconds") if (v := getattr(run, k, None)) is not None}
    status = getattr(run, "status", "")
    name = f"network {index}" if seed is None else f"seed {seed}"
    return {"name": name, "seed": seed, "status": getattr(status, "name", str(status)), **numbers}


def read_history(run: Any) -> dict[str, Any]:
    """Steps and objectives of a run, where it has them."""
    history = getattr(run, "history", None) or {}
    return {k: np.asarray(history[k]) for k in ("step", "objective") if k in history}


def read_labels(problem: Problem, labels: Any) -> Any:
    """Classes as given, or from targets: one-hot, ±1 with one +1 in each row, or one column of ±1."""
    if labels is not None:
        classes, index = numbered(label_values(labels, "labels", problem.n_samples), "labels")
        return np.asarray(classes)[index]
    Y = problem.Y
    if _one_per_row(Y):
        return Y.argmax(axis=1)
    if Y.shape[1] == 1 and np.isin(Y, (-1.0, 1.0)).all() and len(np.unique(Y)) == 2:
        return (Y[:, 0] > 0).astype(int)
    return None


def read_factors(problem: Problem, factors: Any) -> Any:
    """Binary variables as given, or several columns of ±1 targets that do not code classes."""
    if factors is not None:
        factors = as_numpy(factors, "factors")
        if factors.ndim != 2 or len(factors) != problem.n_samples:
            raise InvalidInputError(
                explain(f"factors of shape ({problem.n_samples}, k)", f"shape {factors.shape}", "", "one column each")
            )
        return factors
    Y = problem.Y
    return Y if Y.shape[1] > 1 and np.isin(Y, (-1.0, 1.0)).all() and not _one_per_row(Y) else None


def _one_per_row(Y: Array) -> bool:
    """Whether targets code classes: entries 0 and 1, or -1 and 1, with exactly one 1 in each row."""
    coded = np.isin(Y, (0.0, 1.0)).all() or np.isin(Y, (-1.0, 1.0)).all()
    return bool(Y.shape[1] > 1 and coded and ((Y == 1.0).sum(axis=1) == 1).all())


def _same_bags(ours: Pooling | None, theirs: Pooling | None) -> bool:
    """Whether samples read their rows in the same way."""
    if ours is None or theirs is None:
        return ours is theirs
    return ours.operator.shape == theirs.operator.shape and abs(ours.operator - theirs.operator).max() == 0.0


def check_solution(problem: Problem, solution: Solution) -> None:
    """Refuse a solution of another problem, naming what differs."""
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain("solution to be a Solution", type(solution).__name__, "", "relucvx.solve(X, Y, beta)")
        )
    other = solution.problem
    same = (
        np.array_equal(problem.X, other.X), np.array_equal(problem.Y, other.Y), problem.beta == other.beta,
        problem.loss == other.loss, problem.bias == other.bias, problem.activation == other.activation,
        np.array_equal(problem.sample_weight, other.sample_weight), _same_bags(problem.pooling, other.pooling),
    )  # fmt: skip
    if not all(same):
        names = ("X", "Y", "beta", "loss", "bias", "activation", "sample_weight", "pooling")
        differ = ", ".join(name for name, ok in zip(names, same, strict=True) if not ok)
        raise InvalidInputError(
            explain("a solution of the same problem", f"another {differ}", "", "leave solution=None to solve it")
        )
