"""The cache of machine code, which never runs code older than its sources and which many processes share.

numba keeps machine code between processes and compares it with the source file of the function alone. A kernel in one file
that calls a kernel in another keeps the callee's old code when only the callee changes, and a bound that was corrected
would go on being wrong after an upgrade. Here the names of the cached files carry a digest of everything a kernel is made of,
of numba's version and of the processor. Where the package's folder cannot be written the user's cache takes its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import numbers
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numba.cpython.hashing  # makes the addresses known that code with sets or dictionaries asks for
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys
from numba.core.sigutils import normalize_signature

from relucvx import __version__

try:
    import fcntl
except ImportError:  # not on Windows: there each process compiles for itself
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

UNUSABLE = (
    OSError,
    EOFError,
    ImportError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
    pickle.PickleError,
)
"""What reading a file that was cut short or damaged may raise, on its way through pickle and the linker."""

QUICK = all(hasattr(FunctionCache, name) for name in ("_load_overload", "_guard_against_spurious_io_errors"))
"""Whether this numba has the parts of loading; without them its own way is as right, and slower."""

WAIT, PAUSE = 120.0, 0.05
"""Seconds to wait for a process that compiles the same kernel, and between two looks at it; then it is compiled here too."""

_digests: dict[str, str] = {}


def digest(function: Callable[..., Any]) -> str:
    """What the kernels of a function's module are made of, as a hexadecimal number.

    The version, the module's source, the numbers it imports and, in turn, every module whose kernels it calls.
    """
    module = function.__module__
    if module not in _digests:
        parts = hashlib.blake2b(f"{__version__}\n{module}\n".encode(), digest_size=12)
        parts.update(Path(function.__code__.co_filename).read_bytes())
        # imports stand above the first kernel of a module, so at this moment all of them are there
        for name, value in sorted(function.__globals__.items()):
            if isinstance(value, Dispatcher) and value.py_func.__module__ != module:
                parts.update(f"{name}: {digest(value.py_func)}\n".encode())
            elif _is_constant(value):
                parts.update(f"{name} = {value!r}\n".encode())
            elif isinstance(value, np.ndarray):
                parts.update(name.encode() + str(value.dtype).encode() + value.tobytes())
        _digests[module] = parts.hexdigest()
    return _digests[module]


def folder_asked_for() -> str:
    """The folder that ``NUMBA_CACHE_DIR`` or numba's configuration names; "" for none."""
    return str(numba.config.CACHE_DIR or "")


def _is_constant(value: object) -> bool:
    """Whether numba freezes a global into the code: a number, or a tuple of them."""
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, (numbers.Number, np.bool_))


class KernelCache(FunctionCache):
    """numba's cache of one function, in files named by what they depend on; a file that cannot be used is as good as none.

    Raises
    ------
    RuntimeError, OSError
        Where neither the package's folder nor the user's cache can be written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._sources = digest(function)
        self._named = False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None."""
        self._name_files(target_context.codegen())
        try:
            found = self._loaded(sig, target_context) if QUICK else super().load_overload(sig, target_context)
        except UNUSABLE as error:
            log.info("%s is compiled again: %s", self._py_func.__qualname__, error)
            with contextlib.suppress(OSError):
                self.flush()
            return None
        # Two processes that compile different signatures at once can give both the same file; the index then names the
        # wrong one, whose code would read its arguments as something else.
        return found if found is None or tuple(found.signature.args) == normalize_signature(sig)[0] else None

    def _loaded(self, sig: Any, target_context: Any) -> Any:
        """What numba loads, without all that it needs to compile: types and operations of its own are a third of a first call.

        Machine code asks for addresses alone: of numba's runtime, made known here, and of helpers that its contexts bring.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code for a signature, if there is room."""
        self._name_files(data.codegen)
        try:
            super().save_overload(sig, data)
        except UNUSABLE as error:
            log.info("%s is not kept: %s", self._py_func.__qualname__, error)

    @contextlib.contextmanager
    def one_process(self) -> Iterator[None]:
        """Within the ``with`` block no other process compiles this function: what it compiled meanwhile is there to be loaded.

        The system gives the lock back when its process ends, however it does.
        """
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # no lock to be had on this disk
                if fcntl is not None:
                    # nothing is ever written to it
                    path = Path(self.cache_path, f"{self._impl.filename_base}.lock")
                    path.touch()
                    file = stack.enter_context(open(path, "rb"))
                    give_up = time.monotonic() + WAIT
                    while not _locked(file) and time.monotonic() < give_up:
                        time.sleep(PAUSE)
                    # for its own sake: a process that was forked meanwhile has the file open as well
                    stack.callback(fcntl.flock, file, fcntl.LOCK_UN)
            yield

    def is_empty(self, codegen: Any) -> bool:
        """Whether it has no code of this function at all, whatever the signature."""
        self._name_files(codegen)
        return not Path(self.cache_path, self._cache_file._index_name).exists()

    def _name_files(self, codegen: Any) -> None:
        """Machine code of another processor or numba is never taken for ours, not even by two that write at once."""
        if not self._named:
            made_by = repr((numba.__version__, codegen.magic_tuple())).encode()
            mark = f"{self._sources}-{hashlib.blake2b(made_by, digest_size=4).hexdigest()}"
            self._cache_file = IndexDataCacheFile(self._cache_path, f"{self._impl.filename_base}-{mark}", mark)
            self._named = True


def _locked(file: Any) -> bool:
    """Whether the file's lock is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
