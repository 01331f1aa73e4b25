"""Comparisons and runs in files of JSON that hold their problem, and the networks that such a file holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.conversion import as_list, as_path
from relucvx.errors import DataFileError, explain, wrong_part
from relucvx.losses import Loss, class_of, restored
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.report.read import Names, read_names

FORMAT = 1
"""Number of the format, which a reader of another one refuses."""

FACTS = ("seed", "stationarity", "steps", "seconds", "status")
"""What a run says of itself."""


@dataclass(frozen=True)
class SavedRun:
    """A network from a file, with what its trainer said of it.

    Attributes
    ----------
    network : TwoLayerReLU or PooledReLU
    history : dict
    seed, stationarity, steps, seconds, status
        None, or as they were written.
    """

    network: TwoLayerReLU | PooledReLU
    history: dict[str, Any] = field(default_factory=dict)
    seed: Any = None
    stationarity: Any = None
    steps: Any = None
    seconds: Any = None
    status: Any = ""


@dataclass(frozen=True)
class Saved:
    """What a file of runs or of a comparison holds; nothing of it is believed but the networks and the data.

    Attributes
    ----------
    problem : Problem
    runs : tuple of SavedRun
    names : Names
    labels, factors : list or None
    title : str
        What the data are called.
    """

    problem: Problem
    runs: tuple[SavedRun, ...]
    names: Names
    labels: Any = None
    factors: Any = None
    title: str = ""


def problem_record(
    problem: Problem, names: Names | None = None, labels: Any = None, factors: Any = None
) -> dict[str, Any]:
    """A problem with its data, as plain values, so that :func:`read_saved` can pose it again."""
    bags = problem.pooling
    names = names or Names()
    weights = problem.sample_weight
    return {
        "format": FORMAT, "samples": problem.n_samples, "features": problem.n_features, "outputs": problem.n_outputs,
        "beta": problem.beta, "loss": problem.loss.name, "loss_class": class_of(problem.loss), "bias": str(problem.bias),
        "activation": [problem.activation.slope_neg, problem.activation.slope_pos],
        "feature_names": list(names.features), "target_names": list(names.targets),
        "pooling": None if bags is None else np.asarray(bags.kind).tolist(),
        "groups": None if bags is None or bags.groups is None else bags.groups.tolist(),
        "X": problem.X.tolist(), "Y": (problem.Y[:, 0] if problem.scalar_output else problem.Y).tolist(),
        "sample_weight": None if np.all(weights == 1.0) else weights.tolist(),
        "labels": None if labels is None else np.asarray(labels).tolist(),
        "factors": None if factors is None else np.asarray(factors).tolist(),
    }  # fmt: skip


def names_from(problem: Problem, feature_names: Any = None, target_names: Any = None) -> Names:
    """Names for :func:`problem_record`, checked."""
    return read_names(problem, (None, None), (feature_names, target_names), None)


def read_saved(path: str | os.PathLike[str], *, loss: Loss | None = None) -> Saved:
    """The problem and the networks of a file of ``relucvx train --out``, ``relucvx compare --out``, or out of a report.

    Raises
    ------
    DataFileError
        For a file that is not there, is no such file, or was written by a version with another format.
    """
    source = as_path(path, "the path of saved runs")
    if not source.is_file():
        raise DataFileError(explain("saved runs", f"no file {source}", "a typo, or another folder"))
    try:
        return _rebuilt(json.loads(source.read_text(encoding="utf-8")), loss)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise DataFileError(
            explain(
                "runs or a comparison saved by relucvx, with their problem",
                f"{source}: {wrong_part(error)}",
                "another kind of file, or one of another version",
                "relucvx train iris --bias all --out runs.json",
            )
        ) from error


def _rebuilt(record: Any, own: Loss | None) -> Saved:
    stored = _mapping(_mapping(record, "the file")["problem"], "the problem")
    if stored.get("format") != FORMAT:
        found = "no format" if "format" not in stored else f"format {stored['format']}"
        raise ValueError(f"a problem of {found}, this version reads {FORMAT}")
    loss = restored(str(stored["loss"]), str(stored.get("loss_class", "")), own)
    problem = make_problem(
        stored["X"], stored["Y"], stored["beta"], loss, str(stored["bias"]), tuple(stored["activation"]),
        stored["sample_weight"], stored["pooling"], stored["groups"],
    )  # fmt: skip
    names = Names(tuple(map(str, stored["feature_names"])), tuple(map(str, stored["target_names"])))
    runs = tuple(_run(one, problem) for one in _run_records(record))
    return Saved(problem, runs, names, stored["labels"], stored["factors"], str(record.get("data", "")))


def _run_records(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs as the trainer wrote them; a comparison has their networks and histories apart."""
    rows = as_list(record["runs"], "runs")
    if "networks" not in record:
        return rows
    networks = as_list(_mapping(record["networks"], "networks")["runs"], "networks")
    histories = as_list(record["histories"], "histories")
    parts = zip(rows, networks, histories, strict=True)
    return [{**row, "network": network, "history": history} for row, network, history in parts]


def _run(record: Any, problem: Problem) -> SavedRun:
    stored = _mapping(record, "a run")
    weights = _mapping(stored["network"], "a network")
    biases = (weights.get("bias_in"), weights.get("bias_out"))
    parts: tuple[Any, Any, Any, Any] = (weights["weights_in"], weights["weights_out"], *biases)
    network: TwoLayerReLU | PooledReLU
    if problem.pooling is None:
        network = TwoLayerReLU(*parts, problem.activation, problem.scalar_output)
    elif "pooling" in weights:
        network = PooledReLU(*parts, problem.activation, problem.scalar_output, weights["pooling"])
    else:  # a comparison holds networks as the solver sees them
        network = problem.stated(TwoLayerReLU(*parts, problem.activation))
    history = {
        name: np.asarray(values, dtype=float)
        for name, values in _mapping(stored.get("history") or {}, "a history").items()
        if name in ("step", "objective")
    }
    return SavedRun(network, history, **{name: stored.get(name) for name in FACTS})


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what}: {type(value).__name__} where names with values are expected")
    return value
