"""The pieces of work of a sweep: functions that run wherever the executor is, take a problem and return a record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from relucvx._api.solving import solve
from relucvx._api.strengths import scale_of
from relucvx.errors import RelucvxError
from relucvx.later import later
from relucvx.program.objective import objectives_from_above
from relucvx.program.problem import Problem
from relucvx.threads import BLAS

training = later("relucvx.training")


def work(function: Callable[..., dict[str, Any]], problem: Problem, given: dict[str, Any]) -> dict[str, Any]:
    """What a piece of work finds, with its seconds; or its error, which is an answer.

    One thread of BLAS whatever the problem's size, so that cells are the same everywhere to the last digits.
    """
    began = time.perf_counter()
    try:
        with BLAS.held():
            found = function(problem, **given)
    except RelucvxError as error:
        return {"error": str(error)}
    return {**found, "seconds": time.perf_counter() - began}


def scale(problem: Problem) -> dict[str, Any]:
    """Certified ends of beta_max, and the strength that shares are of."""
    found = scale_of(problem)
    return {"lo": found.lower, "hi": found.upper, "one": found.one}


def optimum(problem: Problem, tol: float, limit: float | None) -> dict[str, Any]:
    """The certified optimum."""
    sol = solve(problem, tol=tol, time_limit=limit, progress=False)
    proof = sol.certificate
    return {
        "beta": float(problem.beta), "upper": float(proof.upper), "lower": float(proof.lower), "gap": float(proof.gap),
        "rel_gap": float(proof.rel_gap), "scope": proof.scope.name, "method": proof.method, "status": sol.status.name,
        "neurons": int(sol.network.width), "tol": tol, "limit": limit,
    }  # fmt: skip


def trained(
    problem: Problem, width: int, seeds: tuple[int, ...], options: dict[str, Any], limit: float | None
) -> dict[str, Any]:
    """Networks trained together, each with an upper bound on its own objective."""
    runs = training.train(problem, width=width, seeds=seeds, time_limit=limit, n_jobs=1, progress=False, **options)
    return {
        "beta": float(problem.beta), "limit": limit,
        "runs": [
            {
                "seed": run.seed, "upper": float(objectives_from_above(problem, problem.inner(run.network))[0]),
                "status": run.status.name, "steps": int(run.steps), "neurons": int(run.network.width),
            }
            for run in runs
        ],
    }  # fmt: skip
