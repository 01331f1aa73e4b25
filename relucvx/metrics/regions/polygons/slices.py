"""Linear regions on a plane through input space: the exact subdivision of a polygon, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.regions.merging import as_merge
from relucvx.metrics.regions.polygons.compiled_slices import compiled_slice
from relucvx.metrics.regions.polygons.planes import read_plane
from relucvx.metrics.regions.polygons.slice_result import SliceRegions, measure
from relucvx.metrics.regions.polygons.stitching import stitched
from relucvx.metrics.regions.polygons.tiles import tiled
from relucvx.metrics.regions.segments.lines import opened
from relucvx.network.layers import LayerList
from relucvx.threads import BLAS
from relucvx.types import ArrayLike

running_maps = later("relucvx.metrics.regions.polygons.running_maps")  # torch takes a while to load
running_slices = later("relucvx.metrics.regions.polygons.running_slices")

NARROW = 512
"""Below this width threads of BLAS wait for each other longer than they compute."""


@timed("layers=0, or a smaller polygon")
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
    time_limit: float | None = None,
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
        precise as the polygon is large; with ``merge="map"`` they are derivatives at a point inside each polygon, where the
        code is looked at.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    SliceRegions

    Raises
    ------
    InvalidInputError
        For a layer that is not piecewise linear or not known (named), and polygons that are not flat, not convex,
        without area or of another dimension than the network's inputs; for slices that would take more than some GiB;
        for ``merge="map"`` without the last layer, and of a module that is run where a polygon is too thin to have a point
        inside at which its code shows.

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
    known = isinstance(network, LayerList) or network.refused is None
    if kind == "map" and (max(chosen, default=-1) + 1 < len(network.widths) or not known):
        raise InvalidInputError(
            explain(
                'all layers for merge="map"',
                f"layers up to {max(chosen, default=-1)}",
                "" if known else "what is behind them is not piecewise linear",
                "layers=None, the default" if known else 'merge="code"',
            )
        )
    plane = read_plane(network, polygon, origin, axes, extent)
    # layers behind the last one chosen cut nothing that is asked for
    last = max(chosen, default=-1) + 1
    layer = np.repeat(np.array(chosen, dtype=np.intp), [network.widths[c] for c in chosen])
    narrow = not run and max([network.n_features, *network.widths]) < NARROW
    with BLAS.held(narrow):
        if run:
            pieces = tiled(plane, lambda tile: running_slices.running_slice(network, tile, last), False)
        else:
            pieces = tiled(plane, lambda tile: compiled_slice(network, tile, last), narrow)
    whole = stitched(pieces, plane.corners)
    cells, maps, outputs, doubts, per_layer = whole.cells, whole.maps, whole.outputs, whole.doubts, whole.per_layer
    if run and outputs is not None:
        if kind == "map":
            maps = running_maps.derived_maps(network, plane, cells, whole.codes)
        else:
            maps = running_slices.fitted_maps(cells, outputs)
    codes = whole.codes.only(chosen)
    del whole
    apart = cells.apart and chosen == tuple(range(last))
    return measure(plane, cells, codes, layer, per_layer, maps, outputs, doubts, apart, kind)
