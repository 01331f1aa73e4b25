"""Whether data are spike-free, by linear algebra, with an input direction that shows the violation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.later import later
from relucvx.limits import timed
from relucvx.tolerances import EPS, RANK
from relucvx.types import Array, Result
from relucvx.validation import as_matrix

linalg = later("scipy.linalg")

POSITIVE = 1e-10
"""P_ij/sqrt(P_ii P_jj) of P = (R R^T)^-1 up to this counts as 0 (plus the rounding of the inverse)."""

UNDECIDED = 1e-4
"""Rounding of those entries above which their signs are not believed: such data do not count as spike-free."""

SAME = 1e-8
"""Distance of unit rows below which rank-deficient data count them as one direction."""


@dataclass(frozen=True)
class SpikeFree(Result):
    """Whether {relu(Xw) : ||w|| <= 1} = {Xw : ||w|| <= 1, Xw >= 0}.

    Attributes
    ----------
    spike_free : bool
        False also where float64 cannot tell, which has no witness.
    witness : ndarray of shape (n,) or None
        A preactivation h = X w whose relu(h) is outside: no w' with ||w'|| <= ||w|| has X w' = relu(h).
    direction : ndarray of shape (d,) or None
        That w, a unit vector.
    reason : str
        What decided, in words.
    excess : float
        min{||w'|| : X w' = relu(h)} for the witness, relative to ||w|| = 1: above 1 shows the violation, inf when there
        is no such w' at all. NaN without a witness.

    Notes
    -----
    Status: a record of what :func:`spike_free` finds, which states what it rests on. Source: [wang-2025], [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.kernel.spike_free([[1.0, 0.0], [-0.5, 1.0]])
    >>> print(found.reason)
    (X X^T)^-1 has a positive entry between rows 0 and 1
    >>> bool(found.excess > 1.0)  # relu(X w) of the witness costs this much more than X w
    True
    """

    spike_free: bool
    witness: Array | None
    direction: Array | None
    reason: str
    excess: float = float("nan")


@timed("spike_free(X[::4])")
def spike_free(X: Any, *, time_limit: float | None = None) -> SpikeFree:
    """Test whether data are spike-free in O(n³): iff all off-diagonal entries of (X X^T)^-1 are <= 0.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs (with a ones column for a hidden bias).
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    SpikeFree
        With a witness when they are not. For full row rank and P = (X X^T)^-1 with P_ij > 0 it is h = t e_i - e_j,
        t = P_jj/P_ij, where relu(h) = t e_i costs P_ii/(P_ii - P_ij²/P_jj) times as much. Rank-deficient data are
        spike-free iff the rows are non-negative multiples of linearly independent r_1 .. r_k whose (R R^T)^-1 has no
        positive off-diagonal entry; otherwise some relu(Xw) leaves the range of X or costs too much.

    Raises
    ------
    InvalidInputError
        When X is not a finite matrix.

    Notes
    -----
    For spike-free data and non-negative preactivations nothing is lost: the ReLU network is a linear one with cone
    constraints. Borderline entries (zero up to rounding, as for orthogonal rows) count as spike-free.

    Source: [relucvx].
    Status: theorem (exact up to rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.kernel.spike_free([[1.0, 0.0], [0.0, 1.0]]).spike_free
    True
    >>> found = rx.kernel.spike_free([[1.0, 0.0], [-0.5, 1.0]])
    >>> found.spike_free, found.witness.shape
    (False, (2,))
    """
    X = as_matrix(X, "X")
    largest = np.abs(X).max(axis=1, keepdims=True)
    rows = np.flatnonzero(largest[:, 0])
    # lengths are no part of the question: relu is homogeneous in every row; by the largest first, or squares would overflow
    unit = X[rows] / largest[rows]
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    if rows.size == 0:
        return SpikeFree(True, None, None, "X = 0")
    rank = int(np.linalg.matrix_rank(unit, tol=float(RANK) * np.linalg.norm(unit, 2)))
    # parallel rows go together before independence is asked for
    chosen = _directions(unit) if rank < len(unit) else np.arange(len(unit))
    if len(chosen) > rank:
        return _dependent(X, unit[chosen], rank)
    R = unit[chosen]
    # P = (R R^T)^-1 from the pseudoinverse of R, whose condition is the root of that of R R^T
    inverse = np.linalg.pinv(R, rcond=EPS)
    size = np.linalg.norm(inverse, axis=0)
    # unit diagonal: entries of rows of different size compare
    scaled = (inverse / size).T @ (inverse / size)
    np.fill_diagonal(scaled, -np.inf)
    i, j = (int(k) for k in np.unravel_index(np.argmax(scaled), scaled.shape))
    spread = float(np.linalg.norm(inverse, 2))
    tol = POSITIVE + 10 * EPS * float(np.linalg.cond(R)) * spread / float(size.min())
    # nearly parallel rows: signs that rounding decides prove nothing
    if tol > UNDECIDED and scaled[i, j] <= tol:
        return SpikeFree(
            False, None, None, f"undecided: rows are parallel to rounding (entries are known to {tol:.1g})"
        )
    P = inverse.T @ inverse
    if scaled[i, j] <= tol:
        text = "no off-diagonal entry of (X X^T)^-1 is positive"
        return SpikeFree(True, None, None, text if rank == len(X) else text.replace("X X^T", "R R^T, R the directions"))
    # a witness needs two samples: one switched on, the other pulled below zero, the rest on their walls
    w = np.linalg.lstsq(R, _two(len(R), i, P[j, j] / P[i, j], j, -1.0), rcond=None)[0]
    reason = f"(X X^T)^-1 has a positive entry between rows {rows[chosen[i]]} and {rows[chosen[j]]}"
    return _violation(X, w, reason, float(1 / np.sqrt(1 - scaled[i, j] ** 2)))


def _directions(unit: Array) -> Array:
    """Index of one row for each distinct direction."""
    kept: list[int] = []
    for i, row in enumerate(unit):
        if not kept or np.linalg.norm(unit[kept] - row, axis=1).min() > SAME:
            kept.append(i)
    return np.array(kept)


def _dependent(X: Array, unit: Array, rank: int) -> SpikeFree:
    """A row that is a combination of independent ones but no positive multiple of one: relu leaves range(X).

    On range(X) the row's value is Σ c_i h_i. One c_i < 0: h_i = 1, the others 0, is positive on the left of
    relu(Σ c_i h_i) = Σ c_i relu(h_i) and not on the right. Otherwise two c_i, c_j > 0: h_i = 1/c_i, h_j = -1/(2 c_j).
    """
    # pivots put independent rows first; the next one is a combination of them
    order = linalg.qr(unit.T, mode="economic", pivoting=True)[2]
    basis, row = unit[order[:rank]], unit[order[rank]]
    c = np.linalg.lstsq(basis.T, row, rcond=None)[0]
    i, j = (int(k) for k in np.argsort(-np.abs(c))[:2]) if rank > 1 else (0, 0)
    # row i alone: the dependent row is pulled below zero, and relu makes 0 of what the others say is c_i
    if c.min() < -SAME:
        i = int(np.argmin(c))
        target = _two(rank, i, 1.0, i, 1.0)
    else:
        # two rows of opposite sign: relu forgets the second, which the dependent row still counts
        target = _two(rank, i, 1 / c[i], j, -0.5 / c[j])
    w = np.linalg.lstsq(basis, target, rcond=None)[0]
    return _violation(X, w, "the rows have more directions than their rank: relu(Xw) leaves the range of X", np.inf)


def _two(size: int, i: int, at_i: float, j: int, at_j: float) -> Array:
    """A vector with two entries set."""
    out = np.zeros(size)
    out[i], out[j] = at_i, at_j
    return out


def _violation(X: Array, w: Any, reason: str, excess: float) -> SpikeFree:
    w = np.asarray(w / np.linalg.norm(w), dtype=np.float64)
    return SpikeFree(False, X @ w, w, reason, excess)
