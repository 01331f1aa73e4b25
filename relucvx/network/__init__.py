"""Two-layer networks as values, their conversion from and to torch, and function-preserving transforms."""

from relucvx.network.convert import as_network, from_torch, is_torch_module, to_torch
from relucvx.network.transform import balance, merge, path_norm, prune
from relucvx.network.two_layer import TwoLayerReLU

__all__ = [
    "TwoLayerReLU",
    "as_network",
    "balance",
    "from_torch",
    "is_torch_module",
    "merge",
    "path_norm",
    "prune",
    "to_torch",
]
