"""What a cone of the branch-and-bound carries down the tree, and how it is made from its parent.

A sample that is not mixed in a cone (its wall does not cross it) is not mixed in any part of it. So a cone carries the list
of its mixed samples with their products with its generators, and for all others that are on one linear map: making and
bounding a part costs the mixed samples only. Samples are taken times the norm of their weight, M_i relu(x_i·w) =
u_i relu(X_i·w) with a unit vector u_i, and those without weight, whose walls bend nothing, are left out.

A generator carries the exact sums over *all* samples at it, which no part changes:

* one output: Σ relu(X_i·g) over the samples with u_i = +1 (they come first) and over those with u_i = -1;
* several: Lᵀg + Σ u_i relu(X_i·g), and Σ relu(X_i·g).

They are what the chords Σ_k α_k relu(X_i·g_k) of a relaxation add up to, whichever samples are mixed. Its lines
λ_i X_i·w add up to a linear map: λ_i is 1 for samples that are on, 0 for those that are off, and free in [0, 1] for mixed ones.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.frontier import copy_cone
from relucvx.oracle.least_norm import Passive, passive_room


class Rows(NamedTuple):
    """The samples that bend F: scaled rows X (n, D), unit weights u (n, c), tolerances of a wall, linear part L (D, c).

    ``across`` is X again, coordinate by coordinate. With one output the ``first`` samples have u_i = +1 and the others -1;
    p coordinates are under the norm.
    """

    X: Any
    across: Any
    unit: Any
    ztol: Any
    L: Any
    first: int
    p: int


class Stack(NamedTuple):
    """Cones on the way from one cone of the frontier, a slot each.

    Generators ``G`` with their ``values``; the map ``on`` of the samples that are on everywhere (for each of the values);
    ``count`` mixed samples ``rows`` (the first ``bends`` of them with u = +1, one output) with products ``Z`` and slopes λ;
    ``open``: which sides (one output: +F, -F) are not bounded yet; ``bound``, where in the cone it is attained (``alpha``),
    and the output direction there (``lean``); how many splits lie above (``depth``).
    """

    G: Any
    values: Any
    on: Any
    rows: Any
    Z: Any
    slope: Any
    count: Any
    bends: Any
    open: Any
    bound: Any
    alpha: Any
    lean: Any
    depth: Any


class Room(NamedTuple):
    """Scratch of one thread: a new generator with its products and values, and what one bound needs."""

    point: Any
    trial: Any
    z: Any
    value: Any
    high: Any
    low: Any
    place: Any
    share: Any
    before: Any
    along: Any
    b: Any
    alpha: Any
    w: Any
    lean: Any
    a: Any
    rho: Any
    lines: Any
    passive: Passive


def make_stack(slots: int, n: int, dim: int, kinds: int, c: int) -> Stack:
    """Slots for cones with up to n mixed samples."""
    return Stack(
        np.empty((slots, dim, dim)), np.empty((slots, dim, kinds)), np.empty((slots, kinds, dim)),
        np.empty((slots, n), np.int64), np.empty((slots, dim, n)), np.empty((slots, n)), np.empty(slots, np.int64),
        np.empty(slots, np.int64), np.empty((slots, 2), np.bool_), np.empty(slots), np.empty((slots, dim)),
        np.empty((slots, c)), np.empty(slots, np.int64),
    )  # fmt: skip


def make_room(n: int, dim: int, kinds: int, c: int, p: int) -> Room:
    """Scratch for cones with up to n mixed samples."""
    return Room(
        np.empty(dim), np.empty(dim), np.empty(n), np.empty(kinds), np.empty(n), np.empty(n), np.empty(n, np.int64),
        np.empty(n), np.empty(n), np.empty((n, p + 1)), np.empty(dim), np.empty(dim), np.empty(dim), np.empty(c),
        np.empty((dim, c)), np.empty(dim), np.empty((kinds, dim)), passive_room(dim, p),
    )  # fmt: skip


@compiled(fastmath={"reassoc"}, counted=False)
def positive_sum(z: Any, begin: int, end: int) -> float:
    """Σ relu(z_i), in any order: what it rounds is bounded for all orders alike."""
    total = 0.0
    for i in range(begin, end):
        total += max(z[i], 0.0)
    return total


@compiled(counted=False)
def fill_values(rows: Rows, listed: Any, count: int, bends: int, on: Any, z: Any, g: Any, value: Any) -> None:
    """The sums over all samples at a generator g: the map of those that are on, and relu(z_i) of the ``count`` listed."""
    dim, c = rows.L.shape
    for o in range(value.shape[0]):
        total = 0.0
        for j in range(dim):
            total += on[o, j] * g[j]
        value[o] = total
    if c == 1:
        value[0] += positive_sum(z, np.int64(0), bends)
        value[1] += positive_sum(z, bends, count)
        return
    for o in range(c):
        for j in range(dim):
            value[o] += rows.L[j, o] * g[j]
    for i in range(count):
        if z[i] > 0.0:
            for o in range(c):
                value[o] += rows.unit[listed[i], o] * z[i]
            value[c] += z[i]


@compiled(counted=False)
def height(rows: Rows, g: Any, value: Any) -> float:
    """F at a generator, from its values."""
    dim, c = rows.L.shape
    if c == 1:
        total = value[0] - value[1]
        for j in range(dim):
            total += rows.L[j, 0] * g[j]
        return abs(total)
    square = 0.0
    for o in range(c):
        square += value[o] * value[o]
    return np.sqrt(square)


@compiled(counted=False)
def place_cone(rows: Rows, stack: Stack, G: Any, bound: float, depth: int) -> None:
    """Put a cone of the frontier into slot 0, with all samples listed and slopes by their mean product."""
    n, dim = rows.X.shape
    copy_cone(G, stack.G[0])
    stack.bound[0], stack.depth[0] = bound, depth
    stack.count[0], stack.bends[0] = n, rows.first
    for o in range(stack.on.shape[1]):
        for j in range(dim):
            stack.on[0, o, j] = 0.0
    listed, slope = stack.rows[0], stack.slope[0]
    for i in range(n):
        listed[i] = i
        slope[i] = 0.0
    # sample after sample for one coordinate at a time, so that neighbours are worked on at once
    for k in range(dim):
        z = stack.Z[0, k]
        for j in range(dim):
            column, g = rows.across[j], G[k, j]
            if j == 0:
                for i in range(n):
                    z[i] = column[i] * g
            else:
                for i in range(n):
                    z[i] += column[i] * g
        for i in range(n):
            slope[i] += z[i]
        fill_values(rows, listed, n, rows.first, stack.on[0], z, G[k], stack.values[0, k])
    for i in range(n):
        slope[i] = 1.0 if slope[i] > 0.0 else 0.0


@compiled(counted=False)
def extremes(Z: Any, replaced: int, z: Any, count: int, high: Any, low: Any) -> None:
    """Largest and smallest product of each listed sample, with z in place of row ``replaced`` (-1: none)."""
    for k in range(Z.shape[0]):
        row = z if k == replaced else Z[k]
        if k == 0:
            for i in range(count):
                high[i] = row[i]
                low[i] = row[i]
        else:
            for i in range(count):
                high[i] = row[i] if row[i] > high[i] else high[i]
                low[i] = row[i] if row[i] < low[i] else low[i]


@compiled(counted=False)
def derive(rows: Rows, stack: Stack, parent: int, child: int, replaced: int, room: Room) -> None:
    """Make the part of a cone with the new generator in place of one (-1: the cone itself), but for its products."""
    dim, c = rows.L.shape
    X, listed, on = rows.X, stack.rows[child], stack.on[child]
    for k in range(dim):
        for j in range(dim):
            stack.G[child, k, j] = room.point[j] if k == replaced else stack.G[parent, k, j]
        for o in range(stack.values.shape[2]):
            stack.values[child, k, o] = room.value[o] if k == replaced else stack.values[parent, k, o]
    for o in range(on.shape[0]):
        for j in range(dim):
            on[o, j] = stack.on[parent, o, j]
    count, bends = stack.count[parent], stack.bends[parent]
    extremes(stack.Z[parent], replaced, room.z, count, room.high, room.low)
    mixed = 0
    stack.bends[child] = 0
    # a sample's side on the whole cone follows from its sides at the generators; within ztol of a wall is on the wall
    for i in range(count):
        if i == bends:
            stack.bends[child] = mixed
        r = stack.rows[parent, i]
        if room.high[i] <= rows.ztol[r]:
            continue  # off on the whole cone
        if room.low[i] < -rows.ztol[r]:
            listed[mixed], room.place[mixed] = r, i
            stack.slope[child, mixed] = stack.slope[parent, i]
            mixed += 1
        elif c == 1:
            o = 0 if i < bends else 1
            for j in range(dim):
                on[o, j] += X[r, j]
        else:
            for j in range(dim):
                for o in range(c):
                    on[o, j] += rows.unit[r, o] * X[r, j]
                on[c, j] += X[r, j]
    stack.count[child] = mixed
    if bends == count:
        stack.bends[child] = mixed
    stack.depth[child] = stack.depth[parent] + (1 if replaced >= 0 else 0)


@compiled(counted=False)
def keep_products(stack: Stack, parent: int, child: int, replaced: int, room: Room) -> None:
    """Products of the samples that are still mixed, taken over from the parent and the new generator."""
    for k in range(stack.G.shape[1]):
        old, new = room.z if k == replaced else stack.Z[parent, k], stack.Z[child, k]
        for i in range(stack.count[child]):
            new[i] = old[room.place[i]]
