"""Compiled kernels of the enumeration. Cells are kept for row 0 positive only: the others are their negatives.

A flat is given by the coordinates ``P (k, D)`` of the unit rows 0..k-1 in an orthonormal basis of it. Coordinates are
never renormalised: ``|P_i·g|`` for a unit g in the flat stays the distance of g to wall i in the original space, so
one absolute tolerance serves every depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.arrangement._cells import CellArrays, grow, match
from relucvx.arrangement._least_norm import least_norm
from relucvx.compiled import compiled

THIN = 1e-7
"""Witnesses nearer to a wall than this are moved to the middle of their cell."""


@compiled
def half_count(k: int, dim: int) -> int:
    """Cover's count of k rows in dim dimensions, halved."""
    total, term = 0, 1
    for i in range(min(dim, k)):
        total += term
        term = term * (k - 1 - i) // (i + 1)
    return total


@compiled
def _widen(P: Any, j: int, out: Any, margin: float) -> float:
    """Move a witness of thin cell of rows 0..j to where the nearest of them is farthest; returns the margin.

    On a wall whose row is short, that is, nearly parallel to the walls around the flat, a step along the row leaves other
    walls slowly: the witness comes to lie much nearer to a wall than its cell is wide, and deeper down it would be lost.
    """
    k, dim = j + 1, P.shape[1]
    G = np.empty((k, dim))
    b, x, w = np.empty(k), np.empty(k), np.empty(dim)
    for i in range(k):
        # unit rows towards the witness's side; b asks for |P_i·w| >= 1, in distances of the space around the flat
        value, square = 0.0, 0.0
        for a in range(dim):
            value += P[i, a] * out[a]
            square += P[i, a] * P[i, a]
        scale = (1.0 if value > 0 else -1.0) / np.sqrt(square)
        b[i] = abs(scale)
        for a in range(dim):
            G[i, a] = scale * P[i, a]
    # the shortest w with all products at least b has the largest margin once it is of unit length
    least_norm(G, dim, b, x, w)
    square, nearest = 0.0, np.inf
    for a in range(dim):
        square += w[a] * w[a]
    # the margin it really has: the solver may have stopped early, and then the old witness stays
    for i in range(k):
        value = 0.0
        for a in range(dim):
            value += G[i, a] * w[a]
        nearest = min(nearest, value / b[i])
    if not nearest > margin * np.sqrt(square):
        return margin
    for a in range(dim):
        out[a] = w[a] / np.sqrt(square)
    return nearest / np.sqrt(square)


@compiled
def _line(P: Any, tol: float, zobrist: Any) -> CellArrays:
    """The one ray of a line on which row 0 is positive."""
    k = P.shape[0]
    bits, keys = np.zeros((1, (k + 63) >> 6), np.uint64), np.empty(1, np.uint64)
    witness, margin = np.empty((1, 1)), np.empty(1)
    # only cells on the positive side of row 0 are listed: the others are their negatives
    keys[0], witness[0, 0], margin[0] = np.uint64(0), -1.0 if P[0, 0] < 0 else 1.0, np.inf
    for i in range(k):
        value = P[i, 0] * witness[0, 0]
        margin[0] = min(margin[0], abs(value))
        if value > 0:
            bits[0, i >> 6] |= np.uint64(1) << np.uint64(i & 63)
            keys[0] ^= zobrist[i]
    n = 1 if margin[0] > tol else 0
    return bits[:n], keys[:n], witness[:n], margin[:n]


@compiled
def _ascending(values: Any) -> Any:
    """Indices that sort the values: one by one, in as many steps as a plane takes for its margins anyway.

    The library's way of sorting takes a while to compile.
    """
    order = np.empty(len(values), np.int64)
    for i in range(len(values)):
        place = i
        while place > 0 and values[order[place - 1]] > values[i]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = i
    return order


