"""Linear support vector machines of many samples by an interior-point method, in matrices of the size of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg

from relucvx.deadline import ruling
from relucvx.types import Array, BoolArray

MOST_ROUNDS = 50
"""Newton steps after which another algorithm is asked; some twenty are usual."""

CENTRED = 1e-10
"""Mean product of a coefficient and its multiplier, in units of the largest bound, at which sides are told apart."""

FLAT = 1e-6
"""Residual of the other conditions at which that is tried: rounding of the inverse, which the last equations do without."""

LAST = 1e-15
"""The product below which there is nothing left to gain."""

NEGLIGIBLE = 1e-4
"""Samples whose curvature, together, is smaller than this share of that of the penalty are left out of a Newton matrix."""

BEHIND = 0.995
"""Share of the way to the nearest bound that a step goes."""


class _Point(NamedTuple):
    """Coefficients, what is left of them to their bounds (with digits of its own), the offset, and the prices of both bounds.

    A step has the same parts.
    """

    a: Array
    room: Array
    offset: float
    low: Array
    high: Array

    @property
    def gap(self) -> float:
        """Mean product of a distance from a bound and its price."""
        return float(self.a @ self.low + self.room @ self.high) / (2 * len(self.a))

    def moved(self, step: _Point, length: float) -> _Point:
        """The point a share of a step ahead."""
        return _Point(
            self.a + length * step.a, self.room + length * step.room, self.offset + length * step.offset,
            self.low + length * step.low, self.high + length * step.high,
        )  # fmt: skip

    def reach(self, step: _Point) -> float:
        """The longest step, of 1 at most, after which nothing is negative."""
        longest = 1.0
        for value, change in ((self.a, step.a), (self.room, step.room), (self.low, step.low), (self.high, step.high)):
            falling = change < 0
            if falling.any():
                longest = min(longest, float((-value[falling] / change[falling]).min()))
        return longest


def coefficients(features: Array, sides: Array, caps: Array, tol: float) -> Array | None:
    """Coefficients of the samples in the normal vector, of :mod:`relucvx.metrics.samples.machine`.

    With Y = sides * features the problem is min |Y'a|^2 / 2 - sum a over 0 <= a <= caps with sides'a = 0. Newton matrices
    YY' + D have a diagonal D, so that a system is one of p x p (Ferris and Munson 2002). Samples are then at 0, at their
    bound, or on the margin, and linear equations give the coefficients of the last; None unless the conditions of
    optimality hold within ``tol``.
    """
    Y = sides[:, None] * features
    unit, squares = float(caps.max()), np.einsum("ij,ij->i", Y, Y)
    at = _Point(caps / 2.0, caps / 2.0, 0.0, np.ones(len(Y)), np.ones(len(Y)))
    for _ in range(MOST_ROUNDS):
        ruling().check()
        gap = at.gap
        slope = Y @ (at.a @ Y) - 1.0 + at.offset * sides - at.low + at.high
        if gap <= CENTRED * unit and np.abs(slope).max() <= FLAT:
            found = _finished(Y, sides, caps, at.a < at.low * unit, at.room < at.high * unit, tol)
            if found is not None:
                return sides * found
        if gap <= LAST * unit:
            return None
        try:
            solve = _solver(Y, squares, at.low / at.a + at.high / at.room)
        except linalg.LinAlgError:
            return None
        flat = solve(sides)
        # where products would end if they could be nought, and how far that is possible, says what to aim at
        guess = _step(at, sides, slope, solve, flat, -at.a * at.low, -at.room * at.high)
        aim = gap * (at.moved(guess, at.reach(guess)).gap / gap) ** 3
        step = _step(
            at, sides, slope, solve, flat, aim - at.a * at.low - guess.a * guess.low,
            aim - at.room * at.high - guess.room * guess.high,
        )  # fmt: skip
        at = at.moved(step, BEHIND * at.reach(step))
        if not np.isfinite(at.offset):
            return None
    return None


def _step(
    at: _Point, sides: Array, slope: Array, solve: Callable[[Array], Array], flat: Array, low: Array, high: Array
) -> _Point:
    """Newton's step to a slope and a sum of nought, by which products with the prices change by ``low`` and ``high``."""
    ahead = solve(-slope + low / at.a - high / at.room)
    turn = float((sides @ ahead + sides @ at.a) / (sides @ flat))
    move = ahead - turn * flat
    return _Point(move, -move, turn, (low - at.low * move) / at.a, (high + at.high * move) / at.room)


def _solver(Y: Array, squares: Array, D: Array) -> Callable[[Array], Array]:
    """The inverse of YY' + D, through that of a matrix as large as the features."""
    weights = 1.0 / D
    seen = weights * squares > NEGLIGIBLE / len(Y)
    rows = Y[seen] * np.sqrt(weights[seen])[:, None]
    M = rows.T @ rows
    M[np.diag_indices_from(M)] += 1.0
    factor = linalg.cho_factor(M, lower=True, overwrite_a=True, check_finite=False)

    def solve(v: Array) -> Array:
        scaled = weights * v
        return np.asarray(scaled - weights * (Y @ linalg.cho_solve(factor, scaled @ Y, check_finite=False)))

    return solve


def _finished(Y: Array, sides: Array, caps: Array, at_zero: BoolArray, full: BoolArray, tol: float) -> Array | None:
    """The coefficients where it is known which are at a bound; None when the conditions do not hold then."""
    out = np.where(full, caps, 0.0)
    free = ~at_zero & ~full
    if free.any():
        rows, s = Y[free], sides[free]
        # margins of 1 and a sum of nought: one equation for each unknown, and one for the offset
        A = np.block([[rows @ rows.T, s[:, None]], [s[None], np.zeros((1, 1))]])
        goal = np.append(1.0 - rows @ (out @ Y), -(sides @ out))
        # samples that depend on each other, copies say, share what they have
        out[free] = np.linalg.lstsq(A, goal)[0][:-1]
        if (out[free] < 0).any() or (out > caps).any():
            return None
    if abs(sides @ out) > tol * caps.max():
        return None
    # as far as each sample can pull: none may pull up stronger than another down
    pull = sides * (1.0 - Y @ (out @ Y))
    up, down = np.where(sides > 0, out < caps, out > 0), np.where(sides > 0, out > 0, out < caps)
    return out if pull[up].max() - pull[down].min() < tol else None
