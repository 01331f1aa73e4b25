"""The strength from which no neuron pays: beta_max, as a certified interval."""

from __future__ import annotations

import dataclasses

import numpy as np

from relucvx.certificate.dual_points.cutting_planes import KINK, cutting_planes
from relucvx.deadline import Deadline, Limit
from relucvx.errors import UnsupportedError, explain
from relucvx.oracle import dual_norm
from relucvx.oracle.clock import clock
from relucvx.program.duality import balance_dual, residual
from relucvx.program.presolve import rescaled
from relucvx.program.problem import Problem
from relucvx.threads import one_thread_if_small
from relucvx.tolerances import EPS
from relucvx.types import Array

REPEATS = 12
"""Times that the programs at a kink are solved again with a direction that local search had missed."""

WIDTH = 1e-10
"""Relative width of the interval to aim for when beta_max is approached from above."""


@one_thread_if_small
def beta_max_interval(problem: Problem, *, time_limit: Limit = 60.0) -> tuple[float, float]:
    """Certified interval (lo, hi): the null network is optimal at every beta >= hi, and is not at beta = lo.

    ``beta_max = D(N0)``, the dual norm of ``N0 = -∇loss`` at the null network (zero, or the best constant with a free
    bias); below it a neuron always pays. With bias "all" the null network's output bias depends on beta, and beta_max is
    the largest solution of ``D(N0(beta)) = beta``; the null network can be optimal again further down. For the hinge N0
    is the subgradient with the smallest dual norm. ``lo`` is 0 where nothing below hi could be refuted.

    Parameters
    ----------
    problem : Problem
        Its beta is ignored.
    time_limit : float, Deadline or None
        Seconds in all; the interval stays valid, and gets wider, when they run out.

    Notes
    -----
    Status: certified numerically. Source: [pilanci-ergen-2020], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate import beta_max_interval
    >>> low, high = beta_max_interval(rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0))
    >>> round(low, 6), round(high, 6)
    (5.0, 5.0)
    """
    deadline = clock(time_limit)
    small = rescaled(problem).problem
    lo, hi = _interval(small, deadline)
    unit = problem.beta / small.beta
    # powers of two are divided out exactly; the root of two of two classes is not
    return lo * unit * (1.0 - 2.0 * EPS), hi * unit * (1.0 + 2.0 * EPS)


def _interval(problem: Problem, deadline: Deadline) -> tuple[float, float]:
    if problem.bias.decays_output:
        return _DecayedBias(problem, deadline).interval()
    null_fit = np.tile(problem.null_bias(), (problem.n_samples, 1))
    if not problem.loss.smooth:
        low, high = problem.loss.subgradient_bounds(null_fit, problem.Y, problem.sample_weight, KINK)
        if not np.array_equal(low, high):
            return _kinked_interval(problem, deadline)
    bound = dual_norm(problem, balance_dual(problem, residual(problem, null_fit)), time_limit=deadline)
    return bound.lower, bound.upper


def _kinked_interval(problem: Problem, deadline: Deadline) -> tuple[float, float]:
    """Null fits on kinks, as best constants are: minimise the dual norm over the subdifferential, output by output.

    Any subgradients (with vanishing sums, for a free bias) bound beta_max from above, and every single output bounds it from
    below.
    """
    if problem.n_readouts > 1:
        return 0.0, _some_subgradient(problem, deadline)
    total = 0.0 if problem.bias.is_free else None
    # one output at a time: of several the norm is not linear in N, but no less than that of each
    outputs = [dataclasses.replace(problem, Y=problem.Y[:, [k]]) for k in range(problem.n_outputs)]
    atoms = [np.zeros((0, problem.n_samples)) for _ in outputs]
    lo, hi = 0.0, _largest_norm(problem)
    for repeat in range(REPEATS):
        half = deadline.share(0.5)
        found = [
            cutting_planes(output, known, total, minimise_norm=True, deadline=half)
            for output, known in zip(outputs, atoms, strict=True)
        ]
        N, levels = np.hstack([part for part, _ in found]), [least for _, least in found]
        if not np.isfinite(levels).all():
            break  # no program was solved in time
        bound = dual_norm(problem, N, time_limit=deadline)
        lo, hi = max(lo, *levels), min(hi, bound.upper + _off_subgradient(problem, N))
        # local search misses a direction now and then: what the proof finds above the programs' level is one more plane
        missed = len(outputs) == 1 and bound.lower > levels[0] * (1.0 + KINK)
        if not missed or deadline.passed() or repeat == REPEATS - 1:
            break
        fresh = problem.pool(problem.activation(problem.inputs @ bound.witness[:, None]))[:, 0].T
        atoms = [np.vstack([atoms[0], fresh])]
    return min(max(0.0, lo), hi), hi


