"""A dual point of one output by linear programs over the atoms that violate, in units in which their tolerances are small.

Linear programs have absolute tolerances, so weights, entries and atoms are divided by powers of two before they see them. What
they return is moved into the box for certain, and a least norm is read off their multipliers: any multipliers prove one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from relucvx.certificate.dual_points.tangents import Tangents
from relucvx.deadline import Deadline, seconds_left
from relucvx.later import later
from relucvx.oracle import form_of
from relucvx.oracle.search import local_maxima, random_directions
from relucvx.program.duality import balance_dual
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array

optimize = later("scipy.optimize")

ROUNDS = 60

ROUND_SHARE = 0.1
"""Share of the time left that one search may take."""

TIGHT: Any = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""The least that HiGHS accepts: what it leaves is looser bounds, never false ones."""

KINK = 1e-9
"""Fits this close to a kink, in units of the fit, may be on it: a least norm is proven for the slopes of both sides."""


def cutting_planes(
    problem: Problem,
    atoms: Array,
    total: float | None,
    minimise_norm: bool = False,
    deadline: Deadline | None = None,
) -> tuple[Array, float]:
    """Maximise the dual value over the box subject to |N·atom| <= beta, adding violated atoms, one read-out each.

    A dual function that is not linear is replaced by the tangents of its summands, one more in every round.

    Parameters
    ----------
    atoms : ndarray, shape (k, n)
        phi(Xw) of unit directions to start from.
    total : float or None
        Prescribed sum of N (0 for free biases), None for no constraint.
    minimise_norm : bool
        Instead minimise max |N·atom| over the subdifferential at the null network: the beta_max of a kinked loss.
    deadline : Deadline, optional
        The atoms found until it passes are what counts; the level is -inf, and N arbitrary, when no program was solved.

    Returns
    -------
    N : ndarray, shape (n, 1)
    level : float
        beta, or a number that max |N·atom| over all atoms exceeds for every N of the subdifferential, rounding included.
    """
    unit = _power(problem.sample_weight)
    # the loss is proportional to the weights, and with it N, its sum and beta
    scaled = dataclasses.replace(problem, sample_weight=problem.sample_weight / unit, beta=problem.beta / unit)
    total = None if total is None else total / unit
    N, level = _Planes(scaled, total, minimise_norm).optimum(atoms, deadline or Deadline())
    return unit * N, unit * level


