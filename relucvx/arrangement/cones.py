"""Cones of gates that share a pattern: membership, projection, and the cells that touch a gate."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from relucvx.arrangement.patterns import bits_of, unit_rows
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.tolerances import PATTERN, WALL
from relucvx.types import Array, ArrayLike, BoolArray
from relucvx.validation import as_count, as_matrix, as_positive

optimize = later("scipy.optimize")


class ConeProjection(NamedTuple):
    """Nearest point of a cone and the multipliers that prove it: ``projection = c + Bᵀ mu``, ``mu >= 0``.

    Status: certified numerically (``mu`` proves it). Source: [relucvx].

    Examples
    --------
    >>> from relucvx.arrangement import project_onto_cone
    >>> found = project_onto_cone([-1.0, -2.0], [[1.0, 0.0], [0.0, 1.0]], [True, True])
    >>> found.multipliers.round(6).tolist()  # both walls push back
    [1.0, 2.0]
    """

    projection: Array
    multipliers: Array


def pattern_of(w: Any, X: ArrayLike) -> BoolArray:
    """Activation pattern ``[x_i·w >= 0]`` of one gate (d,) -> (n,), or of several (k, d) -> (k, n).

    Raises
    ------
    InvalidInputError
        If shapes or values do not fit.

    Source: [pilanci-ergen-2020]
    Status: certified numerically (sides of walls closer than rounding are arbitrary).

    Examples
    --------
    >>> from relucvx.arrangement import pattern_of
    >>> X = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]]
    >>> pattern_of([1.0, 1.0], X).tolist()
    [True, True, False]
    >>> pattern_of([[1.0, 1.0], [-1.0, 1.0]], X).tolist()
    [[True, True, False], [False, True, True]]
    """
    data = as_matrix(X, "X")
    if np.ndim(w) == 1:
        return bits_of(unit_rows(data)[0] @ _as_gate(w, data, "w"))
    gates = as_matrix(w, "w")
    if gates.shape[1] != data.shape[1]:
        raise InvalidInputError(explain(f"w of shape (d,) or (k, d) with d = {data.shape[1]}", f"shape {gates.shape}"))
    return bits_of(gates @ unit_rows(data)[0].T)


def cone_margin(w: Any, X: ArrayLike, pattern: Any) -> float:
    """Signed distance of a gate to the nearest wall of its cone: ``min_i (2D - I)_i x_i·w / (||x_i|| ||w||)``.

    Over non-zero rows; negative outside the cone, 0 for w = 0, infinite if X = 0.

    Raises
    ------
    InvalidInputError
        If shapes or values do not fit.

    Source: [pilanci-ergen-2020]
    Status: certified numerically.

    Examples
    --------
    >>> from relucvx.arrangement import cone_margin, pattern_of
    >>> X = [[1.0, 0.0], [0.0, 1.0]]
    >>> pattern = pattern_of([3.0, 4.0], X)
    >>> round(cone_margin([3.0, 4.0], X, pattern), 6)  # 3/5 from the nearest wall
    0.6
    >>> round(cone_margin([-3.0, 4.0], X, pattern), 6)
    -0.6
    """
    data = as_matrix(X, "X")
    rows, _ = _signed_rows(data, _as_pattern(pattern, len(data)))
    gate = _unit(_as_gate(w, data, "w"))
    return float((rows @ gate).min()) if len(rows) else float("inf")


def in_cone(w: Any, X: ArrayLike, pattern: Any, tol: float = float(PATTERN)) -> bool:
    """Whether ``(2D - I) X w >= 0`` up to ``tol ||x_i|| ||w||``, that is ``cone_margin(w, X, pattern) >= -tol``.

    Raises
    ------
    InvalidInputError
        If shapes or values do not fit, or tol is negative.

    Source: [pilanci-ergen-2020]
    Status: certified numerically.

    Examples
    --------
    >>> from relucvx.arrangement import in_cone
    >>> X = [[1.0, 0.0], [0.0, 1.0]]
    >>> in_cone([2.0, 1.0], X, [True, True]), in_cone([-2.0, 1.0], X, [True, True])
    (True, False)
    """
    return cone_margin(w, X, pattern) >= -as_positive(tol, "tol", allow_zero=True)


def project_onto_cone(c: Any, X: ArrayLike, pattern: Any) -> ConeProjection:
    """Euclidean projection of c onto the cone ``{w : B w >= 0}``, ``B = (2D - I) X``.

    By Moreau's decomposition ``projection = c + Bᵀ mu`` where ``mu`` solves the non-negative least squares problem
    ``min_{mu >= 0} ||c + Bᵀ mu||``; ``||projection|| = max {c·w : B w >= 0, ||w|| <= 1}``, and ``||c + Bᵀ mu||`` bounds
    it from above for *any* mu >= 0.

    Parameters
    ----------
    c : (d,) array_like
    X : (n, d) array_like
    pattern : (n,) bool array_like

    Returns
    -------
    ConeProjection
        ``projection (d,)`` and ``multipliers (n,)``, which are 0 on zero rows.

    Raises
    ------
    InvalidInputError
        If shapes or values do not fit.

    Source: [pilanci-ergen-2020]
    Status: theorem (Moreau); certified numerically by the multipliers.

    Examples
    --------
    >>> from relucvx.arrangement import project_onto_cone
    >>> nearest, multipliers = project_onto_cone([-1.0, 2.0], [[1.0, 0.0], [0.0, 1.0]], [True, True])
    >>> (nearest + 0.0).round(6).tolist(), multipliers.round(6).tolist()
    ([0.0, 2.0], [1.0, 0.0])
    """
    data = as_matrix(X, "X")
    B, keep = _signed_rows(data, _as_pattern(pattern, len(data)))
    point = _as_gate(c, data, "c")
    size = float(np.abs(point).max())
    mu = np.zeros(len(data))
    if size == 0.0 or len(B) == 0:
        return ConeProjection(point, mu)
    # Moreau: what the walls push back with is the multiplier of each, in units of c
    multipliers = nonnegative_combination(B, -point / size)
    projection = size * (point / size + multipliers @ B)
    # multipliers for the rows as they are, whose squares may leave float64
    lengths = np.abs(data[keep]).max(axis=1)
    lengths = lengths * np.linalg.norm(data[keep] / lengths[:, None], axis=1)
    mu[keep] = np.where(multipliers > 0, size * multipliers / lengths, 0.0)
    return ConeProjection(projection, mu)


def nonnegative_combination(B: Array, target: Array) -> Array:
    """``mu >= 0`` minimising ``||Bᵀ mu - target||``, for unit rows B (n, d)."""
    try:
        mu, _ = optimize.nnls(B.T, target, maxiter=10 * max(B.shape))
    except RuntimeError:  # nnls can cycle on dependent rows; the bounded-variable active set method does not
        mu = optimize.lsq_linear(B.T, target, bounds=(0.0, np.inf), method="bvls", tol=1e-15).x
    return np.maximum(np.asarray(mu, dtype=np.float64), 0.0)


def adjacent_patterns(w: Any, X: ArrayLike, tol: float = float(WALL), max_walls: int = 3) -> BoolArray:
    """Patterns of the full-dimensional cells that touch a gate, to within a tolerance.

    The up to ``max_walls`` nearest walls with ``|x_i·w| <= tol ||x_i|| ||w||`` (collinear rows share a wall) are tried
    on both sides, 2^k choices, every other row keeping the side of w. A choice is returned only if a point strictly
    inside that very cell is found, so every row of the result is a true pattern.

    Parameters
    ----------
    w : (d,) array_like
        The gate, not zero.
    X : (n, d) array_like
    tol : float
        How near a wall counts as touching, relative to ||x_i|| ||w||.
    max_walls : int
        How many walls at most are tried on both sides.

    Returns
    -------
    (k, n) bool array
        Different patterns, the one of w itself first whenever w is strictly inside a cell; possibly none where w lies
        on more than max_walls walls.

    Raises
    ------
    InvalidInputError
        If shapes or values do not fit, w is zero, tol is negative or max_walls is not an int >= 0.

    Source: [relucvx]
    Status: certified numerically (each pattern has an interior witness); completeness is heuristic when more than
    max_walls walls are near.

    Examples
    --------
    >>> from relucvx.arrangement import adjacent_patterns
    >>> adjacent_patterns([0.0, 1.0], [[1.0, 0.0], [0.0, 1.0]]).tolist()  # on the first wall
    [[True, True], [False, True]]
    """
    data = as_matrix(X, "X")
    gate = _as_gate(w, data, "w")
    if not gate.any():
        raise InvalidInputError(
            explain("w not zero", "the zero vector", "every cell touches it", "enumerate_patterns(X)")
        )
    tol = as_positive(tol, "tol", allow_zero=True)
    max_walls = as_count(max_walls, "max_walls", 0, fix="max_walls=3")
    rows, nonzero = unit_rows(data)
    gate = _unit(gate)
    values = rows @ gate
    near = np.flatnonzero(nonzero & (np.abs(values) <= tol))
    # nearest walls first, one for all rows on it: 2^k choices are made
    walls, owner = _distinct_walls(rows, near[np.argsort(np.abs(values[near]), kind="stable")])
    walls = walls[:max_walls]
    held = np.flatnonzero(nonzero & ~np.isin(owner, walls))
    own = np.where(values[walls] >= 0, 1.0, -1.0)
    found = []
    # a choice of sides counts only if some point strictly inside its cell is found
    for flips in itertools.product((1.0, -1.0), repeat=len(walls)):
        point = _step_into(gate, rows[walls], own * np.array(flips), rows[held])
        if point is not None:
            found.append(bits_of(rows @ point))
    return np.array(found, dtype=bool).reshape(len(found), len(data))


def _distinct_walls(rows: Array, near: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First row of each wall among the rows `near`, and for every row the wall it lies on (-1: none of them)."""
    owner = np.full(len(rows), -1, dtype=np.intp)
    walls: list[int] = []
    for i in near:
        if owner[i] >= 0:
            continue
        walls.append(int(i))
        same = np.minimum(np.linalg.norm(rows - rows[i], axis=1), np.linalg.norm(rows + rows[i], axis=1))
        owner[same <= float(PATTERN)] = i
    return np.array(walls, dtype=np.intp), owner


