"""Liftings: the set {(w, relu(X w))} as the non-negative vectors of a cone, and what a multiplier on it proves.

A neuron with unit input vector w is written as a vector q with ``E q >= 0`` entrywise, ``q P q <= 1`` and
``phi(X w) = J q``; some pairs of entries of ``E q`` have product zero. Products of non-negative numbers are
non-negative, so for every symmetric S that is non-negative off those pairs

    ||Nᵀ phi(X w)||² <= qᵀ (J^T N N^T J + E^T S E) q,

and a bound on that quadratic form over ``q P q <= 1`` bounds the dual norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.later import later
from relucvx.tolerances import EPS
from relucvx.types import Activation, Array

linalg = later("scipy.linalg")

RIDGES = tuple(10.0**k for k in range(-14, 1))
"""Weights tried for the redundant bound ||relu(X w)|| <= ||X||, relative to the size of the form."""

SAME_LINE = 1e-13
"""Rows this close to a line, relative to their length, count as on it; what that loses is added to the bound."""


@dataclass(frozen=True, eq=False)
class Lifting:
    """One neuron's input side, lifted.

    Attributes
    ----------
    J : (n, k) array
        ``phi(X w) = J q``.
    E : (m, k) array
        Rows whose product with q is non-negative.
    leading : int
        ``P`` is ``1/reach²`` on the first ``leading`` coordinates and 0 on the others: ``qᵀ P q <= 1`` for ||w|| <= 1.
    reach : float
        See ``leading``.
    rest : float
        Bound on the norm of the other coordinates for ||w|| <= 1 (0 if there are none).
    pairs : (p, 2) int array
        Pairs of rows of E with product zero.
    lost : (n,) array
        Bound on what ``J q`` leaves out of ``phi(x_i·w)`` for ||w|| <= 1: rounding of a change of basis.
    """

    J: Array
    E: Array
    leading: int
    reach: float
    rest: float
    pairs: Array
    lost: Array

    @property
    def size(self) -> int:
        """Number k of lifted coordinates."""
        return int(self.J.shape[1])

    @property
    def cost(self) -> Array:
        """Diagonal (k,) of P."""
        return np.where(np.arange(self.size) < self.leading, 1.0 / self.reach**2, 0.0)

    def free(self) -> Array:
        """(m, m) bool: entries of S whose sign is free."""
        out = np.zeros((len(self.E), len(self.E)), dtype=bool)
        out[self.pairs[:, 0], self.pairs[:, 1]] = True
        return np.asarray(out | out.T)


def spectral_norm_above(X: Array) -> float:
    """The largest singular value of X, rounded up."""
    if not X.size:
        return 0.0
    return float(np.linalg.norm(X, 2)) + 8.0 * max(X.shape) * EPS * float(np.linalg.norm(X))


def is_whitened(inputs: Array, tol: float = 1e-10) -> bool:
    """Whether ``X Xᵀ = s I`` for some s > 0, up to ``tol·s``."""
    K = inputs @ inputs.T
    s = float(np.trace(K)) / len(K)
    return s > 0.0 and bool(np.abs(K - s * np.eye(len(K))).max() <= tol * s)


def nonnegative_lifting(inputs: Array, activation: Activation) -> Lifting:
    """``q = relu(X w)`` with ``||q|| <= ||X||``: tight for whitened inputs and an activation with one zero slope.

    The other sign of w serves activations that are zero on the right.
    """
    n = len(inputs)
    slope = activation.slope_pos if activation.slope_neg == 0.0 else -activation.slope_neg
    no_pairs = np.zeros((0, 2), dtype=int)
    return Lifting(slope * np.eye(n), np.eye(n), n, spectral_norm_above(inputs), 0.0, no_pairs, np.zeros(n))


def split_lifting(inputs: Array, activation: Activation) -> Lifting:
    """``q = (w, s)`` with ``s = relu(R w) >= 0``, ``s - R w >= 0`` and ``s (s - R w) = 0`` entrywise.

    R (p, d) holds one row for each line that rows of X lie on: parallel rows would leave the lifted set no interior.
    """
    n, d = inputs.shape
    X, basis, lost, reach = inputs, np.eye(d), np.zeros(n), 1.0
    # neurons may be taken from the row space: what else they have costs and does nothing
    if d > n:
        basis = np.linalg.svd(inputs, full_matrices=False)[2]
        X = inputs @ basis.T
        lost = 8.0 * d * EPS * np.linalg.norm(inputs, axis=1)
        reach = 1.0 + 64.0 * d * EPS  # the rows of the basis are orthonormal up to rounding
    # one coordinate for all rows on a line: relu(a r·w) is a multiple of relu(r·w), or of relu(-r·w)
    lines, line_of, factor = _lines(X)
    gain = activation.steepest
    on_line = factor[:, None] * lines[line_of]
    lost = gain * (lost + np.linalg.norm(inputs - on_line @ basis, axis=1))
    p, k = lines.shape
    picked = np.abs(factor)[:, None] * np.eye(p)[line_of]
    # relu(-r.w) = relu(r.w) - r.w for rows that point backwards along their line
    behind = np.where(factor < 0.0, factor, 0.0)[:, None] * lines[line_of]
    J = np.hstack([activation.linear * on_line + activation.hinge * behind, activation.hinge * picked])
    # s >= 0 and s - Rw >= 0, of which one is zero in every row
    eye = np.eye(p)
    E = np.block([[np.zeros((p, k)), eye], [-lines, eye]])
    pairs = np.column_stack([np.arange(p), p + np.arange(p)])
    return Lifting(J, E, k, reach, reach * spectral_norm_above(lines), pairs, lost)


def _lines(X: Array) -> tuple[Array, Array, Array]:
    """Lines (p, d), each the longest row on it, with ``X[i] = factor[i] lines[line_of[i]]``; zero rows have factor 0."""
    size = np.linalg.norm(X, axis=1)
    lines, squares, found = np.zeros_like(X), np.zeros(len(X)), 0
    line_of, factor = np.zeros(len(X), dtype=int), np.zeros(len(X))
    # longest first, so that a line's direction is as accurate as a row can make it
    for i in np.argsort(-size):
        if size[i] == 0.0 and found:
            continue
        shares = lines[:found] @ X[i] / np.maximum(squares[:found], 1e-300)
        off = np.linalg.norm(X[i] - shares[:, None] * lines[:found], axis=1)
        k = int(np.argmin(off)) if found else 0
        if found and off[k] <= SAME_LINE * size[i]:
            line_of[i], factor[i] = k, shares[k]
        else:
            line_of[i], factor[i] = found, 1.0
            lines[found], squares[found] = X[i], float(X[i] @ X[i])
            found += 1
    return lines[:found].copy(), line_of, factor


def is_one_sided(activation: Activation) -> bool:
    """Whether one slope is zero."""
    return 0.0 in (activation.slope_neg, activation.slope_pos)


def tightest_lifting(inputs: Array, activation: Activation) -> Lifting:
    """The non-negative lifting where it loses nothing (whitened inputs, one zero slope), else the split one."""
    if is_one_sided(activation) and is_whitened(inputs):
        return nonnegative_lifting(inputs, activation)
    return split_lifting(inputs, activation)


def lifted_dual_norm(lifting: Lifting, N: Array, S: Array, G: Array | None = None) -> float:
    """An upper bound on ``max over ||w|| <= 1 of ||Nᵀ phi(X w)||`` from any symmetric multiplier.

    With G, on the root of ``||Nᵀ phi||² + phiᵀ G phi``, or of 0 where that is negative.

    Parameters
    ----------
    lifting : Lifting
    N : (n, c) array
    S : (m, m) array
        Made symmetric here, and non-negative where its sign is not free.
    G : (n, n) array, optional
        Symmetric, definite or not.

    Returns
    -------
    float

    Notes
    -----
    With ``P = diag(1/reach², 0)`` and R the quadratic form above, ``t P + r diag(0, I) - R >= -e I`` proves
    ``||Nᵀ phi||² <= t + r rest² + e (reach² + rest²)``. The first two are chosen by a Schur complement, e is what the
    smallest eigenvalue falls short of, with its rounding. Status: certified numerically. Source: [relucvx]
    """
    S = 0.5 * (S + S.T)
    # any such multiplier proves a bound: what the backend got wrong makes it looser, never false
    S = np.where(lifting.free(), S, np.maximum(S, 0.0))
    A, E = lifting.J.T @ N, lifting.E
    R = A @ A.T + E.T @ S @ E
    R = 0.5 * (R + R.T)
    magnitude = np.abs(A) @ np.abs(A).T + np.abs(E).T @ np.abs(S) @ np.abs(E)
    # forming R and its eigenvalues: inner products of up to n + m terms, then a backward stable symmetric solver
    rounding = 8.0 * EPS * (len(E) + len(N) + lifting.size) * float(np.linalg.norm(magnitude))
    beside = 0.0
    if G is not None:
        R, more, beside = _with_form(lifting, R, G)
        rounding += more
    squared = min(_bound_of_form(lifting, R, rounding, ridge) for ridge in _ridges(lifting, R)) + beside
    lost = float(np.linalg.norm(N, axis=1) @ lifting.lost)
    return float(np.sqrt(squared)) * (1.0 + 8.0 * EPS) + lost * (1.0 + len(N) * EPS)


def _with_form(lifting: Lifting, R: Array, G: Array) -> tuple[Array, float, float]:
    """R with ``Jᵀ G J`` added, what forming it may be off by, and what ``J q`` leaves out of the activities can add."""
    J, size = lifting.J, float(np.linalg.norm(G))
    more = J.T @ (0.5 * (G + G.T)) @ J
    spread = float(np.linalg.norm(np.abs(J).T @ np.abs(G) @ np.abs(J)))
    rounding = 8.0 * EPS * (2 * len(G) + lifting.size) * spread
    longest = float(np.linalg.norm(J)) * float(np.hypot(lifting.reach, lifting.rest)) * (1.0 + 64.0 * EPS)
    lost = float(np.linalg.norm(lifting.lost))
    # and a G whose entries are off by a few units in the last place is meant as well
    beside = size * (2.0 * longest * lost + lost**2 + 8.0 * EPS * len(G) * longest**2)
    return R + 0.5 * (more + more.T), rounding, beside


def _ridges(lifting: Lifting, R: Array) -> list[float]:
    p = lifting.leading
    if p == lifting.size:
        return [0.0]
    least = max(float(np.linalg.eigvalsh(R[p:, p:])[-1]), 0.0)
    scale = float(np.linalg.norm(R, 2))
    return [least + ridge * scale for ridge in RIDGES] if scale > 0.0 else [0.0]


def _bound_of_form(lifting: Lifting, R: Array, rounding: float, ridge: float) -> float:
    """A bound on max of q R q over ||q_lead|| <= reach, ||q_rest|| <= rest, spending ``ridge`` on the second."""
    p, reach, rest = lifting.leading, lifting.reach, lifting.rest
    top = R[:p, :p]
    if p < lifting.size and ridge > 0.0:
        block = ridge * np.eye(lifting.size - p) - R[p:, p:]
        # a few percent of the ridge keep the block invertible where it is only semidefinite
        block += 0.01 * ridge * np.eye(len(block))
        try:
            top = top + R[:p, p:] @ linalg.cho_solve(linalg.cho_factor(block), R[p:, :p])
        except np.linalg.LinAlgError:
            top = top + R[:p, p:] @ np.linalg.lstsq(block, R[p:, :p], rcond=None)[0]
    t = max(float(np.linalg.eigvalsh(0.5 * (top + top.T))[-1]), 0.0)
    weights = np.where(np.arange(lifting.size) < p, t, 1.01 * ridge)
    short = rounding + 4.0 * EPS * lifting.size * (t + ridge)
    short += max(0.0, -float(np.linalg.eigvalsh(np.diag(weights) - R)[0]))
    return (t * reach**2 + 1.01 * ridge * rest**2 + short * (reach**2 + rest**2)) * (1.0 + 32.0 * EPS)
