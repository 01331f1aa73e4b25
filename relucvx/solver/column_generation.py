"""The active set: sliding column generation until no column is missing, for one output or several."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from relucvx.conversion import as_callable
from relucvx.deadline import Deadline, Limit
from relucvx.interrupts import carrying
from relucvx.network import TwoLayerReLU, balance
from relucvx.program.duality import gap
from relucvx.program.presolve import Reduction, presolve
from relucvx.program.problem import Problem
from relucvx.solver.result import Progress, SolverResult
from relucvx.solver.run import Run
from relucvx.solver.vector import VectorRun
from relucvx.types import Rng, Status, resolve_rng


def active_set(
    problem: Problem,
    *,
    tol: float = 1e-6,
    time_limit: Limit = None,
    start: TwoLayerReLU | None = None,
    max_rounds: int = 200,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
) -> SolverResult:
    """Solve to a certified relative gap of ``tol`` by sliding column generation.

    Parameters
    ----------
    problem : Problem
        Any loss, bias mode and piecewise-linear activation.
    tol : float
        Relative gap (upper - lower) / upper to prove.
    start : TwoLayerReLU, optional
        Warm start (a saved solution, a neighbouring beta, a trained network).

    Raises
    ------
    Interrupted
        On Ctrl-C, with the result so far.

    Notes
    -----
    Status: certified numerically (the caller recomputes the certificate). Source: [relucvx], [mishkin-pilanci-2023],
    [sahiner-2021]
    """
    reduction = presolve(problem)
    kind = Run if reduction.problem.n_outputs == 1 else VectorRun
    as_callable(callback, "callback")
    told = None if callback is None else lambda progress: callback(_stated(progress, reduction))
    run = kind(reduction.problem, reduction.tolerance(tol), Deadline.of(time_limit), max_rounds, told, resolve_rng(rng))

    def finished() -> SolverResult:
        result = run.result()
        result.network = balance(reduction.backward(result.network), penalize_bias=not problem.bias.is_free)
        result.dual = reduction.dual(result.dual)
        result.lower = reduction.gain * result.lower + reduction.constant
        result.history = [_stated(progress, reduction) for progress in result.history]
        result.presolve = reduction.note
        return result

    def interrupted(_: object) -> SolverResult:
        run.status = Status.INTERRUPTED
        return finished()

    with carrying(interrupted):
        run.loop(None if start is None else reduction.forward(start))
    return finished()


def _stated(progress: Progress, reduction: Reduction) -> Progress:
    """Progress on the reduced problem in the numbers of the one that was stated."""
    upper, lower = (reduction.gain * value + reduction.constant for value in (progress.upper, progress.lower))
    return dataclasses.replace(progress, upper=upper, lower=lower, rel_gap=gap(upper, lower)[1])
