"""Active directions and their polytope for several outputs, or several read-outs of bags.

With the optimal dual point N*, a neuron of an optimum has a direction w with ``||N*ᵀ phi(Xw)|| = beta`` and its output
vector along ``N*ᵀ phi(Xw)``: once w is known the atom ``phi(Xw) v̂ᵀ`` is fixed, and the optima over given directions are
again a polytope of coefficients. Bags have a dual point and an output vector for each read-out, put together in one vector.
Within a cell the norm is convex in w, not concave, so that the scalar proof of completeness does not carry over; directions
can form a continuum.
"""

from __future__ import annotations

import numpy as np

from relucvx.certificate.active_directions import ActiveSet
from relucvx.certificate.polytope import Polytope
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.oracle import form_of
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.problem import Problem
from relucvx.types import Array

STARTS = 512
REACHED = 1e-7
"""A direction found by search is active when its value is within this share of beta."""

SAME = 1e-6
"""Directions with 1 - cosine below this are one: search ends within an angle of 1e-3 where the maximum is flat."""

MOST = 200
"""Directions kept at most; a continuum has no end of them."""


def find_active_vectors(
    problem: Problem, N: Array, network: TwoLayerReLU, delta: float | None, rng: np.random.Generator, deadline: Deadline
) -> ActiveSet:
    """The network's own directions and those that search finds at beta, with their unit output vectors (k, K c).

    Notes
    -----
    ``complete`` is always False.

    Status: heuristic (search finds directions; that there is no other is not proven). Source: [relucvx]
    """
    form = form_of(problem, N)
    empty = np.zeros((0, problem.n_inputs))
    if form.trivial:
        return ActiveSet(empty, np.zeros((0, problem.n_weights_out)), np.zeros(0), False, 0.0, False, False, 0)
    steepest = max(abs(problem.activation.slope_neg), abs(problem.activation.slope_pos))
    # how much the value may differ for the optimal dual point; more than a permille of beta says nothing
    doubt = 0.0 if delta is None else min(steepest * delta * form.reach, 1e-3 * problem.beta)
    points, values = local_maxima(
        form, random_directions(form, STARTS, rng), iterations=300, limit=MOST, deadline=deadline.share(0.3)
    )
    found = points[values >= problem.beta * (1.0 - REACHED) - doubt]
    W = np.concatenate(
        [
            problem.directions(network)[0],
            np.array([form.to_original(w) for w in found]).reshape(-1, problem.n_inputs),
        ]
    )
    # around a smooth maximum a share e of the value is lost at an angle of sqrt(2 e)
    same = max(SAME, 4.0 * (REACHED + doubt / problem.beta))
    unit = W / np.linalg.norm(W, axis=1, keepdims=True)
    chosen: list[int] = []
    for j in range(len(W)):
        if len(chosen) < MOST and (not chosen or float(np.max(unit[chosen] @ unit[j])) < 1.0 - same):
            chosen.append(j)
    W = W[chosen]
    # once w is known the output vector is: along Nᵀ phi(Xw)
    pull = problem.activation(W @ problem.inputs.T) @ problem.spread(N)
    size = np.linalg.norm(pull, axis=1)
    keep = size > 0
    return ActiveSet(W[keep], pull[keep] / size[keep, None], size[keep], False, 0.0, False, False, 0)


def vector_polytope(
    problem: Problem, N: Array, F: Array, active: ActiveSet, delta: float, network: TwoLayerReLU
) -> Polytope:
    """{c >= 0 : Σ c_k phi(X w_k) v̂_kᵀ = F}, up to what an output bias (and for logits a common shift) absorbs."""
    atoms = problem.fits(problem.activation(problem.inputs @ active.directions.T), active.signs)
    target = F - problem.neurons(network)[2] if problem.bias.decays_output else F
    # an output bias takes up any constant, so that only what is centred counts
    if problem.bias.is_free:
        atoms, target = atoms - atoms.mean(axis=1, keepdims=True), target - target.mean(axis=0)
    if problem.loss.shift_invariant:
        atoms, target = atoms - atoms.mean(axis=2, keepdims=True), target - target.mean(axis=1, keepdims=True)
    # several outputs: the dual point fixes the whole fit where a sample has weight, and nothing elsewhere
    used = np.repeat(problem.sample_weight > 0, problem.n_outputs)
    free = np.full(F.size, np.inf)
    columns = np.ascontiguousarray(atoms.reshape(len(atoms), -1).T)
    return Polytope(columns, target.ravel(), used, -free, free, False)