def _off_subgradient(problem: Problem, N: Array) -> float:
    """How much larger the dual norm of a true subgradient with vanishing sums, near N, can be than that of N.

    Entries outside the subdifferential go to its edge, and as much again restores the sums: a change of twice the violation,
    each unit of which moves the dual norm by at most the largest activation.
    """
    null_fit = np.tile(problem.null_bias(), (problem.n_samples, 1))
    low, high = problem.loss.subgradient_bounds(null_fit, problem.Y, problem.sample_weight)
    off = float(np.maximum(np.maximum(-high - N, N + low), 0.0).sum())
    X = problem.X - problem.X.mean(axis=0) if problem.bias.is_free else problem.inputs
    lengths = problem.per_sample(np.linalg.norm(X, axis=1))
    steepest = problem.activation.steepest
    return 4.0 * off * steepest * float(lengths.max()) * (1.0 + 1e-9)


def _largest_norm(problem: Problem) -> float:
    """A bound on the dual norm of every dual point in the domain of the conjugate, whatever its column sums."""
    low, high = problem.loss.dual_bounds(problem.Y, problem.sample_weight)
    reach = np.linalg.norm(problem.inputs[:, : problem.penalized], axis=1)
    if problem.bias.is_free:
        reach = reach + reach.max(initial=0.0)
    steepest = problem.activation.steepest
    size = np.linalg.norm(np.maximum(np.abs(low), np.abs(high)), axis=1)
    return steepest * float(size @ problem.per_sample(reach)) * (1.0 + 1e-9)


def _some_subgradient(problem: Problem, deadline: Deadline) -> float:
    """The dual norm of one subgradient at the null network, with read-outs whose least one no linear program finds."""
    null_fit = np.tile(problem.null_bias(), (problem.n_samples, 1))
    N = balance_dual(problem, residual(problem, null_fit))
    return dual_norm(problem, N, time_limit=deadline).upper + _off_subgradient(problem, N)


