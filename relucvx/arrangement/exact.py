"""The cells of a small arrangement in integer arithmetic: every decision is right, however close the call.

Floats are whole multiples of a power of two, so rows of floats have an arrangement that is no matter of rounding. The
recursion is that of the compiled kernels; a cell is a number whose bit i says that row i is positive, with a witness in
whole numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from relucvx.types import Array

Vector = list[int]

SHORT = (64, 160)
"""Bits to which a witness is cut where the shorter one is still inside its cell."""


def whole_rows(rows: Array) -> list[Vector]:
    """Rows of floats times a positive number each, as coprime whole numbers."""
    return [_coprime([Fraction(float(value)) for value in row]) for row in rows]


def exact_cells(rows: Sequence[Vector], dim: int) -> dict[int, Vector]:
    """Cells of the central arrangement of non-zero rows: sign bits and a witness strictly inside, for all of them."""
    cells: dict[int, Vector] = {0: [0] * dim}
    for k, row in enumerate(rows):
        if k == 0:
            cells = {1: list(row), 0: [-value for value in row]}
            continue
        # a cell is cut exactly if it has a trace on the wall; else its witness says on which side it is
        traces = _on_wall(rows[:k], row)
        split: dict[int, Vector] = {}
        for bits, witness in cells.items():
            if bits not in traces:
                split[bits | (_dot(row, witness) > 0) << k] = witness
                continue
            for side in (1, -1):
                split[bits | (side > 0) << k] = _step_off(rows[:k], row, traces[bits], side)
        cells = split
    return cells


def _on_wall(rows: Sequence[Vector], wall: Vector) -> dict[int, Vector]:
    """Cells of the rows restricted to the wall, with witnesses on it; none where a row has the same wall."""
    dim = len(wall)
    # eliminate the coordinate with the largest entry of the wall: whole numbers stay whole
    a = max(range(dim), key=lambda i: abs(wall[i]))
    others = [i for i in range(dim) if i != a]
    sign = 1 if wall[a] > 0 else -1
    inner = [_coprime([sign * (row[i] * wall[a] - row[a] * wall[i]) for i in others]) for row in rows]
    # a row vanishes on the wall: both have one wall, and nothing new is cut
    if not all(any(row) for row in inner):
        return {}
    traces = {}
    for bits, witness in exact_cells(inner, dim - 1).items():
        lifted = [0] * dim
        for i, value in zip(others, witness, strict=True):
            lifted[i] = sign * wall[a] * value
        lifted[a] = -sign * sum(wall[i] * value for i, value in zip(others, witness, strict=True))
        traces[bits] = _coprime(lifted)
    return traces


def _step_off(rows: Sequence[Vector], wall: Vector, point: Vector, side: int) -> Vector:
    """A point of the cell on one side of the wall that touches it at the given point."""
    # so small a step that no other row changes side
    far = 1
    for row in rows:
        far = max(far, abs(_dot(row, wall)) // abs(_dot(row, point)) + 1)
    exact = [2 * far * value + side * step for value, step in zip(point, wall, strict=True)]
    # numbers grow with every wall: the witness is cut to few bits where it still is inside
    size = max(abs(value) for value in exact).bit_length()
    for bits in SHORT:
        cut = max(size - bits, 0)
        short = [value >> cut for value in exact]
        if cut == 0 or all(_sign(_dot(r, short)) == _sign(_dot(r, exact)) != 0 for r in (*rows, wall)):
            return short
    return exact


def _coprime(values: Sequence[int | Fraction]) -> Vector:
    """The shortest whole vector in the same direction."""
    scale = math.lcm(*(value.denominator for value in values))
    whole = [int(value * scale) for value in values]
    common = math.gcd(*whole)
    return [value // common for value in whole] if common > 1 else whole


def _dot(u: Sequence[int], v: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(u, v, strict=True))


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
