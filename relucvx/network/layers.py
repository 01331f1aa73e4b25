"""Networks as a list of affine maps with one kink between every two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from relucvx.conversion import as_list
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network.tournament import Tournament
from relucvx.types import Activation, Array, BoolArray
from relucvx.validation import as_matrix, as_numpy

sparse = later("scipy.sparse")

Weight: TypeAlias = Any
"""A matrix: ndarray, or scipy.sparse array where most entries are zero."""


@dataclass(frozen=True)
class Affine:
    """The map H -> H W + b on rows; ``weight`` (in, out) is an ndarray or a scipy.sparse array.

    ``biased`` is False where b is zero because no layer has one.
    """

    weight: Weight
    bias: Array
    biased: bool = True

    def __call__(self, H: Array) -> Array:
        out: Array = H @ self.weight
        out += self.bias
        return out

    def then(self, other: Affine) -> Affine:
        """This map followed by another one."""
        bias = self.bias @ other.weight + other.bias
        return Affine(compact(self.weight @ other.weight), bias, self.biased or other.biased)

    @property
    def width(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[1])

    @property
    def dense(self) -> Array:
        """The matrix as an ndarray."""
        full: Array = self.weight if isinstance(self.weight, np.ndarray) else self.weight.toarray()
        return full


def compact(weight: Weight) -> Weight:
    """A sparse matrix that is small or well filled as an ndarray; anything else as it is, by columns when sparse."""
    if isinstance(weight, np.ndarray):
        return weight
    rows, columns = weight.shape
    # only large matrices with few entries are worth what sparse products cost per entry
    if weight.nnz > 0.2 * rows * columns or rows * columns <= 4096:
        return weight.toarray()
    return sparse.csc_array(weight)


@dataclass(frozen=True)
class Hidden:
    """One layer with a kink: the first ``n_kinked`` columns of an affine map go through phi, the others pass on.

    The columns with a kink are the neurons that form the code. The others carry what a later layer needs as well: the
    shortcut of a residual block, or b in max(a, b) = b + relu(a - b). Where a DeepNetwork is read, phi may be smooth.
    ``weighted`` is False where no linear layer stands in front of the kink, so that the map only passes values on.
    ``tournament`` is that of a maximum, of which this is one round; its neurons are then comparisons.
    """

    map: Affine
    phi: Activation
    n_kinked: int
    name: str = ""
    weighted: bool = True
    tournament: Tournament | None = None

    def activate(self, P: Array) -> Array:
        """Values of the layer from the values P of its affine map; P is overwritten."""
        neurons = P[:, : self.n_kinked]
        if not isinstance(self.phi, Activation):
            neurons[...] = self.phi(neurons)
        elif self.phi.slope_neg == 0.0:
            # in place, without a matrix of gates
            np.maximum(neurons, 0.0, out=neurons)
            if self.phi.slope_pos != 1.0:
                neurons *= self.phi.slope_pos
        else:
            neurons *= self.phi.gate(neurons > 0.0)
        return P


class Kink(NamedTuple):
    """What ``layers=`` arguments call a layer: a hidden layer, or all rounds of a maximum.

    ``rounds`` are positions in ``LayerList.hidden``, ``width`` counts columns of the code: a neuron, or a window's winner.
    """

    rounds: tuple[int, ...]
    width: int
    tournament: Tournament | None

    def codes(self, values: Sequence[Any]) -> Any:
        """Codes from the values before the kink of each round: whether neurons are positive, or who wins."""
        if self.tournament is None:
            return values[0] > 0
        return self.tournament.winners([np.sign(P).astype(np.int8) for P in values])

    def gates(self, codes: Any) -> list[BoolArray]:
        """Which neurons of each round are positive where the code is this."""
        return [codes > 0] if self.tournament is None else self.tournament.gates(codes)


@dataclass(frozen=True)
class LayerList:
    """A network as hidden layers (an affine map, then a kink in some columns) and an affine head.

    Attributes
    ----------
    hidden : tuple of Hidden
        Layers with a kink, in order. A max pooling takes as many as its tournament has rounds, with one neuron for every
        comparison; ``kinks``, whose positions ``layers=`` arguments refer to, has them as one.
    head : Affine or None
        The map behind the last kink; None when the network ends with an activation.
    n_features : int
        Size of the input.
    input_shape : tuple of int
        Shape of one input, ``(n_features,)`` unless it is an image.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.network import read_layers
    >>> layers = read_layers(rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0]))
    >>> layers.widths, layers.n_features, layers.n_outputs
    ((2,), 1, 1)
    """

    hidden: tuple[Hidden, ...]
    head: Affine | None
    n_features: int
    input_shape: tuple[int, ...] = ()

    @cached_property
    def kinks(self) -> tuple[Kink, ...]:
        """The hidden layers, all rounds of a maximum together."""
        found: list[Kink] = []
        for k, layer in enumerate(self.hidden):
            same = layer.tournament
            if same is not None and found and found[-1].tournament is same:
                found[-1] = found[-1]._replace(rounds=(*found[-1].rounds, k))
            else:
                found.append(Kink((k,), layer.n_kinked if same is None else same.width, same))
        return tuple(found)

    def rounds_of(self, depth: int) -> int:
        """How many of ``hidden`` the first ``depth`` of ``kinks`` are."""
        return self.kinks[depth - 1].rounds[-1] + 1 if depth else 0

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the code of each layer: neurons (columns with a kink), or windows of a maximum."""
        return tuple(kink.width for kink in self.kinks)

    def code_dtype(self, kinks: Iterable[int]) -> Any:
        """Type of the codes of these layers: bool, or the smallest whole numbers where maxima are among them."""
        contests = [self.kinks[k].tournament for k in kinks]
        return np.result_type(bool, *(contest.dtype for contest in contests if contest is not None))

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        if self.head is not None:
            return self.head.width
        return self.hidden[-1].map.width if self.hidden else self.n_features

    def preactivations(self, X: Array) -> list[Array]:
        """Values before the kink of every hidden layer's neurons at the rows of X."""
        out = []
        for layer in self.hidden:
            P = layer.map(X)
            out.append(P[:, : layer.n_kinked].copy())
            X = layer.activate(P)
        return out

    def codes(self, X: Array) -> list[Any]:
        """Codes of every one of ``kinks`` at the rows of X."""
        values = self.preactivations(X)
        return [kink.codes([values[k] for k in kink.rounds]) for kink in self.kinks]

    def outputs(self, X: Array) -> Array:
        """The network at the rows of X."""
        for layer in self.hidden:
            X = layer.activate(layer.map(X))
        return X if self.head is None else self.head(X)

    def check_weighted(self, name: str) -> None:
        """Refuse an activation of what is no linear layer: it would need a matrix that the module does not have.

        Raises
        ------
        InvalidInputError
            Naming the network and the activation.
        """
        bare = next((layer for layer in self.hidden if not layer.weighted), None)
        if bare is not None:
            raise InvalidInputError(
                explain(
                    "a linear layer in front of every activation", f"{name} without one before activation {bare.name!r}"
                )
            )

    def select(self, layers: int | Sequence[int] | None) -> tuple[int, ...]:
        """Positions of the hidden layers meant by an argument ``layers``, sorted; None means all.

        Raises
        ------
        InvalidInputError
            For a position outside the network.
        """
        return select_layers(layers, len(self.kinks))

    def points(self, x: Any, name: str) -> tuple[Array, bool]:
        """Inputs of the network as rows, and whether x was a single one.

        A batch has shape (B, d) or (B, *input_shape); any other array with as many entries as the network has inputs
        is one point.

        Raises
        ------
        InvalidInputError
            When the size is not that of the network's input, or a number is not finite.
        """
        return as_points(x, name, self.n_features, self.input_shape)

    def point(self, x: Any, name: str) -> Array:
        """One input of the network as a vector.

        Raises
        ------
        InvalidInputError
            When x is not one input, or a number is not finite.
        """
        rows, _ = self.points(x, name)
        if len(rows) != 1:
            raise InvalidInputError(explain(f"{name} to be one point", f"a batch of {len(rows)}"))
        return rows[0]


