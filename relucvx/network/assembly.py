"""From a sequence of operations to a :class:`LayerList`: values are affine maps of the last layer's columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relucvx.network.layers import Affine, Hidden, LayerList, Weight, compact
from relucvx.types import ACTIVATIONS, Activation

Indices = NDArray[np.intp]
RELU = ACTIVATIONS["relu"]


@dataclass(eq=False)
class Value:
    """An intermediate result: an affine map of the columns of the last hidden layer, None for these columns themselves.

    ``storage`` tells apart results that share memory in torch (views) from those that do not.
    """

    map: Affine | None
    shape: tuple[int, ...]
    storage: object = field(default_factory=object)

    @property
    def width(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    def viewed(self, shape: tuple[int, ...]) -> Value:
        """The same entries in another shape."""
        return Value(self.map, shape, self.storage)


class Assembler:
    """Collects hidden layers while a network's operations are applied to values in turn."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self.hidden: list[Hidden] = []

    def start(self, shape: tuple[int, ...]) -> Value:
        """The input of the network."""
        self.input_shape = shape
        return Value(None, shape)

    def affine(self, value: Value, map_: Affine, shape: tuple[int, ...] | None = None) -> Value:
        """The value behind an affine map."""
        joined = Affine(compact(map_.weight), map_.bias) if value.map is None else value.map.then(map_)
        return Value(joined, (map_.width,) if shape is None else shape)

    def add(self, a: Value, b: Value) -> Value:
        """The sum of two values of one shape."""
        x, y = _explicit(a), _explicit(b)
        weight = compact(_sum(x.weight, y.weight))
        return Value(Affine(weight, x.bias + y.bias), a.shape)

    def kink(self, value: Value, phi: Activation, keep: Sequence[Value] = (), name: str = "") -> Value:
        """The value behind an activation; the values in ``keep`` stay usable.

        An activation without a kink is a multiplication and makes no layer.
        """
        if phi.hinge == 0.0:
            if phi.slope_pos == 1.0:
                return value
            map_ = _explicit(value)
            return Value(Affine(phi.slope_pos * map_.weight, phi.slope_pos * map_.bias), value.shape)
        kept = _distinct(keep)
        self._layer([_explicit(v) for v in (value, *kept)], phi, value.width, name)
        self._reexpress(kept, value.width)
        return Value(_columns(self._width, 0, value.width) if kept else None, value.shape)

    def maximum(
        self, value: Value, windows: Sequence[Indices], shape: tuple[int, ...], keep: Sequence[Value], name: str
    ) -> Value:
        """The largest entry of each window, by a tournament: max(a, b) = b + relu(a - b), one layer per round.

        ``windows`` holds the positions of each window's entries.
        """
        kept, source, n_in = _distinct(keep), _explicit(value), value.width
        # candidates are columns of `source`, sorted by window
        owner = np.repeat(np.arange(len(windows)), [len(w) for w in windows])
        picked = np.concatenate([np.asarray(w, dtype=np.intp) for w in windows])
        source = source.then(Affine(_selection(n_in, picked), np.zeros(len(picked))))
        while len(owner) > len(windows):
            rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
            first = np.flatnonzero((rank % 2 == 0) & (np.append(owner[1:], -1) == owner))
            second = first + 1
            odd = np.setdiff1d(np.arange(len(owner)), np.concatenate([first, second]))
            n, k, m = len(owner), len(first), len(odd)
            pick = _selection(n, np.concatenate([second, odd]))
            rounds = sparse.hstack([_selection(n, first) - _selection(n, second), pick])
            self._layer([source.then(Affine(rounds, np.zeros(2 * k + m))), *map(_explicit, kept)], RELU, k, name)
            self._reexpress(kept, 2 * k + m)
            # winners in the order of their windows: relu(a - b) + b for a pair, the odd one as it is
            owners = np.concatenate([owner[first], owner[odd]])
            order = np.argsort(owners, kind="stable")
            total = self._width
            winners = _selection(total, k + np.arange(k + m)) + sparse.hstack(
                [_selection(total, np.arange(k)), sparse.csc_array((total, m))]
            )
            owner = owners[order]
            source = Affine(compact(sparse.csc_array(winners)[:, order]), np.zeros(k + m))
        return Value(source, shape)

    def finish(self, value: Value) -> LayerList:
        """The network whose output is the value."""
        return LayerList(tuple(self.hidden), value.map, self.n_features, self.input_shape)

    @property
    def _width(self) -> int:
        return self.hidden[-1].map.width

    def _layer(self, parts: Sequence[Affine], phi: Activation, n_kinked: int, name: str) -> None:
        weight = parts[0].weight if len(parts) == 1 else _side_by_side([p.weight for p in parts])
        self.hidden.append(Hidden(Affine(weight, np.concatenate([p.bias for p in parts])), phi, n_kinked, name))

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
    return Affine(compact(sparse.eye_array(value.width, format="csc")), np.zeros(value.width))


def _columns(width: int, first: int, count: int) -> Affine:
    return Affine(compact(_selection(width, first + np.arange(count))), np.zeros(count))


def _selection(n: int, picked: Indices) -> Weight:
    """Matrix of shape (n, k) that picks entries of rows."""
    k = len(picked)
    return sparse.csc_array((np.ones(k), (picked, np.arange(k))), shape=(n, k))


def _sum(a: Weight, b: Weight) -> Weight:
    total = a + b
    return total if sparse.issparse(total) else np.asarray(total)


def _side_by_side(weights: Sequence[Weight]) -> Weight:
    return compact(sparse.hstack([sparse.csc_array(w) for w in weights], format="csc"))
