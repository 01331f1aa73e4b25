"""Compiled kernels that multiply out the maps of faces: gates, and what tells siblings apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def gate(N: Any, owner: Any, code: Any, negative: float, positive: float, out: Any) -> None:
    """Maps (parents, 3, width) of each face's parent behind a kink of the first columns, for these codes (faces, neurons)."""
    k = code.shape[1]
    for f in range(len(owner)):
        p = owner[f]
        for r in range(N.shape[1]):
            for j in range(k):
                out[f, r, j] = N[p, r, j] * (positive if code[f, j] else negative)
            for j in range(k, N.shape[2]):
                out[f, r, j] = N[p, r, j]


@compiled
def siblings(
    N: Any, owner: Any, code: Any, step: float, W: Any, group: Any, begin: Any, base: Any, most: int, out: Any
) -> Any:
    """Maps of faces behind the next affine map, from those (``base``) of the first face in each group of siblings.

    Siblings have the map of one parent in front of the kink, so theirs behind it differ by the neurons in which their codes
    do. Returns which faces differ in more than ``most`` neurons, and are not done.
    """
    left = np.zeros(len(owner), dtype=np.bool_)
    differ = np.empty(code.shape[1], dtype=np.int64)
    width = W.shape[1]
    for f in range(len(owner)):
        g, p = group[f], owner[f]
        one, n = begin[g], 0
        for j in range(code.shape[1]):
            if code[f, j] != code[one, j]:
                differ[n] = j
                n += 1
        if n > most:
            left[f] = True
            continue
        for r in range(N.shape[1]):
            row = out[f, r]
            row[:] = base[g, r]
            for i in range(n):
                j = differ[i]
                by = N[p, r, j] * (step if code[f, j] else -step)
                weights = W[j]
                for c in range(width):
                    row[c] += by * weights[c]
    return left
