"""Newton's method on networks with several outputs, neurons held on their walls.

Between walls the weight-decay objective is smooth in all weights at once,

    f(q, V, b) = loss(Σ_j D_j X Z_j q_j v_jᵀ + 1 bᵀ) + beta/2 Σ_j (||w_j||_p² + ||v_j||²) (+ beta/2 ||b||²),  w_j = Z_j q_j,

where the columns of Z_j span the directions that keep neuron j on its walls. Damped Newton steps give the fit, hence the dual
point, to rounding; :mod:`relucvx.solver.walls` corrects the walls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.solver.newton import STATIONARY, damped, last_resort, within_reach
from relucvx.solver.walls import FIRST_GUESS, correct, near_walls, wall_basis
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray

linalg = later("scipy.linalg")

STEPS, PATIENCE = 40, 8
"""Newton takes so many steps at most, and gives up when so many have not halved the gradient."""

MOST_NEURONS = 120
"""Larger supports are left to the convex steps: they hold dust, and a Newton step costs their cube."""


@dataclass
class Neurons:
    """Lifted neurons W (k, D), cell sides (k, n) as ±1, walls held (k, n), outputs V (k, c), output bias (c,)."""

    problem: Problem
    W: Array
    sides: Array
    walls: BoolArray
    V: Array
    bias: Array

    def newton(self, deadline: Deadline) -> bool:
        """Move everything to a stationary point within the walls held; whether one was reached."""
        return JointNewton(self.problem, self).run(deadline)

    def slopes(self, F: Array) -> Array:
        """What one more unit of the fit F (n, c) costs, (n, c): the gradient of the loss."""
        return self.problem.loss.gradient(F, self.problem.Y, self.problem.sample_weight)

    def keep(self, mask: BoolArray) -> None:
        """Only the neurons where ``mask`` is True go on."""
        self.W, self.V, self.sides, self.walls = self.W[mask], self.V[mask], self.sides[mask], self.walls[mask]

    def hold(self, before: Array, crossed: BoolArray) -> None:
        """Hold each neuron on the first wall it crossed: the objective is not convex, and beyond it is another one."""
        old, new = before @ self.problem.inputs.T, self.W @ self.problem.inputs.T
        move = np.where(crossed, np.abs(old) / np.maximum(np.abs(old - new), 1e-300), np.inf)
        for j in np.flatnonzero(crossed.any(axis=1)):
            self.walls[j] |= crossed[j] & (move[j] <= move[j].min() * (1 + 1e-9) + 1e-12)

    def release(self) -> bool:
        """Let go of the most wrongly held wall of each neuron, on the side where that pays; True if any was released.

        With multiplier m of the neuron's own side, the other side has ``-m + hinge·(G v)_i ||x_i||``: there sample i has the
        other slope. Both must be non-negative on a wall that is rightly held.
        """
        problem, X, p = self.problem, self.problem.inputs, self.problem.penalized
        gates = problem.activation.gate(self.sides > 0)
        G = problem.spread(self.slopes(problem.combine((gates * (self.W @ X.T)).T, self.V) + self.bias))
        released = False
        for j in range(len(self.W)):
            rows = np.flatnonzero(self.walls[j])
            if not len(rows):
                continue
            pull = X.T @ (gates[j] * (G @ self.V[j]))
            pull[:p] += problem.beta * self.W[j, :p]
            lengths = np.linalg.norm(X[rows], axis=1)
            normals = self.sides[j, rows, None] * X[rows] / lengths[:, None]
            # on the wall the objective may fall to either side, and each has a multiplier of its own
            own = np.linalg.lstsq(normals.T, pull, rcond=1e-10)[0]
            other = -own + problem.activation.hinge * (G[rows] @ self.V[j]) * lengths
            worst = int(np.argmin(np.minimum(own, other)))
            # released on the side where it falls, and the sample gets the slope of that side
            if min(own[worst], other[worst]) < -1e-9 * problem.beta * np.linalg.norm(self.W[j, :p]):
                self.walls[j, rows[worst]] = False
                self.sides[j, rows[worst]] *= 1.0 if own[worst] <= other[worst] else -1.0
                released = True
        return released


def joint_polish(
    problem: Problem,
    W: Array,
    V: Array,
    bias: Array,
    guesses: tuple[float, ...] = FIRST_GUESS,
    deadline: Deadline | None = None,
) -> Iterator[tuple[Array, Array, Array]]:
    """Refined candidates (W, V, output bias), one for each first guess of the walls.

    Notes
    -----
    Status: heuristic (the caller compares objectives, the certificate judges). Source: [relucvx]
    """
    deadline = deadline or Deadline()
    if not problem.loss.smooth or not 0 < len(W) <= MOST_NEURONS:
        return
    if not within_reach(problem, W.size + V.size, len(W), deadline):
        return
    seen: list[BoolArray] = []
    for guess in guesses:
        near = near_walls(problem, W, guess)
        if any(np.array_equal(near, walls) for walls in seen):
            continue
        seen.append(near.copy())
        # neurons balanced, as at every optimum, so that neither half of a neuron is much stiffer than the other
        root = np.sqrt(
            np.maximum(np.linalg.norm(V, axis=1), 1e-300) / np.linalg.norm(W[:, : problem.penalized], axis=1)
        )
        sides = np.where(W @ problem.inputs.T >= 0, 1.0, -1.0)
        neurons = Neurons(problem, W * root[:, None], sides, near, V / root[:, None], bias.copy())
        correct(neurons, deadline)
        yield neurons.W, neurons.V, neurons.bias


class JointNewton:
    """Damped Newton on the smooth objective; writes the neurons back where it ends."""

    def __init__(self, problem: Problem, neurons: Neurons) -> None:
        self.problem, self.neurons = problem, neurons
        self.n, self.c = problem.Y.shape
        self.k, self.p = len(neurons.W), problem.penalized
        self.outs = problem.n_weights_out
        self.has_bias = problem.bias.has_output
        self.decay = problem.output_decay
        self.bases = [wall_basis(problem, neurons.walls[j], neurons.W[j]) for j in range(self.k)]
        gates = problem.activation.gate(neurons.sides > 0)
        # what samples read of each neuron, (n, K, coordinates)
        self.maps = [problem.pool((gates[j][:, None] * problem.inputs) @ self.bases[j]) for j in range(self.k)]
        self.metrics = [Z[: self.p].T @ Z[: self.p] for Z in self.bases]
        self.cuts = np.concatenate([[0], np.cumsum([Z.shape[1] for Z in self.bases])]).astype(int)
        self.at_v = int(self.cuts[-1])
        self.at_b = self.at_v + self.k * self.outs

    def run(self, deadline: Deadline) -> bool:
        """Iterate until the gradient is down to rounding or no step helps; True when it is small against beta."""
        x = self.position()
        value = self.value(x)
        sizes: list[float] = []
        for _ in range(STEPS):
            if deadline.passed():
                break
            g, H, noise = self.derivatives(x)
            sizes.append(float(np.abs(g).max(initial=0.0)))
            # down to rounding, or without progress for a while: saddles are left to the caller's other guesses
            if sizes[-1] <= 0.1 * noise or min(sizes[-PATIENCE:]) > 0.5 * min(sizes[:-PATIENCE], default=np.inf):
                break
            direction = _descent(H, g, deadline)
            found = damped(self.value, x, value, direction)
            if found is None:
                break
            x, value, moved = found
            if not moved:
                break
        self.write(x)
        # the gradient is that of a penalty beta w: small means small against beta times the weights
        scale = self.problem.beta * float(np.abs(x).max(initial=0.0))
        return bool(sizes) and sizes[-1] <= STATIONARY * scale + noise

    def position(self) -> Array:
        """All unknowns (q, V, b) in one vector."""
        neurons = self.neurons
        bias = [neurons.bias] if self.has_bias else []
        return np.concatenate(
            [Z.T @ w for Z, w in zip(self.bases, neurons.W, strict=True)] + [neurons.V.ravel(), *bias]
        )

    def write(self, x: Array) -> None:
        """Put the neurons where the unknowns say."""
        neurons = self.neurons
        neurons.W = np.array([Z @ self.part(x, j) for j, Z in enumerate(self.bases)])
        neurons.V = x[self.at_v : self.at_b].reshape(self.k, self.outs).copy()
        if self.has_bias:
            neurons.bias = x[self.at_b :].copy()

    def part(self, x: Array, j: int) -> Array:
        """The coordinates q_j."""
        return x[self.cuts[j] : self.cuts[j + 1]]

    def fit(self, x: Array) -> tuple[Array, Array]:
        """Fit (n, c) and what samples read of the neurons (n, K, k)."""
        hidden = np.stack([A @ self.part(x, j) for j, A in enumerate(self.maps)], axis=2)
        V = x[self.at_v : self.at_b].reshape(self.k, self.outs)
        F = hidden.reshape(self.n, -1) @ self.problem.by_readout(V)
        return (F + x[self.at_b :] if self.has_bias else F), hidden

    def value(self, x: Array) -> float:
        """The objective with gates held."""
        norms = sum(float(self.part(x, j) @ M @ self.part(x, j)) for j, M in enumerate(self.metrics))
        v, b = x[self.at_v : self.at_b], x[self.at_b :]
        decay = 0.5 * self.problem.beta * (norms + float(v @ v)) + 0.5 * self.decay * float(b @ b)
        return self.problem.loss_at(self.fit(x)[0]) + decay

    def derivatives(self, x: Array) -> tuple[Array, Array, float]:
        """Gradient, Hessian, and the rounding of the gradient."""
        problem = self.problem
        F, flat = self.jacobian(x)
        G = problem.loss.gradient(F, problem.Y, problem.sample_weight)
        noise = 64 * EPS * float((np.abs(flat).T @ np.abs(G.ravel())).max(initial=0.0))
        H = self.curvature(G)
        g = flat.T @ G.ravel() + self.decay_of(x)
        H += flat.T @ problem.loss.curvature(F, problem.Y, problem.sample_weight, flat)
        if self.has_bias and problem.loss.shift_invariant:
            # a common shift of the logits is no move
            H[self.at_b :, self.at_b :] += problem.sample_weight.sum() / self.c**2
        return g, H, noise

    def jacobian(self, x: Array) -> tuple[Array, Array]:
        """The fit (n, c), and its derivative (n c, unknowns), samples major."""
        c, K = self.c, self.problem.n_readouts
        V = x[self.at_v : self.at_b].reshape(self.k, K, c)
        F, hidden = self.fit(x)
        # in q through the output vectors, in V through the activity, in the bias ones
        J = np.zeros((self.n, c, len(x)))
        for j, A in enumerate(self.maps):
            J[:, :, self.cuts[j] : self.cuts[j + 1]] = np.einsum("nkq,kc->ncq", A, V[j])
        for a in range(c):
            # outputs stand neuron by neuron, and of each read-out by read-out
            J[:, a, self.at_v + a : self.at_b : c] = hidden.transpose(0, 2, 1).reshape(self.n, -1)
            if self.has_bias:
                J[:, a, self.at_b + a] = 1.0
        return F, J.reshape(self.n * c, -1)

    def curvature(self, G: Array) -> Array:
        """Second derivative of the weight decay and of ``<G, F>``: what a Gauss-Newton step leaves out."""
        size = self.at_b + (self.c if self.has_bias else 0)
        H = np.diag(self._strengths(size))
        # input and output of a neuron multiply each other, and have a mixed derivative
        for j, A in enumerate(self.maps):
            at = slice(self.cuts[j], self.cuts[j + 1])
            out = slice(self.at_v + j * self.outs, self.at_v + (j + 1) * self.outs)
            cross = np.einsum("nkq,nc->qkc", A, G).reshape(-1, self.outs)
            H[at, out] += cross
            H[out, at] += cross.T
            H[at, at] += self.problem.beta * self.metrics[j]
        return H

    def decay_of(self, x: Array) -> Array:
        """Gradient of the weight decay."""
        g = self._strengths(len(x)) * x
        for j, M in enumerate(self.metrics):
            g[self.cuts[j] : self.cuts[j + 1]] += self.problem.beta * M @ self.part(x, j)
        return g

    def _strengths(self, size: int) -> Array:
        """Weight decay of outputs and output bias, unknown by unknown; 0 for inputs, whose norm is a matrix."""
        decay = [np.zeros(self.at_v), np.full(self.at_b - self.at_v, self.problem.beta)]
        return np.concatenate([*decay, np.full(size - self.at_b, self.decay)])


def _descent(H: Array, g: Array, deadline: Deadline) -> Array:
    """-H⁻¹g where H is positive definite, else with its eigenvalues made positive; flat directions are left alone."""
    if not len(H):
        return -g
    # at a saddle H is indefinite: there the step goes down along its negative directions, too
    try:
        return np.asarray(-linalg.cho_solve(linalg.cho_factor(H), g))
    except np.linalg.LinAlgError:
        return -last_resort(lambda: _along_eigenvectors(H, g), np.zeros_like(g), deadline)


def _along_eigenvectors(H: Array, g: Array) -> Array:
    values, vectors = np.linalg.eigh(H)
    size = np.abs(values)
    flat = size <= 1e-11 * size.max()
    return np.asarray(vectors @ (np.where(flat, 0.0, 1.0) * (vectors.T @ g) / np.where(flat, 1.0, size)))
