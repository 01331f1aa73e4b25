"""Strengths: from which one on nothing is learnt, and optima along a sequence of them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np

from relucvx._api.many import POLL, call
from relucvx._api.solving import solve_posed
from relucvx.certificate import beta_max_interval
from relucvx.deadline import Deadline
from relucvx.errors import ClusterError, RelucvxError
from relucvx.executors import Batch, Lost, as_executor, using_executor
from relucvx.interrupts import carrying, hurried, listening
from relucvx.oracle.clock import clock
from relucvx.oracle.null_pull import searched_beta_max
from relucvx.path import BetaPath
from relucvx.program.posing import ProblemOptions, as_problem
from relucvx.program.problem import Problem
from relucvx.program.scale import warned_of_scale
from relucvx.progress import Shown, watched
from relucvx.solution import Solution
from relucvx.solver import (
    Progress,
)
from relucvx.threads import as_jobs, using_jobs
from relucvx.tolerances import SOLVE
from relucvx.types import Array, ArrayLike, Rng
from relucvx.validation import as_count, as_strengths

log = logging.getLogger(__name__)

EASY_COLUMNS, EASY_ENTRIES = 8, 100_000
"""Penalised columns, and entries of the data, up to which beta_max is certified in a second of an idle machine."""

MOST_SECONDS, LOOK_SECONDS = 60.0, 1.0
"""Seconds that it may take there, on a busy one; and elsewhere, where the interval is something to show."""

CLOSED = 1e-6
"""Relative width of an interval that is as good as a number."""


@dataclass(frozen=True)
class Scale:
    """What strengths are shares of.

    Attributes
    ----------
    lower, upper : float
        The certified interval of beta_max, as wide as time left it.
    one : float
        The strength that shares are of: the interval's lower end where that is closed, else what a search finds, never a
        number that says how busy the machine was.
    top : float
        Where a path begins: from there on no neuron pays, or none that a search finds.

    Notes
    -----
    Status: certified numerically (the interval); heuristic (``one`` and ``top`` where it is not closed). Source: [relucvx]
    """

    lower: float
    upper: float
    one: float
    top: float


def scale_of(problem: Problem, deadline: Deadline | None = None) -> Scale:
    """The scale of a problem's strengths, which is the same on every machine; its own strength plays no part."""
    easy = problem.penalized <= EASY_COLUMNS and problem.X.size <= EASY_ENTRIES
    seconds = MOST_SECONDS if easy else LOOK_SECONDS
    lo, hi = beta_max_interval(problem, time_limit=clock(deadline).within(seconds))
    if hi - lo <= CLOSED * hi:
        return Scale(lo, hi, lo, hi)
    found = searched_beta_max(problem)
    one = min(max(found, lo), hi)
    return Scale(lo, hi, one, one)


def beta_max(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    *,
    time_limit: float | None = 60.0,
    n_jobs: int | None = None,
    executor: Any = None,
    **options: Unpack[ProblemOptions],
) -> tuple[float, float]:
    """Certified interval (lo, hi) of the strength from which the null network is optimal.

    At every beta >= hi no neuron pays (the zero network, or the best constant with an output bias, is optimal); at lo one
    does, and for bias modes other than "all" anywhere below.

    Parameters
    ----------
    X, Y, loss, bias, activation, sample_weight
        As in :func:`solve`; the strength of a :class:`relucvx.Problem` does not matter.
    time_limit : float or None
        Seconds, about; the interval stays valid, and gets wider, when they run out.
    n_jobs : int, optional
        Threads of long proofs; None for all cores.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        As in :func:`solve`.

    Returns
    -------
    lo, hi : float

    Notes
    -----
    Status: certified numerically. Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> low, high = rx.beta_max(X, y)
    >>> round(low, 6), round(high, 6)
    (5.0, 5.0)
    >>> rx.solve(X, y, beta=1.01 * high).network.width  # nothing pays
    0
    """
    problem = warned_of_scale(_of_any_strength(X, Y, options))
    limit, elsewhere = clock(time_limit), as_executor(executor)
    hurry = carrying(lambda _: hurried(lambda left: beta_max_interval(problem, time_limit=left)))
    with using_jobs(n_jobs), hurry, using_executor(elsewhere):
        return beta_max_interval(problem, time_limit=limit)


