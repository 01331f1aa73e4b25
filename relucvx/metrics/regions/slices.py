"""Linear regions on a plane through input space: the exact subdivision of a polygon, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import interruptible
from relucvx.later import later
from relucvx.metrics.regions.lines import opened
from relucvx.metrics.regions.merging import as_merge
from relucvx.metrics.regions.planes import Plane, read_plane
from relucvx.metrics.regions.slice_result import SliceRegions, measure
from relucvx.metrics.regions.subdivision import Cut, Subdivision
from relucvx.network.layers import Affine, Hidden, Kink, LayerList
from relucvx.network.reading import read_layers
from relucvx.threads import BLAS
from relucvx.tolerances import EPS, ROUNDING
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix, as_numpy

running_slices = later("relucvx.metrics.regions.running_slices")  # torch takes a while to load

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
    route: Literal["auto", "compiled", "running"] = "auto",
) -> SliceRegions:
    """Activation regions of a piecewise-linear network on a convex polygon in input space, exactly.

    Every preactivation is linear on every cell of the layers before it, so a layer's values at the cells' vertices say
    which edges its neurons cut, and where: one matrix product per layer, and no sampling.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork or torch.nn.Module
        Everything :func:`~relucvx.network.read_layers` reads, and any other torch module, in eval mode, whose forward pass
        is piecewise linear.
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
    route : {"auto", "compiled", "running"}
        As in :func:`line_regions`: read the network as matrices, or call the module on the vertices of the polygons,
        whatever its structure. The maps of polygons then go through the outputs at their corners, and slopes are as
        precise as the polygon is large.

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
    network: Any = opened(module, input_shape, origin if polygon is None else polygon, route)
    chosen = network.select(layers)
    run = not isinstance(network, LayerList)
    if run and kind == "map":
        raise InvalidInputError(
            explain(
                'merge="code" for a module that is run',
                '"map"',
                "the maps of small polygons are not known well enough to tell that they are the same",
                'route="compiled"',
            )
        )
    if kind == "map" and max(chosen, default=-1) + 1 < len(network.kinks):
        raise InvalidInputError(
            explain(
                'all layers for merge="map"', f"layers up to {max(chosen, default=-1)}", "", "layers=None, the default"
            )
        )
    plane = read_plane(network, polygon, origin, axes, extent)
    # layers behind the last one chosen cut nothing that is asked for
    last = max(chosen, default=-1) + 1
    layer = np.repeat(np.array(chosen, dtype=np.intp), [network.widths[c] for c in chosen])
    maps: Any = None
    outputs: Any = None
    doubts: Any = None
    if run:
        planar, codes, maps, outputs, doubts = running_slices.running_slice(network, plane, chosen, _check_memory)
        apart = planar.cells.apart and chosen == tuple(range(last))
        return measure(plane, planar.cells, codes, layer, tuple(planar.per_layer), maps, outputs, doubts, apart)
    walk, per_layer = _Cells.of(plane), []
    narrow = max([network.n_features, *network.widths]) < NARROW
    with BLAS.held(narrow):
        for k, kink in enumerate(network.kinks[:last]):
            # behind the last layer the outputs are all that is wanted, or nothing
            head = network.head if k + 1 == len(network.kinks) and kink.tournament is None else None
            walk = walk.through(network, kink, head)
            per_layer.append(len(walk.cells.first))
        # a face has one map, and a decision, only when every layer has cut
        if last == len(network.kinks):
            maps = local_maps(network, plane, walk.codes, walk.origins)
            outputs, doubts = walk.outputs(network.head)
    walk = replace(walk, values=np.empty((0, 0)))  # before the codes of all layers stand side by side
    codes, cells = walk.gathered(chosen, network.code_dtype(chosen)), walk.cells
    del walk
    apart = cells.apart and chosen == tuple(range(last))
    return measure(plane, cells, codes, layer, tuple(per_layer), maps, outputs, doubts, apart, kind)


MOST_BYTES = 4 * 2**30
"""What a slice may take: values of two layers at the vertices, and the codes of the faces."""


