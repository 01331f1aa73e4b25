"""Ctrl-C heard for certain.

A ``KeyboardInterrupt`` that falls into compiled code comes out as a ``SystemError``, into the loading of an extension as an
``ImportError``, and into a destructor or a callback of the garbage collector it is printed and lost. Here the signal is noted
as well as raised, so that in all these cases :class:`relucvx.errors.Interrupted` leaves a block that is :func:`listening`.
"""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from relucvx.errors import Interrupted

if TYPE_CHECKING:
    from relucvx.deadline import Deadline

P = ParamSpec("P")
T = TypeVar("T")

RESCUE_SECONDS = 1.0
"""Seconds after Ctrl-C in which the best result so far is certified."""

_blocks: list[list[int]] = []
"""Notes of the blocks that listen now, the outermost first."""


@contextmanager
def hearing() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C as well as raising it; yields whether there was one since the block began.

    A handler of the caller's own that raises nothing (to stop through a callback, say) keeps its meaning and is not noted.
    Outside the main thread Python hears no signals.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """
    notes: list[int] = []
    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)
        _blocks.append(notes)
    # a handler that takes notes already serves the blocks inside as well
    if callable(before) and not isinstance(before, _Noting):
        signal.signal(signal.SIGINT, _Noting(before))
    try:
        yield lambda: bool(notes)
    finally:
        # by identity: lists without notes are all equal
        _blocks[:] = [other for other in _blocks if other is not notes]
        now = signal.getsignal(signal.SIGINT)
        if isinstance(now, _Noting) and now.handler is before:  # the handler of this block, not of one around it
            signal.signal(signal.SIGINT, before)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM, as queues and ``timeout`` send it, means Ctrl-C inside the block; for programs, not for libraries.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def press(number: int, frame: Any) -> None:
        handler = signal.getsignal(signal.SIGINT)  # ignored in the background of a shell: SIGTERM is heard all the same
        (handler if callable(handler) else _Noting(signal.default_int_handler))(number, frame)

    signal.signal(signal.SIGTERM, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Noting:
    """A signal handler that notes what another one raises."""

    def __init__(self, handler: Callable[[int, Any], Any]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: Any) -> None:
        try:
            self.handler(number, frame)
        except KeyboardInterrupt:
            for notes in _blocks:
                notes.append(number)
            raise


@contextmanager
def listening() -> Iterator[None]:
    """Let no Ctrl-C inside the block get lost or come out as anything but :class:`relucvx.errors.Interrupted`.

    Raises
    ------
    Interrupted
        At the end of a block that swallowed the signal, and in place of the error that it became; one that was raised with
        a result passes.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """
    with hearing() as heard:
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Interrupted) and (heard() or is_interruption(error)):
                raise Interrupted from error
            raise
        # somebody inside caught it: it counts all the same
        if heard():
            raise Interrupted


def is_interruption(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def interruptible(function: Callable[P, T]) -> Callable[P, T]:
    """A function out of which Ctrl-C comes as ``Interrupted``, whatever it fell into (see :func:`listening`)."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with listening():
            return function(*args, **kwargs)

    return run


@contextmanager
def carrying(rescue: Callable[[Any], Any], stored: object = None) -> Iterator[None]:
    """Let Ctrl-C leave the block with a result: ``rescue`` makes it of the one that an inner block's carried, or of None.

    ``stored`` is where the work is stored as it is done, if it is, so that the same call goes on.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """
    try:
        with listening():
            yield
    except Interrupted as stop:
        to_go_on = f"what is done is in {stored}, and the same call goes on" if stored is not None else ""
        raise Interrupted(rescue(stop.result), to_go_on) from None


def hurried(work: Callable[[Deadline], T]) -> T:
    """What work makes of the second that somebody who pressed Ctrl-C waits; of none at all when it is pressed again.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """
    from relucvx.deadline import Deadline  # not above: the command line answers --help without numpy

    try:
        with listening():
            return work(Deadline(RESCUE_SECONDS))
    except Interrupted:
        return work(Deadline(0.0))
