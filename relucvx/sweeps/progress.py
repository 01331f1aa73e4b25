"""How far a sweep is, for a callback and for a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from relucvx.later import later

bars = later("rich.progress")
rich = later("rich.console")


@dataclass(frozen=True)
class SweepProgress:
    """What a callback of :func:`sweep` sees; returning True from it stops the sweep, with all that is stored.

    Attributes
    ----------
    cells : int
        Rows of the table that are there, stored ones among them.
    total : int
        Rows of the whole table.
    failed : int
        Pieces of work that ended with an error.
    seconds : float
        Since the call began.
    latest : str
        What has just finished, in a few words.

    Notes
    -----
    Status: a convention (what is done so far). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> data = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])
    >>> found = rx.sweep(data, beta_fraction=[0.1, 0.2], callback=seen.append, n_jobs=1)
    >>> [(state.cells, state.total) for state in seen]
    [(0, 2), (1, 2), (2, 2)]
    """

    cells: int
    total: int
    failed: int
    seconds: float
    latest: str


Callback = Callable[[SweepProgress], Any]


@contextmanager
def with_bar(callback: Callback | None, show: bool) -> Iterator[Callback | None]:
    """The callback, with a bar over the cells before it when ``show``."""
    if not show:
        yield callback
        return
    with bars.Progress(console=rich.Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sweep", total=None)

        def watch(state: SweepProgress) -> Any:
            bar.update(task, completed=state.cells, total=state.total, description=state.latest)
            return callback(state) if callback is not None else None

        yield watch
