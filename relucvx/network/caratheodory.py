"""From any non-negative combination of vectors to one of linearly independent vectors that costs no more."""

from __future__ import annotations

import numpy as np

from relucvx.tolerances import EPS
from relucvx.types import Array

FIT = 1e-12
"""Allowed change of the combination, relative to the sum of the norms of its terms."""


def vertex_coefficients(atoms: Array, costs: Array) -> Array:
    """Coefficients a >= 0 with atoms·a = atoms·1, costs·a <= costs·1 and independent columns where a > 0.

    Parameters
    ----------
    atoms : ndarray of shape (N, m)
        One vector per column; zero columns get coefficient 0.
    costs : ndarray of shape (m,)
        Positive costs.

    Returns
    -------
    ndarray of shape (m,)

    Notes
    -----
    Each step moves along minus the projection of the costs on the null space, the steepest decrease, so every step has
    a decreasing coordinate. The null space's basis stays orthonormal (one Householder reflection per step), which
    keeps rounding from growing with the number of steps. Zeros are exact, so a dead column stays dead.

    Source: [mishkin-pilanci-2023].
    Status: theorem (exact up to rounding).
    """
    norms = np.linalg.norm(atoms, axis=0)
    weights = norms.copy()  # coefficients of the normalised atoms
    alive = np.flatnonzero(norms > 0)
    unit = np.zeros_like(atoms)
    unit[:, alive] = atoms[:, alive] / norms[alive]
    target = unit @ weights
    rates = np.zeros_like(norms)
    rates[alive] = costs[alive] / norms[alive]
    while alive.size:
        null = _null_space(unit[:, alive])
        if null.shape[1] == 0:
            break
        moved = _eliminate(weights[alive], rates[alive], null)
        moved = _refit(unit[:, alive], moved, rates[alive], target)
        error = np.linalg.norm(unit[:, alive] @ moved - target)
        if error > FIT * norms.sum():  # the dependence was only numerical: keep what is exact
            break
        weights[alive] = moved
        alive = alive[moved > 0]
    out = np.zeros_like(norms)
    out[alive] = weights[alive] / norms[alive]
    return out


def _null_space(columns: Array) -> Array:
    """Orthonormal basis (k, q) of the null space, with NumPy's threshold for the numerical rank."""
    rows, k = columns.shape
    # R has the null space of the columns, and no more rows than there are columns
    core = np.linalg.qr(columns, mode="r") if rows > k else columns
    _, singular, right = np.linalg.svd(core, full_matrices=True)
    rank = int(np.sum(singular > singular[0] * max(rows, k) * EPS))
    basis: Array = right[rank:].T
    return basis


def _eliminate(weights: Array, rates: Array, null: Array) -> Array:
    """Move along null vectors until each has killed one coordinate."""
    weights, null = weights.copy(), null.copy()
    while null.shape[1]:
        direction = -(null @ (null.T @ rates))
        size = np.abs(direction).max()
        if size <= EPS * np.abs(rates).max():  # the costs do not change along the null space: any direction will do
            direction = null[:, np.argmax(np.abs(null).max(axis=0))]
            size = np.abs(direction).max()
        direction = direction / size
        falling = np.flatnonzero(direction < -1e-14)
        # only where the costs stay the same: then the way back is as good
        if falling.size == 0:
            direction, falling = -direction, np.flatnonzero(direction > 1e-14)
        steps = weights[falling] / -direction[falling]
        first = falling[np.argmin(steps)]
        weights = np.maximum(weights + steps.min() * direction, 0.0)
        weights[first] = 0.0
        null = _drop_coordinate(null, first)
    return weights


def _drop_coordinate(null: Array, i: int) -> Array:
    """Orthonormal basis of the part of span(null) whose coordinate i is zero."""
    row = null[i]
    reflector = row.copy()
    # away from the entry's sign, so that nothing cancels
    reflector[0] += np.copysign(np.linalg.norm(row), row[0])
    reflector /= np.linalg.norm(reflector)
    rest = (null - 2.0 * np.outer(null @ reflector, reflector))[:, 1:]
    rest[i] = 0.0
    return rest


def _refit(unit: Array, moved: Array, rates: Array, target: Array) -> Array:
    """Solve for the surviving coefficients anew, removing accumulated rounding, unless that breaks a constraint."""
    alive = np.flatnonzero(moved > 0)
    solved = np.linalg.lstsq(unit[:, alive], target, rcond=None)[0]
    if (solved <= 0).any() or rates[alive] @ solved > (rates @ moved) * (1 + 1e-13):
        return moved
    out = np.zeros_like(moved)
    out[alive] = solved
    return out
