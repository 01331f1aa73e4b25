"""Dual points in units in which no square under- or overflows, and bounds back in their own."""

from __future__ import annotations

import numpy as np

from relucvx.types import Array

USUAL = (1e-100, 1e100)
"""Sizes of a form whose squares are floats."""


def lift_dual(inputs: Array, N: Array, *, free_bias: bool) -> tuple[Array, int]:
    """A dual point and the exponent of the power of two that it was multiplied by, so that no square leaves float64.

    The dual norm is proportional to N. Entries on zero rows, which it does not see, become 0 where N is changed at all.

    Notes
    -----
    Status: theorem (homogeneity; powers of two are exact). Source: [relucvx].
    """
    X = inputs[:, :-1] - inputs[:, :-1].mean(axis=0) if free_bias else inputs
    length = np.linalg.norm(X, axis=1)
    if free_bias:
        length = length + length.max()
    # zero rows do not count: a huge entry there must not set the unit of the others
    seen = np.where(length[:, None] > 0.0, N, 0.0)
    top = float(np.abs(seen).max(initial=0.0))
    if top == 0.0:
        return N, 0
    # entries of order one first, so that the size of the form itself can be computed
    exponent = -int(np.frexp(top)[1])
    size = float(np.abs(np.ldexp(seen, exponent)).sum(axis=1) @ length)
    if USUAL[0] <= size * 2.0 ** min(max(-exponent, -1000), 1000) <= USUAL[1]:
        return N, 0
    exponent -= int(np.frexp(size)[1])
    return np.ldexp(seen, exponent), exponent


def unlifted(value: float, exponent: int, *, up: bool) -> float:
    """A bound on the lifted form as a bound on the form: rounded up or down where it is no normal number."""
    if exponent == 0:
        return value
    return float(np.nextafter(np.ldexp(value, -exponent), np.inf if up else 0.0))
