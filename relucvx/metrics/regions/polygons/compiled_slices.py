"""Regions on a plane of a network that is read as matrices: the values of a layer at the vertices say where it cuts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx.metrics.regions.packing import Codes, packed
from relucvx.metrics.regions.polygons.maps import local_maps
from relucvx.metrics.regions.polygons.subdivision import Cut, Subdivision
from relucvx.metrics.regions.polygons.tiles import Piece, Room, Tile, ancestry
from relucvx.network.layers import Affine, Hidden, Kink, LayerList
from relucvx.tolerances import EPS, ROUNDING
from relucvx.types import Array

TILE = 2**25
"""Bytes that the values of a tile may take; several tiles are cut at a time."""


def compiled_slice(network: LayerList, tile: Tile, last: int) -> Piece:
    """Cut a tile by the layers in front of ``last``; maps and outputs are known where these are all.

    Raises
    ------
    Overfull
        For a tile that is too large to be cut as a whole.
    InvalidInputError
        Where its parts would be as well.
    """
    kinks = network.kinks[:last]
    room, neurons = Room(tile, TILE), sum(network.hidden[k].n_kinked for kink in kinks for k in kink.rounds)
    walk, per_layer, done = Cells.of(tile), [], 0
    per_vertex = 16 * max([network.n_features, *(hidden.map.width for hidden in network.hidden)])
    for k, kink in enumerate(kinks):
        # behind the last layer the outputs are all that is wanted, or nothing
        head = network.head if k + 1 == len(network.kinks) and kink.tournament is None else None
        walk = walk.through(network, kink, room, head)
        per_layer.append(len(walk.cells.first))
        done += sum(network.hidden[r].n_kinked for r in kink.rounds)
        if k + 1 < last:
            room.foresee(walk.cells.place, per_vertex * (neurons / max(done, 1)) ** 2)
    maps = outputs = doubts = None
    # a face has one map, and a decision, only when every layer has cut
    if last == len(network.kinks):
        outputs, doubts = walk.outputs(network.head)
        walk = replace(walk, values=np.empty((0, 0)))  # before maps of all layers stand side by side
        maps = local_maps(network, tile.plane, walk.codes, walk.origins)
    ancestors = ancestry(walk.origins, len(walk.cells.first))
    kinds = [(code.dtype, code.shape[1]) for code in walk.codes]
    codes = Codes.of([packed(code) for code in walk.codes], kinds, ancestors)
    return Piece(walk.cells, codes, tuple(per_layer), ancestors, maps, outputs, doubts)


@dataclass(frozen=True)
class Cells:
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
    def of(cls, tile: Tile) -> Cells:
        """The tile as a single face."""
        values = np.array(tile.plane.points.T, order="C")
        return cls(tile.subdivision(), values, EPS * np.abs(values).max(axis=1))

    def through(self, network: LayerList, kink: Kink, room: Room, head: Affine | None = None) -> Cells:
        """The subdivision behind one more layer, with the values behind ``head`` if it is given; of a maximum, without the
        walls between those who lose."""
        signs: list[Any] = []
        walk, origin = self, np.arange(len(self.cells.first))
        for k in kink.rounds:
            walk, found = walk.cut(network.hidden[k], room, head)
            signs, origin = [*(sign[found.origin] for sign in signs), found.signs], origin[found.origin]
        codes = kink.codes(signs)
        if kink.tournament is not None:
            cells, kept, vertices = walk.cells.dissolved(origin, codes, len(self.cells.place))
            codes, origin = codes[kept], origin[kept]
            walk = replace(walk, cells=cells, values=np.ascontiguousarray(walk.values[:, vertices]))
        return replace(walk, codes=(*self.codes, codes), origins=(*self.origins, origin))

    def cut(self, hidden: Hidden, room: Room, head: Affine | None = None) -> tuple[Cells, Cut]:
        """The faces cut where neurons change sign."""
        k, width, known = hidden.n_kinked, hidden.map.width, sum(code.nbytes for code in self.codes)
        held = 8 * self.values.shape[1] * (len(self.values) + width)

        def watch(vertices: int, faces: int) -> None:
            ahead = 8 * vertices * (width if head is None else head.width + BLOCKED)
            needed = max(held, ahead + 8 * self.values.shape[1] * width) + faces * k + known
            room.watch(self.cells.place, vertices, faces, needed)

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
                return Cells(found.cells, values, errors), found
            out += head.weight[some].T @ values
        assert head is not None  # blocks are of the last layer
        out += head.bias[:, None]
        return Cells(found.cells, out, _error(head, errors, size), done=True), found

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


BLOCKED = 32
"""Neurons of the last layer whose values are held at a time."""


def _error(map_: Affine, errors: Array, size: Array) -> Array:
    """Rounding errors behind an affine map of values up to ``size``."""
    own = ROUNDING.value * (size @ abs(map_.weight) + np.abs(map_.bias))
    return np.asarray(np.sqrt(errors**2 @ (map_.weight * map_.weight)) + own)
