"""Smooth and threshold activations of torch tensors, differentiable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional


def _threshold(t: Any) -> Any:
    surrogate = t.clamp(-1.0, 1.0)
    # forwards the step, backwards the slope of the clamp: the difference has no gradient
    return surrogate + ((t >= 0).to(t.dtype) - surrogate).detach()


VALUES: dict[str, Callable[[Any], Any]] = {
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    # torch's default threshold of 20 is off by 2e-9
    "softplus": lambda t: functional.softplus(t, threshold=40.0),
    "gelu": functional.gelu,
    "silu": functional.silu,
    "relu_squared": lambda t: functional.relu(t) ** 2,
    "threshold": _threshold,
}
"""By the names of :data:`relucvx.network.SMOOTH`."""