class _Planes:
    """The linear programs of one problem with weights of order one."""

    def __init__(self, problem: Problem, total: float | None, minimise_norm: bool) -> None:
        self.problem, self.total, self.minimise = problem, total, minimise_norm
        y, w = problem.Y, problem.sample_weight
        # the box of the subdifferential; the wider one, of fits next to a kink, is what a bound must hold for
        if minimise_norm:
            self.lo, self.hi = _minus_slopes(problem, 0.0)
            self.wide = _minus_slopes(problem, KINK)
            if total is not None and not self.lo.sum() <= total <= self.hi.sum():
                self.lo, self.hi = self.wide
        else:
            self.lo, self.hi = (b[:, 0] for b in problem.loss.dual_bounds(y, w))
        # a dual function that bends is replaced by tangents, over a box that is finite
        linear = minimise_norm or problem.loss.linear_dual
        self.tangents = None if linear else Tangents(problem)
        if self.tangents is not None:
            self.lo, self.hi = self.tangents.bounded(self.lo, self.hi)
        # entries in units of their side of the box: the program's tolerances are absolute
        size = np.maximum(np.abs(self.lo), np.abs(self.hi))
        self.size = np.where(size > 0, size, 1.0)

    def optimum(self, atoms: Array, deadline: Deadline) -> tuple[Array, float]:
        problem, rng = self.problem, np.random.default_rng(0)
        N = balance_dual(problem, np.clip(np.zeros_like(problem.Y), self.lo[:, None], self.hi[:, None]))
        proven = -np.inf if self.minimise else problem.beta
        # each round: the best point for the atoms known, then the atoms that it violates
        for _ in range(ROUNDS):
            out, stretch = self._program(atoms, deadline)
            if out.x is None or out.status != 0:
                break  # what was solved before is what counts
            # whether the tangents are the function at the point found; otherwise there is more to cut off
            touched = self.tangents is None or self.tangents.refine(self._unscaled(out.x))
            N = balance_dual(problem, self._restored(self._unscaled(out.x)[: len(N)])[:, None])
            # what max |N·atom| may be: beta, or (minimising it) what the program says it can be
            level = problem.beta
            if self.minimise:
                level = stretch * float(out.x[len(N)])
                proven = max(proven, self._proven(atoms, out, stretch))
            form = form_of(problem, N)
            starts = random_directions(form, 256, rng)
            above = level * (1 + 1e-8) + 1e-12 * form.scale
            directions, _ = local_maxima(form, starts, above=above, deadline=deadline.share(ROUND_SHARE))
            if deadline.passed():
                break
            if not len(directions):
                if touched:
                    break
                continue
            W = np.array([form.to_original(d) for d in directions])
            fresh = problem.activation(problem.inputs @ W.T)
            atoms = np.concatenate([atoms, problem.pool(fresh)[:, 0].T])
        return N, proven

    def _program(self, atoms: Array, deadline: Deadline) -> tuple[Any, float]:
        """The solution in units of the box, and the unit of the level."""
        n, y = len(self.lo), self.problem.Y[:, 0]
        # unknowns: N, the level, and with tangents one summand of the dual function each
        stretch = _power(atoms * self.size)
        rows = np.concatenate([atoms, -atoms]) / stretch
        A = np.column_stack([rows, np.full(len(rows), -1.0 if self.minimise else 0.0)])
        b = np.full(len(rows), 0.0 if self.minimise else self.problem.beta / stretch)
        cost = np.append(np.zeros(n), 1.0) if self.minimise else np.append(-y / _power(y * self.size), 0.0)
        eq = None if self.total is None else np.append(np.ones(n), 0.0)[None]
        bounds: list[Any] = [*zip(self.lo / self.size, self.hi / self.size, strict=True), (0, None)]
        if self.tangents is not None:
            cost, A, b, eq, bounds = self.tangents.extend(A, b, eq, bounds)
        columns = np.ones(A.shape[1])
        columns[:n] = self.size
        out = optimize.linprog(
            cost * columns, A_ub=A * columns if len(A) else None, b_ub=b if len(A) else None,
            A_eq=None if eq is None else eq * columns, b_eq=None if self.total is None else [self.total],
            bounds=bounds, method="highs", options={**TIGHT, **seconds_left(deadline)},
        )  # fmt: skip
        return out, stretch

    def _unscaled(self, x: Array) -> Array:
        return np.concatenate([x[: len(self.size)] * self.size, x[len(self.size) :]])

    def _restored(self, N: Array) -> Array:
        """N in the box, with the sum that it should have where the box allows it."""
        N = np.clip(N, self.lo, self.hi)
        # moved within the box in proportion to the room there is, so that no entry leaves it
        if self.total is not None:
            excess = float(N.sum()) - self.total
            room = N - self.lo if excess > 0 else self.hi - N
            if abs(excess) < room.sum():
                N = np.clip(N - excess * room / room.sum(), self.lo, self.hi)
        return N

    def _proven(self, atoms: Array, out: Any, stretch: float) -> float:
        """What the multipliers prove: the least of N·g over the box and the sum, g = Σ λ_k (± atom_k), Σ λ_k <= 1."""
        # multipliers of the violated atoms are a convex combination g of atoms: no N of the box has a smaller maximum
        # than the least of N·g, whatever the program's accuracy
        lo, hi = self.wide
        share = np.maximum(-np.asarray(out.ineqlin.marginals)[: 2 * len(atoms)], 0.0)
        share = share / max(float(share.sum()) * (1.0 + 4.0 * len(share) * EPS), 1e-300)
        g = share @ np.concatenate([atoms, -atoms])
        total = self.total or 0.0
        level = -np.inf
        for mu in [0.0] if self.total is None else self._multipliers(g, -stretch * float(out.eqlin.marginals[0])):
            h = g + mu
            terms = np.minimum(lo * h, hi * h)
            # atoms are rounded, and so are the sums
            off = np.maximum(np.abs(lo), np.abs(hi)) @ (np.abs(g) + abs(mu) + self._reach()) + abs(mu * total)
            error = 16.0 * (len(lo) + self.problem.n_rows + self.problem.inputs.shape[1] + 4) * EPS * float(off)
            level = max(level, float(terms.sum()) - mu * total - error)
        return level

    @staticmethod
    def _multipliers(g: Array, mu: float) -> list[float]:
        """That of the sum, and the vertex next to it."""
        return [mu, -float(g[np.abs(g + mu).argmin()])]

    def _reach(self) -> Array:
        lengths = np.linalg.norm(self.problem.inputs[:, : self.problem.penalized], axis=1)
        act = self.problem.activation
        far = lengths.max(initial=0.0) if self.problem.bias.is_free else 0.0
        return self.problem.per_sample(act.steepest * (lengths + far))


def _minus_slopes(problem: Problem, tol: float) -> tuple[Array, Array]:
    """The box of -N' for N' in the subdifferential at the null network, joined over fits within tol of a kink."""
    null_fit = np.tile(problem.null_bias(), (problem.n_samples, 1))
    low, high = problem.loss.subgradient_bounds(null_fit, problem.Y, problem.sample_weight, tol)
    return -high[:, 0], -low[:, 0]


def _power(A: Array) -> float:
    """The power of two above the largest size in A; 1 for zeros."""
    largest = float(np.abs(A).max(initial=0.0))
    return 2.0 ** int(np.frexp(largest)[1]) if largest > 0 else 1.0
