"""Newton's method on an identified support: from the interior point's ten digits to float64's.

Once it is known which cells carry a neuron and on which walls each neuron lies, the restricted program is smooth: the
neurons move in the subspaces of their walls and no norm is zero. A few damped Newton steps then give the fit, hence the
dual point, to rounding.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from relucvx.program.problem import Problem
from relucvx.solver.restricted import Blocks
from relucvx.types import Array

ON_WALL = 1e-6
"""|x_i·u| <= ON_WALL ||x_i|| ||u|| on an imposed row: the neuron is taken to lie on that wall."""


def polish(problem: Problem, blocks: Blocks, u: Array, bias_out: Array, steps: int = 25) -> tuple[Array, Array]:
    """Refine ``u (k, D)`` and the output bias; returned unchanged when no step lowers the restricted objective.

    Notes
    -----
    Status: heuristic (the certificate judges the outcome). Source: [relucvx]
    """
    if not problem.loss.smooth or not len(blocks):
        return u, bias_out
    bases = [_wall_basis(problem, blocks, j, u[j]) for j in range(len(blocks))]
    live = [j for j, Z in enumerate(bases) if Z.shape[1] and np.linalg.norm(u[j, : problem.penalized]) > 0]
    if len(live) < len(blocks) and any(np.linalg.norm(u[j]) > 0 for j in range(len(blocks)) if j not in live):
        return u, bias_out
    gates = problem.activation.gate(blocks.patterns)
    X, p, n, c = problem.inputs, problem.penalized, problem.n_samples, problem.n_outputs
    maps = [np.einsum("nq,c->ncq", (gates[j][:, None] * X) @ bases[j], blocks.outputs[j]) for j in live]
    sizes = [bases[j].shape[1] for j in live]
    cuts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    has_bias = problem.bias in ("all", "free")
    parts = [m.reshape(n * c, -1) for m in maps] + ([np.tile(np.eye(c), (n, 1))] if has_bias else [])
    if not parts:
        return u, bias_out
    A = np.concatenate(parts, axis=1)
    decay = problem.beta if problem.bias == "all" else 0.0
    heads = [bases[j][:p] for j in live]
    q = np.concatenate([bases[j].T @ u[j] for j in live] + ([bias_out] if has_bias else []))

    def objective(q: Array) -> float:
        norms = sum(np.linalg.norm(heads[s] @ q[cuts[s] : cuts[s + 1]]) for s in range(len(live)))
        b = q[cuts[-1] :]
        return problem.loss_at((A @ q).reshape(n, c)) + problem.beta * float(norms) + 0.5 * decay * float(b @ b)

    value = objective(q)
    for _ in range(steps):
        F = (A @ q).reshape(n, c)
        g = A.T @ problem.loss.gradient(F, problem.Y, problem.sample_weight).ravel()
        H = A.T @ (problem.loss.hessian(F, problem.Y, problem.sample_weight).ravel()[:, None] * A)
        for s in range(len(live)):
            at = slice(cuts[s], cuts[s + 1])
            w = heads[s] @ q[at]
            r = np.linalg.norm(w)
            pull = heads[s].T @ w / r
            g[at] += problem.beta * pull
            H[at, at] += problem.beta / r * (heads[s].T @ heads[s] - np.outer(pull, pull))
        g[cuts[-1] :] += decay * q[cuts[-1] :]
        H[cuts[-1] :, cuts[-1] :] += decay * np.eye(len(q) - cuts[-1])
        direction = _newton_direction(H, g)
        step, fresh = 1.0, objective(q + direction)
        while fresh > value and step > 1e-4:
            step *= 0.5
            fresh = objective(q + step * direction)
        if not fresh <= value:
            break
        moved = step * np.linalg.norm(direction) > 1e-15 * np.linalg.norm(q)
        q, value = q + step * direction, fresh
        if not moved:
            break
    out = np.zeros_like(u)
    for s, j in enumerate(live):
        out[j] = bases[j] @ q[cuts[s] : cuts[s + 1]]
    return out, (q[cuts[-1] :].copy() if has_bias else bias_out)


def _newton_direction(H: Array, g: Array) -> Array:
    """-H⁺g: Cholesky where possible, least norm where the optimum is not unique."""
    ridge = 1e-14 * max(float(np.trace(H)) / len(H), 1e-300)
    try:
        factor = scipy.linalg.cho_factor(H + ridge * np.eye(len(H)))
        return np.asarray(-scipy.linalg.cho_solve(factor, g))
    except np.linalg.LinAlgError:
        return np.asarray(-np.linalg.lstsq(H, g, rcond=1e-12)[0])


def _wall_basis(problem: Problem, blocks: Blocks, j: int, u: Array) -> Array:
    """Orthonormal basis of the directions that keep u on the imposed walls it lies on."""
    rows = problem.inputs[sorted(blocks.rows[j])]
    if not len(rows):
        return np.eye(problem.n_inputs)
    lengths = np.linalg.norm(rows, axis=1)
    on = np.abs(rows @ u) <= ON_WALL * lengths * np.linalg.norm(u)
    on &= lengths > 0
    if not on.any():
        return np.eye(problem.n_inputs)
    unit = rows[on] / lengths[on, None]
    _, s, Vt = np.linalg.svd(unit)
    return np.asarray(Vt[int((s > 1e-9).sum()) :].T)
