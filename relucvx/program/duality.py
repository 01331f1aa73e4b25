"""The dual function, and how a dual point becomes a lower bound that survives rounding.

Weak duality: for every N with dual norm ``D(N) = max over ||w|| <= 1 of ||Nᵀ phi(Xa w)|| <= beta`` every
network has ``objective >= dual_objective(N)``, where an output bias adds the terms
described at :func:`dual_objective`.
"""

from __future__ import annotations

import math

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS
from relucvx.types import Array

optimize = later("scipy.optimize")

SCALING_SHARE = 0.4
"""Share of a tolerated gap that making a dual point feasible may cost."""


def residual(problem: Problem, F: Array) -> Array:
    """Minus the gradient of the loss at the fit F (n, c): the natural dual point (Y - F for the squared loss)."""
    return -problem.loss.gradient(F, problem.Y, problem.sample_weight)


def dual_objective(problem: Problem, N: Array) -> float:
    """The dual function at N (n, c): a lower bound on the optimum whenever ``D(N) <= beta``.

    ``-loss*(-N)`` for the bias modes "none" and "hidden"; minus ``||Nᵀ 1||²/(2 beta)`` for "all"; for "free" the
    columns of N must sum to zero (up to the rounding of that sum), else -inf. Always -inf outside the domain of the
    conjugate. Evaluated in float64; :func:`scale_dual` also accounts for rounding.

    Notes
    -----
    Status: theorem (weak duality). Source: [ergen-pilanci-2021]
    """
    value = problem.loss.dual_value(N, problem.Y, problem.sample_weight)
    # a decayed bias b costs beta b²/2 and earns b·Σ N: its best is Σ N / beta
    if problem.bias.decays_output:
        total = N.sum(axis=0)
        value -= float(total @ total) / (2.0 * problem.beta)
    # a free one makes the dual function -inf unless the columns sum to zero, which rounding must not decide
    if problem.bias.is_free and np.any(np.abs(N.sum(axis=0)) > len(N) * EPS * np.abs(N).sum(axis=0)):
        return -math.inf
    return value


def balance_dual(problem: Problem, N: Array) -> Array:
    """For free biases: a nearby N inside the conjugate's domain whose columns sum to exactly zero.

    Each column is shifted by a multiple of the sample weights and clipped to the domain (a box around 0), which is
    what moving the output bias does to the residual of the squared loss. Other bias modes: N clipped to the domain.

    Parameters
    ----------
    problem : Problem
    N : (n, c) array

    Returns
    -------
    (n, c) array
        For bias "free" its entries lie on a common binary grid, so that every order of summation gives exactly 0.

    Notes
    -----
    Status: theorem (the result is dual feasible for the output bias; no claim that it is the best such point).
    Source: [relucvx]
    """
    loss, Y, w = problem.loss, problem.Y, problem.sample_weight
    N = loss.clip_dual(N, Y, w)
    if not problem.bias.is_free:
        return N
    return loss.exact_zero_sums(loss.shift_to_zero(N, Y, w), Y, w)


