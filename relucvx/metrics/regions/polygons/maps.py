"""The network on a region as an affine map, multiplied out from its code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.network.layers import Affine, Kink, LayerList
from relucvx.network.reading import read_layers
from relucvx.types import Array
from relucvx.validation import as_matrix, as_numpy

kernels = later("relucvx.metrics.regions.polygons._map_kernels")  # numba takes a while to load

BLOCK = 500_000
"""Numbers held at once while local maps are multiplied out."""

FEW = 8
"""Siblings that differ in less than this part of the neurons are told from each other one neuron at a time."""


def local_maps(network: LayerList, plane: Plane, codes: Sequence[Any], origins: Sequence[Any]) -> Array:
    """The network on every face as an affine map of plane coordinates: outputs = (1, u, v) @ maps[face].

    Multiplied out from the codes, so maps of tiny faces are as precise as any, and zero where no neuron is active; layer by
    layer, so that faces which were one share what they had in common.
    """
    maps = np.empty((len(codes[-1]) if codes else 1, 3, network.n_outputs))
    width = max([hidden.map.width for hidden in network.hidden], default=1)
    step = max(1, BLOCK // (3 * max(width, 1)))
    orders = [np.argsort(origin, kind="stable") for origin in origins]
    starts = [
        np.searchsorted(origin[order], np.arange(1 + (len(codes[k - 1]) if k else 1)))
        for k, (origin, order) in enumerate(zip(origins, orders, strict=True))
    ]
    waiting = [(0, np.zeros(1, dtype=np.intp), composed(np.vstack([plane.origin, plane.axes])[None], _map(network, 0)))]
    while waiting:
        ruling().check()
        depth, faces, N = waiting.pop()
        if depth == len(codes):
            maps[faces] = N
            continue
        counts = starts[depth][faces + 1] - starts[depth][faces]
        owner = np.repeat(np.arange(len(faces)), counts)
        inner = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        children = orders[depth][starts[depth][faces][owner] + inner]
        for begin in range(0, len(children), step):
            some = slice(begin, begin + step)
            behind = _behind(network, depth, N, owner[some], codes[depth][children[some]])
            waiting.append((depth + 1, children[some], behind))
    return maps


def _map(network: LayerList, depth: int) -> Affine | None:
    """The map in front of a kink, or of the head behind the last one; None where there is none."""
    return network.hidden[network.kinks[depth].rounds[0]].map if depth < len(network.kinks) else network.head


def _behind(network: LayerList, depth: int, N: Array, owner: Any, code: Any) -> Array:
    """Maps in front of a kink (parents, 3, width) of the parent of each face, behind it and the next affine map."""
    kink, ahead = network.kinks[depth], _map(network, depth + 1)
    if kink.tournament is not None or ahead is None or not isinstance(ahead.weight, np.ndarray):
        return composed(gated(network, kink, N[owner], code), ahead)
    hidden = network.hidden[kink.rounds[0]]
    negative, positive = float(hidden.phi.slope_neg), float(hidden.phi.slope_pos)

    def product(faces: Any) -> Array:
        here = np.empty((len(faces), *N.shape[1:]))
        kernels.gate(N, owner[faces], code[faces], negative, positive, here)
        return composed(here, ahead)

    # faces of one parent stand side by side
    begin = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
    if 2 * len(begin) > len(owner) + len(owner) // 2:  # hardly any siblings
        return product(np.arange(len(owner)))
    group = np.repeat(np.arange(len(begin)), np.diff([*begin, len(owner)]))
    out = np.empty((len(owner), N.shape[1], ahead.width))
    most, rows = code.shape[1] // FEW, np.ascontiguousarray(ahead.weight)
    left = kernels.siblings(N, owner, code, positive - negative, rows, group, begin, product(begin), most, out)
    if left.any():
        out[left] = product(np.flatnonzero(left))
    return out


def gated(network: LayerList, kink: Kink, N: Array, code: Any) -> Array:
    """Affine maps (faces, 1 + dimensions, width) in front of a kink, behind it where it has these codes."""
    for k, active in zip(kink.rounds, kink.gates(code), strict=True):
        hidden = network.hidden[k]
        if k > kink.rounds[0]:
            N = composed(N, hidden.map)
        N[:, :, : hidden.n_kinked] *= hidden.phi.gate(active)[:, None]
    return N


def composed(M: Array, ahead: Affine | None) -> Array:
    """Affine maps (faces, 1 + dimensions, width), rows constant and slopes, followed by one more, or by none."""
    if ahead is None:
        return M
    count, rows, width = M.shape
    out: Array = (M.reshape(count * rows, width) @ ahead.weight).reshape(count, rows, ahead.width)
    out[:, 0] += ahead.bias
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
        M = gated(network, kink, composed(M, first), code)
    M = composed(M, network.head)[0]
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
