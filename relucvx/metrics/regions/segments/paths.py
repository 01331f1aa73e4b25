"""Many straight segments carried through a network at once: where their images bend, and the codes in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relucvx.deadline import ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions.segments import _line_kernels as kernels
from relucvx.metrics.regions.segments.changes import Changes, walks
from relucvx.metrics.regions.segments.flips import Flips
from relucvx.network.layers import Hidden, Kink, LayerList, Weight
from relucvx.tolerances import EPS
from relucvx.types import Array

Indices = NDArray[np.intp]

BLOCK = 500_000
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
        The layer at the breakpoints; no columns where they are not needed.
    errors : ndarray of shape (B, width)
        Bound (to first order) on the rounding errors along each curve.
    longest : ndarray of shape (B,)
        Greatest Euclidean norm of the values along each curve.
    """

    t: Array
    doubt: Array
    first: Indices
    values: Array
    errors: Array
    longest: Array

    @classmethod
    def straight(cls, starts: Array, ends: Array) -> Paths:
        """The segments themselves, known exactly."""
        count = len(starts)
        values = np.stack([starts, ends], axis=1).reshape(2 * count, -1)
        with np.errstate(over="ignore"):  # found out in the first layer
            longest = np.linalg.norm(values, axis=1).reshape(count, 2).max(axis=1)
        t, first = np.tile([0.0, 1.0], count), 2 * np.arange(count + 1, dtype=np.int64)
        return cls(t, np.zeros(2 * count), first, values, np.zeros(starts.shape), longest)


@dataclass
class Walk:
    """Segments behind the layers asked for; the next block overwrites ``values``.

    Attributes
    ----------
    t, first, values
        As in :class:`Paths`.
    found, parents : lists
        What every kink changes in the codes (None where they are not asked for), and the row before it of every row behind it.
    """

    t: Array
    first: Indices
    values: Array
    found: list[Changes | None]
    parents: list[Indices]

    def lines(self, kind: Any) -> Iterator[tuple[Array, Flips]]:
        """Breakpoints and codes of every segment."""
        return walks(self.found, self.parents, self.first, self.t, kind)


