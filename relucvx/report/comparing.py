"""Theory, certified optimum and trained networks side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Unpack, cast

import numpy as np

from relucvx._api.solving import solve
from relucvx._api.statistics import StatisticRange
from relucvx.certificate import prove_again
from relucvx.conversion import as_list
from relucvx.deadline import Deadline
from relucvx.errors import Interrupted
from relucvx.interrupts import interruptible
from relucvx.kernel import predict
from relucvx.oracle.clock import clock
from relucvx.program.objective import fit
from relucvx.program.posing import ProblemOptions, as_problem
from relucvx.program.problem import Problem
from relucvx.program.scale import warned_of_scale
from relucvx.progress import Shown, watched
from relucvx.report import findings as say
from relucvx.report.comparison import Comparison, applicable, is_proven, name_of
from relucvx.report.findings import Finding
from relucvx.report.making import call_text, made_now
from relucvx.report.measure import Reference, Row, kernel_of, measure
from relucvx.report.read import (
    check_solution,
    read_factors,
    read_history,
    read_labels,
    read_names,
    read_network,
    run_facts,
)  # fmt: skip
from relucvx.report.uniqueness import KernelUniqueness, kernel_uniqueness, over_all_optima
from relucvx.solution import Solution
from relucvx.tolerances import SOLVE
from relucvx.types import ArrayLike, Status
from relucvx.validation import as_positive

REACH = 1e-4
"""Certified relative gap up to which a trained network counts as optimal."""

SOLVER_SHARE, TRAINING_SHARE = 0.6, 0.75
"""Shares of a time limit: of all of it for the solver and its proof, of what is then left for training; the rest measures."""

PROOF_SECONDS = 60.0
"""Seconds to prove again what a solution from a file claims."""

LATE = 0.5
"""Seconds that measuring may still take after Ctrl-C."""


@interruptible
def compare(
    X: ArrayLike | Problem,
    Y: ArrayLike | Any = None,
    beta: float | None = None,
    runs: Any = None,
    *,
    labels: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    feature_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    solution: Solution | None = None,
    tol: float = SOLVE.value,
    reach: float = REACH,
    training: Mapping[str, Any] | None = None,
    time_limit: float | None = None,
    callback: Callable[[Any], bool | None] | None = None,
    progress: Shown = "auto",
    **options: Unpack[ProblemOptions],
) -> Comparison:
    """Does theory hold at the certified optimum, and do trained networks get there?

    Solves the problem, certifies every run against the one proof (``gap = objective - lower``), measures collapse,
    abstraction and dimension of the hidden layers, and compares kernels ``K = Phi Phi^T`` with the closed forms.

    Parameters
    ----------
    X : array_like, shape (n, d), or Problem
        After a problem from :func:`relucvx.make_problem` come the runs: ``compare(problem, runs)``.
    Y : array_like, shape (n,) or (n, c)
    beta : float
        Weight decay, for a loss summed over samples.
    runs : Runs, sequence of networks, or None
        What ``relucvx.train`` returned, or two-layer networks (ours or torch modules) from any trainer. None trains ten
        seeds with ``relucvx.train``; an empty sequence compares theory and optimum alone.
    loss, bias, activation, sample_weight, tol
        As in :func:`relucvx.solve`.
    labels : array_like, shape (n,), optional
        Classes for the collapse metrics; taken from one-hot or ±1 targets if not given.
    factors : array_like, shape (n, k), optional
        Binary variables for the abstraction metrics; taken from ±1 targets with several outputs if not given.
    feature_names, target_names : sequence of str, optional
        What columns of X and of Y (or the two classes of one column of ±1) are called in tables and figures; the names of
        columns of data frames if not given.
    solution : Solution, optional
        The problem already solved; it is not solved again. Options of the solver that are not here go to
        :func:`relucvx.solve`, and what it returns comes here.
    reach : float
        Certified relative gap up to which a run counts as optimal.
    training : dict, optional
        Options of :func:`relucvx.train` for the runs that are trained here, such as ``{"width": 20, "seeds": range(3)}``.
    time_limit : float, optional
        Seconds for everything: solver, proof, training and measurements. What they cut short is in ``cut``.
    callback : callable, optional
        Receives the progress of solver and trainer; returning True stops with the best result so far.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInputError
        For data or options outside what is described here, networks of another shape, or a solution of another problem.
    Interrupted
        After Ctrl-C, with the comparison as far as it got as its ``result``: nothing is trained after an interrupted solve.

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
    # a problem stands for X, Y and beta, so that the runs come second
    if isinstance(X, Problem) and runs is None:
        Y, runs = None, Y
    problem = as_problem(X, Y, beta, **options)
    warned_of_scale(problem, problem.beta)
    tol, reach = as_positive(tol, "tol", fix="tol=1e-6"), as_positive(reach, "reach", fix="reach=1e-4")
    asked = {"labels": labels, "factors": factors, "tol": tol, "reach": None if reach == REACH else reach,
             "training": training or None, "time_limit": time_limit}  # fmt: skip
    labels, factors = read_labels(problem, labels), read_factors(problem, factors)
    names = read_names(problem, (X, Y), (feature_names, target_names), labels)
    phases = _Phases(clock(time_limit))
    with watched("comparing", progress, callback, tol) as told:
        if solution is None:
            solution = phases.solve(problem, tol, told)
        # a solution of another problem would make every number below wrong without a trace
        check_solution(problem, solution)
        limit = phases.deadline.within(PROOF_SECONDS).share(SOLVER_SHARE)
        proof = prove_again(solution.problem, solution.inner, solution.certificate, limit)
        solution = dataclasses.replace(solution, certificate=proof)  # nothing that a file says is a finding
        if runs is None:
            trained = phases.train(problem, solution, dict(training or {}), told)
        else:
            # runs of other trainers come as any list of networks
            trained = as_list(getattr(runs, "runs", runs), "runs")
        found = phases.measure(problem, solution, trained, labels, factors, tol, reach)
    called = call_text(problem, None if runs is None else "runs" if found.rows else "[]", asked)
    found = dataclasses.replace(found, names=names, made=made_now(called, [row.seed for row in found.rows]))
    if phases.interrupted:
        raise Interrupted(found)
    return found


