"""Version 0.1's bounds on one cone, from all samples: the plain side of the comparison with what the package does now.

For generators g_k (rows of G, unit norm in their leading ``p`` coordinates, pairwise products >= 0), columns a_k and ρ_k >= 0
``cone_bound`` bounds ``||Σ α_k a_k|| + Σ α_k ρ_k`` over α >= 0 with ``||Σ α_k g_k||_p <= 1``, each time from nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.compiled import compiled


@compiled
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
    # each round: the worst violated row becomes an equation, and equations whose multiplier falls below 0 go
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
            # from the multipliers x towards s, the solution of the equations, as far as all stay non-negative
            step = 1.0
            for k in range(size):
                if passive[k] and s[k] <= 0.0:
                    step = min(step, x[k] / (x[k] - s[k]) if x[k] > s[k] else 0.0)
            for k in range(size):
                if passive[k]:
                    x[k] = max(0.0, x[k] + step * (s[k] - x[k]))
            # all of the way: w is that of s, and the next violated row is looked for
            if step >= 1.0:
                break
            # stopped by a multiplier that is zero now: its row is no equation any more
            for k in range(size):
                if passive[k] and x[k] <= 1e-14 * top:
                    passive[k] = False
                    x[k] = 0.0


@compiled
def solve_passive(G: Any, p: int, b: Any, passive: Any, s: Any, w: Any) -> bool:
    """Least-norm w with g_k·w = b_k for the passive k, and s with w = Σ s_k g_k; False when they are dependent.

    Modified Gram-Schmidt, each vector orthogonalised twice: g_k = Σ_a R[a, k] q_a.
    """
    size = G.shape[0]
    Q = np.empty((p, p))  # at most p rows are independent
    R = np.zeros((p, p))
    y = np.empty(p)
    index = np.empty(p, np.int64)
    count = 0
    for k in range(size):
        s[k] = 0.0
        if not passive[k]:
            continue
        # p independent rows span everything
        if count == p:
            return False
        for j in range(p):
            Q[count, j] = G[k, j]
        # twice is enough: what the first pass leaves in nearly dependent rows is taken away by the second
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
        # forward substitution for w = Σ y_a q_a while the factors are made
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
    # backward substitution for the multipliers of the rows themselves
    for a in range(count - 1, -1, -1):
        total = y[a]
        for e in range(a + 1, count):
            total -= R[a, e] * s[index[e]]
        s[index[a]] = total / R[a, a]
    return True


@compiled
def least_norm_majorant(G: Any, p: int, b: Any, point: Any) -> float:
    """Upper bound on max b·α over α >= 0, ||Σ α_k g_k||_p <= 1: the least ||w|| with g_k·w >= b_k for all k.

    Whatever the iteration leaves violated is repaired by adding a multiple of the mean generator, so the value returned
    is valid even when it stopped early. ``point`` receives Σ x_k g_k, which lies in the cone and maximises b·α when the
    iteration ran to its end.
    """
    x = np.empty(G.shape[0])
    w = np.empty(p)
    least_norm(G, p, b, x, w)
    # where the majorant touches b: the direction in the cone that is most worth a look from below
    for j in range(G.shape[1]):
        point[j] = 0.0
        for k in range(G.shape[0]):
            point[j] += x[k] * G[k, j]
    if b.max() <= 0.0:
        return 0.0
    return repaired_norm(G, p, b, w)


@compiled
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
    # generators have products >= 0 with each other, so a step along their mean raises every g_k·w
    for k in range(size):
        along = 0.0
        slack = b[k]
        for j in range(p):
            along += G[k, j] * mean[j]
            slack -= G[k, j] * w[j]
        if slack > 0.0:
            # orthogonal to the mean to rounding: no step helps
            if along <= 1e-12:
                return np.inf
            shift = max(shift, slack / along)
    total = 0.0
    for j in range(p):
        total += (w[j] + shift * mean[j]) ** 2
    return np.sqrt(total)


@compiled
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
    # with both sides as quadratic forms in α >= 0, entries that are larger on the right make the form larger
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


@compiled
def cone_bound(G: Any, p: int, a: Any, rho: Any, threshold: float, point: Any) -> float:
    """Upper bound of ||Σ α_k a_k|| + ρ·α over the cone, refined by the least-norm majorant only where that can help.

    ``point`` receives a promising direction of the cone when the refinement ran, zeros otherwise.
    """
    point[:] = 0.0
    size, c = a.shape
    # cheap, and enough for most cones of a search that nears its end
    bound = entrywise_bound(G, p, a, rho)
    if bound <= threshold:
        return bound
    # one output: the modulus is the larger of two linear forms, each with its own majorant, which knows of
    # cancellation between generators; several: the norms ||a_k|| are what is majorised
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
        # a vector w with g_k·w >= b_k bounds the form by ||w|| on the cone
        majorant = least_norm_majorant(G, p, b, trial)
        if majorant > refined:
            refined = majorant
            point[:] = trial
    return min(bound, refined)


@compiled
def spectral_on_cell(X: Any, M: Any, L: Any, G: Any, Z: Any, ids: Any, p: int, ztol: Any, point: Any) -> float:
    """||Lᵀ + Σ_on M_i x_iᵀ||₂ over the penalised coordinates, for a cone on which no sample is mixed (c > 1).

    Infinite when a coordinate is unpenalised: then the operator norm is not the maximum. ``point`` receives the right
    singular direction, a candidate for the lower side.
    """
    n, dim = X.shape
    c = M.shape[1]
    Q = L.copy()
    # no sample is mixed here: one generator off the wall says on which side the cell is
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
    # c x c, whatever the dimension; the share added to the root covers its rounding
    values, vectors = np.linalg.eigh(np.ascontiguousarray(Q.T) @ Q)
    along = 0.0
    for j in range(dim):
        point[j] = 0.0
        for o in range(c):
            point[j] += Q[j, o] * vectors[o, c - 1]
        for k in range(ids.shape[0]):
            along += point[j] * G[k, j]
    # a singular vector has no sign: the one on the cone's side
    if along < 0.0:
        for j in range(dim):
            point[j] = -point[j]
    return np.sqrt(max(0.0, values[c - 1])) * (1.0 + 1e-13)
