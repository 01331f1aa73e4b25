"""Convolutional torch modules of two layers, read as networks on patches, and such networks written as modules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.pooled import PooledReLU
from relucvx.network.torch.modules import called, check_untouched, unwrapped, values
from relucvx.network.torch.writing import activation_layer, linear_layer
from relucvx.network.unfolding import Pair, windows_of
from relucvx.types import Array, as_activation

WANTED = "Conv1d or Conv2d, ReLU or LeakyReLU, pooling by mean or Flatten, Linear"
MOST_CHECKED = 8
"""Samples at which what was read is compared with the module itself."""


@dataclass
class Convolution:
    """A convolutional network as read: the filters' windows, and the network on them.

    Attributes
    ----------
    network : PooledReLU
    size, stride, dilation : pair of int
    pads : pair of pairs
        Zeros before and after, of height and width.
    """

    network: PooledReLU
    size: Pair
    stride: Pair
    pads: tuple[Pair, Pair]
    dilation: Pair = (1, 1)

    def rows(self, images: Any) -> Array:
        """The patches (n, p, d) of images or series."""
        return windows_of(_images(images), self.size, self.stride, self.pads, self.dilation)


@dataclass
class _Parts:
    """What has been met on the way through a module."""

    conv: Any = None
    slope: float | None = None
    pools: list[Callable[[Any], Any]] = field(default_factory=list)
    linear: Any = None


def has_convolution(module: Any) -> bool:
    """Whether a torch module has a convolution in it."""
    return any(isinstance(layer, (nn.Conv1d, nn.Conv2d)) for layer in unwrapped(module).modules())


def read_convolution(module: Any, images: Any) -> Convolution:
    """Read ``Conv → activation → pooling or flattening → Linear`` exactly, for images of this size.

    Raises
    ------
    InvalidInputError
        For any other structure; the message names the layer or operation.

    Notes
    -----
    Status: theorem (the same function; rounding only), compared with the module on a few of the images. Source: [relucvx]
    """
    module = unwrapped(module)
    parts = _Parts()
    for name, item in _chain(module):
        _take(parts, name, item)
    if parts.conv is None or parts.slope is None or parts.linear is None:
        missing = (
            "a convolution" if parts.conv is None else "an activation" if parts.slope is None else "a linear layer"
        )
        raise InvalidInputError(explain(WANTED, f"{type(module).__name__} without {missing} in its place"))
    sample = _images(images)[:MOST_CHECKED]
    found = _assembled(parts, sample)
    _compare(module, found, images)
    return found


def _images(images: Any) -> Array:
    """Images with channels, and series as images of height one."""
    raw = values(images) if isinstance(images, torch.Tensor) else np.asarray(images)
    return raw[:, :, None, :] if raw.ndim == 3 else raw


def _chain(module: Any) -> list[tuple[str, Any]]:
    """Layers and operations in the order in which they are run: (name, module or (operation, arguments))."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Linear)) or not isinstance(module, nn.Sequential):
        return _traced(module)
    out: list[tuple[str, Any]] = []
    for name, layer in module.named_children():
        out += [(f"{name}.{n}", l) for n, l in _chain(layer)] if isinstance(layer, nn.Sequential) else [(name, layer)]
    check_untouched(module, "")
    return out


def _traced(module: Any) -> list[tuple[str, Any]]:
    """The chain of a module with a forward of its own, by tracing it; every operation must follow on the one before."""
    try:
        graph = fx.symbolic_trace(module)
    except Exception as error:  # tracing runs the user's code, which may raise anything
        raise InvalidInputError(
            explain(
                WANTED, f"{type(module).__name__}, which cannot be traced: {error}", "control flow", "nn.Sequential"
            )
        ) from error
    out: list[tuple[str, Any]] = []
    last = None
    for node in graph.graph.nodes:
        if node.op == "output":
            break
        if node.op != "placeholder":
            if _is_shape(node):
                continue
            if any(a is not last and not _is_shape(a) for a in node.all_input_nodes):
                raise InvalidInputError(
                    explain(WANTED, f"{node.name}, which takes more than what comes before it", "a branch")
                )
            if node.op == "call_module":
                out.append((str(node.target), graph.get_submodule(str(node.target))))
            else:
                out.append((node.name, (node.target, node.args[1:], dict(node.kwargs))))
        last = node
    return out


