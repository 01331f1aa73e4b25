"""Which dual point to try for a network that comes without one.

For smooth losses there is one choice, minus the gradient at the network's fit. The hinge has a kink at margin 1, where
trained networks put many samples, and an arbitrary subgradient can prove next to nothing: there the point comes from a
cutting-plane linear program.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from relucvx.network import TwoLayerReLU
from relucvx.oracle import make_form
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual, residual
from relucvx.program.objective import fit
from relucvx.program.problem import Problem
from relucvx.types import Array

ROUNDS = 60


def choose_dual(problem: Problem, network: TwoLayerReLU) -> Array:
    """A dual point (n, c) for the network: the residual, or for a kinked loss the cutting-plane optimum.

    Notes
    -----
    Status: heuristic (any point is valid; a better one proves more). Source: [relucvx]
    """
    F = fit(problem, network)
    if problem.loss.smooth or problem.n_outputs > 1 or not np.isfinite(F).all():
        N = residual(problem, F)
        return N if np.isfinite(N).all() else np.zeros_like(N)
    total = problem.beta * float(network.bias_out[0]) if problem.bias == "all" and network.bias_out is not None else 0.0
    atoms = _unit_atoms(problem, network)
    N, _ = cutting_planes(problem, atoms, None if problem.bias in ("none", "hidden") else total)
    return N


def cutting_planes(
    problem: Problem, atoms: Array, total: float | None, minimise_norm: bool = False
) -> tuple[Array, float]:
    """Maximise the linear dual value over the box subject to |N·atom| <= beta, adding violated atoms.

    Parameters
    ----------
    atoms : ndarray, shape (k, n)
        phi(Xw) of unit directions to start from.
    total : float or None
        Prescribed sum of N (0 for free biases), None for no constraint.
    minimise_norm : bool
        Instead minimise max |N·atom| over the subdifferential at the null network: the hinge's beta_max.

    Returns
    -------
    N : ndarray, shape (n, 1)
    level : float
        beta, or the minimised maximum over the atoms found (a lower bound on the minimum over all atoms).
    """
    y, w = problem.Y, problem.sample_weight
    n = problem.n_samples
    if minimise_norm:
        null_fit = np.tile(problem.null_bias(), (n, 1))
        low, high = problem.loss.subgradient_bounds(null_fit, y, w, 1e-9)
        lo, hi = -high[:, 0], -low[:, 0]
    else:
        lo, hi = (b[:, 0] for b in problem.loss.dual_bounds(y, w))
    N, level = balance_dual(problem, np.clip(np.zeros_like(y), lo[:, None], hi[:, None])), problem.beta
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        cost = np.append(np.zeros(n) if minimise_norm else -y[:, 0], 1.0 if minimise_norm else 0.0)
        rows = np.concatenate([atoms, -atoms]) if len(atoms) else np.zeros((0, n))
        A = np.column_stack([rows, np.full(len(rows), -1.0 if minimise_norm else 0.0)])
        b = np.zeros(len(rows)) if minimise_norm else np.full(len(rows), problem.beta)
        eq = None if total is None else np.append(np.ones(n), 0.0)[None]
        out = linprog(
            cost, A_ub=A if len(A) else None, b_ub=b if len(A) else None, A_eq=eq,
            b_eq=None if total is None else [total], bounds=[*zip(lo, hi, strict=True), (0, None)], method="highs",
        )  # fmt: skip
        if out.x is None:
            break
        N = balance_dual(problem, out.x[:n, None])
        level = float(out.x[n]) if minimise_norm else problem.beta
        form = make_form(problem.inputs, N, problem.activation, free_bias=problem.bias == "free")
        starts = random_directions(form, 256, rng)
        directions, _ = local_maxima(form, starts, above=level * (1 + 1e-8) + 1e-12 * form.scale)
        if not len(directions):
            break
        W = np.array([form.to_original(d) for d in directions])
        atoms = np.concatenate([atoms, problem.activation(W @ problem.inputs.T)])
    return N, level


def _unit_atoms(problem: Problem, network: TwoLayerReLU) -> Array:
    """phi(Xw) (m, n) of the network's neurons, each scaled to unit penalised norm."""
    W = np.array(network.lifted_in)
    if problem.bias != "none" and W.shape[1] == problem.n_features:
        W = np.column_stack([W, np.zeros(len(W))])
    lead = np.linalg.norm(W[:, : problem.penalized], axis=1)
    keep = (lead > 1e-150) & (np.linalg.norm(W, axis=1) < 1e6 * lead)
    W = W[keep] / lead[keep, None]
    return np.asarray(problem.activation(W @ problem.inputs.T))
