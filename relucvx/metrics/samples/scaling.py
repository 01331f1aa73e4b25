"""Features and kernels brought to size 1 and to mean 0, so that no sum over- or underflows and none keeps an offset."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.types import Array
from relucvx.validation import as_matrix


def scaled(rows: Array) -> tuple[Array, float]:
    """An array divided by its largest entry in absolute value, and that entry (1 for zeros)."""
    size = float(np.abs(rows).max()) or 1.0
    return rows / size, size


def exactly_scaled(rows: Array) -> tuple[Array, float]:
    """An array divided by a power of two near its largest entry, which changes no digit, and that power."""
    exponent = int(np.frexp(np.abs(rows).max())[1]) - 1
    return np.asarray(np.ldexp(rows, -exponent)), float(np.ldexp(1.0, exponent))


def mean_row(rows: Array) -> Array:
    """Mean of the rows, without the error that grows with their number: the mean of equal rows is that row."""
    mean = rows.mean(axis=0)
    return np.asarray(mean + (rows - mean).mean(axis=0))


def centred(Z: Any, name: str = "Z") -> tuple[Array, float]:
    """Columns of mean zero, divided by the returned size first so that nothing over- or underflows."""
    rows, size = scaled(as_matrix(Z, name))
    return rows - mean_row(rows), size


def unit_spread(Z: Array) -> Array:
    """Columns of mean zero, scaled together to a mean squared distance of 1 from their mean (zeros stay zeros)."""
    rows, _ = scaled(Z)
    rows = rows - mean_row(rows)
    return np.asarray(rows / (float(np.sqrt(np.mean(np.sum(rows**2, axis=1)))) or 1.0))


def from_middle(rows: Array) -> Array:
    """Features of size 1 relative to their median point, which no far-off sample moves: inner products keep digits."""
    rows, _ = scaled(rows)
    return np.asarray(rows - np.median(rows, axis=0))


def centred_kernel(K: Array) -> Array:
    """H K H with H = I - 11^T/n, for a symmetric K divided by its largest entry first."""
    K, _ = scaled(K)
    columns, rows, middle = K.mean(axis=0), K.mean(axis=1)[:, None], K.mean()
    K -= columns  # in place, as it may fill much of the memory
    K -= rows
    K += middle
    return K
