"""The front door of certified bands: which strengths to solve so that every beta between them is proven."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Unpack

import numpy as np

from relucvx._api.refinement import BandProgress, Refinement
from relucvx._api.strengths import scale_of
from relucvx.band import BetaBand
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.executors import as_executor, using_executor
from relucvx.interrupts import carrying, listening
from relucvx.oracle.clock import clock
from relucvx.program.posing import ProblemOptions, as_problem
from relucvx.program.problem import Problem
from relucvx.program.scale import warned_of_scale
from relucvx.progress import Shown, watched
from relucvx.threads import as_jobs, using_jobs
from relucvx.types import ArrayLike, Rng
from relucvx.validation import as_fraction, as_strength


def beta_band(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    lo: float | None = None,
    hi: float | None = None,
    *,
    tol: float = 1e-3,
    time_limit: float | None = None,
    callback: Callable[[BandProgress], bool | None] | None = None,
    progress: Shown = "auto",
    rng: Rng = 0,
    n_jobs: int | None = None,
    executor: Any = None,
    resume: BetaBand | None = None,
    **options: Unpack[ProblemOptions],
) -> BetaBand:
    """The optimum at every strength of an interval, certified: a lower and an upper curve.

    ``lower(beta) <= p*(beta) <= upper(beta)`` at every beta of [lo, hi], with
    ``upper(beta) - lower(beta) <= tol · lower(beta) <= tol · p*(beta)`` once the status is CONVERGED.

    Parameters
    ----------
    X, Y, loss, bias, activation, sample_weight, pooling, groups
        As in :func:`solve`. A :class:`relucvx.Problem` comes alone, with ``lo=`` and ``hi=`` by name.
    lo, hi : float, optional
        Strengths, 0 < lo < hi, as :func:`beta_path` takes them; shares of beta_max are multiplied by it
        (:func:`relucvx.beta_max`). Without ``hi``, the upper end of beta_max; without ``lo``, a thousandth of ``hi``.
    tol : float
        Largest relative width, between 0 and 1.
    time_limit : float, optional
        Seconds in all. What is there when they run out is returned, and holds everywhere; it is only wider.
    callback : callable, optional
        Receives a ``BandProgress`` after each strength; returning True stops with the band so far.
    progress : {"auto", True, False}
        As in :func:`relucvx.solve`.
    rng, n_jobs
        As in :func:`solve`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Solves several strengths there at a time; one that is lost with its worker is solved here.
    resume : BetaBand, optional
        A band of the same problem, on any interval and to any tolerance: nothing of it is done again. ``lo`` and ``hi`` are
        then its own by default.

    Returns
    -------
    BetaBand

    Raises
    ------
    InvalidInputError
        For data or options outside what is described here, and for ``resume`` of another problem.

    Notes
    -----
    p* is concave in beta. Strengths are solved where the bounds derived from their neighbours (blends of their networks, and
    mixtures of their dual points) are not close enough. Ctrl-C leaves as :class:`relucvx.Interrupted`, whose ``result`` is the
    band so far.

    Status: theorem (concavity, weak duality), certified numerically. Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|: p*(beta) = 2 beta - beta²/5 up to 5
    >>> band = rx.beta_band(X, y, 0.05, 5.0)
    >>> bool(band.lower(1.0) <= 1.8 <= band.upper(1.0)), band.status.name
    (True, 'CONVERGED')
    >>> finer = rx.beta_band(band.problem, lo=0.05, hi=5.0, tol=1e-4, resume=band)
    >>> len(finer.knots) >= len(band.knots), finer.width <= 1e-4
    (True, True)
    """
    if resume is not None and not isinstance(resume, BetaBand):
        raise InvalidInputError(explain("resume to be a BetaBand or None", type(resume).__name__, "", "resume=band"))
    base = as_problem(X, Y, **options) if isinstance(X, Problem) else as_problem(X, Y, 1.0, **options)
    if resume is not None:
        _check_same(base, resume.problem)
    elsewhere, tol, deadline = as_executor(executor), as_fraction(tol, "tol"), clock(time_limit)
    with using_jobs(n_jobs), using_executor(elsewhere), listening():
        lo, hi = _interval(base, lo, hi, resume, deadline)
    warned_of_scale(base, lo)
    work = Refinement(dataclasses.replace(base, beta=hi), lo, hi, tol, deadline, callback, rng)
    bar = watched("band", progress, callback, tol)
    threads = 1 if n_jobs is None else as_jobs(n_jobs)
    with carrying(work.rescued), using_jobs(n_jobs), bar as work.callback:
        work.begin(resume)
        return work.run(elsewhere, threads)


def _interval(
    problem: Problem, lo: float | None, hi: float | None, resume: BetaBand | None, deadline: Deadline
) -> tuple[float, float]:
    """The interval, checked, with its defaults."""
    if resume is not None:
        lo, hi = resume.lo if lo is None else lo, resume.hi if hi is None else hi
    # checked before beta_max is computed, which takes time
    low = None if lo is None else as_strength(lo, "lo > 0, as a strength: share * relucvx.beta_max(X, Y)[1]")
    if hi is None:
        top = scale_of(problem, deadline).top
        # where nothing can be learnt p* is the same everywhere, and any interval shows it
        hi = top if top > 0.0 else 1.0
    high = as_strength(hi, "hi > 0, as a strength: relucvx.beta_max(X, Y)[1]")
    low = high / 1000.0 if low is None else low
    if not low < high:
        raise InvalidInputError(
            explain("lo < hi", f"lo={low:g}, hi={high:g}", "", f"relucvx.beta_band(X, Y, {0.01 * high:g}, {high:g})")
        )
    return low, high


def _check_same(problem: Problem, other: Problem) -> None:
    """Refuse a band of another problem: its proofs would be about other data."""
    same = (
        all(np.array_equal(getattr(problem, name), getattr(other, name)) for name in ("X", "Y", "sample_weight"))
        and (problem.loss, problem.bias, problem.activation) == (other.loss, other.bias, other.activation)
        and (problem.pooling is None) == (other.pooling is None)
        and problem.n_readouts == other.n_readouts
    )
    if same and problem.pooling is not None and other.pooling is not None:
        # as linear maps from rows to samples
        same = (problem.pooling.operator - other.pooling.operator).count_nonzero() == 0
    if not same:
        raise InvalidInputError(
            explain(
                "resume to be a band of this very problem",
                "one of other data or options",
                "",
                "relucvx.beta_band(band.problem, lo=band.lo, hi=band.hi, resume=band)",
            )
        )
