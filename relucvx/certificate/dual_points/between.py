"""Proofs on the way from a dual point that is cheap to prove to the best one known, as far as the time allows.

The residual of an optimal network is on the boundary of the feasible dual points, where every cone must be made small. A point
well inside is proven with a hundredth of the cones. On the segment between them the dual value is concave, so that a share t
of the way wins at least that share of the difference, while the cones multiply with every step: each proof says how long the
next one will take.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from relucvx.certificate.dual_points.relaxed_program import compile_cover, provable_dual
from relucvx.certificate.proof import Proof, prove_dual
from relucvx.deadline import Deadline, OutOfTime, aside
from relucvx.network import TwoLayerReLU
from relucvx.oracle.branch_and_bound import MAX_DIMENSION
from relucvx.program.duality import residual
from relucvx.program.objective import fit
from relucvx.program.presolve import presolve
from relucvx.program.problem import Problem
from relucvx.types import Array, Rng

INSIDE_SHARE = 0.2
"""Share of the time that the search for a point inside may take."""

NEXT_SHARE, LAST_SHARE = 0.35, 0.8
"""Share of the time left that the next proof should take, by what the last ones took; and of the last one."""

FIRST_STEP, LONGEST_STEP, SHORTEST_STEP = 0.2, 0.3, 0.01
"""Steps from one proof to the next, as shares of the whole way."""

STEEPEST = 9.0
"""Logarithm of how much longer proofs take per unit of the way, before two of them have been made."""


def applies(problem: Problem) -> bool:
    """Whether cones bound the dual norm of such a problem at all."""
    return 2 <= problem.penalized <= MAX_DIMENSION


def proofs_between(
    problem: Problem,
    aim: Array,
    network: TwoLayerReLU,
    *,
    target: float,
    enough: float,
    hope: float = 0.0,
    deadline: Deadline,
    callback: Callable[[object], bool | None] | None = None,
    rng: Rng = 0,
) -> Proof | None:
    """The best proof on the way to ``aim`` (n, c), the dual point of ``network``, that the deadline allows.

    Parameters
    ----------
    target : float
        Bound on the dual norm to ask for at ``aim`` itself.
    enough : float
        A lower bound that is as good as is wanted.
    hope : float
        What the first proof must reach for others to follow.

    Returns
    -------
    Proof or None
        None where not even the first proof could be made.

    Notes
    -----
    Status: theorem (every proof is one), certified numerically; which points are proven is heuristic. Source: [relucvx].
    """
    # where nothing is compiled yet that may take longer than there is time: it goes on beside, for the next call
    try:
        aside(compile_cover, deadline, lasting=True)
    except OutOfTime:
        return None
    reduction = presolve(problem)
    small, inner = reduction.problem, reduction.forward(network)
    found = provable_dual(small, residual(small, fit(small, inner)), inner, deadline.share(INSIDE_SHARE))
    inside = reduction.dual(found)
    best: Proof | None = None
    share, stride, spent, slope = 0.0, 0.0, 0.0, STEEPEST
    while not deadline.passed():
        last = share >= 1.0
        began = time.perf_counter()
        proof = prove_dual(
            problem, inside + share * (aim - inside), target=target if last else problem.beta, n_starts=16,
            time_limit=deadline, callback=callback, rng=rng,
        )  # fmt: skip
        if best is None or proof.lower > best.lower:
            best = proof
        if last or best.lower >= enough or best.lower < hope or proof.bound.outcome == "budget":
            break
        before, spent = spent, time.perf_counter() - began
        # the logarithm of the time is about linear in the way
        if stride > 0.0:
            slope = max(1.0, math.log(spent / before) / stride)
        stride = min(
            FIRST_STEP if share == 0.0 else LONGEST_STEP, _reach(NEXT_SHARE, spent, slope, deadline), 1.0 - share
        )
        if stride < SHORTEST_STEP:
            stride = min(_reach(LAST_SHARE, spent, slope, deadline), 1.0 - share)
        if stride < min(SHORTEST_STEP, 1.0 - share):
            break
        share = 1.0 if share + stride > 1.0 - SHORTEST_STEP else share + stride
    return best


def _reach(part: float, spent: float, slope: float, deadline: Deadline) -> float:
    """How much further a proof gets that takes this part of the time left, after one that took ``spent`` seconds."""
    return math.log(max(part * deadline.left(), 1e-9) / max(spent, 1e-9)) / slope
