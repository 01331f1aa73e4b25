"""Conversion between :class:`TwoLayerReLU` and torch modules; torch is imported only when a module is at hand."""

from __future__ import annotations

import warnings
from typing import Any

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Activation, Array, as_activation

ACCEPTED = "torch.nn.Sequential(Linear, ReLU or LeakyReLU, Linear)"


def is_torch_module(obj: Any) -> bool:
    """Whether obj is a ``torch.nn.Module``, decided without importing torch.

    Status: a convention (no statement). Source: [relucvx].
    """
    return any(c.__name__ == "Module" and c.__module__ == "torch.nn.modules.module" for c in type(obj).__mro__)


def from_torch(module: Any) -> TwoLayerReLU:
    """Read a two-layer torch module as a :class:`TwoLayerReLU`, exactly, in float64.

    Parameters
    ----------
    module : torch.nn.Sequential
        ``Sequential(Linear, ReLU | LeakyReLU, Linear)``; Sequentials may be nested. Any dtype and device; biases
        are optional. Parametrised weights are read at their current effective value.

    Returns
    -------
    TwoLayerReLU
        With ``weights_in (m, d)``, ``weights_out (m, c)``; ``predict`` returns (n, c) as the module does.

    Raises
    ------
    InvalidInputError
        For anything that is not a torch module, any other structure (the first offending layer is named),
        uninitialised parameters, forward hooks or overridden ``forward`` methods.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same function; rounding only).
    """
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    layers = _flatten(module, "")
    names = ", ".join(type(layer).__name__ for _, layer in layers)
    for position, (name, layer) in enumerate(layers):
        _check_layer(position, name, layer, names)
    if len(layers) != 3:
        raise InvalidInputError(
            explain(f"{ACCEPTED}, three layers", f"{len(layers)} layers ({names})", "not a two-layer network")
        )
    first, middle, last = (layer for _, layer in layers)
    slope = float(getattr(middle, "negative_slope", 0.0))
    return TwoLayerReLU(
        _values(first.weight),
        _values(last.weight).T,
        bias_in=None if first.bias is None else _values(first.bias),
        bias_out=None if last.bias is None else _values(last.bias),
        activation=as_activation((slope, 1.0)),
    )


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
    return nn.Sequential(_linear(net.weights_in, net.bias_in), middle, _linear(net.weights_out.T, net.bias_out))


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


def _flatten(module: Any, prefix: str) -> list[tuple[str, Any]]:
    """Layers of nested Sequentials with their dotted names, in the order they are applied."""
    from torch import nn

    _check_untouched(module, prefix)
    if type(module).forward is not nn.Sequential.forward:
        return [(prefix or "the module itself", module)]
    out = []
    for name, child in module._modules.items():  # named_children() would skip a layer used twice
        out += _flatten(child, f"{prefix}.{name}" if prefix else name)
    return out


def _check_untouched(layer: Any, name: str) -> None:
    """Raise when something beside the layer's own weights decides what the layer computes."""
    from torch.nn.parameter import is_lazy

    label = f"{name or 'the module itself'} ({type(layer).__name__})"
    if any(is_lazy(p) or p.is_meta for p in layer.parameters(recurse=False)):
        raise InvalidInputError(
            explain(
                "initialised weights",
                f"layer {label} without values",
                "a lazy layer that has seen no data, or a module on the meta device",
                "run one forward pass first",
            )
        )
    if layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer):
        raise InvalidInputError(
            explain(
                f"{ACCEPTED} without forward hooks",
                f"hooks or a replaced forward on layer {label}",
                "they may change the function (weight_norm and spectral_norm of torch.nn.utils are hooks)",
                "remove the hooks, or use torch.nn.utils.parametrizations",
            )
        )


def _check_layer(position: int, name: str, layer: Any, names: str) -> None:
    """Raise unless the layer may stand at this position; a forward method other than torch's own is refused."""
    from torch import nn

    kinds = (nn.ReLU, nn.LeakyReLU) if position == 1 else (nn.Linear,)
    if position > 2 or type(layer).forward not in [kind.forward for kind in kinds]:
        wanted = "no further layer" if position > 2 else " or ".join(kind.__name__ for kind in kinds)
        raise InvalidInputError(
            explain(
                f"{ACCEPTED}, so {wanted} at position {position}",
                f"layer {name!r} of type {type(layer).__name__} (all layers: {names})",
                "",
                "pass the part of the model with that structure; drop Dropout and Identity layers",
            )
        )


def _values(tensor: Any) -> Array:
    """A tensor of any device and dtype (bfloat16 has no numpy counterpart) as a numpy array."""
    tensor = tensor.detach().cpu()
    values: Array = (tensor if tensor.is_complex() else tensor.double()).numpy()
    return values


def _linear(weight: Array, bias: Array | None) -> Any:
    """A float64 Linear layer with the given values; built on the meta device so that no random number is drawn."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns about layers of width 0, which are meant here
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = torch.nn.Parameter(torch.from_numpy(weight.copy()))
    if bias is not None:
        layer.bias = torch.nn.Parameter(torch.from_numpy(bias.copy()))
    return layer
