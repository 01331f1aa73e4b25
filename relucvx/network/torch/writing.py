"""Torch modules made of weights: float64, on the CPU, without a random number drawn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import nn

from relucvx.errors import UnsupportedError, explain
from relucvx.network.activations import SmoothActivation
from relucvx.types import Activation, Array


def sequential(maps: Sequence[tuple[Array, Array | None]], phi: Activation | SmoothActivation) -> nn.Sequential:
    """Linear layers (weights of shape (out, in), bias) with an activation between every two.

    Raises
    ------
    UnsupportedError
        When torch has no layer for the activation.
    """
    layers: list[nn.Module] = [linear_layer(*maps[0])]
    for weight, bias in maps[1:]:
        layers += [activation_layer(phi), linear_layer(weight, bias)]
    return nn.Sequential(*layers)


def linear_layer(weight: Array, bias: Array | None) -> nn.Linear:
    """A float64 Linear layer with the given values; built on the meta device so that no random number is drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns about layers of width 0, which are meant here
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(torch.from_numpy(weight.copy()))
    if bias is not None:
        layer.bias = nn.Parameter(torch.from_numpy(bias.copy()))
    return layer


def activation_layer(phi: Activation | SmoothActivation) -> nn.Module:
    """The torch layer of an activation.

    Raises
    ------
    UnsupportedError
        When torch has none.
    """
    smooth = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU, "silu": nn.SiLU}
    if phi.name in smooth:
        return smooth[phi.name]()
    if phi.name == "softplus":
        # torch's default threshold of 20 is off by 2e-9
        return nn.Softplus(threshold=40.0)
    if not isinstance(phi, Activation) or phi.slope_pos != 1.0:
        raise UnsupportedError(
            explain(
                "an activation that is a torch layer",
                phi.name,
                "torch has no layer of that shape",
                "DeepNetwork.predict, or phi.torch inside your own module",
            )
        )
    return nn.ReLU() if phi.slope_neg == 0.0 else nn.LeakyReLU(phi.slope_neg)
