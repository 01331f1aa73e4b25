"""Networks as values, their conversion from and to torch, and function-preserving transforms."""

from relucvx.network.activations import SMOOTH, SmoothActivation, is_exact, resolve_activation
from relucvx.network.convert import as_network, from_torch, save_state_dict, to_torch
from relucvx.network.deep import DeepNetwork
from relucvx.network.layers import LayerList
from relucvx.network.modules import is_torch_module
from relucvx.network.parallel import ParallelReLU
from relucvx.network.pooled import PooledReLU
from relucvx.network.reading import read_layers
from relucvx.network.sklearn_reading import from_sklearn, is_sklearn_mlp
from relucvx.network.transform import balance, merge, path_norm, prune
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.network.unfolding import patches

__all__ = [
    "SMOOTH",
    "DeepNetwork",
    "LayerList",
    "ParallelReLU",
    "PooledReLU",
    "SmoothActivation",
    "TwoLayerReLU",
    "as_network",
    "balance",
    "from_sklearn",
    "from_torch",
    "is_exact",
    "is_sklearn_mlp",
    "is_torch_module",
    "merge",
    "patches",
    "path_norm",
    "prune",
    "read_layers",
    "resolve_activation",
    "save_state_dict",
    "to_torch",
]


def __dir__() -> list[str]:
    return sorted(__all__)
