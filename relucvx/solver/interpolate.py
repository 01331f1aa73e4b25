"""Least norm subject to an exact fit, by column generation on the exact penalty.

``min Σ_j ||w_j||·||v_j|| [+ ||b_out||²/2]  subject to  F = Y`` equals ``min penalty + K Σ_i |F_i - Y_i|`` once K exceeds the
largest multiplier of the fit, and the latter is a problem like any other (beta = 1, absolute loss, sample weights K): the
same active set solves it and the same certificate proves it. Its lower bound holds for the interpolation problem whatever
K is. What is left here is to decide whether Y can be fitted at all, to find K, and to remove the interior point's residual.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from relucvx.deadline import Deadline, Limit
from relucvx.interrupts import carrying
from relucvx.losses import EXACT_PENALTY
from relucvx.network import TwoLayerReLU, balance, merge
from relucvx.network.transform import prune_on
from relucvx.oracle import dual_norm
from relucvx.oracle.clock import clock
from relucvx.program.duality import balance_dual, residual, scale_dual
from relucvx.program.feasibility import allowance, check_feasible
from relucvx.program.objective import balanced_objective, fit
from relucvx.program.presolve import presolve
from relucvx.program.problem import Problem
from relucvx.solver.column_generation import active_set
from relucvx.solver.interpolate_several_outputs import MARGIN, least_norm
from relucvx.solver.restricted import network_of_blocks
from relucvx.solver.result import Progress, SolverResult
from relucvx.solver.walls import null_basis
from relucvx.threads import one_thread_if_small
from relucvx.tolerances import EPS, RANK
from relucvx.types import Array, BoolArray, Rng, Status

WARM_SHARE = 1e-3
"""Strength of the squared-loss problem that supplies the first cells and multipliers, as a share of beta_max."""

RAISES = 10  # of the price of a residual, tenfold each

WARM_TIME, TIDY_TIME = 0.5, 0.1
"""Shares of the time for that problem, and of what is left for taking the residual away."""

MOST_PRUNED, MOST_ENTRIES = 2e6, 1e7
"""Numbers in the activities, and in the equations, of a network whose residual is removed: within a second."""

NEAR = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12)
"""Distances to a wall, relative to ||x_i|| ||w||, below which a neuron may be meant to lie on it; all are tried."""

STEPS = 2  # corrections of the residual, one after the other

DUST = (1e-5, 1e-8, 0.0)
"""Neurons below this share of the largest are left out, as residue of the interior point; the first that fits counts."""


def interpolation_problem(problem: Problem, K: float) -> Problem:
    """The exact-penalty form: beta = 1, absolute loss with weight K on every sample.

    Status: theorem (the same minimum once K is at least every multiplier of the fit). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import interpolation_problem
    >>> exact = interpolation_problem(rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0), K=10.0)
    >>> exact.beta, exact.loss.name, exact.sample_weight.tolist()
    (1.0, 'absolute', [10.0, 10.0])
    """
    return dataclasses.replace(
        problem, beta=1.0, loss=EXACT_PENALTY, sample_weight=np.full(problem.n_samples, float(K))
    )


def interpolates(problem: Problem, network: TwoLayerReLU) -> bool:
    """Whether the network fits every target up to :func:`~relucvx.program.feasibility.allowance`.

    Status: certified numerically. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import interpolates
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0)
    >>> interpolates(problem, rx.TwoLayerReLU([[1.0]], [1.0])), interpolates(problem, rx.TwoLayerReLU([[0.9]], [1.0]))
    (True, False)
    """
    return bool(np.abs(fit(problem, network) - problem.Y).max() <= allowance(problem))


@one_thread_if_small
def interpolate_problem(
    problem: Problem,
    *,
    tol: float = 1e-6,
    time_limit: Limit = None,
    callback: Callable[[Progress], bool | None] | None = None,
    rng: Rng = 0,
) -> tuple[Problem, SolverResult]:
    """Network of least norm with F = Y; returns the exact-penalty problem and its solution.

    Parameters
    ----------
    problem : Problem
        Squared loss; its beta and sample weights play no part.

    Raises
    ------
    InfeasibleError
        When no network fits Y.

    Notes
    -----
    One output weight for each neuron: the exact penalty. Several outputs, or bags read in several ways: columns generated on
    the dual (:mod:`relucvx.solver.interpolate_several_outputs`).

    Status: certified numerically (the caller recomputes the certificate). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import interpolate_problem, interpolates
    >>> problem = rx.make_problem([[-1.0], [1.0], [2.0]], [1.0, 1.0, 2.0], beta=1.0)
    >>> exact, found = interpolate_problem(problem)
    >>> interpolates(problem, found.network), found.network.width
    (True, 2)
    """
    check_feasible(problem)
    deadline, began = clock(time_limit), time.perf_counter()
    # every reduction of the exact penalty is one of the interpolation problem, whatever K is
    reduction = presolve(interpolation_problem(problem, 1.0))
    # reductions of the penalty form are read as reductions of the fit: beta and weights go back to ones
    small = dataclasses.replace(
        reduction.problem, beta=1.0, loss=problem.loss, sample_weight=np.ones(reduction.problem.n_samples)
    )
    price, scale = reduction.problem.beta, reduction.gain * reduction.problem.beta
    told = None if callback is None else lambda progress: callback(_scaled(progress, scale))
    exact = interpolation_problem(small, 1.0)
    null = SolverResult(small.null_network(), np.zeros_like(small.Y), 0.0, Status.CONVERGED, 0, 0.0)
    found: SolverResult | None = None

    def stated(found: SolverResult) -> tuple[Problem, SolverResult]:
        found.network = balance(reduction.backward(found.network), penalize_bias=not problem.bias.is_free)
        found.dual, found.lower = price * reduction.dual(found.dual), scale * found.lower
        found.history = [_scaled(progress, scale) for progress in found.history]
        found.presolve, found.seconds = reduction.note, time.perf_counter() - began
        return interpolation_problem(problem, price * float(exact.sample_weight[0])), found

    def interrupted(inner: SolverResult | None) -> tuple[Problem, SolverResult]:
        best = inner or found or null
        best.status = Status.INTERRUPTED
        return stated(best)

    # a cheap problem first: it tells the size of the multipliers, and gives neurons to start from
    with carrying(interrupted):
        if small.n_weights_out > 1:
            found = least_norm(small, tol=tol, deadline=deadline, callback=told, rng=rng)
            exact = interpolation_problem(small, MARGIN * (float(np.abs(found.dual).max()) or 1.0))
            return _judged(problem, *stated(found), deadline)
        found = _warm(small, deadline.share(WARM_TIME), told, rng)
        if found is None:
            return stated(null)
        exact, found = _raised(small, found, tol, deadline, told, rng)
    return _judged(problem, *stated(found), deadline)


def _judged(problem: Problem, exact: Problem, found: SolverResult, deadline: Deadline) -> tuple[Problem, SolverResult]:
    """Not converged, unless the network fits the problem as it was stated."""
    if not interpolates(problem, found.network) and found.status is Status.CONVERGED:
        found.status = Status.TIME_LIMIT if deadline.passed() else Status.STALLED
    return exact, found


def _scaled(progress: Progress, scale: float) -> Progress:
    return dataclasses.replace(progress, upper=scale * progress.upper, lower=scale * progress.lower)


def _raised(
    problem: Problem,
    found: SolverResult,
    tol: float,
    deadline: Deadline,
    callback: Callable[[Progress], bool | None] | None,
    rng: Rng,
) -> tuple[Problem, SolverResult]:
    """The exact-penalty problem and its solution, K raised until a network interpolates."""
    # the multipliers at that strength approach those of the interpolation from below
    K, rounds, history = MARGIN * float(np.abs(found.dual).max()), found.rounds, list(found.history)
    for _ in range(RAISES):
        exact = interpolation_problem(problem, K)
        if found.status is Status.INTERRUPTED or deadline.passed():
            break
        found = active_set(
            exact, tol=tol, time_limit=deadline.share(1.0 - TIDY_TIME), start=found.network, callback=callback, rng=rng
        )
        rounds, history = rounds + found.rounds, history + found.history
        # what the penalty leaves of the residual is small, and taken away exactly
        _tidy(exact, found, tol, deadline)
        if interpolates(problem, found.network) or found.status is Status.BACKEND_FAILED:
            break
        # still no fit: the multipliers of the true interpolation are larger than those seen so far
        K *= 10.0
    found.rounds, found.history = rounds, history
    return exact, found


def _warm(
    problem: Problem, deadline: Deadline, callback: Callable[[Progress], bool | None] | None, rng: Rng
) -> SolverResult | None:
    """Solution of the squared-loss problem at a small strength, dual in units of the norm; None if no neuron is needed."""
    unweighted = dataclasses.replace(problem, beta=1.0, sample_weight=np.ones(problem.n_samples))
    # D(Y) sets the scale of beta; for free biases balance_dual takes the mean off, and nothing may be left
    level = dual_norm(
        unweighted, balance_dual(unweighted, problem.Y), method="spectral", time_limit=deadline.share(0.1)
    ).lower
    # no direction pulls: the output bias alone fits, or there is nothing to fit
    reach = np.linalg.norm(problem.inputs, axis=1).max(initial=0.0)
    if level <= 1e-12 * reach * float(np.abs(problem.Y).sum()):
        return None
    soft = dataclasses.replace(unweighted, beta=WARM_SHARE * level)
    found = active_set(soft, tol=1e-4, time_limit=deadline, callback=callback, rng=rng)
    found.dual = residual(soft, fit(soft, found.network)) / soft.beta
    return found


def _tidy(problem: Problem, found: SolverResult, tol: float, deadline: Deadline) -> None:
    """At most n neurons, the residual removed, the multipliers refined; nothing is kept that proves less."""
    decayed = not problem.bias.is_free
    whole = merge(found.network, penalize_bias=decayed)
    size = whole.neuron_norms(decayed)
    # dust keeps the residual from vanishing, and neurons near a wall may be meant to lie on it: which is not known,
    # so that every cut and every distance is tried
    best, value, multipliers = found.network, balanced_objective(problem, found.network), []
    for share in DUST:
        if problem.Y.size * whole.width > MOST_PRUNED or deadline.passed():
            break
        alive = size > share * size.max(initial=0.0)
        start = _pruned(problem, _subset(whole, alive), decayed)
        before = value
        for near in NEAR:
            if deadline.passed() or len(problem.X) * start.lifted_in.size > MOST_ENTRIES:
                break
            trial = start
            for _ in range(STEPS):
                trial, dual = remove_residual(problem, trial, near, found.dual)
                fresh = balanced_objective(problem, trial)
                if fresh < value:
                    best, value = trial, fresh
                    multipliers.append(dual)
        if value < before:
            break
    found.network = best
    # refined multipliers may prove more than those of the interior point; only then are they worth a proof
    if multipliers and value - found.lower > tol * value:
        lower = _proven(problem, multipliers[-1], deadline)
        if lower > found.lower:
            found.dual, found.lower = multipliers[-1], lower


def _pruned(problem: Problem, network: TwoLayerReLU, decayed: bool) -> TwoLayerReLU:
    """At most as many neurons as samples, with the same fit."""
    network = balance(network, decayed)
    return prune_on(network, problem.pool(network.hidden(problem.X))[:, 0], decayed)


def _subset(network: TwoLayerReLU, keep: BoolArray) -> TwoLayerReLU:
    bias = None if network.bias_in is None else network.bias_in[keep]
    return dataclasses.replace(
        network, weights_in=network.weights_in[keep], weights_out=network.weights_out[keep], bias_in=bias
    )


def _proven(problem: Problem, N: Array, deadline: Deadline) -> float:
    """The lower bound that the oracle proves from N."""
    point = balance_dual(problem, N)
    bound = dual_norm(problem, point, target=problem.beta, time_limit=deadline)
    return scale_dual(problem, point, bound.upper)[1]


def remove_residual(problem: Problem, network: TwoLayerReLU, near: float, dual: Array) -> tuple[TwoLayerReLU, Array]:
    """Smallest change of the neurons, each within its cell and walls, that makes the fit equal Y; and its multipliers.

    Neurons closer to a wall than ``near`` (relative to ||x_i|| ||w||) are put on it first. The multipliers are those
    nearest to ``dual`` that satisfy the stationarity conditions in the least-squares sense.

    Notes
    -----
    Status: heuristic (the caller compares objectives and bounds). Source: [relucvx]
    """
    X, p = problem.inputs, problem.penalized
    sign = np.where(network.weights_out[:, 0] < 0, -1.0, 1.0)
    W, _, bias = problem.neurons(network)
    u = W * np.abs(network.weights_out)
    lengths = np.linalg.norm(X, axis=1)
    bases, columns, pulls = [], [np.zeros((problem.n_samples, 0))], [np.zeros(0)]
    # each neuron in the subspace of its walls, inside its cell: there the fit is linear in it
    for j in range(len(u)):
        z = X @ u[j]
        walls = (np.abs(z) <= near * lengths * np.linalg.norm(u[j])) & (lengths > 0)
        basis = null_basis(X[walls] / lengths[walls, None], X.shape[1])
        u[j] = basis @ (basis.T @ u[j])
        slopes = np.where(walls, 0.0, problem.activation.gate(z > 0))
        bases.append(basis)
        columns.append(problem.pool(sign[j] * slopes[:, None] * (X @ basis))[:, 0])
        pulls.append(basis[:p].T @ u[j, :p] / max(float(np.linalg.norm(u[j, :p])), 1e-300))
    has_bias = problem.bias.has_output
    if has_bias:
        columns.append(np.ones((problem.n_samples, 1)))
        pulls.append(bias if problem.bias.decays_output else np.zeros(1))
    # the least change that fits, and the multipliers that balance the pull of the norm, nearest to those known
    A, pull = np.concatenate(columns, axis=1), np.concatenate(pulls)
    current = sum(c @ (b.T @ w) for c, b, w in zip(columns[1:], bases, u, strict=False)) + bias[0]
    step = np.linalg.lstsq(A, problem.Y[:, 0] - current, rcond=EPS * max(A.shape))[0]
    N = dual[:, 0] + np.linalg.lstsq(A.T, pull - A.T @ dual[:, 0], rcond=RANK.value)[0]
    at = 0
    for j, basis in enumerate(bases):
        u[j] += basis @ step[at : at + basis.shape[1]]
        at += basis.shape[1]
    return network_of_blocks(problem, u, sign[:, None], bias + step[at:].sum()), N[:, None]
