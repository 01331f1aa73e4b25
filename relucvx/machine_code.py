"""Machine code for whole programs: what a kernel calls is linked into it first, and compiled once, with it.

numba turns every function into optimised machine code by itself, and once more in each of its callers, into which its code is
copied: at five levels of calls most of the time goes into code that nobody runs. Here a function that only other compiled
functions call stays what numba made of its source; optimisation and machine code wait for the address of a way in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment

ENVIRONMENT = "_ZN08NumbaEnv"
"""How the names of numba's environments begin: pointers of which each process fills in its own."""

KNOWN = all(
    hasattr(JITCodeLibrary, name)
    for name in ("_optimize_functions", "_optimize_final_module", "_finalize_final_module", "_get_module_for_linking")
)
"""Whether this numba has the steps that are put off; without them its own order is as right, and slower."""


class Linked(JITCodeLibrary):
    """Code of one function and of all that it calls, as machine code only from the moment on at which an address is asked."""

    _is_machine_code = False

    def _optimize_functions(self, ll_module: Any) -> None:
        # what follows optimises the whole program, function by function too
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Put in what is called; nothing can be added from here on."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """The address of a function, 0 where there is none of this name."""
        if not self._is_machine_code:
            try:
                absent = self._final_module.get_function(name).is_declaration
            except NameError:
                absent = True
            if absent:
                return 0
            self._ensure_finalized()
            self._optimize_final_module()
            self._final_module.verify()
            self._finalize_final_module()
            for variable in self._final_module.global_variables:
                environment = lookup_environment(variable.name) if variable.name.startswith(ENVIRONMENT) else None
                if environment is not None:
                    self._codegen.set_env(variable.name, environment)
        return int(super().get_pointer_to_function(name))

    def _finalize_final_module(self) -> None:
        # comes here from the cache as well
        self._is_machine_code = True
        super()._finalize_final_module()


@contextmanager
def whole_programs(codegen: Any) -> Iterator[None]:
    """Within the ``with`` block, under numba's own lock, machine code is made of whole programs."""
    with global_compiler_lock:
        if not KNOWN or "_library_class" in vars(codegen):
            yield
            return
        set_env = codegen.set_env

        def set_env_of_machine_code(name: str, environment: Any) -> None:
            if codegen._engine.is_symbol_defined(name):
                set_env(name, environment)

        codegen._library_class, codegen.set_env = Linked, set_env_of_machine_code
        try:
            yield
        finally:
            del codegen._library_class, codegen.set_env
