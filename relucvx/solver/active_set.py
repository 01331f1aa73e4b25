"""The active set: sliding column generation until no column is missing, for one output or several."""

from __future__ import annotations

from collections.abc import Callable

from relucvx.deadline import Deadline, Limit
from relucvx.network import TwoLayerReLU, balance
from relucvx.program.problem import Problem
from relucvx.solver.normalise import Normalisation
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

    Notes
    -----
    Status: certified numerically (the caller recomputes the certificate). Source: [relucvx], [mishkin-pilanci-2023],
    [sahiner-2021]
    """
    units = Normalisation(problem)
    kind = Run if problem.n_outputs == 1 else VectorRun
    run = kind(units.problem, tol, Deadline.of(time_limit), max_rounds, callback, resolve_rng(rng))
    try:
        run.loop(None if start is None else units.forward(start))
    except KeyboardInterrupt:
        run.status = Status.INTERRUPTED
    result = run.result()
    result.network = balance(units.backward(result.network), penalize_bias=problem.bias != "free")
    return result
