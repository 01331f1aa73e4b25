"""Conversion between :class:`TwoLayerReLU` and torch modules; torch is imported only when a module is at hand."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.torch_modules import is_torch_module
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Activation, Array, as_activation

ACCEPTED = "a torch module that is Linear, ReLU or LeakyReLU, Linear"


def from_torch(module: Any, input_shape: int | Sequence[int] | None = None) -> TwoLayerReLU:
    """Read a two-layer torch module as a :class:`TwoLayerReLU`, exactly, in float64.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that :func:`relucvx.network.read_layers` reads and that is a linear layer, one piecewise-linear
        activation and a linear layer: a Sequential, a class of one's own with ``F.relu``, a compiled or wrapped one.
        BatchNorm in eval mode and multiples are folded into the weights. Any dtype and device; biases are optional.
        Parametrised weights are read at their current effective value.
    input_shape : int or sequence of int, optional
        Shape of one input, where the module does not fix it.

    Returns
    -------
    TwoLayerReLU
        With ``weights_in (m, d)``, ``weights_out (m, c)``; ``predict`` returns (n, c) as the module does.

    Raises
    ------
    InvalidInputError
        For anything that is not a torch module, any other structure (the first offending layer or operation is named),
        a layer in training mode that differs there, uninitialised parameters, forward hooks.

    Notes
    -----
    The function is the module's; where layers are folded or a convolution is written out, the norms of the weights are
    those of the result and not of the module's own parameters.

    Source: [relucvx].
    Status: theorem (the same function; rounding only).
    """
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    from relucvx.network.reading import read_stages, two_layers

    return two_layers(read_stages(module, input_shape), type(module).__name__)


def to_torch(net: TwoLayerReLU) -> Any:
    """The network as ``torch.nn.Sequential(Linear, ReLU or LeakyReLU, Linear)`` in float64 on the CPU.

    Raises
    ------
    InvalidInputError
        When net is not a TwoLayerReLU.
    UnsupportedError
        When the activation's positive slope is not 1: torch has no layer for it.

    Notes
    -----
    ``abs`` and ``linear`` are LeakyReLU with negative slope -1 and 1. torch's random state is left untouched.

    Source: [relucvx].
    Status: theorem (the same function; rounding only).
    """
    if not isinstance(net, TwoLayerReLU):
        raise InvalidInputError(explain("a TwoLayerReLU", type(net).__name__))
    phi = net.activation
    if phi.slope_pos != 1.0:
        raise UnsupportedError(
            explain(
                "an activation with positive slope 1 (ReLU or LeakyReLU in torch)",
                f"{phi.name} with slopes ({phi.slope_neg:g}, {phi.slope_pos:g})",
                "",
                "divide both slopes by slope_pos and multiply weights_out by it",
            )
        )
    from torch import nn

    middle = nn.ReLU() if phi.slope_neg == 0.0 else nn.LeakyReLU(phi.slope_neg)
    return nn.Sequential(
        linear_layer(net.weights_in, net.bias_in), middle, linear_layer(net.weights_out.T, net.bias_out)
    )


def as_network(obj: Any, activation: str | tuple[float, float] | Activation | None = None) -> TwoLayerReLU:
    """Accept a :class:`TwoLayerReLU` or a two-layer torch module; torch is not imported for anything else.

    Parameters
    ----------
    obj : TwoLayerReLU or torch.nn.Module
        The network.
    activation : str, pair of slopes or Activation, optional
        The activation the network must have, e.g. the problem's.

    Raises
    ------
    InvalidInputError
        For any other object, a module of another structure, or another activation than asked for.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same function; rounding only).
    """
    if isinstance(obj, TwoLayerReLU):
        net = obj
    elif is_torch_module(obj):
        net = from_torch(obj)
    else:
        raise InvalidInputError(
            explain(
                f"a TwoLayerReLU or {ACCEPTED}",
                f"{type(obj).__module__}.{type(obj).__qualname__}",
                "",
                "TwoLayerReLU(weights_in, weights_out)",
            )
        )
    wanted = net.activation if activation is None else as_activation(activation)
    if (wanted.slope_neg, wanted.slope_pos) != (net.activation.slope_neg, net.activation.slope_pos):
        raise InvalidInputError(
            explain(
                f"a network with activation {wanted.name} (slopes {wanted.slope_neg:g}, {wanted.slope_pos:g})",
                f"{net.activation.name} (slopes {net.activation.slope_neg:g}, {net.activation.slope_pos:g})",
                "the network was built for another activation than the problem",
                f"activation={net.activation.name!r} in the problem",
            )
        )
    return net


def linear_layer(weight: Array, bias: Array | None) -> Any:
    """A float64 Linear layer with the given values; built on the meta device so that no random number is drawn."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns about layers of width 0, which are meant here
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = torch.nn.Parameter(torch.from_numpy(weight.copy()))
    if bias is not None:
        layer.bias = torch.nn.Parameter(torch.from_numpy(bias.copy()))
    return layer