@compiled
def _plane(P: Any, tol: float, zobrist: Any) -> CellArrays:
    """Cells of a plane: walls sorted by angle in the half-plane of row 0, slivers up to tol dropped."""
    k = P.shape[0]
    words = (k + 63) >> 6
    # angles from row 0's direction: its half-plane is the interval (-π/2, π/2), and each other wall one angle in it
    norm = np.sqrt(P[0, 0] ** 2 + P[0, 1] ** 2)
    c0, s0 = P[0, 0] / norm, P[0, 1] / norm
    angles = np.empty(k)
    rows = np.empty((k, 2))  # in the frame where row 0 points along (1, 0), oriented: negative before its angle
    current = np.empty(words, np.uint64)
    for w in range(words):
        current[w] = np.uint64(1 if w == 0 else 0)
    key = zobrist[0]
    angles[0] = -np.inf
    rows[0, 0], rows[0, 1] = norm, 0.0
    for i in range(1, k):
        a = P[i, 0] * c0 + P[i, 1] * s0
        b = P[i, 1] * c0 - P[i, 0] * s0
        # the pattern at the lower end of the interval: rows turned around here are positive there
        if b < 0 or (b == 0 and a < 0):
            a, b = -a, -b
            current[i >> 6] |= np.uint64(1) << np.uint64(i & 63)
            key ^= zobrist[i]
        rows[i, 0], rows[i, 1] = a, b
        angles[i] = np.arctan2(-a, b)
    # one sweep over the angles: between two neighbours lies a cell, with its witness in the middle
    order = _ascending(angles)
    bits = np.zeros((k, words), np.uint64)
    keys = np.empty(k, np.uint64)
    witness = np.empty((k, 2))
    margins = np.empty(k)
    n = 0
    low = -0.5 * np.pi
    for j in range(1, k + 1):
        high = angles[order[j]] if j < k else 0.5 * np.pi
        middle = 0.5 * (low + high)
        c, s = np.cos(middle), np.sin(middle)
        margin = np.inf
        if high - low > tol:
            for i in range(k):
                margin = min(margin, abs(rows[i, 0] * c + rows[i, 1] * s))
        if high - low > tol:
            witness[n, 0] = c0 * c - s0 * s
            witness[n, 1] = s0 * c + c0 * s
            margins[n] = margin if margin > THIN else _widen(P, k - 1, witness[n], margin)
        # a sliver is no cell, but its wall is still crossed
        if high - low > tol and margins[n] > tol:
            for w in range(words):
                bits[n, w] = current[w]
            keys[n] = key
            n += 1
        if j < k:
            i = order[j]
            current[i >> 6] ^= np.uint64(1) << np.uint64(i & 63)
            key ^= zobrist[i]
            low = high
    return bits[:n], keys[:n], witness[:n], margins[:n]


@compiled
def householder(p: Any) -> tuple[Any, float]:
    """(v, beta) with (I - beta v vᵀ) p parallel to the first axis."""
    v, square = np.empty(len(p)), 0.0
    for a in range(len(p)):
        square += p[a] * p[a]
    norm = np.sqrt(square)
    for a in range(len(p)):
        v[a] = p[a] / norm
    # away from cancellation
    v[0] += 1.0 if v[0] >= 0 else -1.0
    square = 0.0
    for a in range(len(p)):
        square += v[a] * v[a]
    return v, 2.0 / square


@compiled
def restrict(P: Any, j: int, v: Any, beta: float, tol: float) -> tuple[Any, bool]:
    """Rows before j in coordinates of wall j; False if one of them vanishes there, that is, has the same wall."""
    dim = P.shape[1]
    Q = np.empty((j, dim - 1))
    for i in range(j):
        dot = 0.0
        for a in range(dim):
            dot += v[a] * P[i, a]
        # the reflected row without its first coordinate is the row on the wall, shorter the flatter the two walls meet
        square = 0.0
        for a in range(1, dim):
            q = P[i, a] - beta * dot * v[a]
            Q[i, a - 1] = q
            square += q * q
        if square <= tol * tol:
            return Q, False
    return Q, True


