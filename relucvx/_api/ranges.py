"""What all optima, and all networks near them, have in common: the front doors of optimal sets and of kernel functionals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relucvx._api.solving import solve_posed
from relucvx.certificate import (
    Certificate,
    KernelRange,
    OptimalSet,
    kernel_range_of,
    optimal_set_of,
    prove_again,
)
from relucvx.certificate.kernels.kernel_bound import RangeProgress
from relucvx.certificate.kernels.kernel_range import check_kernel_range
from relucvx.certificate.optima.optimal_set import OptimaProgress
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying, hurried
from relucvx.kernel.representation import as_kernel
from relucvx.oracle import compile_kernels
from relucvx.oracle.clock import clock
from relucvx.oracle.signed import compile_signed
from relucvx.progress import Shown, watched
from relucvx.solution import Solution
from relucvx.types import ArrayLike, Rng
from relucvx.validation import as_positive

SHARP = 1e-11
"""Relative gap from which on a solution is solved further: at delta = 0 its gap is all that a range is wide by."""

SHARPEN = 0.25
"""Share of the time that this may take."""


def optimal_set(
    solution: Solution,
    *,
    time_limit: float = 30.0,
    rng: Rng = 0,
    callback: Callable[[OptimaProgress], Any] | None = None,
    progress: Shown = "auto",
) -> OptimalSet:
    """All optima of a solved problem, and whether there is more than one.

    With the optimal dual point N*, a network is optimal iff its neurons lie on active directions (unit w with
    ``|N*·phi(Xw)| = beta``) and its coefficients c >= 0 give the optimal fit: ``Σ c_k s_k phi(X w_k) + b_out = F*``. Networks
    that differ only in the order or the free rescaling of neurons count as one.

    Parameters
    ----------
    solution : Solution
        With a relative gap of at most 1e-3; the tighter, the more can be decided (``tol=1e-10``).
    time_limit : float
        Seconds for the proof that no other direction is active.
    callback : callable, optional
        Called with an :class:`~relucvx.certificate.optima.optimal_set.OptimaProgress` after each phase and each optimum;
        returning True stops, and what is not known by then stays undecided.
    progress : {"auto"} or bool
        A bar, as in :func:`relucvx.solve`.

    Returns
    -------
    OptimalSet
        Fit, directions, coefficients with their ranges, ``verdict`` (UNIQUE, NOT_UNIQUE with a second optimum, or
        UNDECIDED with the reason), the smallest network found, a lower bound on the width, and the staircase of widths.

    Raises
    ------
    InvalidInputError
        For something other than a Solution, or one that is not certified well enough.

    Notes
    -----
    UNIQUE rests on a proof by branch-and-bound that holds for every dual point within the distance that the gap allows, and
    on a smallest singular value above what that distance can take off it; NOT_UNIQUE on two networks whose objectives agree
    to rounding. With several outputs, or several read-outs of bags, a neuron's output vector is fixed by its direction,
    ``v̂ = N*ᵀphi(Xw)/beta``, and directions can form a continuum. Let A be the linear map with ``N*ᵀphi(Xw) = A w`` on the walls
    that an active direction lies on. Where its second singular value there is below beta, with a margin that covers the
    distance, and other walls do not come too close, a cap around the direction holds no other active one; outside the caps
    branch-and-bound shows ``||N*ᵀphi(Xw)|| < beta``. Hinge and absolute losses have no such distance: there only NOT_UNIQUE or
    UNDECIDED are possible.

    Status: certified numerically. Source: [mishkin-pilanci-2023], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> found = rx.optimal_set(rx.solve(X, y, beta=1.0))
    >>> found.verdict.name, found.width, found.fit.round(4).ravel().tolist()
    ('UNIQUE', 2, [1.6, 0.8, 0.8, 1.6])
    """
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain(
                "a Solution", type(solution).__name__, "a bare network has no certificate", "relucvx.solve(X, Y, beta)"
            )
        )
    limit = clock(time_limit, needed=True)

    def found(limit: Deadline, told: Callable[[OptimaProgress], Any] | None = None) -> OptimalSet:
        return optimal_set_of(
            solution.problem, solution.inner, solution.certificate, time_limit=limit, rng=rng, told=told
        )

    with carrying(lambda _: hurried(found)), watched("finding all optima", progress, callback) as told:
        return found(limit, told)


def kernel_range(
    solution: Solution,
    M: ArrayLike,
    delta: float = 0.0,
    *,
    time_limit: float = 60.0,
    rng: Rng = 0,
    callback: Callable[[RangeProgress], Any] | None = None,
    progress: Shown = "auto",
) -> KernelRange:
    """Certified range of <K, M> over every network of any width within ``delta`` of the optimum.

    K = Σ_j phi(Xw_j) phi(Xw_j)ᵀ is the hidden kernel of a network in its own scaling, and its objective P the one with weight
    decay on both layers, in that same scaling. The statement is about all networks with P <= p* + delta, balanced or not:

        lower <= <K, M> <= upper.

    Parameters
    ----------
    solution : Solution
        Of :func:`solve`; solved further where its gap is what limits the range.
    M : array_like, shape (n, n)
        Symmetric, positive semidefinite or not: ``np.eye(n)`` asks for the trace of the kernel.
    delta : float
        In units of the objective; 0 for the optima themselves.
    time_limit : float
        Seconds, about. The ends are valid, and further apart, when they run out.
    callback : callable, optional
        Called with a :class:`~relucvx.certificate.kernels.kernel_bound.RangeProgress` after every dual point; returning True
        stops, and the ends are those proven by then.
    progress : {"auto"} or bool
        A bar, as in :func:`relucvx.solve`.

    Returns
    -------
    KernelRange
        ``lower``, ``upper``; ``attained``, the smallest and largest values of networks that were found, and these networks; the
        dual points that prove the ends; ``statement``.

    Raises
    ------
    InvalidInputError
        For something other than a Solution, or an M that is not a finite symmetric matrix of the samples.
    UnsupportedError
        For free biases: a neuron of a bias alone costs nothing and adds any multiple of a constant to the kernel.

    Notes
    -----
    For ε > 0 and V(ε) the least of P - ε <K, M> over all networks, P <= p* + delta gives <K, M> <= (p* + delta - V(ε))/ε.
    The best scaling of a neuron of unit direction u with ||w||·||v|| = c costs c √(β (β - 2 ε q(u))), q(u) = phi(Xu)ᵀ M phi(Xu)
    So every dual point N with ``||Nᵀ phi(Xu)||² + 2 ε β q(u) <= β²`` for all unit u bounds V(ε) from below. For M = B Bᵀ that
    is a dual norm, of N with the columns √(2εβ) B beside it; otherwise a difference of two, bounded by branch-and-bound. The
    lower end is minus the upper end of -M. In place of p* stands the objective of the best network.

    The ends are as far from the attained values as the curvature of V and the gap of the solution make them: at delta = 0
    about 1e-4 of the kernel's size, where the solution is proven to 1e-12.

    Status: theorem (weak duality), certified numerically (all roundings bounded). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> sol = rx.solve(X, y, beta=1.0)  # unique: relu(x) and relu(-x), each times 0.8
    >>> found = rx.kernel_range(sol, np.eye(4))
    >>> print(f"trace {found.lower:.3f} to {found.upper:.3f}")
    trace 8.000 to 8.000
    >>> near = rx.kernel_range(sol, np.eye(4), delta=0.01)
    >>> bool(near.lower < found.lower <= found.upper < near.upper)
    True
    """
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain(
                "a Solution", type(solution).__name__, "a bare network has no certificate", "relucvx.solve(X, Y, beta)"
            )
        )
    problem = solution.problem
    check_kernel_range(problem)
    matrix = as_kernel(M, "M", problem.n_samples)
    delta = as_positive(delta, "delta", allow_zero=True)
    limit = clock(time_limit, compile_kernels, compile_signed, needed=True)
    best, certificate = sharpened(solution, delta, limit, rng)

    def found(left: Deadline, told: Callable[[RangeProgress], Any] | None = None) -> KernelRange:
        return kernel_range_of(
            problem, best.inner, certificate, matrix, delta=delta, time_limit=left, rng=rng, told=told
        )

    with carrying(lambda _: hurried(found)), watched("bounding", progress, callback) as told:
        return found(limit, told)


def sharpened(solution: Solution, delta: float, limit: Deadline, rng: Rng) -> tuple[Solution, Certificate]:
    """A solution whose gap is small beside delta, and its proven certificate, in a share of the time."""
    problem, best = solution.problem, solution
    if solution.certificate.rel_gap > max(SHARP, 1e-3 * delta / max(solution.objective, 1e-300)):
        seconds = limit.share(SHARPEN).seconds()
        further = solve_posed(problem, 1e-12, seconds, "auto", solution, None, rng)
        best = further if further.objective <= solution.objective else solution
    return best, prove_again(problem, best.inner, best.certificate, limit.share(SHARPEN))
