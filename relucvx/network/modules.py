"""Modules of torch seen from outside, without importing torch: what is one, and in which mode it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ACCEPTED = (
    "a TwoLayerReLU, a DeepNetwork, or a torch module made of Linear, Conv2d, BatchNorm1d/2d, AvgPool2d, "
    "AdaptiveAvgPool2d, MaxPool2d, ReLU, LeakyReLU, PReLU, Hardtanh, Flatten, Identity and Dropout, in any structure "
    "that torch.fx can trace, in eval mode"
)
"""What is read as a network, for messages."""


def is_torch_module(obj: Any) -> bool:
    """Whether obj is a ``torch.nn.Module``, decided without importing torch.

    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> import torch
    >>> from relucvx.network import is_torch_module
    >>> is_torch_module(torch.nn.ReLU()), is_torch_module(len)
    (True, False)
    """
    return any(c.__name__ == "Module" and c.__module__ == "torch.nn.modules.module" for c in type(obj).__mro__)


@contextmanager
def evaluating(module: Any) -> Iterator[Any]:
    """Eval mode for a while; every submodule gets its own mode back. Networks that have no modes pass."""
    if not is_torch_module(module):
        yield module
        return
    modes = [(layer, layer.training) for layer in module.modules()]
    module.eval()
    try:
        yield module
    finally:
        for layer, mode in modes:
            layer.training = mode