def _step_into(gate: Array, walls: Array, signs: Array, others: Array) -> Array | None:
    """A unit point strictly on the given sides of the walls, and on the gate's side of the others; or None."""
    kept = np.where(others @ gate >= 0, 1.0, -1.0)[:, None] * others
    B = signs[:, None] * walls
    # the nearest point on the near walls, and from there as far inward as the other walls leave room
    start = gate + nonnegative_combination(B, -gate) @ B if len(B) else gate
    inward = _inward(B)
    room = float((kept @ start).min()) if len(kept) else 1.0
    for candidate in (gate, start + 0.5 * max(room, 0.0) * inward):
        if np.linalg.norm(candidate) > float(PATTERN) and _inside(_unit(candidate), B, kept):
            return _unit(candidate)
    # Walls beyond tol can be crossed before all near ones are passed: look for any interior point of this cell.
    anywhere = _inward(np.concatenate([B, kept]))
    return anywhere if _inside(anywhere, B, kept) else None


def _inside(point: Array, *groups: Array) -> bool:
    return all(len(rows) == 0 or float((rows @ point).min()) > float(PATTERN) for rows in groups)


def _inward(B: Array) -> Array:
    """Unit direction of (nearly) the largest ``min_i B_i·u``: the shortest vector of the hull of the rows of B."""
    if len(B) == 0:
        return np.zeros(B.shape[1])
    # the hull's shortest vector, as non-negative least squares: a last row of ones makes the weights sum to one
    lifted = np.concatenate([B, np.ones((len(B), 1))], axis=1)
    weights = nonnegative_combination(lifted, np.append(np.zeros(B.shape[1]), 1.0))
    return _unit(weights @ B)


