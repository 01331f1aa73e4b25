"""A dual point that a cover of cones proves, and that is as good as such a point can be: the optimum of a relaxed program.

A cover bounds the dual norm by the largest of its cones' bounds. The dual points for which that is at most beta are a convex
set inside the feasible ones; the best of them is the dual optimum of the group-lasso program

    min  loss(Σ_k a_k A_k + 1 bᵀ) + beta Σ_k a_k (+ beta/2 ||b||²)   over a >= 0,

with the atoms A_k of the cones (:meth:`relucvx.oracle.cover.Cover.atoms`) in place of those of neurons. Atoms enter where they
are violated, and the cones whose atoms the optimum uses are halved: their relaxation is what keeps the bound down.
"""

from __future__ import annotations

import functools
import itertools
import time
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.certificate.dual_points.dual_choice import unit_atoms
from relucvx.compiled import compiled
from relucvx.deadline import Deadline, OutOfTime, seconds_left
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.oracle.cover import Cover
from relucvx.oracle.form import Form, form_of, pulled_back
from relucvx.program.backend import CLARABEL, failures, options, solve
from relucvx.program.duality import balance_dual, residual, scale_dual
from relucvx.program.posing import make_problem
from relucvx.program.problem import Problem
from relucvx.types import Array

cp = later("cvxpy")

FIRST_CONES = 2000
"""Cones before the first atom is asked for, unless the directions start with more."""

MOST_ATOMS, MOST_HALVED = 400, 200
"""Atoms that enter, and cones that are halved, in one round."""

NEAR = 0.9
"""Atoms whose product with the dual point falls below this share of beta leave, unless the optimum uses them."""

VIOLATED = 5e-4
"""Cones count as violated above beta by this share."""

REFINE_EVERY = 5
"""The cones of the optimum are halved in every so many rounds, and whenever few cones are violated."""

MOST_STEPS, SWEEPS = 20, 2000
"""Proximal Newton steps for one set of atoms, and sweeps over all of them in each."""

CLOSE = 1e-9
"""Steps that lower the objective by a smaller share of it are the last."""

FLAT, SHORTEST = 1e-3, 1e-3
"""Least curvature of the model, as a share of the largest; and the shortest part of a step that is tried."""


@functools.cache
def compile_cover() -> None:
    """Compile or load the kernels of covers once, on a toy problem: aside, where there is a deadline."""
    problem = make_problem(np.eye(2), [2.0, 1.0], 0.1)
    network = problem.network(np.eye(2), np.ones((2, 1)))
    cover = Cover(form_of(problem, problem.Y))
    program = AtomProgram(problem, network)
    program.add(
        pulled_back(problem, form_of(problem, problem.Y), *cover.atoms(cover.halve(np.arange(1)))), np.arange(2)
    )
    program.optimum(Deadline())


