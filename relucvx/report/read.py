"""What a comparison is given: networks from any trainer, and the labels and factors that targets imply."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.labels import numbered
from relucvx.labels import read_labels as label_values
from relucvx.network import PooledReLU, TwoLayerReLU, as_network, is_torch_module
from relucvx.network.pooling import Pooling
from relucvx.program.objective import check_network
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.types import Array
from relucvx.validation import as_numpy


def read_network(problem: Problem, run: Any, index: int) -> TwoLayerReLU:
    """A run's network, or a network from any trainer, checked against the problem; errors name the run."""
    # a torch module may well call a part of itself its network
    carrier = (
        run if isinstance(run, (TwoLayerReLU, PooledReLU)) or is_torch_module(run) else getattr(run, "network", run)
    )
    try:
        network = problem.inner(as_network(carrier, activation=problem.activation))
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
