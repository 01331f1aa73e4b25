"""Dual points of min P(network) - ε <K, M>, K the kernel of the network: heuristic, whoever proves them.

A neuron of unit direction u and ||w||·||v|| = c costs c κ(u) at its best scaling, κ(u)² = β (β - 2 ε q(u)) and
q(u) = phi(Xu)ᵀ M phi(Xu). So the problem is a group lasso with a price for each direction, over the directions that are known;
those that its residual N violates, ||Nᵀ phi(Xu)||² + 2 ε β q(u) > β², are found by local search and join.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.certificate.dual_points.relaxed_program import AtomProgram
from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.oracle.form import form_of
from relucvx.oracle.search import random_directions
from relucvx.oracle.signed import Difference, difference_of, signed_maxima
from relucvx.program.duality import balance_dual, residual
from relucvx.program.problem import Problem
from relucvx.types import Array

linalg = later("scipy.linalg")

ROUNDS = 25
"""Sets of directions that are tried for one ε."""

RANDOM_STARTS = 48

SATISFIED = 1e-13
"""Violations of β² up to this share are rounding."""

MOST_ATOMS = 300

SAME = 1e-13
"""Directions with a larger cosine than 1 - SAME count as one."""


@dataclass(frozen=True)
class Functional:
    """<K, M> with M = plus plusᵀ - minus minusᵀ, up to rounding.

    Attributes
    ----------
    matrix : ndarray, shape (n, n)
    plus, minus : ndarrays, shapes (n, a), (n, b)
    """

    matrix: Array
    plus: Array
    minus: Array

    @classmethod
    def of(cls, M: Array) -> Functional:
        """Split a symmetric matrix by the signs of its eigenvalues."""
        values, vectors = np.linalg.eigh(M)
        size = np.abs(values).max(initial=0.0)
        up, down = values > 1e-14 * size, values < -1e-14 * size
        return cls(M, vectors[:, up] * np.sqrt(values[up]), vectors[:, down] * np.sqrt(-values[down]))

    def negative(self) -> Functional:
        """The functional of -M."""
        return Functional(-self.matrix, self.minus, self.plus)

    def of_directions(self, problem: Problem, U: Array) -> Array:
        """q (k,) of directions U (k, D)."""
        H = problem.pool(problem.activation(problem.inputs @ U.T))
        return np.asarray(np.einsum("ark,ab,brk->k", H, self.matrix, H, optimize=True))


@dataclass(frozen=True)
class Perturbed:
    """A dual point for one ε, its largest h/β² that search finds, what rounding adds to the root of a proof, and the network
    of the restricted program."""

    epsilon: float
    N: Array
    top: float
    rounding: float
    directions: Array
    network: TwoLayerReLU


class Lasso:
    """The restricted program over the atoms at hand, for any ε.

    Parameters
    ----------
    problem : Problem
    functional : Functional
    network : TwoLayerReLU
        Its neurons are the first atoms.
    """

    def __init__(
        self, problem: Problem, functional: Functional, network: TwoLayerReLU, rng: np.random.Generator
    ) -> None:
        self.problem, self.functional, self.rng = problem, functional, rng
        self.U, self.V = np.zeros((0, problem.n_inputs)), np.zeros((0, problem.n_weights_out))
        self.atoms, self.q, self.a = np.zeros((0, problem.Y.size)), np.zeros(0), np.zeros(0)
        self.bias = problem.neurons(network)[2].copy()
        W, V = problem.directions(network)
        size = np.linalg.norm(V, axis=1)
        alive = size > 0
        self.add(W[alive], V[alive] / size[alive, None], size[alive])

    def add(self, U: Array, V: Array, a: Array | None = None) -> None:
        """More atoms, of unit directions U and unit outputs V."""
        problem = self.problem
        H = problem.activation(problem.inputs @ U.T)
        fits = problem.fits(H, V).reshape(len(U), problem.Y.size)
        self.U, self.V = np.concatenate([self.U, U]), np.concatenate([self.V, V])
        self.atoms = np.concatenate([self.atoms, fits])
        self.q = np.concatenate([self.q, self.functional.of_directions(problem, U)])
        self.a = np.concatenate([self.a, np.zeros(len(U)) if a is None else a])

    def prices(self, epsilon: float) -> Array:
        """κ (k,) of the atoms; 0 where ε is so large that a neuron has none."""
        beta = self.problem.beta
        return np.sqrt(np.maximum(beta * (beta - 2.0 * epsilon * self.q), 0.0))

    def columns(self, N: Array, epsilon: float) -> tuple[Array, Array]:
        """The matrices A and C of the constraint ||Aᵀ phi||² - ||Cᵀ phi||² <= β²."""
        root = np.sqrt(2.0 * epsilon * self.problem.beta)
        return np.hstack([N, root * self.functional.plus]), root * self.functional.minus

    def at(self, epsilon: float, deadline: Deadline, enough: float = SATISFIED) -> Perturbed | None:
        """Column generation at ε; None where ε is too large for one of the directions."""
        problem = self.problem
        found: Perturbed | None = None
        for _ in range(ROUNDS):
            cost = self.prices(epsilon)
            if not cost.all():
                return None
            N = balance_dual(problem, self._solve(cost, deadline))
            points, h = self._violations(N, epsilon)
            top = float(h.values(points[:1].T)[0]) * 4.0**-h.lift / problem.beta**2 if len(points) else 0.0
            values = h.values(points.T) * 4.0**-h.lift if len(points) else np.zeros(0)
            if found is None or top < found.top:
                U = np.array([h.more.to_original(p) for p in points]).reshape(-1, problem.n_inputs)
                found = Perturbed(epsilon, N, top, h.rounding(problem.beta), U, self._network(cost))
            fresh = points[values > problem.beta**2 * (1.0 + enough)]
            if not len(fresh) or deadline.passed():
                break
            if not self.enter(np.array([h.more.to_original(p) for p in fresh]), N):
                break
        return found

    def _violations(self, N: Array, epsilon: float) -> tuple[Array, Difference]:
        h = difference_of(self.problem, *self.columns(N, epsilon))
        if h.more.trivial:
            return np.zeros((0, h.more.X.shape[1])), h
        own = np.array([h.more.to_reduced(u) for u in self.U]).reshape(-1, h.more.X.shape[1])
        starts = np.concatenate(
            [own, random_directions(form_of(self.problem, self.problem.Y), RANDOM_STARTS, self.rng)]
        )
        return signed_maxima(h, starts)[0], h

    def enter(self, U: Array, N: Array) -> bool:
        """Directions that violate become atoms with the outputs that N gives them; False where all are there already."""
        problem = self.problem
        pull = problem.activation(U @ problem.inputs.T) @ problem.spread(N)
        size = np.linalg.norm(pull, axis=1)
        U, V = U[size > 0], pull[size > 0] / size[size > 0, None]
        known = np.abs(1.0 - np.minimum(self.U @ U.T, self.V @ V.T)).min(axis=0, initial=np.inf) < SAME
        if known.all():
            return False
        if len(self.a) > MOST_ATOMS:
            kept = (self.a > 0.0) | (np.arange(len(self.a)) > len(self.a) - MOST_ATOMS // 2)
            self.U, self.V, self.atoms, self.q, self.a = (x[kept] for x in (self.U, self.V, self.atoms, self.q, self.a))
        self.add(U[~known], V[~known])
        return True

    def _solve(self, cost: Array, deadline: Deadline) -> Array:
        """The dual point of the restricted program."""
        problem = self.problem
        if problem.loss.smooth:
            F = active_set(problem, self.atoms, cost, self.a, self.bias, deadline)
            return residual(problem, F)
        program = AtomProgram(problem, problem.null_network())
        # an atom of another price is a multiple of one of the price β
        program.add(self.atoms * (problem.beta / cost)[:, None], np.full(len(cost), -1))
        N = program.optimum(deadline)
        self.a = program.weight * problem.beta / cost if len(program.weight) == len(cost) else self.a
        return N

    def _network(self, cost: Array) -> TwoLayerReLU:
        """The neurons of the atoms in use, at the scaling that the price is for: ||w||² = c β/κ, ||v||² = c κ/β."""
        used = self.a > 0.0
        share = cost[used] / self.problem.beta
        w = np.sqrt(self.a[used] / share)[:, None] * self.U[used]
        v = np.sqrt(self.a[used] * share)[:, None] * self.V[used]
        return self.problem.network(w, v, self.bias)


STEPS = 400
"""Steps of the active set for one set of atoms."""

RIDGE = 1e-13
"""Curvature, as a share of the whole, that the model has where atoms are dependent."""


def active_set(problem: Problem, atoms: Array, cost: Array, a: Array, bias: Array, deadline: Deadline) -> Array:
    """Least loss(Σ a_k A_k + 1 bᵀ) + cost·a (+ decay/2 ||b||²) over a >= 0, by Newton steps on the atoms in use.

    Changes a and b; returns the fit (n, c).
    """
    shape, has_bias, decay = problem.Y.shape, problem.bias.has_output, problem.output_decay
    n, c = shape
    ones = np.kron(np.ones((n, 1)), np.eye(c))
    loss, Y, weight = problem.loss, problem.Y, problem.sample_weight

    def fitted(x: Array, b: Array) -> Array:
        return (x @ atoms).reshape(shape) + (b if has_bias else 0.0)

    def value(x: Array, b: Array) -> float:
        return problem.loss_at(fitted(x, b)) + float(cost @ x) + 0.5 * decay * float(b @ b)

    before = value(a, bias)
    stalled = 0
    for _ in range(STEPS):
        F = fitted(a, bias)
        G = loss.gradient(F, Y, weight).ravel()
        slope = atoms @ G + cost
        noise = 1e-15 * (np.abs(atoms) @ np.abs(G) + cost)
        used = a > 0.0
        enter = np.flatnonzero(~used & (slope < -noise))
        # a few at a time: the most violated ones
        enter = enter[np.argsort(slope[enter] / cost[enter])][:4]
        S = np.concatenate([np.flatnonzero(used), enter])
        while True:
            J, g = atoms[S].T, slope[S]
            if has_bias:
                J, g = np.hstack([J, ones]), np.append(g, ones.T @ G + decay * bias)
            if not J.shape[1]:
                return F
            H = J.T @ loss.curvature(F, Y, weight, J)
            if has_bias:
                H[len(S) :, len(S) :] += decay * np.eye(c)
            d = _newton(H, g)
            # those that would leave at once do not enter
            stuck = (a[S] <= 0.0) & (d[: len(S)] <= 0.0)
            if not stuck.any():
                break
            S = S[~stuck]
        # to the end of the step, or to where the first atom is used up
        falling = d[: len(S)] < 0.0
        reach = np.where(falling, a[S] / np.where(falling, -d[: len(S)], 1.0), np.inf)
        step = min(1.0, float(reach.min(initial=np.inf)))
        hit = step < 1.0
        for _ in range(30):
            x, b = a.copy(), bias.copy()
            x[S] = np.maximum(a[S] + step * d[: len(S)], 0.0)
            if hit:
                x[S[reach <= step * (1.0 + 1e-12)]] = 0.0
            if has_bias:
                b = bias + step * d[len(S) :]
            now = value(x, b)
            if now <= before + 4e-16 * abs(before):
                break
            step, hit = 0.5 * step, False
        else:
            break
        a[:], bias[:] = x, b
        stalled = 0 if now < before * (1.0 - 4e-16) or hit else stalled + 1
        before = min(before, now)
        if stalled > 2 or deadline.passed():
            break
    return fitted(a, bias)


def _newton(H: Array, g: Array) -> Array:
    """-H⁻¹g of a positive semidefinite H; what has no curvature is left alone."""
    H = H + RIDGE * np.trace(H) * np.eye(len(H))
    try:
        return np.asarray(-linalg.cho_solve(linalg.cho_factor(H, check_finite=False), g, check_finite=False))
    except np.linalg.LinAlgError:
        return np.asarray(-np.linalg.lstsq(H, g, rcond=None)[0])
