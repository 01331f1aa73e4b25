"""The active set: sliding column generation until no column is missing, for one output or several.

Each round

1. prices: the oracle looks for directions with ||Nᵀ phi(Xw)|| > beta, first by search, then by proof;
2. extends: a short descent on the network moves old neurons and new columns towards the cells they belong to;
3. solves the convex program over the few columns at hand and polishes its support. What a column is, and how the program
   over them is solved, is the convex step's: :mod:`relucvx.solver.step_one_output` or
   :mod:`relucvx.solver.step_several_outputs`.

It ends when the oracle *proves* that no column is missing. What search does not find, branch-and-bound hands over as the
next column.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from relucvx.conversion import as_callable
from relucvx.deadline import Deadline, Limit
from relucvx.errors import BackendError
from relucvx.interrupts import carrying
from relucvx.network import TwoLayerReLU, merge
from relucvx.oracle.ridges import tops
from relucvx.oracle.search import local_maxima
from relucvx.program.duality import gap
from relucvx.program.objective import balanced_objective
from relucvx.program.presolve import Reduction, presolve
from relucvx.program.problem import Problem
from relucvx.solver.asking import Answer, Asked, Delegate, Oracle
from relucvx.solver.result import Progress, SolverResult
from relucvx.solver.state import MOST_IDLE, PRICING_SHARE, State
from relucvx.solver.step_one_output import OneOutput
from relucvx.solver.step_several_outputs import SeveralOutputs
from relucvx.types import Array, Rng, Status, resolve_rng

log = logging.getLogger(__name__)

COLUMN_VARIABLES = 300
"""New columns of a round are limited to this many variables, between 8 and 60 columns."""

NEAR, AT_TOP = 0.9, 1e-7
"""Where search finds nothing, its ends above this share of the threshold are led up their ridges, but for those within a
share AT_TOP of beta: a neuron's direction is at the top of its ridge."""

MOST_STARTS = 4096
"""Random starts of a search grow up to this many, as long as it finds little or a proof contradicts it."""

CREEP_ROUNDS, CREEP_SHARE = 20, 2e-3
"""Stalled when this many rounds lower the objective by less than this share while columns violate by over a percent."""

MOST_FROZEN = 40
"""Rounds without progress, in which at a kink the dual point alone moves, that end the run."""

LOOK_SHARE, MOST_LOOKING = 0.02, 0.5
"""Share of the time used, and seconds, for a last look at the dual point of a network that no convex step stands behind."""

EARLY_ROUND, EARLY_INPUTS, EARLY_SAMPLES = 4, 4, 300
"""From this round on, and for so few inputs and samples, a proof is asked although search still finds columns."""


