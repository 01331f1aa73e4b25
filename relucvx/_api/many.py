"""Many problems at once: one function for each of them, in other processes or on other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from relucvx.errors import ClusterError, InvalidInputError, RelucvxError, explain
from relucvx.executors import Batch, Lost, as_executor, configured, processes
from relucvx.interrupts import listening
from relucvx.progress import watched
from relucvx.threads import as_jobs, using_jobs

POLL = 0.1
"""Seconds between two looks at Ctrl-C."""


def for_each(
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    executor: Any = None,
    n_jobs: int | None = None,
    **options: Any,
) -> Iterator[tuple[int, Any]]:
    """Results of one function for many problems, each as soon as it is there.

    Parameters
    ----------
    function : callable
        :func:`solve`, :func:`certify`, :func:`beta_max`, :func:`train` or another that the processes can import.
    items : iterable
        What each call is about: a :class:`Problem`, or a tuple of the function's first arguments.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the calls run. None: in ``n_jobs`` processes of this machine, or where ``joblib.parallel_config`` says.
    n_jobs : int, optional
        Without an executor: calls at the same time, None for one on each core; 1 makes them here, one after the other, and
        leaves the cores to their proofs. With an executor: threads of each call, None for one.
    **options
        Further arguments of every call.

    Yields
    ------
    number : int
        Which item.
    result
        Not in the order of the items. A result that was yielded is not lost by anything that happens later.

    Raises
    ------
    InvalidInputError
        For something that is no function, no list, no executor.
    ClusterError
        After all other results, when items were lost with their workers three times, or with all of them. It names them.
    RelucvxError
        After all other results, the error of the first item that had one.

    Notes
    -----
    What is lost with a worker is done again, by itself: a problem that brings down the process it is in brings down no other.

    Status: a convention (no statement; each result has its own). Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|
    >>> problems = [rx.make_problem(X, y, beta) for beta in (1.0, 2.0)]
    >>> {k: round(sol.objective, 6) for k, sol in rx.for_each(rx.solve, problems, n_jobs=1, tol=1e-6)}
    {0: 1.8, 1: 3.2}
    """
    elsewhere, count = as_executor(executor), as_jobs(n_jobs)
    tasks = _tasks(function, items)
    if elsewhere is None and n_jobs is None:
        elsewhere, count = configured(count)
    return _results(function, tasks, options, elsewhere, min(count, len(tasks)), 1 if n_jobs is None else count)


def _tasks(function: Any, items: Any) -> list[tuple[Any, ...]]:
    """The first arguments of each call."""
    if not callable(function):
        raise InvalidInputError(
            explain("a function", type(function).__name__, "", "relucvx.for_each(relucvx.solve, problems)")
        )
    if not isinstance(items, Iterable) or isinstance(items, (str, bytes, dict)) or getattr(items, "ndim", 1) == 0:
        raise InvalidInputError(
            explain("a list of problems, or of tuples of arguments", type(items).__name__, "", "[problem]")
        )
    return [item if isinstance(item, tuple) else (item,) for item in items]


def _results(
    function: Any, tasks: Sequence[tuple[Any, ...]], options: Any, elsewhere: Any, count: int, inner: int
) -> Iterator[tuple[int, Any]]:
    """Results as they come; what failed is said when everything else is there."""
    failed: dict[int, BaseException] = {}
    if elsewhere is None and count <= 1:
        found = _in_turn(function, tasks, options)
    else:
        found = _apart(function, tasks, options, elsewhere, count, inner)
    for k, result in found:
        if isinstance(result, Lost):
            failed[k] = result.error
        else:
            yield k, result
    if failed:
        raise _failure(failed, len(tasks))


def _in_turn(function: Any, tasks: Sequence[Any], options: Any) -> Iterator[tuple[int, Any]]:
    """One after the other, in this thread, each with all cores."""
    for k, task in enumerate(tasks):
        try:
            found = function(*task, **options)
        except RelucvxError as error:
            found = Lost(error)
        yield k, found


def _apart(
    function: Any, tasks: Sequence[Any], options: Any, elsewhere: Any, count: int, inner: int
) -> Iterator[tuple[int, Any]]:
    """On an executor, or in processes of our own, which do not outlive an interruption."""
    ours = processes(count) if elsewhere is None else None
    calls = [(function, task, options, inner if elsewhere is not None else 1) for task in tasks]
    try:
        yield from ended(ours or elsewhere, calls)
    except BaseException:
        # also for a caller that leaves early: what is still computed there is for nobody
        if ours is not None:
            ours.shutdown(wait=False, kill_workers=True)
        raise


def ended(executor: Any, calls: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, Any]]:
    """Numbers of calls with their results, or with :class:`relucvx.executors.Lost`, as they come."""
    with Batch(executor, call, calls) as batch:
        while batch.open:
            # not around the yield: what the caller does in between has handlers of its own
            with listening():
                found = batch.next(POLL)
            yield from found


def call(function: Any, task: tuple[Any, ...], options: dict[str, Any], n_jobs: int) -> Any:
    """One call, where it runs; proofs in it use so many threads, whatever the machine has, and draw no bar there."""
    with using_jobs(n_jobs), watched("", False, None):
        return function(*task, **options)


def _failure(failed: dict[int, BaseException], count: int) -> RelucvxError:
    """The error that stands for all that failed."""
    lost = sorted(
        k for k, error in failed.items() if not isinstance(error, RelucvxError) or isinstance(error, ClusterError)
    )
    first = failed[lost[0] if lost else min(failed)]
    if lost:
        names = ", ".join(map(str, lost[:10])) + (", …" if len(lost) > 10 else "")
        out: RelucvxError = ClusterError(
            explain(
                f"a result for each of {count} items",
                f"none for {len(lost)} of them (numbers {names})",
                f"lost with the workers they ran on, or never run: {first!r}",
                "executor=None, n_jobs=1 for these items, which shows what each does by itself",
            )
        )
        out.__cause__ = first
        return out
    assert isinstance(first, RelucvxError)
    first.add_note(f"item {min(failed)} of {count}; items with an error: {', '.join(map(str, sorted(failed)))}")
    return first
