"""A dual point that a semidefinite relaxation proves, and that is as good as such a point can be, for hundreds of samples.

A neuron is lifted to a vector q whose products ``E q`` have known signs (:mod:`relucvx.program.lifting`), so that networks
become second moments M = Σ_j (q_j, v_j)(q_j, v_j)ᵀ with blocks Q, G and T, and

    min  loss(J G + 1 bᵀ) + beta/2 (tr Q_ww + tr T) (+ beta/2 ||b||²)
    over M >= 0 with E Q Eᵀ >= 0, and = 0 on pairs that exclude each other,

is at most the optimum. Unlike a cover of cones it keeps the cancellation between residuals of both signs, whatever the
dimension; unlike a cover it cannot be made finer. An interior-point method takes some dozen samples. Here it is the alternating
direction method of multipliers: M against copies of it, of its products and of the fit. Any multiplier of the products proves a
bound on the dual norm, so that the iterates need not be accurate: what they prove is computed from them (:func:`prove_lifted`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.certificate.proof import Proof, prove_lifted
from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.program.duality import balance_dual, scale_dual
from relucvx.program.lifting import split_lifting
from relucvx.program.presolve import power_of_two
from relucvx.program.problem import Problem
from relucvx.types import Array

linalg = later("scipy.linalg")

MOST_LINES = 700
"""Rows, parallel ones counted once, up to which a step takes a tenth of a second at most."""

RELAXED, WEIGHT, PENALTY = 1.6, 8.0, 4.0
"""Over-relaxation of the copies; the unit of weights, in which a typical row fits a target; and the penalty at first."""

BALANCE_EVERY, APART, FACTOR = 20, 5.0, 1.5
"""Steps after which the penalty changes by a factor where primal and dual residuals are so far apart."""

CHECK_FIRST, CHECK_LATER = 50, 1.15
"""Steps before the first bound, and the ratio of the steps at one bound to those at the one before."""

ENOUGH, PATIENCE = 1e-3, 4
"""Little is left to gain within this share of the relaxation's optimum, or when so many bounds in a row won less than that."""

STEP, SHORTEST, GAIN, RIDGES, LEAST = 0.98, 0.5, 1e-6, (0.01, 0.1, 0.5, 2.0), 1e-7
"""In looking for a bound: factors that shorten the dual point, and shares by which the ridge exceeds what it must be."""

LEADING = 40
"""Eigenvalues asked for beyond twice those that were positive last."""


def lifts(problem: Problem) -> bool:
    """Whether there is such a relaxation of the problem, of a size that steps can be made in."""
    few = 2 <= problem.n_samples <= MOST_LINES
    return few and problem.pooling is None and not problem.bias.is_free and not problem.loss.coupled


def products_of(R: Array, W: Array) -> tuple[Array, Array, Array]:
    """The blocks of E W Eᵀ for the rows R: of s with s, of s with s - Rw, and of s - Rw with itself.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """
    k = R.shape[1]
    first, sw = W[k:, k:], W[k:, :k]
    mixed = first - sw @ R.T
    last = mixed - R @ (sw.T - W[:k, :k] @ R.T)
    return first, mixed, 0.5 * (last + last.T)


def gathered(R: Array, first: Array, mixed: Array, last: Array) -> Array:
    """Eᵀ S E of a symmetric S in the blocks of :func:`products_of`.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """
    p, k = R.shape
    out = np.empty((k + p, k + p))
    both = mixed + last
    out[k:, k:] = first + mixed.T + both
    cross = -R.T @ (mixed.T + last)
    out[:k, k:], out[k:, :k] = cross, cross.T
    out[:k, :k] = R.T @ last @ R
    return np.asarray(0.5 * (out + out.T))


def nearest_semidefinite(W: Array, positive: int) -> tuple[Array, int]:
    """The nearest positive semidefinite matrix and its rank, which ``positive`` is a guess of.

    Notes
    -----
    Status: certified numerically. Source: [relucvx].
    """
    size = len(W)
    asked = min(size, 2 * positive + LEADING)
    values, vectors = linalg.eigh(W, subset_by_index=[size - asked, size - 1], driver="evr", check_finite=False)
    if values[0] > 0.0 and asked < size:
        values, vectors = linalg.eigh(W, check_finite=False)
    kept = values > 0.0
    V = vectors[:, kept]
    return np.asarray((V * values[kept]) @ V.T), int(kept.sum())


