"""The one reader of networks: ours and torch's, as a list of affine maps with one kink between every two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.assembly import Assembler
from relucvx.network.deep import DeepNetwork
from relucvx.network.layers import Affine, LayerList
from relucvx.network.modules import ACCEPTED, is_torch_module
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Activation


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

    Examples
    --------
    >>> import torch
    >>> from relucvx.network import read_layers
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 4), torch.nn.ReLU())
    >>> read_layers(module).widths
    (3, 4)
    """
    # a result carries the network it is about; a torch module may call one of its own parts so
    module = getattr(module, "network", module) if not is_torch_module(module) else module
    if isinstance(module, LayerList):
        return module
    if isinstance(module, TwoLayerReLU):
        module = DeepNetwork.from_two_layer(module)
    if isinstance(module, DeepNetwork):
        return _read_deep(module)
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    from relucvx.network.torch.reading import read_torch

    return read_torch(module, input_shape, like)


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