@compiled
def unfold(g: Any, v: Any, beta: float) -> Any:
    """Witnesses on wall j back in the coordinates of the flat around it."""
    m, inner = g.shape
    out = np.empty((m, inner + 1))
    # a point with first coordinate 0 in reflected coordinates, reflected back
    for c in range(m):
        dot = 0.0
        for a in range(inner):
            dot += v[a + 1] * g[c, a]
        out[c, 0] = -beta * dot * v[0]
        for a in range(inner):
            out[c, a + 1] = g[c, a] - beta * dot * v[a + 1]
    return out


@compiled
def _step_off(P: Any, j: int, g: Any, side: float, out: Any) -> float:
    """Step from g on wall j to the given side until another wall is as near as wall j; returns the margin."""
    dim = P.shape[1]
    rho = 0.0
    for a in range(dim):
        rho += P[j, a] * P[j, a]
    rho = np.sqrt(rho)
    step = 1.0
    # distances to the other walls change at constant rates along the step: it ends where one is as near as wall j
    for i in range(j):
        here, rate = 0.0, 0.0
        for a in range(dim):
            here += P[i, a] * g[a]
            rate += P[i, a] * P[j, a]
        rate *= side / rho
        if here < 0:
            here, rate = -here, -rate
        if here < step * (rho - rate):
            step = here / (rho - rate)
    # back to unit length, by which margins are distances
    square = 0.0
    for a in range(dim):
        out[a] = g[a] + step * side * P[j, a] / rho
        square += out[a] * out[a]
    norm = np.sqrt(square)
    for a in range(dim):
        out[a] /= norm
    margin = step * rho / norm
    return margin if margin > THIN else _widen(P, j, out, margin)


@compiled
def _cut(P: Any, j: int, cells: CellArrays, c: int, new: int, g: Any, value: float, zobrist: Any, trial: Any) -> None:
    """Split cell c at the point g of wall j: c keeps the side of its witness, cell `new` gets the other."""
    bits, keys, witness, margin = cells
    word, bit = j >> 6, np.uint64(1) << np.uint64(j & 63)
    # both sides inherit the cell's bits; the one beyond the wall gets a witness by stepping off the wall
    side = 1.0 if value > 0 else -1.0
    for w in range(bits.shape[1]):
        bits[new, w] = bits[c, w]
    keys[new] = keys[c]
    positive = c if value > 0 else new
    bits[positive, word] |= bit
    keys[positive] ^= zobrist[j]
    margin[new] = _step_off(P, j, g, -side, trial)
    for a in range(P.shape[1]):
        witness[new, a] = trial[a]
    # the cell's own witness may have come to lie next to the new wall: then the point off the wall serves it better
    kept = min(margin[c], abs(value))
    if kept < 0.25 * margin[c]:
        other = _step_off(P, j, g, side, trial)
        if other > kept:
            kept = other
            for a in range(P.shape[1]):
                witness[c, a] = trial[a]
    margin[c] = kept


@compiled
def _insert(P: Any, j: int, cells: CellArrays, n: int, wall: CellArrays, m: int, zobrist: Any, trial: Any) -> None:
    """Append as cells n and n + 1 the two sides of trace m, whose cell is not listed (dropped before as too thin)."""
    bits, keys, witness, margin = cells
    # the wall says that a cell is there: it was thinner than the tolerance in the flat around, and comes back whole
    for new in (n, n + 1):
        for w in range(bits.shape[1]):
            bits[new, w] = wall[0][m, w] if w < wall[0].shape[1] else np.uint64(0)
        keys[new] = wall[1][m]
        margin[new] = _step_off(P, j, wall[2][m], 1.0 if new > n else -1.0, trial)
        for a in range(P.shape[1]):
            witness[new, a] = trial[a]
    bits[n + 1, j >> 6] |= np.uint64(1) << np.uint64(j & 63)
    keys[n + 1] ^= zobrist[j]


