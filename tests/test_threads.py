"""Limits on the threads of libraries are shared by our own threads, and put back by the last."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import relucvx as rx
from relucvx.threads import BLAS, SharedLimit, _blas


class Setting:
    """A number of threads, with a record of what it was set to."""

    def __init__(self, value):
        self.value = value

    def read(self):
        return [(lambda value: setattr(self, "value", value), self.value)]


def test_the_last_user_restores():
    setting = Setting(7)
    limit = SharedLimit(setting.read)
    first, second = limit.held(), limit.held()
    assert first.__enter__() == [7]
    assert second.__enter__() == [7]  # not the 1 that the first has set
    first.__exit__(None, None, None)
    assert setting.value == 1
    second.__exit__(None, None, None)
    assert setting.value == 7
    with limit.held(False) as found:
        assert (found, setting.value) == ([7], 7)
    with pytest.raises(KeyError), limit.held(), limit.held():
        raise KeyError
    assert setting.value == 7


def test_a_number_kept_per_thread_is_put_back_by_everybody():
    setting = Setting(7)
    limit = SharedLimit(setting.read, per_thread=True)
    first, second = limit.held(), limit.held()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert setting.value == 7
    second.__exit__(None, None, None)
    assert setting.value == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_starts_without_limits():
    setting = Setting(7)
    limit = SharedLimit(setting.read)
    queue = multiprocessing.get_context("fork").SimpleQueue()
    with limit.held():
        child = multiprocessing.get_context("fork").Process(target=lambda: queue.put((setting.value, limit._users)))
        child.start()
        child.join()
    assert queue.get() == (7, 0)
    assert setting.value == 7


def test_threads_give_the_same_answers_and_leave_blas_as_it_was():
    def numbers():
        return [value for _, value in _blas()]

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((24, 3)), rng.standard_normal(24)

    def answer(_=0):
        solution = rx.solve(X, y, 0.3, tol=1e-6, rng=0)
        return solution.objective, solution.certificate.lower, solution.network.weights_in.tobytes()

    alone = answer()  # also loads every library with a BLAS of its own
    for write, _ in _blas():
        write(2)
    before = numbers()
    began = time.process_time()
    again = answer()
    once = time.process_time() - began
    assert again == alone
    began = time.process_time()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(answer, range(6)))
    spent = time.process_time() - began
    assert found == [alone] * 6
    assert numbers() == before
    assert spent < 6 * 4 * once + 2.0, (spent, once)


def test_limits_hold_while_many_come_and_go():
    for write, _ in _blas():
        write(2)
    before, wrong = [value for _, value in _blas()], []

    def visit():
        for _ in range(200):
            with BLAS.held():
                wrong.extend(value for _, value in _blas() if value != 1)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [value for _, value in _blas()] == before
