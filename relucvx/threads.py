"""How many threads libraries may use: a setting of the whole process, which several threads of ours lower at once.

Each solve lowers the threads of BLAS while it runs. If every one of several solves in different threads wrote down what it
found and put it back, the second would find what the first had set, and the last to end would leave it so. Here the first
writes down and the last puts back.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

from relucvx.later import later
from relucvx.validation import as_count

torch = later("torch")

P = ParamSpec("P")
R = TypeVar("R")

_JOBS: ContextVar[int | None] = ContextVar("jobs", default=None)


def all_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def jobs() -> int:
    """Threads that a proof may use now: what :func:`using_jobs` says, else all cores."""
    return _JOBS.get() or all_cores()


@contextmanager
def using_jobs(n_jobs: Any) -> Iterator[None]:
    """Let proofs within the ``with`` block use so many threads; None leaves what is set, and -1 stands for all cores.

    Raises
    ------
    InvalidInputError
        For anything but None, -1 and whole numbers of at least 1.
    """
    token = _JOBS.set(as_jobs(n_jobs))
    try:
        yield
    finally:
        _JOBS.reset(token)


def as_jobs(n_jobs: Any) -> int:
    """A number of threads, checked; None: what :func:`using_jobs` says, else all cores."""
    if n_jobs is None:
        return jobs()
    return all_cores() if is_all(n_jobs) else as_count(n_jobs, "n_jobs", fix="n_jobs=None for all cores")


def is_all(n_jobs: Any) -> bool:
    """Whether a number of threads stands for all cores: None, or -1 as in joblib."""
    return n_jobs is None or (isinstance(n_jobs, int) and not isinstance(n_jobs, bool) and n_jobs == -1)


SMALL = 1_000_000
"""Below this many entries of the inputs, BLAS threads cost more than they save (several times more on busy cores)."""

LIBRARIES = ("numpy", "scipy.linalg", "sklearn", "torch")
"""Modules that bring a BLAS of their own; once another of them is loaded, the pools are looked for again."""


class SharedLimit:
    """Lowers settings of the process to 1 for as long as anybody needs it.

    Parameters
    ----------
    read : callable
        The settings now, as a list of pairs (write, value), where ``write(value)`` restores one of them.
    per_thread : bool
        Whether the library keeps the number for each thread, besides one for new threads: then everybody puts it back.
    """

    def __init__(self, read: Callable[[], list[tuple[Callable[[int], Any], int]]], *, per_thread: bool = False) -> None:
        self._read, self._per_thread = read, per_thread
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _reset(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._before: list[tuple[Callable[[int], Any], int]] = []

    def _after_fork(self) -> None:
        """The other threads, which would have put the settings back, are not in the child."""
        before = self._before
        self._reset()
        for write, value in before:
            write(value)

    @contextmanager
    def held(self, needed: bool = True) -> Iterator[list[int]]:
        """Lower the settings within the ``with`` block, unless not needed; gives what they are without the limit."""
        if not needed:
            yield [value for _, value in self._before or self._read()]
            return
        with self._lock:
            # settings of the process: the first user lowers them, the last one puts them back
            if self._users == 0:
                self._before = self._read()
            self._users += 1
            before = self._before
            for write, _ in before:  # again for every user: some libraries keep the number for each thread
                write(1)
        try:
            yield [value for _, value in before]
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._before = []
                if self._users == 0 or self._per_thread:
                    for write, value in before:
                        write(value)


@functools.cache
def _pools(loaded: tuple[str, ...]) -> Any:
    """The BLAS pools of this process; looking for them takes as long as a small slice."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


def _blas() -> list[tuple[Callable[[int], Any], int]]:
    pools = _pools(tuple(name for name in LIBRARIES if name in sys.modules))
    # threadpoolctl 3.8 leaves the number to the first thread that sets it, so that others' limits do nothing; here they
    # are counted under a lock, and whoever asks must get one thread
    return [(getattr(pool, "_real_set_num_threads", pool.set_num_threads), pool.get_num_threads()) for pool in pools]


def _torch() -> list[tuple[Callable[[int], Any], int]]:

    return [(torch.set_num_threads, torch.get_num_threads())]


BLAS = SharedLimit(_blas)
"""One thread for BLAS: on small matrices its threads wait for each other longer than they compute."""


def one_thread_if_small(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function, whose first argument is a problem, with one thread of BLAS if the problem is small."""

    @functools.wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        problem: Any = args[0]
        with BLAS.held(problem.inputs.size < SMALL):
            return function(*args, **kwargs)

    return limited


TORCH = SharedLimit(_torch, per_thread=True)
"""One thread for torch's operations."""
