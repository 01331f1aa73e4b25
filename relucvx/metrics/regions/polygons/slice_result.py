"""The result of a planar slice: polygons, codes and maps of its regions, and their measures."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.merging import joined, same_maps
from relucvx.metrics.regions.packing import Codes, check_matrix
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.metrics.regions.segments.line_result import final
from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.samples.scaling import exactly_scaled
from relucvx.types import Array, ArrayLike, Result, plain
from relucvx.validation import as_matrix


@dataclass(frozen=True, repr=False)
class SliceRegions(Result):
    """Regions of constant activation code on a polygon; plane coordinates have the lengths of input space.

    A polygon of the subdivision is convex, and its corners are shared with its neighbours: where a neighbour has a
    corner on a side, so has the polygon (with a straight angle). Every polygon is a region, unless ``layers`` left out a
    layer before the last one chosen (then neighbouring polygons with one code make up one region) or regions were merged
    by their maps: an *activation region* has one code, a *linear region* one affine map of the plane.

    Attributes
    ----------
    origin, axes : ndarray of shapes (d,), (2, d)
        The plane x = origin + (u, v) axes, axes orthonormal. Inputs of two features keep their own coordinates.
    vertices : ndarray of shape (V, 2)
        Corners of all polygons in plane coordinates.
    corners, offsets : ndarray of shapes (total,), (F + 1,)
        Polygon f has the vertices ``corners[offsets[f]:offsets[f + 1]]``, counter-clockwise.
    region : ndarray of shape (F,)
        Region of each polygon.
    packed : Codes
        The code of each region, a bit for each neuron where that is enough.
    layer : ndarray of shape (N,)
        Hidden layer of each neuron (column of ``codes``).
    per_layer : tuple of int
        Number of polygons after each hidden layer, up to the last one chosen.
    areas, perimeters : ndarray of shape (n_regions,)
        In the units of input space, squared for areas.
    eccentricity : ndarray of shape (n_regions,)
        sqrt(1 - lambda_2 / lambda_1) with lambda_1 >= lambda_2 the eigenvalues of the covariance of the uniform
        distribution on the region: 0 for a disc or a square, near 1 for a sliver; NaN without area.
    edges : ndarray of shape (E, 2)
        Pairs of vertices.
    edge_layer : ndarray of shape (E,)
        Hidden layer that drew each edge; -1 for the polygon's own sides.
    neighbours, shared : ndarray of shapes (A, 2), (A,)
        Pairs of regions with a common side, the smaller index first, and the length of what they share.
    maps : ndarray of shape (F, 3, c), or None
        On polygon f the outputs are (1, u, v) @ maps[f]; None when layers behind the last one chosen were left out.
    decision_boundary : ndarray of shape (S, 2, 2), or None
        Segments (ends in plane coordinates) on which the decision changes: the largest output, the first of equal
        ones; for a single output, whether it is > 0. None together with ``maps``.
    decision_pairs : ndarray of shape (S, 2), or None
        The two decisions that meet on each segment, the smaller first.

    Notes
    -----
    Status: a record of what :func:`slice_regions` finds, which states what it rests on. Source: [humayun-2023].

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.TwoLayerReLU([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> found = rx.metrics.slice_regions(network, [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> found.codes.shape, len(found.polygons), round(float(found.areas.sum()), 9)
    ((4, 2), 4, 4.0)
    """

    origin: Array
    axes: Array
    vertices: Array
    corners: Indices
    offsets: Indices
    region: Indices
    packed: Codes
    layer: Indices
    per_layer: tuple[int, ...]
    areas: Array
    perimeters: Array
    eccentricity: Array
    edges: Indices
    edge_layer: Indices
    neighbours: Indices
    shared: Array
    maps: Array | None
    decision_boundary: Array | None
    decision_pairs: Indices | None

    @functools.cached_property
    def codes(self) -> Any:
        """Code of each region, of shape (n_regions, N): True where a preactivation is > 0.

        Of a max pooling it is who wins, as in :class:`LineRegions`. The matrix is made when it is first asked for.

        Raises
        ------
        InvalidInputError
            Before it is made, where it would not fit in memory.
        """
        check_matrix(
            self.packed.unpacked_bytes,
            self.n_regions,
            len(self.layer),
            "many regions of a large network",
            "regions.packed.at([0, 100]).unpacked(), the codes of some regions",
        )
        return final(self.packed.unpacked())

    def to_dict(self) -> dict[str, Any]:
        """As :meth:`Result.to_dict`, with ``codes`` in place of ``packed``."""
        names = ["codes" if f.name == "packed" else f.name for f in dataclasses.fields(self)]
        return {name: plain(getattr(self, name)) for name in names}

    def facts(self) -> dict[str, Any]:
        """How many regions there are, and what the plane is."""
        length = None if self.decision_boundary is None else self.boundary_length
        return {
            "n_regions": self.n_regions, "polygons after each layer": self.per_layer, "area": float(self.areas.sum()),
            "decision boundary": length, "origin": self.origin, "neurons": len(self.layer),
        }  # fmt: skip

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per region: its size and shape, and how many neurons are active in it."""
        names = ("areas", "perimeters", "eccentricity")
        for k, code in enumerate(self.codes):
            yield {
                "region": k,
                **{name: float(getattr(self, name)[k]) for name in names},
                "active": int((code > 0).sum()),
            }

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.packed)

    @property
    def polygons(self) -> list[Array]:
        """Corners (k, 2) of every polygon in plane coordinates."""
        return np.split(self.vertices[self.corners], self.offsets[1:-1])

    @property
    def input_polygons(self) -> list[Array]:
        """Corners (k, d) of every polygon in input space."""
        return [self.to_input(polygon) for polygon in self.polygons]

    @property
    def adjacency(self) -> Any:
        """Symmetric scipy.sparse array (n_regions, n_regions): lengths of common sides."""
        i, j = self.neighbours.T
        both = (np.concatenate([self.shared, self.shared]), (np.concatenate([i, j]), np.concatenate([j, i])))
        return sparse.csr_array(both, shape=(self.n_regions, self.n_regions))

    @property
    def boundary_length(self) -> float:
        """Length of the decision boundary; NaN without one known."""
        if self.decision_boundary is None:
            return float("nan")
        return float(np.linalg.norm(self.decision_boundary[:, 1] - self.decision_boundary[:, 0], axis=1).sum())

    def to_input(self, points: ArrayLike) -> Array:
        """Points (n, 2) of the plane as points (n, d) of input space."""
        out: Array = self.origin + as_matrix(points, "points") @ self.axes
        return out

    def to_plane(self, X: Any) -> Array:
        """Plane coordinates (n, 2) of points (n, d) of input space, projected on the plane at right angles."""
        X = as_matrix(X, "X")
        if X.shape[1] != len(self.origin):
            raise InvalidInputError(explain(f"X of shape (n, {len(self.origin)})", f"shape {X.shape}"))
        out: Array = (X - self.origin) @ self.axes.T
        return out

    def locate(self, points: Any) -> Indices:
        """Polygon that holds each point (n, 2) of the plane; on a common side one of them, -1 outside.

        Raises
        ------
        InvalidInputError
            For points without exactly two coordinates.
        """
        from relucvx.metrics.regions.polygons._slice_kernels import locate

        points = as_matrix(points, "points")
        if points.shape[1] != 2:
            raise InvalidInputError(
                explain("points of shape (n, 2) in plane coordinates", f"shape {points.shape}", "", "to_plane(X)")
            )
        slack = 1e-12 * float(np.abs(self.vertices).max())
        found: Indices = locate(points, self.vertices, self.corners, self.offsets, slack)
        return found

    def plot(self, ax: Any = None, color: str = "region", **options: Any) -> Any:
        """Draw the regions; see :func:`relucvx.metrics.regions.polygons.slice_plot.plot_slice`."""
        from relucvx.metrics.regions.polygons.slice_plot import plot_slice

        return plot_slice(self, ax, color, **options)

    def __repr__(self) -> str:
        layers = ", ".join(map(str, self.per_layer))
        return f"{type(self).__name__}({self.n_regions} regions; polygons after each layer: {layers or 'none'})"


def measure(
    plane: Plane,
    cells: Any,
    code: Codes,
    layer: Indices,
    per_layer: tuple[int, ...],
    maps: Array | None,
    outputs: Array | None,
    doubts: Array | None,
    all_layers: bool,
    merge: str = "code",
) -> SliceRegions:
    """The result for a subdivision (``subdivision.Subdivision``) and the codes of its polygons."""
    from relucvx.metrics.regions.polygons._slice_kernels import loops

    corners, offsets = loops(cells.first, cells.tail, cells.succ)
    sides = cells.face.reshape(-1, 2)
    edges = cells.tail.reshape(-1, 2)
    lengths = np.linalg.norm(cells.place[edges[:, 1]] - cells.place[edges[:, 0]], axis=1)
    inner = (sides >= 0).all(axis=1)
    # neighbours differ in the layer whose wall is between them: with all layers chosen nothing is to be joined
    pairs = sides[inner]
    region = np.arange(len(code))
    if merge == "map" and maps is not None:
        region = joined(pairs, same_maps(maps, pairs), len(code))
    elif not all_layers:
        region = joined(pairs, code.same(pairs[:, 0], pairs[:, 1]), len(code))
    n, firsts = int(region.max()) + 1, np.unique(region, return_index=True)[1]
    code = code if n == len(code) else code.at(firsts)
    if maps is not None:  # what is of our own, and large, need not be copied
        maps = final(maps)
    around = np.where(sides >= 0, region[sides], -1)
    # sides between polygons of one region are no part of its rim
    apart = around[:, 0] != around[:, 1]
    perimeters = sum(
        np.bincount(around[here, side], lengths[here], n)
        for side in (0, 1)
        for here in [apart & (around[:, side] >= 0)]
    )
    ends = around[inner & apart]
    # a number for each pair: sorting these is several times faster than sorting pairs
    numbers, where = np.unique(ends.min(axis=1) * n + ends.max(axis=1), return_inverse=True)
    pairs = np.column_stack(np.divmod(numbers, n))
    shared = np.bincount(where.reshape(-1), lengths[inner & apart], len(pairs)).astype(np.float64)
    areas, eccentricity = _moments(cells.place, corners, offsets, region, n)
    segments = boundary_pairs = None
    if outputs is not None and doubts is not None:
        segments, boundary_pairs = decision_segments(cells, outputs, doubts)
    return SliceRegions(
        plane.origin, plane.axes, cells.place, corners, offsets, region, code, layer, per_layer, areas,
        np.asarray(perimeters), eccentricity, edges, cells.line, pairs, shared, maps, segments, boundary_pairs,
    )  # fmt: skip


def _moments(place: Array, corners: Indices, offsets: Indices, region: Indices, n: int) -> tuple[Array, Array]:
    """Areas and eccentricities of regions, from sums over the sides of their polygons."""
    place, unit = exactly_scaled(place)  # fourth powers of lengths follow
    sizes = np.diff(offsets)
    owner = np.repeat(region, sizes)
    following = np.arange(len(corners)) + 1
    following[offsets[1:] - 1] = offsets[:-1]
    # about each region's own middle, where nothing cancels
    middle = (
        np.column_stack([np.bincount(owner, place[corners, k], n) for k in (0, 1)])
        / np.bincount(owner, minlength=n)[:, None]
    )
    (x, y) = (place[corners] - middle[owner]).T
    xn, yn = x[following], y[following]
    cross = x * yn - xn * y

    def total(values: Array) -> Array:
        return np.bincount(owner, values, n).astype(np.float64)

    areas = 0.5 * total(cross)
    # an area that rounds to zero has no middle and no moments
    with np.errstate(divide="ignore", invalid="ignore"):
        mx, my = total((x + xn) * cross) / (6.0 * areas), total((y + yn) * cross) / (6.0 * areas)
        xx = total((x * x + x * xn + xn * xn) * cross) / (12.0 * areas) - mx * mx
        yy = total((y * y + y * yn + yn * yn) * cross) / (12.0 * areas) - my * my
        xy = total((x * yn + 2 * x * y + 2 * xn * yn + xn * y) * cross) / (24.0 * areas) - mx * my
        spread = np.hypot(xx - yy, 2.0 * xy)
        eccentricity = np.sqrt(np.clip(2.0 * spread / (xx + yy + spread), 0.0, 1.0))
    return areas * unit**2, eccentricity


def decision_segments(cells: Any, outputs: Array, doubts: Array) -> tuple[Array, Indices]:
    """Segments on which the decision changes, and the two decisions that meet there."""
    from relucvx.metrics.regions.polygons._decision_kernels import along_edges, inside_faces

    if outputs.shape[1] == 1:  # a score decides like the larger of (0, score)
        outputs, doubts = (np.hstack([np.zeros_like(a), a]) for a in (outputs, doubts))
    ends, pairs = inside_faces(outputs, doubts, cells.place, cells.first, cells.tail, cells.succ)
    more, more_pairs = along_edges(outputs, doubts, cells.place, cells.first, cells.tail, cells.succ, cells.face)
    segments = np.concatenate([ends, more])
    both: Indices = np.sort(np.concatenate([pairs, more_pairs]), axis=1).astype(np.intp)
    # a segment of one point separates nothing
    kept = (segments[:, 0] != segments[:, 1]).any(axis=1)
    return segments[kept], both[kept]
