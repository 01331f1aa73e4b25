"""Work that runs elsewhere: in the threads or processes of an executor, or on the workers of a Dask cluster.

One loop serves all of them (:class:`Batch`): tasks are handed out, results come back as they finish, and what is lost with a
worker is handed out again. Nothing of a result lives on a worker: whoever holds the tasks can lose every worker and goes on.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from relucvx.errors import ClusterError, InvalidInputError, MissingPackageError, RelucvxError, explain
from relucvx.later import later
from relucvx.threads import all_cores

dask = later("dask")
distributed = later("distributed")
joblib = later("joblib")
loky = later("joblib.externals.loky")

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a task is tried before it counts as lost for good."""

PATIENCE = 60.0
"""Seconds for which a cluster may have no worker (it starts some, or a batch system does) before its tasks count as lost."""

LOOK = 2.0
"""Seconds between two looks at whether a cluster from which nothing comes has workers at all."""

CONNECT_SECONDS = 10.0
"""Seconds in which a scheduler must answer."""

REPLACED = "A worker stopped while some jobs were given to the executor"
"""How loky begins to say that it replaces a worker."""

_POOLS: dict[tuple[int, int], Any] = {}
"""Pools of this program by process and size."""

_LOCK = threading.Lock()

_EXECUTOR: ContextVar[Any] = ContextVar("executor", default=None)


def executor() -> Any:
    """What runs parts of long proofs now: what :func:`using_executor` says, else None, the threads of this process."""
    return _EXECUTOR.get()


@contextmanager
def using_executor(given: Any) -> Iterator[None]:
    """Let proofs within the ``with`` block run their parts on a checked executor; None leaves what is set."""
    token = _EXECUTOR.set(_EXECUTOR.get() if given is None else given)
    try:
        yield
    finally:
        _EXECUTOR.reset(token)


def as_executor(given: Any) -> Any:
    """The executor, checked: None, an executor of ``concurrent.futures``, or a Dask client that is no coroutine's.

    Raises
    ------
    InvalidInputError
        For anything else.
    """
    if given is None or isinstance(given, Executor) or (is_cluster(given) and not given.asynchronous):
        return given
    raise InvalidInputError(
        explain(
            "executor to be None, an executor of concurrent.futures or a dask.distributed.Client",
            repr(given) if is_cluster(given) else type(given).__name__,
            "the client was made with asynchronous=True" if is_cluster(given) else "",
            "executor=concurrent.futures.ProcessPoolExecutor(2)",
        )
    )


