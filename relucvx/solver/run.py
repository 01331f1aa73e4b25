"""Sliding column generation: one run of our own solver, for one output.

A column is a cell of the arrangement with an output sign. Each round

1. solves the convex program over the few cells at hand (:mod:`relucvx.solver.restricted`) and polishes its support;
2. prices: the oracle looks for directions with ||Nᵀ phi(Xw)|| > beta, first by search, then by proof;
3. slides: a short descent on the network moves old neurons and new columns towards the cells they belong to.

It ends when the oracle *proves* that no column is missing. What search does not find, branch-and-bound hands over as the
next column.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from relucvx.arrangement import Arrangement, enumerate_patterns
from relucvx.conversion import as_callable
from relucvx.deadline import Deadline, OutOfTime
from relucvx.errors import BackendError
from relucvx.network import TwoLayerReLU, balance, merge
from relucvx.oracle import choose_method, dual_norm, form_of
from relucvx.oracle.form import Form
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual, gap, norm_that_proves, residual, scale_dual
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.problem import Problem
from relucvx.solver.columns import distinct, own_starts, unit_pull
from relucvx.solver.descent import descend, first_neurons
from relucvx.solver.group_program import affordable
from relucvx.solver.polish import polish
from relucvx.solver.restricted import Blocks, RestrictedSolution, blocks_seconds, solve_restricted
from relucvx.solver.result import Progress, SolverResult
from relucvx.tolerances import CONIC
from relucvx.types import Array, BoolArray, Status

log = logging.getLogger(__name__)

SUPPORT = (1e-5, 1e-8)
"""Blocks below this share of the largest are left out of the polished support; the second is tried if the first hurts."""

SLIDE_ABOVE = 1e-4
"""Slide only while the dual norm exceeds beta by more than this share: closer in, the cells are already right."""

RELAXATIONS = (1.0, 1.0, 10.0, 100.0, 0.1, 1000.0)
"""Factors on the conic tolerance after so many rounds without progress."""

COLUMN_VARIABLES = 300
"""New columns of a round are limited to this many variables, between 8 and 60 columns."""

KEPT_AT_KINKS = 400
"""With a kinked loss cells without a neuron stay, up to this many: they hold the dual point in place."""

CREEP_ROUNDS, CREEP_SHARE = 20, 2e-3
"""Stalled when this many rounds lower the objective by less than this share while columns violate by over a percent."""

MOST_IDLE, MOST_FROZEN = 6, 40
"""Rounds without progress that end the run, each at another accuracy; and ones in which, at a kink, the dual point moves."""

PRICING_SHARE, SLIDE_SHARE = 0.1, 0.4
"""Shares of the time left that one search for columns, and one descent before a convex step, may take."""

MOST_ITERATIONS = 15_000
"""Of a descent that no convex step follows."""

PROOF_SECONDS = 120.0
"""Without a time limit, a proof that search does not contradict may take this long before the solver gives up on it."""


class Run:
    """State of one solve: the best network, the best proven dual point, and the cells at hand."""

    def __init__(
        self,
        problem: Problem,
        tol: float,
        deadline: Deadline,
        max_rounds: int,
        callback: Callable[[Progress], bool | None] | None,
        rng: np.random.Generator,
    ) -> None:
        self.problem, self.tol, self.rng = problem, tol, rng
        self.began = time.perf_counter()
        self.deadline = deadline
        self.max_rounds, self.callback = max_rounds, as_callable(callback, "callback")
        self.network = problem.null_network()
        self.upper = problem.null_value()
        self._keep_residual()
        self.proven_dual, self.lower, self.dual_norm_upper = np.zeros_like(problem.Y), 0.0, float("nan")
        self.status = Status.ITERATION_LIMIT
        self.round, self.violation = 0, float("inf")
        self.blocks = self._no_blocks()
        self.history: list[Progress] = []
        self.arrangement: Arrangement | None = None
        form = self._form()
        if not form.trivial and not form.free_bias and choose_method(form) == "enumeration":
            with suppress(OutOfTime):
                self.arrangement = enumerate_patterns(problem.inputs, deadline=deadline.share(0.3))
        self.zero_rows = ~problem.inputs.any(axis=1)
        self.leading_row = int(np.argmin(self.zero_rows))
        self.n_starts, self.idle, self.frozen, self.exhausted = 128, 0, 0, False

    def _form(self) -> Form:
        return form_of(self.problem, self.dual)

    def _no_blocks(self) -> Blocks:
        return Blocks(np.zeros((0, self.problem.n_samples), bool), np.zeros((0, self.problem.n_outputs)))

    def loop(self, start: TwoLayerReLU | None) -> None:
        """Rounds of price, slide, solve until the gap is proven or a limit is reached."""
        if start is not None:
            self._offer(start)
        if not self.problem.loss.smooth and self.problem.bias.has_output and self._affordable():
            with suppress(BackendError):
                self._solve()  # the best constant sits on kinks: its multipliers are the dual point, not its residual
        columns = self._price()
        while self.status is Status.ITERATION_LIMIT and self.round < self.max_rounds and not self.exhausted:
            if columns is None:
                self.status = Status.CONVERGED
                return
            if self._stopped("priced"):
                return
            self.round += 1
            before, known = self.upper, len(self.blocks)
            self._extend(columns, start)
            start = None
            if self.status is not Status.ITERATION_LIMIT:
                return
            grown = len(self.blocks) > known
            try:
                self._step()
            except BackendError as error:
                log.warning("round %d: %s", self.round, error)
                self.status = Status.TIME_LIMIT if self.deadline.passed() else Status.BACKEND_FAILED
                self._keep_residual()
                return
            # At a kink the program is degenerate: new cells can move the dual point alone for many rounds.
            degenerate = grown and not self.problem.loss.smooth
            self.frozen = self.frozen + 1 if self.upper >= before * (1 - 1e-13) else 0
            self.idle = self.idle + 1 if self.frozen and not degenerate else 0
            if self.idle >= MOST_IDLE or self.frozen >= MOST_FROZEN or self._creeping():
                self.status = Status.STALLED
                self._prove()
                return
            columns = self._price()

    def _step(self) -> None:
        """The convex step, where it fits into the time left; else descent has done what can be done."""
        if self._affordable():
            self._solve()
            return
        self._keep_residual()
        self._forget_columns()
        self._record("descended")

    def _forget_columns(self) -> None:
        """Only the columns of the network at hand are carried on: nothing else shows which others are idle."""
        self.blocks = self._no_blocks()
        self._add_cells(self.problem.neurons(self.network)[0])

    def _affordable(self) -> bool:
        return affordable(self._predicted(len(self.blocks)), self.deadline)

    def _predicted(self, columns: int) -> float:
        """Seconds of a convex step over so many columns."""
        return blocks_seconds(self.problem, columns)

    def _keep_residual(self) -> None:
        """The dual point of a network that no convex step stands behind."""
        self.dual = balance_dual(self.problem, residual(self.problem, fit(self.problem, self.network)))
        self.dual_belongs_to = self.upper

    def _creeping(self) -> bool:
        """Whether many rounds brought next to nothing although the dual point is far from feasible."""
        solved = [p.upper for p in self.history if p.phase == "solved"]
        slow = len(solved) > CREEP_ROUNDS and solved[-CREEP_ROUNDS] - solved[-1] < CREEP_SHARE * solved[-1]
        return slow and self.violation > 0.01 and self.problem.loss.smooth

    # ------------------------------------------------------------------ pricing
    def _threshold(self) -> float:
        """Dual norm that proves the gap; after idle rounds a smaller one, which leaves more of it to the network."""
        penalty = max(self.upper - self.problem.loss_at(fit(self.problem, self.network)), 1e-3 * self.upper)
        tol = self.tol * 0.3 ** min(self.idle, MOST_IDLE)
        return norm_that_proves(self.problem, self.dual, self.upper, penalty, tol)

    def _price(self) -> Array | None:
        """Directions (k, D) above beta, or None when the gap is proven."""
        form = self._form()
        threshold = self._threshold()
        starts = self._starts(form)
        limit = int(np.clip(COLUMN_VARIABLES // max(form.X.shape[1], 1), 8, 60))
        directions, values = local_maxima(
            form, starts, above=threshold, limit=limit, deadline=self.deadline.share(PRICING_SHARE)
        )
        if len(values):
            self.violation = float(values[0]) / self.problem.beta - 1.0
            if len(values) < limit // 2:
                self.n_starts = min(2 * self.n_starts, 4096)
            return np.array([form.to_original(w) for w in directions])
        witness = self._prove(threshold)
        if witness is None:
            return None
        self.n_starts = min(4 * self.n_starts, 4096)
        near, _ = local_maxima(form, form.to_reduced(witness)[None], iterations=200, deadline=self.deadline)
        return np.array([witness, *(form.to_original(w) for w in near)])

    def _starts(self, form: Form) -> Array:
        """Where a search begins: at random, and at the network's own neurons."""
        own = own_starts(self.problem, self.network, form.to_reduced)
        return np.concatenate([random_directions(form, self.n_starts, self.rng), own])

    def _prove(self, threshold: float | None = None) -> Array | None:
        """Ask the oracle for a proof at the current dual point; return a violating direction if there is one."""
        goal = self._threshold() if threshold is None else threshold
        limited = np.isfinite(self.deadline.left())
        bound = dual_norm(
            self.problem, self.dual, target=goal, stop_above=np.inf if threshold is None else goal,
            arrangement=self.arrangement, n_starts=16, rng=self.rng,
            time_limit=self.deadline if limited else Deadline(PROOF_SECONDS),
            callback=lambda search: self._stopped("proving"),
        )  # fmt: skip
        self.violation = bound.lower / self.problem.beta - 1.0
        _, lower = scale_dual(self.problem, self.dual, bound.upper)
        if lower > self.lower or not np.isfinite(self.dual_norm_upper):
            self.lower, self.proven_dual, self.dual_norm_upper = max(lower, self.lower), self.dual.copy(), bound.upper
        if gap(self.upper, self.lower)[1] <= self.tol:
            return None
        if bound.outcome == "violated" or bound.lower > goal:
            return bound.witness
        if bound.outcome == "proved":
            return bound.witness  # the dual point is feasible, the network not yet good enough: solve in another way
        if self.status is Status.ITERATION_LIMIT:
            timed = bound.outcome == "budget" and limited
            self.status = Status.TIME_LIMIT if timed else Status.ITERATION_LIMIT
            self.exhausted = True
        return bound.witness

    # ------------------------------------------------------------------ columns and cells
    def _extend(self, columns: Array, start: TwoLayerReLU | None) -> None:
        """Add the cells of the new columns, and of where a short descent slides everything."""
        self._add_cells(columns)
        if self.round == 1 and start is None:
            dim = self.problem.n_inputs
            width = int(np.clip(self.problem.n_samples * dim // 6, 10, 80))
            # In many dimensions conic steps are dear and cells plentiful: let descent do more of the work.
            iterations = 600 if dim <= 6 else 3000
            W, V, b = first_neurons(self.problem, width, self.rng, self.deadline)
            gain = 1e-2 * np.abs(W).max()
            self._slide(np.vstack([W, gain * columns]), np.vstack([V, 1e-2 * self._signs(columns)]), b, iterations)
        elif self.violation > SLIDE_ABOVE:
            W, V, b = self.problem.neurons(self.network)
            gain = 0.03 * (np.sqrt((W**2).sum(axis=1).mean()) if len(W) else 1.0)
            self._slide(np.vstack([W, gain * columns]), np.vstack([V, gain * self._signs(columns)]), b, 150)
        if start is not None:
            self._add_cells(self.problem.neurons(self.network)[0])

    def _signs(self, columns: Array) -> Array:
        """Output direction (k, c) of each column: Nᵀ phi(Xw), normalised."""
        return unit_pull(self.problem, self.dual, columns)

    def _slide(self, W: Array, V: Array, b: Array, iterations: int) -> None:
        """Descend from the given neurons, keep the outcome if it is the best network so far, and add its cells."""
        W, V, b = self._descend(W, V, b, iterations)
        self._offer(self.problem.network(W, V, b))
        self._stopped("slid")
        size = np.linalg.norm(W[:, : self.problem.penalized], axis=1) * np.linalg.norm(V, axis=1)
        alive = size > 1e-6 * size.max(initial=0.0)
        if self.problem.n_inputs > 6:
            alive &= distinct(W, V, size)
        self._add_cells(W[alive], V[alive])

    def _descend(self, W: Array, V: Array, b: Array, iterations: int) -> tuple[Array, Array, Array]:
        """A descent that leaves time for the convex step, or takes all there is where no such step fits into it."""
        if affordable(self._predicted(len(W)), self.deadline.share(1.0 - SLIDE_SHARE)):
            return descend(self.problem, W, V, b, iterations, self.deadline.share(SLIDE_SHARE))[:3]
        return descend(self.problem, W, V, b, MOST_ITERATIONS, self.deadline)[:3]

    def _add_cells(self, W: Array, outputs: Array | None = None) -> None:
        """Append the cells of directions W with their output signs."""
        if not len(W):
            return
        v = self._signs(W) if outputs is None else outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
        patterns = self._patterns(W)
        act = self.problem.activation
        if abs(act.slope_neg) == abs(act.slope_pos):
            # phi(-t) = ±phi(t): w and -w are the same atom, and both cells at once would make the program singular.
            flip = ~patterns[:, self.leading_row]
            patterns = np.where(flip[:, None], ~patterns | self.zero_rows, patterns)
            v = np.where(flip[:, None] & (act.slope_neg == act.slope_pos), -v, v)
        self.blocks = self.blocks.extend(patterns, v)

    def _patterns(self, W: Array) -> BoolArray:
        return np.asarray((W @ self.problem.inputs.T >= 0) | self.zero_rows)

    # ------------------------------------------------------------------ the convex step
    def _solve(self) -> None:
        """Restricted convex program, polished; the best network and the dual point follow from it."""
        # An interior point pushed past what the program allows ends worse than one asked for less.
        level = CONIC.value * RELAXATIONS[min(self.idle, len(RELAXATIONS) - 1)]
        out = solve_restricted(self.problem, self.blocks, tol=level, deadline=self.deadline)
        size = np.linalg.norm(out.u[:, : self.problem.penalized], axis=1)
        if self.problem.bias.is_free:
            self._move_constants(out, size)
        candidate = self._from_blocks(out.u, self.blocks.outputs, out.bias_out)
        best = balanced_objective(self.problem, candidate)
        keep = size > SUPPORT[-1] * size.max(initial=0.0)
        improved = False
        for share in SUPPORT:
            mask = size > share * size.max(initial=0.0)
            for u, outputs, bias in polish(
                self.problem, self.blocks.keep(mask), out.u[mask], out.bias_out, self.deadline
            ):
                refined = self._from_blocks(u, outputs, bias)
                value = balanced_objective(self.problem, refined)
                if value <= best * (1 + 1e-15):
                    candidate, best, improved = refined, value, True
            if improved:
                keep = mask
                break
        if self.problem.loss.smooth or len(self.blocks) > KEPT_AT_KINKS:
            self.blocks = self.blocks.keep(keep)
        self._offer(candidate)
        # Without a polished point the multipliers are the better dual: at a kink, or where Newton found no support.
        N = residual(self.problem, fit(self.problem, candidate)) if improved else out.dual
        self.dual, self.dual_belongs_to = balance_dual(self.problem, N), self.upper
        self._record("solved")

    def _move_constants(self, out: RestrictedSolution, size: Array) -> None:
        """With free biases a block can be all bias: the same constant as an output bias, where polishing expects it."""
        act = self.problem.activation
        for j in np.flatnonzero(size <= SUPPORT[-1] * size.max(initial=0.0)):
            pattern = self.blocks.patterns[j]
            if pattern.all() or not pattern.any():
                slope = act.slope_pos if pattern.all() else act.slope_neg
                out.bias_out = out.bias_out + slope * out.u[j, -1] * self.blocks.outputs[j]
                out.u[j] = 0.0

    def _from_blocks(self, u: Array, outputs: Array, bias_out: Array) -> TwoLayerReLU:
        """Network with w = u / sqrt||u||, v = v̂ sqrt||u||."""
        root = np.sqrt(np.linalg.norm(u[:, : self.problem.penalized], axis=1, keepdims=True))
        live = root[:, 0] > 0
        return self.problem.network(u[live] / root[live], outputs[live] * root[live], bias_out)

    def _offer(self, network: TwoLayerReLU, stationary: bool = False) -> None:
        """Keep a network when its balanced objective is the lowest so far; a stationary one also when it is as low.

        The dual point is the residual of the fit: errors that the objective does not see any more still move it.
        """
        network = balance(network, penalize_bias=not self.problem.bias.is_free)
        value = balanced_objective(self.problem, network)
        if value < self.upper or (stationary and value <= self.upper * (1 + 1e-15)):
            self.network, self.upper = network, value

    # ------------------------------------------------------------------ reporting
    def _record(self, phase: str) -> Progress:
        progress = Progress(
            self.round, self.upper, self.lower, gap(self.upper, self.lower)[1], self.network.width,
            len(self.blocks), self.violation, time.perf_counter() - self.began, phase,
        )  # fmt: skip
        if phase != "proving":
            self.history.append(progress)
        log.debug("%s", progress)
        return progress

    def _stopped(self, phase: str) -> bool:
        """Tell the callback; True when it asks to stop or the time is up."""
        progress = self._record(phase)
        if self.callback is not None and self.callback(progress):
            self.status = Status.INTERRUPTED
        elif self.deadline.passed():
            self.status = Status.TIME_LIMIT
        return self.status in (Status.INTERRUPTED, Status.TIME_LIMIT)

    def result(self) -> SolverResult:
        """The best network, merged, with the best proven dual point."""
        merged = merge(self.network, penalize_bias=not self.problem.bias.is_free)
        if balanced_objective(self.problem, merged) <= self.upper * (1 + 1e-14):
            self.network = merged
        if self.lower <= 0.0 and self.upper < self.dual_belongs_to:
            self._keep_residual()
        dual = self.proven_dual if self.lower > 0 else self.dual
        return SolverResult(
            self.network, dual, self.lower, self.status, self.round, time.perf_counter() - self.began, self.history,
            self.dual_norm_upper,
        )  # fmt: skip
