"""The kernels of a first call on two cores: this process compiles the search over cones, another one the one over cells.

numba compiles one kernel at a time in a process, and a first call needs both. What the other process makes comes here through
the cache of machine code, where each kernel has a lock (:mod:`relucvx.kernel_cache`): who comes to it second waits for the
first and loads. So it costs nothing but time if the other process is late, fails or is killed.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from relucvx import kernel_cache
from relucvx.arrangement import enumerate_patterns
from relucvx.arrangement._kernels import half_arrangement
from relucvx.compiled import Kernel
from relucvx.oracle.enumeration import enumerated_bound
from relucvx.oracle.form import make_form
from relucvx.oracle.subtree import run
from relucvx.threads import all_cores
from relucvx.types import as_activation

WORK = "from relucvx.oracle.second_core import compile_cells; compile_cells()"

_others: list[subprocess.Popen[bytes]] = []


def compile_cells() -> None:
    """Compile or load what lists cells and bounds over them, on a toy problem.

    Status: a convention (no statement). Source: [relucvx].
    """
    X = np.random.default_rng(0).standard_normal((5, 3))
    enumerated_bound(make_form(X, X[:, :1], as_activation("relu")), enumerate_patterns(X), 0.0)


def worth_it() -> bool:
    """Whether a second process would help: nothing is compiled yet, what is will be kept, and a core is free for it.

    Workers start none, for each of them would, nor does a program that is no Python interpreter, as one frozen into one file.

    Status: heuristic. Source: [relucvx].
    """
    return (
        kernel_cache.fcntl is not None
        and bool(sys.executable)
        and not getattr(sys, "frozen", False)
        and os.path.basename(sys.executable).startswith("python")
        and multiprocessing.current_process().name == "MainProcess"
        and "distributed.worker" not in sys.modules
        and all_cores() > 1
        and all(isinstance(kernel, Kernel) and kernel.is_new for kernel in (run, half_arrangement))
    )


@contextmanager
def second_core() -> Iterator[None]:
    """Within the ``with`` block another process compiles as well, where that is worth it; an exception or Ctrl-C ends it.

    Status: heuristic. Source: [relucvx].
    """
    with suppress(OSError):  # no process to be had: then this one does it all
        if worth_it():
            _others.append(_start())
    try:
        yield
    except BaseException:
        end()
        raise


def _start() -> subprocess.Popen[bytes]:
    """A Python that finds the same packages in the same places, and has nothing to say."""
    env: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OPENBLAS_NUM_THREADS": "1",
    }
    if kernel_cache.folder_asked_for():
        env["NUMBA_CACHE_DIR"] = kernel_cache.folder_asked_for()
    quiet = subprocess.DEVNULL
    # no file of the user's, in the folder at hand, stands in for a module of the library
    return subprocess.Popen([sys.executable, "-P", "-c", WORK], env=env, stdin=quiet, stdout=quiet, stderr=quiet)


@atexit.register
def end() -> None:
    """End what is still at work; nothing of it is lost but its time.

    Status: a convention (no statement). Source: [relucvx].
    """
    for other in _others:
        other.kill()
        other.wait()
    _others.clear()
