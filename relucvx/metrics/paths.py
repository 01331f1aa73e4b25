"""Many straight segments carried through a network at once: where their images bend, and the codes in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relucvx.metrics.layers import Hidden, LayerList, Weight
from relucvx.tolerances import EPS
from relucvx.types import Array, BoolArray

Indices = NDArray[np.intp]

BLOCK = 250_000
"""Entries of the matrices that a block of segments should grow to: they stay in the processor's cache."""


@dataclass
class Paths:
    """Continuous piecewise-linear curves through the values of one layer, one below the other.

    Attributes
    ----------
    t : ndarray of shape (M,)
        Breakpoints of all curves; each runs from 0 to 1.
    doubt : ndarray of shape (M,)
        How far a breakpoint may be from the true one.
    first : ndarray of shape (B + 1,)
        Row at which each curve starts, and M.
    values : ndarray of shape (M, width)
        The layer at the breakpoints.
    errors : ndarray of shape (B, width)
        Bound (to first order) on the rounding errors along each curve.
    """

    t: Array
    doubt: Array
    first: Indices
    values: Array
    errors: Array

    @classmethod
    def straight(cls, starts: Array, ends: Array) -> Paths:
        """The segments themselves, known exactly."""
        count = len(starts)
        values = np.stack([starts, ends], axis=1).reshape(2 * count, -1)
        t = np.tile([0.0, 1.0], count)
        return cls(t, np.zeros(2 * count), 2 * np.arange(count + 1), values, np.zeros(starts.shape))

    @property
    def owner(self) -> Indices:
        """The curve that each row belongs to."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


@dataclass
class Crossings:
    """Points inside segments at which neurons change sign, those that rounding cannot tell apart joined.

    Attributes
    ----------
    segment, share, slack : ndarrays of shape (K,)
        Segment of each point, its share of the segment, and the doubt about the share; sorted along the curves.
    point, neuron : ndarrays of shape (C,)
        The crossings: neuron ``neuron[c]`` is zero at point ``point[c]``.
    """

    segment: Indices
    share: Array
    slack: Array
    point: Indices
    neuron: Indices


@dataclass
class Walk:
    """Segments behind the layers asked for.

    Attributes
    ----------
    t, first
        As in :class:`Paths`.
    codes : dict
        Per layer asked for: whether its neurons are positive on the interval behind each breakpoint, of shape
        (M - 1, neurons). Rows between two curves mean nothing.
    values : ndarray
        The last layer at the breakpoints; no columns where it was not asked for.
    """

    t: Array
    first: Indices
    codes: dict[int, BoolArray]
    values: Array


class Walker:
    """Carries segments through the first ``depth`` hidden layers of a network.

    Parameters
    ----------
    network : LayerList
        The network.
    depth : int
        Hidden layers to pass.
    columns : dict
        Layers whose codes are wanted, with the neurons among theirs that make up the code.
    values : bool
        Whether the values behind the last of these layers are wanted.
    """

    def __init__(self, network: LayerList, depth: int, columns: Mapping[int, Any], values: bool = False) -> None:
        self.layers = network.hidden[:depth]
        self.columns, self.want_values = columns, values
        self.bounds = [_Bounds.of(layer) for layer in self.layers]
        self.widest = max(1, network.n_features, *(layer.map.width for layer in self.layers))

    def blocks(self, starts: Array, ends: Array) -> Iterator[Walk]:
        """Walk along all segments, as many at a time as keeps the matrices small."""
        done, size = 0, 4
        while done < len(starts):
            walk = self.walk(starts[done : done + size], ends[done : done + size])
            yield walk
            done += size
            size = max(1, int(BLOCK * (len(walk.first) - 1) / (len(walk.t) * self.widest)))

    def walk(self, starts: Array, ends: Array) -> Walk:
        """Walk along these segments at once."""
        paths = Paths.straight(starts, ends)
        found: dict[int, BoolArray] = {}
        parents: dict[int, Indices] = {}
        for position, (layer, bounds) in enumerate(zip(self.layers, self.bounds, strict=True)):
            step = _Step(paths, layer, bounds)
            last = position == len(self.layers) - 1 and not self.want_values
            paths, parents[position], active = step.refined(self.columns.get(position), values=not last)
            if active is not None:
                found[position] = active
        place = np.arange(len(paths.t) - 1)
        codes = {}
        for position in range(len(self.layers) - 1, -1, -1):
            if position in found:
                codes[position] = found[position][place]
            place = parents[position][place]
        return Walk(paths.t, paths.first, codes, paths.values)


@dataclass
class _Bounds:
    """What rounding errors need to know about a layer: squares of its weights, norms of its columns, |bias|."""

    squares: Weight
    norms: Array
    bias: Array

    @classmethod
    def of(cls, layer: Hidden) -> _Bounds:
        """Read them off the layer's map."""
        squares = layer.map.weight * layer.map.weight
        return cls(squares, np.sqrt(np.asarray(squares.sum(axis=0)).ravel()), np.abs(layer.map.bias))


