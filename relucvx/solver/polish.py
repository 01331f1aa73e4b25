"""Newton's method on an identified support: from the interior point's digits to float64's.

Once it is known which cells carry a neuron and on which walls each neuron lies, the restricted program is smooth: the
neurons move in the subspaces of their walls and no norm is zero. Damped Newton steps give the fit, hence the dual point,
to rounding. :mod:`relucvx.solver.walls` corrects the walls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.solver.newton import STATIONARY, damped, last_resort, within_reach
from relucvx.solver.restricted import Blocks
from relucvx.solver.walls import FIRST_GUESS, correct, near_walls, wall_basis
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray

linalg = later("scipy.linalg")

PARALLEL = 1e-8
"""Blocks with 1 - cosine below this and the same output direction are one neuron seen from two cells."""

STEPS = 25  # of a Newton method with the walls held


@dataclass
class Support:
    """Neurons of the polished program: positions W (k, D), cell sides (k, n) as ±1, walls held (k, n), slopes on each
    sample (k, n), unit outputs (k, c) and the output bias (c,)."""

    problem: Problem
    W: Array
    sides: Array
    walls: BoolArray
    gates: Array
    outputs: Array
    bias: Array

    def keep(self, mask: BoolArray) -> None:
        """Only the neurons where ``mask`` is True go on."""
        self.sides, self.gates, self.outputs = self.sides[mask], self.gates[mask], self.outputs[mask]
        self.W, self.walls = self.W[mask], self.walls[mask]

    def hold(self, before: Array, crossed: BoolArray) -> None:
        """Hold every wall that was crossed: the program is convex in the neurons, and what is held too much is released."""
        self.walls = self.walls | crossed

    def release(self) -> bool:
        """Let go of the wall with the most wrongly signed multiplier of each neuron; True if any was released."""
        problem, X = self.problem, self.problem.inputs
        F = problem.combine((self.gates * (self.W @ X.T)).T, self.outputs) + self.bias
        G = problem.spread(problem.loss.gradient(F, problem.Y, problem.sample_weight))
        released = False
        for j in range(len(self.W)):
            rows = np.flatnonzero(self.walls[j])
            lead = np.linalg.norm(self.W[j, : problem.penalized])
            if not len(rows) or lead == 0:
                continue
            # stationarity on the walls held: the pull of loss and penalty is a combination of their normals
            pull = X.T @ (self.gates[j] * (G @ self.outputs[j]))
            pull[: problem.penalized] += problem.beta * self.W[j, : problem.penalized] / lead
            normals = self.sides[j, rows, None] * X[rows]
            multipliers = np.linalg.lstsq(normals.T, pull, rcond=1e-10)[0] * np.linalg.norm(normals, axis=1)
            worst = int(np.argmin(multipliers))
            # a wall that pulls instead of pushing is not needed; one for each neuron, for the others may change with it
            if multipliers[worst] < -1e-9 * problem.beta:
                self.walls[j, rows[worst]] = False
                released = True
        return released

    def newton(self, deadline: Deadline) -> bool:
        """Damped Newton in the subspaces of the walls held; the neurons and the output bias stay where it ends."""
        problem = self.problem
        bases = [wall_basis(problem, self.walls[j], self.W[j]) for j in range(len(self.W))]
        X, p, n, c = problem.inputs, problem.penalized, problem.n_samples, problem.n_outputs
        # one vector q of coordinates: those of each neuron in the subspace of its walls, then the output bias
        cuts = np.concatenate([[0], np.cumsum([Z.shape[1] for Z in bases])]).astype(int)
        maps = [problem.design((self.gates[j][:, None] * X) @ bases[j], self.outputs[j]) for j in range(len(bases))]
        has_bias = problem.bias.has_output
        A = np.concatenate(maps + ([np.tile(np.eye(c), (n, 1))] if has_bias else []), axis=1)
        decay = problem.output_decay
        heads = [Z[:p] for Z in bases]
        q = np.concatenate([Z.T @ self.W[j] for j, Z in enumerate(bases)] + ([self.bias] if has_bias else []))

        # the restricted program on this support, whose norms are smooth as long as no neuron vanishes
        def objective(q: Array) -> float:
            norms = sum(np.linalg.norm(heads[s] @ q[cuts[s] : cuts[s + 1]]) for s in range(len(heads)))
            b = q[cuts[-1] :]
            return problem.loss_at((A @ q).reshape(n, c)) + problem.beta * float(norms) + 0.5 * decay * float(b @ b)

        # what rounding alone leaves of the gradient: no smaller one can be asked for
        value, size, noise = objective(q), np.inf, 0.0
        reach = np.abs(A).T
        for _ in range(STEPS):
            if deadline.passed():
                break
            F = (A @ q).reshape(n, c)
            slope = problem.loss.gradient(F, problem.Y, problem.sample_weight).ravel()
            g = A.T @ slope
            noise = 64 * EPS * float((reach @ np.abs(slope)).max(initial=0.0))
            H = A.T @ problem.loss.curvature(F, problem.Y, problem.sample_weight, A)
            # the penalty beta ||w||: its gradient w / ||w||, and the curvature across it
            for s, head in enumerate(heads):
                at = slice(cuts[s], cuts[s + 1])
                w = head @ q[at]
                r = np.linalg.norm(w)
                if r == 0.0:
                    continue
                pull = head.T @ w / r
                g[at] += problem.beta * pull
                H[at, at] += problem.beta / r * (head.T @ head - np.outer(pull, pull))
            g[cuts[-1] :] += decay * q[cuts[-1] :]
            H[cuts[-1] :, cuts[-1] :] += decay * np.eye(len(q) - cuts[-1])
            size = float(np.abs(g).max(initial=0.0))
            # damped: far from the optimum a full step may cross where the model holds
            direction = _newton_direction(H, g, deadline)
            found = damped(objective, q, value, direction)
            if found is None:
                break
            q, value, moved = found
            if not moved:
                break
        self.W = np.array([Z @ q[cuts[s] : cuts[s + 1]] for s, Z in enumerate(bases)]).reshape(self.W.shape)
        if has_bias:
            self.bias = q[cuts[-1] :].copy()
        return bool(size <= STATIONARY * problem.beta + noise)


def polish(
    problem: Problem, blocks: Blocks, u: Array, bias_out: Array, deadline: Deadline | None = None
) -> list[tuple[Array, Array, Array]]:
    """Refined candidates (neurons (k, D), outputs (k, c), output bias), one for each first guess of the walls.

    The last is the first that is stationary with walls that all push: it is optimal on the support, whose program is convex,
    and no other guess ends lower. Neurons seen from two cells are merged, so there can be fewer than blocks. Empty for losses
    without a gradient.

    Notes
    -----
    Status: heuristic (the caller compares objectives, the certificate judges). Source: [relucvx]
    """
    if not problem.loss.smooth or not len(blocks):
        return []
    out = []
    seen: list[BoolArray] = []
    deadline = deadline or Deadline()
    # a wall that is held wrongly, or missed, costs corrections at best: the guesses are tried from the likeliest on
    for guess in FIRST_GUESS:
        support = _support(problem, blocks, u, bias_out, guess)
        if not within_reach(problem, support.W.size, len(support.W), deadline):
            break
        if any(np.array_equal(support.walls, walls) for walls in seen):
            continue
        seen.append(support.walls.copy())
        optimal = correct(support, deadline)
        out.append((support.W, support.outputs, support.bias))
        if optimal:
            break
    return out


def _support(problem: Problem, blocks: Blocks, u: Array, bias: Array, guess: float) -> Support:
    """Merge parallel blocks and guess the walls."""
    size = np.linalg.norm(u, axis=1)
    unit = u / size[:, None]
    members: list[list[int]] = []
    # largest first: what is parallel to a larger one is the same neuron, seen from the cell across a wall
    for j in np.argsort(-size):
        for group in members:
            lead = group[0]
            if 1.0 - unit[lead] @ unit[j] < PARALLEL and np.allclose(
                blocks.outputs[lead], blocks.outputs[j], atol=1e-9
            ):
                group.append(int(j))
                break
        else:
            members.append([int(j)])
    leads = [group[0] for group in members]
    merged = np.array([u[group].sum(axis=0) for group in members])
    patterns = blocks.patterns[leads]
    # a neuron that two cells share lies on every wall between them, whatever its distance
    split = np.array([(blocks.patterns[group] != blocks.patterns[group[0]]).any(axis=0) for group in members])
    walls = near_walls(problem, merged, guess) | (split & problem.inputs.any(axis=1))
    gates = problem.activation.gate(patterns)
    return Support(problem, merged, np.where(patterns, 1.0, -1.0), walls, gates, blocks.outputs[leads], bias.copy())


def _newton_direction(H: Array, g: Array, deadline: Deadline) -> Array:
    """-H⁺g: Cholesky where possible, least norm where the optimum is not unique."""
    if not len(H):
        return -g
    # neurons that depend on each other leave H singular to rounding: a ridge far below its digits, or least norm
    ridge = 1e-14 * max(float(np.trace(H)) / len(H), 1e-300)
    try:
        factor = linalg.cho_factor(H + ridge * np.eye(len(H)))
        return np.asarray(-linalg.cho_solve(factor, g))
    except np.linalg.LinAlgError:
        return -last_resort(lambda: np.asarray(np.linalg.lstsq(H, g, rcond=1e-12)[0]), np.zeros_like(g), deadline)
