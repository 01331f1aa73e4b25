"""L-BFGS that stops in time: the one way in which the package calls scipy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from relucvx.deadline import Deadline, OutOfTime
from relucvx.later import later
from relucvx.types import Array

optimize = later("scipy.optimize")


def lbfgs(
    value: Callable[[Array], tuple[float, Array]],
    start: Array,
    *,
    deadline: Deadline,
    bounds: Sequence[tuple[float | None, float | None]] | None = None,
    options: Any,
) -> tuple[Array, float]:
    """The best point that L-BFGS saw, and its value: never worse than the start.

    Parameters
    ----------
    value : callable
        Value and gradient at a point.
    deadline : Deadline
        Looked at before every evaluation; at least the start is evaluated.
    options : dict
        Of scipy's L-BFGS-B.

    Notes
    -----
    Status: heuristic (a local descent). Source: [relucvx]
    """
    best, least = start, np.inf

    def watched(x: Array) -> tuple[float, Array]:
        nonlocal best, least
        if np.isfinite(least):
            deadline.check()
        total, gradient = value(x)
        if total < least and np.isfinite(x).all():
            best, least = x.copy(), total
        return total, gradient

    with suppress(OutOfTime):
        optimize.minimize(watched, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return best, float(least)