@dataclass(frozen=True)
class _Cells:
    """A polygon behind some layers.

    ``values`` (width, V) are the last layer at the vertices of ``cells``, ``errors`` (width,) bounds on its rounding
    errors; ``codes`` has one array (faces of that layer, neurons) per layer, ``origins`` the face of the layer before that
    each of these faces is part of. ``done`` says that the values are the outputs already.
    """

    cells: Subdivision
    values: Array
    errors: Array
    codes: tuple[Any, ...] = ()
    origins: tuple[Any, ...] = ()
    done: bool = False

    @classmethod
    def of(cls, plane: Plane) -> _Cells:
        """The polygon as a single face."""
        values = np.array(plane.points.T, order="C")
        return cls(Subdivision.of(plane), values, EPS * np.abs(values).max(axis=1))

    def through(self, network: LayerList, kink: Kink, head: Affine | None = None) -> _Cells:
        """The subdivision behind one more layer, with the values behind ``head`` if it is given; of a maximum, without the
        walls between those who lose."""
        signs: list[Any] = []
        walk, origin = self, np.arange(len(self.cells.first))
        for k in kink.rounds:
            walk, found = walk.cut(network.hidden[k], head)
            signs, origin = [*(sign[found.origin] for sign in signs), found.signs], origin[found.origin]
        codes = kink.codes(signs)
        if kink.tournament is not None:
            cells, kept, vertices = walk.cells.dissolved(origin, codes, len(self.cells.place))
            codes, origin = codes[kept], origin[kept]
            walk = replace(walk, cells=cells, values=np.ascontiguousarray(walk.values[:, vertices]))
        return replace(walk, codes=(*self.codes, codes), origins=(*self.origins, origin))

    def cut(self, hidden: Hidden, head: Affine | None = None) -> tuple[_Cells, Cut]:
        """The faces cut where neurons change sign."""
        k, width, known = hidden.n_kinked, hidden.map.width, sum(code.nbytes for code in self.codes)
        held = 8 * self.values.shape[1] * (len(self.values) + width)

        def watch(vertices: int, faces: int) -> None:
            ahead = 8 * vertices * (width if head is None else head.width + BLOCKED)
            _check_memory(vertices, faces, max(held, ahead + 8 * self.values.shape[1] * width) + faces * k + known)

        watch(*self.values.shape[::-1])
        PT, errors = self.behind(hidden.map)
        found = self.cells.cut(PT[:k], errors[:k], len(self.codes), watch)
        slopes = (hidden.phi.slope_neg, hidden.phi.slope_pos)
        blocks = [slice(0, width)] if head is None else [slice(b, b + BLOCKED) for b in range(0, width, BLOCKED)]
        size = np.empty(width)
        out = np.zeros((0 if head is None else head.width, len(found.cells.place)))
        for some in blocks:
            here = int(np.clip(k - some.start, 0, BLOCKED if head is not None else width))
            values = found.values(PT[some], here, slopes)
            low, high = values.min(axis=1), values.max(axis=1)
            size[some] = np.maximum(high, -low)
            # a kink stretches errors by its steeper slope at most; where a ReLU is never active nothing is left of them
            steepest = np.maximum(np.where(high[:here] > 0.0, abs(slopes[1]), 0.0), abs(slopes[0]))
            errors[some][:here] *= steepest
            if head is None:
                return _Cells(found.cells, values, errors), found
            out += head.weight[some].T @ values
        assert head is not None  # blocks are of the last layer
        out += head.bias[:, None]
        return _Cells(found.cells, out, _error(head, errors, size), done=True), found

    def behind(self, map_: Affine) -> tuple[Array, Array]:
        """Values (width, V) and their errors behind an affine map: errors are passed on, and its own rounding is added.

        Errors of different neurons are taken as independent: the worst case would grow by ||W||_1 per layer.
        """
        size = np.maximum(self.values.max(axis=1), -self.values.min(axis=1))
        PT = np.ascontiguousarray(map_.weight.T @ self.values)
        PT += map_.bias[:, None]
        return PT, _error(map_, self.errors, size)

    def outputs(self, head: Affine | None) -> tuple[Array, Array]:
        """Outputs (V, c) at the vertices, and what these may be off by."""
        PT, errors = (self.values, self.errors) if head is None or self.done else self.behind(head)
        return np.ascontiguousarray(PT.T), np.ascontiguousarray(self.cells.doubts(PT, errors).T)

    def gathered(self, chosen: Sequence[int], dtype: Any) -> Any:
        """Codes of the faces, the chosen layers side by side."""
        widths = [self.codes[k].shape[1] for k in chosen]
        out, at = np.empty((len(self.cells.first), sum(widths)), dtype=dtype), sum(widths)
        row = np.arange(len(out))
        # backwards, as every face knows the face of the layer before that it is part of
        for k in reversed(range(len(self.codes))):
            if k in chosen:
                at -= self.codes[k].shape[1]
                out[:, at : at + self.codes[k].shape[1]] = self.codes[k][row]
            row = self.origins[k][row]
        return out


