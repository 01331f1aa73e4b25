"""The one reader of networks: ours and torch's, as a list of affine maps with one kink between every two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.activations import SmoothActivation
from relucvx.network.assembly import Assembler, Value
from relucvx.network.deep import DeepNetwork
from relucvx.network.layers import Affine, LayerList
from relucvx.network.torch_graph import agrees, first_layer, run_graph
from relucvx.network.torch_layers import ACCEPTED, Layer, Shape, readers
from relucvx.network.torch_modules import (
    called,
    check_untouched,
    evaluating,
    is_opaque,
    is_torch_module,
    unwrapped,
)
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import ACTIVATIONS, Activation
from relucvx.validation import as_count

CONVOLVED = "input_shape=(channels, height, width), or inputs of that shape"


def read_layers(module: Any, input_shape: int | Sequence[int] | None = None, *, like: Any = None) -> LayerList:
    """Read a piecewise-linear network; nothing is skipped silently.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork, torch.nn.Module, or anything with a ``network`` that is one of these
        A LayerList is returned as it is; compiled, data-parallel and averaged modules are read as the module inside.
        Torch layers accepted: Linear, Conv2d (padded by zeros), BatchNorm1d/2d, AvgPool2d, AdaptiveAvgPool2d,
        MaxPool2d, ReLU, LeakyReLU, PReLU, ReLU6, Hardtanh, Flatten, Identity, Dropout; in Sequentials, or in modules of
        any structure that ``torch.fx`` can trace, with these layers called as functions, sums, multiples and differences,
        products with weights, ``clamp``, ``abs``, ``maximum``, and views. Layers that behave differently in training
        must be in eval mode.
    input_shape : int or sequence of int, optional
        Shape of one input, ``(channels, height, width)`` for images; needed when the module starts with an image layer
        and ``like`` is not given.
    like : array_like, optional
        Inputs, of shape ``input_shape`` or ``(B, *input_shape)``, from which the shape is taken where the module leaves
        it open.

    Returns
    -------
    LayerList
        The same function up to float64 rounding.

    Raises
    ------
    InvalidInputError
        For any other object, activation, layer or operation (the message names it); a layer in training mode; weights
        that are not finite; an input shape that is missing or does not fit.

    Notes
    -----
    A convolution becomes a sparse matrix with one entry per multiplication it does, 12 bytes each. What was traced is
    compared with the module itself at random inputs.

    Source: [relucvx].
    Status: theorem (the same function; rounding only).
    """
    module = getattr(module, "network", module) if not is_torch_module(module) else module
    if isinstance(module, LayerList):
        return module
    if isinstance(module, TwoLayerReLU):
        module = DeepNetwork.from_two_layer(module)
    if isinstance(module, DeepNetwork):
        return _read_deep(module)
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    return _read_torch(module, _asked(input_shape), like)


def read_stages(module: Any, input_shape: int | Sequence[int] | None = None, *, smooth: bool = False) -> LayerList:
    """Read a torch module for what its layers are, not for its function alone.

    A network that is one affine map as a function is read again with every activation that has no kink (LeakyReLU of
    slope 1) as a layer, and with ``smooth`` also with a linear layer between every two Linear layers. Smooth
    activations are read when asked for.
    """
    shape = _asked(input_shape)
    network = _read_torch(module, shape, None, smooth=smooth)
    return network if network.hidden else _read_torch(module, shape, None, smooth=smooth, keep_linear=True)


def read_hidden(module: Any) -> LayerList:
    """Read a torch module in eval mode with smooth activations, for the values behind its activations."""
    with evaluating(module):
        return read_stages(module, smooth=True)


def _read_torch(
    module: Any, asked: Shape | None, like: Any, *, smooth: bool = False, keep_linear: bool = False
) -> LayerList:
    from torch import random

    module = unwrapped(module)
    with random.fork_rng(devices=[]):  # a forward that draws numbers draws them while it is traced, too
        shape = asked or _shape_of_input(module, like)
        reader = Reader(math.prod(shape), smooth, keep_linear)
        network = reader.builder.finish(reader.run(module, "", reader.builder.start(shape), []))
        _check_finite(network)
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
        from torch import nn

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


def _read_deep(net: DeepNetwork) -> LayerList:
    phi = net.activation
    if not isinstance(phi, Activation):
        raise InvalidInputError(
            explain(
                "a piecewise-linear activation",
                f"activation {phi.name!r}",
                "a smooth network has no linear regions",
                "relu, leaky_relu, abs or a pair of slopes",
            )
        )
    builder = Assembler(net.n_features)
    value = builder.start((net.n_features,))
    for layer, weight in enumerate(net.weights):
        bias = None if net.biases is None else net.biases[layer]
        value = builder.affine(value, Affine(weight, np.zeros(weight.shape[1]) if bias is None else bias))
        if layer < len(net.weights) - 1:
            value = builder.kink(value, phi)
    return builder.finish(value)


def two_layers(network: LayerList, name: str) -> TwoLayerReLU:
    """A network that was read, as one of two layers.

    Raises
    ------
    InvalidInputError
        When it has another number of activations, ends with one, or something passes its activation by.
    """
    wanted = "a two-layer network: a linear layer, one activation, a linear layer"
    depth = len(network.hidden)
    if depth != 1:
        names = ", ".join(repr(layer.name) for layer in network.hidden)
        received = f"{name} with {depth} activations ({names})" if depth else f"{name} without an activation"
        raise InvalidInputError(
            explain(
                wanted,
                received,
                "a deeper network, or an activation that takes several kinks" if depth else "an affine map",
                "metrics.profile, metrics.folding and DeepNetwork.from_torch take networks of any depth"
                if depth
                else "nn.Sequential(nn.Linear(d, m), nn.ReLU(), nn.Linear(m, c))",
            )
        )
    (hidden,) = network.hidden
    _check_weighted(network, name)
    if network.head is None:
        raise InvalidInputError(
            explain(wanted, f"{name}, which ends with its activation {hidden.name!r}", "", "nn.Linear(m, c) behind it")
        )
    if hidden.map.width > hidden.n_kinked:
        raise InvalidInputError(
            explain(
                wanted,
                f"{name}, where {hidden.map.width - hidden.n_kinked} values pass the activation {hidden.name!r} by",
                "a skip connection",
                "pass the part of the model without it",
            )
        )
    first, last = hidden.map, network.head
    return TwoLayerReLU(
        _dense(first.weight).T,
        _dense(last.weight),
        bias_in=first.bias if first.biased else None,
        bias_out=last.bias if last.biased else None,
        activation=hidden.phi,
    )


def deep_network(network: LayerList, name: str) -> DeepNetwork:
    """A network that was read, as matrices with one activation between every two.

    Raises
    ------
    InvalidInputError
        When its activations differ, it ends with one, or something passes them by.
    """
    wanted = "linear layers with one kind of activation between them"
    _check_weighted(network, name)
    kinds: list[Activation | SmoothActivation] = list(dict.fromkeys(layer.phi for layer in network.hidden))
    if len(kinds) > 1:
        found = ", ".join(sorted(phi.name for phi in kinds))
        raise InvalidInputError(explain("the same activation in every layer", found, "mixed activations"))
    if network.head is None:
        ending = f"{name}, which ends with its activation" if network.hidden else f"{name} without layers"
        raise InvalidInputError(explain(f"{wanted}, ending with Linear", ending, "", "nn.Linear(m, c) behind it"))
    passed = next((layer.name for layer in network.hidden if layer.map.width > layer.n_kinked), None)
    if passed is not None:
        raise InvalidInputError(explain(wanted, f"{name}, where values pass activation {passed!r} by"))
    maps = [*(layer.map for layer in network.hidden), network.head]
    return DeepNetwork(
        tuple(_dense(map_.weight) for map_ in maps),
        tuple(map_.bias if map_.biased else None for map_ in maps),
        kinds[0] if kinds else ACTIVATIONS["linear"],
    )


def _check_weighted(network: LayerList, name: str) -> None:
    """An activation of what is no linear layer would need a matrix that the module does not have."""
    bare = next((layer for layer in network.hidden if not layer.weighted), None)
    if bare is not None:
        raise InvalidInputError(
            explain(
                "a linear layer in front of every activation", f"{name} without one before activation {bare.name!r}"
            )
        )


def _dense(weight: Any) -> Any:
    return weight if isinstance(weight, np.ndarray) else weight.toarray()


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
    from torch import nn

    layer = first_layer(module)
    if isinstance(layer, int):
        return (layer,)
    if isinstance(layer, nn.Linear):
        return (int(layer.in_features),)
    if layer is not None and is_opaque(layer) and type(layer).forward not in readers():
        raise _unreadable(layer, next(name for name, part in module.named_modules() if part is layer))
    given: Shape = () if like is None else tuple(np.shape(like))
    image = isinstance(layer, (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d))
    if isinstance(layer, nn.BatchNorm1d) and len(given) < 3:
        return (int(layer.num_features),)
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