@compiled
def add_wall(P: Any, j: int, cells: CellArrays, n: int, wall: CellArrays, tol: float, zobrist: Any) -> Any:
    """Add wall j: cut exactly the cells that `wall`, the arrangement restricted to wall j, names."""
    dim = P.shape[1]
    word, bit = j >> 6, np.uint64(1) << np.uint64(j & 63)
    # which cells the wall cuts is not decided by distances, which rounding blurs, but by their traces on the wall
    hit = match(cells, n, wall)
    seen = np.empty(len(wall[1]), np.bool_)
    for m in range(len(seen)):
        seen[m] = False
    point, trial = np.empty(dim), np.empty(dim)
    rho2 = 0.0
    for a in range(dim):
        rho2 += P[j, a] * P[j, a]
    # Room for every cell cut, and for both sides of every trace whose cell is not listed.
    cells = grow(cells, n + 2 * len(seen))
    bits, keys, witness, margin = cells
    for c in range(n):  # cells appended below are already on their side of the wall
        value = 0.0
        for a in range(dim):
            value += P[j, a] * witness[c, a]
        m = hit[c]
        if m >= 0:
            seen[m] = True
            _cut(P, j, cells, c, n, wall[2][m], value, zobrist, trial)
            n += 1
            continue
        # The witness's ball inside its cell reaches across wall j, so the cell is cut even if the rounding of the
        # restriction lost it.
        if margin[c] > 8.0 * tol and value * value < 0.25 * rho2 * margin[c] * margin[c]:
            for a in range(dim):
                point[a] = witness[c, a] - (value / rho2) * P[j, a]
            cells = grow(cells, n + 1 + 2 * len(seen))
            bits, keys, witness, margin = cells
            _cut(P, j, cells, c, n, point, value, zobrist, trial)
            n += 1
            continue
        # not cut: the whole cell is on the witness's side
        if value > 0:
            bits[c, word] |= bit
            keys[c] ^= zobrist[j]
        # the witness's ball ends at the nearest wall; a witness too near to one is moved to the middle
        if abs(value) < margin[c]:
            margin[c] = abs(value)
            if margin[c] < THIN:
                for a in range(dim):
                    trial[a] = witness[c, a]
                margin[c] = _widen(P, j, trial, margin[c])
                for a in range(dim):
                    witness[c, a] = trial[a]
    for m in range(len(seen)):
        if not seen[m]:
            _insert(P, j, cells, n, wall, m, zobrist, trial)
            n += 2
    return cells, n


@compiled
def half_arrangement(P: Any, tol: float, zobrist: Any) -> CellArrays:
    """Cells of the central arrangement of the rows of P on which row 0 is positive.

    Adding wall j cuts exactly the cells of the rows before it that the arrangement restricted to wall j names; the
    recursion ends in planes, where walls are sorted by angle.
    """
    k, dim = P.shape
    if dim == 1:
        return _line(P, tol, zobrist)
    if dim == 2:
        return _plane(P, tol, zobrist)
    # room for general position, which is the most there can be; what rounding adds makes it grow
    room = half_count(k, dim)
    words = (k + 63) >> 6
    cells = (np.zeros((room, words), np.uint64), np.empty(room, np.uint64), np.empty((room, dim)), np.empty(room))
    # one row: one cell, with the row itself as witness
    square = 0.0
    for a in range(dim):
        square += P[0, a] * P[0, a]
    norm = np.sqrt(square)
    for a in range(dim):
        cells[2][0, a] = P[0, a] / norm
    cells[0][0, 0], cells[1][0], cells[3][0] = np.uint64(1), zobrist[0], norm
    # a number that is no literal, for which numba would compile everything below once more
    n = np.int64(1)
    for j in range(1, k):
        # the rows before j, restricted to wall j, one dimension lower
        v, beta = householder(P[j])
        Q, distinct = restrict(P, j, v, beta, tol)
        if distinct:
            inner = half_arrangement(Q, tol, zobrist)
            wall = (inner[0], inner[1], unfold(inner[2], v, beta), inner[3])
            cells, n = add_wall(P, j, cells, n, wall, tol, zobrist)
        else:
            empty = (cells[0][:0], cells[1][:0], cells[2][:0], cells[3][:0])
            cells, n = add_wall(P, j, cells, n, empty, tol, zobrist)
    return cells[0][:n], cells[1][:n], cells[2][:n], cells[3][:n]
