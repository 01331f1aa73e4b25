"""What counts as a region: a set of one code, or of one affine map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array, BoolArray

Indices = NDArray[np.intp]

SAME = 1e-9
"""Difference of two maps, as a share of the larger, below which they are one."""


def as_merge(merge: Any) -> str:
    """The argument ``merge``.

    Raises
    ------
    InvalidInputError
        For anything but "code" and "map".
    """
    if not is_word(merge, ("code", "map")):
        raise InvalidInputError(explain('merge "code" or "map"', repr(merge), "", 'merge="map"'))
    return str(merge)


def same_maps(maps: Array, pairs: Indices) -> BoolArray:
    """Whether neighbours have one affine map, up to rounding."""
    if not len(pairs):
        return np.zeros(0, dtype=bool)
    scale = np.abs(maps).max(axis=tuple(range(1, maps.ndim)))
    apart = np.abs(maps[pairs[:, 0]] - maps[pairs[:, 1]]).max(axis=tuple(range(1, maps.ndim)))
    out: BoolArray = apart <= SAME * np.maximum(scale[pairs[:, 0]], scale[pairs[:, 1]])
    return out


def joined(pairs: Indices, same: BoolArray, n: int) -> Indices:
    """Connected components of the pairs that are the same, numbered by their first member."""
    graph = sparse.coo_array((np.ones(int(same.sum())), pairs[same].T), shape=(n, n))
    component = csgraph.connected_components(graph, directed=False)[1]
    order = np.unique(component, return_index=True)[1].argsort().argsort()
    out: Indices = order[component].astype(np.intp)
    return out