def provable_dual(problem: Problem, N: Array, network: TwoLayerReLU, deadline: Deadline) -> Array:
    """A dual point (n, c) that is proven with few cones, and proves as much as such a point can.

    Parameters
    ----------
    problem : Problem
    N : ndarray, shape (n, c)
        Where to start: the residual of a good network.
    network : TwoLayerReLU
        Its neurons are atoms from the start.
    deadline : Deadline
        The longer, the finer the cover.

    Notes
    -----
    Status: heuristic (any point is valid; a better one proves more). Source: [relucvx]
    """
    N = balance_dual(problem, N)
    form = form_of(problem, N)
    program = AtomProgram(problem, network)
    best, value = N, -np.inf
    # in many dimensions a step over all cones takes seconds: the time ends inside it, and the best point stays
    with suppress(OutOfTime):
        cover = Cover(form, deadline)
        # a first cover, in half of the time: without it the first atoms are so loose that the point moves far away
        growing = deadline.share(0.5)
        while cover.size < FIRST_CONES and not growing.passed():
            cover.halve(np.argsort(-cover.bounds[: cover.size])[: max(cover.size // 4, 1)])
        for round_ in itertools.count():
            proven = scale_dual(problem, N, max(cover.upper(), problem.beta))[1]
            if proven > value:
                best, value = N, proven
            if deadline.passed():
                break
            N = _next_point(problem, form, cover, program, deadline, round_)
            form = form_of(problem, N)
            cover.aim(form)
    return best


def _next_point(
    problem: Problem, form: Form, cover: Cover, program: AtomProgram, deadline: Deadline, round_: int
) -> Array:
    """The best dual point of the atoms of the violated cones, some of which are halved every few rounds."""
    bounds = cover.bounds[: cover.size]
    violated = np.flatnonzero(bounds > problem.beta * (1.0 + VIOLATED))
    worst = violated[np.argsort(-bounds[violated])][:MOST_ATOMS]
    program.add(pulled_back(problem, form, *cover.atoms(worst)), worst)
    N = program.optimum(deadline)
    if len(violated) >= 3 * MOST_HALVED and round_ % REFINE_EVERY != REFINE_EVERY - 1:
        return N
    # the relaxed optimum rests on these cones; what their atoms exceed true ones by is lost
    form = form_of(problem, N)
    cover.point_at(form)
    used = program.used_cones()
    cover.refresh(used)
    lost = program.masses(used) * (cover.bounds[used] - form.values(cover.points[used].T))
    halves = cover.halve(used[np.argsort(-lost)][:MOST_HALVED])
    program.drop(halves)
    tight = halves[cover.bounds[halves] > NEAR * problem.beta]
    program.add(pulled_back(problem, form, *cover.atoms(tight)), tight)
    return program.optimum(deadline)


@compiled(fastmath={"reassoc"})
def descend_coordinates(
    A: Any, r: Any, h: Any, beta: float, decay: float, a: Any, b: Any, free: bool, sweeps: int, enough: float
) -> None:
    """Least r·d + Σ h d²/2 + beta Σ a + decay/2 ||b||² over a >= 0 and b, where d = Aᵀ(a - a_0) + 1 (b - b_0)ᵀ.

    Changes a, b, and r to the slope of the first two terms. Ends when no coordinate wins more than ``enough``.
    """
    count, size = A.shape
    c = b.shape[0]
    for sweep in range(sweeps):
        # most atoms stay unused: nine sweeps of ten pass them over
        whole = sweep % 10 == 0
        won = 0.0
        if free:
            for o in range(c):
                slope, bend = decay * b[o], decay
                for i in range(o, size, c):
                    slope += r[i]
                    bend += h[i]
                if bend > 0.0:
                    step = -slope / bend
                    b[o] += step
                    for i in range(o, size, c):
                        r[i] += h[i] * step
                    won = max(won, 0.5 * bend * step * step)
        for k in range(count):
            if not whole and a[k] == 0.0:
                continue
            slope = beta
            for i in range(size):
                slope += A[k, i] * r[i]
            if slope >= 0.0 and a[k] == 0.0:
                continue
            bend = 0.0
            for i in range(size):
                bend += h[i] * A[k, i] * A[k, i]
            if bend <= 0.0:
                continue
            new = max(0.0, a[k] - slope / bend)
            step = new - a[k]
            if step != 0.0:
                a[k] = new
                for i in range(size):
                    r[i] += h[i] * A[k, i] * step
                won = max(won, 0.5 * bend * step * step)
        if whole and won <= enough:
            return


class AtomProgram:
    """The group lasso over the atoms at hand, each of a cone or (owner -1) of a neuron."""

    def __init__(self, problem: Problem, network: TwoLayerReLU) -> None:
        self.problem = problem
        H, V = unit_atoms(problem, network)
        length = np.maximum(np.linalg.norm(V, axis=1, keepdims=True), 1e-300)
        self.atoms = problem.fits(H.T, V / length).reshape(len(V), problem.Y.size)
        self.owner: NDArray[np.intp] = np.full(len(V), -1, dtype=np.intp)
        self.weight = length[:, 0].copy()
        self.bias = problem.neurons(network)[2].copy()
        self.last, self.seconds = np.zeros_like(problem.Y), 0.0

    def add(self, atoms: Array, owner: NDArray[np.intp]) -> None:
        """More atoms (q, n, c), which are not used yet."""
        self.atoms = np.concatenate([self.atoms, atoms.reshape(len(atoms), self.problem.Y.size)])
        self.owner = np.concatenate([self.owner, owner])
        self.weight = np.concatenate([self.weight, np.zeros(len(atoms))])

    def drop(self, cones: NDArray[np.intp]) -> None:
        """Forget the atoms of cones that are not what they were."""
        self._keep(~np.isin(self.owner, cones))

    def used_cones(self) -> NDArray[np.intp]:
        """The cones whose atoms the optimum uses."""
        return np.asarray(np.unique(self.owner[(self.owner >= 0) & (self.weight > 0.0)]))

    def masses(self, cones: NDArray[np.intp]) -> Array:
        """How much the optimum uses the atoms of each of these cones."""
        owned = self.owner >= 0
        return np.asarray(np.bincount(self.owner[owned], self.weight[owned], cones.max(initial=-1) + 1)[cones], float)

    def optimum(self, deadline: Deadline) -> Array:
        """Solve from the last solution on, forget what is far from being used, and say which dual point comes out."""
        problem = self.problem
        N = (self._smooth if problem.loss.smooth else self._kinked)(deadline)
        slack = self.atoms @ N.ravel()
        self._keep((self.weight > 0.0) | (slack > NEAR * problem.beta) | (self.owner < 0))
        return balance_dual(problem, N)

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        self.atoms, self.owner, self.weight = self.atoms[kept], self.owner[kept], self.weight[kept]

    def _smooth(self, deadline: Deadline) -> Array:
        """Proximal Newton steps: the loss by its curvature, and the program by coordinate descent."""
        problem = self.problem
        shape, decay, free = problem.Y.shape, problem.output_decay, problem.bias.has_output
        loss, Y, w = problem.loss, problem.Y, problem.sample_weight

        def value(fit: Array, a: Array, b: Array) -> float:
            return problem.loss_at(fit) + problem.beta * float(a.sum()) + 0.5 * decay * float(b @ b)

        fit = (self.weight @ self.atoms).reshape(shape) + self.bias
        least = value(fit, self.weight, self.bias)
        for _ in range(MOST_STEPS):
            curvature = loss.hessian(fit, Y, w)
            # where the loss is straight the model keeps a little of the curvature that it has elsewhere
            h = np.maximum(curvature, FLAT * float(curvature.max(initial=0.0)))
            a, b = self.weight.copy(), self.bias.copy()
            descend_coordinates(
                self.atoms, loss.gradient(fit, Y, w).ravel(), h.ravel(), problem.beta, decay, a, b, free, SWEEPS,
                CLOSE * least,
            )  # fmt: skip
            reached = (a @ self.atoms).reshape(shape) + b
            step, before = 1.0, least
            while step > SHORTEST:
                new = self.weight + step * (a - self.weight), self.bias + step * (b - self.bias)
                there = fit + step * (reached - fit)
                found = value(there, *new)
                if found < least:
                    (self.weight, self.bias), fit, least = new, there, found
                    break
                step *= 0.5
            if before - least <= CLOSE * before or deadline.passed():
                break
        return residual(problem, fit)

    def _kinked(self, deadline: Deadline) -> Array:
        """By a conic backend, whose multiplier of the fit is the dual point; the last one where there is no time for it."""
        if deadline.left() < 3.0 * self.seconds:
            return self.last
        began = time.perf_counter()
        problem, k = self.problem, len(self.atoms)
        n, c = problem.Y.shape
        fit, a, b = cp.Variable((n, c)), cp.Variable(k, nonneg=True), cp.Variable(c)
        total: Any = cp.reshape(a @ self.atoms, (n, c), order="C")
        if problem.bias.has_output:
            total = total + np.ones((n, 1)) @ cp.reshape(b, (1, c), order="C")
        meets = fit == total
        W = np.tile(problem.sample_weight[:, None], (1, c))
        cost = problem.loss.expression(fit, problem.Y, W) + problem.beta * cp.sum(a)
        cost = cost + 0.5 * problem.output_decay * cp.sum_squares(b)
        named = options(CLARABEL, 1e-7, seconds_left(deadline).get("time_limit"), 0)
        failed: tuple[type[BaseException], ...] = (*failures(CLARABEL), OutOfTime)
        try:
            solve(cp.Problem(cp.Minimize(cost), [meets]), CLARABEL, named, deadline=deadline)
        except failed:
            return self.last
        if a.value is None or meets.dual_value is None:
            return self.last
        self.seconds = time.perf_counter() - began
        self.weight = np.where(a.value > 1e-7 * a.value.max(initial=0.0), a.value, 0.0)
        self.last = np.asarray(meets.dual_value).reshape(n, c)
        return self.last