class _DecayedBias:
    """Largest solution of D(N0(beta)) = beta when the output bias b(beta) of the null network is decayed."""

    def __init__(self, problem: Problem, deadline: Deadline) -> None:
        self.problem, self.deadline = problem, deadline
        act = problem.activation
        steepest = act.steepest
        self.reach = problem.per_sample(steepest * np.linalg.norm(problem.inputs, axis=1))

    def norm(self, N: Array) -> tuple[float, float]:
        bound = dual_norm(self.problem, N, time_limit=self.deadline.share(0.3))
        return bound.lower, bound.upper

    def steepest(self) -> float:
        """Lipschitz constant of a loss that mixes the outputs, without which nothing is known between two strengths."""
        constant = self.problem.loss.gradient_lipschitz
        if not np.isfinite(constant):
            raise UnsupportedError(
                explain(
                    'a finite gradient_lipschitz for beta_max with bias="all" and a loss that mixes the outputs',
                    f"{constant:g} for {self.problem.loss}",
                    "the class does not state it",
                    'the property gradient_lipschitz in the class of the loss, or bias="hidden"',
                )
            )
        return constant

    def residual_at(self, bias: Array) -> Array:
        return balance_dual(self.problem, residual(self.problem, np.tile(bias, (self.problem.n_samples, 1))))

    def dual_at(self, beta: float) -> Array:
        return self.residual_at(dataclasses.replace(self.problem, beta=beta).null_bias())

    def between(self, N1: Array, N2: Array, upper1: float, upper2: float, betas: tuple[float, float]) -> float:
        """Bound on D(N0(beta)) for every beta between two: D is convex, and N0 may be affine in the bias.

        Where outputs do not mix, N0 moves monotonically in each entry, so it stays within |N1 - N2| of either end. Where they
        do, the gradient is L-Lipschitz in the bias (1/2 for the cross-entropy), and monotone, so that
        ``||b(s) - b(t)|| <= |s - t| ||b(t)|| / s``.
        """
        loss = self.problem.loss
        if loss.affine_gradient:
            return max(upper1, upper2)
        if loss.coupled:
            s, t = min(betas), max(betas)
            move = (t - s) / s * float(np.linalg.norm(dataclasses.replace(self.problem, beta=t).null_bias()))
            return upper2 + self.steepest() * move * (1.0 + 1e-9) * float(self.reach @ self.problem.sample_weight)
        return min(upper1, upper2) + float(self.reach @ np.linalg.norm(N1 - N2, axis=1))

    def interval(self) -> tuple[float, float]:
        if not self.problem.loss.smooth:
            return self._kinked()
        hi, N, upper = self._top()
        step = 1.0
        # the bound on D at hi may lie well below it: then the null network stays optimal further down
        while hi > 0.0 and step > 1e-3 and not self.deadline.passed() and hi - upper > 0.25 * WIDTH * hi:
            # D stays at most the bound over [trial, hi], so the null network is optimal all the way down to trial.
            trial = hi - step * (hi - upper)
            if trial <= 0.0:  # the residual at the null network is down to rounding: hi is, too
                break
            M = self.dual_at(trial)
            high = self.norm(M)[1]
            if self.between(M, N, high, upper, (trial, hi)) <= trial:
                hi, N, upper, step = trial, M, high, 1.0
            else:
                step *= 0.5
        return self._refuted_below(hi), hi

    def _refuted_below(self, hi: float) -> float:
        """The beta closest below hi, on a ladder, at which a neuron is certain to pay; 0 without one."""
        # from close below hi on downwards: the first that is refuted is the tightest
        for share in (*(1.0 - 10.0**-power for power in range(12, 0, -1)), 0.7, 0.4, 0.2, 0.1, 0.05):
            beta = hi * share
            if beta > 0 and not self.deadline.passed() and self.norm(self.dual_at(beta))[0] > beta:
                return beta
        return 0.0

    def _top(self) -> tuple[float, Array, float]:
        """A beta at and above which the null network is optimal: b(beta) lies between 0 and the best constant."""
        start = self.residual_at(np.zeros(self.problem.n_outputs))
        upper = self.norm(start)[1]
        if self.problem.loss.coupled:
            # ||b(beta)|| <= ||Σ_i N0_i|| / beta, so D(N0(beta)) <= upper + slope / beta
            slope = (
                self.steepest()
                * float(np.linalg.norm(start.sum(axis=0)))
                * float(self.reach @ self.problem.sample_weight)
            )
            hi = 0.5 * (upper + float(np.sqrt(upper**2 + 4.0 * slope))) * (1.0 + 1e-9)
            N = self.dual_at(hi) if hi > 0 else start
            return hi, N, self.norm(N)[1] if hi > 0 else 0.0
        # the bias moves from 0 (beta large) to the best constant (beta small), and the residual with it
        best = self.problem.loss.best_constant(self.problem.Y, self.problem.sample_weight)
        # With labels of one kind the best constant is infinite and the residual there is zero.
        end = self.residual_at(best) if np.isfinite(best).all() else np.zeros_like(start)
        hi = self.between(end, start, self.norm(end)[1], upper, (0.0, np.inf))
        N = self.dual_at(hi) if hi > 0 else start
        return hi, N, self.norm(N)[1] if hi > 0 else 0.0

    def _kinked(self) -> tuple[float, float]:
        """While b = Σ N0 / beta reaches no kink N0 stays what it is (w y for the hinge, |b| < 1); below, b sits on one."""
        N = self.residual_at(np.zeros(self.problem.n_outputs))
        low, high = self.norm(N)
        total = float(np.abs(N.sum(axis=0)).max())
        hi = max(high, total)
        if not self._stays(N, hi):
            return 0.0, self._largest()
        if low >= total or self.problem.n_weights_out > 1:
            return low if low >= total else 0.0, hi
        # the sum of the multipliers is beta b, which the cutting planes are given: each beta is a program of its own
        for power in range(30, 0, -3):
            beta = hi * (1.0 - 0.5**power)
            trial = dataclasses.replace(self.problem, beta=beta)
            zero = np.zeros((0, trial.n_samples))
            total = beta * float(trial.null_bias()[0])
            level = cutting_planes(trial, zero, total, minimise_norm=True, deadline=self.deadline.share(0.3))[1]
            if level > beta:
                return beta, hi
        return 0.0, hi

    def _stays(self, N: Array, beta: float) -> bool:
        """Whether N is the only subgradient at every b from 0 to Σ N / beta: slopes do not decrease, so at both ends."""
        ends = N.sum(axis=0) / beta * (1.0 - 1e-9) if beta > 0.0 else np.zeros(N.shape[1])
        return all(
            np.array_equal(-low, N) and np.array_equal(-high, N) for low, high in map(self._slopes, (0 * ends, ends))
        )

    def _slopes(self, bias: Array) -> tuple[Array, Array]:
        fit = np.tile(bias, (self.problem.n_samples, 1))
        return self.problem.loss.subgradient_bounds(fit, self.problem.Y, self.problem.sample_weight)

    def _largest(self) -> float:
        """A bound on D(N0) for all biases between 0 and the best constant, between which N0 moves one way."""
        best = self.problem.loss.best_constant(self.problem.Y, self.problem.sample_weight)
        slopes = np.stack([*self._slopes(0.0 * best), *self._slopes(best)])
        return float(self.reach @ np.linalg.norm(np.abs(slopes).max(axis=0), axis=1)) * (1.0 + 1e-9)
