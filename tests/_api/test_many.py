"""Many problems: each result as it comes, none lost with a process, and errors when everything else is there."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import joblib
import numpy as np
import pytest

import relucvx as rx
from relucvx._api.many import _failure
from relucvx.errors import ClusterError, InvalidInputError
from relucvx.threads import all_cores, jobs

X = np.random.default_rng(0).standard_normal((12, 2))
Y = np.random.default_rng(1).standard_normal(12)
PROBLEMS = [rx.make_problem(X, Y, beta) for beta in (0.5, 1.0, 2.0, 4.0)]


def values(found):
    """Objectives by number."""
    return {k: sol.objective for k, sol in found}


def inner_jobs(k):
    """Threads that a call may use."""
    return jobs()


def fragile(path, problem):
    """Solves a problem; the process that gets the second one first is killed."""
    if problem.beta == 1.0 and not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return rx.solve(problem)


def refuse(k):
    """Fails for the numbers 1 and 3."""
    if k in (1, 3):
        raise InvalidInputError(f"no {k}")
    return k


def die(k):
    """Takes its process along for the number 1."""
    if k == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return k


def test_here_in_processes_and_on_executors_alike():
    here = values(rx.for_each(rx.solve, PROBLEMS, n_jobs=1))
    assert sorted(here) == [0, 1, 2, 3]
    assert values(rx.for_each(rx.solve, PROBLEMS, n_jobs=2)) == here
    with ThreadPoolExecutor(2) as pool:
        assert values(rx.for_each(rx.solve, PROBLEMS, executor=pool)) == here
    networks = [(rx.TwoLayerReLU([[1.0, 0.0]], [1.0]), problem) for problem in PROBLEMS]
    proofs = dict(rx.for_each(rx.certify, networks, n_jobs=1, tol=1e-4))
    assert all(proofs[k].lower <= here[k] * (1 + 1e-9) for k in here)


def test_a_killed_process_loses_no_result(tmp_path):
    with ProcessPoolExecutor(2) as pool:
        found = values(rx.for_each(fragile, [(str(tmp_path / "killed"), p) for p in PROBLEMS], executor=pool))
    assert found == values(rx.for_each(rx.solve, PROBLEMS, n_jobs=1))


def test_errors_come_when_everything_else_is_there():
    for options in ({"n_jobs": 1}, {"n_jobs": 2}):
        found = []
        with pytest.raises(InvalidInputError, match="no 1") as caught:
            found.extend(rx.for_each(refuse, range(5), **options))
        assert sorted(found) == [(k, k) for k in (0, 2, 4)]
        assert "item 1 of 5; items with an error: 1, 3" in caught.value.__notes__


def test_an_item_that_kills_its_process_is_named():
    found = []
    with ProcessPoolExecutor(2) as pool, pytest.raises(ClusterError, match=r"none for 1 of them \(numbers 1\)"):
        found.extend(rx.for_each(die, range(4), executor=pool))
    assert sorted(found) == [(k, k) for k in (0, 2, 3)]
    many = _failure(dict.fromkeys(range(20), OSError()), 30)
    assert "none for 20 of them (numbers 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …)" in str(many)


def test_cores_are_not_promised_twice():
    assert dict(rx.for_each(inner_jobs, [0, 1], n_jobs=2)) == {0: 1, 1: 1}
    assert dict(rx.for_each(inner_jobs, [0, 1], n_jobs=1)) == {0: all_cores(), 1: all_cores()}
    with ThreadPoolExecutor(2) as pool:
        assert dict(rx.for_each(inner_jobs, [0, 1], executor=pool)) == {0: 1, 1: 1}
        assert dict(rx.for_each(inner_jobs, [0, 1], executor=pool, n_jobs=3)) == {0: 3, 1: 3}


def test_joblib_says_how_many_processes():
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert len({pid for _, pid in rx.for_each(process, range(20))} - {os.getpid()}) in (1, 2)
    with joblib.parallel_config(backend="loky", n_jobs=1):
        assert {pid for _, pid in rx.for_each(process, range(3))} == {os.getpid()}
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert {pid for _, pid in rx.for_each(process, range(3))} == {os.getpid()}
        assert threading.get_ident() not in {thread for _, thread in rx.for_each(in_thread, range(3))}


def in_thread(k):
    """Which thread makes a call."""
    return threading.get_ident()


def process(k):
    """Where a call runs."""
    time.sleep(0.01)
    return os.getpid()


def test_ctrl_c_ends_the_processes():
    """Tasks of a minute each: the loop ends at once, and nothing computes on."""
    found = rx.for_each(time.sleep, [60.0, 60.0, 0.0], n_jobs=2)
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 3.0)
    old = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with pytest.raises(rx.Interrupted):
            list(found)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert time.monotonic() - began < 30.0


def test_what_is_no_function_and_no_list_is_refused():
    for function, items in ((3, []), (rx.solve, 3), (rx.solve, "problems"), (rx.solve, {"a": 1})):
        with pytest.raises(InvalidInputError, match=r"a function|a list of problems"):
            rx.for_each(function, items)
    with pytest.raises(InvalidInputError, match="n_jobs"):
        rx.for_each(rx.solve, [], n_jobs=0)
    assert list(rx.for_each(rx.solve, [])) == []


def test_a_path_on_an_executor_is_the_path_here():
    betas = [4.0, 2.0, 1.0]
    here = [sol.objective for sol in rx.beta_path(X, Y, betas)]
    with ThreadPoolExecutor(2) as pool:
        there = [sol.objective for sol in rx.beta_path(X, Y, betas, executor=pool)]
    assert there == pytest.approx(here, rel=1e-6)
    # one that takes nothing: every strength is solved here
    pool.shutdown()
    assert [sol.objective for sol in rx.beta_path(X, Y, betas, executor=pool)] == pytest.approx(here, rel=1e-6)


FIRST = """
import joblib
import relucvx as rx

if __name__ == "__main__":
    problems = [([[1.0], [-1.0]], [1.0, 1.0], 0.1)] * 2
    for _ in range(2):
        assert len(dict(rx.for_each(rx.solve, problems, n_jobs=2))) == 2
        print(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-k) for k in range(4)))
"""


def test_the_pool_is_not_the_one_that_joblib_shares(tmp_path):
    script = tmp_path / "first.py"
    script.write_text(FIRST)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert ran.stdout == "[0, 1, 2, 3]\n" * 2, ran.stderr
