"""Polyhedra given by inequalities in few dimensions: which inequalities are sides, points on these, bounded or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from relucvx.types import Array

Indices = NDArray[np.intp]

FLAT = 1e-9
"""Share of a unit normal, and of a distance, below which a direction or a side is taken for none."""


@dataclass(frozen=True)
class Cell:
    """The polyhedron {x: A x + b >= 0} around a point inside it.

    Attributes
    ----------
    sides : ndarray of shape (s,)
        Rows of A that bound it, one for each side.
    contacts : ndarray of shape (s, d)
        A point inside every side.
    centre : ndarray of shape (d,)
        A point inside, farther from the sides than the one it was found from, where there is one.
    bounded : bool
    """

    sides: Indices
    contacts: Array
    centre: Array
    bounded: bool


def cell_around(A: Array, b: Array, inside: Array) -> Cell:
    """The sides of {x: A x + b >= 0}, with unit rows A, from a point strictly inside.

    In units of the distance to a side, inequality i is y_i·(x - inside) <= 1 with y_i = -A_i / distance_i: the sides are the
    corners of conv{0, y_1, ..., y_m} other than 0, and the corners of the polyhedron its faces.

    Notes
    -----
    Status: theorem (polarity; up to float64 rounding). Source: [relucvx].
    """
    distance = A @ inside + b
    if not len(A):
        return Cell(np.empty(0, dtype=np.intp), np.empty((0, len(inside))), inside, False)
    unit = float(distance.min())
    Y = -A * (unit / distance)[:, None]
    # a polyhedron that holds lines is one across them
    _, sizes, turned = np.linalg.svd(A, full_matrices=False)
    basis = turned[sizes > FLAT * sizes[0]]
    sides, contacts, middle, closed = _polar(Y @ basis.T)
    return Cell(
        sides,
        inside + unit * contacts @ basis,
        inside + unit * middle @ basis,
        closed and len(basis) == len(inside),
    )


def _polar(Y: Array) -> tuple[Indices, Array, Array, bool]:
    """Sides, points inside them, a middle, and whether it is bounded, of {x: Y x <= 1} in as many dimensions as Y has rank."""
    if Y.shape[1] == 1:
        ends = [int(k) for k in (Y[:, 0].argmin(), Y[:, 0].argmax()) if Y[k, 0] != 0.0]
        ends = [k for n, k in enumerate(ends) if Y[k, 0] * (1 if len(ends) == 1 or n else -1) > 0 or len(ends) == 1]
        contacts = np.array([[1.0 / Y[k, 0]] for k in ends])
        return np.array(ends, dtype=np.intp), contacts, _middle(contacts), len(ends) == 2
    hull = ConvexHull(np.vstack([np.zeros(Y.shape[1]), Y]))
    normal, level = hull.equations[:, :-1], -hull.equations[:, -1]
    ray = level <= FLAT * np.abs(Y).max() * 1e-3
    corner = normal / np.where(ray, 1.0, level)[:, None]
    sides = hull.vertices[hull.vertices > 0]
    touching = np.zeros((len(Y) + 1, len(normal)), dtype=bool)
    touching[hull.simplices.ravel(), np.repeat(np.arange(len(normal)), hull.simplices.shape[1])] = True
    contacts = np.array([_inside(corner[on & ~ray], normal[on & ray]) for on in touching[sides]])
    return np.asarray(sides - 1, dtype=np.intp), contacts, _inside(corner[~ray], normal[ray]), not ray.any()


def _inside(corners: Array, rays: Array) -> Array:
    """A point inside a face with these corners and directions to infinity, not too far out."""
    sizes = np.linalg.norm(corners, axis=1)
    weights = 1.0 / sizes
    out: Array = weights @ corners / weights.sum()
    return out if not len(rays) else out + sizes.min() * rays.mean(axis=0)


def _middle(contacts: Array) -> Array:
    return np.asarray(contacts.mean(axis=0) if len(contacts) == 2 else np.zeros(1))
