"""Compiled relaxation of F on one simplicial cone from all samples, where to split it, and values from below.

A cone is spanned by D generators g_k (rows of G), each of unit norm in its leading ``p`` (penalised) coordinates, and
w = Σ_k α_k g_k with α >= 0. With z_ik = x_i·g_k, a sample whose z_ik all have one sign is linear on the cone; a *mixed*
one lies between λ_i Σ_k α_k z_ik and Σ_k α_k relu(z_ik), one λ_i in [0, 1] per sample. With m and r the half sum and half
difference of the two (both linear in α),

    ||Lᵀw + Σ_i M_i relu(x_i·w)|| <= ||Σ_k α_k a_k|| + Σ_k α_k ρ_k,   a_k = Lᵀg_k + Σ_i M_i m_ik,  ρ_k = Σ_i ||M_i|| r_ik.

The right-hand side is bounded over ||Σ_k α_k g_k||_p <= 1 in three ways (entrywise, least-norm majorant, spectral), and
a cone is split either at a wall that crosses it (so that cones come to lie inside cells, where the bound is exact) or at
the middle of its worst edge. Every function works on plain arrays, so it can be tested against literal definitions.
:mod:`relucvx.oracle.subtree` searches faster, with what cones carry down the tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


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
