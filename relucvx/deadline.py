"""One deadline object, handed to every phase that can be long.

A phase asks :meth:`Deadline.passed` between its steps, gives :meth:`Deadline.left` to backends that take seconds, hands
itself (or a :meth:`Deadline.share` of what is left) to inner phases, and calls :meth:`Deadline.check` inside callbacks of
library loops, which have no other way to stop. Ctrl-C is a ``KeyboardInterrupt`` that no phase swallows: the front doors turn
it into :class:`relucvx.errors.Interrupted`, which carries the best result so far.
"""

from __future__ import annotations

import math
import time

from relucvx.validation import as_positive


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
    def of(cls, limit: float | Deadline | None, name: str = "time_limit") -> Deadline:
        """The deadline of a user's limit in seconds, which is checked; a deadline passes through."""
        if isinstance(limit, Deadline):
            return limit
        return cls(None if limit is None else as_positive(limit, name, fix=f"{name}=60 (seconds), or None"))

    def __repr__(self) -> str:
        return f"Deadline({self.left():.3g} s left)"

    def left(self) -> float:
        """Seconds left: 0 when passed, inf when there is no limit."""
        return max(0.0, self.at - time.perf_counter())

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
        return self if math.isinf(self.at) else Deadline(fraction * self.left())
