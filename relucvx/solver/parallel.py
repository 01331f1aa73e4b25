"""Column generation for parallel branches of three layers: a lasso over the branches at hand, and the oracle for the next ones.

The penalty of a branch is |v| for inner vectors of unit norm together, so that with branches held the problem is a lasso,

    min loss(Σ_k relu(s_k1 relu(Xu_k1) + s_k2 relu(Xu_k2)) v_k + b) + beta Σ_k |v_k| (+ beta/2 b²),

whose residual prices further ones. Where search finds none above beta, the certificate's branch-and-bound proves that there is
none, or hands one over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from relucvx.deadline import Deadline, Limit
from relucvx.errors import BackendError
from relucvx.interrupts import carrying
from relucvx.network.parallel import ParallelReLU
from relucvx.oracle.branches import search_branches
from relucvx.program.duality import balance_dual, gap, norm_that_proves, residual
from relucvx.program.paths import branches, check_branches, path_fit, path_objective, path_penalty
from relucvx.program.problem import Problem
from relucvx.solver.group_program import GroupProgram, affordable, dense_seconds, input_scale, target_scale
from relucvx.solver.result import Progress
from relucvx.solver.state import Reporting
from relucvx.tolerances import CONIC
from relucvx.types import Array, Rng, Status, resolve_rng

ROUNDS, MOST_IDLE = 200, 5
"""Rounds at most, and how often a proof may succeed without closing the gap."""

COLUMNS = 40  # added in a round

DUST = 1e-7
"""Branches below this share of the largest are the interior point's barrier."""

BUNDLES = (1e-3, 1e-5, 1e-7)
"""1 - cosine below which branches are merged, if the objective allows."""

CLOSER, FURTHER = 0.05, 2.0
"""Search goes on to this share of the tolerance, which leaves nearly all of it to the proof: one is the easier, the further its
target is above the dual norm. (Of the second one 0.4 is spent, by :func:`~relucvx.program.duality.norm_that_proves`.)"""

CLIMBS = (40, 400)
"""Climbs of a search, and of a second one where the first finds nothing."""

SEARCH_SHARE = 0.2  # of the time left


@dataclass
class BranchResult:
    """What the solver hands to the certificate."""

    network: ParallelReLU
    dual: Array
    lower: float
    status: Status
    rounds: int
    seconds: float
    history: list[Progress] = field(default_factory=list)
    proof: Any = None


def solve_branches(
    problem: Problem,
    *,
    prove: Callable[..., Any],
    tol: float = 1e-4,
    time_limit: Limit = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
) -> BranchResult:
    """Solve to a certified relative gap of ``tol``.

    Parameters
    ----------
    prove : callable
        Whoever certifies the outcome, :func:`relucvx.certificate.parallel.prove_branches`: asked for proofs, and for what is
        missing.

    Raises
    ------
    UnsupportedError
        For problems that branches of three layers are not for.
    Interrupted
        On Ctrl-C, with the result so far.

    Notes
    -----
    Status: certified numerically (the caller recomputes the certificate). Source: [ergen-pilanci-2023], [relucvx]
    """
    check_branches(problem)
    run = _Generation(problem, prove, tol, Deadline.of(time_limit), callback, resolve_rng(rng))

    def interrupted(_: object) -> BranchResult:
        run.status = Status.INTERRUPTED
        return run.result()

    with carrying(interrupted):
        run.run()
    return run.result()


