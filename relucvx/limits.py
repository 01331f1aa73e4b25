"""Front doors with ``time_limit=``: they end in time, hear Ctrl-C inside native code too, and answer nothing from cut work."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from relucvx.deadline import Deadline, OutOfTime, aside, ruled, ruling
from relucvx.errors import TimeLimitError, explain
from relucvx.interrupts import listening

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 1.0
"""Seconds beyond its limit, and 5 % of it, in which a body that looks at the clock itself may hand over what it has."""


def timed(instead: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a front door keep the argument ``time_limit`` that its signature has, and let Ctrl-C leave it as ``Interrupted``.

    Under a limit the body runs under :func:`relucvx.deadline.ruled`, in a thread of its own: the limit and Ctrl-C are heard
    inside native calls too. What looks at :func:`relucvx.deadline.ruling` ends there, and a native call that nobody can stop
    ends by itself. A body that has a partial answer catches :class:`relucvx.deadline.OutOfTime` and returns it.

    Parameters
    ----------
    instead : str
        What to type for less work, or to get further.

    Raises
    ------
    TimeLimitError
        By the function, where nothing is returned in time. A limit that is a :class:`relucvx.deadline.Deadline` (then there
        is no thread), or one that rules from outside and has passed, raises ``OutOfTime``: whoever set it says what is cut.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.errors import TimeLimitError
    >>> Z = np.random.default_rng(0).standard_normal((4000, 50))
    >>> try:
    ...     rx.metrics.graph_convexity(Z, np.arange(4000) % 2, n_pairs=None, time_limit=0.01)
    ... except TimeLimitError as error:
    ...     print(error.explanation.expected)
    graph_convexity to end within 0.01 s
    """

    def around(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            limit = kwargs.get("time_limit")
            with listening():
                if limit is None:
                    return function(*args, **kwargs)
                outer, given = ruling(), Deadline.of(limit)  # type: ignore[arg-type]
                deadline = outer.within(given.left()) if outer.limited or given is not limit else given
                if given is limit:
                    with ruled(deadline):
                        return function(*args, **kwargs)
                try:
                    return _within(lambda: function(*args, **kwargs), deadline)
                except OutOfTime:
                    if outer.passed():
                        raise
                    wanted = f"{function.__name__} to end within {limit:g} s"
                    raise TimeLimitError(
                        explain(wanted, "no end by then", "cut work is no answer here, and none is given", instead)
                    ) from None

        run.is_timed = True  # type: ignore[attr-defined]
        return run

    return around


def _within(work: Callable[[], T], deadline: Deadline) -> T:
    """The value of some work that is asked to stop when the deadline passes, and left behind soon after."""
    context = contextvars.copy_context()

    def body() -> T:
        with ruled(deadline):
            return work()

    def stop() -> None:
        deadline.at = 0.0  # whoever looks at the clock next stops

    left = deadline.left()
    return aside(lambda: context.run(body), Deadline(left + PATIENCE + 0.05 * left), stop)
