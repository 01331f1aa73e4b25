"""Torch modules read as a list of affine maps with one kink between every two: the walk through a module."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn, random

from relucvx.errors import InvalidInputError, explain
from relucvx.network.assembly import Assembler, Value
from relucvx.network.layers import LayerList
from relucvx.network.modules import ACCEPTED, evaluating
from relucvx.network.torch.graph import agrees, first_layer, run_graph
from relucvx.network.torch.layers import Layer, Shape, readers
from relucvx.network.torch.modules import called, check_untouched, is_opaque, unwrapped
from relucvx.validation import as_count

CONVOLVED = "input_shape=(channels, height, width), or inputs of that shape"


def read_stages(
    module: Any, input_shape: int | Sequence[int] | None = None, like: Any = None, *, smooth: bool = False
) -> LayerList:
    """Read a torch module for what its layers are, not for its function alone.

    A network that is one affine map as a function is read again with every activation that has no kink (LeakyReLU of
    slope 1) as a layer, and with ``smooth`` also with a linear layer between every two Linear layers. Smooth
    activations are read when asked for.
    """
    network = read_torch(module, input_shape, like, smooth=smooth)
    return network if network.hidden else read_torch(module, input_shape, like, smooth=smooth, keep_linear=True)


def read_hidden(module: Any, like: Any = None) -> LayerList:
    """Read a torch module in eval mode with smooth activations, for the values behind its activations on such inputs."""
    with evaluating(module):
        return read_stages(module, like=like, smooth=True)


def read_torch(
    module: Any, input_shape: Any, like: Any = None, *, smooth: bool = False, keep_linear: bool = False
) -> LayerList:
    """Read a torch module; see :func:`relucvx.network.read_layers`.

    Raises
    ------
    InvalidInputError
        For whatever is not known, or an input shape that is missing or does not fit.
    """
    asked = _asked(input_shape)
    module = unwrapped(module)
    with random.fork_rng(devices=[]):  # a forward that draws numbers draws them while it is traced, too
        shape = asked or _shape_of_input(module, like)
        reader = Reader(math.prod(shape), smooth, keep_linear)
        network = reader.builder.finish(reader.run(module, "", reader.builder.start(shape), []))
        _check_finite(network)
        # layers are read for what they are; only what was traced may have hidden something
        if reader.traced:
            agrees(module, network)
    return network


class Reader:
    """Walks through a module and hands what its layers do to an assembler."""

    def __init__(self, n_features: int, smooth: bool = False, keep_linear: bool = False) -> None:
        self.builder = Assembler(n_features, keep_linear)
        self.smooth, self.traced = smooth, False

    def run(self, module: Any, name: str, value: Value, keep: Sequence[Value]) -> Value:
        """The value behind a module; the values in ``keep`` are needed later and stay usable.

        Raises
        ------
        InvalidInputError
            For a layer that is not known, in training mode, or does not fit its input; the message names it.
        """
        module = unwrapped(module)
        check_untouched(module, name)
        if type(module).forward is nn.Sequential.forward:
            for label, child in module._modules.items():  # named_children() would skip a layer used twice
                value = self.run(child, f"{name}.{label}" if name else label, value, keep)
            return value
        known = readers().get(type(module).forward)
        if known is not None:
            return known(Layer(self.builder, module, name or "the module itself", value, keep, self.smooth))
        if is_opaque(module):
            raise _unreadable(module, name)
        self.traced = True
        return run_graph(self, module, name, value, keep)


def _unreadable(module: Any, name: str) -> InvalidInputError:
    """The error for a layer of torch's that has no reader."""
    cause, fix = "it is not piecewise linear, or not known here", "pass the part of the model without it"
    if type(module).__module__.startswith("torch.ao."):
        cause = "it is quantised: it rounds what passes through, and the function is a staircase"
        fix = "the module that was quantised"
    return InvalidInputError(explain(ACCEPTED, called(name, module), cause, fix))


def _check_finite(network: LayerList) -> None:
    """Raise unless every number of the maps is finite: comparisons with NaN would find regions all the same."""
    maps = [(f"hidden layer {k}", hidden.map) for k, hidden in enumerate(network.hidden)]
    maps += [] if network.head is None else [("the last layer", network.head)]
    for name, map_ in maps:
        weight = map_.weight if isinstance(map_.weight, np.ndarray) else map_.weight.data
        if not (np.isfinite(weight).all() and np.isfinite(map_.bias).all()):
            raise InvalidInputError(
                explain("finite weights", f"nan or inf in the map of {name}", "training diverged or overflowed")
            )


def _asked(shape: int | Sequence[int] | None) -> Shape | None:
    if shape is None:
        return None
    entries = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not entries:
        raise InvalidInputError(explain("input_shape such as (channels, height, width)", repr(shape)))
    return tuple(as_count(n, "every size in input_shape") for n in entries)


def _shape_of_input(module: Any, like: Any) -> Shape:
    """Shape of one input: fixed by the first layer that fixes it, else taken from inputs at hand."""
    layer = first_layer(module)
    if isinstance(layer, int):
        return (layer,)
    if isinstance(layer, nn.Linear):
        return (int(layer.in_features),)
    if layer is not None and is_opaque(layer) and type(layer).forward not in readers():
        raise _unreadable(layer, next(name for name, part in module.named_modules() if part is layer))
    given: Shape = () if like is None else tuple(np.shape(like))
    image = isinstance(layer, (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d))
    # in three axes it would normalise sequences, whose length it does not fix
    if isinstance(layer, nn.BatchNorm1d) and len(given) < 3:
        return (int(layer.num_features),)
    # inputs at hand may be one or a batch
    sizes = {3: given, 4: given[1:]} if image else {1: given, 2: given[1:]}
    if isinstance(layer, nn.Flatten) and len(given) > 2:
        return given[1:]
    if len(given) in sizes and not isinstance(layer, nn.Flatten):
        return sizes[len(given)]
    raise InvalidInputError(
        explain(
            "the shape of one input, which the module does not fix",
            f"inputs of shape {given}" if given else "none",
            f"its first layer is {type(layer).__name__}" if layer is not None else "no layer of it has a fixed size",
            CONVOLVED if image else "input_shape=(...), the shape of one input",
        )
    )
