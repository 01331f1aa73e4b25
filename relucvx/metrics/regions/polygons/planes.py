"""Planes in input space: a frame of two orthonormal axes, and a convex polygon in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.layers import LayerList
from relucvx.tolerances import PLANE
from relucvx.types import Array
from relucvx.validation import as_matrix, check_size


@dataclass(frozen=True)
class Plane:
    """The plane x = origin + (u, v) axes, and a convex polygon in it.

    Attributes
    ----------
    origin : ndarray of shape (d,)
    axes : ndarray of shape (2, d)
        Orthonormal rows, so lengths and areas are those of input space.
    corners : ndarray of shape (v, 2)
        Corners of the polygon in plane coordinates, counter-clockwise.
    points : ndarray of shape (v, d)
        The same corners in input space, as given.
    """

    origin: Array
    axes: Array
    corners: Array
    points: Array


def read_plane(network: LayerList, polygon: Any, origin: Any, axes: Any, extent: Any) -> Plane:
    """The plane meant by the arguments of ``slice_regions``: a polygon, or an origin with axes and extent.

    Raises
    ------
    InvalidInputError
        For neither or both, sizes that do not fit, and polygons that are not flat, not convex or without area.
    """
    given = {"origin": origin, "axes": axes, "extent": extent}
    missing = [name for name, value in given.items() if value is None]
    if (polygon is None) == bool(missing) or (polygon is not None and len(missing) < 3):
        received = ", ".join(name for name, v in {"polygon": polygon, **given}.items() if v is not None) or "nothing"
        raise InvalidInputError(
            explain("a polygon, or all of origin, axes and extent", received, "", "polygon=X[[0, 1, 2]], a triangle")
        )
    if polygon is None:
        return _from_axes(network, origin, axes, extent)
    points = network.points(polygon, "polygon")[0]
    check_size(points, "polygon")
    if len(points) < 3:
        raise InvalidInputError(explain("a polygon of at least three corners, shape (v, d)", f"{len(points)} corners"))
    return _through(points)


def spans(points: Array) -> bool:
    """Whether the rows are ends of a segment (two), or corners of a polygon that a slice takes."""
    if len(points) == 2:
        return bool((points[0] != points[1]).any())
    try:
        _through(points)
    except InvalidInputError:
        return points.shape[1] == 1  # a fault of the space, which slicing explains
    return True


def _from_axes(network: LayerList, origin: Any, axes: Any, extent: Any) -> Plane:
    start, steps = network.points(origin, "origin")[0], network.points(axes, "axes")[0]
    ends = as_matrix(np.reshape(extent, (1, -1)), "extent")[0]
    if len(start) != 1 or len(steps) != 2:
        raise InvalidInputError(
            explain(
                "one origin and two axes", f"{len(start)} origins and {len(steps)} axes of {network.n_features} numbers"
            )
        )
    if len(ends) != 4 or ends[0] >= ends[1] or ends[2] >= ends[3]:
        raise InvalidInputError(
            explain(
                "extent (u_min, u_max, v_min, v_max), growing",
                repr(tuple(map(float, ends))),
                "",
                "extent=(-1, 1, -1, 1)",
            )
        )
    # counter-clockwise in the axes given, which may turn the other way themselves
    corners = np.array([[ends[0], ends[2]], [ends[1], ends[2]], [ends[1], ends[3]], [ends[0], ends[3]]])
    # after the numbers: in one dimension any two axes are on one line, and segments do what is wanted
    _check_not_a_line(network.n_features)
    check_size(np.concatenate([start, steps]), "origin and axes")
    check_size(ends, "extent")
    # axes may have any lengths and angle; lengths in the result's own axes are those of input space
    frame, lengths = _orthonormal(steps)
    if frame is None:
        raise InvalidInputError(explain("two axes of different directions", "axes on one line", "", "another axis"))
    # from the axes as they were given, without the rounding of the frame
    points = start[0] + corners @ steps
    return Plane(start[0], frame, _turned(corners @ lengths), _turned_like(points, corners @ lengths))


def _check_not_a_line(dimensions: int) -> None:
    if dimensions == 1:
        raise InvalidInputError(
            explain(
                "an input space of at least two dimensions",
                "one",
                "",
                "relucvx.metrics.line_regions(module, start, end)",
            )
        )


def _orthonormal(steps: Array) -> tuple[Array | None, Array]:
    """Gram-Schmidt: orthonormal rows and the coordinates of the steps in them; None for steps on one line."""
    sizes = np.linalg.norm(steps, axis=1)
    if sizes[0] == 0.0:
        return None, np.zeros((2, 2))
    first = steps[0] / sizes[0]
    along = float(steps[1] @ first)
    rest = steps[1] - along * first
    rest -= (rest @ first) * first  # once more, for directions that are nearly the same
    across = float(np.linalg.norm(rest))
    if across <= PLANE.value * sizes[1] or sizes[1] == 0.0:
        return None, np.zeros((2, 2))
    return np.stack([first, rest / across]), np.array([[sizes[0], 0.0], [along, across]])


def _through(points: Array) -> Plane:
    """The plane of a polygon; inputs of two features keep their own coordinates."""
    _check_not_a_line(points.shape[1])
    if points.shape[1] == 2:
        corners = points
        _check_convex(corners)
        return Plane(np.zeros(2), np.eye(2), _turned(corners), _turned_like(points, corners))
    offsets = points - points[0]
    far = int(np.linalg.norm(offsets, axis=1).argmax())
    # the corner farthest from the line through the two farthest corners fixes the plane best
    unit = offsets[far] / (np.linalg.norm(offsets[far]) or 1.0)
    away = offsets - np.outer(offsets @ unit, unit)
    frame, _ = _orthonormal(np.stack([offsets[far], away[int(np.linalg.norm(away, axis=1).argmax())]]))
    if frame is None:
        raise InvalidInputError(
            explain(
                "a polygon with an area", "corners on one line", "", "relucvx.metrics.line_regions(module, start, end)"
            )
        )
    corners = offsets @ frame.T
    off = float(np.abs(corners @ frame - offsets).max())
    # far from the origin corners are rounded by their own size, and off the plane by as much
    if off > PLANE.value * float(np.abs(offsets).max() + np.abs(points[0]).max()):
        raise InvalidInputError(
            explain(
                "corners in one plane",
                f"corners up to {off:.3g} off it",
                "more than three samples are hardly ever in a plane",
                "three of them: a triangle",
            )
        )
    _check_convex(corners)
    return Plane(points[0], frame, _turned(corners), _turned_like(points, corners))


def _check_convex(corners: Array) -> None:
    """Raise unless the corners go once around a convex polygon, in either direction; straight angles are fine."""
    steps = np.roll(corners, -1, axis=0) - corners
    following = np.roll(steps, -1, axis=0)
    turns = steps[:, 0] * following[:, 1] - steps[:, 1] * following[:, 0]
    scale = PLANE.value * (float(np.ptp(corners, axis=0).max()) ** 2)
    if np.abs(_area(corners)) <= scale or (np.abs(steps).max(axis=1) == 0.0).any():
        raise InvalidInputError(
            explain("a polygon with an area and no corner twice", "corners on one line, or a repeated corner")
        )
    angles = np.arctan2(turns, (steps * following).sum(axis=1))
    # a star turns one way as well, but more than once around
    if not ((turns >= -scale).all() or (turns <= scale).all()) or abs(abs(angles.sum()) - 2 * np.pi) > 1.0:
        raise InvalidInputError(
            explain(
                "a convex polygon, its corners in order around it",
                f"{len(corners)} corners that turn both ways, or more than once around",
                "corners in another order",
                "polygon[scipy.spatial.ConvexHull(corners).vertices]",
            )
        )


def _area(corners: Array) -> float:
    x, y = (corners - corners[0]).T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def _turned(corners: Array) -> Array:
    """The corners counter-clockwise."""
    return corners if _area(corners) > 0 else corners[::-1].copy()


def _turned_like(points: Array, corners: Array) -> Array:
    return points if _area(corners) > 0 else points[::-1].copy()
