"""Torch modules read as hidden layers and an affine head, one reader for each kind of layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import nn

from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network import windows
from relucvx.network.activations import SMOOTH, SmoothActivation
from relucvx.network.assembly import RELU, Assembler, Value
from relucvx.network.layers import Affine
from relucvx.network.modules import ACCEPTED
from relucvx.network.torch.modules import called, values
from relucvx.types import ACTIVATIONS, Activation, Array, as_activation

sparse = later("scipy.sparse")

Shape = tuple[int, ...]


class Layer:
    """One torch layer about to be applied to a value; with ``smooth``, smooth activations are read too."""

    def __init__(
        self, builder: Assembler, module: Any, name: str, value: Value, keep: Sequence[Value], smooth: bool = False
    ) -> None:
        self.builder, self.module, self.name, self.value, self.keep = builder, module, name, value, keep
        self.smooth = smooth

    def refuse(self, expected: str, received: str = "", cause: str = "", fix: str = "") -> InvalidInputError:
        """The error that says what is wrong with this layer."""
        return InvalidInputError(explain(expected, f"{called(self.name, self.module)} {received}".rstrip(), cause, fix))

    def image(self) -> tuple[int, int, int]:
        """Channels, height and width of the input."""
        if len(self.value.shape) != 3:
            raise self.refuse("an input of shape (channels, height, width)", f"behind one of shape {self.value.shape}")
        c, h, w = self.value.shape
        return c, h, w

    def need_eval(self) -> None:
        """Refuse a layer that is in training mode."""
        if self.module.training:
            raise self.refuse(ACCEPTED, "", "the module is in training mode", "module.eval()")

    def affine(self, map_: Affine, shape: Shape) -> Value:
        """The value behind a map."""
        return self.builder.affine(self.value, map_, shape)

    def check_overwrites_nothing(self) -> None:
        """Refuse a layer that works in place on what is used again."""
        if getattr(self.module, "inplace", False) and any(v.storage is self.value.storage for v in self.keep):
            raise self.refuse(
                "an input that nothing else uses",
                "with inplace=True, whose input is used again",
                "the later use would see the activation's output",
                "inplace=False",
            )

    def kink(self, phi: Activation | SmoothActivation) -> Value:
        """The value behind an activation."""
        self.check_overwrites_nothing()
        return self.builder.kink(self.value, phi, self.keep, self.name)


DROPOUTS = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
"""Layers without effect in eval mode."""


def readers() -> dict[Any, Callable[[Layer], Value]]:
    """The reader for each torch layer, keyed by its forward method: a subclass that overrides it is another layer."""
    return {
        nn.Linear.forward: _linear,
        nn.Conv2d.forward: _conv,
        nn.BatchNorm2d.forward: _batch_norm,  # BatchNorm1d shares the method
        nn.AvgPool2d.forward: _average,
        nn.AdaptiveAvgPool2d.forward: _adaptive,
        nn.MaxPool2d.forward: _max_pool,
        nn.ReLU.forward: lambda layer: layer.kink(ACTIVATIONS["relu"]),
        nn.LeakyReLU.forward: lambda layer: layer.kink(as_activation((float(layer.module.negative_slope), 1.0))),
        nn.PReLU.forward: _prelu,
        nn.RReLU.forward: _rrelu,
        nn.Hardtanh.forward: _hardtanh,  # ReLU6 shares the method
        nn.Flatten.forward: _flatten,
        nn.Unflatten.forward: _unflatten,
        nn.Identity.forward: lambda layer: layer.value,
        **{getattr(nn, name).forward: _dropout for name in DROPOUTS},
        **{getattr(nn, name).forward: _smooth for name in ("Tanh", "Sigmoid", "SiLU", "GELU", "Softplus")},
    }


def _linear(layer: Layer) -> Value:
    bias = None if layer.module.bias is None else values(layer.module.bias)
    value = weighted(layer.builder, layer.value, values(layer.module.weight), bias, split=layer.smooth)
    if value is None:
        n = layer.module.in_features
        shape = layer.value.shape
        raise layer.refuse(f"an input of shape ({n},)", f"behind one of shape {shape}", "", "nn.Flatten()")
    return value


def weighted(
    builder: Assembler, value: Value, weight: Array, bias: Array | None, *, split: bool = False
) -> Value | None:
    """The value behind a weight (out, in) that acts on its last axis; None where their sizes differ.

    Where linear activations are kept and ``split`` is set, one stands between two Linear layers in a row.
    """
    n_out, n_in = weight.shape
    if not value.shape or value.shape[-1] != n_in:
        return None
    if split and builder.keep_linear and value.weighted:
        value = builder.kink(value, ACTIVATIONS["linear"])
    rows = math.prod(value.shape[:-1])
    shift = np.zeros(n_out) if bias is None else bias
    matrix: Any = np.ascontiguousarray(weight.T)
    # the weight acts on the last axis: one block for each position on the others
    if rows > 1:
        matrix = sparse.kron(sparse.eye_array(rows, format="csc"), sparse.csc_array(matrix), format="csc")
    map_ = Affine(matrix, np.tile(shift, rows), bias is not None)
    out = builder.affine(value, map_, (*value.shape[:-1], n_out))
    out.weighted = True
    return out


def _conv(layer: Layer) -> Value:
    module, (channels, height, width) = layer.module, layer.image()
    if channels != module.in_channels:
        raise layer.refuse(f"an image of {module.in_channels} channels", f"behind one of shape {layer.value.shape}")
    if module.padding_mode != "zeros":
        raise layer.refuse("padding by zeros", f"with padding_mode={module.padding_mode!r}")
    # torch has worked out 'same' and numbers alike, last axis first
    left, right, top, bottom = module._reversed_padding_repeated_twice
    axes = []
    for k, (size, before, after) in enumerate(((height, top, bottom), (width, left, right))):
        axis = windows.Axis(size, module.kernel_size[k], module.stride[k], before, after, module.dilation[k])
        axes.append(_fitting(layer, axis))
    bias = None if module.bias is None else values(module.bias)
    map_ = windows.convolution(values(module.weight), bias, axes[0], axes[1], module.groups)
    out = layer.affine(map_, (module.out_channels, axes[0].count, axes[1].count))
    out.weighted = True
    return out


def _batch_norm(layer: Layer) -> Value:
    module, shape = layer.module, layer.value.shape
    layer.need_eval()
    if module.running_mean is None or module.running_var is None:
        raise layer.refuse(
            "running statistics", "without them", "it normalises by the batch at hand", "track_running_stats=True"
        )
    # both kinds share their forward; the check of dimensions is what tells them apart
    dimensions = {nn.BatchNorm1d._check_input_dim: (1, 2), nn.BatchNorm2d._check_input_dim: (3,)}
    allowed = dimensions.get(type(module)._check_input_dim, ())
    if len(shape) not in allowed or shape[0] != module.num_features:
        raise layer.refuse(f"an input with {module.num_features} channels first", f"behind one of shape {shape}")
    scale = 1.0 / np.sqrt(values(module.running_var) + module.eps)
    if module.weight is not None:
        scale = scale * values(module.weight)
    shift = -values(module.running_mean) * scale
    if module.bias is not None:
        shift = shift + values(module.bias)
    repeats = math.prod(shape[1:])
    weight = sparse.diags_array(np.repeat(scale, repeats), format="csc")
    return layer.affine(Affine(weight, np.repeat(shift, repeats)), shape)


def _average(layer: Layer) -> Value:
    module, (channels, height, width) = layer.module, layer.image()
    rows, columns = _pool_axes(layer, (height, width))
    map_ = windows.average(channels, rows, columns, module.count_include_pad, module.divisor_override)
    return layer.affine(map_, (channels, rows.count, columns.count))


def _adaptive(layer: Layer) -> Value:
    channels, height, width = layer.image()
    asked = _pair(layer.module.output_size)
    # None keeps the size of an axis
    counts = (asked[0] or height, asked[1] or width)
    return layer.affine(windows.adaptive_average(channels, (height, width), counts), (channels, *counts))


def _max_pool(layer: Layer) -> Value:
    channels, height, width = layer.image()
    if layer.module.return_indices:
        raise layer.refuse("a pooling that returns values only", "with return_indices=True")
    rows, columns = _pool_axes(layer, (height, width))
    found, taps = windows.pool_windows(channels, rows, columns)
    shape = (channels, rows.count, columns.count)
    return layer.builder.maximum(layer.value, found, taps, shape, layer.keep, layer.name)


def _prelu(layer: Layer) -> Value:
    slopes = np.unique(values(layer.module.weight))
    if len(slopes) > 1:
        raise layer.refuse("one slope", f"with {len(slopes)} different ones", "", "nn.LeakyReLU(slope)")
    return layer.kink(as_activation((float(slopes[0]), 1.0)))


def _rrelu(layer: Layer) -> Value:
    layer.need_eval()
    # in eval mode the slope is the middle of its range
    return layer.kink(as_activation(((float(layer.module.lower) + float(layer.module.upper)) / 2, 1.0)))


def _hardtanh(layer: Layer) -> Value:
    layer.check_overwrites_nothing()
    return clipped(layer.builder, layer.value, layer.module.min_val, layer.module.max_val, layer.keep, layer.name)


def clipped(
    builder: Assembler,
    value: Value,
    low: float | Array | None,
    high: float | Array | None,
    keep: Sequence[Value],
    name: str,
) -> Value:
    """min(max(t, low), high), one kink for each bound that there is."""
    if low is not None:
        # low + relu(t - low)
        value = builder.shift(builder.kink(builder.shift(value, -np.asarray(low)), RELU, keep, name), low)
    if high is not None:  # high - relu(high - t)
        below = builder.shift(builder.scale(value, -1.0), high)
        value = builder.shift(builder.scale(builder.kink(below, RELU, keep, name), -1.0), high)
    return value


def _smooth(layer: Layer) -> Value:
    """Activations that only a DeepNetwork has; scaled softplus and the tanh approximation of gelu are others."""
    module = layer.module
    other = getattr(module, "approximate", "none") != "none" or getattr(module, "beta", 1.0) != 1.0
    if not layer.smooth or other:
        cause = "" if layer.smooth else "it is not piecewise linear"
        raise layer.refuse(ACCEPTED, "", cause, "pass the part of the model without it")
    return layer.kink(SMOOTH[type(module).__name__.lower()])


def _flatten(layer: Layer) -> Value:
    start, axes = layer.module.start_dim, len(layer.value.shape) + 1
    if start >= axes:
        raise layer.refuse(
            f"an input of at least {start} axes beside the samples",
            f"with start_dim={start} behind one of shape {layer.value.shape}",
        )
    shape = flattened(layer.value.shape, start, layer.module.end_dim)
    if shape is None:
        raise layer.refuse("samples to stay apart: start_dim >= 1", f"with start_dim={start}")
    return layer.value.viewed(shape)


def _unflatten(layer: Layer) -> Value:
    shape, dim = layer.value.shape, layer.module.dim % (len(layer.value.shape) + 1)
    sizes = tuple(layer.module.unflattened_size)
    plain = all(isinstance(n, int) for n in sizes)  # not pairs of a name and a size
    if dim == 0 or not plain or min(sizes) < 1 or math.prod(sizes) != shape[dim - 1]:
        raise layer.refuse("sizes that make up one axis of a sample", f"with {layer.module.extra_repr()}")
    return layer.value.viewed((*shape[: dim - 1], *sizes, *shape[dim:]))


def _dropout(layer: Layer) -> Value:
    # with p = 0 nothing is dropped in training either
    if layer.module.p > 0.0:
        layer.need_eval()
    return layer.value


def flattened(shape: Shape, start: int, end: int) -> Shape | None:
    """Shape of one sample behind flattening the axes start to end (axis 0 counts the samples); None when it is among them."""
    axes = len(shape) + 1
    start, end = start % axes, end % axes
    if start == 0:
        return None
    return (*shape[: start - 1], math.prod(shape[start - 1 : end]), *shape[end:])


def _pool_axes(layer: Layer, sizes: tuple[int, int]) -> tuple[windows.Axis, windows.Axis]:
    module = layer.module
    kernel, padding = _pair(module.kernel_size), _pair(module.padding)
    # without a stride windows stand side by side
    stride = _pair(module.stride or module.kernel_size)
    dilation = _pair(getattr(module, "dilation", 1))
    axes = [
        windows.Axis(size, kernel[k], stride[k], padding[k], padding[k], dilation[k], bool(module.ceil_mode))
        for k, size in enumerate(sizes)
    ]
    return _fitting(layer, axes[0]), _fitting(layer, axes[1])


def _fitting(layer: Layer, axis: windows.Axis) -> windows.Axis:
    if axis.count < 1:
        raise layer.refuse("an image at least as large as the window", f"behind one of shape {layer.value.shape}")
    return axis


def _pair(value: Any) -> tuple[Any, Any]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)
