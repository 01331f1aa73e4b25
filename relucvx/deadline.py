"""One deadline object, handed to every phase that can be long.

A phase asks :meth:`Deadline.passed` between its steps, gives :meth:`Deadline.left` to backends that take seconds, hands
itself (or a :meth:`Deadline.share` of what is left) to inner phases, and calls :meth:`Deadline.check` inside callbacks of
library loops, which have no other way to stop. Ctrl-C is a ``KeyboardInterrupt`` that no phase swallows: the front doors turn
it into :class:`relucvx.errors.Interrupted`, which carries the best result so far.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from relucvx.validation import as_positive

T = TypeVar("T")

PROOF_SECONDS = 120.0
"""What a proof may take where there is no limit: it need not come to an end."""


class OutOfTime(Exception):
    """The deadline passed inside a library's loop; whoever started that loop catches it and keeps its best point."""


class Deadline:
    """A moment after which a phase returns what it has.

    Parameters
    ----------
    seconds : float or None
        From now; None is never.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    __slots__ = ("at",)

    def __init__(self, seconds: float | None = None) -> None:
        self.at = math.inf if seconds is None else time.perf_counter() + seconds

    @classmethod
    def of(cls, limit: Limit, name: str = "time_limit") -> Deadline:
        """The deadline of a user's limit in seconds, which is checked; a deadline passes through."""
        if isinstance(limit, Deadline):
            return limit
        return cls(None if limit is None else as_positive(limit, name, fix=f"{name}=60 (seconds), or None"))

    def __repr__(self) -> str:
        return f"Deadline({self.left():.3g} s left)"

    def left(self) -> float:
        """Seconds left: 0 when passed, inf when there is no limit."""
        return max(0.0, self.at - time.perf_counter())

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return not math.isinf(self.at)

    def seconds(self) -> float | None:
        """What is left, as a limit that front doors and backends take: a millisecond where it is over, None for no limit."""
        return max(self.left(), 1e-3) if self.limited else None

    def for_proof(self) -> Deadline:
        """This deadline; without a limit, as long as a proof may take."""
        return self if self.limited else Deadline(PROOF_SECONDS)

    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.perf_counter() >= self.at

    def check(self) -> None:
        """Raise :class:`OutOfTime` once the moment is over."""
        if self.passed():
            raise OutOfTime

    def within(self, seconds: float) -> Deadline:
        """The sooner of this deadline and so many seconds from now."""
        sooner = Deadline(seconds)
        sooner.at = min(sooner.at, self.at)
        return sooner

    def share(self, fraction: float) -> Deadline:
        """That fraction of what is left; of no limit, no limit."""
        return Deadline(fraction * self.left()) if self.limited else self


_ruling: ContextVar[Deadline | None] = ContextVar("ruling", default=None)


@contextmanager
def ruled(deadline: Deadline) -> Iterator[None]:
    """Let :func:`ruling` return this deadline inside: for work that is called through functions without a limit of their own.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    token = _ruling.set(deadline)
    try:
        yield
    finally:
        _ruling.reset(token)


def ruling() -> Deadline:
    """The deadline of the innermost :func:`ruled` block, which long loops check; never, outside of one.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    return _ruling.get() or Deadline()


Limit: TypeAlias = float | Deadline | None
"""Seconds from now, a moment, or no limit."""


def seconds_left(deadline: Deadline) -> Any:
    """A dict with the option ``time_limit`` of linear and conic backends; empty without a limit."""
    return {"time_limit": deadline.seconds()} if deadline.limited else {}


def aside(
    work: Callable[[], T], deadline: Deadline, stop: Callable[[], Any] = lambda: None, *, lasting: bool = False
) -> T:
    """The value of a native call that neither hears Ctrl-C nor looks at the clock, made in a thread of its own.

    Both are heard here meanwhile. The thread left behind ends by itself: ``stop`` asks it to, where it can be asked.
    ``lasting`` work is worth waiting for where the process ends first: compiling, which must not be torn away either.

    Raises
    ------
    OutOfTime
        When the deadline passes first.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def body() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 (raised again by the caller's thread)
            failed.append(error)

    # a daemon: a call that never returns must not keep the process alive
    thread = threading.Thread(target=body, name="relucvx-aside", daemon=not lasting)
    try:
        thread.start()
        # waiting here can be interrupted, the call itself cannot
        thread.join(min(deadline.left(), threading.TIMEOUT_MAX))
    except BaseException:
        stop()
        raise
    if failed:
        raise failed[0]
    if not done:
        stop()
        raise OutOfTime
    return done[0]
