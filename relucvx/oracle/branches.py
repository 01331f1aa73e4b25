"""The dual norm of branches of three layers: the most that a dual point N gains from a branch of unit path norm.

    D(N) = max over s and ||(u_1, u_2)|| <= 1 of |Σ_i N_i relu(s_1 relu(x_i·u_1) + s_2 relu(x_i·u_2))|

Signs (+, +): the outer ReLU does nothing, and the maximum is sqrt(2) times that of two layers. Signs (+, -): a difference of
convex functions, bounded by branch-and-bound over simplicial cones of R^(2 D) (:mod:`relucvx.oracle.branch_kernels`). Signs
(-, -): zero.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relucvx.deadline import Deadline, Limit
from relucvx.oracle import branch_kernels as kernels
from relucvx.oracle.dual_norm_bound import compile_kernels, dual_norm
from relucvx.oracle.form import Form, form_of
from relucvx.oracle.least_norm import passive_room
from relucvx.oracle.ridges import Climb, climbed
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.presolve import power_of_two
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array, Result, Rng, resolve_rng

ROOT2 = math.sqrt(2.0)
UP = 1.0 + 4.0 * EPS
"""Above sqrt(2), and above what a product rounds to."""

MOST_CONES, STEPS = 400_000, 2_000
"""Cones that wait at a time; splits between two looks at the clock."""

MOST_INPUTS = 5
"""Augmented inputs up to which cones are divided: there are 4 to that power to begin with, twice."""

DRAWN = 3000
"""Random branches whose value is computed; half of the climbs start from the best of them."""

SHARE = 0.5  # of the time that a proof may take for one of its three parts, of what is left


@dataclass(frozen=True)
class BranchNorm(Result):
    """Certified interval for the dual norm of branches.

    Attributes
    ----------
    lower, upper : float
        lower <= D(N) <= upper, valid in float64.
    witness : ndarray, shape (2, D)
        Inner vectors of a branch of unit path norm whose value is about ``lower``, in augmented coordinates.
    second : float
        The sign s_2 of its second neuron; s_1 is 1.
    cones : int
    seconds : float
    outcome : str
        "proved", "violated" or "budget", as of :class:`relucvx.oracle.DualNormBound`.

    Notes
    -----
    Status: certified numerically, in float64 with explicit allowances for rounding.
    Source: [ergen-pilanci-2023], [relucvx].
    """

    lower: float
    upper: float
    witness: Array
    second: float
    cones: int
    seconds: float
    outcome: str


@functools.cache
def compile_branches() -> None:
    """Compile or load the kernels once, on a toy problem, so that no time limit is spent on it.

    Status: a convention (no statement). Source: [relucvx].
    """
    compile_kernels()
    found = _Heap(2)
    X, N = np.ones((1, 1)), np.ones(1)
    kernels.search(
        X, N, found.cones, found.bounds, found.depths, found.heap, found.free, found.counts, found.best, found.witness,
        0.0, math.inf, 1e-15, 1, found.room,
    )  # fmt: skip


def branch_values(X: Array, N: Array, U: Array, second: float | Array = -1.0) -> Array:
    """Σ_i N_i relu(relu(x_i·u_1) + s_2 relu(x_i·u_2)) of branches U (k, 2, D): shape (k,).

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx]
    """
    first, other = np.maximum(X @ U[:, 0].T, 0.0), np.maximum(X @ U[:, 1].T, 0.0)
    return np.asarray(N @ np.maximum(first + second * other, 0.0))


def branch_norm(
    problem: Problem,
    N: Array,
    *,
    target: float = 0.0,
    stop_above: float = math.inf,
    time_limit: Limit = None,
    callback: Callable[[object], bool | None] | None = None,
) -> BranchNorm:
    """Bound D(N) from below and from above.

    Parameters
    ----------
    problem : Problem
        One output, ReLU, no free bias: gives the augmented inputs.
    N : ndarray, shape (n, 1)
    target : float
        Stop once D(N) <= max(target, lower) is proven.
    stop_above : float
        Stop at once when a branch with a larger value is found.
    time_limit
        The bound returned is valid when it runs out.

    Notes
    -----
    Status: certified numerically. Source: [ergen-pilanci-2023], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle.branches import branch_norm
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0)
    >>> found = branch_norm(problem, np.array([[1.0], [2.0]]))  # sqrt(2) (1·1 + 2·2): both neurons alike
    >>> print(f"{found.lower:.4f} {found.upper:.4f} {found.second:+.0f}")
    7.0711 7.0711 +1
    """
    began, deadline = time.perf_counter(), Deadline.of(time_limit)
    # both signs: one neuron, split in two
    whole = dual_norm(
        problem,
        N,
        target=target / ROOT2,
        stop_above=stop_above / ROOT2,
        time_limit=deadline.share(SHARE),
        callback=callback,
    )
    lower, upper, cones = ROOT2 * whole.lower / UP, ROOT2 * whole.upper * UP, whole.cones
    witness, second, outcomes = np.stack([whole.witness, whole.witness]) / ROOT2, 1.0, {whole.outcome}
    # opposite signs, of either sign of N
    for sign, share in ((1.0, SHARE), (-1.0, 1.0)):
        if "violated" in outcomes:
            upper = math.inf
            break
        goal = max(target, lower)
        found = _opposite(problem, sign * N[:, 0], goal, stop_above, lower, deadline.share(share), callback)
        upper, cones = max(upper, found.upper), cones + found.cones
        outcomes.add(found.outcome)
        if found.lower > lower:
            lower, witness, second = found.lower, found.witness, -1.0
    outcome = next(word for word in ("violated", "budget", "proved") if word in outcomes)
    return BranchNorm(lower, max(upper, lower), witness, second, cones, time.perf_counter() - began, outcome)


def _opposite(
    problem: Problem,
    N: Array,
    target: float,
    stop_above: float,
    known: float,
    deadline: Deadline,
    callback: Callable[[object], bool | None] | None,
) -> BranchNorm:
    """Bounds on the largest value of a branch of opposite signs, N (n,) with its sign as it is."""
    X = problem.inputs
    # powers of two, which change no digit: bounds and slacks are then far from the ends of float64
    sx, sn = power_of_two(float(np.abs(X).max())), power_of_two(float(np.abs(N).max()))
    X, N, unit = np.ascontiguousarray(X / sx), np.ascontiguousarray(N / sn), sx * sn
    (n, dim), zero = X.shape, np.zeros((2, X.shape[1]))
    # ||relu(relu(a) - relu(b))|| <= |a|: valid whatever follows
    spectral = float(np.linalg.norm(N) * np.linalg.norm(X)) * (1.0 + 64 * n * EPS) * unit
    if not N.any() or spectral <= target:
        return BranchNorm(0.0, spectral, zero, -1.0, 0, 0.0, "proved")
    if dim > MOST_INPUTS:
        return BranchNorm(0.0, spectral, zero, -1.0, 0, 0.0, "budget")
    rounding = rounding_unit(X, N)
    found = _Heap(2 * dim)
    found.best[0] = min(known / unit, stop_above / unit)
    code = kernels.RUNNING
    while code == kernels.RUNNING:
        code = kernels.search(
            X, N, found.cones, found.bounds, found.depths, found.heap, found.free, found.counts, found.best, found.witness,
            target / unit, stop_above / unit, rounding, STEPS, found.room,
        )  # fmt: skip
        if deadline.passed() or (callback is not None and callback(found)):
            break
    outcome = {kernels.EMPTY: "proved", kernels.VIOLATED: "violated"}.get(code, "budget")
    # cones that were dropped had bounds up to the target or the best value, those that wait up to the first one's
    best = float(found.best[0])
    waiting = float(found.bounds[found.heap[0]]) if found.counts[0] else 0.0
    upper = max(best, target / unit) if outcome == "proved" else max(best, target / unit, waiting)
    lower = max(0.0, best - rounding) if found.witness.any() else 0.0
    witness, cones = found.witness.reshape(2, dim), int(found.counts[2])
    return BranchNorm(lower * unit, max(min(spectral, upper * unit), lower * unit), witness, -1.0, cones, 0.0, outcome)


def rounding_unit(X: Array, N: Array) -> float:
    """The rounding of a cone's bound, per unit of one plus its depth.

    A value is off by at most ``(2 D + n + 8) EPS Σ_i |N_i| ||x_i||`` for each of its two functions, and every split moves the
    cone by the rounding of a generator, and the function by at most ``sqrt(2)`` times as much: 16 of each are taken.

    Notes
    -----
    Status: theorem (standard model of float64 arithmetic, constants rounded up). Source: [relucvx]
    """
    n, dim = X.shape
    return (8.0 * (n + 2 * dim) + 64.0) * 4.0 * EPS * float(np.abs(N) @ np.linalg.norm(X, axis=1))


class _Heap:
    """Cones that wait, the largest bound first, and what the kernel counts."""

    def __init__(self, q: int) -> None:
        self.cones, self.bounds = np.zeros((MOST_CONES, q, q)), np.zeros(MOST_CONES)
        self.depths, self.heap = np.zeros(MOST_CONES, dtype=np.int64), np.zeros(MOST_CONES, dtype=np.int64)
        self.free = np.arange(MOST_CONES)[::-1].copy()
        self.counts = np.array([0, MOST_CONES, 0])
        self.best, self.witness = np.zeros(1), np.zeros(q)
        self.room = passive_room(q, q)
        # every direction is in an orthant, and the generators of one have products that are not negative
        for signs in itertools.product([1.0, -1.0], repeat=q):
            self.counts[1] -= 1
            slot = self.free[self.counts[1]]
            self.cones[slot], self.bounds[slot] = np.diag(signs), np.inf
            self.counts[0] = kernels.push(self.heap, self.bounds, self.counts[0], slot)


# ---------------------------------------------------------------------- search
class _BranchClimb(Climb):
    """A climb on the faces of the walls x·u_1 = 0, x·u_2 = 0 and x·u_1 = x·u_2, where branches are linear."""

    def __init__(self, form: Form, w: Array, X: Array, N: Array) -> None:
        self.data = X, N
        super().__init__(form, w)

    def _map(self) -> Array:
        X, N = self.data
        n = len(X)
        first, second, above = (
            self.gates[:n] & ~self.held[:n],
            self.gates[n : 2 * n],
            self.gates[2 * n :] & ~self.held[2 * n :],
        )
        # relu(relu(a) - relu(b)) is a, a - b or 0
        both = first & second & above
        alone = first & ~second
        return np.concatenate([(N * (alone | both)) @ X, -(N * both) @ X])[None]


def search_branches(
    problem: Problem,
    N: Array,
    above: float,
    *,
    starts: Array,
    limit: int,
    deadline: Deadline,
    rng: Rng,
    climbs: int = 40,
) -> tuple[Array, Array, Array]:
    """Distinct local maxima of the value of branches above a level, the best first.

    Parameters
    ----------
    starts : ndarray, shape (k, 2, D)
        Branches of opposite signs to climb from, beside random ones.
    climbs : int
        Random branches to climb from.

    Returns
    -------
    branches : ndarray, shape (m, 2, D)
        Of unit path norm.
    seconds : ndarray, shape (m,)
        The sign of their second neurons.
    values : ndarray, shape (m,)

    Notes
    -----
    Status: heuristic (each value is reached). Source: [relucvx]
    """
    rng, X, N = resolve_rng(rng), problem.inputs, N[:, 0]
    n, dim = X.shape
    drawn = rng.standard_normal((DRAWN, 2, dim))
    drawn /= np.linalg.norm(drawn, axis=(1, 2), keepdims=True)
    # the best of many, and as many as they come: the largest values crowd around few maxima
    best = np.argsort(-np.abs(branch_values(X, N, drawn)))[: climbs // 2]
    best = np.concatenate([best, np.arange(climbs - len(best))])
    walls = np.block([[X, np.zeros_like(X)], [np.zeros_like(X), X], [X, -X]])
    q = 2 * dim
    form = Form(walls, np.zeros((3 * n, 1)), np.zeros((q, 1)), q, np.eye(q), np.zeros(q), 0.0, 1.0, 0.0)
    ends = []
    for w in np.concatenate([drawn[best], starts]).reshape(-1, q):
        if deadline.passed():
            break
        # a start with zeros lies on walls by the dozen: a little off them it is on some side of each
        ends.append(_BranchClimb(form, w + 1e-6 * rng.standard_normal(q), X, N).end())
    opposite = np.array(ends).reshape(-1, 2, dim)
    two = form_of(problem, N[:, None])
    found = local_maxima(two, random_directions(two, 64, rng), deadline=deadline)[0]
    alike = np.array([two.to_original(w) for w in climbed(two, found, deadline)[0]]).reshape(-1, 1, dim)
    U = np.concatenate([opposite, np.repeat(alike, 2, axis=1) / ROOT2])
    signs = np.repeat([-1.0, 1.0], [len(opposite), len(alike)])
    values = np.abs(branch_values(X, N, U, signs))
    chosen: list[int] = []
    for i in np.argsort(-values):
        if values[i] <= above or len(chosen) >= limit:
            break
        same = [j for j in chosen if signs[j] == signs[i]]
        if not same or float((U[same].reshape(-1, q) @ U[i].ravel()).max()) < 1.0 - 1e-9:
            chosen.append(int(i))
    return U[chosen], signs[chosen], values[chosen]
