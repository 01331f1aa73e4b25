"""Many straight segments carried through a network at once: where their images bend, and the codes in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.regions import _line_kernels as kernels
from relucvx.network.layers import Hidden, LayerList, Weight
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
    """Segments behind the layers asked for; the next block overwrites ``codes`` and ``values``.

    Attributes
    ----------
    t, first, values
        As in :class:`Paths`.
    codes : ndarray of shape (M, N), bool, or whole numbers where a maximum is among the layers
        Whether the neurons asked for are positive, or who wins, on the interval behind each breakpoint; the row of the
        last of each curve means nothing.
    """

    t: Array
    first: Indices
    codes: Any
    values: Array

    def changes(self) -> BoolArray:
        """Whether a row begins a region: the first of each curve, and those with another code than the row before."""
        begins = np.empty(len(self.t), dtype=bool)
        # an entry takes a byte or more, and any byte that differs is a change
        kernels.mark_changes(self.codes.view(np.uint8), self.first, begins)
        return begins


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
        #: whether the codes of a hidden layer are wanted: None, or which of its neurons' (all comparisons of a maximum)
        self._wanted: list[Any] = [None] * len(self.layers)
        for position, some in columns.items():
            kink = network.kinks[position]
            for k in kink.rounds:
                self._wanted[k] = some if kink.tournament is None else slice(None)
        self._before, self._behind, self._codes = _Buffer(), _Buffer(), _Buffer(network.code_dtype(columns))
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
        found: list[Any] = []
        parents: list[Indices] = []
        for position, layer in enumerate(self.layers):
            # behind the last layer nobody may want values, which are most of the work there
            last = position == len(self.layers) - 1 and not self.want_values
            P = self._product(paths.values, layer.weight)
            paths, parent, active = self._through(paths, layer, P, self._wanted[position], not last)
            parents.append(parent)
            found.append(active)
        return Walk(paths.t, paths.first, self._together(found, parents, len(paths.t)), paths.values)

    def _together(self, found: list[Any], parents: list[Indices], rows: int) -> Any:
        """Codes of all layers on the final intervals, each of which lies in one interval of every layer."""
        chosen = {k: _count(columns, self.kinks[k].width) for k, columns in self.columns.items()}
        at = sum(chosen.values())
        codes, row = self._codes.take(rows, at), np.arange(rows)
        # backwards, as every row knows the row of the layer before that it lies in
        for position in reversed(range(len(self.kinks))):
            kink, signs = self.kinks[position], []
            at -= chosen.get(position, 0)
            for k in reversed(kink.rounds):
                if position not in chosen:
                    pass
                elif kink.tournament is None and codes.dtype == bool:
                    kernels.spread(found[k], row, at, codes)
                else:
                    signs.append(found[k][row])
                row = parents[k][row]
            if signs:
                won = signs[0] if kink.tournament is None else kink.tournament.winners(signs[::-1])
                own = slice(None) if kink.tournament is None else self.columns[position]
                codes[:, at : at + chosen[position]] = won[:, own]
        return codes

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

    def _through(self, paths: Paths, layer: _Layer, P: Array, columns: Any, valued: bool) -> tuple[Paths, Indices, Any]:
        """The curves behind a layer, with breakpoints where its neurons change sign.

        Returns them (without values unless ``valued``), the old row that each of their rows is or follows, and the codes
        of the neurons ``columns`` (unless None; signs of comparisons) on the intervals behind the rows.
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
        active = None
        if columns is not None:
            active = np.empty((len(new_t), k), dtype=bool)
            kernels.code(P, k, first, segment, start, neurons, active)
            if layer.compares:  # level is neither won nor lost
                lost = np.empty_like(active)
                kernels.code(-P, k, first, segment, start, neurons, lost)
                active = active.astype(np.int8) - lost
            active = np.ascontiguousarray(active[:, columns])
        H, longest = self._behind.take(len(new_t), P.shape[1] if valued else 0), np.empty(len(first) - 1)
        if valued:
            kernels.activate(P, k, first, segment, share, start, neurons, *layer.slopes, moved, H, longest)
        # behind a ReLU that is inactive throughout nothing is left of an error
        negative, positive = map(abs, layer.slopes)
        slope = np.maximum(np.where(above, positive, 0.0), np.where(below, negative, 0.0))
        errors[:, :k] = np.maximum(errors[:, :k], moved) * slope
        return Paths(new_t, new_doubt, new_first, H, errors, longest), parent, active


def _count(columns: Any, width: int) -> int:
    return width if isinstance(columns, slice) else len(columns)


class _Buffer:
    """Memory for one matrix after another: fresh memory of that size costs as much as the arithmetic on it."""

    def __init__(self, dtype: Any = float) -> None:
        self.memory: Any = np.empty(0, dtype)

    def take(self, rows: int, columns: int) -> Any:
        """A matrix with arbitrary contents; the one taken before is gone."""
        if rows * columns > len(self.memory):
            self.memory = np.empty(int(1.5 * rows * columns), self.memory.dtype)
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
