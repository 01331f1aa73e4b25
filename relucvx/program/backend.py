"""The conic backends: their names, what they call their options and statuses, and how they fail.

The backend is always given by name: left to itself CVXPY picks MOSEK when its wheel is present, and dies with a raw
``mosek.Error`` when the licence is not. CLARABEL is also called directly, where its standard form is at hand.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import is_word, shown
from relucvx.deadline import Deadline, OutOfTime, aside, seconds_left
from relucvx.errors import InvalidInputError, LicenseError, MissingPackageError, explain
from relucvx.later import later
from relucvx.types import Array

if TYPE_CHECKING:
    import cvxpy as cp
else:
    cp = later("cvxpy")

clarabel = later("clarabel")

CLARABEL, SCS, MOSEK = "CLARABEL", "SCS", "MOSEK"
BACKENDS = (CLARABEL, SCS, MOSEK)

OPTIMAL, INACCURATE = "optimal", "optimal_inaccurate"
INFEASIBLE = ("infeasible", "infeasible_inaccurate")
OUT_OF_LIMIT = "user_limit"
"""CVXPY's words for how a backend stopped."""

FINISHED = ("Solved", "AlmostSolved", "MaxIterations", "InsufficientProgress")
"""CLARABEL's own words for a solve that ended, or ran out of steps: its point may be of use."""

REDUCED = 1e-5
"""A stop of CLARABEL at this accuracy is accepted: nothing is believed before the certificate has recomputed it."""

MOST_STEPS = 200  # of CLARABEL's interior point; it takes about twenty


def options(backend: str, tol: float, time_limit: float | None, max_iters: int) -> dict[str, Any]:
    """The backend's own names for tolerance, time limit and (first-order methods) the limit on iterations."""
    if backend == CLARABEL:
        names: dict[str, Any] = {"tol_gap_abs": tol, "tol_gap_rel": tol, "tol_feas": tol}
        return names if time_limit is None else {**names, "time_limit": time_limit}
    if backend == SCS:
        names = {"eps_abs": tol, "eps_rel": tol, "max_iters": max_iters}
        return names if time_limit is None else {**names, "time_limit_secs": time_limit}
    params: dict[str, float] = {
        f"MSK_DPAR_INTPNT_CO_TOL_{name}": tol for name in ("PFEAS", "DFEAS", "REL_GAP", "MU_RED")
    }
    if time_limit is not None:
        params["MSK_DPAR_OPTIMIZER_MAX_TIME"] = time_limit
    return {"mosek_params": params}


def failures(backend: str) -> tuple[type[BaseException], ...]:
    """What CVXPY raises when the backend fails."""
    common: tuple[type[BaseException], ...] = (cp.error.SolverError, ArithmeticError)
    if backend != MOSEK:
        return common
    import mosek

    return (*common, mosek.Error)


@contextmanager
def quiet() -> Iterator[None]:
    """Without CVXPY's word on inaccurate solutions: here the status is checked, or the bound recomputed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        yield


def solve(
    cvx: cp.Problem, backend: str, named: dict[str, Any], verbose: bool = False, deadline: Deadline | None = None
) -> str:
    """Call a backend by name with its :func:`options`; its status. What it raises is one of :func:`failures`.

    With a deadline it is called aside, so that Ctrl-C and the deadline are heard meanwhile.

    Raises
    ------
    OutOfTime
        When the deadline passes first.
    """
    # warnings are a matter of the whole process: they are silenced here, never in a thread that may outlive the call
    with quiet():
        if deadline is None:
            cvx.solve(solver=backend, verbose=verbose, **named)
        else:
            aside(lambda: cvx.solve(solver=backend, verbose=verbose, **named), deadline)
    return str(cvx.status)


def check_backend(backend: Any) -> None:
    """Raise unless there is a backend of this name, and it can be used.

    Raises
    ------
    InvalidInputError
        For an unknown name.
    MissingPackageError, LicenseError
        As :func:`check_mosek`.
    """
    if not is_word(backend, BACKENDS):
        known = isinstance(backend, str) and backend.upper() in BACKENDS
        fix = f"backend={backend.upper()!r}" if known else 'backend="CLARABEL"'
        raise InvalidInputError(explain(f"a backend among {', '.join(BACKENDS)}", shown(backend), "", fix))
    if is_word(backend, (MOSEK,)):
        check_mosek()


def check_mosek() -> None:
    """Raise unless MOSEK can be used: it is installed and has a licence.

    Raises
    ------
    MissingPackageError
        When the package is not installed.
    LicenseError
        When no valid licence is found.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> from relucvx.errors import RelucvxError
    >>> from relucvx.solver import check_mosek
    >>> try:
    ...     check_mosek()
    ... except RelucvxError as error:  # no package, or no licence
    ...     said = error
    """
    try:
        import mosek
    except ImportError as error:
        raise MissingPackageError(
            explain("the mosek package", "none installed", "", 'pip install "relucvx[mosek]", or backend="CLARABEL"')
        ) from error
    try:
        with mosek.Env() as env:
            env.checkoutlicense(mosek.feature.pton)
    except mosek.Error as error:
        raise LicenseError(
            explain(
                "a valid MOSEK licence",
                str(error).rstrip(" :"),
                "no licence file, or an expired one",
                'backend="CLARABEL", or put mosek.lic where MOSEKLM_LICENSE_FILE points',
            )
        ) from error


# ---------------------------------------------------------------------- CLARABEL without CVXPY
def run_clarabel(data: tuple[Any, ...], tol: float, deadline: Deadline, long: bool) -> object | None:
    """CLARABEL's answer to (P, q, A, b, cones), on one thread; None when it gave none in time.

    A ``long`` solve is run aside, so that Ctrl-C and the deadline are heard meanwhile.
    """
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.max_iter = MOST_STEPS
    settings.time_limit = seconds_left(deadline).get("time_limit", settings.time_limit)
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tol
    settings.reduced_tol_gap_abs = settings.reduced_tol_gap_rel = settings.reduced_tol_feas = REDUCED
    if not long:
        return clarabel.DefaultSolver(*data, settings).solve()
    stopped: list[bool] = []

    def work() -> object:
        solver = clarabel.DefaultSolver(*data, settings)
        solver.set_termination_callback(lambda info: bool(stopped))
        return solver.solve()

    try:
        return aside(work, deadline, stop=lambda: stopped.append(True))
    except OutOfTime:
        return None


def usable(out: object, x: Array) -> bool:
    """Whether CLARABEL ended, or ran out of steps, with a finite point."""
    return str(getattr(out, "status", "")) in FINISHED and bool(np.isfinite(x).all())