class _Step:
    """Curves on their way through one hidden layer."""

    def __init__(self, paths: Paths, layer: Hidden, bounds: _Bounds) -> None:
        self.paths, self.layer, self.k = paths, layer, layer.n_kinked
        self.P = layer.map(paths.values)
        length = np.sqrt(np.einsum("ij,ij->i", paths.values, paths.values))
        longest = np.maximum.reduceat(length, paths.first[:-1])
        # |h|·|w| <= ||h|| ||w||; the errors of different neurons are taken as independent, since the worst case would
        # grow by the sum of the |weights| per layer
        size = longest[:, None] * bounds.norms + bounds.bias
        self.errors = np.sqrt(paths.errors**2 @ bounds.squares) + 4.0 * EPS * size
        self.up, self.down = self._signs()

    def _signs(self) -> tuple[BoolArray, BoolArray]:
        """Where neurons are positive and negative at the breakpoints; values within their doubt of zero become zero."""
        neurons, t = self.P[:, : self.k], self.paths.t
        gaps = np.diff(t)
        gaps[self.paths.first[1:-1] - 1] = np.inf
        nearest = np.minimum(np.concatenate([gaps, [np.inf]]), np.concatenate([[np.inf], gaps]))
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.nanmax(np.minimum(self.paths.doubt / nearest, 1.0), initial=0.0)
        # an easy bound that hardly any value is below: a value changes by at most twice the largest over a segment
        limit = self.errors[:, : self.k].max(initial=0.0)
        if relative > 0.0:
            limit += 2.0 * relative * max(neurons.max(initial=0.0), -neurons.min(initial=0.0))
        up, down = neurons > limit, neurons < -limit
        if np.count_nonzero(up) + np.count_nonzero(down) < up.size:
            i, j = np.nonzero(~(up | down))
            zero = self._is_zero(i, j, gaps)
            np.maximum.at(self.errors, (self.paths.owner[i[zero]], j[zero]), np.abs(neurons[i[zero], j[zero]]))
            neurons[i[zero], j[zero]] = 0.0
            up[i, j], down[i, j] = neurons[i, j] > 0.0, neurons[i, j] < 0.0
        return up, down

    def _is_zero(self, i: Indices, j: Indices, gaps: Array) -> BoolArray:
        """Whether entries are zero within their own error and what the doubt about t makes of the changes on both sides."""
        P, last, gaps = self.P, len(self.P) - 1, np.append(gaps, np.inf)
        change = np.zeros(len(i))
        for other, gap in ((np.minimum(i + 1, last), gaps[i]), (np.maximum(i - 1, 0), gaps[i - 1])):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.nan_to_num(np.minimum(self.paths.doubt[i] / gap, 1.0))
            change = np.maximum(change, share * np.abs(P[other, j] - P[i, j]))
        zero: BoolArray = np.abs(P[i, j]) <= self.errors[self.paths.owner[i], j] + change
        return zero

    def crossings(self) -> Crossings | None:
        """Where neurons change sign inside segments; None when none does."""
        crossed = (self.up[:-1] & self.down[1:]) | (self.down[:-1] & self.up[1:])
        crossed[self.paths.first[1:-1] - 1] = False
        where = np.flatnonzero(crossed)
        if len(where) == 0:
            return None
        segment, neuron = np.divmod(where, self.k)
        before, after = np.abs(self.P[segment, neuron]), np.abs(self.P[segment + 1, neuron])
        step = before + after
        share = before / step
        slack = 2.0 * self.errors[self.paths.owner[segment], neuron] / step + EPS
        order = np.lexsort((share, segment))
        segment, neuron, share, slack = segment[order], neuron[order], share[order], slack[order]
        apart = (segment[1:] > segment[:-1]) | (share[1:] - share[:-1] > slack[:-1] + slack[1:])
        point = np.concatenate([[0], np.cumsum(apart)])
        if not apart.all():
            # the best known crossing of each cluster stands for it
            best = np.lexsort((slack, point))
            chosen = best[np.unique(point[best], return_index=True)[1]]
            segment, share, slack = segment[chosen], share[chosen], slack[chosen]
        return Crossings(segment, share, slack, point, neuron)

    def refined(self, columns: Any, values: bool) -> tuple[Paths, Indices, BoolArray | None]:
        """The curves behind the layer with breakpoints at the crossings.

        Returns them, the segment that each of their segments is part of, and the codes of the chosen neurons on these
        segments (None when ``columns`` is). Without ``values`` the returned curves have none.
        """
        found = self.crossings()
        if found is None:
            return self._without_crossings(columns, values)
        old, count = self.paths, len(found.segment)
        new = found.segment + np.arange(1, count + 1)
        is_old = np.ones(len(old.t) + count, dtype=bool)
        is_old[new] = False
        rows = np.flatnonzero(is_old)
        before, after, share = found.segment, found.segment + 1, found.share[:, None]
        width = None if values else self.k
        inserted = (1.0 - share) * self.P[before, :width] + share * self.P[after, :width]
        owner = old.owner[before]
        # all neurons of a cluster are zero at its point, which moves some of them a little
        moved = np.abs(inserted[found.point, found.neuron])
        np.maximum.at(self.errors, (owner[found.point], found.neuron), moved)
        inserted[found.point, found.neuron] = 0.0
        gap = old.t[after] - old.t[before]
        t, doubt = np.empty(len(is_old)), np.empty(len(is_old))
        t[rows], t[new] = old.t, (1.0 - found.share) * old.t[before] + found.share * old.t[after]
        doubt[rows], doubt[new] = old.doubt, found.slack * gap + EPS
        parents = np.cumsum(is_old)[:-1] - 1
        first = old.first + np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(old.first) - 1))])
        active = None
        if columns is not None:
            positive = np.empty((len(is_old), self.k), dtype=bool)
            positive[rows], positive[new] = self.up, inserted[:, : self.k] > 0.0
            active = positive[:-1, columns] | positive[1:, columns]
        H = self.P[:0]
        if values:
            H = np.empty((len(is_old), self.P.shape[1]))
            H[rows], H[new] = self.P, inserted
            H = self.layer.activate(H)
        return Paths(t, doubt, first, H, self._errors_behind()), parents, active

    def _without_crossings(self, columns: Any, values: bool) -> tuple[Paths, Indices, BoolArray | None]:
        old = self.paths
        active = None if columns is None else self.up[:-1, columns] | self.up[1:, columns]
        H = self.layer.activate(self.P) if values else self.P[:0]
        return Paths(old.t, old.doubt, old.first, H, self._errors_behind()), np.arange(len(old.t) - 1), active

    def _errors_behind(self) -> Array:
        """Errors behind the activation."""
        self.errors[:, : self.k] *= max(abs(self.layer.phi.slope_neg), abs(self.layer.phi.slope_pos))
        return self.errors