BLOCKED = 32
"""Neurons of the last layer whose values are held at a time."""


def _error(map_: Affine, errors: Array, size: Array) -> Array:
    """Rounding errors behind an affine map of values up to ``size``."""
    own = ROUNDING.value * (size @ abs(map_.weight) + np.abs(map_.bias))
    return np.asarray(np.sqrt(errors**2 @ (map_.weight * map_.weight)) + own)


def _check_memory(vertices: int, faces: int, needed: int) -> None:
    """Stop before a slice fills the memory."""
    if needed > MOST_BYTES:
        raise InvalidInputError(
            explain(
                f"a slice that takes at most {MOST_BYTES / 2**30:g} GiB",
                f"{vertices:,} vertices and {faces:,} polygons so far ({needed / 2**30:.2g} GiB)",
                "wide layers, or a large polygon",
                "a smaller polygon, or line_regions",
            )
        )


def local_maps(network: LayerList, plane: Plane, codes: Sequence[Any], origins: Sequence[Any]) -> Array:
    """The network on every face as an affine map of plane coordinates: outputs = (1, u, v) @ maps[face].

    Multiplied out from the codes, so maps of tiny faces are as precise as any; layer by layer, so that faces which were one
    share what they had in common.
    """
    count = len(codes[-1]) if codes else 1
    out = np.empty((count, 3, network.n_outputs))
    width = max([hidden.map.width for hidden in network.hidden], default=1)
    step = max(1, BLOCK // (3 * max(width, 1)))
    orders = [np.argsort(origin, kind="stable") for origin in origins]
    starts = [
        np.searchsorted(origin[order], np.arange(1 + (len(codes[k - 1]) if k else 1)))
        for k, (origin, order) in enumerate(zip(origins, orders, strict=True))
    ]
    waiting = [(0, np.zeros(1, dtype=np.intp), np.vstack([plane.origin, plane.axes])[None])]
    while waiting:
        depth, faces, M = waiting.pop()
        if depth == len(codes):
            out[faces] = M if network.head is None else _composed(M, network.head.weight, network.head.bias)
            continue
        counts = starts[depth][faces + 1] - starts[depth][faces]
        owner = np.repeat(np.arange(len(faces)), counts)
        inner = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        children = orders[depth][starts[depth][faces][owner] + inner]
        kink = network.kinks[depth]
        first = network.hidden[kink.rounds[0]].map
        N = _composed(M, first.weight, first.bias)
        for begin in range(0, len(children), step):
            some = slice(begin, begin + step)
            waiting.append(
                (depth + 1, children[some], _gated(network, kink, N[owner[some]], codes[depth][children[some]]))
            )
    return out


def _gated(network: LayerList, kink: Kink, N: Array, code: Any) -> Array:
    """Affine maps (faces, 1 + dimensions, width) in front of a kink, behind it where it has these codes."""
    for k, active in zip(kink.rounds, kink.gates(code), strict=True):
        hidden = network.hidden[k]
        if k > kink.rounds[0]:
            N = _composed(N, hidden.map.weight, hidden.map.bias)
        N[:, :, : hidden.n_kinked] *= hidden.phi.gate(active)[:, None]
    return N


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
    M = np.vstack([np.zeros(network.n_features), np.eye(network.n_features)])[None]
    for kink, code in zip(network.kinks, parts, strict=True):
        first = network.hidden[kink.rounds[0]].map
        M = _gated(network, kink, _composed(M, first.weight, first.bias), code)
    M = (M if network.head is None else _composed(M, network.head.weight, network.head.bias))[0]
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
