"""Compiled upper bound of F on one cone, with the slopes of its lines improved as far as that can help.

With one output and a sign s, s·F is at most the chords of the samples with s·u_i = +1 and the lines of those with
s·u_i = -1 (in the words of :mod:`relucvx.oracle.carried`), together a linear form Σ_k α_k b_k; with several outputs ||F|| is
at most Σ_k α_k (||a_k|| + ρ_k), of which half is chords and half is lines. Either is bounded over the cone by the
least ||w|| with g_k·w >= b_k. *Any* slopes in [0, 1] give a valid bound: how they are found proves nothing and needs no proof.

At the maximiser w of a bound the chords of the samples lose Σ (chord - relu), which only a split can win back, and the lines
lose Σ (relu - line), which better slopes can. The best slopes make lines and bends equal at the maximiser. For given
equations g_k·w = b_k the squared bound is a least-squares problem in the slopes, solved coordinate by coordinate; then the
equations are found anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.carried import Room, Rows, Stack
from relucvx.oracle.cone_bounds import entrywise_bound
from relucvx.oracle.least_norm import least_norm

ROUNDS, SWEEPS = 5, 3
"""Times that slopes are improved and the equations found anew; sweeps over all slopes in each."""

PAYS = 0.2
"""Slopes are improved again when that has won at least this share of what separates the bound from the cut."""

LEAST_SHARE = 1e-3
"""Slopes of samples whose line carries a smaller share of their bend (several outputs) stay what they are."""


@compiled(counted=False)
def scalar_form(rows: Rows, stack: Stack, s: int, side: int, begin: int, end: int, room: Room) -> None:
    """b_k for one output: chords of the samples that bend up, lines of the others (listed from ``begin`` to ``end``)."""
    dim = rows.X.shape[1]
    line = room.lines[0]
    for j in range(dim):
        line[j] = (rows.L[j, 0] if side == 0 else -rows.L[j, 0]) - stack.on[s, 1 - side, j]
    for i in range(begin, end):
        slope = stack.slope[s, i]
        if slope > 0.0:
            r = stack.rows[s, i]
            for j in range(dim):
                line[j] -= slope * rows.X[r, j]
    for k in range(dim):
        total = stack.values[s, k, side]
        for j in range(dim):
            total += line[j] * stack.G[s, k, j]
        room.b[k] = total


@compiled(counted=False)
def vector_form(rows: Rows, stack: Stack, s: int, room: Room) -> None:
    """a_k, ρ_k and b_k = ||a_k|| + ρ_k for several outputs: each sample half its chord and half its line, give or take."""
    dim, c = rows.L.shape
    lines = room.lines
    for j in range(dim):
        for o in range(c):
            lines[o, j] = rows.L[j, o] + stack.on[s, o, j]
        lines[c, j] = stack.on[s, c, j]
    for i in range(stack.count[s]):
        slope = stack.slope[s, i]
        if slope > 0.0:
            r = stack.rows[s, i]
            for j in range(dim):
                step = slope * rows.X[r, j]
                for o in range(c):
                    lines[o, j] += rows.unit[r, o] * step
                lines[c, j] += step
    for k in range(dim):
        square = 0.0
        for o in range(c + 1):
            total = 0.0
            for j in range(dim):
                total += lines[o, j] * stack.G[s, k, j]
            if o < c:
                room.a[k, o] = 0.5 * (stack.values[s, k, o] + total)
                square += room.a[k, o] * room.a[k, o]
            else:
                # chords are nowhere below lines: what is negative is rounding
                room.rho[k] = max(0.0, 0.5 * (stack.values[s, k, o] - total))
        room.b[k] = np.sqrt(square) + room.rho[k]


@compiled(counted=False)
def majorant(G: Any, p: int, b: Any, room: Room) -> Any:
    """(Bound of Σ α_k b_k on the cone, number of equations): fills the multipliers ``room.alpha`` and w.

    With v the largest violation of g_k·w >= b_k that is left, Σ α_k b_k <= ||w|| + v Σ α_k, and Σ α_k <= sqrt(D): products of
    generators are not negative, so that Σ α_k² <= ||Σ α_k g_k||² <= 1.
    """
    count = least_norm(G, p, b, room.alpha, room.w, room.passive)
    left, square = 0.0, 0.0
    for k in range(G.shape[0]):
        slack = b[k]
        for j in range(p):
            slack -= G[k, j] * room.w[j]
        left = max(left, slack)
    for j in range(p):
        square += room.w[j] * room.w[j]
    return np.sqrt(square) + np.sqrt(G.shape[0]) * left, count


@compiled(counted=False)
def find_lean(c: int, side: int, room: Room) -> None:
    """The direction of the output at the maximiser, to first order: what lines of a sample lose depends on it."""
    if c == 1:
        room.lean[0] = 1.0 if side == 0 else -1.0
        return
    square = 0.0
    for o in range(c):
        room.lean[o] = 0.0
        for k in range(room.alpha.shape[0]):
            room.lean[o] += room.alpha[k] * room.a[k, o]
        square += room.lean[o] * room.lean[o]
    for o in range(c):
        room.lean[o] *= 1.0 / np.sqrt(square) if square > 0.0 else 0.0


@compiled(counted=False)
def line_share(rows: Rows, r: int, lean: Any) -> float:
    """Which share of a sample's bend is bounded by its line rather than by its chord: (1 - u·lean) / 2."""
    total = 0.0
    for o in range(lean.shape[0]):
        total += rows.unit[r, o] * lean[o]
    return 0.5 * (1.0 - total)