def active_set(
    problem: Problem,
    *,
    tol: float = 1e-6,
    time_limit: Limit = None,
    start: TwoLayerReLU | None = None,
    max_rounds: int = 200,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
    prove: Callable[..., Any] | None = None,
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
    prove : callable, optional
        Whoever certifies the outcome, asked for proofs on the stated problem in place of the oracle: see
        :class:`relucvx.solver.asking.Delegate`. Its proof comes back with the result, and need not be made again.

    Raises
    ------
    Interrupted
        On Ctrl-C, with the result so far.

    Notes
    -----
    Status: certified numerically (the caller recomputes the certificate). Source: [relucvx], [mishkin-pilanci-2023],
    [sahiner-2021]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import active_set
    >>> found = active_set(rx.make_problem([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], beta=1.0))
    >>> found.status.name, found.network.width
    ('CONVERGED', 2)
    """
    # solved is a smaller problem in its own units; what comes back is stated in those of the given one
    reduction = presolve(problem)
    as_callable(callback, "callback")
    told = None if callback is None else lambda progress: callback(_stated(progress, reduction))
    state = State(reduction.problem, reduction.tolerance(tol), Deadline.of(time_limit), told, resolve_rng(rng))
    step = OneOutput(state) if state.problem.n_weights_out == 1 else SeveralOutputs(state)
    asked = Oracle(reduction.problem) if prove is None else Delegate(prove, problem, reduction)
    generation = ColumnGeneration(state, step, asked)

    def finished() -> SolverResult:
        result = generation.result()
        result.network = problem.balanced(reduction.backward(result.network))
        result.dual = reduction.dual(result.dual)
        result.lower = reduction.gain * result.lower + reduction.constant
        result.history = [_stated(progress, reduction) for progress in result.history]
        result.presolve = reduction.note
        return result

    def interrupted(_: object) -> SolverResult:
        state.status = Status.INTERRUPTED
        return finished()

    with carrying(interrupted):
        generation.run(None if start is None else reduction.forward(start), max_rounds)
    return finished()


def _stated(progress: Progress, reduction: Reduction) -> Progress:
    """Progress on the reduced problem in the numbers of the one that was stated."""
    upper, lower = (reduction.gain * value + reduction.constant for value in (progress.upper, progress.lower))
    return dataclasses.replace(progress, upper=upper, lower=lower, rel_gap=gap(upper, lower)[1])


class ConvexStep(Protocol):
    """What the loop asks of a convex step: it keeps the columns at hand, and offers networks and dual points to the state."""

    def extend(self, columns: Array, start: TwoLayerReLU | None) -> None:
        """Take in directions (k, D) that the dual point does not allow, and what a descent makes of them.

        In the first round there may be a network to start from, which the state knows already.
        """
        ...

    def affordable(self) -> bool:
        """Whether a step over the columns at hand fits into the time left."""
        ...

    def solve(self) -> None:
        """Solve over the columns at hand; raises BackendError."""
        ...

    def forget(self) -> None:
        """Keep the columns of the network at hand alone."""
        ...

    def finish(self) -> None:
        """Tidy the best network before it is handed out."""
        ...


class ColumnGeneration:
    """The loop: price, extend, solve, until the gap is proven or a limit is reached."""

    def __init__(self, state: State, step: ConvexStep, asked: Asked) -> None:
        self.state, self.step, self.asked = state, step, asked
        self.frozen, self.exhausted, self.cut = 0, False, False

    def run(self, start: TwoLayerReLU | None, max_rounds: int) -> None:
        """Rounds until ``state.status`` says why there is no further one."""
        state = self.state
        if start is not None:
            state.offer(start)
        if not state.problem.loss.smooth and state.problem.bias.has_output and self.step.affordable():
            with suppress(BackendError):
                self.step.solve()  # the best constant sits on kinks: its multipliers are the dual point, not its residual
        # what the first dual point lacks, before anything is solved: perhaps nothing, and the start is optimal
        columns = self._price()
        while state.running and state.round < max_rounds and not self.exhausted:
            if columns is None:
                state.status = Status.CONVERGED
                return
            if state.stopped("priced"):
                return
            state.round += 1
            before, known = state.upper, state.cells
            self.step.extend(columns, start)
            start = None
            if not state.running:
                return
            grown = state.cells > known
            if not self._solved():
                return
            self._count_idle(before, grown)
            if state.idle >= MOST_IDLE or self.frozen >= MOST_FROZEN or self._creeping():
                state.status = Status.STALLED
                self._prove()
                return
            columns = self._price()

    def _solved(self) -> bool:
        """Make the convex step, where it fits into the time left; False when the backend fails.

        Where it does not fit, descent has done what can be done.
        """
        state = self.state
        if not self.step.affordable():
            state.keep_residual()
            self.step.forget()
            state.record("descended")
            return True
        try:
            self.step.solve()
        except BackendError as error:
            late = state.deadline.passed()
            # a limit that was asked for is no fault: the status says that it ended the run
            log.log(logging.INFO if late else logging.WARNING, "round %d: %s", state.round, error)
            state.status = Status.TIME_LIMIT if late else Status.BACKEND_FAILED
            state.keep_residual()
            return False
        return True

    def _count_idle(self, before: float, grown: bool) -> None:
        """Count rounds without progress, by which the convex step chooses its accuracy and the run ends."""
        state = self.state
        # At a kink the program is degenerate: new cells can move the dual point alone for many rounds.
        degenerate = grown and not state.problem.loss.smooth
        self.frozen = self.frozen + 1 if state.upper >= before * (1 - 1e-13) else 0
        state.idle = state.idle + 1 if self.frozen and not degenerate else 0

    def _creeping(self) -> bool:
        """Whether many rounds brought next to nothing although the dual point is far from feasible."""
        state = self.state
        solved = [p.upper for p in state.history if p.phase == "solved"]
        slow = len(solved) > CREEP_ROUNDS and solved[-CREEP_ROUNDS] - solved[-1] < CREEP_SHARE * solved[-1]
        return slow and state.violation > 0.01 and state.problem.loss.smooth

    def _price(self) -> Array | None:
        """Directions (k, D) above beta, or None when the gap is proven."""
        state, form = self.state, self.state.form()
        threshold = state.threshold()
        starts = state.starts(form)
        limit = int(np.clip(COLUMN_VARIABLES // max(form.X.shape[1], 1), 8, 60))
        search = state.deadline.share(PRICING_SHARE)
        directions, values = local_maxima(form, starts, above=NEAR * threshold, limit=limit, deadline=search)
        if len(values) and values[0] <= threshold:
            short = np.abs(values - state.problem.beta) > AT_TOP * state.problem.beta
            directions, values = tops(form, directions[short], values[short], search)
        directions, values = directions[values > threshold], values[values > threshold]
        if len(values):
            state.reached(float(values[0]))
            if len(values) < limit // 2:
                state.n_starts = min(2 * state.n_starts, MOST_STARTS)
            found = np.array([form.to_original(w) for w in directions])
            witness = self._asked_early()
            if witness is not None:
                return np.concatenate([self._with_maxima(witness), found])
            return None if gap(state.upper, state.lower)[1] <= state.tol else found
        # search finds nothing: only a proof can say that there is nothing, and else it hands over what search missed
        witness = self._prove(threshold)
        if witness is None:
            return None
        state.n_starts = min(2 * state.n_starts, MOST_STARTS)
        return self._with_maxima(witness)

    def _with_maxima(self, witness: Array) -> Array:
        """A direction that a proof has found, and the maxima that an ascent from it reaches."""
        form = self.state.form()
        near, _ = local_maxima(form, form.to_reduced(witness)[None], iterations=200, deadline=self.state.deadline)
        return np.array([witness, *(form.to_original(w) for w in near)])

    def _asked_early(self) -> Array | None:
        """What a proof finds where search alone would go on for long; None where it is not asked, or finds nothing.

        With several outputs at a kink the dual point is held by directions without a neuron, and search goes on finding
        some that are a little too large while it misses the largest. Where a proof is cheap it knows better.
        """
        state, problem = self.state, self.state.problem
        cheap = problem.penalized <= EARLY_INPUTS and problem.n_samples <= EARLY_SAMPLES
        kinks = problem.n_weights_out > 1 and not problem.loss.smooth
        if not (cheap and kinks and state.round >= EARLY_ROUND and state.round % 2 == 0) or self.cut:
            return None
        return self._ask(state.threshold(), np.inf).witness

    def _prove(self, threshold: float | None = None) -> Array | None:
        """Ask for a proof at the current dual point; return a violating direction if there is one."""
        state = self.state
        goal = state.threshold() if threshold is None else threshold
        bound = self._ask(goal, np.inf if threshold is None else goal)
        if gap(state.upper, state.lower)[1] <= state.tol:
            return None
        if bound.outcome == "violated" or bound.reached > goal:
            return bound.witness
        if bound.outcome == "proved":
            return bound.witness  # the dual point is feasible, the network not yet good enough: solve in another way
        # neither proven nor refuted within its budget: nothing that a further round could ask is known to help
        if state.running:
            timed = bound.outcome == "budget" and state.deadline.limited
            state.status = Status.TIME_LIMIT if timed else Status.ITERATION_LIMIT
            self.exhausted = True
        return bound.witness

    def _ask(self, goal: float, stop_above: float) -> Answer:
        """A proof at the current dual point, and what is known by it."""
        state = self.state
        bound = self.asked(
            state.dual, target=goal, stop_above=stop_above,
            deadline=state.deadline.share(self.asked.share).for_proof(),
            callback=lambda search: state.stopped("proving"), rng=state.rng,
        )  # fmt: skip
        state.reached(bound.reached)
        if bound.lower > state.lower or not np.isfinite(state.dual_norm_upper):
            state.lower = max(bound.lower, state.lower)
            state.proven_dual, state.dual_norm_upper, state.proof = state.dual.copy(), bound.norm, bound.proof
        self.cut = bound.outcome == "budget"
        return bound

    def _look(self) -> None:
        """Search briefly at the dual point at hand: at a kink it may be far worse than one that was priced before."""
        state = self.state
        form, elapsed = state.form(), time.perf_counter() - state.began
        limit = Deadline(min(LOOK_SHARE * elapsed, MOST_LOOKING))
        _, values = local_maxima(form, state.starts(form), above=0.0, limit=1, deadline=limit)
        if len(values):
            state.reached(float(values[0]))

    def result(self) -> SolverResult:
        """The best network, merged, with the best proven dual point."""
        state = self.state
        self.step.finish()
        # neurons of one direction are one neuron: the penalty is the same, and the network smaller
        merged = merge(state.network, penalize_bias=not state.problem.bias.is_free)
        if balanced_objective(state.problem, merged) <= state.upper * (1 + 1e-14):
            state.network = merged
        # nothing was proven: the dual point of the best network may be the one to go on from
        if state.lower <= 0.0 and state.upper < state.dual_belongs_to:
            state.keep_residual()
            self._look()
        dual = state.dual_to_prove() if max(state.lower, state.hope) > 0 else state.dual
        return SolverResult(
            state.network, dual, state.lower, state.status, state.round, time.perf_counter() - state.began,
            state.history, state.dual_norm_upper, proof=state.proof if state.lower > 0 else None,
        )  # fmt: skip
