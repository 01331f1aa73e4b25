"""Work in several processes, of which none runs on when the work is stopped."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import active_children
from typing import Any

from relucvx.later import later

joblib = later("joblib")


@contextmanager
def in_processes(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], n_jobs: int
) -> Iterator[Iterator[Any]]:
    """Yields what a function returns for each of the arguments, as processes finish it; leaving early ends them all.

    Notes
    -----
    Source: [relucvx]. Status: theorem (a definition).
    """

    # whoever ran before is not ours to end
    others = set(active_children())
    found: Any = None
    try:
        found = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            joblib.delayed(function)(*a) for a in arguments
        )
        yield found
    except BaseException:
        # also for Ctrl-C and for a caller that leaves early, neither of which is an Exception
        _close(found)
        for child in set(active_children()) - others:  # an interrupt while they were started leaves them to nobody
            child.kill()
        raise
    _close(found)


def _close(found: Any) -> None:
    """Cancel what has not been fetched."""
    if found is not None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*tasks.* have been", UserWarning)  # they were meant to be cancelled
            found.close()
