"""Newton's method on an identified support: from the interior point's digits to float64's.

Once it is known which cells carry a neuron and on which walls each neuron lies, the restricted program is smooth: the
neurons move in the subspaces of their walls and no norm is zero. Damped Newton steps give the fit, hence the dual point,
to rounding. The walls are corrected like an active set: violated ones are added, ones whose multiplier has the wrong sign
are released.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from relucvx.deadline import Deadline, OutOfTime, aside
from relucvx.program.problem import Problem
from relucvx.solver.restricted import Blocks
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray

FIRST_GUESS = (1e-5, 1e-4, 1e-7)
"""|x_i·u| below this share of ||x_i|| ||u||: the neuron is taken to lie on that wall, to begin with."""

PARALLEL = 1e-8
"""Blocks with 1 - cosine below this and the same output direction are one neuron seen from two cells."""

CORRECTIONS, STEPS = 25, 25

VANISHING = 0.05
"""When Newton does not converge, the smallest neuron is dropped if it is below this share of the largest: it was on its
way to zero, where its norm has no gradient."""

STATIONARY = 1e-9
"""Newton has converged when the gradient is below this share of beta."""

RATE = 5e9
"""Multiplications a second of dense linear algebra, at least."""

LONGEST_STEP, MOST_ENTRIES = 1.5, 5e7
"""Seconds a Newton step may be predicted to take, and numbers its matrix may hold: beyond, Newton is not begun."""

LARGE = 500
"""From so many unknowns on factorisations of last resort, which take seconds, run aside."""


@dataclass
class Support:
    """Neurons of the polished program: cell sides (k, n) as ±1, outputs (k, c), positions (k, D), walls (k, n)."""

    sides: Array
    gates: Array
    outputs: Array
    u: Array
    walls: BoolArray


def within_reach(problem: Problem, unknowns: int, neurons: int, deadline: Deadline) -> bool:
    """Whether Newton steps of this size can be taken: each takes a small share of the time left, and fits into memory."""
    rows = problem.Y.size
    work = rows * float(unknowns) ** 2 + float(unknowns) ** 3 / 3.0 + neurons * float(problem.n_inputs) ** 3
    return work / RATE <= min(LONGEST_STEP, 0.1 * deadline.left()) and rows * unknowns <= MOST_ENTRIES


def polish(
    problem: Problem, blocks: Blocks, u: Array, bias_out: Array, deadline: Deadline | None = None
) -> list[tuple[Array, Array, Array]]:
    """Refined candidates (neurons (k, D), outputs (k, c), output bias), one for each first guess of the walls.

    Neurons seen from two cells are merged, so there can be fewer than blocks. Empty for losses without a gradient.

    Notes
    -----
    Status: heuristic (the caller compares objectives, the certificate judges). Source: [relucvx]
    """
    if not problem.loss.smooth or not len(blocks):
        return []
    out = []
    seen: list[BoolArray] = []
    deadline = deadline or Deadline()
    for guess in FIRST_GUESS:
        support = _support(problem, blocks, u, guess)
        if not within_reach(problem, support.u.size, len(support.u), deadline):
            break
        if any(np.array_equal(support.walls, walls) for walls in seen):
            continue
        seen.append(support.walls.copy())
        bias = _correct(problem, support, bias_out.copy(), deadline)
        out.append((support.u, support.outputs, bias))
    return out


def _support(problem: Problem, blocks: Blocks, u: Array, guess: float) -> Support:
    """Merge parallel blocks and guess the walls."""
    X = problem.inputs
    size = np.linalg.norm(u, axis=1)
    unit = u / size[:, None]
    members: list[list[int]] = []
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
    lengths = np.linalg.norm(X, axis=1)
    near = np.abs(merged @ X.T) <= guess * lengths * np.linalg.norm(merged, axis=1, keepdims=True)
    split = np.array([(blocks.patterns[group] != blocks.patterns[group[0]]).any(axis=0) for group in members])
    sides = np.where(patterns, 1.0, -1.0)
    return Support(
        sides, problem.activation.gate(patterns), blocks.outputs[leads], merged, (near | split) & (lengths > 0)
    )


def _correct(problem: Problem, support: Support, bias: Array, deadline: Deadline) -> Array:
    """Newton with the walls held, then add violated and release wrongly held walls, until neither happens."""
    X = problem.inputs
    lengths = np.linalg.norm(X, axis=1)
    for _ in range(CORRECTIONS):
        bias, converged = _newton(problem, support, bias, deadline)
        if deadline.passed():
            break
        if not converged and _drop_smallest(problem, support):
            continue
        size = np.linalg.norm(support.u, axis=1, keepdims=True)
        beyond = (support.sides * (support.u @ X.T) < -1e-12 * lengths * size) & ~support.walls & (size > 0)
        if beyond.any():
            support.walls |= beyond
            continue
        if not _release(problem, support, bias):
            break
    return bias


def _drop_smallest(problem: Problem, support: Support) -> bool:
    """Remove the smallest neuron if it is small enough to be on its way to zero."""
    size = np.linalg.norm(support.u[:, : problem.penalized], axis=1)
    if len(size) < 2 or size.min() > VANISHING * size.max():
        return False
    keep = np.arange(len(size)) != int(np.argmin(size))
    support.sides, support.gates, support.outputs = support.sides[keep], support.gates[keep], support.outputs[keep]
    support.u, support.walls = support.u[keep], support.walls[keep]
    return True


def _release(problem: Problem, support: Support, bias: Array) -> bool:
    """Let go of the wall with the most wrongly signed multiplier of each neuron; True if any was released."""
    X = problem.inputs
    F = np.einsum("jn,nd,jd,jc->nc", support.gates, X, support.u, support.outputs) + bias
    G = problem.loss.gradient(F, problem.Y, problem.sample_weight)
    released = False
    for j in range(len(support.u)):
        rows = np.flatnonzero(support.walls[j])
        lead = np.linalg.norm(support.u[j, : problem.penalized])
        if not len(rows) or lead == 0:
            continue
        pull = X.T @ (support.gates[j] * (G @ support.outputs[j]))
        pull[: problem.penalized] += problem.beta * support.u[j, : problem.penalized] / lead
        normals = support.sides[j, rows, None] * X[rows]
        multipliers = np.linalg.lstsq(normals.T, pull, rcond=1e-10)[0] * np.linalg.norm(normals, axis=1)
        worst = int(np.argmin(multipliers))
        if multipliers[worst] < -1e-9 * problem.beta:
            support.walls[j, rows[worst]] = False
            released = True
    return released


def _newton(problem: Problem, support: Support, bias_out: Array, deadline: Deadline) -> tuple[Array, bool]:
    """Damped Newton in the subspaces of the walls held; updates ``support.u``, returns output bias and convergence."""
    bases = [wall_basis(problem, support.walls[j], support.u[j]) for j in range(len(support.u))]
    X, p, n, c = problem.inputs, problem.penalized, problem.n_samples, problem.n_outputs
    cuts = np.concatenate([[0], np.cumsum([Z.shape[1] for Z in bases])]).astype(int)
    maps = [
        np.einsum("nq,c->ncq", (support.gates[j][:, None] * X) @ bases[j], support.outputs[j]).reshape(n * c, -1)
        for j in range(len(bases))
    ]
    has_bias = problem.bias.has_output
    A = np.concatenate(maps + ([np.tile(np.eye(c), (n, 1))] if has_bias else []), axis=1)
    decay = problem.output_decay
    heads = [Z[:p] for Z in bases]
    q = np.concatenate([Z.T @ support.u[j] for j, Z in enumerate(bases)] + ([bias_out] if has_bias else []))

    def objective(q: Array) -> float:
        norms = sum(np.linalg.norm(heads[s] @ q[cuts[s] : cuts[s + 1]]) for s in range(len(heads)))
        b = q[cuts[-1] :]
        return problem.loss_at((A @ q).reshape(n, c)) + problem.beta * float(norms) + 0.5 * decay * float(b @ b)

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
        direction = _newton_direction(H, g, deadline)
        step, fresh = 1.0, objective(q + direction)
        while not fresh <= value * (1 + 1e-15) and step > 1e-4:
            step *= 0.5
            fresh = objective(q + step * direction)
        if not fresh <= value * (1 + 1e-15):
            break
        moved = step * np.linalg.norm(direction) > 1e-15 * np.linalg.norm(q)
        q, value = q + step * direction, fresh
        if not moved:
            break
    for s, Z in enumerate(bases):
        support.u[s] = Z @ q[cuts[s] : cuts[s + 1]]
    return (q[cuts[-1] :].copy() if has_bias else bias_out), size <= STATIONARY * problem.beta + noise


def _newton_direction(H: Array, g: Array, deadline: Deadline) -> Array:
    """-H⁺g: Cholesky where possible, least norm where the optimum is not unique."""
    if not len(H):
        return -g
    ridge = 1e-14 * max(float(np.trace(H)) / len(H), 1e-300)
    try:
        factor = scipy.linalg.cho_factor(H + ridge * np.eye(len(H)))
        return np.asarray(-scipy.linalg.cho_solve(factor, g))
    except np.linalg.LinAlgError:
        return -last_resort(lambda: np.asarray(np.linalg.lstsq(H, g, rcond=1e-12)[0]), np.zeros_like(g), deadline)


def last_resort(work: Callable[[], Array], otherwise: Array, deadline: Deadline) -> Array:
    """The value of a long factorisation, run aside where it is large; ``otherwise`` when the time runs out first."""
    if len(otherwise) < LARGE:
        return work()
    try:
        return aside(work, deadline)
    except OutOfTime:
        return otherwise


def wall_basis(problem: Problem, walls: BoolArray, u: Array) -> Array:
    """Orthonormal basis of the directions that keep u on its walls; all of them when the walls leave none."""
    rows = problem.inputs[walls]
    if not len(rows):
        return np.eye(problem.n_inputs)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # of many rows the triangle has the same null space, and no factor of rows x rows is formed
    _, s, Vt = np.linalg.svd(np.linalg.qr(unit, mode="r") if len(unit) > 2 * unit.shape[1] else unit)
    basis = Vt[int((s > 1e-9).sum()) :].T
    return np.asarray(basis) if basis.shape[1] and np.linalg.norm(basis.T @ u) > 0 else np.eye(problem.n_inputs)
