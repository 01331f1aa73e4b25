"""Compiled kernels over unit rows: which share a wall, how near the nearest is, and on which sides gates are."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
def merge_coincident(rows: Any, order: Any, position: Any, tol: float) -> Any:
    """For each unit row the index of the first row (in `order`) with the same wall up to tol: itself if new."""
    owner = np.empty(len(rows), dtype=np.int64)
    owners = np.empty(len(rows), dtype=np.int64)
    count = 0
    for i in order:
        owner[i] = i
        q = count - 1
        # rows come in order of a projection that two with one wall share: only those next in line can be the same
        while q >= 0 and position[i] - position[owners[q]] <= tol:
            p = owners[q]
            # opposite rows have one wall, too
            plus, minus = 0.0, 0.0
            for a in range(rows.shape[1]):
                plus += (rows[i, a] + rows[p, a]) ** 2
                minus += (rows[i, a] - rows[p, a]) ** 2
            if min(plus, minus) <= tol * tol:
                owner[i] = p
                break
            q -= 1
        if owner[i] == i:
            owners[count] = i
            count += 1
    return owner


@compiled
def nearest_wall(rows: Any, g: Any) -> Any:
    """Least |rows·g| for each g (N, r)."""
    margins = np.full(len(g), np.inf)
    for c in range(len(g)):
        for i in range(len(rows)):
            value = 0.0
            for a in range(rows.shape[1]):
                value += rows[i, a] * g[c, a]
            margins[c] = min(margins[c], abs(value))
    return margins


@compiled
def read_off(rows: Any, g: Any, patterns: Any) -> None:
    """Write the signs of rows·g (0 counts as True) into patterns (N, n)."""
    for c in range(len(g)):
        for i in range(len(rows)):
            value = 0.0
            for a in range(rows.shape[1]):
                value += rows[i, a] * g[c, a]
            patterns[c, i] = value >= 0