def scale_dual(problem: Problem, N: Array, dual_norm_upper: float) -> tuple[Array, float]:
    """Turn a dual point and a bound on its dual norm into a certified lower bound on the optimum.

    Maximises the concave ``s -> dual_objective(s N)`` over the s >= 0 with ``s · dual_norm_upper <= beta`` and s N
    in the domain of the conjugate.

    Parameters
    ----------
    problem : Problem
    N : (n, c) array
        Dual point, e.g. :func:`residual`; for free biases its columns must sum to zero (:func:`balance_dual`).
    dual_norm_upper : float
        A number >= D(N), where for free biases D maximises over ``||w|| <= 1`` and ``|b| <= max_i ||x_i||``.
        +inf is allowed and gives the trivial bound 0.

    Returns
    -------
    scaled : (n, c) array
        The feasible dual point ``s N``.
    lower : float
        At most the exact dual function at ``scaled``, hence at most the optimum; at least 0.

    Raises
    ------
    InvalidInputError
        When ``dual_norm_upper`` is NaN or negative, or N is not finite or of the wrong shape.

    Notes
    -----
    Status: theorem (weak duality, with every rounding error bounded). Source: [relucvx]
    """
    if N.shape != problem.Y.shape or not np.isfinite(N).all():
        raise InvalidInputError(
            explain(f"a finite dual point N of shape {problem.Y.shape}", f"shape {N.shape}, or non-finite entries")
        )
    if not dual_norm_upper >= 0.0:
        raise InvalidInputError(explain("dual_norm_upper >= 0", repr(dual_norm_upper), "the bound was not computed"))
    zero = np.zeros_like(N)
    # The point returned is not exactly s N: scaling rounds each entry (relative EPS) and, for free biases, the grid of
    # exact_zero_sums moves each column by at most 2 n grid steps, each below 2 n max|N| 2^-52. A move dN changes the
    # dual norm by at most Σ_i ||dN_i|| · max ||phi(xa_i w)||, so that much is added to the bound before scaling.
    bound = dual_norm_upper * (1.0 + 8.0 * EPS) + rounding_of_norm(problem, N)
    # feasible is every s up to beta / bound; the best of them, for the dual function is concave along the ray
    s = _best_scale(problem, N, problem.beta / bound if bound > 0.0 else math.inf)
    if s <= 0.0:
        return zero, 0.0
    loss, Y, w = problem.loss, problem.Y, problem.sample_weight
    scaled = loss.round_dual(s * N, Y, w)
    if problem.bias.is_free:
        scaled = loss.exact_zero_sums(scaled, Y, w)
    # a bound of 0 is always there: losses are not negative, and a worse one proves nothing
    lower = _dual_from_below(problem, scaled)
    return (scaled, lower) if lower > 0.0 else (zero, 0.0)


def rounding_of_norm(problem: Problem, N: Array) -> float:
    """A bound on how much the roundings inside :func:`scale_dual` can raise the dual norm, per unit of the scale s.

    Notes
    -----
    Status: theorem (first-order constants rounded up). Source: [relucvx]
    """
    steepest = problem.activation.steepest
    X = problem.inputs[:, : problem.penalized]
    if problem.bias.is_free:
        # columns of N sum to zero before and after, so that any shift of the rows is a shift of b: around their centre
        # |x_i·w + b| with ||w|| <= 1 and |b| <= max ||x_i||; beyond that D is constant
        reach = np.linalg.norm(X - X.mean(axis=0), axis=1) * (1.0 + 8.0 * EPS)
        reach = reach + reach.max()
    else:
        reach = np.linalg.norm(X, axis=1)
    reach = problem.per_sample(reach)
    size = 4.0 * EPS * float(np.linalg.norm(N, axis=1) @ reach) + float(problem.loss.row_slack(N) @ reach)
    if problem.bias.is_free:
        # total movement of a column: n entries truncated by one step each, then at most n steps to cancel the sum
        # (plus the column sum of the given N, which exact_zero_sums cancels as well)
        moved = 2.0 * len(N) * 2.0**-51 * len(N) * float(np.abs(N).max(initial=0.0)) * N.shape[1]
        # A loss that couples the outputs uses steps up to 2 c times as large, and each row's and each column's sum
        # moves as well: 4 n c such steps in all, 8 n² c² max|N| 2^-51; the rest is for row sums that start off zero.
        moved *= 6.0 * N.shape[1]
        moved += float(sum(abs(math.fsum(column)) for column in N.T)) * (1.0 + EPS)
        size += moved * float(reach.max())
    return steepest * size


