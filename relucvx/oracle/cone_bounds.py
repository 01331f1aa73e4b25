"""Compiled upper bounds of linear and norm-like forms over one simplicial cone.

For generators g_k (rows of G, unit norm in their leading ``p`` coordinates, pairwise products >= 0), columns a_k and
ρ_k >= 0 these functions bound ``||Σ_k α_k a_k|| + Σ_k α_k ρ_k`` over α >= 0 with ``||Σ_k α_k g_k||_p <= 1``: entry by entry, by
the least-norm vector that majorises a linear form, and by the operator norm. Each is valid whenever it returns, also where
an iteration inside stopped early.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.arrangement._least_norm import least_norm
from relucvx.compiled import compiled
from relucvx.tolerances import EPS

SQUARES, ONE = 52, 1e-15
"""Squares of a matrix until it is of rank one; equal eigenvalues keep it from that, and then 52 leave no more than rounding."""


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
def largest_eigenvalue(A: Any, B: Any) -> Any:
    """(Upper bound on the largest eigenvalue of the semidefinite matrix A (c, c), column of A along its eigenvector).

    With f_0 = ||A|| and A_s = A_(s-1)² / f_s of norm 1 it is f_0 √f_1 f_2^(1/4) ... times that of A_s to the power of 2^-s,
    which is at most 1: A is overwritten, and so is the scratch B. A square is off by c·u at most, which moves its largest
    eigenvalue, at least 1/c, by a share of c²·u, and the result by shares that halve from square to square; norms add as much.
    """
    c = A.shape[0]
    bound, weight = 1.0, 1.0
    for _ in range(SQUARES):
        square = 0.0
        for o in range(c):
            for q in range(c):
                square += A[o, q] * A[o, q]
        norm = np.sqrt(square)
        if norm <= 0.0:
            return 0.0, 0
        bound *= norm**weight
        # of rank one: the square of what has norm 1 is itself
        if weight < 1.0 and norm >= 1.0 - ONE:
            break
        weight *= 0.5
        for o in range(c):
            for q in range(c):
                A[o, q] /= norm
        for o in range(c):
            for q in range(c):
                total = 0.0
                for r in range(c):
                    total += A[o, r] * A[r, q]
                B[o, q] = total
        for o in range(c):
            for q in range(c):
                A[o, q] = B[o, q]
    best = 0
    for o in range(c):
        if A[o, o] > A[best, best]:
            best = o
    return bound * (1.0 + (4 * c * c + 256) * EPS), best


@compiled
def spectral_on_map(lines: Any, G: Any, p: int, point: Any) -> float:
    """||A||₂ over the penalised coordinates of the linear map A (c, D) that F is the norm of on a cone (c > 1).

    Infinite when a coordinate is unpenalised: then the operator norm is not the maximum. ``point`` receives the right
    singular direction, a candidate for the lower side.
    """
    c, dim = lines.shape
    if p < dim:
        return np.inf
    # c x c, whatever the dimension; its entries are off by D·u times the lengths of two lines
    gram, other = np.empty((c, c)), np.empty((c, c))
    for o in range(c):
        for q in range(c):
            total = 0.0
            for j in range(dim):
                total += lines[o, j] * lines[q, j]
            gram[o, q] = total
    value, best = largest_eigenvalue(gram, other)
    along = 0.0
    for j in range(dim):
        point[j] = 0.0
        for o in range(c):
            point[j] += lines[o, j] * gram[o, best]
        for k in range(G.shape[0]):
            along += point[j] * G[k, j]
    # a singular vector has no sign: the one on the cone's side
    if along < 0.0:
        for j in range(dim):
            point[j] = -point[j]
    # what is no number bounds nothing
    return np.sqrt(value) * (1.0 + c * dim * EPS) if value >= 0.0 else np.inf
