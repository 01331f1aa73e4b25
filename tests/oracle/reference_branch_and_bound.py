"""Version 0.1's branch-and-bound: every cone from nothing, from all samples, in plain loops.

A cone is spanned by D generators g_k, and w = Σ_k α_k g_k with α >= 0. With z_ik = x_i·g_k, a sample whose z_ik all have one
sign is linear on the cone; a *mixed* one lies between λ_i Σ_k α_k z_ik and Σ_k α_k relu(z_ik), one λ_i in {0, 1} per sample.
With m and r the half sum and half difference of the two (both linear in α),

    ||Lᵀw + Σ_i M_i relu(x_i·w)|| <= ||Σ_k α_k a_k|| + Σ_k α_k ρ_k,   a_k = Lᵀg_k + Σ_i M_i m_ik,  ρ_k = Σ_i ||M_i|| r_ik.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle.reference_cones import cone_bound, spectral_on_cell

from relucvx.compiled import compiled
from relucvx.deadline import Deadline
from relucvx.oracle.branch_and_bound import Search, starting_cones
from relucvx.oracle.form import Form
from relucvx.oracle.shards import ZERO_TOL
from relucvx.types import Array

RUNNING, EMPTY, VIOLATED = 0, 1, 2
FRONTIER_BYTES, WALL_SHARE, CHUNK_WORK = 600_000_000, 0.3, 4_000_000


@compiled
def relax(X: Any, M: Any, L: Any, G: Any, Z: Any, ids: Any, mnorm: Any, ztol: Any, a: Any, rho: Any) -> Any:
    """Fill a, ρ for the cone with generators G (rows of Z picked by ids).

    Returns (mixed samples that have a weight, the heaviest of them, its share of the loss).
    """
    size, dim = G.shape
    n, c = M.shape
    # the linear part is exact at the generators, and nothing is lost by it
    for k in range(size):
        rho[k] = 0.0
        for o in range(c):
            total = 0.0
            for j in range(dim):
                total += L[j, o] * G[k, j]
            a[k, o] = total
    mixed, heavy, heaviest, weight = 0, -1, 0.0, 0.0
    for i in range(n):
        if mnorm[i] == 0.0:
            continue  # without weight in the dual point a wall bends nothing, and no split need resolve it
        # a sample's sign on the whole cone follows from its signs at the generators; what is within ztol of a wall
        # counts as on it, for which the caller's rounding slack pays
        positive = 0.0
        negative = 0.0
        for k in range(size):
            z = Z[ids[k], i]
            if z > ztol[i]:
                positive += z
            elif z < -ztol[i]:
                negative -= z
        # off on the whole cone: adds nothing
        if positive == 0.0:
            continue
        # on on the whole cone: linear, adds to the centre alone
        if negative == 0.0:
            for k in range(size):
                z = Z[ids[k], i]
                for o in range(c):
                    a[k, o] += M[i, o] * z
            continue
        # the wall crosses the cone: relu lies between the chord over the generators and a line through 0, whose slope
        # is the one that loses less where both ends weigh the same
        mixed += 1
        slope = 1.0 if positive > negative else 0.0
        for k in range(size):
            z = Z[ids[k], i]
            chord = max(z, 0.0)
            low = slope * z
            rho[k] += mnorm[i] * 0.5 * (chord - low)
            for o in range(c):
                a[k, o] += M[i, o] * 0.5 * (chord + low)
        # how much the relaxation pays for this wall: what a split along it would win back
        loss = mnorm[i] * min(positive, negative)
        weight += loss
        if loss > heaviest:
            heaviest, heavy = loss, i
    return mixed, heavy, (heaviest / weight if weight > 0.0 else 0.0)


@compiled
def split_point(
    G: Any, Z: Any, p: int, mnorm: Any, mixed: int, heavy: int, share: float, wall_share: float, out: Any
) -> Any:
    """Choose an edge (k, l) and the generator that splits it: on the heaviest wall, or in the middle of the worst edge.

    The worst edge is the one whose crossings of walls cost the relaxation most, Σ_i ||M_i|| min(|z_ik|, |z_il|) over the
    samples that change sign along it; it does not depend on the units of the coordinates. Without a mixed sample, or where
    the costs underflow, it is the longest edge.
    """
    size, dim = G.shape
    # one wall carries much of the loss: the edge from its highest to its lowest generator is split on it, and cones
    # come to lie inside cells, where the bound is exact
    if heavy >= 0 and share >= wall_share:
        k = l = 0
        for q in range(size):
            if Z[q, heavy] > Z[k, heavy]:
                k = q
            if Z[q, heavy] < Z[l, heavy]:
                l = q
        zk, zl = Z[k, heavy], Z[l, heavy]
        for j in range(dim):
            out[j] = G[k, j] * (-zl / (zk - zl)) + G[l, j] * (zk / (zk - zl))
    else:
        # no wall stands out: halve the edge along which walls cost most in all
        k, l, worst = 0, 1, 0.0
        if mixed > 0:
            for q in range(size):
                for s in range(q):
                    cost = 0.0
                    for i in range(Z.shape[1]):
                        if Z[q, i] * Z[s, i] < 0.0:
                            cost += mnorm[i] * min(abs(Z[q, i]), abs(Z[s, i]))
                    if cost > worst:
                        k, l, worst = q, s, cost
        # no cost to compare (no mixed sample, or products that underflow): make the cone rounder
        if worst == 0.0:
            for q in range(size):
                for s in range(q):
                    cost = 0.0
                    for j in range(dim):
                        cost += (G[q, j] - G[s, j]) ** 2
                    if cost > worst:
                        k, l, worst = q, s, cost
        for j in range(dim):
            out[j] = 0.5 * (G[k, j] + G[l, j])
    # generators have unit penalised norm, by which bounds of different cones can be compared
    norm = 0.0
    for j in range(p):
        norm += out[j] * out[j]
    norm = np.sqrt(norm)
    for j in range(dim):
        out[j] /= norm
    return k, l


@compiled
def value_at(X: Any, M: Any, L: Any, g: Any, z: Any) -> float:
    """||Lᵀg + Σ_i M_i relu(x_i·g)||, filling z_i = x_i·g on the way."""
    n, dim = X.shape
    c = M.shape[1]
    total = np.zeros(c)
    for o in range(c):
        for j in range(dim):
            total[o] += L[j, o] * g[j]
    # z is wanted by the caller: of a new generator it says on which side of every wall it lies
    for i in range(n):
        s = 0.0
        for j in range(dim):
            s += X[i, j] * g[j]
        z[i] = s
        if s > 0.0:
            for o in range(c):
                total[o] += M[i, o] * s
    square = 0.0
    for o in range(c):
        square += total[o] * total[o]
    return np.sqrt(square)


@compiled
def value_along(X: Any, M: Any, L: Any, p: int, point: Any, z: Any) -> float:
    """Normalise ``point`` in its penalised coordinates and return the value there; 0 for the zero vector."""
    norm = 0.0
    for j in range(p):
        norm += point[j] * point[j]
    if norm <= 0.0:
        return 0.0
    norm = np.sqrt(norm)
    for j in range(point.shape[0]):
        point[j] /= norm
    return value_at(X, M, L, point, z)


@compiled
def heap_push(bounds: Any, nodes: Any, size: int, bound: float, G: Any) -> int:
    """Append a cone and sift it up (largest bound on top); bounds[slot] and nodes[slot] move together."""
    # bounds and generators lie in two arrays: they move together, and only on the way up
    slot = size
    while slot > 0:
        parent = (slot - 1) // 2
        if bounds[parent] >= bound:
            break
        bounds[slot] = bounds[parent]
        nodes[slot] = nodes[parent]
        slot = parent
    bounds[slot] = bound
    nodes[slot] = G
    return size + 1


@compiled
def heap_pop(bounds: Any, nodes: Any, size: int, G: Any) -> int:
    """Copy the top cone into G and restore the heap."""
    G[:] = nodes[0]
    # the last cone fills the gap at the top, and sinks
    size -= 1
    bound = bounds[size]
    slot = 0
    while True:
        child = 2 * slot + 1
        if child >= size:
            break
        if child + 1 < size and bounds[child + 1] > bounds[child]:
            child += 1
        if bounds[child] <= bound:
            break
        bounds[slot] = bounds[child]
        nodes[slot] = nodes[child]
        slot = child
    if size > 0:
        bounds[slot] = bound
        nodes[slot] = nodes[size]
    return size


@compiled
def run(
    X: Any, M: Any, L: Any, p: int, mnorm: Any, ztol: Any, bounds: Any, nodes: Any, size: int, depth_first: bool,
    prune: float, stop_above: float, wall_share: float, steps: int, best: float, witness: Any, dropped: float,
) -> Any:  # fmt: skip
    """Split up to ``steps`` cones; return (size, steps done, best value, largest dropped bound, outcome).

    ``bounds[:size]``, ``nodes[:size]`` hold the open cones, as a heap or (depth_first) as a stack. The maximum over the
    sphere is at most max(dropped, bounds[:size]) plus the caller's rounding slack, at every moment between two calls.
    """
    n, dim = X.shape
    c = M.shape[1]
    # scratch, made once: a call splits thousands of cones, and allocation would cost more than the arithmetic
    G = np.empty((dim, dim))
    child = np.empty((dim, dim))
    Z = np.empty((dim + 1, n))
    a = np.empty((dim, c))
    rho = np.empty(dim)
    ids = np.arange(dim)
    middle = np.empty(dim)
    point = np.empty(dim)
    scratch = np.empty(n)
    done = 0
    while done < steps:
        if size == 0:
            return size, done, best, dropped, EMPTY
        # a stack: the frontier no longer fits into memory, so the last cone is finished first against the target alone
        if depth_first:
            size -= 1
            G[:] = nodes[size]
            if bounds[size] <= max(prune, best):
                dropped = max(dropped, bounds[size])
                continue
        # a heap: when its largest bound is no more than what is reached (or asked for), no cone can hold more
        elif bounds[0] <= max(prune, best * (1.0 + 1e-12)):
            return size, done, best, dropped, EMPTY
        else:
            size = heap_pop(bounds, nodes, size, G)
        done += 1
        # products of this cone's generators with the samples; row `dim` of Z is for the generator in the middle
        for k in range(dim):
            for i in range(n):
                total = 0.0
                for j in range(dim):
                    total += X[i, j] * G[k, j]
                Z[k, i] = total
        for k in range(dim):
            ids[k] = k
        # the cone was bounded when it was made: this time only where to split it is asked
        mixed, heavy, share = relax(X, M, L, G, Z, ids, mnorm, ztol, a, rho)
        k, l = split_point(G, Z, p, mnorm, mixed, heavy, share, wall_share, middle)
        # every split point is a direction, and so a value from below
        value = value_at(X, M, L, middle, Z[dim])
        if value > best:
            best = value
            witness[:] = middle
        # the halves: each has the middle in place of one end of the edge
        for side in range(2):
            child[:] = G
            for q in range(dim):
                ids[q] = q
            replaced = k if side == 0 else l
            child[replaced] = middle
            ids[replaced] = dim
            child_mixed, _, _ = relax(X, M, L, child, Z, ids, mnorm, ztol, a, rho)
            # a cone whose bound is below this needs no look any more; the share above `best` keeps rounding from
            # splitting the cone around the maximum for ever
            cut = max(prune, best * (1.0 + 1e-12))
            bound = cone_bound(child, p, a, rho, cut, point)
            # inside one cell the form is linear: with several outputs its norm there is bounded by a singular value,
            # and the point that bound is attained at is worth a look from below
            if bound > cut and child_mixed == 0:
                if c > 1:
                    bound = min(bound, spectral_on_cell(X, M, L, child, Z, ids, p, ztol, point))
                value = value_along(X, M, L, p, point, scratch)
                if value > best:
                    best = value
                    witness[:] = point
                    cut = max(prune, best * (1.0 + 1e-12))
            # dropped cones stay in the result: the largest bound among them is part of the upper bound
            if bound <= cut:
                dropped = max(dropped, bound)
            elif depth_first:
                nodes[size] = child
                bounds[size] = bound
                size += 1
            else:
                size = heap_push(bounds, nodes, size, bound, child)
        # the caller wants a violated constraint more than a bound, and has one
        if best > stop_above:
            return size, done, best, dropped, VIOLATED
    return size, done, best, dropped, RUNNING


def rounding_slack(form: Form, cones: int) -> float:
    """What float64 can hide: rounded split points along a branch, values, and samples counted as on a wall."""
    depth = 64 + int(8 * np.log2(2 + cones))
    return form.rounding(depth) + 4.0 * np.sqrt(form.X.shape[1]) * ZERO_TOL * form.scale


def branch_and_bound(
    form: Form,
    *,
    target: float,
    lower: float = 0.0,
    witness: Array | None = None,
    stop_above: float = np.inf,
    max_cones: float = np.inf,
    deadline: Deadline | None = None,
    callback: Callable[[Search], bool | None] | None = None,
) -> Search:
    """As :func:`relucvx.oracle.branch_and_bound.branch_and_bound`, best first throughout."""
    dim, deadline = form.X.shape[1], deadline or Deadline()
    best_point = np.zeros(dim) if witness is None else np.array(witness, dtype=float)
    # the cones' own generators are the first directions tried: a good value from below drops cones early
    nodes = starting_cones(form)
    generators = np.unique(nodes.reshape(-1, dim), axis=0)
    values = form.values(generators.T)
    if values.max() > lower:
        lower, best_point = float(values.max()), generators[int(values.argmax())].copy()
    # on a line two directions are all there are
    if dim == 1:
        return Search(lower + rounding_slack(form, 1), lower, best_point, 2, "proved")
    # nothing is known of a starting cone, so each is split at least once
    size = len(nodes)
    bounds = np.full(size, np.inf)
    mnorm = np.linalg.norm(form.M, axis=1)
    # rounding of x_i·g, where a sample cannot be told to be on one side
    ztol = ZERO_TOL * (np.linalg.norm(form.X[:, : form.penalized], axis=1) + form.bias_range)
    cap = int(max(4 * size, FRONTIER_BYTES // (8 * dim * dim)))
    cones, dropped, depth_first, outcome = size, 0.0, False, "budget"
    chunk = int(np.clip(CHUNK_WORK // (len(form.X) * dim * dim), 1, 5_000))
    # chunks of a few hundredths of a second: in between the clock, the callback and Ctrl-C are heard
    while True:
        steps = int(min(chunk, max_cones - cones))
        # best first wants all open cones in memory; before they outgrow it the rest is done last in, first out,
        # loosest cones on top
        if not depth_first and size + steps + 2 > cap:
            order = np.argsort(bounds[:size])
            nodes, bounds, depth_first = nodes[order], bounds[order], True
        if size + steps + 2 > len(bounds):
            grow = max(len(bounds), steps + 2)
            nodes = np.concatenate([nodes, np.empty((grow, dim, dim))])
            bounds = np.concatenate([bounds, np.empty(grow)])
        size, done, lower, dropped, code = run(
            form.X, form.M, form.L, form.penalized, mnorm, ztol, bounds, nodes, size, depth_first,
            float(target), float(stop_above), WALL_SHARE, steps, lower, best_point, dropped,
        )  # fmt: skip
        cones += 2 * done
        # every direction lies in a dropped cone, an open one, or has the value that was reached
        peak = bounds[:size].max() if depth_first and size else (bounds[0] if size else 0.0)
        upper = max(dropped, peak, lower) + rounding_slack(form, cones)
        state = Search(float(upper), float(lower), best_point, cones, outcome)
        if code == EMPTY:
            state.outcome = "proved"
            return state
        if code == VIOLATED:
            state.outcome = "violated"
            return state
        if cones >= max_cones or deadline.passed() or (callback is not None and callback(state)):
            return state
