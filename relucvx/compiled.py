"""The decorator of every compiled kernel, and the cache that never runs code older than its sources.

numba keeps machine code between processes and compares it with the source file of the function alone. A kernel in one file
that calls a kernel in another keeps the callee's old code when only the callee changes, and a bound that was corrected
would go on being wrong after an upgrade. Here the cached files carry a digest of everything a kernel is made of in their
names.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import numbers
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.cpu import CPUTargetOptions
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from relucvx import __version__
from relucvx.machine_code import whole_programs

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

_digests: dict[str, str] = {}


class Kernel(CPUDispatcher):
    """A function that is compiled where it is first called, apart for callers from Python and for other kernels.

    Called from a kernel it becomes a part of that kernel's machine code; machine code of its own, with a way in from Python,
    is made, and kept between processes, only where Python calls it.
    """

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

    def compile(self, sig: Any) -> Any:
        """Load or make the machine code for a signature."""
        with whole_programs(self.targetctx.codegen()):
            return super().compile(sig)


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
    try:
        kernel._cache = _Cache(function)
    except (RuntimeError, OSError) as error:  # numba: "no locator available"
        log.info("%s is compiled in every process: %s", function.__qualname__, error)
    return kernel


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


def _is_constant(value: object) -> bool:
    """Whether numba freezes a global into the code: a number, or a tuple of them."""
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return isinstance(value, (numbers.Number, np.bool_))


class _Cache(FunctionCache):
    """numba's cache of one function, in files named by the digest; a file that cannot be used is as good as none."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        mark = digest(function)
        self._cache_file = IndexDataCacheFile(self._cache_path, f"{self._impl.filename_base}-{mark}", mark)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled code for a signature, or None."""
        try:
            found = super().load_overload(sig, target_context)
        except UNUSABLE as error:
            log.info("%s is compiled again: %s", self._py_func.__qualname__, error)
            with contextlib.suppress(OSError):
                self.flush()
            return None
        # Two processes that compile different signatures at once can give both the same file; the index then names the
        # wrong one, whose code would read its arguments as something else.
        return found if found is None or tuple(found.signature.args) == normalize_signature(sig)[0] else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code for a signature, if there is room."""
        try:
            super().save_overload(sig, data)
        except UNUSABLE as error:
            log.info("%s is not kept: %s", self._py_func.__qualname__, error)
