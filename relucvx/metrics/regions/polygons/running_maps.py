"""Maps of polygons of a module that is run: derivatives at a point inside each, where the module's code is the polygon's."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.packing import Codes
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.metrics.regions.polygons.subdivision import Subdivision
from relucvx.network.running.module import RunningModule
from relucvx.network.running.rows import Bends, Indices
from relucvx.types import Array, BoolArray

CHUNK = 100_000_000
"""Bytes that values and their derivatives take at a time."""


def derived_maps(network: RunningModule, plane: Plane, cells: Subdivision, codes: Codes) -> Array:
    """The module on every face as an affine map of plane coordinates, outputs = (1, u, v) @ maps[face].

    Slopes are derivatives at a point inside the face, so they are as precise as the module is, however small the face;
    provided that the module does there what it does all over the face, which is looked at.

    Raises
    ------
    InvalidInputError
        For faces so thin that rounding decides what the module does inside them, and for operations without derivatives.
    """
    middle = _middles(cells)
    points = plane.origin + middle @ plane.axes
    step = max(1, CHUNK // (4 * max(1, network.row_bytes)))
    parts, unsure = [], 0
    for begin in range(0, len(points), step):
        some = np.arange(begin, min(begin + step, len(points)))
        inside = Inside(_layers(codes.at(some)), len(some))
        network.run(points[some], inside)
        unsure += int(inside.unsure.sum())
        parts.append(_derivatives(network, points[some], plane.axes))
    if unsure:
        raise InvalidInputError(
            explain(
                'polygons that are wide enough for merge="map"',
                f"{unsure:,} of {len(points):,} so thin that rounding decides which neurons are active inside them",
                "lines that nearly meet in a point, or a neuron that is zero throughout but for rounding",
                'merge="code", or route="compiled" where the network can be read as matrices',
            )
        )
    maps = np.concatenate(parts)
    maps[:, 0] -= np.einsum("fi,fic->fc", middle, maps[:, 1:])
    return maps


def _middles(cells: Subdivision) -> Array:
    """The mean of the corners of every face."""
    inside = cells.face >= 0
    owner, n = cells.face[inside], len(cells.first)
    count = np.bincount(owner, minlength=n)
    return np.column_stack([np.bincount(owner, x, n) / count for x in cells.place[cells.tail[inside]].T])


def _layers(codes: Codes) -> list[Any]:
    """Codes kink by kink."""
    return [codes.only([k]).unpacked() for k in range(len(codes.kinds))]


def _derivatives(network: RunningModule, points: Array, axes: Array) -> Array:
    """Outputs at points and their slopes along the axes, (rows, 3, c)."""
    rows = torch.from_numpy(points.reshape(-1, *network.input_shape))
    out = []
    try:
        for axis in axes:
            along = torch.from_numpy(np.tile(axis, (len(points), 1))).view(rows.shape)
            with warnings.catch_warnings():
                # torch's own rules for derivatives are scripts, which it calls deprecated
                warnings.simplefilter("ignore", DeprecationWarning)
                value, slope = torch.func.jvp(network.module, (rows,), (along,))
            out.append(slope.reshape(len(rows), -1))
    except (RuntimeError, NotImplementedError) as error:
        raise InvalidInputError(
            explain(
                'a module with derivatives for merge="map"',
                str(error).splitlines()[0],
                "an operation that torch does not differentiate forwards",
                'merge="code"',
            )
        ) from error
    return torch.stack([value.reshape(len(rows), -1), *out], dim=1).detach().numpy()


@dataclass
class Inside:
    """The geometry of points that have no neighbours, each inside a face whose code is known.

    ``unsure`` says of which points rounding decides what happens to them at some kink, or it is not what the code says.
    """

    codes: Sequence[Any]
    rows: int
    position: int = 0
    unsure: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        self.unsure = np.zeros(self.rows, dtype=bool)

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.walls`."""
        n = values.shape[1] // pieces
        found = (values > 0).reshape(self.rows, pieces, n).sum(axis=1)
        wrong = found != self.codes[self.position]
        # what is exactly zero is zero all over the face; what is nearly so may have either sign
        near = ((np.abs(values) <= errors) & (values != 0.0)).reshape(self.rows, pieces, n).any(axis=1)
        return self._done(wrong | near, values.shape[1], found.min(axis=0), found.max(axis=0))

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """As :meth:`~relucvx.network.running.rows.Geometry.winners`."""
        code, there = self.codes[self.position], table >= 0
        entries = np.where(there, values[:, table], -np.inf)
        best = entries.argmax(axis=2)
        second = np.where(np.arange(table.shape[1]) == best[:, :, None], -np.inf, entries).max(axis=2, initial=-np.inf)
        slack = 2.0 * np.where(there, errors[table], 0.0).max(axis=1)
        ahead = np.take_along_axis(entries, best[:, :, None], axis=2)[:, :, 0] - second
        # entries that are level all over the face have one map
        level = code < 0
        wrong = ~level & ((best != code) | (ahead <= slack))
        none = np.zeros(len(table), int)
        return self._done(wrong, len(table), none, none)

    def neighbours(self) -> tuple[Indices, Indices]:
        """As :meth:`~relucvx.network.running.rows.Geometry.neighbours`."""
        return np.zeros(0, np.intp), np.zeros(0, np.intp)

    def _done(self, wrong: Any, columns: int, least: Any, most: Any) -> Bends:
        self.unsure |= wrong.any(axis=1)
        self.position += 1
        return Bends([], least, most, np.zeros(columns))
