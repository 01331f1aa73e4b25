"""Tasks that run elsewhere: each once, whatever fails, and none for ever."""

import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from relucvx import executors
from relucvx.errors import ClusterError, InvalidInputError, MissingPackageError
from relucvx.executors import ATTEMPTS, Batch, Lost, as_executor, connected, executor, size, using_executor


def gathered(pool, function, tasks, seconds=60.0):
    """All results of a batch by their numbers; each comes once."""
    found = {}
    end = time.monotonic() + seconds
    with Batch(pool, function, tasks) as batch:
        while batch.open:
            for k, value in batch.next(0.1):
                assert k not in found
                found[k] = value
            assert time.monotonic() < end, "the batch does not end"
    return found


class Scripted(concurrent.futures.Executor):
    """Runs at once; what ``fail`` returns for (a task's number of calls, its arguments) is its error."""

    def __init__(self, fail):
        self.fail, self.calls, self.log = fail, {}, []

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        self.calls[args] = self.calls.get(args, 0) + 1
        self.log.append(args)
        error = self.fail(self.calls[args], args)
        if error is None:
            future.set_result(function(*args))
        else:
            future.set_exception(error)
        return future


def double(x):
    """A task."""
    return 2 * x


def kill_once(path, x):
    """A task that takes its process along the first time, and a few others with it."""
    if x == 3 and not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return 2 * x


def kill_always(x):
    """A task that never ends well."""
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def test_every_task_comes_back_once():
    with ThreadPoolExecutor(2) as pool:
        assert gathered(pool, double, [(k,) for k in range(30)]) == {k: 2 * k for k in range(30)}
        assert gathered(pool, double, []) == {}


def test_a_task_that_fails_is_tried_again_when_the_others_are_done():
    pool = Scripted(lambda count, args: OSError("lost") if args == (1,) and count < ATTEMPTS else None)
    assert gathered(pool, double, [(k,) for k in range(4)]) == {k: 2 * k for k in range(4)}
    assert pool.calls == {(0,): 1, (1,): ATTEMPTS, (2,): 1, (3,): 1}
    assert pool.log[-2:] == [(1,), (1,)]


def test_a_task_that_always_fails_is_given_up_and_takes_no_other_along():
    pool = Scripted(lambda count, args: MemoryError() if args == (1,) else None)
    found = gathered(pool, double, [(k,) for k in range(4)])
    assert isinstance(found[1].error, MemoryError)
    assert pool.calls[(1,)] == ATTEMPTS
    assert {k: found[k] for k in (0, 2, 3)} == {0: 0, 2: 4, 3: 6}


def test_an_error_of_ours_is_an_answer():
    pool = Scripted(lambda count, args: InvalidInputError("no") if args == (1,) else None)
    found = gathered(pool, double, [(0,), (1,)])
    assert found[0] == 0
    assert isinstance(found[1], Lost)
    assert isinstance(found[1].error, InvalidInputError)
    assert pool.calls[(1,)] == 1


def test_an_interrupt_that_a_worker_heard_is_a_failure_there():
    pool = Scripted(lambda count, args: KeyboardInterrupt() if count == 1 else None)
    assert gathered(pool, double, [(4,)]) == {0: 8}


def test_an_executor_that_takes_no_tasks_is_gone():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    found = gathered(pool, double, [(0,), (1,)])
    assert all(isinstance(value, Lost) and "shutdown" in str(value.error) for value in found.values())
    assert len(found) == 2


def test_a_process_that_is_killed_costs_no_result(tmp_path):
    with ProcessPoolExecutor(2) as pool:
        found = gathered(pool, kill_once, [(str(tmp_path / "killed"), k) for k in range(8)])
    assert found == {k: 2 * k for k in range(8)}


def test_a_task_that_kills_every_process_is_lost_alone():
    with ProcessPoolExecutor(2) as pool:
        found = gathered(pool, kill_always, [(k,) for k in range(4)])
    assert isinstance(found[1].error, BrokenExecutor)
    assert {k: found[k] for k in (0, 2, 3)} == {0: 0, 2: 4, 3: 6}


def outgrown(k):
    """Let loky find that this worker takes too much memory, after this call and each that follows."""
    from joblib.externals.loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE, process_executor._MEMORY_LEAK_CHECK_DELAY = -1e18, -1.0
    return os.getpid()


def test_workers_that_are_replaced_for_their_size_say_nothing():
    pids = gathered(executors.processes(2), outgrown, [(k,) for k in range(12)])
    # some were replaced on the way; a warning of loky would be an error here, and the end of the pool
    assert len(pids) == 12
    assert len(set(pids.values())) > 2


def test_a_pool_serves_again_and_one_of_another_size_leaves_it_alone():
    first = executors.processes(2)
    assert executors.processes(1) is not first
    assert executors.processes(2) is first
    assert first.submit(abs, -1).result(timeout=60) == 1


def test_leaving_takes_back_what_has_not_begun():
    release, begun = threading.Event(), []

    def wait(k):
        begun.append(k)
        release.wait(10)

    with ThreadPoolExecutor(1) as pool:
        with Batch(pool, wait, [(k,) for k in range(5)]) as batch:
            assert batch.next(0.05) == []
            assert batch.open
        release.set()
    assert begun == [0]


def test_executors_are_checked_and_kept_for_a_while():
    with ThreadPoolExecutor(3) as pool:
        assert as_executor(pool) is pool
        assert size(pool) == 3
        with using_executor(pool), using_executor(None):
            assert executor() is pool
    assert executor() is None
    assert as_executor(None) is None
    for bad in (2, "tcp://127.0.0.1:8786", object()):
        with pytest.raises(InvalidInputError, match="executor to be None, an executor of"):
            as_executor(bad)


def test_without_an_address_there_is_no_cluster():
    with connected(None) as client:
        assert client is None


def test_missing_dask_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'relucvx\[dask\]'"), connected("tcp://127.0.0.1:8786"):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "carrier-pigeon://1"])
def test_a_scheduler_that_is_not_there_is_said_soon(address, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 1.0)
    began = time.monotonic()
    with pytest.raises(ClusterError, match="expected a Dask scheduler at"), connected(address):
        pass
    assert time.monotonic() - began < 20.0


ORPHAN = """
import os, time
from relucvx.executors import processes
future = processes(1).submit(os.getpid)
print(future.result(), flush=True)
processes(1).submit(time.sleep, 600)
time.sleep(600)
"""


@pytest.mark.slow
def test_processes_end_with_the_one_that_began_them():
    run = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    worker = int(run.stdout.readline())
    run.kill()
    run.communicate()
    end = time.monotonic() + 60.0
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
