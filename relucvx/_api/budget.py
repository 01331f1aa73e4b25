"""Tolerance and time of one call, split between the solver and the certificate; and what Ctrl-C leaves of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from relucvx.certificate import Certificate, certify_network
from relucvx.certificate.dual_points.lifted_program import lifts
from relucvx.certificate.dual_points.refined import MANY
from relucvx.deadline import Deadline
from relucvx.interrupts import hurried
from relucvx.network import TwoLayerReLU
from relucvx.oracle.branch_and_bound import MAX_DIMENSION
from relucvx.oracle.clock import clock
from relucvx.program.objective import fit
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.solver import SolverResult, interpolates
from relucvx.types import Status
from relucvx.validation import as_positive

SOLVER_SHARE = 0.7
"""Share of a time limit the solver may use; the rest is kept for the certificate, which recomputes the proof."""

SOLVER_SHARE_RELAXED = 0.4
"""The same from ``MANY`` inputs on, where what a relaxation proves is worth more than the last digits of the objective."""

SOLVER_SHARE_ALONE = 0.96
"""The same where there is neither: the bound is quick, and loose."""

STOPPED_SECONDS = 10.0
"""Seconds it may take after a callback asked to stop."""


class Budget:
    """Tolerance and time of one call, checked."""

    def __init__(self, problem: Problem, tol: float, time_limit: float | None) -> None:
        self.problem, self.tol = problem, as_positive(tol, "tol", fix="tol=1e-6")
        self.deadline = clock(time_limit)
        many = problem.penalized >= MANY and lifts(problem)
        alone = problem.penalized > MAX_DIMENSION
        self.share = SOLVER_SHARE_RELAXED if many else SOLVER_SHARE_ALONE if alone else SOLVER_SHARE

    def for_solver(self) -> Deadline:
        """The solver's share."""
        return self.deadline.share(self.share)

    def certified(self, problem: Problem, found: SolverResult) -> Certificate:
        """What a solver found, certified in the time left; in little time when somebody asked to stop."""
        left = self.deadline.for_proof()
        stopped = found.status is Status.INTERRUPTED
        left = left.within(STOPPED_SECONDS) if stopped else left
        return certify_network(
            problem, found.network, found.dual, tol=self.tol, time_limit=left, proof=found.proof, refine=not stopped
        )

    def rescued(self, problem: Problem, found: SolverResult) -> Certificate:
        """The certificate after Ctrl-C: about a second, and at once after another."""
        found.status = Status.INTERRUPTED
        return hurried(
            lambda deadline: certify_network(
                problem, found.network, found.dual, tol=self.tol, time_limit=deadline, proof=found.proof, refine=False
            )
        )


def nothing_yet(problem: Problem, start: TwoLayerReLU | None) -> SolverResult:
    """What there is before a solver has found anything: the network to start from, or the best one without neurons."""
    network = problem.null_network() if start is None else start
    return SolverResult(network, np.zeros_like(problem.Y), 0.0, Status.INTERRUPTED, 0, 0.0)


def interpolation(data: Problem, exact: Problem, found: SolverResult, certificate: Certificate, tol: float) -> Solution:
    """A solution of the interpolation problem from one of its exact-penalty form; inf where nothing interpolates."""
    if not interpolates(data, found.network):
        certificate = dataclasses.replace(certificate, upper=np.inf, upper_balanced=np.inf, gap=np.inf, rel_gap=np.inf)
    solution = Solution.build(exact, found, certificate, tol)
    solution.stats["residual"] = float(np.abs(fit(data, found.network) - data.Y).max())
    return solution
