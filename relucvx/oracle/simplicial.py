"""Compiled kernels of the branch-and-bound over simplicial cones.

A cone is spanned by D generators g_k (rows of G), each of unit norm in its leading ``p`` (penalised) coordinates, and
w = Σ_k α_k g_k with α >= 0. With z_ik = x_i·g_k, a sample whose z_ik all have one sign is linear on the cone; a *mixed*
one lies between λ_i Σ_k α_k z_ik and Σ_k α_k relu(z_ik), one λ_i in [0, 1] per sample. With m and r the half sum and half
difference of the two (both linear in α),

    ||Lᵀw + Σ_i M_i relu(x_i·w)|| <= ||Σ_k α_k a_k|| + Σ_k α_k ρ_k,   a_k = Lᵀg_k + Σ_i M_i m_ik,  ρ_k = Σ_i ||M_i|| r_ik.

The right-hand side is bounded over ||Σ_k α_k g_k||_p <= 1 in three ways (entrywise, least-norm majorant, spectral), and
a cone is split either at a wall that crosses it (so that cones come to lie inside cells, where the bound is exact) or at
the middle of its worst edge. Every function works on plain arrays, so it can be tested against literal definitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

RUNNING, EMPTY, VIOLATED = 0, 1, 2


@njit(cache=True, nogil=True)
def least_norm(G: Any, p: int, b: Any, x: Any, w: Any) -> None:
    """Least ||w|| over the leading p coordinates with g_k·w >= b_k: fills multipliers x >= 0 and w = Σ x_k g_k.

    Lawson-Hanson on the dual, with an orthogonal factorisation so that thin cones keep their digits. It may stop early;
    x >= 0 holds whenever it does, and w is Σ x_k g_k to the accuracy of the factorisation.
    """
    size = G.shape[0]
    x[:] = 0.0
    w[:] = 0.0
    passive = np.zeros(size, np.bool_)
    s = np.empty(size)
    top = b.max()
    if top <= 0.0:
        return
    for _ in range(3 * min(size, p + 1) + 6):
        worst, pick = 1e-14 * top, -1
        for k in range(size):
            if not passive[k]:
                slack = b[k]
                for j in range(p):
                    slack -= G[k, j] * w[j]
                if slack > worst:
                    worst, pick = slack, k
        if pick < 0:
            break
        passive[pick] = True
        while True:
            if not solve_passive(G, p, b, passive, s, w):  # numerically dependent rows: give the last one up
                passive[pick] = False
                solve_passive(G, p, b, passive, x, w)
                for k in range(size):
                    x[k] = max(0.0, x[k])
                return
            step = 1.0
            for k in range(size):
                if passive[k] and s[k] <= 0.0:
                    step = min(step, x[k] / (x[k] - s[k]) if x[k] > s[k] else 0.0)
            for k in range(size):
                if passive[k]:
                    x[k] = max(0.0, x[k] + step * (s[k] - x[k]))
            if step >= 1.0:
                break
            for k in range(size):
                if passive[k] and x[k] <= 1e-14 * top:
                    passive[k] = False
                    x[k] = 0.0


@njit(cache=True, nogil=True)
def solve_passive(G: Any, p: int, b: Any, passive: Any, s: Any, w: Any) -> bool:
    """Least-norm w with g_k·w = b_k for the passive k, and s with w = Σ s_k g_k; False when they are dependent.

    Modified Gram-Schmidt, each vector orthogonalised twice: g_k = Σ_a R[a, k] q_a.
    """
    size = G.shape[0]
    Q = np.empty((size, p))
    R = np.zeros((size, size))
    y = np.empty(size)
    index = np.empty(size, np.int64)
    count = 0
    for k in range(size):
        s[k] = 0.0
        if not passive[k]:
            continue
        if count == p:
            return False
        for j in range(p):
            Q[count, j] = G[k, j]
        for _ in range(2):
            for a in range(count):
                along = 0.0
                for j in range(p):
                    along += Q[a, j] * Q[count, j]
                R[a, count] += along
                for j in range(p):
                    Q[count, j] -= along * Q[a, j]
        norm = 0.0
        for j in range(p):
            norm += Q[count, j] * Q[count, j]
        norm = np.sqrt(norm)
        if norm <= 1e-12:
            return False
        for j in range(p):
            Q[count, j] /= norm
        R[count, count] = norm
        total = b[k]
        for a in range(count):
            total -= R[a, count] * y[a]
        y[count] = total / norm
        index[count] = k
        count += 1
    for j in range(p):
        w[j] = 0.0
        for a in range(count):
            w[j] += y[a] * Q[a, j]
    for a in range(count - 1, -1, -1):
        total = y[a]
        for e in range(a + 1, count):
            total -= R[a, e] * s[index[e]]
        s[index[a]] = total / R[a, a]
    return True


@njit(cache=True, nogil=True)
def least_norm_majorant(G: Any, p: int, b: Any, point: Any) -> float:
    """Upper bound on max b·α over α >= 0, ||Σ α_k g_k||_p <= 1: the least ||w|| with g_k·w >= b_k for all k.

    Whatever the iteration leaves violated is repaired by adding a multiple of the mean generator, so the value returned
    is valid even when it stopped early. ``point`` receives Σ x_k g_k, which lies in the cone and maximises b·α when the
    iteration ran to its end.
    """
    x = np.empty(G.shape[0])
    w = np.empty(p)
    least_norm(G, p, b, x, w)
    for j in range(G.shape[1]):
        point[j] = 0.0
        for k in range(G.shape[0]):
            point[j] += x[k] * G[k, j]
    if b.max() <= 0.0:
        return 0.0
    return repaired_norm(G, p, b, w)


@njit(cache=True, nogil=True)
def repaired_norm(G: Any, p: int, b: Any, w: Any) -> float:
    """||w|| after moving w along the mean generator until g_k·w >= b_k holds for every k (inf if it cannot).

    Requires g_k·g_l >= 0 for all pairs: the mean then has a non-negative product with every generator.
    """
    size = G.shape[0]
    mean = np.zeros(p)
    for j in range(p):
        for k in range(size):
            mean[j] += G[k, j] / size
    shift = 0.0
    for k in range(size):
        along = 0.0
        slack = b[k]
        for j in range(p):
            along += G[k, j] * mean[j]
            slack -= G[k, j] * w[j]
        if slack > 0.0:
            if along <= 1e-12:
                return np.inf
            shift = max(shift, slack / along)
    total = 0.0
    for j in range(p):
        total += (w[j] + shift * mean[j]) ** 2
    return np.sqrt(total)


@njit(cache=True, nogil=True)
def entrywise_bound(G: Any, p: int, a: Any, rho: Any) -> float:
    """Smallest t with (||Aα|| + ρ·α)² <= t² ||Σ α_k g_k||² compared entry by entry; inf where a Gram entry is not > 0.

    Requires g_k·g_l >= 0 for all pairs, which holds inside an orthant of the penalised coordinates.
    """
    size, c = a.shape
    norms = np.empty(size)
    for k in range(size):
        total = 0.0
        for o in range(c):
            total += a[k, o] * a[k, o]
        norms[k] = np.sqrt(total)
    best = 0.0
    for k in range(size):
        best = max(best, (norms[k] + rho[k]) ** 2)
        for l in range(k):
            entry = norms[k] * rho[l] + norms[l] * rho[k] + rho[k] * rho[l]
            for o in range(c):
                entry += a[k, o] * a[l, o]
            if entry > 0.0:
                gram = 0.0
                for j in range(p):
                    gram += G[k, j] * G[l, j]
                if gram <= 1e-12:
                    return np.inf
                best = max(best, entry / gram)
    return np.sqrt(best)


@njit(cache=True, nogil=True)
def cone_bound(G: Any, p: int, a: Any, rho: Any, threshold: float, point: Any) -> float:
    """Upper bound of ||Σ α_k a_k|| + ρ·α over the cone, refined by the least-norm majorant only where that can help.

    ``point`` receives a promising direction of the cone when the refinement ran, zeros otherwise.
    """
    point[:] = 0.0
    size, c = a.shape
    bound = entrywise_bound(G, p, a, rho)
    if bound <= threshold:
        return bound
    signs = 2 if c == 1 else 1
    b = np.empty(size)
    refined = 0.0
    trial = np.empty(G.shape[1])
    for side in range(signs):
        for k in range(size):
            if c == 1:
                b[k] = (a[k, 0] if side == 0 else -a[k, 0]) + rho[k]
            else:
                total = 0.0
                for o in range(c):
                    total += a[k, o] * a[k, o]
                b[k] = np.sqrt(total) + rho[k]
        majorant = least_norm_majorant(G, p, b, trial)
        if majorant > refined:
            refined = majorant
            point[:] = trial
    return min(bound, refined)


@njit(cache=True, nogil=True)
def spectral_on_cell(X: Any, M: Any, L: Any, G: Any, Z: Any, ids: Any, p: int, ztol: Any, point: Any) -> float:
    """||Lᵀ + Σ_on M_i x_iᵀ||₂ over the penalised coordinates, for a cone on which no sample is mixed (c > 1).

    Infinite when a coordinate is unpenalised: then the operator norm is not the maximum. ``point`` receives the right
    singular direction, a candidate for the lower side.
    """
    n, dim = X.shape
    c = M.shape[1]
    Q = L.copy()
    for i in range(n):
        high = -np.inf
        for k in range(ids.shape[0]):
            high = max(high, Z[ids[k], i])
        if high > ztol[i]:
            for j in range(dim):
                for o in range(c):
                    Q[j, o] += M[i, o] * X[i, j]
    if p < dim:
        return np.inf
    values, vectors = np.linalg.eigh(np.ascontiguousarray(Q.T) @ Q)
    along = 0.0
    for j in range(dim):
        point[j] = 0.0
        for o in range(c):
            point[j] += Q[j, o] * vectors[o, c - 1]
        for k in range(ids.shape[0]):
            along += point[j] * G[k, j]
    if along < 0.0:
        for j in range(dim):
            point[j] = -point[j]
    return np.sqrt(max(0.0, values[c - 1])) * (1.0 + 1e-13)


@njit(cache=True, nogil=True)
def relax(X: Any, M: Any, L: Any, G: Any, Z: Any, ids: Any, mnorm: Any, ztol: Any, a: Any, rho: Any) -> Any:
    """Fill a, ρ for the cone with generators G (rows of Z picked by ids); return (mixed count, heaviest sample, its share)."""
    size, dim = G.shape
    n, c = M.shape
    for k in range(size):
        rho[k] = 0.0
        for o in range(c):
            total = 0.0
            for j in range(dim):
                total += L[j, o] * G[k, j]
            a[k, o] = total
    mixed, heavy, heaviest, weight = 0, -1, 0.0, 0.0
    for i in range(n):
        positive = 0.0
        negative = 0.0
        for k in range(size):
            z = Z[ids[k], i]
            if z > ztol[i]:
                positive += z
            elif z < -ztol[i]:
                negative -= z
        if positive == 0.0:
            continue
        if negative == 0.0:
            for k in range(size):
                z = Z[ids[k], i]
                for o in range(c):
                    a[k, o] += M[i, o] * z
            continue
        mixed += 1
        slope = 1.0 if positive > negative else 0.0
        for k in range(size):
            z = Z[ids[k], i]
            chord = max(z, 0.0)
            low = slope * z
            rho[k] += mnorm[i] * 0.5 * (chord - low)
            for o in range(c):
                a[k, o] += M[i, o] * 0.5 * (chord + low)
        loss = mnorm[i] * min(positive, negative)
        weight += loss
        if loss > heaviest:
            heaviest, heavy = loss, i
    return mixed, heavy, (heaviest / weight if weight > 0.0 else 0.0)


@njit(cache=True, nogil=True)
def split_point(
    G: Any, Z: Any, p: int, mnorm: Any, mixed: int, heavy: int, share: float, wall_share: float, out: Any
) -> Any:
    """Choose an edge (k, l) and the generator that splits it: on the heaviest wall, or in the middle of the worst edge.

    The worst edge is the one whose crossings of walls cost the relaxation most, Σ_i ||M_i|| min(|z_ik|, |z_il|) over the
    samples that change sign along it; it does not depend on the units of the coordinates. Without a mixed sample it is the
    longest edge.
    """
    size, dim = G.shape
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
        k, l, worst = 0, 1, -1.0
        for q in range(size):
            for s in range(q):
                cost = 0.0
                if mixed > 0:
                    for i in range(Z.shape[1]):
                        if Z[q, i] * Z[s, i] < 0.0:
                            cost += mnorm[i] * min(abs(Z[q, i]), abs(Z[s, i]))
                else:
                    for j in range(dim):
                        cost += (G[q, j] - G[s, j]) ** 2
                if cost > worst:
                    k, l, worst = q, s, cost
        for j in range(dim):
            out[j] = 0.5 * (G[k, j] + G[l, j])
    norm = 0.0
    for j in range(p):
        norm += out[j] * out[j]
    norm = np.sqrt(norm)
    for j in range(dim):
        out[j] /= norm
    return k, l


@njit(cache=True, nogil=True)
def value_at(X: Any, M: Any, L: Any, g: Any, z: Any) -> float:
    """||Lᵀg + Σ_i M_i relu(x_i·g)||, filling z_i = x_i·g on the way."""
    n, dim = X.shape
    c = M.shape[1]
    total = np.zeros(c)
    for o in range(c):
        for j in range(dim):
            total[o] += L[j, o] * g[j]
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def heap_push(bounds: Any, nodes: Any, size: int, bound: float, G: Any) -> int:
    """Append a cone and sift it up (largest bound on top); bounds[slot] and nodes[slot] move together."""
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


@njit(cache=True, nogil=True)
def heap_pop(bounds: Any, nodes: Any, size: int, G: Any) -> int:
    """Copy the top cone into G and restore the heap."""
    G[:] = nodes[0]
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


@njit(cache=True, nogil=True)
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
        if depth_first:
            size -= 1
            G[:] = nodes[size]
            if bounds[size] <= max(prune, best):
                dropped = max(dropped, bounds[size])
                continue
        elif bounds[0] <= max(prune, best * (1.0 + 1e-12)):
            return size, done, best, dropped, EMPTY
        else:
            size = heap_pop(bounds, nodes, size, G)
        done += 1
        for k in range(dim):
            for i in range(n):
                total = 0.0
                for j in range(dim):
                    total += X[i, j] * G[k, j]
                Z[k, i] = total
        for k in range(dim):
            ids[k] = k
        mixed, heavy, share = relax(X, M, L, G, Z, ids, mnorm, ztol, a, rho)
        k, l = split_point(G, Z, p, mnorm, mixed, heavy, share, wall_share, middle)
        value = value_at(X, M, L, middle, Z[dim])
        if value > best:
            best = value
            witness[:] = middle
        for side in range(2):
            child[:] = G
            for q in range(dim):
                ids[q] = q
            replaced = k if side == 0 else l
            child[replaced] = middle
            ids[replaced] = dim
            child_mixed, _, _ = relax(X, M, L, child, Z, ids, mnorm, ztol, a, rho)
            cut = max(prune, best * (1.0 + 1e-12))
            bound = cone_bound(child, p, a, rho, cut, point)
            if bound > cut and child_mixed == 0:
                if c > 1:
                    bound = min(bound, spectral_on_cell(X, M, L, child, Z, ids, p, ztol, point))
                value = value_along(X, M, L, p, point, scratch)
                if value > best:
                    best = value
                    witness[:] = point
                    cut = max(prune, best * (1.0 + 1e-12))
            if bound <= cut:
                dropped = max(dropped, bound)
            elif depth_first:
                nodes[size] = child
                bounds[size] = bound
                size += 1
            else:
                size = heap_push(bounds, nodes, size, bound, child)
        if best > stop_above:
            return size, done, best, dropped, VIOLATED
    return size, done, best, dropped, RUNNING