def _unit(w: Array) -> Array:
    """w scaled to length 1 without under- or overflow; 0 stays 0."""
    largest = float(np.abs(w).max())
    if largest == 0.0:
        return w
    scaled = w / largest
    return np.asarray(scaled / np.linalg.norm(scaled))


def _signed_rows(X: Array, pattern: BoolArray) -> tuple[Array, BoolArray]:
    """Unit non-zero rows of (2D - I) X, and the mask of the rows kept."""
    rows, nonzero = unit_rows(X)
    return np.where(pattern, 1.0, -1.0)[nonzero, None] * rows[nonzero], nonzero


def _as_gate(w: Any, X: Array, name: str) -> Array:
    gate = as_matrix(w, name, allow_vector=True)
    if gate.shape != (X.shape[1], 1):
        raise InvalidInputError(explain(f"{name} of shape ({X.shape[1]},)", f"shape {np.shape(w)}"))
    return gate[:, 0]


def _as_pattern(pattern: Any, n: int) -> BoolArray:
    bits = np.asarray(pattern)
    if bits.shape != (n,) or bits.dtype != np.bool_:
        raise InvalidInputError(
            explain(f"a boolean pattern of shape ({n},)", f"dtype {bits.dtype}, shape {bits.shape}", "", "X @ w >= 0")
        )
    return bits
