"""What is known of the layers of a network: their values, and what follows them where it can be run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from relucvx.types import Array

Rest = Callable[[Array], Array]
"""The part of a network behind a layer: points (m, p) to outputs (m, c)."""

Head = tuple[Array, Array]
"""Weights (p, c) and bias (c,) of an affine map."""


@dataclass(frozen=True, eq=False)
class Representation:
    """One layer of one network at n samples.

    Attributes
    ----------
    name : str
        What the layer is called.
    Z : ndarray of shape (n, p)
        Its values.
    find_rest, find_head : callable or None
        Find ``rest`` and ``head`` when these are first asked for: that takes forward passes.
    why : str
        Why nothing is known of what follows, where nothing is.
    resolution : float or None
        Relative spacing of the numbers that the values were computed in; None where they say it themselves.
    values : int or None
        Values per sample where Z has fewer columns, as they were projected.
    kind : str
        What made the values: types of the modules with weights that ran behind the layer before, and its own.
    call : tuple or None
        In a torch module the call that returned them.
    """

    name: str
    Z: Array
    find_rest: Callable[[], Rest | None] | None = field(default=None, repr=False)
    find_head: Callable[[], Head | None] | None = field(default=None, repr=False)
    why: str = "values that were recorded, without a network"
    resolution: float | None = None
    values: int | None = None
    kind: str = "recorded"
    call: tuple[str, int] | None = None

    @property
    def width(self) -> int:
        """Values per sample."""
        return int(self.Z.shape[1]) if self.values is None else self.values

    @cached_property
    def rest(self) -> Rest | None:
        """The network behind the layer; None where the layer alone does not decide the output, or nothing is known."""
        return None if self.find_rest is None else self.find_rest()

    @cached_property
    def head(self) -> Head | None:
        """Weights (p, c) and bias (c,), where the network behind the layer is one affine map."""
        return None if self.find_head is None else self.find_head()


@dataclass(frozen=True)
class Recording:
    """The hidden layers of a network, its outputs (n, c) and its input; None for what a recording does not have.

    Attributes
    ----------
    points : callable or None
        Inputs of some samples, flattened to (m, d), as the network takes them.
    input_shape : tuple of int
        That of one sample before it was flattened.
    output_shape : tuple of int
        That of one sample's output, of which class scores have one axis.
    projected : dict
        For each layer that was projected the widths and the distortion.
    multiplications : int
        Of weights and values, in the convolutions of a forward pass of one sample.
    output_kind : str
        As ``kind`` of a layer.
    """

    layers: tuple[Representation, ...]
    outputs: Array | None
    input: Representation | None = None
    network: Any = field(default=None, repr=False)
    points: Callable[[Any], Array] | None = field(default=None, repr=False)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = (1,)
    projected: dict[str, dict[str, Any]] = field(default_factory=dict)
    multiplications: int = 0
    output_kind: str = "output"


class Activations(dict[str, Array]):
    """Values of layers by name; ``projected`` says of those that were projected how much distances may have changed."""

    projected: dict[str, dict[str, Any]]
