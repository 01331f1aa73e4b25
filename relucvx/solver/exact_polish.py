"""Newton's method on the neurons of an exact fit of least norm, several outputs at once, neurons held on their walls.

Between walls the stationary points of ``1/2 Σ_j (||w_j||_p² + ||v_j||²) (+ 1/2 ||b||²)`` subject to ``F = Y`` are zeros of

    r(x, N) = (decay(x) - J(x)ᵀ N,  F(x) - Y),

with weights x = (q, V, b) as in :mod:`relucvx.solver.joint_polish` and multipliers N (n, c), and Newton steps take them to
rounding. Where neurons are fewer than what the fit determines, N is not determined: each step then moves it as little as
possible, so that a feasible dual point stays one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline
from relucvx.program.problem import Problem
from relucvx.solver.joint_polish import JointNewton, Neurons
from relucvx.solver.walls import FIRST_GUESS, correct, near_walls
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray

STEPS, HALVINGS = 20, 6
"""Newton takes so many steps at most, each halved so often as long as the residual r does not fall."""

MOST_UNKNOWNS = 700
"""Weights and multipliers together, beyond which the least-squares steps would take seconds."""

SOLVED = 1e-9
"""The residual r has vanished, relative to the weights and the targets."""

OPEN = 1e-9
"""Singular values of the derivative of the fit below this share of the largest leave multipliers open."""

RANK = 1e-12
"""Singular values below this share of the largest are no directions to step in."""


@dataclass
class ExactNeurons(Neurons):
    """Neurons whose fit is to be Y, with its multipliers N (n, c)."""

    N: Array
    least: Array | None = None

    def newton(self, deadline: Deadline) -> bool:
        """Move weights and multipliers to a stationary point within the walls held; whether one was reached."""
        return _ExactNewton(self.problem, self).run_exact(self, deadline)

    def slopes(self, F: Array) -> Array:
        """Minus the multipliers: one more unit of the fit costs what the constraint says."""
        return -self.N


def exact_polish(
    problem: Problem, W: Array, V: Array, bias: Array, N: Array, deadline: Deadline
) -> Iterator[tuple[Array, Array, Array, tuple[Array, ...]]]:
    """Candidates (W, V, output bias, multipliers), one for each first guess of the walls.

    Of the multipliers that fit the neurons those nearest to N come first, the shortest ones second: where neurons leave much
    open, the shortest are often feasible long before a way to them from N is found.

    Parameters
    ----------
    problem : Problem
        With beta = 1: penalties are read in units of the norm, and the loss plays no part.

    Notes
    -----
    Status: heuristic (the caller compares norms and fits). Source: [relucvx]
    """
    if not len(W) or W.size + V.size + N.size > MOST_UNKNOWNS:
        return
    seen: list[BoolArray] = []
    for guess in FIRST_GUESS:
        near = near_walls(problem, W, guess)
        if any(np.array_equal(near, walls) for walls in seen) or deadline.passed():
            continue
        seen.append(near.copy())
        root = np.sqrt(
            np.maximum(np.linalg.norm(V, axis=1), 1e-300) / np.linalg.norm(W[:, : problem.penalized], axis=1)
        )
        sides = np.where(W @ problem.inputs.T >= 0, 1.0, -1.0)
        neurons = ExactNeurons(problem, W * root[:, None], sides, near, V / root[:, None], bias.copy(), N.copy())
        correct(neurons, deadline)
        shortest = () if neurons.least is None else (neurons.least,)
        yield neurons.W, neurons.V, neurons.bias, (neurons.N, *shortest)


class _ExactNewton(JointNewton):
    """Newton steps on weights and multipliers together."""

    def run_exact(self, neurons: ExactNeurons, deadline: Deadline) -> bool:
        """Iterate until the residual is down to rounding or does not fall; True when it is small."""
        x, N = self.position(), neurons.N
        r, J = self.residual(x, N)
        for _ in range(STEPS):
            if deadline.passed() or np.abs(r).max(initial=0.0) <= 16 * EPS * self.scale(x):
                break
            # the derivative of r; singular where optima are not unique, and then the shortest step is taken
            K = np.block([[self.curvature(-N), -J.T], [J, np.zeros((len(J), len(J)))]])
            step = np.linalg.lstsq(K, -r, rcond=RANK)[0]
            t = 1.0
            for _ in range(HALVINGS):
                ahead = x + t * step[: len(x)], N + t * step[len(x) :].reshape(N.shape)
                fresh = self.residual(*ahead)
                if np.linalg.norm(fresh[0]) < np.linalg.norm(r):
                    break
                t *= 0.5
            else:
                break
            (x, N), (r, J) = ahead, fresh
        self.write(x)
        neurons.N = N
        least = np.asarray(np.linalg.lstsq(J.T, self.decay_of(x), rcond=OPEN)[0])
        neurons.least = np.reshape(least, N.shape)
        return bool(np.abs(r).max(initial=0.0) <= SOLVED * self.scale(x))

    def residual(self, x: Array, N: Array) -> tuple[Array, Array]:
        """r(x, N), and the derivative of the fit."""
        F, J = self.jacobian(x)
        return np.concatenate([self.decay_of(x) - J.T @ N.ravel(), (F - self.problem.Y).ravel()]), J

    def scale(self, x: Array) -> float:
        """The size of weights and targets, against which a residual is small."""
        return max(float(np.abs(x).max(initial=0.0)), float(np.abs(self.problem.Y).max()))