def is_cluster(given: Any) -> bool:
    """Whether this is a Dask client; without loading Dask, which whoever has one has loaded."""
    module = sys.modules.get("distributed")
    return module is not None and isinstance(given, module.Client)


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the Dask scheduler at an address, for a while; None for none.

    Raises
    ------
    MissingPackageError
        When Dask is not installed.
    ClusterError
        When no scheduler answers there.
    """
    if address is None:
        yield None
        return
    client, failure = None, ""
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except ImportError as error:
        raise MissingPackageError(
            explain("the package distributed", "not installed", str(error), "pip install 'relucvx[dask]'")
        ) from error
    except Exception as error:  # noqa: BLE001 (time-outs, bad addresses, threads of Dask that do not start)
        failure = f"{type(error).__name__}: {error}"
    if client is None:
        # a client that failed is taken apart here and now: in a thread that a later one starts, it would wait for its lock
        gc.collect()
        raise ClusterError(
            explain(
                f"a Dask scheduler at {address}",
                f"no client within {CONNECT_SECONDS:g} s ({failure})",
                "it is not running, or at another address",
                "dask scheduler",
            )
        )
    with client:
        yield client


def configured(count: int) -> tuple[Any, int]:
    """What ``joblib.parallel_config`` asks for, if it does: (a Dask client, threads, or None for processes; how many)."""
    if "joblib" not in sys.modules:  # then nobody has configured it
        return None, count
    backend, jobs = joblib.parallel.get_active_backend()
    count = count if jobs is None else backend.effective_n_jobs(jobs)
    client = getattr(backend, "client", None)
    if is_cluster(client):
        return client, count
    # one of several threads, which end when nobody holds them any more
    threads = isinstance(backend, joblib.parallel.ThreadingBackend) and count > 1
    return ThreadPoolExecutor(count) if threads else None, count


def size(given: Any) -> int:
    """Tasks that an executor can run at the same time, at least 1: workers may still be on their way."""
    if is_cluster(given):
        return max(1, sum(_workers(given).values()))
    # not public, but there in every pool of the standard library and of loky
    return int(getattr(given, "_max_workers", 0) or all_cores())


def _workers(client: Any) -> dict[str, int]:
    """Threads of each worker of a cluster; empty where there is none, or no scheduler."""
    if client.status != "running":
        return {}
    try:
        return dict(client.nthreads())
    except (OSError, RuntimeError):
        return {}


@dataclass(frozen=True)
class Lost:
    """In place of a result: why there is none."""

    error: BaseException


class Batch:
    """Tasks that run elsewhere, until each is done or lost for good; to be used in a ``with`` block.

    A task that fails is tried again, under a new name and by itself: a worker that it killed took others with it, and these
    are not to pay for it again. An error of ours is an answer, and no failure.

    Parameters
    ----------
    given
        A checked executor.
    function : callable
        Known by its name where the tasks run.
    tasks : sequence of tuples
        Arguments of each call.
    """

    def __init__(self, given: Any, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]) -> None:
        self.executor, self.function, self.tasks = given, function, tasks
        self.waiting, self.suspects = deque(range(len(tasks))), deque[int]()
        self.running: dict[Any, int] = {}
        self.attempts = [0] * len(tasks)
        self.ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.gone: BaseException | None = None
        self.replaced = 0
        self.looked = self.seen = time.monotonic()

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *error: object) -> None:
        """Take back what has not begun. What runs ends by itself: a task is short, and cancelling it is not reliable."""
        for future in self.running:
            if is_cluster(self.executor):
                future.release()
            else:
                future.cancel()
        self.running.clear()

    @property
    def open(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self.waiting or self.suspects or self.running)

    def next(self, seconds: float) -> list[tuple[int, Any]]:
        """What finishes within so many seconds: numbers of tasks with their results, or with :class:`Lost`."""
        self._fill()
        ended: list[Any] = []
        # one is waited for, the others that are there are taken along
        try:
            while self.running:
                ended.append(self.ended.get(timeout=0.0 if ended else seconds))
        except queue.Empty:
            self._look_after(bool(ended))
        found = [self._taken(future, self.running.pop(future)) for future in ended if future in self.running]
        self._fill()
        return [one for one in found if one is not None] + self._given_up()

    def _fill(self) -> None:
        """Hand out tasks, a few more than can run; suspects one by one when nothing else is there."""
        most = 1000 if is_cluster(self.executor) else 2 * size(self.executor)
        while self.gone is None:
            if self.waiting and len(self.running) < most:
                source = self.waiting
            elif self.suspects and not self.running:
                source = self.suspects
            else:
                return
            try:
                future = self._submitted(self.tasks[source[0]])
            except Exception as error:  # noqa: BLE001 (a pool that is broken or closed, a client without a scheduler)
                self._replace(error)
                continue
            self.running[future] = source.popleft()
            future.add_done_callback(self.ended.put)

    def _submitted(self, task: tuple[Any, ...]) -> Any:
        """A future of one task; on a cluster with a name of its own, so that no earlier one stands in for it."""
        if not is_cluster(self.executor):
            return self.executor.submit(self.function, *task)
        # cones are data that nobody has but us
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TiB"}):
            return self.executor.submit(self.function, *task, pure=False)

    def _taken(self, future: Any, k: int) -> tuple[int, Any] | None:
        """The result of a task; None when it is to be tried again."""
        try:
            # on a cluster the result is fetched now, from a worker that may be gone by now
            return k, future.result(timeout=PATIENCE)
        except RelucvxError as error:
            return k, Lost(error)
        except BaseException as error:
            # an interrupt that a process of the pool heard is a failure there; any other is meant for us
            if isinstance(error, KeyboardInterrupt) and (is_cluster(self.executor) or future.exception() is not error):
                raise
            self.attempts[k] += 1
            log.info("task %d failed (attempt %d): %r", k, self.attempts[k], error)
            if self.attempts[k] >= ATTEMPTS:
                return k, Lost(error)
            self.suspects.append(k)
            return None

    def _replace(self, error: BaseException) -> None:
        """A pool that broke down with a process is replaced by one of ours; any other executor is gone."""
        if isinstance(error, BrokenExecutor) and self.replaced < ATTEMPTS * max(1, len(self.tasks)):
            log.warning("the executor broke down (%s); its work goes on in other processes", error)
            self.executor = processes(size(self.executor))
            self.replaced += 1
        else:
            self.gone = error

    def _look_after(self, alive: bool) -> None:
        """See whether a cluster from which nothing comes has workers at all."""
        now = time.monotonic()
        if alive or not is_cluster(self.executor):
            self.seen = now
        elif now - self.looked > LOOK:
            self.looked = now
            self.seen = now if _workers(self.executor) else self.seen
            if now - self.seen > PATIENCE:
                self.gone = ClusterError(
                    explain("a cluster with workers", f"none for {PATIENCE:g} s", "they ended, or never began")
                )

    def _given_up(self) -> list[tuple[int, Any]]:
        """All that is left when the executor is gone."""
        if self.gone is None:
            return []
        left = [*self.waiting, *self.suspects, *self.running.values()]
        for tasks in (self.waiting, self.suspects, self.running):
            tasks.clear()
        return [(k, Lost(self.gone)) for k in left]


def processes(count: int) -> Any:
    """A pool of so many processes, which outlives the call and is used again by the next."""
    # loky replaces a worker that has grown by 300 MB, as one does that loads torch or held a large frontier, and warns of a
    # leak; the pool is whole afterwards. It warns from a thread of its own, which no block of ours could surround
    warnings.filterwarnings("ignore", message=REPLACED, category=UserWarning)
    # one of our own: loky's shared one is joblib's, which fails to run in a pool that somebody else began; of a forked
    # process too, which inherits the pool but not its threads. Processes without work end by themselves
    own = os.getpid(), count
    with _LOCK:
        pool = _POOLS.get(own)
        # not public, but there in every pool of loky
        if pool is None or pool._flags.broken or pool._flags.shutdown:
            pool = loky.ProcessPoolExecutor(count, timeout=60, initializer=_end_with, initargs=(os.getpid(),))
            _POOLS[own] = pool
    return pool


def _end_with(parent: int) -> None:
    """Let this process end when the one that began it is gone, which says nothing to anybody when it is killed."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    # what is computed here is for nobody: no ordinary end, which would wait for it
    os._exit(1)
