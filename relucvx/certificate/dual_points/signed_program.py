"""The lifted program of one output, where neurons that add and neurons that take away have second moments of their own.

With one output a balanced neuron is v = ±||w||, so that its length t = ||w|| can be a coordinate: networks become two moments
M± = Σ (t, w, s)(t, w, s)ᵀ over the neurons of either sign, and

    min  loss(J (g₊ - g₋) + b) + beta (M₊_tt + M₋_tt) (+ beta/2 b²),    g the moments of t with (w, s),
    over M >= 0 with E M Eᵀ >= 0 (= 0 on pairs that exclude each other), M_tt = tr M_ww, and
    ||moments of w with e|| <= the moment of t with e   for every row e of E,

is at most the optimum, and at least the program of one moment, where signs cancel (the module ``lifted_program`` beside it).
The cones say that neurons are as long as they are wherever e is positive, not on average alone. Neither helps much without the
other. Any multipliers prove a bound (:func:`relucvx.program.signed_lifting.signed_dual_norm`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from relucvx.certificate.dual_points.lifted_program import (
    BALANCE_EVERY,
    CHECK_FIRST,
    ENOUGH,
    FACTOR,
    PENALTY,
    LiftedProgram,
    gathered,
    nearest_semidefinite,
    products_of,
)
from relucvx.certificate.proof import Proof, prove_signed
from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.program.duality import balance_dual, scale_dual
from relucvx.program.problem import Problem
from relucvx.program.signed_lifting import sphere_levels
from relucvx.threads import jobs
from relucvx.types import Array

linalg = later("scipy.linalg")

CONES = 2.0
"""Weight of the copies that are in cones, beside that of the moments."""

RELAXED = 1.85
"""Over-relaxation of the copies."""

NEAREST, FARTHEST = 50.0, 2e4
"""Ratios of primal to dual residuals that the penalty is changed to keep within: what proves is the dual side."""

STEP, SHORTEST, GAIN, LEAST = 0.98, 0.3, 1e-6, 1e-7
"""In looking for a bound: factors that shorten the dual point, what counts as a gain, and the least ridge."""

BASE, FIRST_POWER, LEAST_POWER, MOST_POWER = 3.0, -8, -18, 6
"""Ridges are this to a power, in units of the point: the first one tried, the least, and the most."""


def signs(problem: Problem) -> bool:
    """Whether neurons have a sign: one output, and one read-out."""
    return problem.n_weights_out == 1


class SignedProgram(LiftedProgram):
    """The relaxation of a problem of one output, with the iterates so far and the best that they prove.

    Parameters
    ----------
    problem : Problem
        One for which :func:`relucvx.certificate.dual_points.lifted_program.lifts` and :func:`signs` are true.

    Attributes
    ----------
    lower : float
        What the best dual point so far proves, up to rounding; -inf at first.

    Notes
    -----
    Status: heuristic (rounding is not bounded here; :meth:`proof` does that). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.certificate.dual_points.signed_program import SignedProgram
    >>> from relucvx.deadline import Deadline
    >>> program = SignedProgram(rx.make_problem(np.eye(2), [1.0, -1.0], beta=0.5))
    >>> program.run(Deadline(20.0))
    >>> print(f"{program.proof().lower:.3f}")  # a neuron for each sample
    0.750
    """

    best: tuple[Array, list[tuple[Array, Array]]] | None
    pool: ThreadPoolExecutor | None = None

    def proof(self) -> Proof | None:
        """The best dual point so far, with the bound that its multipliers prove; None where there is none yet."""
        return None if self.best is None else prove_signed(self.problem, self.lifting, self.unit, *self.best)

    def run(self, deadline: Deadline, enough: float = np.inf) -> None:
        """Steps from where the last ones ended, both signs at once where there are two cores for it."""
        if jobs() == 1:
            return super().run(deadline, enough)
        with ThreadPoolExecutor(1) as pool:
            self.pool = pool
            try:
                super().run(deadline, enough)
            finally:
                self.pool = None

    def _start(self) -> None:
        R, n = self.rows, self.problem.n_samples
        p, k = R.shape
        self.gram = np.block([[R.T @ R, -R.T], [-R, 2.0 * np.eye(p)]])
        equations = _Equations(R, self.gram)
        self.signs = (_Sign(R, equations), _Sign(R, equations))
        self.fit, self.dual_fit = np.zeros((n, 1)), np.zeros((n, 1))
        self.rho, self.steps, self.next_check = PENALTY, 0, CHECK_FIRST
        self.lower, self.value, self.idle = -np.inf, np.inf, 0
        self.best = None
        self.sums = np.linalg.inv(np.eye(k + p) + 0.5 * CONES * self.gram)
        self._factor()

    def _factor(self) -> None:
        """The inverse of the equations of g₊ - g₋ and the output bias, which depends on the penalty."""
        J = self.J
        A = np.eye(J.shape[1]) + 0.5 * CONES * self.gram + J.T @ J
        if self.problem.bias.decays_output:
            ones, decay = J.sum(axis=0)[:, None], self.problem.beta / self.rho
            A = np.block([[A, ones], [ones.T, np.array([[len(J) + decay]])]])
        self.inverse = np.linalg.inv(A)

    def _step(self) -> None:
        J, meet = self.J, self.fit - self.dual_fit
        plus, minus = (sign.wanted_lengths() for sign in self.signs)
        right = plus - minus + J.T @ meet[:, 0]
        bias = 0.0
        if self.problem.bias.decays_output:
            solved = self.inverse @ np.append(right, meet.sum())
            difference, bias = solved[:-1], float(solved[-1])
        else:
            difference = self.inverse @ right
        total = self.sums @ (plus + minus)
        look = (self.steps + 1) % BALANCE_EVERY == 0
        cost = self.strength / self.rho
        first, second = self.signs
        # the two signs meet in the fit alone
        other = None if self.pool is None else self.pool.submit(second.step, 0.5 * (total - difference), cost, look)
        first.step(0.5 * (total + difference), cost, look)
        if other is None:
            second.step(0.5 * (total - difference), cost, look)
        else:
            other.result()
        fit = (J @ difference + bias)[:, None]
        off, before = float(np.sum(np.square(fit - self.fit))), self.fit
        fit = RELAXED * fit + (1.0 - RELAXED) * self.fit + self.dual_fit
        self.fit = self._proximal(fit)
        self.dual_fit = fit - self.fit
        if look:
            moved = float(np.sum(np.square(self.fit - before)))
            self.gap = float(np.sqrt(off + sum(sign.gap for sign in self.signs)))
            self.change = self.rho * float(np.sqrt(moved + sum(sign.change for sign in self.signs)))

    def _balance(self) -> None:
        apart = self.gap / max(self.change, 1e-300)
        ratio = FACTOR if apart > FARTHEST else 1.0 / FACTOR if apart < NEAREST else 1.0
        if ratio != 1.0 and self.gap > 0.0 and self.change > 0.0:
            self.rho *= ratio
            self._rescale(ratio)
            self._factor()

    def _rescale(self, ratio: float) -> None:
        self.dual_fit /= ratio
        for sign in self.signs:
            sign.rescale(ratio)

    def _check(self) -> None:
        """Evaluate the bound of the iterate at hand, and keep it where it is the best so far."""
        problem = self.problem
        penalty = self.strength * sum(float(sign.M[0, 0]) for sign in self.signs)
        self.value = problem.loss_at(self.fit_unit * self.fit) + penalty * self.fit_unit**2
        point = balance_dual(problem, -self.rho * self.dual_fit * self.fit_unit)
        slope = self.J.T @ point[:, 0] / self.fit_unit
        norms, multipliers = [], []
        for sign, towards in zip(self.signs, (slope, -slope), strict=True):
            norm, S, C = sign.norm(towards, self.rho)
            # in the lifting's own units, in which the form is that of the point
            length = np.concatenate([self.length, self.length])
            unit = self.unit * self.weight_unit / self.fit_unit**2 * length
            norms.append(norm)
            multipliers.append((S / unit[:, None] / length, C / unit))
        lower = scale_dual(problem, point, problem.beta * max(0.0, *norms) / self.strength)[1]
        self.idle = 0 if lower > self.lower + ENOUGH * abs(self.value) else self.idle + 1
        if lower > self.lower:
            self.lower, self.best = lower, (point, multipliers)


class _Equations:
    """The least squares of one sign's moments of (w, s): their own copies, those of their products, and those in cones."""

    def __init__(self, R: Array, gram: Array) -> None:
        p, k = R.shape
        U = np.linalg.svd(R, full_matrices=False)[0]
        # beside w and the s that some w has, EᵀE is twice the identity
        self.B = np.zeros((k + p, k + U.shape[1]))
        self.B[:k, :k], self.B[k:, k:] = np.eye(k), U
        g = self.B.T @ gram @ self.B
        eye, leading = np.eye(len(g)), np.diag(np.where(np.arange(len(g)) < k, 1.0, 0.0))
        self.half = np.linalg.inv(eye + 2.0 * g + CONES * leading) - 0.2 * eye
        core = np.kron(eye, eye) + np.kron(g, g) + 0.5 * CONES * (np.kron(leading, g) + np.kron(g, leading))
        self.core = np.linalg.inv(core)
        # t² = ||w||²: what moves along the gradient of the difference
        self.along = (self.core @ -leading.ravel()).reshape(g.shape)
        self.leading, self.bend = leading, 1.0 - float(np.sum(leading * self.along))

    def solve(self, W: Array, square: float) -> tuple[Array, float]:
        """The X with X + G X G + CONES/2 (D X G + G X D) = W and the length whose square is tr X_ww, nearest to ``square``."""
        B = self.B
        BW = B.T @ W
        inner = BW @ B
        cross = B @ (self.half @ (BW - inner @ B.T))
        core = (self.core @ inner.ravel()).reshape(inner.shape)
        move = (float(np.sum(self.leading * core)) - square) / self.bend
        out = 0.2 * W + cross + cross.T + B @ (core + move * self.along - 0.2 * inner) @ B.T
        return np.asarray(0.5 * (out + out.T)), square + move


