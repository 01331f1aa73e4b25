"""Convex programs through a conic backend of CVXPY (:mod:`relucvx.program.backend`), with every failure named."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from relucvx.errors import BackendError, InfeasibleError, explain
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.backend import (
    CLARABEL,
    INACCURATE,
    INFEASIBLE,
    MOSEK,
    OPTIMAL,
    OUT_OF_LIMIT,
    SCS,
    check_backend,
    failures,
    options,
    solve,
)
from relucvx.program.cvxpy_form import CvxpyForm
from relucvx.program.duality import balance_dual
from relucvx.program.problem import Problem
from relucvx.tolerances import CONIC
from relucvx.types import Array, Result
from relucvx.validation import as_positive

log = logging.getLogger(__name__)

# multiples of CONIC tried in turn when no tolerance is given: degenerate optima (free biases, separable labels) stall
# interior points a digit or two above it, and a first-order method never gets near it
LEVELS: dict[str, tuple[float, ...]] = {
    CLARABEL: (1.0, 10.0, 100.0),
    SCS: (1e3, 1e4),
    MOSEK: (1.0, 10.0, 100.0),
}

MOST_ITERATIONS = 1_000_000  # of a first-order method


class Program(Protocol):
    """What :func:`solve_conic` accepts: ConvexProgram, GatedRelaxation, InterpolationProgram."""

    problem: Problem

    def to_cvxpy(self) -> CvxpyForm:
        """The program in CVXPY."""
        ...


@dataclass(frozen=True, eq=False)
class ConicResult(Result):
    """What a conic backend returned.

    Attributes
    ----------
    primal : ConvexPrimal or MomentPrimal
        The point, as the backend left it (cone violations of the size of its tolerance). For a gated relaxation
        ``negative`` is zero.
    dual : (n, c) array
        The multiplier N of the fit: ``-∇loss(fit)``, and where the loss has a kink the choice that proves optimality.
        Moved by the backend's rounding into the domain of the dual function (zero column sums for free biases).
    value : float
        Objective value reported by the backend, accurate to its tolerance.
    backend : str
        Name of the backend.
    status : str
        The backend's status in CVXPY's words.
    tol : float
        The tolerance of the run that gave this result.
    compile_seconds, solve_seconds : float
        Wall-clock time for building the conic form, and for solving it.
    """

    primal: ConvexPrimal | MomentPrimal
    dual: Array
    value: float
    backend: str
    status: str
    tol: float
    compile_seconds: float
    solve_seconds: float


def solve_conic(
    program: Program,
    backend: str = "CLARABEL",
    tol: float | None = None,
    time_limit: float | None = None,
    verbose: bool = False,
    allow_inaccurate: bool = False,
) -> ConicResult:
    """Solve a convex program with a named conic backend.

    Parameters
    ----------
    program : ConvexProgram, GatedRelaxation or InterpolationProgram
    backend : {"CLARABEL", "SCS", "MOSEK"}
        CLARABEL and MOSEK are interior-point methods; SCS is first order: choose ``tol`` no smaller than 1e-7 for it.
    tol : float, optional
        The backend's own tolerances on gap and residuals. None starts at ``CONIC`` (SCS: 1e3 times it) and loosens by
        tens, up to 100 times (SCS: 1e4), while the backend stops short; the result says where it ended.
    time_limit : float, optional
        Seconds for the backend, over all runs.
    verbose : bool
        Print the backend's log.
    allow_inaccurate : bool
        Accept a solution the backend itself calls inaccurate; its status says so.

    Returns
    -------
    ConicResult

    Raises
    ------
    BackendError
        When the backend fails, or stops at anything but an optimum within ``tol``.
    InfeasibleError
        When the backend proves the constraints contradictory.
    MissingPackageError, LicenseError
        When MOSEK is asked for but not installed, or has no licence.
    InvalidInputError
        For an unknown backend, or a tolerance or time limit that is not positive.

    Notes
    -----
    Status: heuristic (accurate to the backend's tolerance; a proof needs the certificate). Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.solver import solve_conic
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> found = solve_conic(rx.ConvexProgram(X, y, beta=1.0, arrangement=rx.enumerate_patterns(X)))
    >>> print(f"{found.value:.6f} by {found.backend}")
    1.800000 by CLARABEL
    """
    check_backend(backend)
    levels = tuple(CONIC.value * k for k in LEVELS[backend]) if tol is None else (as_positive(tol, "tol"),)
    if time_limit is not None:
        time_limit = as_positive(time_limit, "time_limit", fix="time_limit=None for no limit")
    form = program.to_cvxpy()
    start = time.perf_counter()
    # compiled once, and timed apart from solving
    form.problem.get_problem_data(backend)
    compiled = time.perf_counter()
    reached = _descend(form, backend, levels, time_limit, verbose, allow_inaccurate)
    finished = time.perf_counter()
    shape = program.problem.Y.shape
    return ConicResult(
        primal=form.primal(),
        # the backend leaves the conjugate's domain by its tolerance, and outside the dual function is -inf
        dual=balance_dual(program.problem, np.asarray(form.link.dual_value, dtype=np.float64).reshape(shape)),
        value=float(form.problem.value),
        backend=backend,
        status=str(form.problem.status),
        tol=reached,
        compile_seconds=compiled - start,
        solve_seconds=finished - compiled,
    )


def _descend(
    form: CvxpyForm,
    backend: str,
    levels: tuple[float, ...],
    time_limit: float | None,
    verbose: bool,
    allow_inaccurate: bool,
) -> float:
    """Try the tolerances in turn until the backend reaches one, and return it; the last failure is raised."""
    start = time.perf_counter()
    left = time_limit
    # a looser tolerance is tried only after a failure; of the last level the failure is the answer
    for level in levels[:-1]:
        try:
            _check_status(_run(form, backend, level, left, verbose), backend, False)
            return level
        except BackendError as error:
            left = None if time_limit is None else time_limit - (time.perf_counter() - start)
            if left is not None and left <= 0.0:
                raise
            log.info("%s at tolerance %g: %s", backend, level, error)
    _check_status(_run(form, backend, levels[-1], left, verbose), backend, allow_inaccurate)
    return levels[-1]


def _run(form: CvxpyForm, backend: str, tol: float, time_limit: float | None, verbose: bool) -> str:
    """Call the backend; its status. Its exceptions become BackendError."""
    try:
        return solve(form.problem, backend, options(backend, tol, time_limit, MOST_ITERATIONS), verbose)
    except failures(backend) as error:
        raise BackendError(
            explain(
                f"{backend} to solve the program",
                f"its failure: {error}",
                "the tolerance is too small, or the data are badly scaled",
                "a larger tol, standardised features, or another backend",
            )
        ) from error


def _check_status(status: str, backend: str, allow_inaccurate: bool) -> None:
    """Accept optimal (and optimal_inaccurate when allowed); explain everything else."""
    if status == OPTIMAL or (allow_inaccurate and status == INACCURATE):
        return
    if status in INFEASIBLE:
        raise InfeasibleError(
            explain("constraints that some point satisfies", f"status {status} from {backend}", "they contradict")
        )
    cause, fix = "", "a larger tol, or another backend"
    if status == INACCURATE:
        cause, fix = "the tolerance was not reached", "a larger tol, another backend, or allow_inaccurate=True"
    if status == OUT_OF_LIMIT:
        cause, fix = "the time or iteration limit was reached", "a larger time_limit"
    raise BackendError(explain(f"{backend} to stop at an optimum", f"status {status}", cause, fix))
