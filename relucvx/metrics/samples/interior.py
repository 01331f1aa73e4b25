"""Linear support vector machines of many samples by an interior-point method, in matrices of the size of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

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


def coefficients(features: Array, sides: Array, caps: Array, tol: float) -> Array | None:
    """Coefficients of the samples in the normal vector, of :mod:`relucvx.metrics.samples.machine`.

    With Y = sides * features the problem is min |Y'a|^2 / 2 - sum a over 0 <= a <= caps with sides'a = 0. Newton matrices
    YY' + D have a diagonal D, so that a system is one of p x p (Ferris and Munson 2002). Samples are then at 0, at their
    bound, or on the margin, and linear equations give the coefficients of the last; None unless the conditions of
    optimality hold within ``tol``.
    """
    Y = sides[:, None] * features
    unit = float(caps.max())
    # what is left to the bound has digits of its own
    a, room = caps / 2.0, caps / 2.0
    offset, lower_price, upper_price = 0.0, np.ones(len(a)), np.ones(len(a))
    squares = np.einsum("ij,ij->i", Y, Y)
    for _ in range(MOST_ROUNDS):
        gap = float(a @ lower_price + room @ upper_price) / (2 * len(a))
        slope = Y @ (a @ Y) - 1.0 + offset * sides - lower_price + upper_price
        if gap <= CENTRED * unit and np.abs(slope).max() <= FLAT:
            found = _finished(Y, sides, caps, a, a < lower_price * unit, room < upper_price * unit, tol)
            if found is not None:
                return sides * found
        if gap <= LAST * unit:
            return None
        D = lower_price / a + upper_price / room
        try:
            solve = _solver(Y, squares, D)
        except linalg.LinAlgError:
            return None
        flat = solve(sides)

        def step(
            low: Any, high: Any, solve: Any = solve, flat: Any = flat, slope: Any = slope, a: Any = a, room: Any = room
        ) -> Any:
            """Of coefficients, offset and prices; the products of coefficients and prices are to change by low and high."""
            ahead = solve(-slope + low / a - high / room)
            turn = (sides @ ahead + sides @ a) / (sides @ flat)
            move = ahead - turn * flat
            return move, turn, (low - lower_price * move) / a, (high + upper_price * move) / room

        guess = step(-a * lower_price, -room * upper_price)
        length = _length(a, room, lower_price, upper_price, guess)
        moved, prices = a + length * guess[0], (lower_price + length * guess[2], upper_price + length * guess[3])
        aim = gap * (float(moved @ prices[0] + (room - length * guess[0]) @ prices[1]) / (2 * len(a)) / gap) ** 3
        move = step(
            aim - a * lower_price - guess[0] * guess[2], aim - room * upper_price + guess[0] * guess[3]
        )  # fmt: skip
        length = BEHIND * _length(a, room, lower_price, upper_price, move)
        a, room, offset = a + length * move[0], room - length * move[0], offset + length * float(move[1])
        lower_price, upper_price = lower_price + length * move[2], upper_price + length * move[3]
        if not np.isfinite(offset) or length == 0.0:
            return None
    return None


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


def _length(a: Array, room: Array, lower_price: Array, upper_price: Array, step: Any) -> float:
    """The longest step, of 1 at most, after which nothing is negative."""
    move, _, low, high = step
    longest = 1.0
    for value, change in ((a, move), (room, -move), (lower_price, low), (upper_price, high)):
        falling = change < 0
        if falling.any():
            longest = min(longest, float((-value[falling] / change[falling]).min()))
    return longest


def _finished(
    Y: Array, sides: Array, caps: Array, a: Array, at_zero: BoolArray, full: BoolArray, tol: float
) -> Array | None:
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
