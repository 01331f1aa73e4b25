"""Units in which rows and columns of a data matrix are of one size: exact for patterns, walls and rank.

Multiplying a row by a positive number moves no wall, and multiplying a column is a change of coordinates of the gates, so
neither changes a pattern. Tolerances, however, compare a row with the sum of its parts, and a column that is tiny beside
the others would drop below them. Powers of two change no digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement.counting import count_patterns
from relucvx.arrangement.patterns import Arrangement, unit_rows
from relucvx.types import Array, BoolArray

SPREAD = 4
"""Columns whose sizes differ by at most two to this power are left as they are."""

SWEEPS = 3  # over rows and columns, after the least-squares fit


def column_exponents(X: Array) -> NDArray[np.int64]:
    """Exponents (d,) of the powers of two that bring the columns of X to one size once the rows are; 0 where they are.

    The least-squares fit of ``log |X_ij| = -r_i - c_j`` over the non-zero entries, which every scaling of rows and columns
    just shifts; then a few sweeps that bring the largest entries to 1, for tiny entries distort means.
    """
    used = X != 0.0
    columns = np.zeros(X.shape[1])
    if not used.any():
        return columns.astype(np.int64)
    size = np.frexp(X)[1].astype(np.float64)
    mask = used.astype(np.float64)
    per_row = np.maximum(mask.sum(axis=1), 1.0)
    # rows eliminated first: what is left is a system in the columns alone, singular along common shifts
    rest = np.where(used, size - ((size * mask).sum(axis=1) / per_row)[:, None], 0.0)
    normal = np.diag(mask.sum(axis=0) + 1e-6) - mask.T @ (mask / per_row[:, None])
    columns = np.linalg.solve(normal, -rest.sum(axis=0))
    size = np.where(used, size, -np.inf)
    present = used.any(axis=0)
    for _ in range(SWEEPS):
        rows = (size + columns).max(axis=1, keepdims=True)
        rows[~used.any(axis=1)] = 0.0
        columns[present] = -(size - rows).max(axis=0)[present]
    columns[present] -= columns[present].max()
    columns[~present] = 0.0
    # columns of about one size are left alone, so that ordinary data keep their coordinates
    if columns.min() >= -SPREAD:
        columns[:] = 0.0
    return np.round(columns).astype(np.int64)


def equilibrate(X: Array) -> tuple[Array, BoolArray, NDArray[np.int64]]:
    """Unit rows of X with its columns brought to one size, which rows are non-zero, and the exponents of the columns."""
    exponents = column_exponents(X)
    if not exponents.any():
        return (*unit_rows(X), exponents)
    # exponents of rows and columns in one step: neither alone may leave float64
    size = np.frexp(X)[1] + exponents
    top = np.where(X == 0.0, np.iinfo(np.int32).min // 2, size).max(axis=1, keepdims=True)
    return (*unit_rows(np.ldexp(X, np.clip(exponents - top, -4000, 4000).astype(np.int64))), exponents)


def to_data_units(gates: Array, exponents: NDArray[np.int64]) -> Array:
    """Gates (k, d) for the rows of X, of unit length, from gates for its equilibrated rows: the same patterns."""
    if not exponents.any():
        return gates
    scaled = np.ldexp(gates, exponents - exponents.max())
    scaled /= np.maximum(np.abs(scaled).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return np.asarray(scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1.0))


def missing_width(arrangement: Arrangement) -> float:
    """How far, relative to ||x_i|| ||w||, a direction can be from every listed cell of a complete arrangement.

    Zero when the number of patterns is Cover's count for the rows as they are, equal and opposite ones once: then nothing
    can be missing. Otherwise slivers up to the tolerance may be, which is a width in the units in which columns are of one
    size, and grows when they return to their own.
    """
    X = arrangement.X
    rows = X[X.any(axis=1)]
    if not len(rows):
        return 0.0
    # exactly equal and opposite rows once, by the sign of their first entry; nearly equal ones are not the same
    leading = np.take_along_axis(rows, (rows != 0.0).argmax(axis=1)[:, None], axis=1)
    walls = len(np.unique(np.where(leading < 0, -rows, rows) + 0.0, axis=0))
    if len(arrangement) == count_patterns(walls, min(walls, X.shape[1])):
        return 0.0
    exponents = column_exponents(X)[X.any(axis=0)]
    return 2.0 * len(X) * arrangement.tolerance * float(2.0 ** min(int(np.ptp(exponents)), 1000))
