"""Which dual point to try for a network that comes without one.

For smooth losses the natural point is minus the gradient at the network's fit. It proves little while the network is not
stationary: a fit that is off by a part in ten thousand can violate D(N) <= beta by tens of percents. So it is refined: a few
rounds of refitting the output weights over the network's own directions and the ones that violate (an l1 problem), whose
residual is nearly feasible. The hinge has a kink at margin 1, where trained networks put many samples, and an arbitrary
subgradient can prove next to nothing: there the point comes from a cutting-plane linear program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.certificate.dual_points.cutting_planes import ROUND_SHARE, cutting_planes
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.oracle import form_of
from relucvx.oracle.ridges import tops
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual, residual, scale_dual
from relucvx.program.lbfgs import lbfgs
from relucvx.program.objective import fit
from relucvx.program.problem import Problem
from relucvx.types import Array

MOST_ATOMS, LONGEST = 300, 1e6
"""Neurons of the network that count, at most, and the length of a direction, bias included, up to which it does."""

REFITS = 15
REFINED = 1e-4
"""Refits of the output weights at most, until no direction found violates by more than this share."""


def choose_dual(problem: Problem, network: TwoLayerReLU, deadline: Deadline | None = None) -> Array:
    """A dual point (n, c) for the network: the residual, or for a kinked loss the cutting-plane optimum.

    The best so far when the deadline passes.

    Notes
    -----
    Status: heuristic (any point is valid; a better one proves more). Source: [relucvx]
    """
    F, deadline = fit(problem, network), deadline or Deadline()
    if problem.loss.smooth or problem.n_weights_out > 1 or not np.isfinite(F).all():
        N = residual(problem, F)
        N = N if np.isfinite(N).all() else np.zeros_like(N)
        return _refined(problem, network, N, deadline) if problem.loss.smooth else N
    # a decayed output bias sums the multipliers to beta b, a free one to zero
    total = problem.output_decay * float(problem.neurons(network)[2][0])
    atoms, _ = unit_atoms(problem, network)
    atoms = problem.pool(atoms.T)[:, 0].T
    N, _ = cutting_planes(problem, atoms, total if problem.bias.has_output else None, deadline=deadline)
    return N


def _refined(problem: Problem, network: TwoLayerReLU, N: Array, deadline: Deadline) -> Array:
    """The best of N and the residuals of group-lasso refits over growing sets of directions, judged by local search."""
    atoms, V = unit_atoms(problem, network)
    rng = np.random.default_rng(0)
    best, value = N, -np.inf
    bias = problem.neurons(network)[2]
    # each round: how much does the point prove, as far as search can tell, and what keeps it from proving more
    for round_ in range(REFITS + 1):
        point = balance_dual(problem, N)
        form = form_of(problem, point)
        directions, norms = local_maxima(
            form, random_directions(form, 200, rng), limit=40, deadline=deadline.share(ROUND_SHARE)
        )
        # a value that stops on the way up a ridge makes a bad point look good
        directions, norms = tops(form, directions, norms, deadline.share(ROUND_SHARE))
        estimate = scale_dual(problem, point, float(norms[0]) if len(norms) else form.rounding())[1]
        if estimate > value:
            best, value = point, estimate
        directions = directions[norms > problem.beta * (1 + REFINED)]
        if round_ == REFITS or not len(directions) or deadline.passed():
            break
        # violating directions enter the refit, whose residual keeps them at beta
        fresh = problem.activation(np.array([form.to_original(d) for d in directions]) @ problem.inputs.T)
        atoms, V = np.concatenate([atoms, fresh]), np.concatenate([V, np.zeros((len(fresh), V.shape[1]))])
        refit = _refit if problem.n_weights_out == 1 else _refit_outputs
        atoms, V, N, bias = refit(problem, atoms, V, bias, deadline.share(0.5))
    return best


def _refit_outputs(
    problem: Problem, atoms: Array, V: Array, bias: Array, deadline: Deadline
) -> tuple[Array, Array, Array, Array]:
    """min loss(Σ_k atom_k v_kᵀ + 1 bᵀ) + beta Σ||v_k|| (+ beta/2 ||b||²) over v_k = a_k u_k, balanced, by L-BFGS."""
    k, size_out = V.shape
    has_bias = problem.bias.has_output
    decay = problem.output_decay
    read = problem.pool(atoms.T).reshape(problem.n_samples, -1)
    # v = a u with |a| = ||u|| makes the norm smooth: a²/2 + ||u||²/2 is ||v|| at its least
    size = np.linalg.norm(V, axis=1)
    pull = problem.by_neuron(read.T @ residual(problem, read @ problem.by_readout(V) + bias))
    # silent atoms start small, along their pull
    start = np.where(size[:, None] > 0, V, pull)
    length = np.maximum(np.linalg.norm(start, axis=1), 1e-300)
    root = np.where(size > 0, np.sqrt(size), 0.03 * np.sqrt(size.max(initial=0.0) or 1.0))
    u = start / length[:, None] * root[:, None]

    # objective and gradient in (a, u, b)
    def value(t: Array) -> tuple[float, Array]:
        a, U, b = t[:k], t[k : k + k * size_out].reshape(k, size_out), t[k + k * size_out :]
        W = a[:, None] * U
        F = read @ problem.by_readout(W) + b
        G = problem.loss.gradient(F, problem.Y, problem.sample_weight)
        slope = problem.by_neuron(read.T @ G)
        penalty = 0.5 * problem.beta * (a @ a + float((U * U).sum())) + 0.5 * decay * b @ b
        grads = [(slope * U).sum(axis=1) + problem.beta * a, (a[:, None] * slope + problem.beta * U).ravel()]
        grads.append(G.sum(axis=0) + decay * b if has_bias else np.zeros(len(b)))
        return float(problem.loss_at(F) + penalty), np.concatenate(grads)

    x, _ = lbfgs(value, np.concatenate([root, u.ravel(), bias]), deadline=deadline, options=_options(problem))
    V, b = x[:k, None] * x[k : k + k * size_out].reshape(k, size_out), x[k + k * size_out :]
    N = residual(problem, read @ problem.by_readout(V) + b)
    norms = np.linalg.norm(V, axis=1)
    alive = norms > 1e-9 * norms.max(initial=0.0)
    return atoms[alive], V[alive], N, b


def _refit(
    problem: Problem, atoms: Array, V: Array, bias: Array, deadline: Deadline
) -> tuple[Array, Array, Array, Array]:
    """min loss(Σ a_k atom_k + b) + beta Σ|a_k| (+ beta/2 b²) by bounded L-BFGS; atoms and a in use, residual, b."""
    k = len(atoms)
    has_bias = problem.bias.has_output
    decay = problem.output_decay
    read = problem.pool(atoms.T)[:, 0].T  # (k, n)

    # a = a₊ - a₋ with both >= 0 makes |a| linear, which bounded L-BFGS can handle
    def value(t: Array) -> tuple[float, Array]:
        F = (read.T @ (t[:k] - t[k : 2 * k]) + t[-1])[:, None]
        G = problem.loss.gradient(F, problem.Y, problem.sample_weight)[:, 0]
        slope = read @ G
        b = G.sum() + decay * t[-1] if has_bias else 0.0
        total = problem.loss_at(F) + problem.beta * t[: 2 * k].sum() + 0.5 * decay * t[-1] ** 2
        return float(total), np.concatenate([slope + problem.beta, problem.beta - slope, [b]])

    bounds = [(0.0, None)] * (2 * k) + [(None, None) if has_bias else (0.0, 0.0)]
    start = np.append(np.zeros(2 * k), float(bias[0]) if has_bias else 0.0)
    x, _ = lbfgs(value, start, deadline=deadline, bounds=bounds, options=_options(problem))
    a = x[:k] - x[k : 2 * k]
    F = (read.T @ a + x[-1])[:, None]
    return atoms[a != 0], a[a != 0, None], residual(problem, F), x[-1:]


def _options(problem: Problem) -> Any:
    return {"maxiter": 3000, "maxfun": 5000, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-9 * problem.beta}


def unit_atoms(problem: Problem, network: TwoLayerReLU) -> tuple[Array, Array]:
    """phi(Xw) (m, R) on the rows for unit penalised norms of w, and the output vectors with them; the MOST_ATOMS largest."""
    W, V = problem.directions(network)
    # beside a column a million times as long the others have no digits left in a linear program
    short = np.linalg.norm(W, axis=1) < LONGEST
    W, V = W[short], V[short]
    largest = np.argsort(-np.linalg.norm(V, axis=1))[:MOST_ATOMS]
    return np.asarray(problem.activation(W[largest] @ problem.inputs.T)), V[largest]