class _Sign:
    """The moments of the neurons of one sign, and their copies.

    Products that are to be non-negative are kept as one array, of which the positive part is the copy and the negative part
    its multiplier: ``first``, ``mixed`` and ``last`` are the blocks of s with s, s with s - Rw, and s - Rw with itself.
    """

    def __init__(self, R: Array, equations: _Equations) -> None:
        p, k = R.shape
        self.R, self.equations = R, equations
        self.M, self.dual_M = np.zeros((1 + k + p, 1 + k + p)), np.zeros((1 + k + p, 1 + k + p))
        self.first, self.mixed, self.last = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p))
        self.C, self.dual_C = np.zeros((1 + k, 2 * p)), np.zeros((1 + k, 2 * p))
        self.positive, self.shrink, self.power = 1 + k + p, 1.0, FIRST_POWER
        self.gap = self.change = 0.0

    # ------------------------------------------------------------------ steps
    def wanted_lengths(self) -> Array:
        """What the copies ask of the moments of t with (w, s)."""
        return np.asarray(
            self.M[0, 1:] - self.dual_M[0, 1:] + 0.5 * CONES * _spread(self.R, self.C[0] - self.dual_C[0])
        )

    def step(self, lengths: Array, cost: float, look: bool) -> None:
        """One step, once the moments of t with (w, s) are known."""
        R, k = self.R, self.R.shape[1]
        T = self.M - self.dual_M
        pair = np.arange(len(R))
        mixed = np.abs(self.mixed)
        # the copy of what must be zero is zero
        mixed[pair, pair] = -self.mixed[pair, pair]
        W = T[1:, 1:] + gathered(R, np.abs(self.first), mixed, np.abs(self.last))
        cones = 0.5 * CONES * _spread(R, self.C[1:] - self.dual_C[1:])
        W[:k] += cones
        W[:, :k] += cones.T
        X = np.empty_like(T)
        X[1:, 1:], X[0, 0] = self.equations.solve(W, float(T[0, 0]) - cost)
        X[0, 1:] = X[1:, 0] = lengths
        self._copies(X, look)

    def _copies(self, X: Array, look: bool) -> None:
        R, k = self.R, self.R.shape[1]
        C = _rows(R, X[: 1 + k, 1:])
        products = products_of(R, X[1:, 1:])
        blocks = (self.first, self.mixed, self.last)
        if look:
            times = (1.0, 2.0, 1.0)
            self.gap = float(np.sum(np.square(X - self.M))) + CONES * float(np.sum(np.square(C - self.C)))
            for block, new, count in zip(blocks, products, times, strict=True):
                self.gap += count * float(np.sum(np.square(new - np.maximum(block, 0.0))))
        for block, new in zip(blocks, products, strict=True):
            kept = np.diagonal(block).copy()
            positive = np.maximum(block, 0.0)
            block += RELAXED * (new - positive)
            if block is self.mixed:
                np.fill_diagonal(block, kept + RELAXED * np.diagonal(new))
        W = RELAXED * X + (1.0 - RELAXED) * self.M + self.dual_M
        before = self.M
        self.M, self.positive = nearest_semidefinite(W, self.positive)
        self.dual_M = W - self.M
        C = RELAXED * C + (1.0 - RELAXED) * self.C + self.dual_C
        self.C = _in_cones(C)
        self.dual_C = C - self.C
        if look:
            self.change = float(np.sum(np.square(self.M - before)))

    def rescale(self, ratio: float) -> None:
        """Multipliers in units of another penalty."""
        self.dual_M /= ratio
        self.dual_C /= ratio
        for block in (self.first, self.mixed, self.last):
            kept = np.diagonal(block) / ratio
            np.copyto(block, np.maximum(block, 0.0) + np.minimum(block, 0.0) / ratio)
            if block is self.mixed:
                np.fill_diagonal(block, kept)

    # ------------------------------------------------------------------ what they prove
    def norm(self, slope: Array, rho: float) -> tuple[float, Array, Array]:
        """A bound on slope·(w, s) for ||w|| = 1 in these units, and the multipliers of products and cones that give it.

        Where the iterate is not feasible, the point counts as a little shorter than it is, and what costs nothing where a
        neuron is, s (s - Rw), as a little larger: both as far as the bound gains.
        """
        R, (p, k) = self.R, self.R.shape
        pair = np.arange(p)
        first, last = (-rho * np.minimum(block, 0.0) for block in (self.first, self.last))
        mixed = -rho * np.minimum(self.mixed, 0.0)
        mixed[pair, pair] = -rho * self.mixed[pair, pair]
        C = _in_cones(-rho * CONES * self.dual_C)
        lifted = np.zeros_like(self.M)
        lifted[1:, 1:] = gathered(R, first, mixed, last)
        cones = 0.5 * _spread(R, C)
        lifted[: 1 + k, 1:] += cones
        lifted[1:, : 1 + k] += cones.T
        linear = np.zeros_like(lifted)
        linear[0, 1:] = linear[1:, 0] = 0.5 * slope
        best, ridge = self._shortened(linear, lifted)
        if not np.isfinite(best):
            return np.inf, np.zeros((2 * p, 2 * p)), np.zeros_like(C)
        mixed[pair, pair] -= 0.5 * ridge
        return best, np.block([[first, mixed], [mixed.T, last]]) / self.shrink, C / self.shrink

    def _shortened(self, linear: Array, lifted: Array) -> tuple[float, float]:
        """The best bound over factors that shorten the linear part, from one to its neighbours, and its ridge."""
        k = self.R.shape[1]
        size = float(np.linalg.norm(linear[0]))
        size = size if size > 0.0 else max(float(np.linalg.norm(lifted)), LEAST)
        found: dict[float, tuple[float, float]] = {}
        shrink, at = self.shrink, None
        while at != shrink:
            at = shrink
            for s in (at, at * STEP, min(1.0, at / STEP)):
                if s in found or s < SHORTEST:
                    continue
                form = s * linear + lifted
                least = max(0.0, float(np.linalg.eigvalsh(form[1 + k :, 1 + k :])[-1])) * (1.0 + LEAST)
                value, ridge = self._ridged(form, least, size)
                found[s] = value / s, ridge
            best = min(found, key=lambda s: found[s][0])
            if found[best][0] < found[at][0] - GAIN * abs(found[at][0]):
                shrink = best
        self.shrink = shrink
        return found[shrink]

    def _ridged(self, form: Array, least: float, size: float) -> tuple[float, float]:
        """The best bound over ridges above ``least``, from one power to its neighbours: it is convex in the ridge."""
        found: dict[int, float] = {}
        power, at = self.power, None
        while at != power:
            at = power
            for one in (at, at - 1, at + 1):
                if one not in found and LEAST_POWER <= one <= MOST_POWER:
                    found[one] = self._schur(form, least + size * BASE**one)
            power = min(found, key=lambda one: found[one])
            # where nothing is definite yet a larger ridge is what helps
            if not np.isfinite(found[power]) and at < 0:
                power = at + 1
        self.power = power
        return found[power], least + size * BASE**power

    def _schur(self, form: Array, ridge: float) -> float:
        """The most that the form allows for t = ||w|| = 1, once ``ridge`` times s (s - Rw) is taken from it."""
        q = 1 + self.R.shape[1]
        H, K = ridge * np.eye(len(self.R)) - form[q:, q:], form[:q, q:].copy()
        K[1:] += 0.5 * ridge * self.R.T
        try:
            top = form[:q, :q] + K @ linalg.cho_solve(linalg.cho_factor(H, check_finite=False), K.T, check_finite=False)
        except np.linalg.LinAlgError:
            return np.inf
        return sum(sphere_levels(top))


def _rows(R: Array, X: Array) -> Array:
    """Moments with the rows of E: (q, k + p) to (q, 2p)."""
    s = X[:, R.shape[1] :]
    return np.hstack([s, s - X[:, : R.shape[1]] @ R.T])


def _spread(R: Array, C: Array) -> Array:
    """C E: the adjoint of :func:`_rows`."""
    a, b = C[..., : len(R)], C[..., len(R) :]
    return np.concatenate([-b @ R, a + b], axis=-1)


def _in_cones(C: Array) -> Array:
    """The nearest columns (a, b) with ||b|| <= a."""
    length = np.linalg.norm(C[1:], axis=0)
    outside = length > np.abs(C[0])
    level = np.where(outside, 0.5 * (C[0] + length), np.maximum(C[0], 0.0))
    factor = np.where(outside, level / np.maximum(length, 1e-300), np.where(C[0] > 0.0, 1.0, 0.0))
    return np.vstack([level, C[1:] * factor])