class Walker:
    """Carries segments through the first ``depth`` hidden layers of a network.

    Parameters
    ----------
    network : LayerList
        The network.
    depth : int
        Layers (``network.kinks``) to pass.
    columns : dict
        Those whose codes are wanted, with the neurons among theirs that make up the code.
    values : bool
        Whether the values behind the last of these layers are wanted.
    """

    def __init__(self, network: LayerList, depth: int, columns: Mapping[int, Any], values: bool = False) -> None:
        self.layers = [_Layer.of(layer) for layer in network.hidden[: network.rounds_of(depth)]]
        self.kinks, self.columns, self.want_values = network.kinks[:depth], columns, values
        self.kind = network.code_dtype(columns)
        self._before, self._behind = _Buffer(), _Buffer()
        self.widest = max(1, network.n_features, *(len(layer.bias) for layer in self.layers))

    def blocks(self, starts: Array, ends: Array) -> Iterator[Walk]:
        """Walk along all segments, as many at a time as keeps the matrices small."""
        # a few first, which tell how many breakpoints a segment gets in this network
        done, size = 0, 4
        while done < len(starts):
            walk = self.walk(starts[done : done + size], ends[done : done + size])
            yield walk
            done += size
            size = max(1, int(BLOCK * (len(walk.first) - 1) / (len(walk.t) * self.widest)))

    def walk(self, starts: Array, ends: Array) -> Walk:
        """Walk along these segments at once."""
        paths = Paths.straight(starts, ends)
        behind: list[Changes | None] = []
        parents: list[Indices] = []
        position = 0
        for at, kink in enumerate(self.kinks):
            ruling().check()
            rounds, rows = [], []
            for _ in kink.rounds:
                layer = self.layers[position]
                # behind the last layer nobody may want values, which are most of the work there
                valued = position < len(self.layers) - 1 or self.want_values
                P = self._product(paths.values, layer.weight)
                paths, parent, found = self._through(paths, layer, P, at in self.columns, valued)
                rounds.append(found)
                rows.append(parent)
                position += 1
            behind.append(
                self._together(kink, rounds, rows, paths.first, self.columns[at]) if at in self.columns else None
            )
            parents.append(_composed(rows))
        return Walk(paths.t, paths.first, paths.values, behind, parents)

    def _together(self, kink: Kink, found: list[Any], parents: list[Indices], first: Indices, columns: Any) -> Changes:
        """What a kink changes, from what its rounds find."""
        if kink.tournament is None:
            changes: Changes = found[0].of_columns(columns)
            return changes
        row, signs = np.arange(first[-1]), []
        # backwards, as every row knows the row of the round before that it lies in
        for active, parent in zip(reversed(found), reversed(parents), strict=True):
            signs.append(active[row])
            row = parent[row]
        return Changes.of(kink.tournament.winners(signs[::-1])[:, columns], first)

    def _product(self, values: Array, weight: Weight) -> Any:
        out = self._before.take(len(values), weight.shape[1])
        if not isinstance(weight, np.ndarray):
            kernels.sparse_product(values, weight.indptr, weight.indices, weight.data, out)
            # few rows are no strip: looking for columns of zeros would not pay
        elif len(values) < kernels.STRIP // 2 or weight.size == 0:
            np.matmul(values, weight, out=out)
        else:
            kernels.product(values, weight, out)
        return out

    def _through(self, paths: Paths, layer: _Layer, P: Array, coded: bool, valued: bool) -> tuple[Paths, Indices, Any]:
        """The curves behind a layer, with breakpoints where its neurons change sign.

        Returns them (without values unless ``valued``), the old row that each of their rows is or follows, and where ``coded``
        what changes on them, of comparisons the signs on the intervals behind the rows.
        """
        k, (first, t, doubt) = layer.k, (paths.first, paths.t, paths.doubt)
        # |h|·|w| <= ||h|| ||w||; the errors of different neurons are taken as independent, since the worst case would grow
        # by the sum of the |weights| per layer
        with np.errstate(over="ignore", invalid="ignore"):
            size = paths.longest[:, None] * layer.norms + np.abs(layer.bias)
            errors = np.sqrt(paths.errors**2 @ layer.squares) + 4.0 * EPS * size
        if not np.isfinite(errors).all():
            raise InvalidInputError(
                explain(
                    "points, weights and activations below 1e150, whose squares are floats",
                    "larger ones",
                    "a network that has diverged, or data in another unit",
                )
            )
        moved = np.zeros((len(first) - 1, k))
        above, below = np.zeros((2, len(first) - 1, k), dtype=bool)
        points, (new_t, new_doubt, new_first, parent) = kernels.locate(
            P, layer.bias, k, first, t, doubt, errors, moved, above, below
        )
        segment, share, _, start, neurons = points
        found: Any = None
        if coded and layer.compares:  # level is neither won nor lost
            won, lost = np.empty((2, len(new_t), k), dtype=bool)
            kernels.code(P, k, first, segment, start, neurons, won)
            kernels.code(-P, k, first, segment, start, neurons, lost)
            found = won.astype(np.int8) - lost
        elif coded:
            begin = np.empty((len(first) - 1, k), dtype=bool)
            found = Changes.by_sign(begin, *kernels.flips(P, k, first, segment, start, neurons, begin))
        H, longest = self._behind.take(len(new_t), P.shape[1] if valued else 0), np.empty(len(first) - 1)
        if valued:
            kernels.activate(P, k, first, segment, share, start, neurons, *layer.slopes, moved, H, longest)
        # behind a ReLU that is inactive throughout nothing is left of an error
        negative, positive = map(abs, layer.slopes)
        slope = np.maximum(np.where(above, positive, 0.0), np.where(below, negative, 0.0))
        errors[:, :k] = np.maximum(errors[:, :k], moved) * slope
        return Paths(new_t, new_doubt, new_first, H, errors, longest), parent, found


def _composed(parents: list[Indices]) -> Indices:
    """The row before several rounds of every row behind them."""
    row = parents[-1]
    for parent in reversed(parents[:-1]):
        row = parent[row]
    return row


class _Buffer:
    """Memory for one matrix after another: fresh memory of that size costs as much as the arithmetic on it."""

    def __init__(self) -> None:
        self.memory: Any = np.empty(0)

    def take(self, rows: int, columns: int) -> Any:
        """A matrix with arbitrary contents; the one taken before is gone."""
        if rows * columns > len(self.memory):
            self.memory = np.empty(int(1.5 * rows * columns))
        return self.memory[: rows * columns].reshape(rows, columns)


@dataclass
class _Layer:
    """A hidden layer with what rounding errors need to know: squares of its weights, and norms of its columns."""

    weight: Weight
    bias: Array
    squares: Weight
    norms: Array
    k: int
    slopes: tuple[float, float]
    compares: bool

    @classmethod
    def of(cls, layer: Hidden) -> _Layer:
        """Read it off a network's layer."""
        given = layer.map.weight
        # a copy, because compiled code tells writable arrays from others
        weight: Weight = np.array(given, order="C") if isinstance(given, np.ndarray) else sparse.csr_array(given)
        with np.errstate(over="ignore"):  # as there
            squares = weight * weight
        norms = np.sqrt(np.asarray(squares.sum(axis=0)).ravel())
        slopes = (float(layer.phi.slope_neg), float(layer.phi.slope_pos))
        return cls(
            weight, np.array(layer.map.bias), squares, norms, layer.n_kinked, slopes, layer.tournament is not None
        )
