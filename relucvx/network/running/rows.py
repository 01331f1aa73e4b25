"""A batch whose rows multiply on the way: the points, tensors with a value at each, interpolation.

The module sees tensors of *one* input (batch size 1); the rows are a hidden leading axis, added by :func:`torch.vmap`. So
shapes that a forward pass has read stay right when rows are inserted. Tensors that share memory (views) share a
:class:`Block`; what is brought up to date, or written in place, is the block.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils import _pytree as pytree

from relucvx.tolerances import EPS
from relucvx.types import Array

Indices = NDArray[np.intp]

NOISE = 6
"""Random perturbations that go along, from which the rounding errors of every value are read off."""

SPECIAL = 1 + NOISE
"""Rows in front of the points: a zero, which tells what of an operation is constant, and the perturbations in units of EPS."""

ROUNDING = 4.0
"""Standard deviation of a perturbation, in EPS of the value it belongs to; as in the compiled walk along segments."""

STRIP = 2**17
"""Numbers that are interpolated at a time, in the processor's cache."""

WINDOWS = 2**20
"""Numbers that a convolution writes out at a time: torch puts the windows of all rows that it is given side by side."""


@dataclass(frozen=True)
class Insertion:
    """New rows as interpolations of old ones.

    Attributes
    ----------
    source : ndarray of shape (R',)
        Old row of each row of the batch from now on; of a new row, the first of its parents.
    fresh : ndarray of shape (q,)
        Which of them are new.
    other : ndarray of shape (q,)
        The second parent of each new row, an old row.
    share : ndarray of shape (q,)
        New row = (1 - share) first parent + share second parent.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """

    source: Indices
    fresh: Indices
    other: Indices
    share: Array

    def appends(self, old: int) -> bool:
        """Whether all of so many old rows stay where they are, and new ones come behind them."""
        same = len(self.source) == old + len(self.fresh) and (self.source[:old] == np.arange(old)).all()
        return bool(same and (self.fresh >= old).all())

    def apply(self, data: torch.Tensor) -> torch.Tensor:
        """The rows of a block from now on, special ones in front."""
        source = torch.from_numpy(np.concatenate([np.arange(SPECIAL), self.source + SPECIAL]))
        out = data.index_select(0, source)
        self.fill(data, out)
        return out

    def fill(self, data: torch.Tensor, out: torch.Tensor) -> None:
        """Write the new rows, special ones in front in ``data`` and in ``out``, a strip at a time."""
        first, other, fresh = (
            torch.from_numpy(rows + SPECIAL) for rows in (self.source[self.fresh], self.other, self.fresh)
        )
        share, step = torch.from_numpy(self.share)[:, None], max(1, STRIP // max(1, data.shape[1]))
        for begin in range(0, len(fresh), step):
            some = slice(begin, begin + step)
            between = data.index_select(0, first[some])
            out[fresh[some]] = between.lerp_(data.index_select(0, other[some]), share[some])


def refined(data: torch.Tensor, steps: Sequence[Insertion]) -> torch.Tensor:
    """The rows of a block behind several insertions, special ones in front."""
    counts = [len(data) - SPECIAL, *(len(step.source) for step in steps)]
    if len(steps) < 2 or not all(step.appends(old) for old, step in zip(counts, steps, strict=False)):
        for step in steps:
            data = step.apply(data)
        return data
    # what stays in place is copied once
    out = data.new_empty((SPECIAL + counts[-1], data.shape[1]))
    out[: len(data)] = data
    for step in steps:
        end = SPECIAL + len(step.source)
        step.fill(out[: end - len(step.fresh)], out[:end])
    return out


@dataclass(frozen=True)
class Bends:
    """What a geometry answers: the insertions, one after the other, and what became of the columns.

    Attributes
    ----------
    steps : sequence of Insertion
    least, most : ndarray of shape (n,)
        The least and the largest piece (how many thresholds are below) that each neuron has anywhere; for maxima of no
        meaning.
    moved : ndarray of shape (columns,)
        How far values were taken to be zero that are not.
    """

    steps: Sequence[Insertion]
    least: Any
    most: Any
    moved: Array


class Geometry(Protocol):
    """Which rows are neighbours, and what happens between them.

    Attributes
    ----------
    rows : int
        Rows of the batch now, insertions that were answered among them.
    """

    @property
    def rows(self) -> int:
        """Rows of the batch now."""
        ...

    def walls(self, values: Array, errors: Array, pieces: int) -> Bends:
        """Insert rows where columns cross zero.

        ``values`` (rows, pieces n) may be overwritten; column j + n i belongs to neuron j and the i-th of its ``pieces``
        thresholds, in increasing order. What is below ``errors`` (pieces n,) may be zero. Between neighbouring rows all
        columns are linear.
        """
        ...

    def winners(self, values: Array, errors: Array, table: Indices) -> Bends:
        """Insert rows where the largest entry of a window changes.

        ``table`` (m, k) holds the columns of ``values`` (rows, L) that each window is made of, -1 where it has fewer than k.
        """
        ...

    def neighbours(self) -> tuple[Indices, Indices]:
        """The rows at both ends of everything that has no row inside."""
        ...


class Batch:
    """The points that go through a module, and the insertions so far."""

    def __init__(self, points: Array, geometry: Geometry, follow: Callable[..., Any], seed: int = 0) -> None:
        self.geometry, self.follow = geometry, follow
        self.steps: list[Insertion] = []
        self.generator = torch.Generator().manual_seed(seed)
        self.live: weakref.WeakSet[Block] = weakref.WeakSet()
        self.demands = [0]
        self.points = points

    def start(self, shape: tuple[int, ...]) -> Rows:
        """The input of the module: a batch of one input, of this shape."""
        data = torch.zeros((SPECIAL + len(self.points), self.points.shape[1]), dtype=torch.float64)
        data[SPECIAL:] = torch.from_numpy(np.ascontiguousarray(self.points))
        self.perturb(data)
        return Rows.of(Block(self, data), (1, *shape))

    def walls(self, at: torch.Tensor, errors: Array, pieces: int) -> Bends:
        """As :meth:`Geometry.walls`, with the rows inserted."""
        return self._bent(self.geometry.walls(at.numpy(), errors, pieces), at.shape[1])

    def winners(self, at: torch.Tensor, errors: Array, table: Indices) -> Bends:
        """As :meth:`Geometry.winners`, with the rows inserted."""
        return self._bent(self.geometry.winners(at.numpy(), errors, table), at.shape[1])

    def _bent(self, found: Bends, columns: int) -> Bends:
        # what is compared, how the geometry turns it, and its signs
        self.takes(3 * columns)
        self.insert(found.steps)
        self.demands.append(0)
        # rows before the insertion, until those behind it are there
        self.takes(columns)
        return found

    def insert(self, steps: Sequence[Insertion]) -> None:
        """Rows from now on; tensors follow when they are used."""
        self.steps += [step for step in steps if len(step.fresh)]

    def takes(self, more: int = 0) -> None:
        """Note how many numbers are needed for each point now, ``more`` beside those that are kept."""
        self.demands[-1] = max(self.demands[-1], sum(block.data.shape[1] for block in self.live) + more)

    def perturb(self, data: torch.Tensor) -> None:
        """Make the special rows of a new value those of one: what is constant goes, and a rounding error comes."""
        base = data[:1].clone()
        # a few rows tell the size
        size = data[SPECIAL :: max(1, (len(data) - SPECIAL) // 12)].abs().amax(dim=0)
        error = torch.randn((NOISE, *size.shape), generator=self.generator, dtype=torch.float64)
        data[1:SPECIAL] += ROUNDING * size * error - base
        data[0] = 0.0

    def errors(self, data: torch.Tensor) -> Array:
        """How much of the values in each column is rounding."""
        out: Array = (EPS * data[1:SPECIAL].abs().amax(dim=0)).numpy()
        return out

    # ------------------------------------------------------------------ running
    def run(self, function: Callable[..., Any], args: Any, kwargs: Any, at_a_time: int = 2**62) -> Any:
        """An operation of torch's on all rows; an affine one, or one whose special rows the caller sets himself.

        One that returns a single tensor may be run on some rows at a time.
        """
        flat, spec = pytree.tree_flatten((args, kwargs))
        places = [i for i, entry in enumerate(flat) if isinstance(entry, Rows)]
        flat = [_double(entry) for entry in flat]

        def one(*values: torch.Tensor) -> Any:
            for place, value in zip(places, values, strict=True):
                flat[place] = value
            given, named = pytree.tree_unflatten(flat, spec)
            return function(*given, **named)

        values = [flat[i].physical() for i in places]
        rows, step = len(values[0]), max(1, at_a_time)
        with torch.overrides.enable_reentrant_dispatch():
            if rows <= step:
                return torch.vmap(one)(*values)
            out = None
            for begin in range(0, rows, step):
                part = torch.vmap(one)(*(value[begin : begin + step] for value in values))
                out = part.new_empty((rows, *part.shape[1:])) if out is None else out
                out[begin : begin + step] = part
            return out

    def fresh(self, data: torch.Tensor) -> Rows:
        """New values as a tensor of the batch, special rows and all."""
        return Rows.of(Block(self, data.view(len(data), -1)), tuple(data.shape[1:]))

    def wrap(self, out: Any, inputs: Sequence[Rows]) -> Any:
        """Results of an operation as tensors of the batch: views of their inputs, or new values."""
        blocks = {_storage(rows.block.data): rows.block for rows in inputs}
        return pytree.tree_map(lambda x: self._wrapped(x, blocks) if isinstance(x, torch.Tensor) else x, out)

    def _wrapped(self, out: torch.Tensor, blocks: dict[int, Block]) -> Rows:
        block = blocks.get(_storage(out))
        if block is not None:
            return Rows(block, out.shape[1:], out.stride()[1:], out.storage_offset())
        if not out.is_contiguous():
            self.takes(2 * math.prod(out.shape[1:]))
        data = out.contiguous().view(len(out), -1)
        if data.dtype != torch.float64:
            data = data.double()
        self.perturb(data)
        return Rows.of(Block(self, data), tuple(out.shape[1:]))


class Block:
    """Memory that tensors of a batch share: one row of numbers per point."""

    def __init__(self, batch: Batch, data: torch.Tensor) -> None:
        self.batch, self.data, self.version = batch, data, len(batch.steps)
        batch.live.add(self)
        batch.takes()

    def current(self) -> torch.Tensor:
        """The numbers at all points of the batch as it is now."""
        if self.version < len(self.batch.steps):
            self.data = refined(self.data, self.batch.steps[self.version :])
            self.version = len(self.batch.steps)
        return self.data


class Rows(torch.Tensor):
    """A tensor of one input, as the module sees it, with a value at every point of the batch."""

    block: Block
    offset: int

    @staticmethod
    def __new__(cls, block: Block, shape: Any, stride: Any, offset: int) -> Rows:
        return torch.Tensor._make_wrapper_subclass(
            cls, tuple(shape), strides=tuple(stride), storage_offset=offset, dtype=torch.float64
        )

    def __init__(self, block: Block, shape: Any, stride: Any, offset: int) -> None:
        self.block, self.offset = block, offset

    @classmethod
    def of(cls, block: Block, shape: tuple[int, ...]) -> Rows:
        """All of a block."""
        return cls(block, shape, torch.empty(shape, device="meta").stride(), 0)

    def physical(self) -> torch.Tensor:
        """The values at all points, special rows in front: shape (SPECIAL + rows, *shape); writing into it writes here."""
        data = self.block.current()
        return data.as_strided((len(data), *self.shape), (data.stride(0), *self.stride()), self.offset)

    def matrix(self) -> torch.Tensor:
        """The same as (SPECIAL + rows, entries); a view where that is possible."""
        full = self.physical()
        return full.reshape(len(full), -1)

    def __repr__(self, **_: Any) -> str:
        return f"Rows({tuple(self.shape)} at {len(self.block.data) - SPECIAL} points)"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        batch = next(x.block.batch for x in pytree.tree_leaves((args, kwargs or {})) if isinstance(x, Rows))
        return batch.follow(batch, func, args, kwargs or {})


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _double(entry: Any) -> Any:
    """Constants in the precision of everything."""
    plain = isinstance(entry, torch.Tensor) and not isinstance(entry, Rows) and entry.is_floating_point()
    return entry.double() if plain else entry
