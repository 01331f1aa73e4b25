"""The strength from which no neuron pays: beta_max, as a certified interval."""

from __future__ import annotations

import dataclasses

import numpy as np

from relucvx.certificate.dual_choice import cutting_planes
from relucvx.oracle import dual_norm
from relucvx.program.duality import balance_dual, residual
from relucvx.program.problem import Problem
from relucvx.types import Array


def beta_max_interval(problem: Problem, *, time_limit: float | None = 60.0) -> tuple[float, float]:
    """Certified interval (lo, hi): at beta >= hi the null network is optimal, below lo it is not.

    ``beta_max = D(N0)``, the dual norm of ``N0 = -∇loss`` at the null network (zero, or the best constant with a free
    bias). With bias "all" the null network's output bias depends on beta and beta_max solves D(N0(beta)) = beta. For the
    hinge N0 is the subgradient with the smallest dual norm.

    Parameters
    ----------
    problem : Problem
        Its beta is ignored.

    Notes
    -----
    Status: theorem (none, hidden, free), certified numerically; for "all" both ends are certified and uniqueness of the
    crossing is not proven. Source: [pilanci-ergen-2020], [relucvx]
    """
    if problem.bias == "all":
        return _decayed_bias_interval(problem, time_limit)
    if not problem.loss.smooth and problem.bias == "free":
        return _kinked_interval(problem, time_limit)
    return _norm_interval(problem, _null_dual(problem), time_limit)


def _null_dual(problem: Problem) -> Array:
    null_fit = np.tile(problem.null_bias(), (problem.n_samples, 1))
    return balance_dual(problem, residual(problem, null_fit))


def _norm_interval(problem: Problem, N: Array, time_limit: float | None) -> tuple[float, float]:
    bound = dual_norm(problem, N, time_limit=time_limit)
    return bound.lower, bound.upper


def _kinked_interval(problem: Problem, time_limit: float | None) -> tuple[float, float]:
    """Hinge with free biases: the best constant sits on a kink, so minimise the dual norm over the subdifferential."""
    N, level = cutting_planes(problem, np.zeros((0, problem.n_samples)), 0.0, minimise_norm=True)
    hi = dual_norm(problem, N, time_limit=time_limit).upper
    return min(max(0.0, level * (1 - 1e-9)), hi), hi


def _decayed_bias_interval(problem: Problem, time_limit: float | None) -> tuple[float, float]:
    """Bisection on D(N0(beta)) - beta, each end by a certified bound."""

    def ends(beta: float) -> tuple[float, float]:
        trial = dataclasses.replace(problem, beta=beta)
        if problem.loss.smooth:
            return _norm_interval(trial, _null_dual(trial), time_limit)
        total = beta * float(trial.null_bias()[0])
        N, level = cutting_planes(trial, np.zeros((0, trial.n_samples)), total, minimise_norm=True)
        return level * (1 - 1e-9), dual_norm(trial, N, time_limit=time_limit).upper

    hi = max(ends(1e12)[1], 1e-300)
    while ends(hi)[1] > hi:
        hi *= 2.0
    lo = hi
    while lo > 1e-12 * hi and ends(lo)[0] <= lo:
        lo *= 0.5
    if lo <= 1e-12 * hi:
        return 0.0, hi if ends(lo)[1] > lo else lo
    for _ in range(80):
        middle = 0.5 * (lo + hi)
        low, high = ends(middle)
        if low > middle:
            lo = middle
        elif high <= middle:
            hi = middle
        else:
            break
        if hi - lo <= 1e-11 * hi:
            break
    return lo, hi