class _Generation(Reporting):
    """Branches at hand, the best network, and the dual points of the last lasso and of the best proof."""

    def __init__(
        self,
        problem: Problem,
        prove: Callable[..., Any],
        tol: float,
        deadline: Deadline,
        callback: Callable[[Progress], bool | None] | None,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(deadline, callback)
        self.problem, self.prove, self.tol, self.rng, self.idle = problem, prove, tol, rng, 0
        D = problem.n_inputs
        self.U, self.signs, self.v = np.zeros((0, 2, D)), np.zeros(0), np.zeros(0)
        self.network = branches(problem, self.U, self.signs, self.v, problem.null_bias())
        self.upper, self.lower = path_objective(problem, self.network), 0.0
        self.N = balance_dual(problem, residual(problem, path_fit(problem, self.network)))
        self.proof: Any = None

    def run(self) -> None:
        """Rounds until the gap is proven or something ends the run."""
        while self.status is Status.ITERATION_LIMIT and self.round < ROUNDS:
            found = self._price()
            if found is None or self.stopped("priced"):
                return
            self.round += 1
            keep = np.abs(self.v) > DUST * np.abs(self.v).max(initial=0.0)
            self.U, self.signs = np.concatenate([self.U[keep], found[0]]), np.concatenate([self.signs[keep], found[1]])
            if not self._solved() or self.stopped("solved"):
                return

    # ------------------------------------------------------------------ columns
    def _price(self) -> tuple[Array, Array] | None:
        """Branches (k, 2, D) above beta with their signs; None when the gap is proven, or nothing is left to try."""
        problem = self.problem
        penalty = max(problem.beta * path_penalty(problem, self.network), 1e-3 * self.upper)
        tol = self.tol * 0.3**self.idle
        target, close = (norm_that_proves(problem, self.N, self.upper, penalty, t * tol) for t in (FURTHER, CLOSER))
        # a proof costs far more than a search: before one, and after one that found what search had missed, a longer search
        for climbs in CLIMBS:
            U, signs, values = search_branches(
                problem, self.N, close, starts=self.U[self.signs < 0][:COLUMNS], limit=COLUMNS, climbs=climbs,
                deadline=self.deadline.share(SEARCH_SHARE), rng=self.rng,
            )  # fmt: skip
            if len(values):
                self.violation = float(values[0]) / problem.beta - 1.0
                return U, signs
        proof = self.prove(
            problem, self.N, target=target, stop_above=target, time_limit=self.deadline.for_proof(),
            callback=lambda _: self.stopped("proving"),
        )  # fmt: skip
        bound = proof.bound
        self.violation = bound.lower / problem.beta - 1.0
        if proof.lower > self.lower:
            self.proof, self.lower = proof, float(proof.lower)
        if gap(self.upper, self.lower)[1] <= self.tol:
            self.status = Status.CONVERGED
        elif self.status is Status.ITERATION_LIMIT and bound.outcome == "budget":
            self.status = Status.TIME_LIMIT if self.deadline.limited else Status.ITERATION_LIMIT
            return None
        elif self.status is Status.ITERATION_LIMIT:
            # what search missed; or a feasible point beside a network not good enough, for which less is asked next
            self.idle += bound.outcome != "violated"
            if self.idle > MOST_IDLE:
                self.status = Status.STALLED
            return bound.witness[None], np.array([bound.second])
        return None

    # ------------------------------------------------------------------ networks
    def _solved(self) -> bool:
        """The lasso over the branches at hand; False when it does not fit into the time, or the backend fails."""
        if not affordable(dense_seconds(self.problem.n_samples, len(self.U)), self.deadline):
            self.status = Status.TIME_LIMIT
            return False
        try:
            self.v, bias, N = self._lasso(self.U, self.signs)
        except BackendError:
            self.status = Status.TIME_LIMIT if self.deadline.passed() else Status.BACKEND_FAILED
            return False
        self.N = balance_dual(self.problem, N)
        self._offer(self.U, self.signs, self.v, bias)
        return True

    def _lasso(self, U: Array, signs: Array) -> tuple[Array, Array, Array]:
        problem = self.problem
        X, sx, sy = problem.inputs, input_scale(problem), target_scale(problem)
        atoms = np.maximum(np.maximum(X @ U[:, 0].T, 0.0) + signs * np.maximum(X @ U[:, 1].T, 0.0), 0.0) / sx
        seconds = dense_seconds(problem.n_samples, len(U))
        program = GroupProgram(problem, atoms, len(U), 1, 1, sx, sp.csc_matrix((0, len(U))), seconds)
        v, bias, N, _ = program.solve(CONIC.value, self.deadline)
        return v[:, 0] * (sy / sx), bias, N

    def _offer(self, U: Array, signs: Array, v: Array, bias: Array) -> bool:
        """Keep a network of the branches that are not dust when its objective is the lowest so far."""
        keep = np.abs(v) > DUST * np.abs(v).max(initial=0.0)
        root = np.sqrt(np.abs(v[keep]))
        # balanced: inner vectors as long as the outer weight
        network = branches(self.problem, U[keep] * root[:, None, None], signs[keep], np.sign(v[keep]) * root, bias)
        value = path_objective(self.problem, network)
        if value > self.upper * (1.0 + 1e-12):
            return False
        self.network, self.upper = network, value
        return True

    def _tidy(self) -> None:
        """Branches of one bundle become one, where the objective allows."""
        for bundle in BUNDLES:
            if self.deadline.passed() or not len(self.v):
                return
            U, signs = _merged(self.U, self.signs, self.v, bundle)
            if len(U) >= self.network.n_branches:
                continue
            try:
                v, bias, _ = self._lasso(U, signs)
            except BackendError:
                continue
            before, self.upper = self.upper, self.upper * (1.0 + 0.01 * self.tol)
            if self._offer(U, signs, v, bias):
                return
            self.upper = before

    def result(self) -> BranchResult:
        """The best network, with the best proven dual point."""
        if self.status is not Status.INTERRUPTED:
            self._tidy()
        seconds = time.perf_counter() - self.began
        dual = self.N if self.proof is None else self.proof.dual
        return BranchResult(self.network, dual, self.lower, self.status, self.round, seconds, self.history, self.proof)

    def sizes(self) -> tuple[int, int]:
        """As :class:`relucvx.solver.state.Reporting`, of branches."""
        return self.network.n_branches, len(self.U)


def _merged(U: Array, signs: Array, v: Array, tol: float) -> tuple[Array, Array]:
    """One branch for each set of equal signs and weights' signs with 1 - cosine below ``tol``, of unit norm, dust left out."""
    order = np.argsort(-np.abs(v))
    groups: list[list[int]] = []
    for k in order[np.abs(v[order]) > DUST * np.abs(v).max()]:
        for group in groups:
            first = group[0]
            alike = signs[first] == signs[k] and v[first] * v[k] > 0
            if alike and 1.0 - float(np.sum(U[first] * U[k])) < tol:
                group.append(int(k))
                break
        else:
            groups.append([int(k)])
    means = np.array([np.tensordot(np.abs(v[g]), U[g], axes=1) for g in groups])
    means /= np.linalg.norm(means, axis=(1, 2), keepdims=True)
    return means, signs[[g[0] for g in groups]]
