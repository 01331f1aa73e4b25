"""What the time that an unfinished proof leaves goes into: dual points that are easier to prove than the residual.

Two ways, and each gives proofs like any other. A semidefinite relaxation
(:mod:`relucvx.certificate.dual_points.lifted_program`) is quick and does not mind dimensions, but its own optimum may be far
below; points on the way to the residual (:mod:`relucvx.certificate.dual_points.between`) come as close as is wanted, but their
cones multiply with the dimension. So the relaxation comes first, and goes on where the cones turn out to be hopeless.
"""

from __future__ import annotations

from collections.abc import Callable

from relucvx.certificate.dual_points.between import applies, proofs_between
from relucvx.certificate.dual_points.lifted_program import LiftedProgram, lifts
from relucvx.certificate.dual_points.signed_program import SignedProgram, signs
from relucvx.certificate.proof import Proof
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.oracle.dual_norm_bound import SEMIDEFINITE_FROM
from relucvx.program.problem import Problem
from relucvx.types import Array

FIRST_SHARE, FIRST_SHARE_MANY = 0.25, 0.75
"""Shares of the time for the semidefinite relaxation, before cones are tried: below ``MANY`` inputs, and from there on."""

MANY = 9
"""Inputs from which on cones rarely prove all that is wanted."""

HOPELESS = 0.7
"""Cones that prove less than this share of what the relaxation did are given up."""

LEFT_OVER = 0.95
"""Share of the time left that the relaxation may take in the end: what it found has to be proven."""


def refinable(problem: Problem) -> bool:
    """Whether one of the ways is open."""
    return applies(problem) or _lifts(problem)


def refined_proof(
    problem: Problem,
    aim: Array,
    network: TwoLayerReLU,
    proof: Proof,
    *,
    target: float,
    enough: float,
    deadline: Deadline,
    callback: Callable[[object], bool | None] | None = None,
) -> Proof:
    """The best proof found until the deadline: ``proof`` itself, or one that proves more.

    Parameters
    ----------
    aim, network, target, enough, deadline, callback
        As in :func:`relucvx.certificate.dual_points.between.proofs_between`.

    Notes
    -----
    Status: theorem (every proof is one), certified numerically; which points are proven is heuristic. Source: [relucvx].
    """
    best = proof
    lifted = _lifted(problem) if _lifts(problem) else None
    if lifted is not None:
        first = FIRST_SHARE if problem.penalized < MANY else FIRST_SHARE_MANY
        lifted.run(deadline.share(first if applies(problem) else LEFT_OVER), enough)
        best = _better(best, lifted.proof())
    if applies(problem) and best.lower < enough and not deadline.passed():
        hope = 0.0 if lifted is None or lifted.ended else HOPELESS * best.lower
        found = proofs_between(
            problem, aim, network, target=target, enough=enough, hope=hope, deadline=deadline, callback=callback
        )
        best = _better(best, found)
    if lifted is not None and best.lower < enough and not lifted.ended and not deadline.passed():
        lifted.run(deadline.share(LEFT_OVER), enough)
        best = _better(best, lifted.proof())
    return best


def _lifts(problem: Problem) -> bool:
    return lifts(problem) and problem.penalized >= SEMIDEFINITE_FROM


def _lifted(problem: Problem) -> LiftedProgram:
    """The relaxation that proves most: with one output that of neurons of either sign."""
    return SignedProgram(problem) if signs(problem) else LiftedProgram(problem)


def _better(best: Proof, found: Proof | None) -> Proof:
    return best if found is None or found.lower <= best.lower else found