class LiftedProgram:
    """The relaxation of a problem, with the iterates so far and the best that they prove.

    Parameters
    ----------
    problem : Problem
        One for which :func:`lifts` is true.

    Attributes
    ----------
    lower : float
        What the best dual point so far proves, up to rounding; -inf at first.

    Notes
    -----
    Status: heuristic (rounding is not bounded here; :meth:`proof` does that). Source: [sahiner-2021], [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.certificate.dual_points.lifted_program import LiftedProgram
    >>> from relucvx.deadline import Deadline
    >>> program = LiftedProgram(rx.make_problem(np.eye(2), [1.0, 1.0], beta=0.5))
    >>> program.run(Deadline(20.0))
    >>> print(f"{program.proof().lower:.3f}")  # two neurons, each 1/2 (1 - beta)^2 + beta (1 - beta) + ...
    0.582
    """

    best: Any
    lower: float
    next_check: int

    def __init__(self, problem: Problem) -> None:
        # a power of two, in which the lifting's own bound is well scaled
        self.unit = power_of_two(float(np.linalg.norm(problem.inputs, 2)))
        self.problem, self.lifting = problem, split_lifting(problem.inputs / self.unit, problem.activation)
        k = self.lifting.leading
        lines = -self.lifting.E[self.lifting.size - k :, :k]
        # units in which rows, fits and weights are of order one
        length = np.linalg.norm(lines, axis=1)
        self.length = np.where(length > 0.0, length, 1.0)
        self.rows = lines / self.length[:, None]
        J = self.unit * self.lifting.J * np.concatenate([np.ones(k), self.length])
        size = float(np.sqrt(np.mean(np.square(problem.Y)))) if problem.loss.regression else 1.0
        self.fit_unit = size if size > 0.0 else 1.0
        typical = np.linalg.norm(J, axis=1)
        typical = typical[typical > 0.0]
        self.weight_unit = WEIGHT * self.fit_unit / (float(np.median(typical)) if len(typical) else 1.0)
        self.J = J * (self.weight_unit / self.fit_unit)
        self.strength = self.weight_unit * problem.beta / self.fit_unit**2
        self._start()

    # ------------------------------------------------------------------ what is known so far
    def proof(self) -> Proof | None:
        """The best dual point so far, with the bound that its multiplier proves; None where there is none yet."""
        return None if self.best is None else prove_lifted(self.problem, self.lifting, self.unit, *self.best)

    @property
    def ended(self) -> bool:
        """Whether more steps would win next to nothing."""
        # the value is that of an iterate, which may also be below the optimum
        near = bool(np.isfinite(self.lower)) and abs(self.value - self.lower) <= ENOUGH * abs(self.value)
        return self.idle >= (1 if near else PATIENCE)

    def run(self, deadline: Deadline, enough: float = np.inf) -> None:
        """Steps from where the last ones ended, until the deadline, or until ``enough`` or nearly all is proven."""
        while not deadline.passed() and not self.ended and self.lower < enough:
            self._step()
            self.steps += 1
            if self.steps % BALANCE_EVERY == 0:
                self._balance()
            if self.steps >= self.next_check:
                self.next_check = int(CHECK_LATER * self.steps) + 1
                self._check()
        if self.best is None and self.steps:
            self._check()

    # ------------------------------------------------------------------ the method
    def _start(self) -> None:
        n, c = self.problem.Y.shape
        p, k = self.rows.shape
        size = k + p + c
        self.M, self.dual_M = np.zeros((size, size)), np.zeros((size, size))
        self.products, self.dual_products = np.zeros((2 * p, 2 * p)), np.zeros((2 * p, 2 * p))
        self.fit, self.dual_fit = np.zeros((n, c)), np.zeros((n, c))
        self.rho, self.steps, self.next_check, self.positive = PENALTY, 0, CHECK_FIRST, size
        self.lower, self.value, self.shrink = -np.inf, np.inf, 1.0
        self.idle, self.best = 0, None
        # EᵀE has the eigenvalue 2 but on a subspace of twice the dimension of the inputs
        gram = np.block([[self.rows.T @ self.rows, -self.rows.T], [-self.rows, 2.0 * np.eye(p)]])
        values, vectors = np.linalg.eigh(gram)
        other = np.abs(values - 2.0) > 1e-9
        self.values, self.vectors = values[other], vectors[:, other]
        self._factor()

    def _factor(self) -> None:
        """The inverse of the equations of G and the output bias, which depends on the penalty."""
        J, k = self.J, self.J.shape[1]
        A = 2.0 * np.eye(k) + J.T @ J
        if self.problem.bias.decays_output:
            # in units of the fit, the bias costs this much
            decay = self.problem.beta / self.rho
            ones = J.sum(axis=0)[:, None]
            A = np.block([[A, ones], [ones.T, np.array([[len(J) + decay]])]])
        self.inverse = np.linalg.inv(A)

    def _step(self) -> None:
        size, k = self.J.shape[1], self.rows.shape[1]
        # the moments that the copies ask for: least squares
        T = self.M - self.dual_M
        W = np.empty_like(T)
        wanted = T[:size, :size] + self._adjoint(self.products - self.dual_products)
        wanted[np.arange(k), np.arange(k)] -= 0.5 * self.strength / self.rho
        W[:size, :size] = self._least_squares(wanted)
        meet = self.fit - self.dual_fit
        right = 2.0 * T[:size, size:] + self.J.T @ meet
        if self.problem.bias.decays_output:
            found = self.inverse @ np.vstack([right, meet.sum(axis=0)])
            G, bias = found[:size], found[size]
        else:
            G, bias = self.inverse @ right, np.zeros(meet.shape[1])
        W[:size, size:], W[size:, :size] = G, G.T
        W[size:, size:] = T[size:, size:] - 0.5 * self.strength / self.rho * np.eye(meet.shape[1])
        products, fit = self._products(W[:size, :size]), self.J @ G + bias
        self.gap = np.sqrt(
            np.sum(np.square(W - self.M))
            + np.sum(np.square(products - self.products))
            + np.sum(np.square(fit - self.fit))
        )
        # the copies: positive semidefinite, of known signs, and near the targets
        W = RELAXED * W + (1.0 - RELAXED) * self.M + self.dual_M
        products = RELAXED * products + (1.0 - RELAXED) * self.products + self.dual_products
        fit = RELAXED * fit + (1.0 - RELAXED) * self.fit + self.dual_fit
        before = self.M, self.fit
        self.M = self._semidefinite(W)
        self.products = np.maximum(products, 0.0)
        pair = np.arange(len(self.rows))
        self.products[pair, len(pair) + pair] = self.products[len(pair) + pair, pair] = 0.0
        self.fit = self._proximal(fit)
        self.dual_M, self.dual_products, self.dual_fit = W - self.M, products - self.products, fit - self.fit
        self.change = self.rho * np.sqrt(
            np.sum(np.square(self.M - before[0])) + np.sum(np.square(self.fit - before[1]))
        )

    def _balance(self) -> None:
        ratio = FACTOR if self.gap > APART * self.change else 1.0 / FACTOR if self.change > APART * self.gap else 1.0
        if ratio != 1.0:
            self.rho *= ratio
            self._rescale(ratio)
            self._factor()

    def _rescale(self, ratio: float) -> None:
        """Multipliers in units of another penalty."""
        for dual in (self.dual_M, self.dual_products, self.dual_fit):
            dual /= ratio

    # ------------------------------------------------------------------ its parts
    def _products(self, W: Array) -> Array:
        """E W Eᵀ, symmetric to the last bit: what is not would grow."""
        first, mixed, last = products_of(self.rows, W)
        return np.block([[first, mixed], [mixed.T, last]])

    def _adjoint(self, S: Array) -> Array:
        """Eᵀ S E of a symmetric S."""
        p = len(self.rows)
        return gathered(self.rows, S[:p, :p], S[:p, p:], S[p:, p:])

    def _least_squares(self, W: Array) -> Array:
        """The X with X + (EᵀE) X (EᵀE) = W."""
        B, g = self.vectors, self.values
        WB = W @ B
        inner = B.T @ WB
        core = (1.0 / (1.0 + np.outer(g, g)) - 0.2) * inner
        half = ((WB - B @ inner) * (1.0 / (1.0 + 2.0 * g) - 0.2)) @ B.T
        out = 0.2 * W + half + half.T + B @ core @ B.T
        return np.asarray(0.5 * (out + out.T))

    def _semidefinite(self, W: Array) -> Array:
        """The nearest positive semidefinite matrix; few of its eigenvalues are positive."""
        nearest, self.positive = nearest_semidefinite(W, self.positive)
        return nearest

    def _proximal(self, B: Array) -> Array:
        """The F with the least loss(F) + rho/2 ||F - B||², in units of the fit."""
        problem, unit = self.problem, self.fit_unit
        loss, Y, w = problem.loss, problem.Y, problem.sample_weight
        centre = unit * B
        if loss.least_squares:
            return np.asarray((w[:, None] * Y + self.rho * centre) / (w[:, None] + self.rho) / unit)
        # the slope at the centre says how far to go at most; slopes do not decrease, so that halving finds the place
        far = centre - loss.gradient(centre, Y, w) / self.rho
        low, high = np.minimum(centre, far), np.maximum(centre, far)
        for _ in range(60):
            middle = 0.5 * (low + high)
            above = loss.gradient(middle, Y, w) + self.rho * (middle - centre) > 0.0
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return np.asarray(0.5 * (low + high) / unit)

    # ------------------------------------------------------------------ what an iterate proves
    def _check(self) -> None:
        """Evaluate the bound of the iterate at hand, and keep it where it is the best so far."""
        problem, k = self.problem, self.rows.shape[1]
        moments = np.diagonal(self.M)
        penalty = 0.5 * self.strength * float(moments[:k].sum() + moments[self.J.shape[1] :].sum())
        self.value = problem.loss_at(self.fit_unit * self.fit) + penalty * self.fit_unit**2
        # the multiplier of the fit, and that of the products
        N = -self.rho * self.dual_fit * self.fit_unit
        S = -2.0 * self.rho * self.strength * self.dual_products
        pair = np.arange(len(self.rows))
        S, free = np.maximum(S, 0.0), S[pair, len(pair) + pair]
        S[pair, len(pair) + pair] = S[len(pair) + pair, pair] = free
        point = balance_dual(problem, N)
        norm, moved = self._norm(point / self.fit_unit, S)
        lower = scale_dual(problem, point, problem.beta * norm / self.strength)[1]
        self.idle = 0 if lower > self.lower + ENOUGH * abs(self.value) else self.idle + 1
        if lower > self.lower:
            # in the lifting's own units
            unit = np.concatenate([self.length, self.length])
            scale = (self.fit_unit / self.weight_unit * self.fit_unit / self.unit) ** 2
            self.lower, self.best = lower, (point, scale * moved / unit[:, None] / unit)

    def _norm(self, N: Array, S: Array) -> tuple[float, Array]:
        """A bound on the dual norm of N in these units, and the multiplier that gives it.

        Where the iterate is not feasible, the residual counts as a little shorter than it is, and the rows' own squares, which
        cost nothing where a neuron is, as a little larger: both as far as the bound gains.
        """
        A, k = self.J.T @ N, self.rows.shape[1]
        lifted = self._adjoint(S)
        found, best = {}, (np.inf, 1.0, 0.0)
        shrink, at = self.shrink, None
        # from one factor to its neighbours, as long as that gains
        while at != shrink:
            at = shrink
            for s in (at, at * STEP, min(1.0, at / STEP)):
                if s in found or s < SHORTEST:
                    continue
                R = A @ A.T + lifted / s**2
                short = max(0.0, float(np.linalg.eigvalsh(R[k:, k:])[-1]))
                tries = [short * (1.0 + more) + LEAST * float(np.trace(A.T @ A)) for more in RIDGES]
                found[s] = min((self._schur(R, ridge), s, ridge) for ridge in tries)
                if found[s][0] < best[0] * (1.0 - GAIN):
                    best = found[s]
            shrink = best[1]
        self.shrink = shrink
        return best[0], self._moved(S, best[1], best[2])

    def _schur(self, R: Array, ridge: float) -> float:
        """The largest dual norm that the form R allows, once ``ridge`` times the rows' own squares is taken from it."""
        k = self.rows.shape[1]
        H, K = ridge * np.eye(len(self.rows)) - R[k:, k:], R[:k, k:] + 0.5 * ridge * self.rows.T
        try:
            top = R[:k, :k] + K @ linalg.cho_solve(linalg.cho_factor(H, check_finite=False), K.T, check_finite=False)
        except np.linalg.LinAlgError:
            return np.inf
        return float(np.sqrt(max(float(np.linalg.eigvalsh(top)[-1]), 0.0)))

    def _moved(self, S: Array, shrink: float, ridge: float) -> Array:
        """The multiplier that :meth:`_schur` used."""
        out = S / shrink**2
        pair = np.arange(len(self.rows))
        out[pair, len(pair) + pair] -= 0.5 * ridge
        out[len(pair) + pair, pair] -= 0.5 * ridge
        return out
