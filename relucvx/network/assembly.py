"""From a sequence of operations to a :class:`LayerList`: values are affine maps of the last layer's columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from relucvx.later import later
from relucvx.network.activations import SmoothActivation
from relucvx.network.layers import Affine, Hidden, LayerList, Weight, compact
from relucvx.network.tournament import Tournament, draw_up
from relucvx.types import ACTIVATIONS, Activation, Array

sparse = later("scipy.sparse")

Indices = NDArray[np.intp]
RELU = ACTIVATIONS["relu"]


@dataclass(eq=False)
class Value:
    """An intermediate result: an affine map of the columns of the last hidden layer, None for these columns themselves.

    ``storage`` tells apart results that share memory in torch (views) from those that do not; ``weighted`` says that a
    Linear layer is part of the map.
    """

    map: Affine | None
    shape: tuple[int, ...]
    storage: object = field(default_factory=object)
    weighted: bool = False

    @property
    def width(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    def viewed(self, shape: tuple[int, ...]) -> Value:
        """The same entries in another shape."""
        return Value(self.map, shape, self.storage, self.weighted)


class Assembler:
    """Collects hidden layers while a network's operations are applied to values in turn.

    With ``keep_linear`` an activation without a kink makes a layer as well: it then says which network of two layers,
    or how deep a linear network, is meant.
    """

    def __init__(self, n_features: int, keep_linear: bool = False) -> None:
        self.n_features, self.keep_linear = n_features, keep_linear
        self.hidden: list[Hidden] = []

    def start(self, shape: tuple[int, ...]) -> Value:
        """The input of the network."""
        self.input_shape = shape
        return Value(None, shape)

    def affine(self, value: Value, map_: Affine, shape: tuple[int, ...] | None = None) -> Value:
        """The value behind an affine map."""
        first = Affine(compact(map_.weight), map_.bias, map_.biased)
        joined = first if value.map is None else value.map.then(map_)
        return Value(joined, (map_.width,) if shape is None else shape, weighted=value.weighted)

    def add(self, a: Value, b: Value) -> Value:
        """The sum of two values of one shape."""
        x, y = _explicit(a), _explicit(b)
        weight = compact(_sum(x.weight, y.weight))
        return Value(Affine(weight, x.bias + y.bias, x.biased or y.biased), a.shape, weighted=a.weighted or b.weighted)

    def scale(self, value: Value, factor: float | Array) -> Value:
        """The value times a number, or times one number per entry."""
        map_ = _explicit(value)
        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), (value.width,))
        weight = map_.weight * factors if isinstance(map_.weight, np.ndarray) else map_.weight @ _diagonal(factors)
        return Value(Affine(compact(weight), map_.bias * factors, map_.biased), value.shape, weighted=value.weighted)

    def shift(self, value: Value, offset: float | Array) -> Value:
        """The value plus a number, or plus one number per entry; zeros are no bias."""
        if not np.any(offset):
            return value
        map_ = _explicit(value)
        return Value(Affine(map_.weight, map_.bias + offset), value.shape, weighted=value.weighted)

    def kink(
        self, value: Value, phi: Activation | SmoothActivation, keep: Sequence[Value] = (), name: str = ""
    ) -> Value:
        """The value behind an activation; the values in ``keep`` stay usable.

        An activation without a kink is a multiplication and makes no layer, unless linear ones are kept.
        """
        straight = isinstance(phi, Activation) and phi.hinge == 0.0
        if isinstance(phi, Activation) and straight and not self.keep_linear:
            return value if phi.slope_pos == 1.0 else self.scale(value, phi.slope_pos)
        # no connection skips a layer in a list: what is needed later goes along in columns without a kink
        kept = _distinct(keep)
        parts = [_explicit(v) for v in (value, *kept)]
        self._layer(parts, cast(Activation, phi), value.width, name, value.weighted)
        self._reexpress(kept, value.width)
        # None stands for the layer as a whole, which it is only if nothing else went along
        return Value(_columns(self._width, 0, value.width) if kept else None, value.shape)

    def maximum(
        self,
        value: Value,
        windows: Sequence[Indices],
        taps: Sequence[Indices],
        shape: tuple[int, ...],
        keep: Sequence[Value],
        name: str,
    ) -> Value:
        """The largest entry of each window, by a tournament: max(a, b) = b + relu(a - b), a hidden layer for each round.

        ``windows`` holds the positions of each window's entries, ``taps`` which entries of the window they are.
        """
        kept, source, n_in = _distinct(keep), _explicit(value), value.width
        # candidates are columns of `source`, sorted by window
        picked = np.concatenate([np.asarray(w, dtype=np.intp) for w in windows])
        source = source.then(Affine(_selection(n_in, picked), np.zeros(len(picked)), False))
        tournament = draw_up(windows, taps)
        for now in tournament.rounds:
            n, k, m = len(now.first) * 2 + len(now.unpaired), len(now.first), len(now.unpaired)
            # the differences get the kink; the second of each pair and what is unpaired pass beside it
            pick = _selection(n, np.concatenate([now.second, now.unpaired]))
            rounds = sparse.hstack([_selection(n, now.first) - _selection(n, now.second), pick])
            parts = [source.then(Affine(rounds, np.zeros(2 * k + m), False)), *map(_explicit, kept)]
            self._layer(parts, RELU, k, name, tournament=tournament)
            self._reexpress(kept, 2 * k + m)
            # winners in the order of their windows: relu(a - b) + b for a pair, the odd one as it is
            total = self._width
            winners = _selection(total, k + np.arange(k + m)) + sparse.hstack(
                [_selection(total, np.arange(k)), sparse.csc_array((total, m))]
            )
            source = Affine(compact(sparse.csc_array(winners)[:, now.order]), np.zeros(k + m), False)
        return Value(source, shape)

    def finish(self, value: Value) -> LayerList:
        """The network whose output is the value."""
        return LayerList(tuple(self.hidden), value.map, self.n_features, self.input_shape)

    @property
    def _width(self) -> int:
        return self.hidden[-1].map.width

    def _layer(
        self,
        parts: Sequence[Affine],
        phi: Activation,
        n_kinked: int,
        name: str,
        weighted: bool = True,
        tournament: Tournament | None = None,
    ) -> None:
        weight = parts[0].weight if len(parts) == 1 else _side_by_side([p.weight for p in parts])
        map_ = Affine(weight, np.concatenate([p.bias for p in parts]), any(p.biased for p in parts))
        self.hidden.append(Hidden(map_, phi, n_kinked, name, weighted, tournament))

    def _reexpress(self, kept: Sequence[Value], first: int) -> None:
        """Say where in the new layer the kept values are."""
        for value in kept:
            value.map = _columns(self._width, first, value.width)
            first += value.width


def _distinct(values: Sequence[Value]) -> list[Value]:
    return list({id(v): v for v in values}.values())


def _explicit(value: Value) -> Affine:
    if value.map is not None:
        return value.map
    return Affine(compact(sparse.eye_array(value.width, format="csc")), np.zeros(value.width), False)


def _columns(width: int, first: int, count: int) -> Affine:
    return Affine(compact(_selection(width, first + np.arange(count))), np.zeros(count), False)


def _diagonal(factors: Array) -> Weight:
    return sparse.diags_array(factors, format="csc")


def _selection(n: int, picked: Indices) -> Weight:
    """Matrix of shape (n, k) that picks entries of rows."""
    k = len(picked)
    return sparse.csc_array((np.ones(k), (picked, np.arange(k))), shape=(n, k))


def _sum(a: Weight, b: Weight) -> Weight:
    total = a + b
    return total if sparse.issparse(total) else np.asarray(total)


def _side_by_side(weights: Sequence[Weight]) -> Weight:
    return compact(sparse.hstack([sparse.csc_array(w) for w in weights], format="csc"))