def _is_shape(node: Any) -> bool:
    """Whether a traced operation asks for a size and not for numbers of a layer."""
    if node.op == "call_method" and node.target in ("size", "dim"):
        return True
    if node.op == "call_function" and node.target is getattr and node.args[1:] == ("shape",):
        return True
    return node.target is operator.getitem and _is_shape(node.args[0])


def _take(parts: _Parts, name: str, item: Any) -> None:
    """Put one layer or operation in its place, or refuse it."""
    layer = item if isinstance(item, nn.Module) else None
    if layer is not None:
        check_untouched(layer, name)
    if isinstance(layer, (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d)):
        if layer.training and not isinstance(layer, nn.Identity):
            raise InvalidInputError(
                explain("a module in eval mode", f"{called(name, layer)} in training mode", "", "module.eval()")
            )
        return
    if isinstance(layer, (nn.Conv1d, nn.Conv2d)) and parts.conv is None:
        parts.conv = layer
        return
    slope = _slope(item)
    if slope is not None and parts.conv is not None and parts.slope is None:
        parts.slope = slope
        return
    pool = _pool(item)
    if pool is not None and parts.slope is not None and parts.linear is None:
        parts.pools.append(pool)
        return
    if isinstance(layer, nn.Linear) and parts.slope is not None and parts.linear is None:
        parts.linear = layer
        return
    what = called(name, layer) if layer is not None else f"operation {name!r}"
    raise InvalidInputError(
        explain(WANTED, what, "a network of another structure", "relucvx.metrics.profile, which takes deeper ones")
    )


def _slope(item: Any) -> float | None:
    """The negative slope of an activation; None for anything else."""
    if isinstance(item, nn.ReLU):
        return 0.0
    if isinstance(item, nn.LeakyReLU):
        return float(item.negative_slope)
    if not isinstance(item, tuple):
        return None
    target, args, kwargs = item
    if target in (functional.relu, torch.relu, "relu", "relu_", functional.relu_, torch.relu_):
        return 0.0
    if target is functional.leaky_relu:
        return float(kwargs.get("negative_slope", args[0] if args else 0.01))
    return None


def _pool(item: Any) -> Callable[[Any], Any] | None:
    """A linear operation on images of activities that treats all channels alike, as a function; None for anything else."""
    if isinstance(item, (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)):
        return item
    if isinstance(item, nn.Flatten):
        return (lambda t: t.flatten(1)) if (item.start_dim, item.end_dim) in ((1, -1), (1, 3), (1, 2)) else None
    if not isinstance(item, tuple):
        return None
    target, args, kwargs = item
    if target in (
        functional.avg_pool1d,
        functional.avg_pool2d,
        functional.adaptive_avg_pool1d,
        functional.adaptive_avg_pool2d,
    ):
        return lambda t: target(t, *args, **kwargs)
    if target in (torch.mean, torch.sum, "mean", "sum"):
        method = getattr(torch, target) if isinstance(target, str) else target
        return lambda t: method(t, *args, **kwargs)
    if target in (torch.flatten, "flatten") and (list(args) or [kwargs.get("start_dim", 0)])[0] == 1:
        return lambda t: t.flatten(1)
    if target in ("view", "reshape", torch.reshape, "squeeze", torch.squeeze):
        return lambda t: t.flatten(1)
    return None


