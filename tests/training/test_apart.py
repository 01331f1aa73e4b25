"""Seeds that train elsewhere: the same networks as here, whatever becomes of the workers."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.threads import TORCH, using_jobs
from relucvx.training.objective import BatchedObjective

X = np.random.default_rng(0).standard_normal((20, 3))
Y = np.random.default_rng(1).standard_normal(20)
OPTIONS = {"beta": 0.5, "width": 5, "seeds": range(5), "max_steps": 15}  # before rounding shows


def objectives(runs):
    """Of the runs, by seed."""
    assert [run.seed for run in runs.runs] == list(range(5))
    return [run.objective for run in runs.runs]


def test_threads_and_processes_train_what_one_process_does():
    here = objectives(rx.train(X, Y, **OPTIONS))
    assert objectives(rx.train(X, Y, n_jobs=1, **OPTIONS)) == pytest.approx(here, rel=1e-6)
    with ThreadPoolExecutor(2) as pool:
        assert objectives(rx.train(X, Y, executor=pool, **OPTIONS)) == pytest.approx(here, rel=1e-6)
        limited = rx.train(rx.make_problem(X, Y, 0.5), width=5, seeds=range(5), time_limit=60.0, executor=pool)
        assert len(limited.runs) == 5
    # one that takes nothing: the shares are trained here
    assert objectives(rx.train(X, Y, executor=pool, **OPTIONS)) == pytest.approx(here, rel=1e-6)


@pytest.mark.slow
def test_a_killed_process_costs_no_seed():
    here = objectives(rx.train(X, Y, **OPTIONS))
    # a forked process would share the locks of torch's threads
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        pool.submit(abs, 1).result()
        threading.Timer(1.0, lambda: os.kill(next(iter(pool._processes)), signal.SIGKILL)).start()
        assert objectives(rx.train(X, Y, executor=pool, **OPTIONS)) == pytest.approx(here, rel=1e-6)


def test_what_is_refused_here_is_refused_there():
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(UnsupportedError):
            rx.train(X, Y, executor=pool, batch_size=3, **OPTIONS)
        # found out by the recorder, once it runs
        with pytest.raises(InvalidInputError):
            rx.train(X, Y, executor=pool, record="no such column", **OPTIONS)


def test_ctrl_c_ends_the_wait(monkeypatch):
    """The first share is there, the second never comes."""
    release = threading.Event()

    class Half(ThreadPoolExecutor):
        calls = 0

        def submit(self, function, /, *args, **kwargs):
            Half.calls += 1
            if Half.calls == 1:
                return super().submit(function, *args, **kwargs)
            threading.Timer(1.0, signal.raise_signal, [signal.SIGINT]).start()
            return super().submit(release.wait, 60)

    with Half(2) as pool:
        with pytest.raises(rx.Interrupted) as stop:
            rx.train(X, Y, executor=pool, **OPTIONS)
        release.set()
    assert [run.seed for run in stop.value.result.runs] == [0, 2, 4]


def test_training_uses_no_more_threads_than_it_may():
    problem = rx.make_problem(X, Y, 0.5)
    seen = []
    real = BatchedObjective.evaluate

    def spy(self, *args, **kwargs):
        seen.append(0 if self.pool is None else self.pool._max_workers)
        return real(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, TORCH.held(False) as threads:
        patch.setattr(BatchedObjective, "evaluate", spy)
        rx.train(problem, width=5, seeds=range(3), max_steps=3, n_jobs=1)
        assert {*seen} == {0}
        with using_jobs(1):
            rx.train(problem, width=5, seeds=range(3), max_steps=3)
        assert {*seen} == {0}
        if max(threads) > 1:
            rx.train(problem, width=5, seeds=range(3), max_steps=3, n_jobs=2)
            assert 2 in seen
