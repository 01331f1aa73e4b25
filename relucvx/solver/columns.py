"""Directions a round starts from: the network's own neurons, both sides of their walls, one of each bundle."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from relucvx.network import TwoLayerReLU
from relucvx.oracle.search import SAME_DIRECTION
from relucvx.program.problem import Problem
from relucvx.types import Array, BoolArray

NEAR_WALL = 1e-6
"""A neuron with |x_i·w| below this, relative to ||x_i|| ||w||, is started from both sides of the wall."""


def cells_of(problem: Problem, W: Array) -> BoolArray:
    """Activation patterns (k, R) of directions on the rows; zero rows count as True."""
    return np.asarray((W @ problem.inputs.T >= 0) | ~problem.inputs.any(axis=1))


def unit_pull(problem: Problem, N: Array, W: Array) -> Array:
    """Nᵀ phi(Xw) of each direction, normalised (k, c); ones where it vanishes."""
    pull = problem.activation(W @ problem.inputs.T) @ problem.spread(N)
    norm = np.linalg.norm(pull, axis=1, keepdims=True)
    return np.asarray(np.where(norm > 0, pull / np.maximum(norm, 1e-300), 1.0))


def beside(W: Array, V: Array, columns: Array, outputs: Array) -> tuple[Array, Array]:
    """Neurons W (m, D), V (m, c) and beside them new columns with their outputs, small: a descent is to make them grow."""
    # small beside the neurons, or their fit would be lost before the descent begins
    gain = 0.03 * (np.sqrt((W**2).sum(axis=1).mean()) if len(W) else 1.0)
    return np.vstack([W, gain * columns]), np.vstack([V, gain * outputs])


def own_starts(problem: Problem, network: TwoLayerReLU, reduce: Callable[[Array], Array]) -> Array:
    """The network's neurons, and points just off each side of up to three walls they lie on, reduced by ``reduce``."""
    X = problem.inputs
    lengths = np.linalg.norm(X, axis=1)
    out = []
    for w in problem.neurons(network)[0]:
        size = np.linalg.norm(w)
        if size == 0:
            continue
        out.append(w)
        # search climbs within cells: from a wall it must be told which side to begin on, so that both are tried
        walls = np.flatnonzero((np.abs(X @ w) <= NEAR_WALL * lengths * size) & (lengths > 0))[:3]
        for signs in itertools.product((1.0, -1.0), repeat=len(walls)):
            step = sum(s * X[i] / lengths[i] for s, i in zip(signs, walls, strict=True))
            out.append(w + 1e-3 * size * np.asarray(step))
    if not out:
        return np.zeros((0, len(reduce(np.zeros(X.shape[1])))))
    return np.array([reduce(w) for w in out])


def distinct(W: Array, V: Array, size: Array) -> BoolArray:
    """Mask of one neuron, the largest, of each bundle that points nearly the same way with the same outputs."""
    unit = W / np.maximum(np.linalg.norm(W, axis=1, keepdims=True), 1e-300)
    chosen: list[int] = []
    # the largest of a bundle stands for it: the others would give cells next to its own
    for i in np.argsort(-size):
        if not chosen or not ((unit[chosen] @ unit[i] > SAME_DIRECTION) & (V[chosen] @ V[i] > 0)).any():
            chosen.append(int(i))
    return np.isin(np.arange(len(W)), chosen)
