"""Sums over pairs of samples, a block of rows at a time, so that no n x n matrix is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from relucvx.deadline import ruling
from relucvx.types import Array

BLOCK = 500_000
"""Entries of the largest dense block, which bounds the memory."""


def row_blocks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows such that a block of that many rows and ``width`` columns stays below :data:`BLOCK`.

    The clock of a deadline that rules is looked at before each.
    """
    step, deadline = max(1, BLOCK // max(width, 1)), ruling()
    for first in range(0, n, step):
        deadline.check()
        yield slice(first, min(n, first + step))


def overlap(A: Array, B: Array) -> float:
    """||A^T B||_F^2 = <A A^T, B B^T>, through features or through samples, whichever multiplies less."""
    n, p, q = len(A), A.shape[1], B.shape[1]
    if A is B and p < 2 * n:
        return _own_overlap(A)
    if p * q <= n * (p + q):
        return sum(float(np.sum((A[:, s].T @ B) ** 2)) for s in row_blocks(p, q))
    return sum(float(np.sum((A[s] @ A.T) * (B[s] @ B.T))) for s in row_blocks(n, n))


def _own_overlap(A: Array) -> float:
    """||A^T A||_F^2 from the blocks on and above the diagonal."""
    total = 0.0
    for s in row_blocks(A.shape[1], A.shape[1]):
        block = A[:, s].T @ A[:, s.start :]
        here = s.stop - s.start
        total += float(np.sum(block[:, :here] ** 2) + 2.0 * np.sum(block[:, here:] ** 2))
    return total


def overlaps(parts: Sequence[Array]) -> Array:
    """||A_a A_b^T||_F^2 of all pairs of matrices (n_a, p), of shape (parts, parts): inner products of the A_a^T A_a."""
    p, n = parts[0].shape[1], sum(map(len, parts))
    out = np.zeros((len(parts), len(parts)))
    if n <= p:
        for a, A in enumerate(parts):
            for b in range(a + 1):
                out[a, b] = out[b, a] = overlap(A.T, parts[b].T)
        return out
    # some rows of every A^T A at a time, and of these the part on and above the diagonal
    for s in row_blocks(p, len(parts) * p):
        blocks = np.stack([A[:, s].T @ A[:, s.start :] for A in parts])
        here = s.stop - s.start
        for weight, part in ((1.0, blocks[:, :, :here]), (2.0, blocks[:, :, here:])):
            flat = part.reshape(len(parts), -1)
            out += weight * (flat @ flat.T)
    return out


def squared_distances(Z: Array) -> Callable[[slice], Array]:
    """Function from a slice of rows to their squared distances from all rows, through inner products.

    Rounding is about eps (||z_i||^2 + ||z_j||^2), so rows are best given relative to a point in their midst.
    """
    squares = np.sum(Z**2, axis=1)

    def of(rows: slice) -> Array:
        out: Array = np.maximum(squares[rows, None] + squares - 2.0 * (Z[rows] @ Z.T), 0.0)
        # inner products leave rounding where a row meets itself
        here = np.arange(len(Z))[rows]
        out[here - here[0], here] = 0.0
        return out

    return of


def order_statistic(blocks: Callable[[], Iterator[Array]], rank: int, top: float) -> float:
    """Entry number ``rank`` (from 0) of all blocks sorted, in several passes over them.

    Parameters
    ----------
    blocks : callable
        Starts a pass over arrays of values between 0 and ``top``.
    rank : int
        Position wanted.
    top : float
        Upper bound of the values.

    Notes
    -----
    Each pass counts in bins and goes on with the bin that holds the entry, until the values in it fit in a block. A
    value that very many entries share is found to 1e-13 relative, or to 1e-30 of ``top``.
    """
    low, high, bins = 0.0, top, 4096
    # a pass counts the entries in each bin and goes on with the bin of the wanted rank, until the rest can be sorted
    while True:
        below, count, counts, kept = 0, 0, np.zeros(bins + 1, dtype=np.int64), [np.zeros(0)]
        for block in blocks():
            below += int(np.count_nonzero(block < low))
            inside = block[(block >= low) & (block <= high)]
            count += len(inside)
            if count <= BLOCK:
                kept.append(inside)
            counts += np.bincount(((inside - low) * (bins / (high - low))).astype(np.intp), minlength=bins + 1)
        if count <= BLOCK:
            return float(np.partition(np.concatenate(kept), rank - below)[rank - below])
        # equal up to rounding, and too many to hold: any of them is the answer
        if high - low <= 1e-13 * high or high <= 1e-30 * top:
            return (low + high) / 2.0
        place, width = int(np.searchsorted(np.cumsum(counts), rank - below, side="right")), (high - low) / bins
        # a value on an edge may be counted on either side of it: neighbouring bins are kept
        low, high = max(low, low + (place - 1) * width), min(high, low + (place + 2) * width)
