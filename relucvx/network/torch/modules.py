"""Torch modules as objects: what stands inside wrappers, and what beside its weights decides what a layer computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import fx, jit, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import prune
from torch.nn.utils.weight_norm import WeightNorm
from torch.optim.swa_utils import AveragedModel

from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array


def wrapped(module: Any) -> Any:
    """The module that a wrapper of torch's stands for, one level down; None where the module is no wrapper."""
    if isinstance(module, jit.ScriptModule):
        return None
    compiled = module._modules.get("_orig_mod")  # torch.compile's; asking for its class would import the compiler
    if compiled is not None:
        return compiled
    kinds = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)
    return module.module if isinstance(module, kinds) else None


def unwrapped(module: Any) -> Any:
    """The module inside the wrappers of ``torch.compile``, data-parallel training and weight averaging.

    Raises
    ------
    InvalidInputError
        For a TorchScript module, which no longer has its layers.
    """
    inner = wrapped(module)
    if inner is not None:
        return unwrapped(inner)
    if isinstance(module, jit.ScriptModule):
        raise InvalidInputError(
            explain(
                "a module with its layers",
                f"a TorchScript module, {type(module).__name__}",
                "torch.jit made one program of it",
                "the module that it was made from",
            )
        )
    return module


def is_opaque(module: Any) -> bool:
    """Whether a module's class comes with torch, so that its forward is no composition of layers worth tracing."""
    return type(module).__module__.startswith("torch.") and not isinstance(module, fx.GraphModule)


def plain_path(path: str) -> str:
    """The dotted name of a submodule without the names that torch.compile adds."""
    return ".".join(part for part in path.split(".") if part != "_orig_mod")


@contextmanager
def layer_by_layer() -> Iterator[None]:
    """Run modules as they are written: neither compiled nor fused, so that every layer in them takes part."""
    with ExitStack() as stack:
        stance = getattr(torch.compiler, "set_stance", None)  # torch 2.6
        if stance is not None:
            stack.enter_context(stance("force_eager"))
        # attention's fast path passes over the modules inside it
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fused)
        yield


def check_untouched(layer: Any, name: str) -> None:
    """Raise when something beside the layer's own weights decides what the layer computes.

    Hooks of ``torch.nn.utils`` that make the weights (weight_norm, pruning) are run, as a forward pass would.
    """
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
    # hooks that make weights of weights may run; of any other nobody knows what it does
    before = list(layer._forward_pre_hooks.values())
    own = [hook for hook in before if _makes_weights(hook)]
    if layer._forward_hooks or len(own) < len(before) or "forward" in vars(layer):
        raise InvalidInputError(
            explain(
                "layers without forward hooks",
                f"hooks or a replaced forward on layer {label}",
                "they may change the function (spectral_norm of torch.nn.utils is a hook)",
                "remove the hooks, or use torch.nn.utils.parametrizations",
            )
        )
    for hook in own:
        hook(layer, None)


def values(tensor: Any) -> Array:
    """A tensor of any device and dtype (bfloat16 has no numpy counterpart) as a numpy array in float64.

    Raises
    ------
    InvalidInputError
        For complex numbers.
    """
    if tensor.is_complex():
        raise InvalidInputError(explain("weights to be real numbers", f"a tensor of dtype {tensor.dtype}"))
    copy: Array = tensor.detach().cpu().double().numpy()
    return copy


def called(name: str, module: Any) -> str:
    """A layer's name and type, for messages."""
    return f"layer {name or 'the module itself'!r} of type {type(module).__name__}"


def _makes_weights(hook: Any) -> bool:
    """Whether a hook only writes a weight that depends on nothing but other weights."""
    return isinstance(hook, (WeightNorm, prune.BasePruningMethod))
