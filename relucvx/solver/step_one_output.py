"""The convex step for one output: a column is a cell of the arrangement with an output sign.

The program over the few cells at hand is a conic one (:mod:`relucvx.solver.restricted`). Newton's method on its support
(:mod:`relucvx.solver.polish`) takes the interior point's digits to those of float64.
"""

from __future__ import annotations

import numpy as np

from relucvx.network import TwoLayerReLU
from relucvx.program.duality import residual
from relucvx.program.objective import balanced_objective, fit
from relucvx.solver.columns import beside, cells_of, distinct
from relucvx.solver.descent import first_neurons
from relucvx.solver.group_program import affordable
from relucvx.solver.polish import polish
from relucvx.solver.restricted import Blocks, RestrictedSolution, blocks_seconds, network_of_blocks, solve_restricted
from relucvx.solver.state import SLIDE_ABOVE, State
from relucvx.tolerances import CONIC
from relucvx.types import Array

SUPPORT = (1e-5, 1e-8)
"""Blocks below this share of the largest are left out of the polished support; the second is tried if the first hurts."""

RELAXATIONS = (1.0, 1.0, 10.0, 100.0, 0.1, 1000.0)
"""Factors on the conic tolerance after so many rounds without progress."""

KEPT_AT_KINKS = 400
"""With a kinked loss cells without a neuron stay, up to this many: they hold the dual point in place."""

SLOW_DIMENSIONS = 6
"""Beyond, conic steps are dear and cells plentiful: descent does more of the work, and bundles of neurons give one cell."""


class OneOutput:
    """Cells at hand, and the network and dual point that the program over them gives."""

    def __init__(self, state: State) -> None:
        self.state, self.problem = state, state.problem
        self.zero_rows = ~self.problem.inputs.any(axis=1)
        self.leading_row = int(np.argmin(self.zero_rows))
        self.blocks = Blocks.none(self.problem)

    def extend(self, columns: Array, start: TwoLayerReLU | None) -> None:
        """Add the cells of the new columns, and of where a short descent slides everything."""
        state, dim = self.state, self.problem.n_inputs
        self._add_cells(columns)
        if state.round == 1 and start is None:
            # nothing is known: a network of random neurons slides into cells that are worth a convex step
            width = int(np.clip(self.problem.n_samples * dim // 6, 10, 80))
            W, V, b = first_neurons(self.problem, width, state.rng, state.deadline)
            gain = 1e-2 * np.abs(W).max()
            W, V = np.vstack([W, gain * columns]), np.vstack([V, 1e-2 * state.pull(columns)])
            self._slide(W, V, b, 600 if dim <= SLOW_DIMENSIONS else 3000)
        elif state.violation > SLIDE_ABOVE:
            W, V, b = self.problem.neurons(state.network)
            self._slide(*beside(W, V, columns, state.pull(columns)), b, 150)
        if start is not None:
            self._add_cells(self.problem.neurons(state.network)[0])

    def affordable(self) -> bool:
        """Whether a step over the cells at hand fits into the time left."""
        return affordable(blocks_seconds(self.problem, len(self.blocks)), self.state.deadline)

    def forget(self) -> None:
        """Only the cells of the network at hand are carried on: nothing else shows which others are idle."""
        self._hold(Blocks.none(self.problem))
        self._add_cells(self.problem.neurons(self.state.network)[0])

    def solve(self) -> None:
        """Restricted convex program, polished; the best network and the dual point follow from it."""
        problem, state = self.problem, self.state
        # An interior point pushed past what the program allows ends worse than one asked for less.
        level = CONIC.value * RELAXATIONS[min(state.idle, len(RELAXATIONS) - 1)]
        out = solve_restricted(problem, self.blocks, tol=level, deadline=state.deadline)
        # what the interior point left is dust and neurons; Newton on the neurons takes off the rest of its error
        size = np.linalg.norm(out.u[:, : problem.penalized], axis=1)
        if problem.bias.is_free:
            self._move_constants(out, size)
        candidate = network_of_blocks(problem, out.u, self.blocks.outputs, out.bias_out)
        best = balanced_objective(problem, candidate)
        keep = size > SUPPORT[-1] * size.max(initial=0.0)
        improved = False
        # where the support is drawn too tightly the polished network is worse, and a wider one is tried
        for share in SUPPORT:
            mask = size > share * size.max(initial=0.0)
            for neurons in polish(problem, self.blocks.keep(mask), out.u[mask], out.bias_out, state.deadline):
                refined = network_of_blocks(problem, *neurons)
                value = balanced_objective(problem, refined)
                if value <= best * (1 + 1e-15):
                    candidate, best, improved = refined, value, True
            if improved:
                keep = mask
                break
        # a cell without a neuron has served: at a smooth loss it would come back if it were missing
        if problem.loss.smooth or len(self.blocks) > KEPT_AT_KINKS:
            self._hold(self.blocks.keep(keep))
        state.offer(candidate)
        # Without a polished point the multipliers are the better dual: at a kink, or where Newton found no support.
        state.take_dual(residual(problem, fit(problem, candidate)) if improved else out.dual)
        state.record("solved")

    def finish(self) -> None:
        """Nothing is left to do for one output: the caller merges neurons of one direction."""

    def _hold(self, blocks: Blocks) -> None:
        self.blocks, self.state.cells = blocks, len(blocks)

    def _slide(self, W: Array, V: Array, b: Array, iterations: int) -> None:
        """Descend from the given neurons, and add the cells where that ends."""
        W, V, size = self.state.slide(W, V, b, iterations, blocks_seconds(self.problem, len(W)))
        alive = size > 1e-6 * size.max(initial=0.0)
        if self.problem.n_inputs > SLOW_DIMENSIONS:
            alive &= distinct(W, V, size)
        self._add_cells(W[alive], V[alive])

    def _add_cells(self, W: Array, outputs: Array | None = None) -> None:
        """Append the cells of directions W with their output signs."""
        if not len(W):
            return
        v = self.state.pull(W) if outputs is None else outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
        patterns = cells_of(self.problem, W)
        act = self.problem.activation
        if abs(act.slope_neg) == abs(act.slope_pos):
            # phi(-t) = ±phi(t): w and -w are the same atom, and both cells at once would make the program singular.
            flip = ~patterns[:, self.leading_row]
            patterns = np.where(flip[:, None], ~patterns | self.zero_rows, patterns)
            v = np.where(flip[:, None] & (act.slope_neg == act.slope_pos), -v, v)
        self._hold(self.blocks.extend(patterns, v))

    def _move_constants(self, out: RestrictedSolution, size: Array) -> None:
        """With free biases a block can be all bias: the same constant as an output bias, where polishing expects it."""
        act = self.problem.activation
        for j in np.flatnonzero(size <= SUPPORT[-1] * size.max(initial=0.0)):
            pattern = self.blocks.patterns[j]
            if pattern.all() or not pattern.any():
                slope = act.slope_pos if pattern.all() else act.slope_neg
                # what the constant comes to in a sample is the same for all: of bags their rows' shares are added up
                ones = np.full((self.problem.n_rows, 1), slope * out.u[j, -1])
                out.bias_out = out.bias_out + self.problem.combine(ones, self.blocks.outputs[[j]])[0]
                out.u[j] = 0.0
