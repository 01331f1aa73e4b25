"""The convex step for several outputs: a column is a direction, and the step alternates between input and output vectors.

The atomic norm Σ ||w_j||·||v_j|| is not a sum over finitely many fixed vectors, so the convex step has two halves,

* *outputs*: directions w_j held, output vectors free (a group lasso, :mod:`relucvx.solver.outputs`);
* *inputs*: output directions held, input vectors free in their cells (:mod:`relucvx.solver.restricted`), a neuron near a wall
  getting a block on each side so that it can cross;

and a joint Newton step (:mod:`relucvx.solver.joint_polish`) takes what they identify to rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from relucvx.network import TwoLayerReLU, prune
from relucvx.oracle import form_of
from relucvx.oracle.search import local_maxima
from relucvx.program.duality import balance_dual, gap, residual, scale_dual
from relucvx.program.objective import balanced_objective, fit
from relucvx.solver.columns import beside, cells_of
from relucvx.solver.descent import first_neurons
from relucvx.solver.group_program import affordable
from relucvx.solver.joint_polish import joint_polish
from relucvx.solver.outputs import outputs_seconds, solve_outputs
from relucvx.solver.polish import FIRST_GUESS
from relucvx.solver.restricted import Blocks, blocks_seconds, network_of_blocks, solve_restricted
from relucvx.solver.state import PRICING_SHARE, SLIDE_ABOVE, State
from relucvx.tolerances import CONIC, WALL
from relucvx.types import Array

ALIVE = (1e-4, 1e-3, 1e-6)
"""Neurons below this share of the largest are left out of the polished support; later ones are tried if the first hurts."""

DUST = 1e-7
"""Outputs below this share of the largest are the interior point's barrier, not neurons."""

PARALLEL = 1e-10
"""Directions with 1 - cosine below this are one dictionary entry."""

DICTIONARY = 400
"""At most so many directions enter the outputs step."""

FEW = 30
"""A quick polish is tried on supports of up to this many neurons."""

SAME, BUNDLE = 1e-8, 1e-3
"""1 - cosine below which neurons are polished as one; the second where an interior point left a bundle for each neuron."""

MOST_PRUNED = 2e6
"""Numbers in the activities of a network that is pruned: what takes a fraction of a second."""

FREE = 1e-13
"""Relative rise of the objective that counts as rounding when neurons are removed."""

NEAR_WALLS, MOST_BLOCKS = 3, 160
"""A neuron gets blocks across up to so many walls, as long as there are not more blocks in all."""

ALTERNATIONS = 2  # of directions and outputs, in turn, in each round


