"""Compiled search and branch-and-bound for a difference of two squares (:mod:`relucvx.oracle.signed`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled
from relucvx.oracle.frontier import SIZE, pop, push
from relucvx.oracle.simplicial import relax, split_point

RUNNING, EMPTY, VIOLATED = 0, 1, 2

BEST, DROPPED, LARGEST = 0, 1, 2
"""Places in a record: the best value reached, the largest bound of a cone that was dropped, the largest ||a_k|| + ρ_k."""

SPLITS, DEEPEST = 1, 2
"""Places in a tally, beside SIZE."""

HEAVY_WALL, FEW_MIXED = 0.3, 6
"""Split at a wall that carries at least this share of the loss, and at the heaviest of so few in any case: equal walls, as
those of whitened data, would never be split at, and inside a cell the bound is exact."""

RIGHT_ANGLE = 1e-12
"""Products of generators up to this are of right angles, rounding apart: what is too large there is added, not divided."""

ON_WALL = 1e-2
"""Walls this close to a point that was climbed to, relative to ||x_i||, may be where the maximum lies."""


@compiled
def climb(X: Any, M: Any, L: Any, sign: Any, starts: Any, iterations: int, values: Any) -> None:
    """Ascend h from each row of ``starts`` in place, by normalised gradient steps that double or halve."""
    n, dim = X.shape
    cols = M.shape[1]
    total, grad, trial, z = np.empty(cols), np.empty(dim), np.empty(dim), np.empty(n)
    for s in range(starts.shape[0]):
        w = starts[s]
        value = signed_value(X, M, L, sign, w, z, total)
        step = 1.0
        for _ in range(iterations):
            for j in range(dim):
                grad[j] = 0.0
                for o in range(cols):
                    grad[j] += sign[o] * L[j, o] * total[o]
            for i in range(n):
                if z[i] > 0.0:
                    pull = 0.0
                    for o in range(cols):
                        pull += sign[o] * M[i, o] * total[o]
                    for j in range(dim):
                        grad[j] += pull * X[i, j]
            # along the sphere: h may be negative, and then the radius counts as well
            along = 0.0
            for j in range(dim):
                along += grad[j] * w[j]
            norm = 0.0
            for j in range(dim):
                grad[j] -= along * w[j]
                norm += grad[j] * grad[j]
            if norm <= 0.0:
                break
            norm = np.sqrt(norm)
            improved = False
            for _ in range(14):
                for j in range(dim):
                    trial[j] = w[j] + step * grad[j] / norm
                new = signed_value(X, M, L, sign, trial, z, total)
                if new > value + 1e-13 * abs(value):
                    improved = True
                    break
                step *= 0.5
            if not improved:
                break
            for j in range(dim):
                w[j] = trial[j]
            value = new
            step = min(2.0 * step, 4.0)
        values[s] = value


@compiled
def signed_value(X: Any, M: Any, L: Any, sign: Any, w: Any, z: Any, total: Any) -> float:
    """h at w, which is brought to unit norm first; fills z = Xw and the columns' sums ``total``."""
    n, dim = X.shape
    norm = 0.0
    for j in range(dim):
        norm += w[j] * w[j]
    if norm <= 0.0:
        return 0.0
    norm = np.sqrt(norm)
    for j in range(dim):
        w[j] /= norm
    for o in range(M.shape[1]):
        total[o] = 0.0
        for j in range(dim):
            total[o] += L[j, o] * w[j]
    for i in range(n):
        z[i] = 0.0
        for j in range(dim):
            z[i] += X[i, j] * w[j]
        if z[i] > 0.0:
            for o in range(M.shape[1]):
                total[o] += M[i, o] * z[i]
    value = 0.0
    for o in range(M.shape[1]):
        value += sign[o] * total[o] * total[o]
    return value


