"""What is proven about networks of parallel branches of three layers, recomputed from scratch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relucvx.certificate.certificate import Certificate
from relucvx.deadline import Deadline, Limit
from relucvx.errors import InvalidInputError, explain
from relucvx.network.parallel import ParallelReLU
from relucvx.oracle.branches import BranchNorm, branch_norm
from relucvx.program.duality import balance_dual, gap, norm_that_proves, residual, scale_dual
from relucvx.program.paths import path_fit, path_objective_from_above, path_penalty
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, SOLVE
from relucvx.types import Array, Scope
from relucvx.validation import as_matrix

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BranchProof:
    """A bound on the dual norm at a point, and the lower bound that follows.

    Attributes
    ----------
    problem : Problem
        What it is about, as the same object.
    bound : BranchNorm
    dual : ndarray, shape (n, 1)
        The point, scaled until it is feasible.
    lower : float
    """

    problem: Problem
    bound: BranchNorm
    dual: Array
    lower: float


def prove_branches(
    problem: Problem,
    N: Array,
    *,
    target: float,
    stop_above: float = np.inf,
    time_limit: Limit = None,
    callback: Callable[[object], bool | None] | None = None,
) -> BranchProof:
    """The lower bound that a dual point N (n, 1) proves, by the oracle's bound on D(N).

    Notes
    -----
    Status: theorem (weak duality), certified numerically. Source: [ergen-pilanci-2023], [relucvx]
    """
    point = balance_dual(problem, N)
    bound = branch_norm(problem, point, target=target, stop_above=stop_above, time_limit=time_limit, callback=callback)
    # roundings of the dual point move the norm of branches by up to sqrt(2) times what they move that of two layers by
    extra = 8.0 * EPS * float(np.abs(point[:, 0]) @ np.linalg.norm(problem.inputs, axis=1))
    scaled, lower = scale_dual(problem, point, bound.upper + extra)
    return BranchProof(problem, bound, scaled, lower)


def certify_branches(
    problem: Problem,
    network: ParallelReLU,
    dual: Array | None = None,
    *,
    tol: float = SOLVE.value,
    time_limit: Limit = 60.0,
    callback: Callable[[object], bool | None] | None = None,
    proof: BranchProof | None = None,
) -> Certificate:
    """Prove how far a network of branches is from the best one of any number of branches.

    Parameters
    ----------
    problem : Problem
        One output, ReLU, bias "none", "hidden" or "all".
    dual : ndarray, shape (n, 1), optional
        A dual point to use in place of the network's own residual.
    proof : BranchProof, optional
        Of this very problem, by :func:`prove_branches`: then nothing is left to prove, only to evaluate.

    Returns
    -------
    Certificate
        ``upper_balanced`` is ``upper`` (the path norm does not change with the scaling), ``stationarity`` is NaN.

    Raises
    ------
    InvalidInputError
        When the network or the dual point does not fit the problem.

    Notes
    -----
    Weak duality as for two layers: with D(N) <= beta over all branches of unit path norm, every network of branches has
    ``loss(F) + beta Σ_k |v_k| ||(u_k1, u_k2)|| >= -loss*(-N)``.

    Status: theorem (weak duality), certified numerically. Source: [ergen-pilanci-2023], [relucvx]
    """
    began, deadline = time.perf_counter(), Deadline.of(time_limit)
    upper = path_objective_from_above(problem, network)
    if proof is not None and proof.problem is not problem:
        raise InvalidInputError(explain("a proof of this problem", "a proof of another one", "", "proof=None"))
    if proof is None:
        N = (
            residual(problem, path_fit(problem, network))
            if dual is None
            else as_matrix(dual, "dual", allow_vector=True)
        )
        if N.shape != problem.Y.shape:
            raise InvalidInputError(explain(f"a dual point of shape {problem.Y.shape}", f"dual of shape {N.shape}"))
        point = balance_dual(problem, N)
        penalty = problem.beta * path_penalty(problem, network)
        target = norm_that_proves(problem, point, upper, penalty, tol) if 0 < penalty < np.inf else problem.beta
        proof = prove_branches(problem, point, target=target, time_limit=deadline, callback=callback)
    bound, scaled, lower = proof.bound, proof.dual, proof.lower
    if lower > upper:  # impossible: an alarm, never a proof
        log.error("the lower bound %r exceeds the objective %r: please report these data", lower, upper)
        lower = 0.0
    absolute, relative = gap(upper, lower)
    return Certificate(
        upper=upper, lower=lower, gap=absolute, rel_gap=relative,
        scope=Scope.RELAXED if bound.cones == 0 and bound.outcome == "budget" else Scope.ALL_PATTERNS,
        method="branch_and_bound", dual_norm=bound.upper, dual_norm_reached=bound.lower, upper_balanced=upper,
        restricted_lower=None, stationarity=float("nan"), beta=problem.beta, dual=scaled, tolerances={"tol": tol},
        cones=bound.cones, seconds=time.perf_counter() - began,
    )  # fmt: skip
