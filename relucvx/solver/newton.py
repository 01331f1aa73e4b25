"""What the Newton steps of one and of several outputs share: when they are begun, how they are damped, how they end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from relucvx.deadline import Deadline, OutOfTime, aside
from relucvx.program.problem import Problem
from relucvx.types import Array

STATIONARY = 1e-9
"""Newton has converged when the gradient is below this share of beta."""

RATE = 5e9
"""Multiplications a second of dense linear algebra, at least."""

LONGEST_STEP, MOST_ENTRIES = 1.5, 5e7
"""Seconds a Newton step may be predicted to take, and numbers its matrix may hold: beyond, Newton is not begun."""

LARGE = 500
"""From so many unknowns on factorisations of last resort, which take seconds, run aside."""

SHORTEST = 1e-4
"""Share of a Newton step below which no part of it is tried: the model has nothing to do with the function."""


def within_reach(problem: Problem, unknowns: int, neurons: int, deadline: Deadline) -> bool:
    """Whether Newton steps of this size can be taken: each takes a small share of the time left, and fits into memory."""
    rows = problem.Y.size
    work = rows * float(unknowns) ** 2 + float(unknowns) ** 3 / 3.0 + neurons * float(problem.n_inputs) ** 3
    return work / RATE <= min(LONGEST_STEP, 0.1 * deadline.left()) and rows * unknowns <= MOST_ENTRIES


def damped(
    objective: Callable[[Array], float], x: Array, value: float, direction: Array
) -> tuple[Array, float, bool] | None:
    """The longest halved step that does not rise: point, value there, and whether it moved; None where all of them rise."""
    step, fresh = 1.0, objective(x + direction)
    while not fresh <= value * (1 + 1e-15) and step > SHORTEST:
        step *= 0.5
        fresh = objective(x + step * direction)
    if not fresh <= value * (1 + 1e-15):
        return None
    moved = step * np.linalg.norm(direction) > 1e-15 * np.linalg.norm(x)
    return x + step * direction, fresh, bool(moved)


def last_resort(work: Callable[[], Array], otherwise: Array, deadline: Deadline) -> Array:
    """The value of a long factorisation, run aside where it is large; ``otherwise`` when the time runs out first."""
    if len(otherwise) < LARGE:
        return work()
    try:
        return aside(work, deadline)
    except OutOfTime:
        return otherwise