@compiled
def settle(X: Any, M: Any, L: Any, sign: Any, points: Any, most: int) -> None:
    """Move each point to the maximiser of the cell, or of a face of it where walls are near, if that is higher.

    On a face h is a quadratic form, and a maximum inside is its first eigenvector.
    """
    n, dim = X.shape
    cols = M.shape[1]
    z, total, length = np.empty(n), np.empty(cols), np.empty(n)
    for i in range(n):
        length[i] = max(np.sqrt(np.sum(X[i] ** 2)), 1e-300)
    for s in range(points.shape[0]):
        w = points[s].copy()
        best = signed_value(X, M, L, sign, w, z, total)
        for walls in range(min(most, dim - 1) + 1):
            g = w.copy()
            for _ in range(3):
                for i in range(n):
                    z[i] = np.sum(X[i] * g)
                near = np.argsort(np.abs(z) / length)[:walls]
                if walls > 0 and abs(z[near[walls - 1]]) > ON_WALL * length[near[walls - 1]]:
                    break
                basis = np.eye(dim)
                if walls > 0:
                    basis = np.ascontiguousarray(np.linalg.svd(X[near])[2][walls:])
                for i in near:
                    z[i] = 0.0
                Q = np.zeros((dim, dim))
                for o in range(cols):
                    line = L[:, o].copy()
                    for i in range(n):
                        if z[i] > 0.0:
                            line += M[i, o] * X[i]
                    for j in range(dim):
                        for q in range(dim):
                            Q[j, q] += sign[o] * line[j] * line[q]
                vectors = np.linalg.eigh(basis @ Q @ np.ascontiguousarray(basis.T))[1]
                new = np.ascontiguousarray(basis.T) @ np.ascontiguousarray(vectors[:, -1])
                if np.sum(new * w) < 0.0:
                    new = -new
                g = new
                value = signed_value(X, M, L, sign, g, z, total)
                if value > best:
                    best = value
                    points[s] = g


@compiled
def heaviest(Z: Any, weight: Any, ztol: Any) -> Any:
    """How many samples are mixed on a cone with products Z (generators, n), the one that costs most, and its share."""
    mixed, heavy, most, total = 0, -1, 0.0, 0.0
    for i in range(Z.shape[1]):
        if weight[i] == 0.0:
            continue
        positive, negative = 0.0, 0.0
        for k in range(Z.shape[0]):
            if Z[k, i] > ztol[i]:
                positive += Z[k, i]
            elif Z[k, i] < -ztol[i]:
                negative -= Z[k, i]
        if positive > 0.0 and negative > 0.0:
            mixed += 1
            loss = weight[i] * min(positive, negative)
            total += loss
            if loss > most:
                most, heavy = loss, i
    return mixed, heavy, (most / total if total > 0.0 else 0.0)


@compiled
def entry_bound(
    G: Any, a: Any, ra: Any, c: Any, rc: Any, sa: float, sc: float, prune: float, edge: Any, record: Any
) -> Any:  # fmt: skip
    """A t² that majorises the form entry by entry, with the second square or without; the worst edge on the way.

    Returned with what rounding may hide of it, where the roots of the squares round by sa and sc. The worst edge is the one
    whose entry exceeds by most what ``prune``, or the largest value at a generator, allows.
    """
    size = G.shape[0]
    na, nc = np.empty(size), np.empty(size)
    for k in range(size):
        total = 0.0
        for o in range(a.shape[1]):
            total += a[k, o] * a[k, o]
        na[k] = np.sqrt(total)
        total = 0.0
        for o in range(c.shape[1]):
            total += c[k, o] * c[k, o]
        nc[k] = np.sqrt(total)
        record[LARGEST] = max(record[LARGEST], na[k] + ra[k], nc[k] + rc[k])
    gram, first, both = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    for k in range(size):
        for l in range(k + 1):
            one = na[k] * ra[l] + na[l] * ra[k] + ra[k] * ra[l]
            for o in range(a.shape[1]):
                one += a[k, o] * a[l, o]
            two = -nc[k] * rc[l] - nc[l] * rc[k]
            for o in range(c.shape[1]):
                two += c[k, o] * c[l, o]
            dot = 0.0
            for j in range(G.shape[1]):
                dot += G[k, j] * G[l, j]
            gram[k, l], first[k, l], both[k, l] = dot, one, one - two
            gram[l, k], first[l, k], both[l, k] = dot, one, one - two
    level = prune
    for k in range(size):
        level = max(level, both[k, k])
    worst = -np.inf
    edge[0], edge[1] = 0, 1
    for k in range(size):
        for l in range(k):
            if both[k, l] - level * gram[k, l] > worst:
                worst = both[k, l] - level * gram[k, l]
                edge[0], edge[1] = k, l
    long, short = 0.0, 0.0
    for k in range(size):
        long, short = max(long, na[k] + ra[k]), max(short, nc[k] + rc[k])
    bound = min(majorant(both, gram), majorant(first, gram))
    return bound, 2.0 * long * sa + sa * sa + 2.0 * short * sc + sc * sc


