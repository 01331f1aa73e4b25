"""The second process of a first call: started only where it helps, ended by what ends the first, and missed by nobody."""

import multiprocessing
import os
import subprocess
import sys

import pytest

from relucvx import compiled as module
from relucvx.arrangement._kernels import half_arrangement
from relucvx.compiled import WORK, Kernel, end, second_core, worth_it
from relucvx.oracle.enumeration import bound_cells, compile_cells
from relucvx.oracle.subtree import run

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

FIRST = """
import numpy as np
import relucvx as rx
from relucvx.arrangement._kernels import half_arrangement
from relucvx.oracle.enumeration import bound_cells
from relucvx.oracle.subtree import run
r = np.random.default_rng(0)
solution = rx.solve(r.standard_normal((10, 2)), r.standard_normal(10), 0.1)
print(*(sum(kernel.stats.cache_misses.values()) for kernel in (half_arrangement, bound_cells, run)))
print(float(solution.certificate.lower).hex())
"""


@pytest.fixture
def nothing_compiled(monkeypatch):
    """As in a new installation on a machine of two cores."""
    monkeypatch.setattr(Kernel, "is_new", True)
    monkeypatch.setattr(module, "all_cores", lambda: 2)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3.11")
    monkeypatch.setattr(multiprocessing.current_process(), "_name", "MainProcess")
    monkeypatch.delitem(sys.modules, "distributed.worker", raising=False)


def test_it_helps_where_nothing_is_compiled(nothing_compiled):
    assert worth_it(run, half_arrangement)


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (Kernel, "is_new", False),
        (module, "all_cores", lambda: 1),
        (module, "fcntl", None),
        (sys, "executable", ""),
        (sys, "executable", "/opt/blender/blender"),
        (multiprocessing.current_process(), "_name", "Dask Worker process (from Nanny)"),
    ],
)
def test_it_is_not_started_where_it_cannot_help(nothing_compiled, monkeypatch, target, name, value):
    monkeypatch.setattr(target, name, value)
    assert not worth_it(run, half_arrangement)


def test_nor_where_numba_is_switched_off(nothing_compiled):
    assert not worth_it(run, lambda: None)


def test_nor_in_a_frozen_program_or_a_worker(nothing_compiled, monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not worth_it(run, half_arrangement)
    monkeypatch.delattr(sys, "frozen")
    monkeypatch.setitem(sys.modules, "distributed.worker", module)
    assert not worth_it(run, half_arrangement)


def test_what_is_compiled_is_seen():
    @module.Kernel
    def once(x):
        return x

    assert not once.is_new  # without a cache nothing would be kept


@pytest.mark.parametrize("reason", [KeyboardInterrupt, ValueError])
def test_what_ends_the_first_ends_the_second(monkeypatch, reason):
    other = subprocess.Popen(SLEEP)
    monkeypatch.setattr(module, "worth_it", lambda *_: True)
    monkeypatch.setattr(module, "_start", lambda: other)
    with pytest.raises(reason), second_core():
        raise reason(other.poll())  # still at work then
    assert other.returncode


def test_it_goes_on_when_the_first_is_done_and_ends_with_the_program(monkeypatch):
    other = subprocess.Popen(SLEEP)
    monkeypatch.setattr(module, "worth_it", lambda *_: True)
    monkeypatch.setattr(module, "_start", lambda: other)
    with second_core():
        pass
    assert other.poll() is None
    end()
    assert other.returncode
    end()  # nothing is left


def test_without_a_process_to_be_had_the_first_does_it_all(monkeypatch):
    def none():
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(module, "worth_it", lambda *_: True)
    monkeypatch.setattr(module, "_start", none)
    with second_core():
        pass
    assert not module._others


def test_its_work_is_the_cells():
    compile_cells()
    assert half_arrangement.signatures
    assert bound_cells.signatures


def fresh(cache, code):
    """Words that a process prints whose cache is a folder of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=600, check=True
    )
    return done.stdout.split()


@pytest.mark.slow
def test_what_it_compiles_is_what_a_first_call_needs(tmp_path):
    fresh(tmp_path / "two", WORK)
    *counts, lower = fresh(tmp_path / "two", FIRST)
    assert counts == ["0", "0", "1"]
    # and both at once, or one after the other, prove the same
    assert fresh(tmp_path / "one", FIRST)[-1] == lower
