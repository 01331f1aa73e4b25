"""Compiled depth-first search below one cone of the frontier: split, carry over, bound, drop.

A cone is split where its bound loses: at the maximiser of the bound, the chord of each mixed sample lies above its bend by
some amount, and its line below it. Where one wall carries much of the loss the edge between the extreme generators is split
on it, so that cones come to lie inside cells; else the edge along which walls cost most is halved.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.carried import Room, Rows, Stack, derive, fill_values, height, keep_products, place_cone
from relucvx.oracle.cone_bounds import spectral_on_map
from relucvx.oracle.frontier import SIZE, pop, push
from relucvx.oracle.slopes import line_share, side_bound

RUNNING, EMPTY, VIOLATED = 0, 1, 2

BEST, DROPPED = 0, 1
"""Places in a record: the best value reached, and the largest bound of a cone that was dropped."""

SPLITS, WORK, DEEPEST, PLACED = 1, 2, 3, 4
"""Places in a tally, beside SIZE: splits, multiplications (about), splits above the deepest cone, cones taken up."""

HEAVY_WALL = 0.3
"""Split at a wall that carries at least this share of the loss."""

LINE_LOSS = 0.25
"""What a loss by lines counts beside one by chords: better slopes may win it back without a split."""

FAR = 0.02
"""Weight of a generator with no part in the maximiser, as a share of the sum: maxima move when a cone is split."""


@compiled(counted=False)
def limit(prune: float, best: float, grace: float) -> float:
    """A cone with a bound up to this needs no look any more.

    The share above ``best`` keeps rounding from splitting the cone around the maximum for ever.
    """
    return max(prune, best + max(best * 1e-12, grace))


@compiled
def value_of(rows: Rows, point: Any) -> float:
    """F at a direction, from all samples; the point is brought to unit penalised norm first (0 where that is 0)."""
    n, dim = rows.X.shape
    c = rows.L.shape[1]
    norm = 0.0
    for j in range(rows.p):
        norm += point[j] * point[j]
    if norm <= 0.0:
        return 0.0
    norm = np.sqrt(norm)
    total = np.empty(c)
    for o in range(c):
        total[o] = 0.0
    for j in range(dim):
        point[j] /= norm
        for o in range(c):
            total[o] += rows.L[j, o] * point[j]
    for i in range(n):
        z = 0.0
        for j in range(dim):
            z += rows.X[i, j] * point[j]
        if z > 0.0:
            for o in range(c):
                total[o] += rows.unit[i, o] * z
    square = 0.0
    for o in range(c):
        square += total[o] * total[o]
    return np.sqrt(square)


@compiled(counted=False)
def try_point(rows: Rows, point: Any, record: Any, witness: Any) -> None:
    """Take a direction as the witness if it is better than the one there is."""
    value = value_of(rows, point)
    if value > record[BEST]:
        record[BEST] = value
        for j in range(witness.shape[0]):
            witness[j] = point[j]


@compiled(counted=False)
def bound_cone(
    rows: Rows, stack: Stack, s: int, above: float, prune: float, grace: float, record: Any, witness: Any, room: Room
) -> float:
    """Bound of the cone in slot s, at most ``above``; sides that need no look any more are closed and recorded."""
    dim, c = rows.L.shape
    largest = 0.0
    for side in range(2 if c == 1 else 1):
        if not stack.open[s, side]:
            continue
        bound, floor = side_bound(rows, stack, s, side, limit(prune, record[BEST], grace), room)
        # a part is bounded by the whole; written so that what is no number counts as no bound
        if not bound < above:
            bound = above
        chords = stack.count[s]
        if c == 1:
            chords = stack.bends[s] if side == 0 else chords - stack.bends[s]
        # without chords nothing is lost but by lines: the maximiser is worth a look from below
        if chords == 0 and bound > limit(prune, record[BEST], grace):
            for j in range(dim):
                room.trial[j] = 0.0
                for k in range(dim):
                    room.trial[j] += room.alpha[k] * stack.G[s, k, j]
            # with several outputs F is the norm of a linear map here, and a singular value bounds it
            if c > 1:
                bound = min(bound, spectral_on_map(room.lines[:c], stack.G[s], rows.p, room.trial))
            if c > 1 or floor > record[BEST]:
                try_point(rows, room.trial, record, witness)
        # dropped sides stay in the result: the largest bound among them is part of the upper bound
        if bound <= limit(prune, record[BEST], grace):
            record[DROPPED] = max(record[DROPPED], bound)
            stack.open[s, side] = False
        elif bound > largest:
            largest = bound
            for k in range(dim):
                stack.alpha[s, k] = room.alpha[k]
            for o in range(c):
                stack.lean[s, o] = room.lean[o]
    stack.bound[s] = largest
    return largest


@compiled(counted=False)
def turn_cost(stack: Stack, s: int, q: int, e: int) -> float:
    """What the bound of several outputs loses as F turns along an edge, of ||Σ α_k f_k|| <= Σ α_k ||f_k||.

    The squares differ by 2 Σ α_k α_l (||f_k|| ||f_l|| - f_k·f_l) over the edges.
    """
    first, second, product = 0.0, 0.0, 0.0
    for o in range(stack.lean.shape[1]):
        y, z = stack.values[s, q, o], stack.values[s, e, o]
        first += y * y
        second += z * z
        product += y * z
    return stack.alpha[s, q] * stack.alpha[s, e] * max(0.0, np.sqrt(first * second) - product) / stack.bound[s]


@compiled(counted=False)
def find_losses(rows: Rows, stack: Stack, s: int, room: Room) -> Any:
    """What the bound loses by each mixed sample at its maximiser: (heaviest sample, its share of the loss).

    Leaves in ``room.share`` what a sample counts along edges.
    """
    dim = rows.X.shape[1]
    count, above, below = stack.count[s], room.high, room.low
    for i in range(count):
        above[i] = 0.0
        below[i] = 0.0
    for k in range(dim):
        z, alpha = stack.Z[s, k], stack.alpha[s, k]
        for i in range(count):
            above[i] += max(alpha * z[i], 0.0)
            below[i] -= min(alpha * z[i], 0.0)
    heavy, heaviest, weight = -1, 0.0, 0.0
    c, bends, up = rows.L.shape[1], stack.bends[s], stack.lean[s, 0] > 0.0
    for i in range(count):
        # one output: chords bound the samples that bend up on this side, lines the others
        share = (1.0 if (i < bends) != up else 0.0) if c == 1 else line_share(rows, stack.rows[s, i], stack.lean[s])
        z = above[i] - below[i]
        line = (1.0 - stack.slope[s, i]) * z if z > 0.0 else -stack.slope[s, i] * z
        loss = (1.0 - share) * min(above[i], below[i]) + share * line
        room.share[i] = 1.0 - (1.0 - LINE_LOSS) * share
        weight += loss
        if loss > heaviest:
            heaviest, heavy = loss, i
    return heavy, heaviest / weight if weight > 0.0 else 0.0


@compiled(fastmath={"reassoc"}, counted=False)
def edge_cost(first: Any, second: Any, share: Any, count: int, a: float, b: float) -> float:
    """Σ min(|z|, |z'|) over the samples that change sign along an edge, each with its weight."""
    total = 0.0
    for i in range(count):
        y, z = a * first[i], b * second[i]
        total += share[i] * (max(0.0, min(y, -z)) + max(0.0, min(-y, z)))
    return total


@compiled(fastmath={"reassoc"}, counted=False)
def end_cost(z: Any, share: Any, count: int, a: float) -> float:
    """Σ |z| with weights, which no edge from this generator costs more than."""
    total = 0.0
    for i in range(count):
        total += share[i] * abs(z[i])
    return a * total


@compiled(counted=False)
def worst_edge(stack: Stack, s: int, room: Room) -> Any:
    """The edge along which the bound loses most, or the longest where no cost is there to compare."""
    dim, count, several = stack.G.shape[1], stack.count[s], stack.lean.shape[1] > 1
    Z, ends, weight = stack.Z[s], room.b, room.w
    far = 0.0
    for q in range(dim):
        far += FAR * stack.alpha[s, q]
    for q in range(dim):
        weight[q] = stack.alpha[s, q] + far
        ends[q] = end_cost(Z[q], room.share, count, weight[q])
    k, l, worst = 0, 1, 0.0
    for q in range(dim):
        for e in range(q):
            turn = turn_cost(stack, s, q, e) if several else 0.0
            if min(ends[q], ends[e]) + turn > worst:
                cost = turn + edge_cost(Z[q], Z[e], room.share, count, weight[q], weight[e])
                if cost > worst:
                    k, l, worst = q, e, cost
    if worst > 0.0:
        return k, l
    # no mixed sample, or products that underflow: make the cone rounder
    for q in range(dim):
        for e in range(q):
            cost = 0.0
            for j in range(dim):
                length = stack.G[s, q, j] - stack.G[s, e, j]
                cost += length * length
            if cost > worst:
                k, l, worst = q, e, cost
    return k, l


@compiled(counted=False)
def choose_edge(rows: Rows, stack: Stack, s: int, room: Room) -> Any:
    """The edge (k, l) to split, and where: ``room.point`` receives the new generator."""
    dim, p = rows.X.shape[1], rows.p
    G, Z = stack.G[s], stack.Z[s]
    heavy, share = find_losses(rows, stack, s, room)
    ahead, behind = 0.5, 0.5
    if heavy >= 0 and share >= HEAVY_WALL:
        k = l = 0
        for q in range(1, dim):
            if Z[q, heavy] > Z[k, heavy]:
                k = q
            if Z[q, heavy] < Z[l, heavy]:
                l = q
        ahead = -Z[l, heavy] / (Z[k, heavy] - Z[l, heavy])
        behind = Z[k, heavy] / (Z[k, heavy] - Z[l, heavy])
    else:
        k, l = worst_edge(stack, s, room)
    # generators have unit penalised norm, by which bounds of different cones can be compared
    norm = 0.0
    for j in range(dim):
        room.point[j] = ahead * G[k, j] + behind * G[l, j]
        if j < p:
            norm += room.point[j] * room.point[j]
    norm = np.sqrt(norm)
    for j in range(dim):
        room.point[j] /= norm
    return k, l


@compiled(counted=False)
def new_generator(rows: Rows, stack: Stack, s: int, record: Any, witness: Any, room: Room) -> None:
    """Products and values of the new generator; it is a direction, and so a value from below."""
    dim = rows.X.shape[1]
    listed, count, point = stack.rows[s], stack.count[s], room.point
    for i in range(count):
        r = listed[i]
        total = 0.0
        for j in range(dim):
            total += rows.X[r, j] * point[j]
        room.z[i] = total
    fill_values(rows, listed, count, stack.bends[s], stack.on[s], room.z, point, room.value)
    # samples within ztol of a wall were counted as on it: what is reached is counted from all samples
    if height(rows, point, room.value) > record[BEST]:
        try_point(rows, point, record, witness)


@compiled(counted=False)
def descend(
    rows: Rows, stack: Stack, bounds: Any, nodes: Any, depths: Any, tally: Any, heap: bool, floor: float, prune: float,
    grace: float, stop_above: float, steps: int, work: int, record: Any, witness: Any, room: Room,
) -> None:  # fmt: skip
    """Split the cone in slot 1 and its parts until none has a bound above ``floor``, or the budget runs out.

    What is left open goes to the frontier.
    """
    dim = rows.X.shape[1]
    top, begun = np.int64(1), False
    while top >= 1:
        cut = limit(prune, record[BEST], grace)
        bound = stack.bound[top]
        # a slot of a cone that was split has the bound -inf
        if bound <= cut:
            record[DROPPED] = max(record[DROPPED], bound)
            top -= 1
            continue
        # one split at the least, however much it cost to take the cone up: a call always gets on
        stop = record[BEST] > stop_above or (begun and (tally[SPLITS] >= steps or tally[WORK] >= work))
        if stop or bound <= floor or top + 2 >= stack.G.shape[0]:
            push(bounds, nodes, depths, tally, heap, bound, stack.G[top], stack.depth[top])
            top -= 1
            continue
        k, l = choose_edge(rows, stack, top, room)
        new_generator(rows, stack, top, record, witness, room)
        begun = True
        tally[SPLITS] += 1
        tally[WORK] += dim * (stack.count[top] * (dim + 6) + 40 * dim)
        parent = top
        # the halves: each has the new generator in place of one end of the edge
        for replaced in (k, l):
            child = top + 1
            stack.open[child, 0], stack.open[child, 1] = stack.open[parent, 0], stack.open[parent, 1]
            derive(rows, stack, parent, child, replaced, room)
            tally[DEEPEST] = max(tally[DEEPEST], stack.depth[child])
            below = bound_cone(rows, stack, child, bound, prune, grace, record, witness, room)
            if below > floor:
                keep_products(stack, parent, child, replaced, room)
                top = child
            elif below > 0.0:
                push(bounds, nodes, depths, tally, heap, below, stack.G[child], stack.depth[child])
        stack.bound[parent] = -np.inf


@compiled
def run(
    rows: Rows, stack: Stack, bounds: Any, nodes: Any, depths: Any, tally: Any, heap: bool, share: float, prune: float,
    grace: float, stop_above: float, steps: int, work: int, record: Any, witness: Any, room: Room,
) -> int:  # fmt: skip
    """Search below one cone of the frontier after the other, until ``steps`` splits or ``work`` are done.

    The first ``tally[SIZE]`` places of ``bounds``, ``nodes``, ``depths`` hold the open cones, as a heap or as a stack. The
    maximum over them is at most their largest bound, over all others at most record[DROPPED], plus the caller's rounding
    slack, whenever this returns. Cones below the first are split down to ``share`` of the way from its bound to the limit.
    """
    G = np.empty((nodes.shape[1], nodes.shape[1]))
    # numbers that are no literals, for each of which numba would compile everything below once more
    whole, first, none = np.int64(0), np.int64(1), np.int64(-1)
    while tally[SPLITS] < steps and tally[WORK] < work:
        # the caller wants a violated constraint more than a bound, and has one
        if record[BEST] > stop_above:
            return VIOLATED
        cut = limit(prune, record[BEST], grace)
        # a heap: when its largest bound is no more than what is reached (or asked for), no cone can hold more
        if tally[SIZE] == 0 or (heap and bounds[0] <= cut):
            return EMPTY
        above, depth = pop(bounds, nodes, depths, tally, heap, G)
        if above <= cut:
            record[DROPPED] = max(record[DROPPED], above)
            continue
        place_cone(rows, stack, G, above, depth)
        stack.open[1, 0] = stack.open[1, 1] = True
        derive(rows, stack, whole, first, none, room)
        tally[WORK] += rows.X.shape[0] * nodes.shape[1] * (nodes.shape[1] + 6)
        bound = bound_cone(rows, stack, first, above, prune, grace, record, witness, room)
        cut = limit(prune, record[BEST], grace)
        # nothing was known of a starting cone: all of them are bounded before the first is split
        if heap and bound < above == np.inf:
            if bound > cut:
                push(bounds, nodes, depths, tally, heap, bound, G, depth)
            continue
        tally[PLACED] += 1
        keep_products(stack, whole, first, none, room)
        # a bit below the bound at the least, so that the cone is split
        floor = max(cut, bound - max(share * (bound - cut), 1e-6 * bound)) if heap and bound < np.inf else cut
        descend(
            rows, stack, bounds, nodes, depths, tally, heap, floor, prune, grace, stop_above, steps, work, record,
            witness, room,
        )  # fmt: skip
    return VIOLATED if record[BEST] > stop_above else RUNNING