@compiled
def majorant(H: Any, gram: Any) -> float:
    """A bound on Σ α_k α_l H_kl over α >= 0 with Σ α_k α_l gram_kl <= 1; gram >= 0, of unit diagonal.

    For every t² >= 0 it is at most t² + max_k Σ_l (H_kl - t² gram_kl)_+, as α_k α_l <= (α_k² + α_l²)/2 and Σ α_k² <= 1. So no
    entry of generators at right angles is too large by more than itself, and rounding counts as what it is. Of two t²: the
    largest value at a generator, and the least that leaves no entry too large but those at right angles.
    """
    size = H.shape[0]
    least, enough = 0.0, 0.0
    for k in range(size):
        least = max(least, H[k, k] / gram[k, k])
        for l in range(k + 1):
            if gram[k, l] > RIGHT_ANGLE:
                enough = max(enough, H[k, l] / gram[k, l])
    best = np.inf
    for level in (least, enough):
        beyond = 0.0
        for k in range(size):
            row = 0.0
            for l in range(size):
                row += max(H[k, l] - level * gram[k, l], 0.0)
            beyond = max(beyond, row)
        best = min(best, level + beyond * (1.0 + 1e-12))
    return best


@compiled
def cell_bound(X: Any, A: Any, LA: Any, C: Any, LC: Any, Z: Any, ztol: Any) -> float:
    """The largest eigenvalue of h, where no wall crosses the cone (and 0 at the least)."""
    n, dim = X.shape
    Q = np.zeros((dim, dim))
    for part in range(2):
        M, L = (A, LA) if part == 0 else (C, LC)
        lines = L.copy()
        for i in range(n):
            on = False
            for k in range(Z.shape[0]):
                on = on or Z[k, i] > ztol[i]
            if on:
                for j in range(dim):
                    for o in range(M.shape[1]):
                        lines[j, o] += M[i, o] * X[i, j]
        for j in range(dim):
            for q in range(dim):
                for o in range(M.shape[1]):
                    Q[j, q] += (1.0 if part == 0 else -1.0) * lines[j, o] * lines[q, o]
    return max(0.0, np.linalg.eigvalsh(Q)[dim - 1])


@compiled
def divide(
    X: Any, A: Any, LA: Any, mA: Any, C: Any, LC: Any, mC: Any, M: Any, L: Any, sign: Any, weight: Any, ztol: Any,
    sa: float, sc: float, prune: float, stop_above: float, bounds: Any, nodes: Any, depths: Any, tally: Any, steps: int,
    record: Any, witness: Any,
) -> int:  # fmt: skip
    """Take up cones, loosest first, bound them, and halve those whose bound is above ``prune``."""
    n, dim = X.shape
    G, child, Z, ids = np.empty((dim, dim)), np.empty((dim, dim)), np.empty((dim, n)), np.arange(dim)
    a, ra, c, rc = np.empty((dim, A.shape[1])), np.empty(dim), np.empty((dim, C.shape[1])), np.empty(dim)
    point, z, total, edge = np.empty(dim), np.empty(n), np.empty(M.shape[1]), np.zeros(2, np.int64)
    done = 0
    while done < steps:
        if tally[SIZE] == 0 or bounds[0] <= prune:
            return EMPTY
        above, depth = pop(bounds, nodes, depths, tally, True, G)
        done += 1
        tally[SPLITS] += 1
        tally[DEEPEST] = max(tally[DEEPEST], depth)
        for k in range(dim):
            for i in range(n):
                Z[k, i] = 0.0
                for j in range(dim):
                    Z[k, i] += X[i, j] * G[k, j]
        mixed, heavy, share = heaviest(Z, weight, ztol)
        relax(X, A, LA, G, Z, ids, mA, ztol, a, ra)
        relax(X, C, LC, G, Z, ids, mC, ztol, c, rc)
        bound, slack = entry_bound(G, a, ra, c, rc, sa, sc, prune, edge, record)
        if bound + slack > prune and mixed == 0:
            bound = min(bound, cell_bound(X, A, LA, C, LC, Z, ztol))
        bound = min(above, bound + slack)
        if bound <= prune:
            record[DROPPED] = max(record[DROPPED], bound)
            continue
        if mixed > 0:
            least = HEAVY_WALL if mixed > FEW_MIXED else 0.0
            k, l = split_point(G, Z, dim, weight, mixed, heavy, share, least, point)
        else:
            # inside a cell the form is quadratic: the entry that is too large is what is halved
            k, l = edge[0], edge[1]
            norm = 0.0
            for j in range(dim):
                point[j] = 0.5 * (G[k, j] + G[l, j])
                norm += point[j] * point[j]
            for j in range(dim):
                point[j] /= np.sqrt(norm)
        value = signed_value(X, M, L, sign, point, z, total)
        if value > record[BEST]:
            record[BEST] = value
            witness[:] = point
        for replaced in (k, l):
            for q in range(dim):
                for j in range(dim):
                    child[q, j] = point[j] if q == replaced else G[q, j]
            push(bounds, nodes, depths, tally, True, bound, child, depth + 1)
        if record[BEST] > stop_above:
            return VIOLATED
    return RUNNING
