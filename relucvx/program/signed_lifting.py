"""What multipliers prove about the neurons of one sign, whose length is a coordinate of the lifting.

For a unit vector w, q = (w, s) of a :class:`~relucvx.program.lifting.Lifting` and t = ||w||, every row e of E has e·q >= 0. A
column (a, b) with ||b|| <= a gives a t + b·w >= 0, so that its product with e·q is not negative either. For every symmetric S
that is non-negative off the pairs that exclude each other, and columns C of that kind,

    Nᵀ phi(X w) <= t (Jᵀ N)ᵀ q + qᵀ Eᵀ S E q + (t, w)ᵀ C E q,

and a bound on that quadratic form over t = ||w|| = 1 bounds what neurons of that sign can win.
"""

from __future__ import annotations

import numpy as np

from relucvx.later import later
from relucvx.program.lifting import RIDGES, Lifting
from relucvx.tolerances import EPS
from relucvx.types import Array

linalg = later("scipy.linalg")

HALVINGS = 60
"""Of the interval that the level on the sphere is in: down to rounding."""


def signed_dual_norm(lifting: Lifting, N: Array, S: Array, C: Array) -> float:
    """An upper bound on ``max over ||w|| <= 1 of Nᵀ phi(X w)`` from any multipliers.

    Parameters
    ----------
    lifting : Lifting
    N : (n,) array
    S : (m, m) array
        Made symmetric here, and non-negative where its sign is not free.
    C : (1 + leading, m) array
        Made longer in its first row here, where a column is not in the cone.

    Returns
    -------
    float

    Notes
    -----
    With R the form above, ``diag(a, b I, r I) - R >= -e I`` proves ``a + b + r rest² + e (2 + rest²)`` on the sphere; a and b
    are chosen by a Schur complement, and e is what the smallest eigenvalue falls short of, with its rounding.
    Status: certified numerically. Source: [relucvx]
    """
    S = 0.5 * (S + S.T)
    # any such multipliers prove a bound: what an iterate got wrong makes it looser, never false
    S = np.where(lifting.free(), S, np.maximum(S, 0.0))
    least = np.linalg.norm(C[1:], axis=0) * (1.0 + 4.0 * (len(C) + 2) * EPS)
    C = np.vstack([np.maximum(C[0], least), C[1:]])
    R = _form(lifting, lifting.J.T @ N, lifting.E.T @ S @ lifting.E, C @ lifting.E)
    E = np.abs(lifting.E)
    magnitude = _form(lifting, np.abs(lifting.J).T @ np.abs(N), E.T @ np.abs(S) @ E, np.abs(C) @ E)
    # forming R and its eigenvalues: inner products of up to n + m terms, then a backward stable symmetric solver
    rounding = 8.0 * EPS * (len(E) + len(N) + lifting.size + 1) * float(np.linalg.norm(magnitude))
    bound = min(_bound_of_form(lifting, R, rounding, ridge) for ridge in _ridges(lifting, R))
    lost = float(np.abs(N) @ lifting.lost)
    return max(0.0, bound) * (1.0 + 8.0 * EPS) + lost * (1.0 + len(N) * EPS)


def _form(lifting: Lifting, slope: Array, inner: Array, cones: Array) -> Array:
    """The form in (t, w, s), where t stands for ``reach``, the most that ||w|| is: symmetric."""
    p = lifting.leading
    R = np.zeros((1 + lifting.size, 1 + lifting.size))
    R[1:, 1:] = 0.5 * inner
    R[1 : 1 + p, 1:] += 0.5 * cones[1:]
    R[0, 1:] = 0.5 * (slope / lifting.reach + cones[0])
    upper = R + R.T
    upper[0, 1:], upper[1:, 0] = R[0, 1:], R[0, 1:]
    return np.asarray(upper)


def _ridges(lifting: Lifting, R: Array) -> list[float]:
    q, scale = 1 + lifting.leading, float(np.linalg.norm(R, 2))
    if q == len(R) or scale == 0.0:
        return [0.0]
    least = max(float(np.linalg.eigvalsh(R[q:, q:])[-1]), 0.0)
    return [least + ridge * scale for ridge in RIDGES]


def _bound_of_form(lifting: Lifting, R: Array, rounding: float, ridge: float) -> float:
    """A bound on q R q over t = reach, ||w|| = 1 (or at most reach) and ||rest|| <= rest, spending ``ridge`` on the last."""
    q, reach, rest = 1 + lifting.leading, lifting.reach, lifting.rest
    top = R[:q, :q]
    if q < len(R) and ridge > 0.0:
        block = 1.01 * ridge * np.eye(len(R) - q) - R[q:, q:]
        try:
            top = top + R[:q, q:] @ linalg.cho_solve(linalg.cho_factor(block), R[q:, :q])
        except np.linalg.LinAlgError:
            top = top + R[:q, q:] @ np.linalg.lstsq(block, R[q:, :q], rcond=None)[0]
    length, sphere = sphere_levels(0.5 * (top + top.T))
    at = np.arange(len(R))
    weights = np.where(at == 0, length, np.where(at < q, sphere, 1.01 * ridge))
    size = abs(length) + abs(sphere) + 1.01 * ridge
    short = rounding + 4.0 * EPS * len(R) * size
    short += max(0.0, -float(np.linalg.eigvalsh(np.diag(weights) - R)[0]))
    # where the basis was rounded, ||w|| is known to be at most reach alone
    inside = sphere if reach == 1.0 else max(0.0, sphere)
    bound = (length + inside) * reach**2 + 1.01 * ridge * rest**2 + short * (2.0 * reach**2 + rest**2)
    return bound + 32.0 * EPS * (size * (reach**2 + rest**2) + short * (2.0 * reach**2 + rest**2))


def sphere_levels(top: Array) -> tuple[float, float]:
    """The a and b of least sum with ``diag(a, b I) - top >= 0``: the maximum of the form over t = ||w|| = 1 is a + b.

    Notes
    -----
    Status: theorem (the trust-region problem has no duality gap), up to rounding. Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.program.signed_lifting import sphere_levels
    >>> print(*(round(level, 6) for level in sphere_levels(np.array([[0.0, 3.0], [3.0, 1.0]]))))  # 6 w + w² at w = 1
    3.0 4.0
    """
    values, V = np.linalg.eigh(top[1:, 1:])
    b = V.T @ top[1:, 0]
    size = float(np.linalg.norm(b))
    if size == 0.0:
        return float(top[0, 0]), float(values[-1])
    # the length of b / (level - values) falls from beyond 1 to 1 at most
    low, high = max(abs(float(b[-1])), 1e-12 * size), size
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        beyond = float(np.sum(np.square(b / (middle + (values[-1] - values))))) > 1.0
        low, high = (middle, high) if beyond else (low, middle)
    return float(top[0, 0] + np.sum(np.square(b) / (high + (values[-1] - values)))), float(values[-1]) + high
