"""Compiled kernels over lists of cells: room for more of them, and which two lists name the same cell.

Whole rows are copied in loops here and in :mod:`relucvx.arrangement._kernels`: an assignment of slices compiles the text of
the error that it would raise for shapes which do not fit, and that alone takes longer than the kernel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled

CellArrays = tuple[Any, Any, Any, Any]  # packed bits (N, W), hash keys (N,), witnesses (N, D), their margins (N,)


@compiled
def _build_table(keys: Any) -> Any:
    """Open-addressing hash table of indices; -1 marks an empty slot."""
    # at most half full: searches stay short
    size = 4
    while size < 2 * len(keys):
        size *= 2
    table = np.empty(size, np.int64)
    for slot in range(size):
        table[slot] = -1
    mask = np.uint64(size - 1)
    # keys are random already (exclusive ors of random words), so their low bits are the hash
    for m in range(len(keys)):
        place = keys[m] & mask
        while table[place] >= 0:
            place = (place + np.uint64(1)) & mask
        table[place] = m
    return table


@compiled
def grow(cells: CellArrays, need: int) -> CellArrays:
    """The same cells in arrays with room for at least `need`."""
    bits, keys, witness, margin = cells
    n = len(keys)
    if need <= n:
        return cells
    # half as much again, so that copying costs no more than a few passes over the cells in all
    size = max(need, n + (n >> 1))
    new_bits = np.zeros((size, bits.shape[1]), np.uint64)
    new_keys = np.empty(size, np.uint64)
    new_witness = np.empty((size, witness.shape[1]))
    new_margin = np.empty(size)
    for c in range(n):
        for w in range(bits.shape[1]):
            new_bits[c, w] = bits[c, w]
        for a in range(witness.shape[1]):
            new_witness[c, a] = witness[c, a]
        new_keys[c], new_margin[c] = keys[c], margin[c]
    return new_bits, new_keys, new_witness, new_margin


@compiled
def match(cells: CellArrays, n: int, wall: CellArrays) -> Any:
    """For each cell the index of its trace on the wall, or -1: looked up by hash, confirmed bit by bit."""
    bits, keys, _, _ = cells
    w_bits, w_keys, _, _ = wall
    hit = np.empty(n, np.int64)
    for c in range(n):
        hit[c] = -1
    # a wall that coincides with an earlier one cuts no cell: there is no arrangement on it
    if len(w_keys) == 0:
        return hit
    table = _build_table(w_keys)
    mask = np.uint64(len(table) - 1)
    words = w_bits.shape[1]
    for c in range(n):
        slot = keys[c] & mask
        while table[slot] >= 0 and hit[c] < 0:
            m = table[slot]
            # equal keys are all but proof; the bits decide
            same = w_keys[m] == keys[c]
            for w in range(words):
                same = same and w_bits[m, w] == bits[c, w]
            if same:
                hit[c] = m
            slot = (slot + np.uint64(1)) & mask
    return hit
