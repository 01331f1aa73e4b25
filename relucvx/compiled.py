"""The decorator of every compiled kernel: compiled where it is first called, said once, and kept between processes."""

from __future__ import annotations

import atexit
import functools
import logging
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

import numba
from numba.core.caching import NullCache
from numba.core.cpu import CPUTargetOptions
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from relucvx.kernel_cache import KernelCache, digest, fcntl, folder_asked_for
from relucvx.machine_code import whole_programs
from relucvx.threads import all_cores

log = logging.getLogger(__name__)

KEPT = "compiling for this processor, once; `relucvx warmup` does all of it at a time"
LOST = (
    "compiling, in every process anew: neither the package's folder nor the user's cache can be written; "
    "set NUMBA_CACHE_DIR to a folder that can"
)

KERNELS: WeakSet[Kernel] = WeakSet()
"""All of them, whether they are compiled or not."""

_said: set[str] = set()


class Kernel(CPUDispatcher):
    """A function that is compiled where it is first called, apart for callers from Python and for other kernels.

    Called from a kernel it becomes a part of that kernel's machine code; machine code of its own, with a way in from Python,
    is made, and kept between processes, only where Python calls it.
    """

    @functools.cached_property
    def _cache(self) -> Any:
        """Where machine code is kept; most kernels are only parts of others, and are spared the look for a place to write."""
        try:
            return KernelCache(self.py_func)
        except (RuntimeError, OSError) as error:  # numba: "no locator available"
            log.info("%s is compiled in every process: %s", self.py_func.__qualname__, error)
            return NullCache()

    @functools.cached_property
    def part(self) -> CPUDispatcher:
        """The same function as other kernels call it."""
        return CPUDispatcher(self.py_func, self.locals, {**self.targetoptions, "no_cpython_wrapper": True})

    @property
    def is_compiling(self) -> Any:
        """Where this is so a call is one of the function to itself."""
        return self._compiling_counter or ("part" in vars(self) and self.part.is_compiling)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a kernel that calls this one takes it for."""
        return self.part.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        """What such a call leads to."""
        return self.part.get_overload(sig)

    @property
    def is_new(self) -> bool:
        """Whether nothing of it is compiled, here or in the cache, and what will be is kept there."""
        kept = isinstance(self._cache, KernelCache)
        return kept and not self.overloads and self._cache.is_empty(self.targetctx.codegen())

    def compile(self, sig: Any) -> Any:
        """Load or make the machine code for a signature."""
        with whole_programs(self.targetctx.codegen()):
            if tuple(normalize_signature(sig)[0]) in self.overloads or self._is_kept(sig):
                return super().compile(sig)
            if isinstance(self._cache, NullCache):
                say_once(self.py_func, LOST)
                return super().compile(sig)
            say_once(self.py_func, KEPT)
            with self._cache.one_process():
                return super().compile(sig)

    def _is_kept(self, sig: Any) -> bool:
        """Whether the cache has the code for a signature; taken from it, then."""
        found = self._cache.load_overload(sig, self.targetctx)
        if found is None:
            return False
        self._cache_hits[sig] += 1
        self.targetctx.insert_user_function(found.entry_point, found.fndesc, [found.library])
        self.add_overload(found)
        return True


def say_nothing() -> None:
    """Compile without a word from here on."""
    _said.add("")


def say_once(function: Callable[..., Any], text: str) -> None:
    """Why the first call takes a while: a line on standard error, for kernels of the package, from one process of many."""
    ours = function.__module__.split(".")[0] == "relucvx"
    if ours and not _said and multiprocessing.current_process().name == "MainProcess":
        log.warning("relucvx: %s", text)
        _said.add(text)


def compiled(
    function: Callable[..., Any] | None = None, *, fastmath: set[str] | bool = False, counted: bool = True
) -> Any:
    """Compile a function for numba, without the GIL, and keep the machine code between processes.

    Where neither the package's folder nor the user's cache can be written, it is compiled anew in every process.

    Parameters
    ----------
    counted : bool
        Whether references to arrays are counted. A function that makes no array and returns none can borrow those of its
        caller: counting dozens of them, atomically, takes longer than the arithmetic of a small function.
    """
    if function is None:
        return lambda later: compiled(later, fastmath=fastmath, counted=counted)
    if numba.config.DISABLE_JIT:
        return function
    # numba keeps this option to itself; without it the code is as right, and slower
    borrowing = {"_nrt": counted} if hasattr(CPUTargetOptions, "_nrt") else {}
    # nobody calls kernels from C
    options = {"nopython": True, "nogil": True, "fastmath": fastmath, "no_cfunc_wrapper": True, **borrowing}
    kernel = Kernel(function, targetoptions=options)
    KERNELS.add(kernel)
    digest(function)  # of the sources as they are now that they are loaded: later they may be those of another version
    del kernel._cache  # numba's, which keeps nothing: ours takes its place when it is first asked for
    return kernel


WORK = "from relucvx.oracle.enumeration import compile_cells; compile_cells()"
"""What a second process does at a first call: its half of what that needs comes here through the cache, kernel by kernel."""

_others: list[subprocess.Popen[bytes]] = []


def worth_it(*kernels: Any) -> bool:
    """Whether a second process would help: nothing is compiled yet, what is will be kept, and a core is free for it.

    Workers start none, for each of them would, nor does a program that is no Python interpreter, as one frozen into one file.

    Status: heuristic. Source: [relucvx].
    """
    return (
        fcntl is not None
        and bool(sys.executable)
        and not getattr(sys, "frozen", False)
        and os.path.basename(sys.executable).startswith("python")
        and multiprocessing.current_process().name == "MainProcess"
        and "distributed.worker" not in sys.modules
        and all_cores() > 1
        and all(isinstance(kernel, Kernel) and kernel.is_new for kernel in kernels)
    )


@contextmanager
def second_core(*kernels: Any) -> Iterator[None]:
    """Within the ``with`` block another process compiles as well, where that is worth it; an exception or Ctrl-C ends it.

    Status: heuristic. Source: [relucvx].
    """
    with suppress(OSError):  # no process to be had: then this one does it all
        if worth_it(*kernels):
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
    if folder_asked_for():
        env["NUMBA_CACHE_DIR"] = folder_asked_for()
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