def select_layers(layers: int | Sequence[int] | None, depth: int) -> tuple[int, ...]:
    """What :meth:`LayerList.select` returns for a network of so many hidden layers.

    Raises
    ------
    InvalidInputError
        For a position outside the network.
    """
    if layers is None:
        return tuple(range(depth))
    asked = [layers] if isinstance(layers, (int, np.integer)) else as_list(layers, "layers")
    for layer in asked:
        # True is a number to Python, but no position
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)) or not -depth <= layer < depth:
            raise InvalidInputError(
                explain(
                    f"layers among the {depth} hidden layers (0 to {depth - 1}, or negative from the end)",
                    repr(layer),
                    "only layers with a kink count: a Linear map and the activation behind it are one layer",
                )
            )
    return tuple(sorted({int(layer) % depth for layer in asked}))


def as_points(x: Any, name: str, n_features: int, input_shape: tuple[int, ...]) -> tuple[Array, bool]:
    """What :meth:`LayerList.points` returns for a network of inputs of this size and shape.

    Raises
    ------
    InvalidInputError
        When the size is not that of the network's input, or a number is not finite.
    """
    x = as_numpy(x)
    inner, d = x.shape[1:], n_features
    # what has the shape of one input is one, however many axes that shape has
    rows = x.ndim > 1 and x.shape != input_shape
    batch = rows and (inner in (input_shape, (d,)) or (x.size != d and math.prod(inner) == d))
    if not batch and x.size != d:
        raise InvalidInputError(
            explain(
                f"{name} with {d} entries, as many as the network has inputs, or a batch of shape (B, {d})",
                f"shape {x.shape}",
            )
        )
    return as_matrix(x.reshape(-1, d), name), not batch
