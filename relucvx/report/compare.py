"""Theory, certified optimum and trained networks side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from relucvx._api import solve
from relucvx.certificate import prove_again
from relucvx.conversion import as_list
from relucvx.losses import Loss
from relucvx.program.objective import fit
from relucvx.program.problem import Problem, make_problem
from relucvx.report import findings as say
from relucvx.report.comparison import Comparison, applicable
from relucvx.report.findings import Finding
from relucvx.report.measure import Reference, Row, kernel_of, measure
from relucvx.report.read import check_solution, read_factors, read_history, read_labels, read_network, run_facts
from relucvx.report.uniqueness import KernelUniqueness, kernel_uniqueness
from relucvx.solution import Solution
from relucvx.tolerances import SOLVE
from relucvx.types import Activation, Array, Rng
from relucvx.validation import as_positive

REACH = 1e-4
"""Certified relative gap up to which a trained network counts as optimal."""


def compare(
    X: Any,
    Y: Any,
    beta: float,
    runs: Any = None,
    *,
    loss: str | Loss = "squared",
    bias: str | bool = "none",
    activation: str | tuple[float, float] | Activation = "relu",
    sample_weight: Any = None,
    labels: Any = None,
    factors: Any = None,
    solution: Solution | None = None,
    tol: float = SOLVE.value,
    reach: float = REACH,
    time_limit: float | None = None,
    rng: Rng = 0,
    callback: Callable[[Any], bool | None] | None = None,
) -> Comparison:
    """Does theory hold at the certified optimum, and do trained networks get there?

    Solves the problem, certifies every run against the one proof (``gap = objective - lower``), measures collapse,
    abstraction and dimension of the hidden layers, and compares kernels ``K = Phi Phi^T`` with the closed forms.

    Parameters
    ----------
    X : array_like, shape (n, d)
    Y : array_like, shape (n,) or (n, c)
    beta : float
        Weight decay, for a loss summed over samples.
    runs : Runs, sequence of networks, or None
        What ``relucvx.train`` returned, or two-layer networks (ours or torch modules) from any trainer. None trains ten
        seeds with ``relucvx.train``; an empty sequence compares theory and optimum alone.
    loss, bias, activation, sample_weight, tol, rng
        As in :func:`relucvx.solve`.
    labels : array_like, shape (n,), optional
        Classes for the collapse metrics; taken from one-hot or ±1 targets if not given.
    factors : array_like, shape (n, k), optional
        Binary variables for the abstraction metrics; taken from ±1 targets with several outputs if not given.
    solution : Solution, optional
        The problem already solved; it is not solved again.
    reach : float
        Certified relative gap up to which a run counts as optimal.
    time_limit : float, optional
        Seconds for the solver and its proof.
    callback : callable, optional
        Receives the progress of solver and trainer; returning True stops them with the best result so far.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInputError
        For data or options outside what is described here, networks of another shape, or a solution of another problem.

    Notes
    -----
    Kernels are compared only where the optimal kernel is known to be unique: elsewhere two optima may represent the data
    differently, and a distance would say nothing. Networks are balanced (||w_j|| = ||v_j||) before they are measured.

    Status: certified numerically (gaps); the closed forms are theorems under their conditions; the rest is measurement.
    Source: [pilanci-ergen-2020], [wang-2025], [wang-fusi-johnston-2025], [relucvx]

    Examples
    --------
    >>> from relucvx.network import TwoLayerReLU
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> network = TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])  # fits exactly, at a cost of 2 where 1.8 is the optimum
    >>> print(compare(X, y, 1.0, runs=[network]))  # doctest: +ELLIPSIS
    global optimum: holds. 1.8 <= p* <= 1.8 (...), over every activation pattern
    training reaches the optimum: does not hold. 0 of 1 runs reach p* to 0.0001; ...
    """
    problem = make_problem(X, Y, beta, loss, bias, activation, sample_weight)
    tol, reach = as_positive(tol, "tol", fix="tol=1e-6"), as_positive(reach, "reach", fix="reach=1e-4")
    labels, factors = read_labels(problem, labels), read_factors(problem, factors)
    if solution is None:
        solution = solve(
            problem.X, _targets(problem), beta, loss=problem.loss, bias=problem.bias, activation=problem.activation,
            sample_weight=problem.sample_weight, tol=tol, time_limit=time_limit, callback=callback, rng=rng,
        )  # fmt: skip
    check_solution(problem, solution)
    proof = prove_again(solution.problem, solution.network, solution.certificate)
    solution = dataclasses.replace(solution, certificate=proof)  # nothing that a file says is a finding
    trained = _trained(problem, solution, callback) if runs is None else as_list(getattr(runs, "runs", runs), "runs")
    networks = [read_network(problem, run, k) for k, run in enumerate(trained)]
    predictions = _predictions(problem)
    unique = kernel_uniqueness(solution, predictions)
    against = _reference(problem, solution, predictions, unique, reach, labels, factors)
    optimum = measure(
        solution.network, against, "optimum", status=solution.status.name, seconds=float(solution.stats["seconds"])
    )
    rows = [
        measure(network, against, **run_facts(run, k))
        for k, (run, network) in enumerate(zip(trained, networks, strict=True))
    ]
    return Comparison(
        problem, solution, predictions, unique, optimum, tuple(rows),
        _findings(solution, predictions, unique, optimum, rows, tol, reach), tuple(networks),
        tuple(read_history(run) for run in trained), labels, factors, reach,
    )  # fmt: skip


def _findings(
    solution: Solution, predictions: Sequence[Any], unique: KernelUniqueness, optimum: Row, rows: Sequence[Row],
    tol: float, reach: float,
) -> tuple[Finding, ...]:  # fmt: skip
    kernel = kernel_of(solution.problem, solution.network)
    theory = [f for p in predictions for f in say.prediction_findings(p, kernel, solution, rows)]
    if not theory:
        facts = f"they are for the squared loss and equal weights ({solution.problem.loss.name} loss)"
        theory = [Finding("closed forms", "not applicable", facts)]
    return (
        say.optimum_finding(solution, tol),
        say.training_finding(rows, solution, reach),
        say.bound_finding(rows, solution.certificate.lower),
        say.uniqueness_finding(unique),
        *theory,
        say.collapse_finding(optimum, rows),
        say.abstraction_finding(optimum, rows),
    )


def _reference(
    problem: Problem, solution: Solution, predictions: Sequence[Any], unique: KernelUniqueness, reach: float,
    labels: Any, factors: Any,
) -> Reference:  # fmt: skip
    best = applicable(predictions)
    return Reference(
        problem=problem,
        lower=solution.certificate.lower,
        reach=reach,
        fit=fit(problem, solution.network) if problem.loss.strictly_convex else None,
        kernel=kernel_of(problem, solution.network) if unique.unique else None,
        prediction=np.asarray(best.kernel) if best is not None and best.unique and best.kernel is not None else None,
        labels=labels,
        factors=factors,
    )


def _predictions(problem: Problem) -> tuple[Any, ...]:
    from relucvx.kernel import predict

    if not problem.loss.least_squares or np.ptp(problem.sample_weight) > 0 or problem.sample_weight[0] != 1.0:
        return ()
    return tuple(predict(problem.X, problem.Y, problem.beta, bias=problem.bias, activation=problem.activation))


def _trained(problem: Problem, solution: Solution, callback: Any) -> list[Any]:
    from relucvx.training import train

    runs = train(
        problem.X, _targets(problem), problem.beta, loss=problem.loss, bias=problem.bias, activation=problem.activation,
        sample_weight=problem.sample_weight, p_star=solution.certificate.lower or None, callback=callback,
    )  # fmt: skip
    return list(runs.runs)


def _targets(problem: Problem) -> Array:
    return problem.Y[:, 0] if problem.scalar_output else problem.Y
