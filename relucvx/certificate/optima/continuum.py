"""Continua of active directions, as far as they can be followed: their dimension, and two far ends.

On the walls that a maximiser u of F(w) = ||Nᵀ phi(Xw)|| lies on F is the norm of a linear map. Where its largest singular
value is a multiple one, the unit vectors of that singular space near u are maximisers, too: a family of one dimension less.
It is followed along one of its directions, from cell to cell, until F falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.certificate.optima.isolation import Kinks
from relucvx.deadline import Deadline
from relucvx.oracle.form import Form
from relucvx.types import Array, Result

MULTIPLE = 1e-6
"""Relative distance from the largest up to which singular values count as equal to it."""

NEAR = 1e-6
"""A direction this close to a wall lies on it."""

STEP, LEAST_STEP = 0.02, 1e-4
"""Angles by which a family is followed, and to which its end is found."""

FALLEN = 1e-7
"""Share by which F may fall below its value at the start before the family has ended."""

MOST = 8
"""Families described at most."""


@dataclass(frozen=True)
class Continuum(Result):
    """A family of active directions, found by following it.

    Attributes
    ----------
    dimension : int
        Of the family at ``through``: 1 for a curve.
    through : ndarray, shape (D,)
        The active direction that it was found at, in augmented coordinates.
    ends : ndarray, shape (2, D)
        Where following it, one way and the other, came to an end; in a family of more dimensions, along one of them.
    length : float
        Angle gone through between the two, in radians.
    closed : bool
        Whether the curve came back to where it had begun.

    Notes
    -----
    Status: heuristic (singular values equal to 1e-6 and values of F equal to 1e-7 count as equal). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> sol = rx.solve(np.eye(2), np.eye(2), beta=0.2, tol=1e-11)  # ||N^T relu(w)|| = beta on a quarter of the circle
    >>> (family,) = rx.optimal_set(sol).continua
    >>> family.dimension, round(family.length, 2), np.abs(family.ends).round(2).tolist()
    (1, 1.57, [[0.0, 1.0], [1.0, 0.0]])
    """

    dimension: int
    through: Array
    ends: Array
    length: float
    closed: bool


def find_continua(form: Form, kinks: Kinks, points: list[Array], deadline: Deadline) -> tuple[Continuum, ...]:
    """Families of maximisers through directions of :class:`Kinks`, each described once.

    Notes
    -----
    Status: heuristic. Source: [relucvx]
    """
    found: list[Continuum] = []
    seen = np.zeros((0, form.X.shape[1]))
    starts: list[Array] = []
    for u in points:
        if len(found) >= MOST or deadline.passed():
            break
        # of a family that was followed already: within a step of the curve, or joined to its start in a straight line
        if len(seen) and float(np.linalg.norm(seen - u, axis=1).min()) <= STEP:
            continue
        if any(_joined(kinks, u, start) for start in starts):
            continue
        family = follow(kinks, u, deadline)
        if family is not None:
            dimension, back, forth, closed = family
            seen = np.concatenate([seen, back, forth])
            starts.append(u)
            ends = sorted(form.to_original(kinks.reduced(end)).tolist() for end in (back[-1], forth[-1]))
            length = _length(back) + (0.0 if closed else _length(forth))
            found.append(Continuum(dimension, form.to_original(kinks.reduced(u)), np.array(ends) + 0.0, length, closed))
    return tuple(found)


def follow(kinks: Kinks, u: Array, deadline: Deadline) -> tuple[int, Array, Array, bool] | None:
    """Dimension of the family through u, the points met on either side of it, and whether the curve closes; None for none."""
    space = _space(kinks, u)
    if space is None or space.shape[1] < 2:
        return None
    first = _tangents(kinks, space, u)[:, 0]
    back, closed = _walk(kinks, u, -first, deadline)
    forth = back[:1] if closed else _walk(kinks, u, first, deadline)[0]
    # nothing to follow: a singular space that touches the sphere of its cell in a point
    if len(back) + len(forth) < 3:
        return None
    return space.shape[1] - 1, back, forth, closed


def _space(kinks: Kinks, u: Array) -> Array | None:
    """Orthonormal basis (q, m) of the directions near u on which F keeps its value, u among them."""
    z, v = kinks.X @ u, kinks.output(u)
    near = np.abs(z) <= NEAR
    # walls that bend down hold the maximiser, others are passed
    walls = np.flatnonzero(near & (kinks.M @ v < -MULTIPLE * np.linalg.norm(kinks.M, axis=1) * np.linalg.norm(v)))
    Z = kinks.face(walls)
    if Z is None:
        return None
    gates = ((z > 0) & ~near).astype(float)
    _, s, Vt = np.linalg.svd(kinks.map(gates) @ Z, full_matrices=True)
    full = np.concatenate([s, np.zeros(Z.shape[1] - len(s))])
    return np.asarray(Z @ Vt[full >= full[0] * (1.0 - MULTIPLE)].T)


def _tangents(kinks: Kinks, space: Array, u: Array) -> Array:
    """Basis of the space without u, orthonormal in the penalised coordinates."""
    p = kinks.penalized
    along = space[:p].T @ u[:p]
    return np.asarray(space @ np.linalg.svd(along[None])[2][1:].T)


def _walk(kinks: Kinks, u: Array, way: Array, deadline: Deadline) -> tuple[Array, bool]:
    """Points from u on, a step apart, until F falls; and whether they came back to u."""
    p, floor = kinks.penalized, float(np.linalg.norm(kinks.output(u))) * (1.0 - FALLEN)
    points, at, step = [u], u, STEP
    while step >= LEAST_STEP and len(points) * STEP < 4.0 * np.pi and not deadline.passed():
        new = at + step * way
        new = new / np.linalg.norm(new[:p])
        if float(np.linalg.norm(kinks.output(new))) < floor:
            # over the end, or around a bend: by half
            step *= 0.5
            continue
        turned = new - at
        at = new
        points.append(at)
        # on from here in the family of the cell that was entered, as straight as it goes
        space = _space(kinks, at)
        if space is not None and space.shape[1] > 1:
            T = _tangents(kinks, space, at)
            straight = T @ (T[:p].T @ turned[:p])
            size = float(np.linalg.norm(straight[:p]))
            way = straight / size if size > 0.5 * np.linalg.norm(turned[:p]) else turned / np.linalg.norm(turned[:p])
        if len(points) > np.pi / STEP and float(np.linalg.norm(at - u)) <= STEP:
            return np.array(points), True
    return np.array(points), False


def _joined(kinks: Kinks, u: Array, other: Array) -> bool:
    """Whether F keeps its value on the shortest arc between two maximisers."""
    share = np.linspace(0.0, 1.0, 9)[:, None]
    W = (1.0 - share) * u + share * other
    size = np.linalg.norm(W[:, : kinks.penalized], axis=1, keepdims=True)
    if size.min() < 1e-3:
        return False
    values = [float(np.linalg.norm(kinks.output(w))) for w in W / size]
    return min(values) >= (1.0 - FALLEN) * max(values)


def _length(points: Array) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