@compiled(counted=False)
def lost_by_lines(rows: Rows, stack: Stack, s: int, begin: int, end: int, room: Room) -> float:
    """Σ (relu - line) at the maximiser w, each with its share; leaves the shares in the room."""
    dim, p = rows.X.shape[1], rows.p
    w = room.w
    for j in range(p, dim):
        w[j] = 0.0
        for k in range(dim):
            w[j] += room.alpha[k] * stack.G[s, k, j]
    total = 0.0
    c = rows.L.shape[1]
    for i in range(begin, end):
        r = stack.rows[s, i]
        z = 0.0
        for j in range(dim):
            z += rows.X[r, j] * w[j]
        room.share[i] = 1.0 if c == 1 else line_share(rows, r, room.lean)
        total += room.share[i] * ((1.0 - stack.slope[s, i]) * z if z > 0.0 else -stack.slope[s, i] * z)
    return total


@compiled(counted=False)
def improve_slopes(rows: Rows, stack: Stack, s: int, begin: int, end: int, count: int, room: Room) -> None:
    """Coordinate descent of ||w||² over the slopes, while the equations g_k·w = b_k stay those that they are.

    In the orthonormal basis of the equations w is y, and a slope moves it along the solution of the equations with the
    products x_i·g_k on the right.
    """
    dim, p = rows.X.shape[1], rows.p
    R, Q, y, index = room.passive.R, room.passive.Q, room.passive.y, room.passive.index
    for i in range(begin, end):
        r = stack.rows[s, i]
        along = room.along[i]
        square = 0.0
        for a in range(count):
            total = 0.0
            if p == dim:
                for j in range(dim):
                    total += Q[a, j] * rows.X[r, j]
            else:
                for j in range(dim):
                    total += stack.G[s, index[a], j] * rows.X[r, j]
                for e in range(a):
                    total -= R[e, a] * along[e]
                total /= R[a, a]
            along[a] = total
            square += total * total
        along[p] = square * room.share[i]
        room.before[i] = stack.slope[s, i]
    for _ in range(SWEEPS):
        still = True
        for i in range(begin, end):
            along, slope = room.along[i], stack.slope[s, i]
            if room.share[i] < LEAST_SHARE or along[p] <= 0.0:
                continue
            z = 0.0
            for a in range(count):
                z += along[a] * y[a]
            new = min(1.0, max(0.0, slope + z / along[p]))
            if new != slope:
                still = False
                stack.slope[s, i] = new
                for a in range(count):
                    y[a] -= (new - slope) * room.share[i] * along[a]
        if still:
            break


@compiled(counted=False)
def halve_step(stack: Stack, s: int, begin: int, end: int, room: Room) -> None:
    """Take half of the last step in the slopes back."""
    for i in range(begin, end):
        stack.slope[s, i] = 0.5 * (stack.slope[s, i] + room.before[i])


@compiled(counted=False)
def side_bound(rows: Rows, stack: Stack, s: int, side: int, cut: float, room: Room) -> Any:
    """Bound of one side (one output: 0 for F, 1 for -F; several: 0) of the cone in slot s, no tighter than ``cut`` needs.

    Returns (bound, value at the maximiser that no slopes can go below): ``room`` holds the maximiser.
    """
    c, p = rows.L.shape[1], rows.p
    begin, end = 0, stack.count[s]
    if c == 1:
        begin, end = (stack.bends[s], end) if side == 0 else (0, stack.bends[s])
    best, last, floor = np.inf, np.inf, 0.0
    for turn in range(ROUNDS + 1):
        if c == 1:
            scalar_form(rows, stack, s, side, begin, end, room)
        else:
            vector_form(rows, stack, s, room)
            if turn == 0:
                best = entrywise_bound(stack.G[s], p, room.a, room.rho)
                if best <= cut:
                    break
        bound, count = majorant(stack.G[s], p, room.b, room)
        best = min(best, bound)
        if best <= cut or count == 0:
            floor = bound
            break
        find_lean(c, side, room)
        if begin == end:
            floor = bound
            break
        # the bound is convex in the slopes: where a step made it worse, one half as long does not
        if bound > last:
            halve_step(stack, s, begin, end, room)
            continue
        # if the bound without what the lines lose is still too large, a split is needed and slopes are not to blame
        floor = bound - lost_by_lines(rows, stack, s, begin, end, room) / bound
        if floor > cut or turn >= ROUNDS - 1 or last - bound < PAYS * (bound - cut):
            break
        last = bound
        improve_slopes(rows, stack, s, begin, end, count, room)
    return best, floor
