"""Views in a traced forward: what they do to the shape of a value, the samples being the first axis."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from relucvx.errors import InvalidInputError
from relucvx.network.assembly import Assembler, Value
from relucvx.network.layers import Affine
from relucvx.network.torch.layers import flattened

BATCH = "the number of samples"
"""Stands for the first entry of a shape, which no operation may depend on."""


class Operation(Protocol):
    """What the rules need beside their arguments; the node of a graph that is being applied."""

    builder: Assembler
    keep: Sequence[Value]
    smooth: bool

    @property
    def name(self) -> str:
        """What the operation is called."""

    def run(self, module: Any, value: Value) -> Value:
        """The value behind a torch layer."""

    def tensor(self, value: Any) -> Value:
        """The argument, which must be a value of the network."""

    def unknown(self, cause: str = "", fix: str = "") -> InvalidInputError:
        """The error that names this operation."""


Rule = Callable[..., Any]


def _flatten(op: Operation, input: Any, start_dim: int = 0, end_dim: int = -1) -> Value:
    value = op.tensor(input)
    shape = flattened(value.shape, start_dim, end_dim) if start_dim <= len(value.shape) else None
    if shape is None:
        raise op.unknown()
    return value.viewed(shape)


def _reshape(op: Operation, input: Any, *shape: Any) -> Value:
    value = op.tensor(input)
    entries = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else list(shape)
    first, rest = (entries[0], entries[1:]) if entries else (None, [])
    # the first axis is the samples, and stays it for any number of them
    if first not in (BATCH, -1) or any(not isinstance(n, int) for n in rest):
        raise op.unknown()
    if -1 in rest and first == BATCH:
        # the -1 itself turns the sign of the product
        known = -math.prod(rest)
        rest[rest.index(-1)] = value.width // max(known, 1)
    if math.prod(rest) != value.width or min(rest, default=1) < 1:
        raise op.unknown()
    return value.viewed(tuple(rest))


def _squeeze(op: Operation, input: Any, dim: Any = None) -> Value:
    value = op.tensor(input)
    axes = len(value.shape) + 1
    if not isinstance(dim, int) or not -axes <= dim < axes or dim % axes == 0:
        raise op.unknown("without a dimension, or of the samples, it would depend on how many samples there are")
    at = dim % axes - 1
    return value.viewed((*value.shape[:at], *value.shape[at + 1 :])) if value.shape[at] == 1 else value


def _unsqueeze(op: Operation, input: Any, dim: Any) -> Value:
    value = op.tensor(input)
    axes = len(value.shape) + 2
    if not isinstance(dim, int) or not -axes <= dim < axes or dim % axes == 0:
        raise op.unknown()
    at = dim % axes - 1
    return value.viewed((*value.shape[:at], 1, *value.shape[at:]))


def _size(op: Operation, input: Any, dim: int | None = None) -> Any:
    shape = (BATCH, *op.tensor(input).shape)
    return shape if dim is None else _item(op, shape, dim)


def _attribute(op: Operation, owner: Any, name: str) -> Any:
    if name != "shape":
        raise op.unknown()
    return _size(op, owner)


def _item(op: Operation, owner: Any, index: Any) -> Any:
    if isinstance(owner, Value):
        return _picked(op, owner, index)
    known = isinstance(owner, tuple) and isinstance(index, (int, slice))
    if not known or (isinstance(index, int) and not -len(owner) <= index < len(owner)):
        raise op.unknown()
    return owner[index]


def _picked(op: Operation, value: Value, index: Any) -> Value:
    """Entries of every sample: x[:, 3], x[:, 2:5]."""
    index = index if isinstance(index, tuple) else (index,)
    plain = all(isinstance(i, (int, slice)) for i in index)
    if not plain or index[0] != slice(None) or len(index) > len(value.shape) + 1:
        raise op.unknown()
    try:
        # numpy indexes the positions as torch would the entries
        chosen = np.arange(value.width).reshape(value.shape)[index[1:]]
    except (IndexError, TypeError) as error:
        raise op.unknown() from error
    pick = np.zeros((value.width, chosen.size))
    pick[chosen.reshape(-1), np.arange(chosen.size)] = 1.0
    return op.builder.affine(value, Affine(pick, np.zeros(chosen.size), False), chosen.shape)


def _same(op: Operation, input: Any, *_: Any) -> Any:
    return op.tensor(input)


def _clone(op: Operation, input: Any) -> Value:
    value = op.tensor(input)
    # with memory of its own, so that what works in place on one leaves the other alone
    return Value(value.map, value.shape, weighted=value.weighted)


FUNCTIONS: dict[str, Rule] = {"flatten": _flatten, "reshape": _reshape, "squeeze": _squeeze, "unsqueeze": _unsqueeze}
"""Methods that are functions of torch as well."""

METHODS: dict[str, Rule] = {
    **FUNCTIONS,
    "view": _reshape,
    "size": _size,
    "clone": _clone,
    **dict.fromkeys(("contiguous", "float", "double", "detach"), _same),
}

OPERATORS: dict[Any, Rule] = {getattr: _attribute, operator.getitem: _item}
