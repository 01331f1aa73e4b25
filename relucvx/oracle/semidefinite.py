"""A semidefinite bound on the dual norm: for many dimensions and few samples, where cones cannot be divided finely.

A neuron is lifted to the second moment Q of its activities (:mod:`relucvx.program.lifting`), whose entries have known signs:

    D(N)² <= max <J^T N N^T J, Q>   subject to   <P, Q> <= 1,  E Q E^T >= 0 (= 0 on pairs that exclude each other),  Q >= 0.

It keeps the cancellation between residuals of both signs, which the spectral bound loses; on whitened inputs with up to four
samples it is exact. The number returned is recomputed from the multipliers, whatever the backend's accuracy.
"""

from __future__ import annotations

import numpy as np

from relucvx.deadline import Deadline, OutOfTime, seconds_left
from relucvx.later import later
from relucvx.program.backend import CLARABEL, failures, options, solve
from relucvx.program.lifting import Lifting, lifted_dual_norm, tightest_lifting
from relucvx.program.presolve import power_of_two
from relucvx.program.problem import Problem
from relucvx.program.relaxed_form import sign_constraints
from relucvx.program.signed_lifting import signed_dual_norm
from relucvx.types import Array

cp = later("cvxpy")

MOST_SAMPLES = 24
"""Up to this many samples the program takes seconds at most."""

TOL = 1e-11  # of the backend: what it falls short of is lost in the bound


def semidefinite_bound(problem: Problem, N: Array, deadline: Deadline | None = None) -> float:
    """Upper bound on ``max over ||w|| <= 1 of ||Nᵀ phi(Xa w)||``; inf where the backend returns nothing
    before the deadline.

    Parameters
    ----------
    problem : Problem
        Any bias mode but "free".
    N : ndarray, shape (n, c)

    Notes
    -----
    Status: theorem (any multiplier proves its bound), certified numerically. Source: [sahiner-2021], [relucvx]
    """
    scale = float(np.linalg.norm(problem.inputs, 2))
    size = float(np.linalg.norm(N, 2))
    if scale == 0.0 or size == 0.0:
        return 0.0
    # the backend wants entries of order one; powers of two are taken out of the bound exactly
    unit_x, unit_n = power_of_two(scale), power_of_two(size)
    M = N / unit_n
    lifting = tightest_lifting(problem.inputs / unit_x, problem.activation)
    S = _multiplier(lifting, M, deadline or Deadline())
    return np.inf if S is None else unit_x * unit_n * lifted_dual_norm(lifting, M, S)


def multiplier_bound(lifting: Lifting, N: Array, S: Array) -> float:
    """Upper bound on the dual norm of N (n, c) from a multiplier S (m, m) of the products of a lifting of the inputs.

    Notes
    -----
    Status: theorem (any multiplier proves its bound), certified numerically. Source: [sahiner-2021], [relucvx]
    """
    size = float(np.linalg.norm(N, 2))
    if size == 0.0:
        return 0.0
    # a power of two is taken out of the bound exactly
    unit = power_of_two(size)
    return unit * lifted_dual_norm(lifting, N / unit, S / unit**2)


def signed_bound(lifting: Lifting, N: Array, multipliers: list[tuple[Array, Array]]) -> float:
    """Upper bound on the dual norm of N (n, 1) from multipliers (S, C) of the form of N, and others of that of -N.

    Notes
    -----
    Status: theorem (any multipliers prove a bound), certified numerically. Source: [relucvx]
    """
    size = float(np.linalg.norm(N, 2))
    if size == 0.0:
        return 0.0
    # a power of two is taken out of the bound exactly
    unit = power_of_two(size)
    sides = zip((N[:, 0] / unit, -N[:, 0] / unit), multipliers, strict=True)
    return unit * max(signed_dual_norm(lifting, side, S / unit, C / unit) for side, (S, C) in sides)


def _multiplier(lifting: Lifting, N: Array, deadline: Deadline) -> Array | None:
    """The multiplier S of the sign constraints, from CLARABEL."""
    if deadline.passed():
        return None

    # what is maximised is the value; what is believed are the multipliers of the sign constraints alone
    Q = cp.Variable((lifting.size, lifting.size), PSD=True)
    signs = sign_constraints(lifting, Q)
    A = lifting.J.T @ N
    norm = cp.sum(cp.multiply(lifting.cost, cp.diag(Q))) <= 1
    cvx = cp.Problem(cp.Maximize(cp.sum(cp.multiply(A @ A.T, Q))), [norm, *signs.constraints])
    named = options(CLARABEL, TOL, seconds_left(deadline).get("time_limit"), 0)
    failed: tuple[type[BaseException], ...] = (*failures(CLARABEL), OutOfTime)
    try:
        solve(cvx, CLARABEL, named, deadline=deadline)  # an inaccurate point still has a multiplier that proves a bound
    except failed:
        return None
    return signs.multiplier()  # each pair counts once here, and is halved by symmetrising