class SeveralOutputs:
    """Directions at hand, each with an output vector that the convex step chooses."""

    def __init__(self, state: State) -> None:
        self.state, self.problem = state, state.problem
        self.directions: Array = np.zeros((0, self.problem.n_inputs))

    def extend(self, columns: Array, start: TwoLayerReLU | None) -> None:
        """The dictionary of the round: the network's neurons, the new columns, and where a descent slides both."""
        state = self.state
        W, V, b = self.problem.neurons(state.network)
        parts = [W, columns]
        first = state.round == 1 and start is None
        if first:
            width = int(np.clip(self.problem.n_samples * self.problem.n_inputs // 6, 12, 80))
            W, V, b = first_neurons(self.problem, width, state.rng, state.deadline)
        # the convex step holds directions or moves them within cells: a descent takes them across walls
        if first or state.violation > SLIDE_ABOVE:
            iterations = (600 if self.problem.n_inputs <= 6 else 3000) if first else 300
            W, V = beside(W, V, columns, state.pull(columns))
            W, V, size = state.slide(W, V, b, iterations, outputs_seconds(self.problem, len(W)))
            parts.append(W[np.argsort(-size)][: int((size > 1e-6 * size.max(initial=0.0)).sum())])
        if not self.problem.loss.smooth:
            parts.append(self.directions)  # at a kink, directions without a neuron hold the dual point in place
        self.directions = self._distinct(np.concatenate(parts))

    def affordable(self) -> bool:
        """Whether a step over the directions at hand fits into the time left."""
        return affordable(outputs_seconds(self.problem, len(self.directions)), self.state.deadline)

    def forget(self) -> None:
        """Only the directions of the network at hand are carried on."""
        self.directions = self._distinct(self.problem.neurons(self.state.network)[0])

    def finish(self) -> None:
        """Linearly dependent neurons are removed, where that costs nothing."""
        problem, state = self.problem, self.state
        if problem.pooling is not None or problem.Y.size * state.network.width > MOST_PRUNED:
            return
        pruned = prune(state.network, problem.X, penalize_bias=not problem.bias.is_free)
        value = balanced_objective(problem, pruned)
        if pruned.width < state.network.width and value <= state.upper * (1 + FREE):
            state.network, state.upper = pruned, value

    def _distinct(self, W: Array) -> Array:
        """Unit directions (in the penalised norm), one of each bundle, first come first kept."""
        lead = np.linalg.norm(W[:, : self.problem.penalized], axis=1)
        W = W[lead > 1e-150] / lead[lead > 1e-150, None]
        unit = W / np.linalg.norm(W, axis=1, keepdims=True)
        chosen: list[int] = []
        for i in range(len(W)):
            if not chosen or float(np.max(unit[chosen] @ unit[i])) < 1.0 - PARALLEL:
                chosen.append(i)
        return W[chosen[:DICTIONARY]]

    def solve(self) -> None:
        """Choose outputs and polish; where that does not succeed, alternate the two convex steps first."""
        problem, state = self.problem, self.state
        level = CONIC.value * (1.0, 1.0, 10.0, 100.0)[min(state.idle, 3)]
        # outputs for the directions at hand, which may be all that is missing
        V, b, dual = solve_outputs(problem, self.directions, level, state.deadline)
        W, V = self._live(self.directions, V)
        state.offer(problem.network(*_balanced(W, V), b))
        # a quick attempt at rounding first: when it succeeds, the round is over at a fraction of its price
        improved = state.idle == 0 and self._polish(W, V, b, thorough=False)
        done = improved or self._settled(dual)
        # directions move in their cells with outputs held, then outputs again: each half is convex, the two are not
        for _ in range(0 if done else ALTERNATIONS):
            if not len(W) or state.stopped("alternating"):
                break
            if not affordable(blocks_seconds(problem, len(W)), state.deadline):
                break
            blocks = self._blocks_around(W, V)
            moved = solve_restricted(problem, blocks, tol=level, deadline=state.deadline)
            state.offer(network_of_blocks(problem, moved.u, blocks.outputs, moved.bias_out))
            sizes = np.linalg.norm(moved.u[:, : problem.penalized], axis=1)
            W = self._distinct(np.concatenate([moved.u[sizes > DUST * sizes.max(initial=0.0)], W]))
            V, b, dual = solve_outputs(problem, W, level, state.deadline)
            W, V = self._live(W, V)
            state.offer(problem.network(*_balanced(W, V), b))
        improved = improved or (not done and self._polish(W, V, b))
        state.take_dual(residual(problem, fit(problem, state.network)) if improved else dual)
        state.record("solved")

    def _settled(self, dual: Array) -> bool:
        """Whether search finds no direction that the dual point of the outputs step leaves out: nothing is left to move."""
        problem, state = self.problem, self.state
        # if search finds nothing above beta at this point either, moving directions would move nothing
        N = balance_dual(problem, dual)
        form = form_of(problem, N)
        if form.trivial:
            return True
        threshold = state.threshold()
        _, lower = scale_dual(problem, N, threshold)
        if gap(state.upper, lower)[1] > state.tol:
            return False  # no direction is missing, but those at hand are not yet used well enough
        search = state.deadline.share(PRICING_SHARE)
        return not len(local_maxima(form, state.starts(form), above=threshold, limit=1, deadline=search)[0])

    def _live(self, W: Array, V: Array) -> tuple[Array, Array]:
        size = np.linalg.norm(V, axis=1)
        keep = size > DUST * size.max(initial=0.0)
        return W[keep], V[keep]

    def _polish(self, W: Array, V: Array, b: Array, thorough: bool = True) -> bool:
        """Offer the polished networks; True when one is at least as good as the convex steps' own.

        A quick attempt makes one guess of support and walls, and leaves supports of many neurons alone.
        """
        state = self.state
        # a polished network must beat the convex steps, or it has lost neurons that count
        before = balanced_objective(self.problem, self.problem.network(W, V, b))
        guesses = FIRST_GUESS[: None if thorough else 1]
        for support in self._supports(W, V, thorough):
            found = False
            for candidate in joint_polish(self.problem, *support, b, guesses, state.deadline):
                network = self.problem.network(*candidate)
                if balanced_objective(self.problem, network) <= min(before, state.upper) * (1 + 1e-15):
                    state.offer(network, stationary=True)
                    found = True
            if found:
                return True
        return False

    def _supports(self, W: Array, V: Array, thorough: bool) -> Iterator[tuple[Array, Array]]:
        """Neurons to polish: bundles as one where they are many, then the neurons above a share of the largest."""
        size = np.linalg.norm(V, axis=1)
        # dust pulls Newton off; but the cut that is right differs from problem to problem
        for share in ALIVE if thorough else ALIVE[:1]:
            mask = size > share * size.max(initial=0.0)
            if mask.sum() > FEW:
                bundled = merged(W[mask], V[mask], BUNDLE)
                if len(bundled[0]) <= FEW:
                    yield bundled
            if thorough or mask.sum() <= FEW:
                yield merged(W[mask], V[mask])

    def _blocks_around(self, W: Array, V: Array) -> Blocks:
        """Each neuron's cell, and the cells across up to three walls it is nearly on."""
        X = self.problem.inputs
        lengths = np.linalg.norm(X, axis=1)
        blocks = Blocks.none(self.problem)
        # 2^walls cells for each neuron: fewer walls where there are many neurons
        most = int(np.clip(np.log2(MOST_BLOCKS / len(W)), 0, NEAR_WALLS))
        for w, v in zip(W, V / np.linalg.norm(V, axis=1, keepdims=True), strict=True):
            distance = np.abs(X @ w) / np.maximum(lengths * np.linalg.norm(w), 1e-300)
            walls = [int(i) for i in np.argsort(distance)[:most] if distance[i] < WALL.value and lengths[i] > 0]
            pattern = cells_of(self.problem, w[None])[0]
            cells = []
            for flips in itertools.product((False, True), repeat=len(walls)):
                cell = pattern.copy()
                cell[walls] ^= np.array(flips, dtype=bool)
                cells.append(cell)
            blocks = blocks.extend(np.array(cells), np.repeat(v[None], len(cells), axis=0))
        return blocks


def _balanced(W: Array, V: Array) -> tuple[Array, Array]:
    """Neurons of equal input and output norm, from unit directions and output vectors."""
    root = np.sqrt(np.linalg.norm(V, axis=1, keepdims=True))
    return W * root, V / np.where(root > 0, root, 1.0)


def merged(W: Array, V: Array, tol: float = SAME) -> tuple[Array, Array]:
    """Unit directions with 1 - cosine below ``tol`` as one neuron, their contributions added to first order."""
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    size = np.linalg.norm(V, axis=1)
    groups: list[list[int]] = []
    for j in np.argsort(-size):
        for group in groups:
            if 1.0 - float(unit[group[0]] @ unit[j]) < tol:
                group.append(int(j))
                break
        else:
            groups.append([int(j)])
    W = np.array([size[g] @ W[g] / size[g].sum() for g in groups]).reshape(-1, W.shape[1])
    return W, np.array([V[g].sum(axis=0) for g in groups]).reshape(-1, V.shape[1])