def beta_path(
    X: ArrayLike | Problem,
    Y: ArrayLike | None = None,
    betas: Iterable[float] | int = 10,
    *,
    tol: float = SOLVE.value,
    time_limit: float | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    progress: Shown = "auto",
    rng: Rng = 0,
    n_jobs: int | None = None,
    executor: Any = None,
    **options: Unpack[ProblemOptions],
) -> BetaPath:
    """Certified solutions for a sequence of strengths, each warm-started from the one before.

    Parameters
    ----------
    X, Y, loss, bias, activation, sample_weight
        As in :func:`solve`. A :class:`relucvx.Problem` comes alone, with ``betas=`` by name.
    betas : iterable of float, or int
        Strengths in the order to solve them (decreasing is fastest); an integer k asks for k values from beta_max down to
        beta_max/1000, equally spaced in the logarithm.
    time_limit : float, optional
        Seconds for each strength, and for beta_max where ``betas`` is an integer: Ctrl-C meanwhile carries no result, and
        an upper bound that is not tight by then starts the path higher.
    tol, callback, progress, rng, n_jobs
        As in :func:`solve`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Solves the strengths there, each by itself, several at a time; one that is lost with its worker is solved again. The
        callback, which is here, is then not called.

    Returns
    -------
    BetaPath
        An iterator that yields each :class:`Solution` as soon as it is certified; with ``to_frame`` and ``plot`` of them all.

    Notes
    -----
    Status: certified numerically. Source: [mishkin-pilanci-2023]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> [round(sol.objective, 6) for sol in rx.beta_path(X, y, [5.0, 2.0, 1.0])]
    [5.0, 3.2, 1.8]
    """
    if not isinstance(betas, (int, np.integer)) or isinstance(betas, bool):
        betas = as_strengths(betas)  # what is none is refused now, not when the first is asked for
    settings = (betas, tol, time_limit, callback, progress, rng, n_jobs, executor)
    return BetaPath(_solved(X, Y, options, *settings))


def _solved(
    X: Any, Y: Any, options: ProblemOptions, betas: Any, tol: float, time_limit: float | None, callback: Any, progress: Any,
    rng: Rng, n_jobs: int | None, executor: Any,
) -> Iterator[Solution]:  # fmt: skip
    """The solutions of :func:`beta_path`, each when it is asked for."""
    base, elsewhere = _of_any_strength(X, Y, options), as_executor(executor)
    if isinstance(betas, (int, np.integer)) and not isinstance(betas, bool):
        with using_jobs(n_jobs), using_executor(elsewhere), listening():
            top = scale_of(base, clock(time_limit)).top
        # where nothing can be learnt every strength has the same optimum, and one stands for all
        values: Array = np.geomspace(top, top / 1000.0, as_count(betas, "betas")) if top > 0 else np.ones(1)
    else:
        values = betas
    warned_of_scale(base, *values.tolist())
    posed = [dataclasses.replace(base, beta=float(beta)) for beta in values]
    ahead = _ahead(
        posed, elsewhere, (tol, time_limit, "auto", None, None, rng), 1 if n_jobs is None else as_jobs(n_jobs)
    )
    previous: Solution | None = None
    for problem, found in zip(posed, ahead, strict=True):
        previous, before = found, previous
        if previous is None:
            # not around the yield: what the caller does in between has settings of its own
            with using_jobs(n_jobs), watched(f"beta = {problem.beta:.4g}", progress, callback, tol) as told:
                previous = solve_posed(problem, tol, time_limit, "auto", before, told, rng)
        yield previous


def _ahead(posed: list[Problem], executor: Any, settings: tuple[Any, ...], n_jobs: int) -> Iterator[Solution | None]:
    """The solutions that an executor finds, in the order of the problems; None for one that is to be solved here."""
    if executor is None:
        yield from [None] * len(posed)
        return
    found: dict[int, Any] = {}
    calls: list[tuple[Any, ...]] = [(solve_posed, (problem, *settings), {}, n_jobs) for problem in posed]
    with Batch(executor, call, calls) as batch:
        for k in range(len(posed)):
            while k not in found:
                with listening():
                    found.update(batch.next(POLL))
            solution = found.pop(k)
            if not isinstance(solution, Lost):
                yield solution
            elif isinstance(solution.error, RelucvxError) and not isinstance(solution.error, ClusterError):
                raise solution.error
            else:
                log.warning("strength %d of the path is solved in this process: %r", k, solution.error)
                yield None


def _of_any_strength(X: Any, Y: Any, options: ProblemOptions) -> Problem:
    """The problem of a door that asks for no strength."""
    return as_problem(X, Y, **options) if isinstance(X, Problem) else as_problem(X, Y, 1.0, **options)
