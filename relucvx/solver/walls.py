"""Walls that neurons are held on while Newton moves them: guessed, added where one is crossed, released where it pays.

On a wall x_i·w = 0 the objective has a kink; between walls it is smooth. So the walls are treated like an active set around
a Newton method that moves each neuron in the subspace of its walls: what Newton crosses becomes a wall, and a wall whose
multiplier has the wrong sign is none any more.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from relucvx.deadline import Deadline
from relucvx.program.problem import Problem
from relucvx.types import Array, BoolArray

FIRST_GUESS = (1e-5, 1e-4, 1e-7)
"""|x_i·w| below this share of ||x_i|| ||w||: the neuron is taken to lie on that wall, to begin with."""

CORRECTIONS = 25  # of the walls, with a Newton method after each

VANISHING = 0.05
"""When Newton does not converge, the smallest neuron is dropped if it is below this share of the largest: it was on its
way to zero, where its norm has no gradient."""

CROSSED = 1e-12
"""A wall is crossed when x_i·w has the wrong sign by more than this share of ||x_i|| ||w||."""


class Held(Protocol):
    """Neurons between walls: positions W (k, D), sides (k, n) as ±1 and walls held (k, n)."""

    problem: Problem
    W: Array
    sides: Array
    walls: BoolArray

    def newton(self, deadline: Deadline) -> bool:
        """Move the neurons within their walls to a stationary point; whether one was reached."""
        ...

    def keep(self, mask: BoolArray) -> None:
        """Only the neurons where ``mask`` is True go on."""
        ...

    def hold(self, before: Array, crossed: BoolArray) -> None:
        """Hold walls that the neurons crossed on their way from the positions ``before``."""
        ...

    def release(self) -> bool:
        """Let go of walls that are wrongly held; whether there were any."""
        ...


def correct(held: Held, deadline: Deadline) -> bool:
    """Newton with the walls held, then add crossed and release wrongly held walls, until neither happens.

    True when it ends there, at a stationary point: nothing is left to correct.
    """
    problem, lengths = held.problem, np.linalg.norm(held.problem.inputs, axis=1)
    for _ in range(CORRECTIONS):
        before = held.W
        converged = held.newton(deadline)
        if deadline.passed():
            return False
        size = np.linalg.norm(held.W[:, : problem.penalized], axis=1)
        if not converged and len(size) > 1 and size.min() < VANISHING * size.max():
            held.keep(np.arange(len(size)) != int(size.argmin()))
            continue
        whole = np.linalg.norm(held.W, axis=1, keepdims=True)
        beyond = held.sides * (held.W @ problem.inputs.T) < -CROSSED * lengths * whole
        beyond &= ~held.walls & (whole > 0)
        if beyond.any():
            held.hold(before, beyond)
            continue
        # everything is inside its cell: only now do multipliers say which walls are held for nothing
        if not held.release():
            return converged
    return False


def near_walls(problem: Problem, W: Array, guess: float) -> BoolArray:
    """Mask (k, n) of the walls that neurons W (k, D) are within a share ``guess`` of; zero rows are no walls."""
    lengths = np.linalg.norm(problem.inputs, axis=1)
    near = np.abs(W @ problem.inputs.T) <= guess * lengths * np.linalg.norm(W, axis=1, keepdims=True)
    return np.asarray(near & (lengths > 0))


def wall_basis(problem: Problem, walls: BoolArray, u: Array) -> Array:
    """Orthonormal basis of the directions that keep u on its walls; all of them when the walls leave none."""
    rows = problem.inputs[walls]
    if not len(rows):
        return np.eye(problem.n_inputs)
    basis = null_basis(rows / np.linalg.norm(rows, axis=1, keepdims=True), problem.n_inputs)
    return basis if basis.shape[1] and np.linalg.norm(basis.T @ u) > 0 else np.eye(problem.n_inputs)


def null_basis(unit: Array, dim: int) -> Array:
    """Orthonormal basis (dim, k) of the directions orthogonal to all rows, which are of unit length."""
    if not len(unit):
        return np.eye(dim)
    # of many rows the triangle has the same null space, and no factor of rows x rows is formed
    _, s, Vt = np.linalg.svd(np.linalg.qr(unit, mode="r") if len(unit) > 2 * dim else unit)
    return np.asarray(Vt[int((s > 1e-9).sum()) :].T)
