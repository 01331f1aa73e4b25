"""A fault: a text replaced in one function of the package, and the command that must notice it."""

from __future__ import annotations
import __future__ as future

import ast
import contextlib
import functools
import importlib
import inspect
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


class FaultError(Exception):
    """The fault cannot be put in: what it changes is no longer there. Never to be counted as caught."""


@dataclass(frozen=True)
class Fault:
    """One mistake.

    Attributes
    ----------
    name : str
    target : str
        ``module:function`` or ``module:Class.method``, inside the package.
    old, new : str
        Text of the function, which must occur in it exactly once, and what it becomes.
    caught_by : str
        ``verify ID`` (``relucvx verify --quick ID``), or ``pytest NODE``.
    interpreted : bool
        Whether the function is compiled: the command then runs in a process of its own without compilation.
    """

    name: str
    target: str
    old: str
    new: str
    caught_by: str
    interpreted: bool = False

    def function(self) -> types.FunctionType:
        """The function that is changed, bare of its decorators."""
        module, _, path = self.target.partition(":")
        try:
            found = functools.reduce(_member, path.split("."), importlib.import_module(f"relucvx.{module}"))
        except (ImportError, AttributeError, KeyError) as error:
            raise FaultError(f"{self.name}: {self.target} is no longer there ({error})") from error
        for name in ("fget", "func", "__func__", "__wrapped__", "py_func"):
            found = getattr(found, name, found)
        if not isinstance(found, types.FunctionType):
            raise FaultError(f"{self.name}: {self.target} is not a function")
        return found

    def code(self) -> types.CodeType:
        """The code of the function with the fault."""
        function = self.function()
        source = textwrap.dedent(inspect.getsource(function))
        count = source.count(self.old)
        if count != 1:
            raise FaultError(f"{self.name}: {self.old!r} occurs {count} times in {self.target}")
        node = ast.parse(source.replace(self.old, self.new)).body[0]
        assert isinstance(node, ast.FunctionDef)
        node.decorator_list = []
        # what the function takes from around it, such as the class behind super(), becomes arguments of a maker
        free = ast.arguments([], [ast.arg(v) for v in function.__code__.co_freevars], None, [], [], None, [])
        give = ast.Return(ast.Name(node.name, ast.Load()))
        maker = ast.FunctionDef("maker", free, [node, give], [], None, None)
        maker.type_params = []
        tree = ast.fix_missing_locations(ast.Module([maker], []))
        made: dict[str, types.FunctionType] = {}
        exec(compile(tree, f"<{self.name}>", "exec", future.annotations.compiler_flag), function.__globals__, made)
        code = made["maker"](*[None] * len(function.__code__.co_freevars)).__code__
        if code.co_freevars != function.__code__.co_freevars:
            raise FaultError(f"{self.name}: the fault changes what {self.target} takes from around it")
        return code

    @contextlib.contextmanager
    def injected(self) -> Iterator[None]:
        """With the fault, whoever has imported the function already; caches are emptied before and after."""
        function, code = self.function(), self.code()
        kept = function.__code__
        forget()
        function.__code__ = code
        try:
            yield
        finally:
            function.__code__ = kept
            forget()


def _member(owner: object, name: str) -> object:
    """A member of a module or, not bound to anything, of a class."""
    return vars(owner)[name] if isinstance(owner, type) else getattr(owner, name)


def forget() -> None:
    """Empty every cache of results in the package."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "relucvx":
            for value in list(vars(module).values()):
                if callable(getattr(value, "cache_clear", None)) and getattr(value, "__name__", "") not in KEPT:
                    value.cache_clear()


KEPT = ("claims", "compile_kernels", "_pools")
"""Caches of what does not depend on formulas."""


def notices(command: str) -> str:
    """What a command says against the package as it stands now, in this process; empty when all is well.

    A ``pytest`` command runs in a process of its own: see :func:`run`.
    """
    from relucvx.theory import verify

    kind, _, name = command.partition(" ")
    if kind != "verify":
        raise ValueError(command)
    try:
        result = verify(name, quick=True, rng=0)
    except Exception as error:  # noqa: BLE001 (whatever a broken package raises has been noticed)
        return f"{type(error).__name__}: {error}"
    return "" if result.as_expected else (result.reason or f"{result.verdict.name}, {result.expected} expected")


def run(fault: Fault | None, command: str, seconds: float = 600.0) -> str:
    """As :func:`notices`, in a process of its own, with a fault or without."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "OMP_NUM_THREADS": "1",
    }
    name = "" if fault is None else fault.name
    if command.startswith("pytest "):
        environment["RELUCVX_FAULT"] = name
        if fault is not None and fault.interpreted:
            # machine code kept from before would hide the fault, and that of the fault would outlive it
            environment["NUMBA_DISABLE_JIT"] = "1"
        words = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "sabotage.plugin", "-p", "no:cacheprovider"]
        words += command.split()[1:]
    else:
        environment["NUMBA_DISABLE_JIT"] = "1"
        words = ["-m", "sabotage", "--notice", command, "--fault", name]
    try:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return f"still running after {seconds:g} s"
    if "FaultError" in done.stdout + done.stderr:
        raise FaultError(done.stdout + done.stderr)
    if done.returncode == 0:
        return ""
    if done.returncode != 1:  # pytest: 1 is a failing test, the others are mistakes in the command
        raise FaultError(f"{command}: exit code {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    return (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
