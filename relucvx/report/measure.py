"""One row per network: how far it is from the optimum, and what its representation looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx import metrics
from relucvx.deadline import Deadline
from relucvx.errors import RelucvxError
from relucvx.network import TwoLayerReLU
from relucvx.program.duality import gap
from relucvx.program.objective import fit, objectives_from_above, representation
from relucvx.program.problem import Problem
from relucvx.tolerances import DEAD
from relucvx.types import Array, Result

NAN = float("nan")


@dataclass(frozen=True)
class Row(Result):
    """What was measured on one network; NaN where a number does not apply or does not exist.

    Attributes
    ----------
    name : str
        "optimum" ("best found, not proven"), "seed 3" or "network 0".
    seed : int or None
    objective : float
    gap, rel_gap : float
        Certified: ``objective`` minus the proven lower bound on p*, and that over ``objective``.
    reached : bool
        Whether ``rel_gap`` is at most the reach of the comparison.
    width : int
        Neurons with ||w||·||v|| above 1e-10 of the largest.
    fit_distance : float
        ||F - F*|| / ||F*||, F* the fit of the solved network; only for losses whose optimal fit is unique.
    kernel_to_optimum, kernel_to_prediction : float
        Relative Frobenius distances of hidden kernels, only where the optimal kernel is known to be unique.
    nc1, nc2_equinorm, nc2_cosine, nc2_etf, nc3, nc4 : float
        Neural collapse of the hidden layer (see ``relucvx.metrics.neural_collapse``); with labels.
    parallelism, ccgp, tuning : float
        Abstraction of the hidden layer: means over the factors, and over the neurons for ``tuning``; with factors.
    participation_ratio : float
        Effective dimension of the centred hidden layer.
    stationarity, steps, seconds : float
        As the trainer reported them.
    status : str
        How the trainer or the solver stopped.

    Notes
    -----
    Status: a record of what :func:`compare` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.compare([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0, runs=())
    >>> found.optimum.name, found.optimum.width, round(found.optimum.participation_ratio, 3)
    ('optimum', 2, 1.198)
    """

    name: str
    seed: int | None
    objective: float
    gap: float
    rel_gap: float
    reached: bool
    width: int
    fit_distance: float = NAN
    kernel_to_optimum: float = NAN
    kernel_to_prediction: float = NAN
    nc1: float = NAN
    nc2_equinorm: float = NAN
    nc2_cosine: float = NAN
    nc2_etf: float = NAN
    nc3: float = NAN
    nc4: float = NAN
    parallelism: float = NAN
    ccgp: float = NAN
    participation_ratio: float = NAN
    tuning: float = NAN
    stationarity: float = NAN
    steps: float = NAN
    seconds: float = NAN
    status: str = ""


@dataclass(frozen=True)
class Reference:
    """What every network is measured against.

    Attributes
    ----------
    problem : Problem
    lower : float
        Proven lower bound on p*.
    reach : float
        Certified relative gap up to which a network counts as optimal.
    fit : ndarray or None
        Optimal fit, where it is unique.
    kernel : ndarray or None
        Optimal kernel, where it is known to be unique.
    prediction : ndarray or None
        Predicted kernel, where its theory applies and says that it is unique.
    labels, factors : ndarray or None
    deadline : Deadline
        After which only the gap and the fit are measured.
    """

    problem: Problem
    lower: float
    reach: float
    fit: Array | None = None
    kernel: Array | None = None
    prediction: Array | None = None
    labels: Any = None
    factors: Any = None
    deadline: Deadline = field(default_factory=Deadline)


def kernel_of(problem: Problem, network: TwoLayerReLU) -> Array:
    """Hidden kernel Phi Phi^T on the samples of the problem, (n, n), after balancing: the scaling of neurons is free."""
    Phi = representation(problem, problem.balanced(network))
    return np.asarray(Phi @ Phi.T)


def distance(kernel: Array | None, other: Array | None) -> float:
    """Relative Frobenius distance ||K - K'|| / ||K'||, or NaN without one of them."""
    if kernel is None or other is None:
        return NAN
    size, apart = float(np.linalg.norm(other)), float(np.linalg.norm(kernel - other))
    return apart / size if size > 0 else (0.0 if apart == 0 else float("inf"))


def measure(network: TwoLayerReLU, against: Reference, name: str, **facts: Any) -> Row:
    """Every number of a :class:`Row` for one network.

    Notes
    -----
    Weak duality makes one proof serve all: the lower bound does not depend on the network.

    Status: theorem (the gap), otherwise as the metrics used. Source: [pilanci-ergen-2020], [relucvx]
    """
    problem = against.problem
    value = objectives_from_above(problem, network)[0]
    absolute, relative = gap(value, against.lower)
    # kernels have n² entries: made only where something is compared with them
    wanted = against.kernel is not None or against.prediction is not None
    kernel = kernel_of(problem, network) if wanted and not against.deadline.passed() else None
    # rescaling a neuron is free in the fit but moves its features: measured where all networks have the same gauge
    balanced = problem.balanced(network)
    size = balanced.neuron_norms(not problem.bias.is_free)
    # neurons that carry nothing would count as dimensions
    keep = size > DEAD.value * size.max(initial=0.0)
    # with bags every read-out of a neuron is a column, and has an output vector
    Z = representation(problem, balanced)[:, np.tile(keep, problem.n_readouts)]
    bias = None if balanced.bias_out is None else balanced.bias_out[: problem.n_outputs]
    head = problem.by_readout(balanced.weights_out[keep]), bias
    return Row(
        name=name,
        objective=value,
        gap=absolute,
        rel_gap=relative,
        reached=relative <= against.reach,
        width=int(keep.sum()),
        fit_distance=distance(fit(problem, network), against.fit),
        kernel_to_optimum=distance(kernel, against.kernel),
        kernel_to_prediction=distance(kernel, against.prediction),
        **{"seed": None, **geometry(Z, head, against.labels, against.factors, against.deadline), **facts},
    )


def geometry(
    Z: Array, head: tuple[Array, Array | None], labels: Any, factors: Any, deadline: Deadline
) -> dict[str, Any]:
    """Collapse, abstraction and dimension of hidden activities Z (n, m); names without a defined value, or after the
    deadline, are left out.

    ``head`` holds the output weights (m, c) and bias: with one output per class they enter NC3 and NC4.
    """
    if Z.shape[1] == 0:
        return {}
    found: dict[str, Any] = {}

    def note(names: tuple[str, ...], compute: Callable[[], Sequence[Any]]) -> None:
        if deadline.passed():
            return
        try:
            values = compute()
        except RelucvxError:  # a metric that these labels or factors do not define
            return
        found.update({k: NAN if v is None else float(v) for k, v in zip(names, values, strict=True)})

    if labels is not None:
        names = ("nc1", "nc2_equinorm", "nc2_cosine", "nc2_etf", "nc3", "nc4")
        # the alignment of a head with class means needs one output per class
        weights, bias = head if head[0].shape[1] == len(np.unique(labels)) else (None, None)

        def collapse() -> list[Any]:
            result = metrics.neural_collapse(Z, labels, weights, bias)
            return [getattr(result, name) for name in names]

        note(names, collapse)
    if factors is not None:
        note(("parallelism",), lambda: [metrics.parallelism_score(Z, factors).mean])
        note(("ccgp",), lambda: [metrics.ccgp(Z, factors).mean])
        note(("tuning",), lambda: [metrics.neuron_tuning(Z, factors).mean])
    note(("participation_ratio",), lambda: [metrics.participation_ratio(Z)])
    return found