class _Phases:
    """Solving, training and measuring under one deadline; the first that is cut short ends the ones after it."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline, self.cut, self.interrupted = deadline, "", False

    def _stopped(self, phase: str, stop: KeyboardInterrupt, kind: type) -> Any:
        """What an interrupted phase had; without anything the comparison ends here."""
        found = getattr(stop, "result", None)
        if not isinstance(found, kind):
            raise Interrupted from stop
        self.interrupted, self.cut, self.deadline = True, f"{phase} was INTERRUPTED", self.deadline.within(LATE)
        return found

    def solve(self, problem: Problem, tol: float, callback: Any) -> Solution:
        """The optimum, or the best found so far."""
        seconds = self.deadline.share(SOLVER_SHARE).seconds()
        try:
            found = solve(problem, tol=tol, time_limit=seconds, callback=callback)
        except KeyboardInterrupt as stop:
            return cast(Solution, self._stopped("solving", stop, Solution))
        if found.status is Status.INTERRUPTED:
            self.cut = "solving was INTERRUPTED"
        return found

    def train(self, problem: Problem, solution: Solution, options: dict[str, Any], callback: Any) -> list[Any]:
        """Runs of the trainer; none after a solve that was interrupted."""
        from relucvx.training import Runs, RunStatus, train

        if self.cut:
            return []
        try:
            runs = train(
                problem, p_star=solution.certificate.lower or None, time_limit=self.deadline.share(TRAINING_SHARE),
                callback=callback, **options,
            )  # fmt: skip
        except KeyboardInterrupt as stop:
            runs = self._stopped("training", stop, Runs)
        if any(run.status is RunStatus.INTERRUPTED for run in runs):
            self.cut = "training was INTERRUPTED"
        elif any(run.status is RunStatus.TIME_LIMIT for run in runs):
            self.cut = "training reached the time limit"
        return list(runs.runs)

    def _uniqueness(self, solution: Solution, predictions: Sequence[Any]) -> KernelUniqueness:
        """Whether the optimal kernel is unique: by far the longest of the measurements."""
        try:
            if not self.interrupted:
                return kernel_uniqueness(solution, predictions, self.deadline)
        except KeyboardInterrupt:
            self.interrupted, self.cut = True, "measuring was INTERRUPTED"
            self.deadline = self.deadline.within(LATE)
        return KernelUniqueness(None, "there was no time to tell")

    def _ranges(
        self, solution: Solution, unique: KernelUniqueness, labels: Any, factors: Any
    ) -> dict[str, StatisticRange]:
        """What holds at every optimum, where the kernel is not known to be unique."""
        try:
            if not self.interrupted:
                return over_all_optima(solution, unique, labels, factors, self.deadline)
        except KeyboardInterrupt:
            self.interrupted, self.cut = True, "measuring was INTERRUPTED"
            self.deadline = self.deadline.within(LATE)
        return {}

    def measure(
        self, problem: Problem, solution: Solution, trained: list[Any], labels: Any, factors: Any, tol: float,
        reach: float,
    ) -> Comparison:  # fmt: skip
        """Everything that is said about the networks; metrics that would come after the deadline are left out."""
        networks = [read_network(problem, run, k) for k, run in enumerate(trained)]
        predictions = _predictions(problem)
        unique = self._uniqueness(solution, predictions)
        ranges = self._ranges(solution, unique, labels, factors)
        rows: list[Row] = []
        optimum = None
        try:
            # everything that networks are compared with, once for all of them
            against = _reference(problem, solution, predictions, unique, reach, labels, factors, self.deadline)
            facts = {"status": solution.status.name, "seconds": float(solution.stats["seconds"])}
            optimum = measure(solution.inner, against, name_of(solution, tol), **facts)
            for k, (run, network) in enumerate(zip(trained, networks, strict=True)):
                rows.append(measure(network, against, **run_facts(run, k)))
        except KeyboardInterrupt as stop:
            # without the optimum there is nothing to compare with
            if optimum is None:
                raise Interrupted from stop
            self.interrupted, self.cut = True, f"measuring was INTERRUPTED after {len(rows)} of {len(trained)} runs"
        if self.deadline.passed() and not self.cut:
            self.cut = "measuring reached the time limit"
        # only runs that were measured before the stop
        trained, networks = trained[: len(rows)], networks[: len(rows)]
        return Comparison(
            problem, solution, predictions, unique, optimum, tuple(rows),
            _findings(solution, predictions, unique, ranges, optimum, rows, tol, reach), tuple(networks),
            tuple(read_history(run) for run in trained), labels, factors, reach, tol, self.cut,
            ranges=tuple(ranges.values()),
        )  # fmt: skip


def _findings(
    solution: Solution, predictions: Sequence[Any], unique: KernelUniqueness, ranges: Mapping[str, StatisticRange],
    optimum: Row, rows: Sequence[Row], tol: float, reach: float,
) -> tuple[Finding, ...]:  # fmt: skip
    proven = is_proven(solution, tol)
    radius = ranges.get("distance")
    kernel = kernel_of(solution.problem, solution.inner) if predictions or radius else np.empty((0, 0))
    theory = [f for p in predictions for f in say.prediction_findings(p, kernel, solution, rows, proven)]
    if not theory:
        facts = f"they are for the squared loss and equal weights ({solution.problem.loss.name} loss)"
        if solution.problem.pooling is not None:
            facts = "they are for samples of one row each"
        theory = [Finding("closed forms", "not applicable", facts)]
    return (
        say.optimum_finding(solution, tol),
        say.training_finding(rows, solution, reach),
        say.bound_finding(rows, solution.certificate.lower),
        say.uniqueness_finding(unique, radius, float(np.linalg.norm(kernel))),
        *theory,
        say.collapse_finding(optimum, rows, proven, ranges.get("nc1_quotient")),
        say.abstraction_finding(optimum, rows, proven, ranges.get("parallelism")),
    )


def _reference(
    problem: Problem, solution: Solution, predictions: Sequence[Any], unique: KernelUniqueness, reach: float,
    labels: Any, factors: Any, deadline: Deadline,
) -> Reference:  # fmt: skip
    best = applicable(predictions)
    return Reference(
        problem=problem,
        lower=solution.certificate.lower,
        reach=reach,
        # optima share their fit where the loss is strictly convex; elsewhere a distance from one of them means nothing
        fit=fit(problem, solution.inner) if problem.loss.strictly_convex else None,
        # nor does the distance from one kernel of many
        kernel=kernel_of(problem, solution.inner) if unique.unique else None,
        prediction=np.asarray(best.kernel) if best is not None and best.unique and best.kernel is not None else None,
        labels=labels,
        factors=factors,
        deadline=deadline,
    )


def _predictions(problem: Problem) -> tuple[Any, ...]:
    if not problem.loss.least_squares or np.ptp(problem.sample_weight) > 0 or problem.sample_weight[0] != 1.0:
        return ()
    if problem.pooling is not None:
        return ()
    return tuple(predict(problem.X, problem.Y, problem.beta, bias=problem.bias, activation=problem.activation))
