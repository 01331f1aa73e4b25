"""Compiled bounds of many cones at one dual point, with what each bound is a linear function of, and halving them.

What bounds F on a cone (:mod:`relucvx.oracle.slopes`) is for fixed slopes a sum of chords where the dual point bends F up and
of lines where it bends it down: convex in the dual point, and its gradient, here the *atom* of the cone, bounds it from
below at every other point. Nothing proven rests on an atom: it says where to look for a dual point, which is then proven.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.carried import Room, Rows, Stack, derive, keep_products, place_cone
from relucvx.oracle.frontier import copy_cone
from relucvx.oracle.slopes import (
    find_lean,
    halve_step,
    improve_slopes,
    lost_by_lines,
    majorant,
    scalar_form,
    vector_form,
)
from relucvx.oracle.subtree import choose_edge

TURNS = 4
"""Times that the slopes of a cone are improved."""


@compiled(counted=False)
def tightened(rows: Rows, stack: Stack, s: int, side: int, room: Room) -> float:
    """Bound of one side of the cone in slot s, with better slopes whatever it is needed for: fills ``room`` and the slopes."""
    c = rows.L.shape[1]
    begin, end = np.int64(0), stack.count[s]
    if c == 1:
        begin, end = (stack.bends[s], end) if side == 0 else (begin, stack.bends[s])
    last, turn = np.inf, 0
    while True:
        if c == 1:
            scalar_form(rows, stack, s, side, begin, end, room)
        else:
            vector_form(rows, stack, s, room)
        bound, count = majorant(stack.G[s], rows.p, room.b, room)
        find_lean(c, side, room)
        turn += 1
        # convex in the slopes: a step that made it worse is halved, and in the end taken back
        if bound > last * (1.0 + 1e-12):
            if turn > TURNS:
                for i in range(begin, end):
                    stack.slope[s, i] = room.before[i]
                last = np.inf
            else:
                halve_step(stack, s, begin, end, room)
            continue
        if turn > TURNS or count == 0 or begin == end:
            return bound
        lost_by_lines(rows, stack, s, begin, end, room)
        last = bound
        improve_slopes(rows, stack, s, begin, end, count, room)


@compiled(counted=False)
def take_up(rows: Rows, stack: Stack, G: Any, room: Room) -> None:
    """Put a cone into slot 1, with its mixed samples listed and their products."""
    whole, first, none = np.int64(0), np.int64(1), np.int64(-1)
    place_cone(rows, stack, G, np.inf, whole)
    derive(rows, stack, whole, first, none, room)
    keep_products(stack, whole, first, none, room)


@compiled(counted=False)
def write_atom(rows: Rows, stack: Stack, side: int, length: float, room: Room, atom: Any, tilt: Any) -> None:
    """The gradient of the bound just made, in the weights of the rows and in the linear part: ``atom`` (n, c), ``tilt`` (D, c).

    ``length`` is that of Σ α_k g_k, by which the multipliers are brought to a unit direction.
    """
    n, dim = rows.X.shape
    c = rows.L.shape[1]
    Z, slope = stack.Z[0], room.high
    for r in range(n):
        slope[r] = -1.0
    for i in range(stack.count[1]):
        slope[stack.rows[1, i]] = stack.slope[1, i]
    for o in range(c):
        for j in range(dim):
            tilt[j, o] = 0.0
        for r in range(n):
            atom[r, o] = 0.0
    sign = 1.0 if side == 0 else -1.0
    for k in range(dim):
        share = room.alpha[k] / length
        if share <= 0.0:
            continue
        size = 0.0
        for o in range(c):
            size += room.a[k, o] * room.a[k, o]
        size = np.sqrt(size)
        # the output direction at this generator
        for o in range(c):
            room.lean[o] = sign if c == 1 else (room.a[k, o] / size if size > 0.0 else 0.0)
            for j in range(dim):
                tilt[j, o] += share * stack.G[1, k, j] * room.lean[o]
        for r in range(n):
            chord = max(Z[k, r], 0.0)
            line = chord if slope[r] < 0.0 else slope[r] * Z[k, r]
            if c == 1:
                up = (r < rows.first) == (side == 0)
                atom[r, 0] += sign * share * (chord if up else line)
            else:
                for o in range(c):
                    half = (chord + line) * room.lean[o] + (chord - line) * rows.unit[r, o]
                    atom[r, o] += 0.5 * share * half


@compiled
def bound_all(
    rows: Rows, stack: Stack, room: Room, nodes: Any, chosen: Any, bounds: Any, points: Any, atoms: Any, tilts: Any
) -> None:  # fmt: skip
    """Bounds and maximisers of the chosen cones, one row each; atoms too where there is room for them."""
    dim, c = rows.L.shape
    one = np.int64(1)
    for q in range(len(chosen)):
        take_up(rows, stack, nodes[chosen[q]], room)
        bounds[q] = -1.0
        for side in range(2 if c == 1 else 1):
            bound = tightened(rows, stack, one, side, room)
            if bound <= bounds[q]:
                continue
            bounds[q] = bound
            length = np.sqrt((room.w[: rows.p] ** 2).sum())
            length = length if length > 0.0 else 1.0
            for j in range(dim):
                points[q, j] = 0.0
                for k in range(dim):
                    points[q, j] += room.alpha[k] / length * stack.G[one, k, j]
            if len(atoms):
                write_atom(rows, stack, side, length, room, atoms[q], tilts[q])


@compiled
def halve_all(rows: Rows, stack: Stack, room: Room, nodes: Any, chosen: Any, first: int) -> None:
    """Halve the chosen cones where their bounds lose: one half stays, the other goes to the places from ``first`` on."""
    dim, c = rows.L.shape
    one = np.int64(1)
    for q in range(len(chosen)):
        node = nodes[chosen[q]]
        take_up(rows, stack, node, room)
        stack.bound[one] = -1.0
        for side in range(2 if c == 1 else 1):
            bound = tightened(rows, stack, one, side, room)
            if bound > stack.bound[one]:
                stack.bound[one] = bound
                for k in range(dim):
                    stack.alpha[one, k] = room.alpha[k]
                for o in range(c):
                    stack.lean[one, o] = room.lean[o]
        stack.bound[one] = max(stack.bound[one], 1e-300)  # costs are divided by it
        k, l = choose_edge(rows, stack, one, room)
        copy_cone(node, nodes[first + q])
        for j in range(dim):
            node[k, j] = room.point[j]
            nodes[first + q, l, j] = room.point[j]
