"""Convex relaxations of the network problem: named lower bounds, proven from a dual point.

Both drop part of what makes an atom ``phi(X w) vᵀ`` and keep the atomic norm's shape. A conic backend finds a dual
point; the number reported as ``lower`` does not trust the backend, it is recomputed from that point.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement import Arrangement, enumerate_patterns
from relucvx.arrangement.equilibrium import missing_width
from relucvx.deadline import Deadline, Limit
from relucvx.errors import BackendError, UnsupportedError, explain
from relucvx.kernel import spike_free
from relucvx.later import later
from relucvx.program.duality import balance_dual, residual, scale_dual
from relucvx.program.lifting import Lifting, is_one_sided, is_whitened, lifted_dual_norm, tightest_lifting
from relucvx.program.model import check_same_inputs
from relucvx.program.problem import Problem
from relucvx.program.relaxed_form import (
    Scaled,
    check_options,
    multiplier,
    network_program,
    run_backend,
    scale_problem,
    sign_constraints,
)  # fmt: skip
from relucvx.tolerances import EPS
from relucvx.types import Array, Result

cp = later("cvxpy")

NEW_PATTERNS = 24
"""Patterns added per round of the nuclear-norm bound."""

EXACT_SIZE = 4
"""Up to this size every doubly nonnegative matrix is completely positive."""

VIOLATION = 1e-9
"""Relative excess over beta below which no further pattern is added; the bound is valid without it."""


@dataclass(frozen=True)
class Relaxation(Result):
    """A named relaxation and the lower bound it proves.

    Attributes
    ----------
    name : str
        "nuclear norm" or "doubly nonnegative".
    value : float
        The relaxation's value as the backend reports it, accurate to its tolerance. Not a proof.
    lower : float
        What is proven: no network has an objective below it.
    exact : bool or None
        True where the relaxation's value is the optimum by a theorem; None where that is not known.
    dual : (n, c) array
        The dual point, feasible, whose dual value is ``lower``.
    dual_norm : float
        The upper bound on the dual norm of the backend's multiplier, before scaling; at most about beta.
    fit : (n, c) array
        The relaxation's fit.
    kernel : (n, n) array or None
        The relaxed hidden kernel ``Σ_j phi(X w_j) phi(X w_j)ᵀ`` in balanced units (doubly nonnegative only).
    backend, status : str
        The conic backend and how it stopped, in CVXPY's words.
    seconds : float

    Notes
    -----
    Status: theorem (weak duality) for ``lower``. Source: [sahiner-2021]

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> bound = rx.nuclear_norm_bound(rx.make_problem(data.X, data.Y, beta=0.2))
    >>> print(f"{bound.lower:.4f}", bound.exact, bound.backend)
    0.5257 None CLARABEL
    """

    name: str
    value: float
    lower: float
    exact: bool | None
    dual: Array
    dual_norm: float
    fit: Array
    kernel: Array | None
    backend: str
    status: str
    seconds: float


def nuclear_norm_bound(
    problem: Problem,
    arrangement: Arrangement | None = None,
    *,
    backend: str = "CLARABEL",
    time_limit: Limit = None,
) -> Relaxation:
    """Lower bound from free blocks under the nuclear norm, one per activation pattern.

    ``min loss(Σ_i diag(phi'_i) Xa V_i + 1 b_outᵀ) + beta Σ_i ||V_i||_* [+ beta/2 ||b_out||²]``, V_i in R^{D x c}

    The true penalty decomposes V_i into atoms ``u gᵀ`` with u in the cell of pattern i; here u is anywhere. Its dual
    point N satisfies ``max_i σ_max((diag(phi'_i) Xa)ᵀ N) <= beta``, hence ``D(N) <= beta``.

    Parameters
    ----------
    problem : Problem
        Any loss and activation; bias mode "none", "hidden" or "all".
    arrangement : Arrangement, optional
        Of the augmented inputs, complete. None enumerates it.
    backend : {"CLARABEL", "SCS"}
    time_limit : float or Deadline, optional
        Seconds for all rounds of the backend together; what is proven until then is returned.

    Returns
    -------
    Relaxation
        ``exact`` is True for a linear activation only.

    Raises
    ------
    UnsupportedError
        For free biases (blocks outside their cells would use an unpenalised bias to fit anything), and for an
        arrangement that is not complete.
    InvalidInputError
        For an arrangement of other inputs, or an unknown backend.
    BackendError
        When the backend returns no point, running out of time in the first round included.

    Notes
    -----
    For one output it is the gated relaxation. Patterns enter when the dual point violates them, so that thousands cost
    little. Source: [sahiner-2021] Status: theorem (lower bound over complete arrangements), certified numerically.

    Examples
    --------
    >>> import relucvx as rx
    >>> X, Y = [[1.0, 0.5], [-0.5, 1.0], [0.3, -1.0]], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> bound = rx.nuclear_norm_bound(rx.make_problem(X, Y, beta=0.2))
    >>> bool(bound.lower <= rx.solve(X, Y, 0.2).objective)
    True
    """
    deadline = check_options(problem, backend, time_limit)
    if arrangement is None:
        arrangement = enumerate_patterns(problem.inputs)
    check_same_inputs(problem, arrangement)
    if not arrangement.complete:
        raise UnsupportedError(
            explain(
                "all activation patterns, for a lower bound",
                f"{len(arrangement)} of them, not known to be all",
                arrangement.doubt,
                "enumerate_patterns instead of sample_patterns",
            )
        )
    start = time.perf_counter()
    scaled = scale_problem(problem)
    # few patterns bind: the program begins with those that pull most at zero, and grows by those that are violated
    gates = np.unique(problem.activation.gate(arrangement.patterns), axis=0)
    width = missing_width(arrangement)
    at_zero = residual(scaled.problem, np.zeros_like(problem.Y))
    chosen = np.argsort(-_gated_norms(scaled.inputs, gates, at_zero))[:NEW_PATTERNS]
    best: Relaxation | None = None
    while True:
        try:
            found, N = _nuclear_round(problem, scaled, gates, chosen, width, backend, deadline)
        except BackendError:
            if best is None or not deadline.passed():
                raise
            return dataclasses.replace(best, seconds=time.perf_counter() - start)
        # over some of the patterns the backend's value is too high, so the last one counts
        best = (
            found
            if best is None or found.lower >= best.lower
            else dataclasses.replace(best, value=found.value, fit=found.fit, status=found.status)
        )
        # all patterns are looked at, so that the bound covers those that are not in the program, too
        sizes = _gated_norms(problem.inputs, gates, N)
        sizes[chosen] = 0.0
        new = np.argsort(-sizes)[:NEW_PATTERNS]
        new = new[sizes[new] > problem.beta * (1.0 + VIOLATION)]
        if not len(new) or deadline.passed():
            return dataclasses.replace(best, seconds=time.perf_counter() - start)
        chosen = np.concatenate([chosen, new])


def _nuclear_round(
    problem: Problem,
    scaled: Scaled,
    gates: Array,
    chosen: NDArray[np.intp],
    width: float,
    backend: str,
    deadline: Deadline,
) -> tuple[Relaxation, Array]:
    """The program over some gates, with the bound its dual point proves against all of them, and that point."""

    shape = (problem.n_inputs, problem.n_outputs)
    blocks = [cp.Variable(shape) for _ in chosen]
    output = sum((gates[i][:, None] * scaled.inputs) @ V for i, V in zip(chosen, blocks, strict=True))
    norm = cp.normNuc if min(shape) > 1 else cp.norm2
    penalty = scaled.beta * sum(norm(cp.vec(V, order="C") if min(shape) == 1 else V) for V in blocks)
    cvx, fit, link = network_program(scaled, output, penalty, [])
    status = run_backend(cvx, backend, deadline)
    N = scaled.sy * balance_dual(scaled.problem, multiplier(link, problem))
    activation = problem.activation
    steepest = activation.steepest
    size = steepest * float(np.linalg.norm(problem.inputs, axis=1) @ np.linalg.norm(N, axis=1))
    # products of n terms and a backward stable SVD; and directions that the arrangement's tolerance left out
    slack = 8.0 * EPS * (len(N) + sum(shape)) * size + width * size
    bound = float(_gated_norms(problem.inputs, gates, N).max()) + slack
    dual, lower = scale_dual(problem, N, bound)
    relaxation = Relaxation(
        name="nuclear norm",
        value=float(cvx.value) * scaled.sy**2,
        lower=lower,
        exact=True if activation.hinge == 0.0 else None,
        dual=dual,
        dual_norm=bound,
        fit=scaled.sy * np.asarray(fit.value).reshape(problem.Y.shape),
        kernel=None,
        backend=backend,
        status=status,
        seconds=0.0,
    )
    return relaxation, N


def _gated_norms(inputs: Array, gates: Array, N: Array) -> Array:
    """Largest singular value of (diag(gate) X)ᵀ N for every gate (P, n)."""
    products = (inputs[:, :, None] * N[:, None, :]).reshape(len(N), -1)
    return np.asarray(np.linalg.norm((gates @ products).reshape(len(gates), inputs.shape[1], -1), ord=2, axis=(1, 2)))


def doubly_nonnegative_bound(problem: Problem, *, backend: str = "CLARABEL", time_limit: Limit = None) -> Relaxation:
    """Lower bound from a semidefinite program over lifted preactivations.

    With whitened inputs (``Xa Xaᵀ = s I``) and ReLU the network problem is

    ``min over F, K completely positive of loss(F) + beta/2 (tr K/s + tr Fᵀ K⁺ F)``

    (squared loss: ``(beta/2) min tr K_Y (beta I + K)^-1 + tr K`` for s = 1). Completely positive is relaxed to doubly
    nonnegative, which is the same for n <= 4. Otherwise a neuron is lifted to ``q = (w, relu(Xa w))``, and the second
    moment of q is positive semidefinite with the signs and zeros that ``relu(t) >= 0``, ``relu(t) >= t`` and
    ``relu(t)(relu(t) - t) = 0`` imply for products.

    Parameters
    ----------
    problem : Problem
        Any loss and activation; bias mode "none", "hidden" or "all".
    backend : {"CLARABEL", "SCS"}
        CLARABEL up to about 40 samples; SCS beyond, at a lower accuracy.
    time_limit : float or Deadline, optional
        Seconds for the backend.

    Returns
    -------
    Relaxation
        ``exact`` is True for inputs of rank n when n <= 2, or when n <= 4, they are spike-free (whitened inputs are)
        and the activation has one zero slope; else None.

    Raises
    ------
    UnsupportedError
        For free biases: the lifted second moment of an unpenalised bias has no finite bound.
    InvalidInputError
        For an unknown backend or a time limit that is not positive.
    BackendError
        When the backend returns no point.

    Notes
    -----
    ``lower`` is the dual value of the fit's multiplier N, scaled by the bound on ``D(N)²`` that the multiplier S of the
    sign constraints, clipped to ``S >= 0``, proves: the largest eigenvalue of ``N Nᵀ + S`` for whitened inputs.
    Source: [sahiner-2021] Status: theorem (lower bound; exact as said), certified numerically.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])  # whitened, four samples: the bound is the optimum
    >>> bound = rx.doubly_nonnegative_bound(rx.make_problem(data.X, data.Y, beta=0.2))
    >>> print(f"{bound.lower:.4f} {rx.solve(data.X, data.Y, 0.2).objective:.4f}")
    0.5257 0.5257
    """

    deadline = check_options(problem, backend, time_limit)
    start = time.perf_counter()
    # the backend's tolerances are absolute: inputs and targets of order one
    scaled = scale_problem(problem)
    lifting, exact = _lift(scaled.inputs, problem)
    n, c, k = problem.n_samples, problem.n_outputs, lifting.size
    # second moment of lifted neurons and outputs together; the penalty is half the trace of each side
    moment = cp.Variable((k + c, k + c), PSD=True)
    signs = sign_constraints(lifting, moment[:k, :k])
    squares = cp.sum(cp.multiply(lifting.cost, cp.diag(moment[:k, :k]))) + cp.trace(moment[k:, k:])
    cvx, fit, link = network_program(scaled, lifting.J @ moment[:k, k:], 0.5 * scaled.beta * squares, signs.constraints)
    status = run_backend(cvx, backend, deadline)

    N = balance_dual(scaled.problem, multiplier(link, problem))
    S = signs.multiplier()
    assert S is not None  # the backend returned a point
    # the Lagrangian gives beta² P >= J^T N N^T J + 2 beta E^T S E, both triangles of S counted
    bound = scaled.sx * scaled.sy * lifted_dual_norm(lifting, N, 2.0 * scaled.beta * S)
    dual, lower = scale_dual(problem, scaled.sy * N, bound)
    kernel = lifting.J @ moment.value[:k, :k] @ lifting.J.T * (scaled.sx * scaled.sy)
    return Relaxation(
        name="doubly nonnegative",
        value=float(cvx.value) * scaled.sy**2,
        lower=lower,
        exact=exact,
        dual=dual,
        dual_norm=bound,
        fit=scaled.sy * np.asarray(fit.value).reshape(n, c),
        kernel=0.5 * (kernel + kernel.T),
        backend=backend,
        status=status,
        seconds=time.perf_counter() - start,
    )


def _lift(inputs: Array, problem: Problem) -> tuple[Lifting, bool | None]:
    """The smallest lifting that loses nothing, and whether doubly nonnegative is completely positive for it."""
    n = problem.n_samples
    lifting = tightest_lifting(inputs, problem.activation)
    one_sided = is_one_sided(problem.activation)
    # whitened rows: activities are any non-negative vectors, and their second moments completely positive matrices
    if one_sided and is_whitened(inputs):
        return lifting, True if n <= EXACT_SIZE else None
    if n > EXACT_SIZE or np.linalg.matrix_rank(inputs) < n:
        return lifting, None
    # a general neuron is two non-negative vectors of length n, its positive and negative part; on spike-free inputs
    # the negative part only costs
    return lifting, True if 2 * n <= EXACT_SIZE or (one_sided and spike_free(inputs).spike_free) else None