def _best_scale(problem: Problem, N: Array, s_max: float) -> float:
    """The maximiser of the concave s -> dual_objective(s N) on [0, s_max] inside the domain, to working precision."""
    loss, Y, w = problem.loss, problem.Y, problem.sample_weight
    if not N.any():
        return 0.0
    # the cap keeps s N finite while the bracket grows; any s below the true limit is valid
    s_max = min(s_max, loss.largest_scale(N, Y, w), 1e100)
    total = N.sum(axis=0) if problem.bias.decays_output else np.zeros(N.shape[1])
    quadratic = float(total @ total) / problem.beta

    # the derivative along the ray, at the point that rounding into the domain makes of it
    def slope(s: float) -> float:
        at = loss.round_dual(s * N, Y, w)
        return float(np.sum(loss.dual_gradient(at, Y, w) * N)) - s * quadratic

    if s_max <= 0.0 or slope(0.0) <= 0.0:
        return 0.0
    # s = 1 is the point as given, near the best where it is the residual of an optimum
    end = min(s_max, 1.0)
    while slope(end) > 0.0:
        if end >= s_max:
            return s_max
        end = min(s_max, 4.0 * end)
    return float(optimize.brentq(slope, 0.0, end, xtol=EPS * end, rtol=4 * EPS, maxiter=1000))


def _dual_from_below(problem: Problem, N: Array) -> float:
    """dual_objective(N) rounded down: minus a bound on its floating-point error."""
    loss, Y, w = problem.loss, problem.Y, problem.sample_weight
    value = loss.dual_value(N, Y, w) - loss.dual_error(N, Y, w)
    if problem.bias.decays_output:
        total = np.abs(N.sum(axis=0)) + (len(N) + 2) * EPS * np.abs(N).sum(axis=0) + loss.row_slack(N).sum()
        value -= float(total @ total) / (2.0 * problem.beta) * (1.0 + (N.shape[1] + 4) * EPS)
    # the subtractions above round as well, each by half a unit in the last place of its result
    return value - 4.0 * EPS * abs(value)


def norm_that_proves(problem: Problem, N: Array, upper: float, penalty: float, tol: float) -> float:
    """A bound on D(N) that is small enough to prove the relative gap ``tol``, if N itself proves it: what to ask an oracle for.

    Parameters
    ----------
    N : (n, c) array
        Dual point of a network of the objective ``upper``, whose penalty part is ``penalty``.

    Notes
    -----
    Scaling N down by 1 + e costs about e times the penalty where the conjugate is smooth, and more where it is not: for a
    dual function that is linear e times all of it. The cost is convex in the shrinkage, so one secant from above is safe.

    Status: heuristic (what is proven is computed from the bound). Source: [relucvx]
    """
    # part of the gap for scaling; the rest is the network's own distance from its optimum
    allowed = SCALING_SHARE * tol * upper
    slack = min(allowed / penalty, (0.1 * tol) ** 0.5, 0.1) if penalty > 0.0 else tol
    # measured, not assumed: what scaling by that much would cost at this very point
    exact = scale_dual(problem, N, problem.beta)[1]
    cost = exact - scale_dual(problem, N, problem.beta * (1.0 + slack))[1]
    if cost > allowed:
        slack *= 0.9 * allowed / cost
    return problem.beta * (1.0 + max(slack, 1e-13))


def gap(upper: float, lower: float) -> tuple[float, float]:
    """Absolute and relative duality gap ``(upper - lower, |upper - lower| / upper)``.

    The scale is the upper bound itself and nothing else: a target with an offset, a tiny beta or one huge weight makes the
    loss of the zero fit large, and says nothing about the accuracy of the optimum. So the relative gap is 0 only where the
    two numbers are equal. Bounds in the wrong order disagree by as much, which is no proof either. NaN bounds give NaN.

    Notes
    -----
    Status: theorem (upper >= optimum >= lower). Source: [relucvx]
    """
    absolute = upper - lower
    if absolute == 0.0:
        return 0.0, 0.0
    return absolute, abs(absolute) / upper if upper != 0.0 else math.inf
