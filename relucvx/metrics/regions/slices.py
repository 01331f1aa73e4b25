"""Linear regions on a plane through input space: the exact subdivision of a polygon, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import interruptible
from relucvx.later import later
from relucvx.metrics.regions.merging import as_merge
from relucvx.metrics.regions.planes import Plane, read_plane
from relucvx.metrics.regions.slice_result import SliceRegions, measure
from relucvx.network.layers import Affine, Hidden, Kink, LayerList
from relucvx.network.reading import read_layers
from relucvx.threads import BLAS
from relucvx.tolerances import EPS, ROUNDING
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix, as_numpy

kernels = later("relucvx.metrics.regions._slice_kernels")  # numba takes a while to load

NARROW = 512
"""Below this width threads of BLAS wait for each other longer than they compute."""

BLOCK = 4_000_000
"""Numbers held at once while local maps are multiplied out."""


@interruptible
def slice_regions(
    module: Any,
    polygon: ArrayLike | None = None,
    *,
    origin: ArrayLike | None = None,
    axes: ArrayLike | None = None,
    extent: Any = None,
    layers: int | Sequence[int] | None = None,
    merge: Literal["code", "map"] = "code",
    input_shape: int | Sequence[int] | None = None,
) -> SliceRegions:
    """Activation regions of a piecewise-linear network on a convex polygon in input space, exactly.

    Every preactivation is linear on every cell of the layers before it, so a layer's values at the cells' vertices say
    which edges its neurons cut, and where: one matrix product per layer, and no sampling.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Everything :func:`~relucvx.network.read_layers` reads; torch modules in eval mode.
    polygon : array_like of shape (v, d), optional
        Corners of a convex polygon in input space, in order around it and in one plane: three samples for the triangle
        between them. Inputs of other shapes are flattened.
    origin, axes, extent : array_like of shapes (d,), (2, d), (4,), optional
        Instead: the parallelogram origin + u axes[0] + v axes[1] with extent = (u_min, u_max, v_min, v_max).
    layers : int or sequence of int, optional
        Hidden layers whose neurons make up the code; default all. Later layers are not looked at.
    merge : {"code", "map"}
        What counts as a region: one code (activation regions), or neighbouring polygons with one affine map of the plane
        (linear regions in the strict sense; maps that differ by less than 1e-9 of their size are one). A merged region
        has the code of one of its polygons.
    input_shape : int or sequence of int, optional
        Shape of one input where neither the module nor the shape of the corners says it.

    Returns
    -------
    SliceRegions

    Raises
    ------
    InvalidInputError
        For a layer that is not piecewise linear or not known (named), and polygons that are not flat, not convex,
        without area or of another dimension than the network's inputs; for slices that would take more than some GiB;
        for ``merge="map"`` without the last layer.

    Notes
    -----
    Bounds on the rounding errors are carried along: values within theirs of zero count as zero, so that lines through a
    point, along an edge or on top of each other meet as they should. A neuron that is zero on a whole cell counts as
    inactive there.

    Source: [humayun-2023], [berzins-2023].
    Status: theorem (exact up to float64 rounding).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.TwoLayerReLU([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> found = rx.metrics.slice_regions(network, [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    >>> found.n_regions, found.areas.round(9).tolist()
    (4, [1.0, 1.0, 1.0, 1.0])
    """
    kind = as_merge(merge)
    network = read_layers(module, input_shape, like=origin if polygon is None else polygon)
    chosen = network.select(layers)
    if kind == "map" and max(chosen, default=-1) + 1 < len(network.kinks):
        raise InvalidInputError(
            explain(
                'all layers for merge="map"', f"layers up to {max(chosen, default=-1)}", "", "layers=None, the default"
            )
        )
    plane = read_plane(network, polygon, origin, axes, extent)
    # layers behind the last one chosen cut nothing that is asked for
    last = max(chosen, default=-1) + 1
    cells, per_layer = _Cells.of(plane), []
    maps = outputs = doubts = None
    narrow = max([network.n_features, *network.widths]) < NARROW
    with BLAS.held(narrow):
        for kink in network.kinks[:last]:
            cells = cells.through(network, kink)
            per_layer.append(len(cells.first))
        # a face has one map, and a decision, only when every layer has cut
        if last == len(network.kinks):
            maps = local_maps(network, plane, cells.codes)
            outputs, doubts = cells.values, cells.doubts
            if network.head is not None:
                outputs, _, doubts = cells.behind(network.head)
    codes = [cells.codes[k] for k in chosen]
    layer = np.repeat(np.array(chosen, dtype=np.intp), [network.widths[c] for c in chosen])
    apart = cells.apart and chosen == tuple(range(last))
    return measure(plane, cells, codes, layer, tuple(per_layer), maps, outputs, doubts, apart, kind)


PIECE = 8_000_000
"""Faces times neurons that are cut at a time, in a second or few."""

NEURONS = (8, 256)
"""Fewest and most neurons cut at a time: every piece copies the complex, and may multiply its faces."""

MOST_BYTES = 4 * 2**30
"""What the values at the vertices may take; the peak is about twice as much."""


@dataclass(frozen=True)
class _Cells:
    """The subdivision behind some layers.

    ``values``, ``errors``, ``doubts`` (V, width) are the last layer at the vertices, bounds on its rounding errors where
    the vertices are, and what the uncertainty of their place adds to these; ``place`` (V, 2) are plane coordinates,
    ``codes`` one array (faces, neurons) per layer, ``line`` the layer that drew an edge (-1 for the polygon's own
    sides), ``apart`` whether faces with a common side have different codes; the rest is the half-edge structure of
    ``_slice_kernels``.
    """

    values: Array
    errors: Array
    doubts: Array
    place: Array
    tail: Any
    succ: Any
    pred: Any
    face: Any
    line: Any
    first: Any
    codes: tuple[Any, ...] = ()
    apart: bool = True

    @classmethod
    def of(cls, plane: Plane) -> _Cells:
        """The polygon as a single face."""
        n = len(plane.corners)
        ring = np.arange(n)
        tail, succ, pred, face = (np.empty(2 * n, dtype=np.int64) for _ in range(4))
        # half-edge 2k runs along side k inside the polygon, 2k + 1 back outside of it
        tail[::2], tail[1::2] = ring, (ring + 1) % n
        face[::2], face[1::2] = 0, -1
        succ[::2], pred[::2] = 2 * ((ring + 1) % n), 2 * ((ring - 1) % n)
        succ[1::2], pred[1::2] = 2 * ((ring - 1) % n) + 1, 2 * ((ring + 1) % n) + 1
        errors = np.full(plane.points.shape, EPS) * np.abs(plane.points).max(axis=0)
        edges = np.full(n, -1, dtype=np.int64)
        return cls(
            plane.points, errors, errors, plane.corners, tail, succ, pred, face, edges, np.zeros(1, dtype=np.int64)
        )

    def through(self, network: LayerList, kink: Kink) -> _Cells:
        """The subdivision behind one more layer; of a maximum, without the walls between those who lose."""
        signs: list[Any] = []
        cells, origin = self, np.arange(len(self.first))
        for k in kink.rounds:
            cells, own, parent = cells.cut(network.hidden[k])
            signs, origin = [*(sign[parent] for sign in signs), own], origin[parent]
        codes = kink.codes(signs)
        if kink.tournament is not None:
            cells, kept = cells.dissolved(origin, codes, len(self.values))
            codes, origin = codes[kept], origin[kept]
        return replace(cells, codes=(*(code[origin] for code in self.codes), codes))

    def cut(self, hidden: Hidden) -> tuple[_Cells, Any, Any]:
        """The faces cut where neurons change sign: the subdivision, these signs, and what each face was part of."""
        P, E, D = self.behind(hidden.map)
        k = hidden.n_kinked
        # within its doubt a vertex is on the line, as when lines meet in one point; what is rounded off counts as error
        near = np.abs(P[:, :k]) <= D[:, :k]
        E[:, :k] = np.where(near, np.maximum(E[:, :k], np.abs(P[:, :k])), E[:, :k])
        P[:, :k][near] = 0.0
        values: Any = (P, E, D, self.place)
        sides: Any = (self.tail, self.succ, self.pred, self.face, self.line, self.first)
        parent, begin = np.arange(len(self.first)), 0
        while begin < k:  # in pieces, between which Ctrl-C is heard and the memory is watched
            end = min(k, begin + int(np.clip(PIECE // len(sides[-1]), *NEURONS)))
            *found, origin = kernels.subdivide(*values, k, begin, end, len(self.codes), *sides)
            values, sides, parent, begin = found[:4], found[4:], parent[origin], end
            _check_memory(*values[0].shape)
        (P, E, D, place), (tail, succ, pred, face, line, first) = values, sides
        signs: Any = kernels.face_codes(P, k, first, tail, succ)
        if hidden.tournament is not None:  # level is neither won nor lost
            signs = signs.astype(np.int8) - kernels.face_codes(-P, k, first, tail, succ)
        # a kink stretches errors by its steeper slope at most
        steepest = hidden.phi.steepest
        E[:, :k] *= steepest
        D[:, :k] *= steepest
        cells = _Cells(hidden.activate(P), E, D, place, tail, succ, pred, face, line, first, self.codes, self.apart)
        return cells, signs, parent

    def dissolved(self, origin: Any, codes: Any, since: int) -> tuple[_Cells, Any]:
        """Faces that were one (``origin``) and have one code joined again; and a face of each before. Vertices from
        ``since`` on that nothing meets at any more go."""
        whole = np.column_stack([origin, codes])
        label = np.unique(whole, axis=0, return_inverse=True)[1].reshape(-1)
        done, vertices, kept, *sides = kernels.dissolve(
            label, since, len(self.values), self.tail, self.succ, self.pred, self.face, self.line, self.first
        )
        if not done:  # rounding has put a face inside another: the walls stay, and regions are joined in the end
            return replace(self, apart=False), np.arange(len(self.first))
        values = (self.values[vertices], self.errors[vertices], self.doubts[vertices], self.place[vertices])
        tail, succ, pred, face, line, first = sides
        return _Cells(*values, tail, succ, pred, face, line, first, self.codes, self.apart), kept

    def behind(self, map_: Affine) -> tuple[Array, Array, Array]:
        """Values, errors and doubts behind an affine map: errors are passed on, and its own rounding is added.

        Errors of different neurons are taken as independent: the worst case would grow by ||W||_1 per layer.
        """
        squared = map_.weight * map_.weight
        own = ROUNDING.value * (np.abs(self.values) @ abs(map_.weight) + np.abs(map_.bias))
        return map_(self.values), np.sqrt(self.errors**2 @ squared) + own, np.sqrt(self.doubts**2 @ squared) + own


def _check_memory(vertices: int, width: int) -> None:
    """Stop before a slice fills the memory: values, errors and doubts of all neurons are held at every vertex."""
    needed = 3 * 8 * vertices * width
    if needed > MOST_BYTES:
        raise InvalidInputError(
            explain(
                f"a slice that takes at most {MOST_BYTES / 2**30:g} GiB",
                f"{vertices:,} vertices so far, with {width:,} neurons each ({needed / 2**30:.2g} GiB)",
                "wide layers, or a large polygon",
                "a smaller polygon, or line_regions",
            )
        )


def local_maps(network: LayerList, plane: Plane, codes: Sequence[Any]) -> Array:
    """The network on every face as an affine map of plane coordinates: outputs = (1, u, v) @ maps[face].

    Multiplied out from the codes, so maps of tiny faces are as precise as any.
    """
    start = np.vstack([plane.origin, plane.axes])
    count = len(codes[0]) if codes else 1
    width = max([hidden.map.width for hidden in network.hidden], default=1)
    step = max(1, BLOCK // (3 * max(width, 1)))
    return np.concatenate(
        [_multiplied(network, start, [code[begin : begin + step] for code in codes]) for begin in range(0, count, step)]
    )


def _multiplied(network: LayerList, start: Array, codes: Sequence[Any]) -> Array:
    """The affine map ``start`` (rows constant and slopes) followed by the network where it has these codes."""
    M = start[None]
    for kink, code in zip(network.kinks, codes, strict=True):
        for k, active in zip(kink.rounds, kink.gates(code), strict=True):
            hidden = network.hidden[k]
            n, gates = hidden.n_kinked, hidden.phi.gate(active)
            M = _composed(M, hidden.map.weight, hidden.map.bias)
            beside = np.broadcast_to(M[:, :, n:], (len(gates), *M[:, :, n:].shape[1:]))
            M = np.concatenate([M[:, :, :n] * gates[:, None], beside], axis=2)
    return M if network.head is None else _composed(M, network.head.weight, network.head.bias)


def _composed(M: Array, weight: Any, bias: Array) -> Array:
    """Affine maps (faces, 1 + dimensions, width), rows constant and slopes, followed by one more."""
    count, rows, width = M.shape
    out: Array = (M.reshape(count * rows, width) @ weight).reshape(count, rows, weight.shape[1])
    out[:, 0] += bias
    return out


def input_map(module: Any, code: Any, *, input_shape: int | Sequence[int] | None = None) -> tuple[Array, Array]:
    """The network on one region as an affine map of its inputs: outputs = x @ weight + bias.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        As for :func:`slice_regions`.
    code : array_like of shape (N,), bool or whole numbers
        Code of the region: all neurons, one hidden layer after the other, e.g. ``regions.codes[i]``.
    input_shape : int or sequence of int, optional
        Shape of one input where the module does not say it.

    Returns
    -------
    weight : ndarray of shape (d, c)
    bias : ndarray of shape (c,)

    Raises
    ------
    InvalidInputError
        For a code of another length or with entries other than zeros and ones, or a module that cannot be read.

    Notes
    -----
    Source: [humayun-2023].
    Status: theorem (exact up to float64 rounding, wherever the code occurs).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.TwoLayerReLU([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0])
    >>> A, b = rx.metrics.input_map(network, [False, True])  # where only the second neuron is active
    >>> A.tolist(), b.tolist()
    ([[0.0], [2.0]], [0.0])
    """
    network = read_layers(module, input_shape)
    values = _as_code(network, as_numpy(code, "code"))
    parts = np.split(values[None], np.cumsum(network.widths)[:-1], axis=1) if network.kinks else []
    start = np.vstack([np.zeros(network.n_features), np.eye(network.n_features)])
    M = _multiplied(network, start, parts)[0]
    return M[1:], M[0]


def _as_code(network: LayerList, code: Any) -> Any:
    """One code of all layers, as integers.

    Raises
    ------
    InvalidInputError
        For another length, and entries that are neither 0 nor 1, nor (of a maximum) who wins.
    """
    values = as_matrix(code, "code", allow_vector=True)[:, 0] if code.size else np.zeros(0)
    total = sum(network.widths)
    maxima = [np.full(kink.width, kink.tournament is not None) for kink in network.kinks]
    wins = np.concatenate([np.zeros(0, dtype=bool), *maxima])
    fits = code.shape == (total,) and bool((np.isin(values, (0.0, 1.0)) | (wins & (values == np.floor(values)))).all())
    if not fits:
        kinds = "zeros and ones" if not wins.any() else "zeros and ones, or of who wins a maximum"
        raise InvalidInputError(
            explain(
                f"a code of {total} {kinds}, one per neuron",
                f"shape {np.shape(code)}, values from {values.min(initial=0):g} to {values.max(initial=1):g}",
                "the code of some layers only",
                "regions.codes[i] of slice_regions without layers=",
            )
        )
    return values.astype(np.int64)