def _assembled(parts: _Parts, sample: Array) -> Convolution:
    """The network on patches, from the layers of the module and the size of its images."""
    conv, flat = parts.conv, isinstance(parts.conv, nn.Conv1d)

    def pair(value: Any) -> Pair:
        value = tuple(value)
        return (1, int(value[0])) if flat and len(value) == 1 else (int(value[0]), int(value[-1]))

    if conv.groups != 1 or conv.padding_mode != "zeros":
        raise InvalidInputError(
            explain(
                "a convolution of all channels, padded by zeros", f"groups={conv.groups}, {conv.padding_mode} padding"
            )
        )
    size, stride, dilation = pair(conv.kernel_size), pair(conv.stride), pair(conv.dilation)
    whole = tuple(step * (k - 1) for k, step in zip(size, dilation, strict=True))
    if conv.padding == "same":
        pads = tuple((total // 2, total - total // 2) for total in whole)
    elif conv.padding == "valid":
        pads = ((0, 0), (0, 0))
    else:
        pads = tuple((p, p) for p in ((0, int(conv.padding[0])) if flat else pair(conv.padding)))
    span = [int(s) + sum(p) - w for s, p, w in zip(sample.shape[2:], pads, whole, strict=True)]
    shape = ((span[0] - 1) // stride[0] + 1, (span[1] - 1) // stride[1] + 1)
    A = _readouts(parts.pools, shape, flat)
    m, c = conv.out_channels, parts.linear.out_features
    if parts.linear.in_features != m * len(A):
        raise InvalidInputError(
            explain(
                f"a linear layer of {m * len(A)} inputs, for images of {sample.shape[2]} x {sample.shape[3]}",
                f"{parts.linear.in_features} inputs",
                "images of another size than the module is for",
            )
        )
    p = shape[0] * shape[1]
    kind: Any = A
    if A.shape == (1, p) and np.allclose(A, 1.0 / p, rtol=1e-12):
        kind = "mean"
    elif A.shape == (p, p) and (np.eye(p) == A).all():
        kind = "flatten"
    outputs = values(parts.linear.weight).T.reshape(m, len(A), c)
    network = PooledReLU(
        values(conv.weight).reshape(m, -1),
        outputs,
        None if conv.bias is None else values(conv.bias),
        None if parts.linear.bias is None else values(parts.linear.bias),
        as_activation((float(parts.slope or 0.0), 1.0)) if parts.slope else as_activation("relu"),
        pooling=kind,
    )
    return Convolution(network, size, stride, (pads[0], pads[1]), dilation)


def _readouts(pools: list[Callable[[Any], Any]], shape: Pair, flat: bool) -> Array:
    """The matrix (K, p) of what is done between activation and linear layer, read off at unit images of one channel."""
    p = shape[0] * shape[1]
    units = torch.eye(p, dtype=torch.float64)
    value = units.reshape(p, 1, shape[1]) if flat else units.reshape(p, 1, *shape)
    # of two channels the order must be channels first, as of every flattening in torch
    for pool in pools:
        value = pool(value)
    return np.ascontiguousarray(value.reshape(p, -1).numpy().T)


def _compare(module: Any, found: Convolution, images: Any) -> None:
    """Refuse what was read unless it is the module on a few images, to the rounding of the module's numbers."""
    first = next(module.parameters())
    raw = values(images) if isinstance(images, torch.Tensor) else np.asarray(images, dtype=float)
    raw = raw[:MOST_CHECKED]
    with torch.no_grad():
        own = values(module(torch.as_tensor(raw, dtype=first.dtype, device=first.device)))
    ours = found.network.predict(found.rows(raw))
    unit = float(torch.finfo(first.dtype).eps) * 1e4
    if own.shape != ours.shape or not np.allclose(
        own, ours, rtol=unit, atol=unit * float(np.abs(ours).max(initial=0.0))
    ):
        raise InvalidInputError(
            explain(
                WANTED,
                f"{type(module).__name__}, which computes something else",
                "an operation that was not understood",
            )
        )


def convolutional(net: PooledReLU, size: Pair, stride: Pair, padding: Pair) -> nn.Sequential:
    """The module ``Conv2d → activation → AdaptiveAvgPool2d(1) or Flatten → Linear`` of a network on patches.

    Raises
    ------
    InvalidInputError
        When the windows do not have the number of entries of a filter.
    UnsupportedError
        For a pooling that torch has no layer for.
    """
    area = size[0] * size[1]
    if net.n_features % area:
        raise InvalidInputError(explain(f"windows of {net.n_features} entries, or a divisor", f"{size[0]} x {size[1]}"))
    if net.pooling not in ("mean", "flatten") if isinstance(net.pooling, str) else True:
        raise UnsupportedError(explain('pooling="mean" or "flatten" for a torch module', f"{net!r}", "", "net.predict"))
    channels = net.n_features // area
    conv = nn.Conv2d(channels, net.width, size, stride, padding, bias=net.bias_in is not None, device="meta")
    conv.weight = nn.Parameter(torch.from_numpy(net.weights_in.reshape(net.width, channels, *size).copy()))
    if net.bias_in is not None:
        conv.bias = nn.Parameter(torch.from_numpy(net.bias_in.copy()))
    pool = [nn.AdaptiveAvgPool2d(1)] if net.pooling == "mean" else []
    outer = linear_layer(net.weights_out.reshape(-1, net.n_outputs).T, net.bias_out)
    return nn.Sequential(conv, activation_layer(net.activation), *pool, nn.Flatten(), outer)
