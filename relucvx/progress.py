"""A bar for work that takes long: in a terminal or a notebook, once the work has taken a while; nothing anywhere else.

Whoever works calls a callback with what is known so far. The bar is such a callback, put before the user's own. Records of
progress say of themselves what a bar shows, in a method ``bar(tol)``: a text, and the share that is done or None.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any, Literal, TypeAlias

from relucvx.conversion import as_callable, is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later

bars = later("rich.progress")
consoles = later("rich.console")
displays = later("IPython.display")

Shown: TypeAlias = bool | Literal["auto"]
"""What ``progress=`` may be: "auto" for work that takes long, True for a bar at once, False for none."""

PATIENCE = 2.0
"""Seconds after which work counts as long."""

ASKED = {"FORCE_COLOR", "TTY_COMPATIBLE"}
"""Environment variables with which rich may take a stream for a terminal that is none."""

REDRAWN = 0.1
"""Seconds between two drawings in a notebook, each of which is a message to a browser."""

_drawing = threading.Lock()
"""Held by the work that has, or has declined, a bar: work inside it has none of its own."""


def digits(rel_gap: float, tol: float) -> float | None:
    """Digits proven, as a share of the digits asked for; None before the first."""
    done = -math.log10(min(1.0, max(rel_gap, tol, 1e-300)))
    return min(done / -math.log10(tol), 1.0) if done > 0.0 and 0.0 < tol < 1.0 else None


def as_progress(progress: Any) -> Shown:
    """What ``progress=`` asks for.

    Raises
    ------
    InvalidInputError
        For anything but "auto", True and False.
    """
    if isinstance(progress, bool):
        return progress
    if not is_word(progress, ("auto",)):
        raise InvalidInputError(
            explain(
                'progress to be "auto", True or False', shown(progress), "a callback goes elsewhere", 'progress="auto"'
            )
        )
    return "auto"


@contextmanager
def watched(
    label: str,
    progress: Any,
    callback: Callable[..., Any] | None,
    tol: float = 1e-6,
    quiet: bool = False,
    console: Any = None,
) -> Iterator[Callable[..., Any] | None]:
    """The callback, with a bar before it where ``progress`` asks for one; none where ``quiet``, which prints otherwise.

    It is drawn on a console of rich where one is given.
    """
    wish, told = as_progress(progress), as_callable(callback, "callback")
    if not _drawing.acquire(blocking=False):
        yield told
        return
    bar = Bar(label, 0.0 if wish is True else PATIENCE, console)

    def watch(*state: Any) -> Any:
        bar.show(*in_words(state, tol))
        return told(*state) if told is not None else None

    try:
        yield told if wish is False or (quiet and wish is not True) else watch
    finally:
        bar.close()
        _drawing.release()


def in_words(state: tuple[Any, ...], tol: float) -> tuple[str, float | None]:
    """What a bar shows of what a callback was called with."""
    told = getattr(state[0], "bar", None)
    if told is not None:
        text, share = told(tol)
        return str(text), share
    # numbers are counts of what is done and what is open
    return ", ".join(f"{one:,}" if isinstance(one, int) else one for one in state if isinstance(one, (int, str))), None


class Bar:
    """One bar, which comes up when it is shown after its time, where there is something to draw it in.

    Status: a convention (what is shown, no statement). Source: [relucvx].

    Examples
    --------
    >>> from relucvx.progress import Bar
    >>> bar = Bar("solving", 0.0)
    >>> bar.show("round 1", 0.5)  # in a file: nothing
    >>> bar.close()
    """

    def __init__(self, label: str, patience: float, console: Any = None) -> None:
        self.label, self.due, self.console = label, time.perf_counter() + patience, console
        self.drawn: _Terminal | _Notebook | None = None
        self.nowhere = False

    def show(self, text: str, share: float | None) -> None:
        """Draw, if it is time."""
        if self.nowhere or time.perf_counter() < self.due:
            return
        if self.drawn is None:
            self.drawn = _place(self.console)
            self.nowhere = self.drawn is None
        if self.drawn is not None:
            self.drawn.draw(f"{self.label}: {text}" if text else self.label, share)

    def close(self) -> None:
        """Take it away."""
        if self.drawn is not None:
            self.drawn.close()


def _place(console: Any) -> _Terminal | _Notebook | None:
    """Where a bar can be drawn; None where nobody would see it."""
    if console is None and in_notebook():
        return _Notebook()
    # what the stream says itself need not be asked of rich, which takes a while to load
    if console is None and not (ASKED & os.environ.keys() or (sys.stderr is not None and sys.stderr.isatty())):
        return None
    console = consoles.Console(stderr=True) if console is None else console
    return _Terminal(console) if console.is_terminal else None


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _Terminal:
    """On standard error; it leaves no line behind."""

    def __init__(self, console: Any) -> None:
        columns = (
            bars.SpinnerColumn(), bars.TextColumn("{task.description}", markup=False), bars.BarColumn(),
            bars.TimeElapsedColumn(),
        )  # fmt: skip
        self.bar = bars.Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("", total=None)
        self.bar.start()

    def draw(self, text: str, share: float | None) -> None:
        # without a share the bar pulses
        self.bar.update(self.task, description=text, total=None if share is None else 1.0, completed=share or 0.0)

    def close(self) -> None:
        self.bar.stop()


class _Notebook:
    """An element that every browser draws, without a widget; it leaves an empty output behind."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.next = self.began
        self.handle = displays.display(displays.HTML(""), display_id=True)

    def draw(self, text: str, share: float | None) -> None:
        now = time.perf_counter()
        if now < self.next:
            return
        self.next = now + REDRAWN
        value = "" if share is None else f' value="{share:.4f}" max="1"'
        words = escape(f"{text}, {now - self.began + PATIENCE:.0f} s")
        self.handle.update(displays.HTML(f"<label><progress{value}></progress> {words}</label>"))

    def close(self) -> None:
        self.handle.update(displays.HTML(""))
