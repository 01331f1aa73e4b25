"""Machine code is made of whole programs, once, and whatever they call does what it does by itself."""

import sys

import numba
import numpy as np
import pytest

from relucvx import machine_code
from relucvx.compiled import compiled


def made(kernel):
    """Whether each signature has machine code."""
    return [found.library._is_machine_code for found in kernel.overloads.values()]


def half(x):
    if x < 0.0:
        raise ValueError("negative")
    return 0.5 * x


def test_only_what_python_calls_becomes_machine_code():
    inner = compiled(half)

    @compiled
    def outer(x):
        return inner(x) + 1.0

    assert outer(4.0) == 3.0
    assert made(outer) == [True]
    assert made(inner) == []
    assert made(inner.part) == [False]
    assert inner(4.0) == 2.0
    assert made(inner) == [True]
    assert made(inner.part) == [False]


def test_errors_come_through():
    inner = compiled(half)

    @compiled
    def outer(x):
        return inner(inner(x))

    for kernel in (outer, inner):
        with pytest.raises(ValueError, match="negative"):
            kernel(-1.0)
        assert kernel(0.0) == 0.0


def test_a_function_that_calls_itself():
    @compiled
    def steps(n):
        return 0 if n == 0 else 1 + steps(n - 1)

    @compiled
    def outer(n):
        return steps(n) + steps(2 * n)

    assert outer(3) == 9
    assert steps(5) == 5


def test_references_are_counted():
    """In the whole program as they are in its parts."""

    @compiled
    def same(x):
        return x

    @compiled
    def outer(x):
        kept = same(x)
        return same(kept)

    x = np.ones(3)
    before = sys.getrefcount(x)
    out = outer(x)
    assert out.tolist() == [1.0, 1.0, 1.0]
    assert sys.getrefcount(x) > before
    del out
    assert sys.getrefcount(x) == before


def test_functions_of_others_are_left_alone():
    """What numba compiles next, and has compiled before, is as it always was."""

    @compiled
    def ours(x):
        return max(np.sqrt(x), 0.0)

    assert ours(4.0) == 2.0

    @numba.njit
    def theirs(x):
        return max(np.sqrt(x), 0.0) + ours(x)

    assert theirs(4.0) == 4.0
    assert not isinstance(theirs.overloads[numba.float64,].library, machine_code.Linked)
    assert "_library_class" not in vars(ours.targetctx.codegen())


def test_without_the_steps_that_are_put_off(monkeypatch):
    monkeypatch.setattr(machine_code, "KNOWN", False)
    inner = compiled(half)

    @compiled
    def outer(x):
        return inner(x) + 1.0

    assert outer(4.0) == 3.0
    assert not isinstance(outer.overloads[numba.float64,].library, machine_code.Linked)
