"""Range of tr(S_W S_B⁺)/C, the within-class variability of papers on collapse, over all networks near the optimum.

Let the columns of G (n, D) be contrasts of class means, D = C - 1, and E (n, n) take class means away, so that the features H
have centred means GᵀH, up to an invertible D x D matrix T, and deviations EH. With B = GᵀKG and A = GᵀKE

    n tr(S_W S_B⁺)/C = ||T B⁻¹ A||²                                                    (Frobenius),

which is no quotient of linear functionals of K. But for every matrix R (D, n), with Z = A - B R = GᵀK(E - G R), linear in K,

    T B⁻¹ A = T R + T B⁻¹ Z,
    ||T B⁻¹ A||² = ||T R||² + 2 <TᵀT R, Z> + 2 <TᵀT R, (B⁻¹ - I) Z> + ||T B⁻¹ Z||².

R is the value at the solution and T makes B the identity there, so that Z and B - I vanish at it: the second term is one linear
functional, whose range is found; the others are of second order, and bounded by the norms of B - I and of Z. A norm is
bounded by functionals along the corners of a simplex. What Z has outside of the directions that F = E - G R leaves of the
solution's features is bounded by Cauchy-Schwarz, as K is positive semidefinite: ||GᵀKF||² <= ||B|| tr FᵀKF.

Whatever R, ||T B⁻¹ A||² <= ||T||² ||B⁻¹|| tr EKE, as B^(-1/2) GᵀH is a projection of the features up to a rotation.
"""

from __future__ import annotations

import math

import numpy as np

from relucvx.certificate.kernels.kernel_statistics import Interval, Statistics
from relucvx.tolerances import EPS
from relucvx.types import Array

DEFINITE = 1e-10
"""Contrasts whose smallest square is below this share of the largest at the solution may be degenerate: no range is claimed."""

KEPT = 1e-5
"""Directions that carry at least this share of the deviations are bounded one by one, the others by their trace."""

NOTHING = 1e-9
"""Deviations of this share of the kernel are none: classes have collapsed."""

MOST_FUNCTIONALS = 40
"""The same, as many as need no more functionals than this."""


def collapse_range(asked: Statistics, contrasts: Array, deviations: Array) -> Interval:
    """Range of ||(GᵀKG)⁻¹GᵀKE||² /n, in the metric of contrasts G (n, C - 1) of class means, E = ``deviations`` (n, n).

    Without an upper end where class means may be degenerate at some optimum.

    Notes
    -----
    Status: theorem (the identity above; ranges of functionals by weak duality), certified numerically. Source: [papyan-2020],
    [relucvx]
    """
    K, n = asked.kernels()[0], len(deviations)
    sizes, vectors = np.linalg.eigh(contrasts.T @ K @ contrasts)
    if sizes[0] <= DEFINITE * sizes[-1]:
        return Interval(0.0, math.inf, 0.0, 0.0).with_values(_values(asked, contrasts, deviations))
    T = (vectors / np.sqrt(sizes)) @ vectors.T
    G = contrasts @ T
    R = G.T @ K @ deviations
    F = deviations - G @ R
    least = max(KEPT * float(np.sum(K * (deviations @ deviations.T))), NOTHING * float(np.trace(K)))
    kept = _directions(F.T @ K @ F, least, MOST_FUNCTIONALS // len(T))
    D, m = len(T), kept.shape[1]
    pairs = D * (D + 1) // 2
    asked.ends_left = 1 + (pairs + 1) + 2 + (D * m + 1) * bool(m) + 1
    # what enters by second order may be rough, unless nothing else is asked
    within = max(asked.upper(deviations @ deviations.T, rough=m > 0), 0.0)
    # B - I, in an orthonormal basis of the symmetric matrices
    basis = [np.outer(a, b) + np.outer(b, a) for i, a in enumerate(np.eye(D)) for b in np.eye(D)[: i + 1]]
    basis = [one / np.linalg.norm(one) for one in basis]
    apart = _norm(asked, [G @ one @ G.T for one in basis], np.array([np.trace(one) for one in basis]))
    if not apart < 1.0:
        return Interval(0.0, math.inf, 0.0, 0.0).with_values(_values(asked, contrasts, deviations))
    pull = T @ T @ R
    slope = G @ pull @ F.T
    low, high = asked.lower(slope), asked.upper(slope)
    # Z: along the directions that are kept, and beside them
    inside = _norm(asked, [np.outer(g, F @ u) for g in G.T for u in kept.T], np.zeros(D * m)) if m else 0.0
    beside = F - F @ kept @ kept.T
    outside = max(asked.upper(beside @ beside.T, rough=m > 0), 0.0)
    off = math.sqrt(inside**2 + (1.0 + apart) * outside)
    size, steepest = float(np.linalg.norm(T @ R)) ** 2, float(np.linalg.norm(T, 2)) ** 2
    second = 2.0 * float(np.linalg.norm(pull)) * off * apart / (1.0 - apart)
    rounding = 1e-12 + 32.0 * n * EPS * math.sqrt(sizes[-1] / sizes[0])
    lower = (size + 2.0 * low - second) - rounding * (size + abs(low))
    upper = (size + 2.0 * high + second + steepest * (off / (1.0 - apart)) ** 2) + rounding * (size + abs(high))
    upper = min(upper, steepest * within / (1.0 - apart)) * (1.0 + rounding)
    found = Interval(max(lower, 0.0) / n, max(upper, 0.0) / n, 0.0, 0.0)
    return found.with_values(_values(asked, contrasts, deviations))


def _directions(left: Array, least: float, most: int) -> Array:
    """Orthonormal columns (n, m): where most of what is left of the deviations lies."""
    sizes, vectors = np.linalg.eigh(left)
    return vectors[:, len(left) - min(int(np.sum(sizes > least)), most) :]


def _norm(asked: Statistics, matrices: list[Array], centre: Array) -> float:
    """An upper bound on the norm of the vector of <K, M_i> - centre_i over all networks.

    For unit vectors s_0 ... s_m of a regular simplex, with h_k >= s_k·z: the largest norm is at a corner of that polytope,
    where all but one are equal; Σ_k s_k = 0, and ||z||² = m/(m + 1) Σ_k (s_k·z)².
    """
    corners, m = simplex(len(matrices)), len(matrices)
    stack = np.array(matrices)
    bounds = [asked.upper(np.tensordot(s, stack, 1), rough=True) for s in corners]
    reach = np.maximum(np.array(bounds) - corners @ centre, 0.0)
    rest, squares = reach.sum() - reach, (reach**2).sum() - reach**2
    return float(np.sqrt(m / (m + 1) * np.max(rest**2 + squares))) * (1.0 + 1e-9)


def simplex(m: int) -> Array:
    """The m + 1 unit vectors in m dimensions with products -1/m, as rows."""
    _, _, basis = np.linalg.svd(np.ones((1, m + 1)))
    return np.asarray(basis[1:].T * math.sqrt((m + 1) / m))


def _values(asked: Statistics, contrasts: Array, deviations: Array) -> Array:
    """The statistic of the networks found so far; NaN where means are degenerate."""
    found = []
    for K in asked.kernels():
        B, A = contrasts.T @ K @ contrasts, contrasts.T @ K @ deviations
        sizes = np.linalg.eigvalsh(B)
        known = sizes[0] > DEFINITE * sizes[-1] and sizes[0] > 0.0
        found.append(float(np.linalg.norm(np.linalg.solve(B, A))) ** 2 / len(A.T) if known else math.nan)
    return np.array(found)
