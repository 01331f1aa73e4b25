"""Torch modules read as hidden layers and an affine head, one reader for each kind of layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from relucvx.errors import InvalidInputError, explain
from relucvx.network import windows
from relucvx.network.assembly import Assembler, Value
from relucvx.network.convert import _check_untouched, _values
from relucvx.network.layers import ACCEPTED, Affine, LayerList
from relucvx.types import as_activation

Shape = tuple[int, ...]


def read_torch(module: Any, input_shape: int | Sequence[int] | None, like: Any) -> LayerList:
    """Read a torch module; see :func:`relucvx.network.layers.read_layers`."""
    from relucvx.network.torch_graph import agrees, first_layer

    module = unwrapped(module)
    shape = _asked(input_shape) or _shape_of_input(first_layer(module), like)
    reader = Reader(math.prod(shape))
    value = reader.run(module, "", reader.builder.start(shape), [])
    network = reader.builder.finish(value)
    if reader.traced:
        agrees(module, network)
    return network


def unwrapped(module: Any) -> Any:
    """The module inside ``torch.compile``'s and data-parallel wrappers, which compute what it does.

    Raises
    ------
    InvalidInputError
        For a TorchScript module, which no longer has its layers.
    """
    from torch import jit, nn

    inner = getattr(module, "_orig_mod", module.module if isinstance(module, nn.DataParallel) else None)
    if inner is not None:
        return unwrapped(inner)
    if isinstance(module, jit.ScriptModule):
        raise InvalidInputError(
            explain(ACCEPTED, f"a TorchScript module, {type(module).__name__}", "", "the module that it was made from")
        )
    return module


class Reader:
    """Walks through a module and hands what its layers do to an assembler."""

    def __init__(self, n_features: int) -> None:
        self.builder = Assembler(n_features)
        self.traced = False

    def run(self, module: Any, name: str, value: Value, keep: Sequence[Value]) -> Value:
        """The value behind a module; the values in ``keep`` are needed later and stay usable.

        Raises
        ------
        InvalidInputError
            For a layer that is not known, in training mode, or does not fit its input; the message names it.
        """
        from torch import nn

        _check_untouched(module, name)
        if type(module).forward is nn.Sequential.forward:
            for label, child in module._modules.items():
                value = self.run(child, f"{name}.{label}" if name else label, value, keep)
            return value
        known = readers().get(type(module).forward)
        if known is not None:
            return known(Layer(self.builder, module, name or "the module itself", value, keep))
        from relucvx.network.torch_graph import is_torchs_own, run_graph

        if is_torchs_own(module):
            raise InvalidInputError(
                explain(
                    ACCEPTED,
                    f"layer {name or 'the module itself'!r} of type {type(module).__name__}",
                    "it is not piecewise linear, or not known here",
                    "pass the part of the model without it",
                )
            )
        self.traced = True
        return run_graph(self, module, name, value, keep)


class Layer:
    """One torch layer about to be applied to a value."""

    def __init__(self, builder: Assembler, module: Any, name: str, value: Value, keep: Sequence[Value]) -> None:
        self.builder, self.module, self.name, self.value, self.keep = builder, module, name, value, keep

    @property
    def label(self) -> str:
        """Name and type, for messages."""
        return f"layer {self.name!r} of type {type(self.module).__name__}"

    def refuse(self, expected: str, received: str = "", cause: str = "", fix: str = "") -> InvalidInputError:
        """The error that says what is wrong with this layer."""
        return InvalidInputError(explain(expected, f"{self.label} {received}".rstrip(), cause, fix))

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


def readers() -> dict[Any, Callable[[Layer], Value]]:
    """The reader for each torch layer, keyed by its forward method: a subclass that overrides it is another layer."""
    from torch import nn

    return {
        nn.Linear.forward: _linear,
        nn.Conv2d.forward: _conv,
        nn.BatchNorm2d.forward: _batch_norm,  # BatchNorm1d shares the method
        nn.AvgPool2d.forward: _average,
        nn.AdaptiveAvgPool2d.forward: _adaptive,
        nn.MaxPool2d.forward: _max_pool,
        nn.ReLU.forward: _activation,
        nn.LeakyReLU.forward: _activation,
        nn.Flatten.forward: _flatten,
        nn.Identity.forward: lambda layer: layer.value,
        nn.Dropout.forward: _dropout,
        nn.Dropout2d.forward: _dropout,
    }


def _linear(layer: Layer) -> Value:
    module = layer.module
    if layer.value.shape != (module.in_features,):
        raise layer.refuse(
            f"an input of shape ({module.in_features},)", f"behind one of shape {layer.value.shape}", "", "nn.Flatten()"
        )
    bias = np.zeros(module.out_features) if module.bias is None else _values(module.bias)
    return layer.affine(Affine(np.ascontiguousarray(_values(module.weight).T), bias), (module.out_features,))


def _conv(layer: Layer) -> Value:
    module, (channels, height, width) = layer.module, layer.image()
    if channels != module.in_channels:
        raise layer.refuse(f"an image of {module.in_channels} channels", f"behind one of shape {layer.value.shape}")
    if module.padding_mode != "zeros":
        raise layer.refuse("padding by zeros", f"with padding_mode={module.padding_mode!r}")
    left, right, top, bottom = module._reversed_padding_repeated_twice
    axes = []
    for k, (size, before, after) in enumerate(((height, top, bottom), (width, left, right))):
        axis = windows.Axis(size, module.kernel_size[k], module.stride[k], before, after, module.dilation[k])
        axes.append(_fitting(layer, axis))
    bias = None if module.bias is None else _values(module.bias)
    map_ = windows.convolution(_values(module.weight), bias, axes[0], axes[1], module.groups)
    return layer.affine(map_, (module.out_channels, axes[0].count, axes[1].count))


def _batch_norm(layer: Layer) -> Value:
    from torch import nn

    module, shape = layer.module, layer.value.shape
    layer.need_eval()
    if module.running_mean is None or module.running_var is None:
        raise layer.refuse(
            "running statistics", "without them", "it normalises by the batch at hand", "track_running_stats=True"
        )
    dimensions = {nn.BatchNorm1d._check_input_dim: (1, 2), nn.BatchNorm2d._check_input_dim: (3,)}
    allowed = dimensions.get(type(module)._check_input_dim, ())
    if len(shape) not in allowed or shape[0] != module.num_features:
        raise layer.refuse(f"an input with {module.num_features} channels first", f"behind one of shape {shape}")
    scale = 1.0 / np.sqrt(_values(module.running_var) + module.eps)
    if module.weight is not None:
        scale = scale * _values(module.weight)
    shift = -_values(module.running_mean) * scale
    if module.bias is not None:
        shift = shift + _values(module.bias)
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
    counts = (asked[0] or height, asked[1] or width)
    return layer.affine(windows.adaptive_average(channels, (height, width), counts), (channels, *counts))


def _max_pool(layer: Layer) -> Value:
    channels, height, width = layer.image()
    if layer.module.return_indices:
        raise layer.refuse("a pooling that returns values only", "with return_indices=True")
    rows, columns = _pool_axes(layer, (height, width))
    found = windows.pool_windows(channels, rows, columns)
    shape = (channels, rows.count, columns.count)
    return layer.builder.maximum(layer.value, found, shape, layer.keep, layer.name)


def _activation(layer: Layer) -> Value:
    module, value = layer.module, layer.value
    phi = as_activation((float(getattr(module, "negative_slope", 0.0)), 1.0))
    if module.inplace and any(v.storage is value.storage for v in layer.keep):
        raise layer.refuse(
            "an input that nothing else uses",
            "with inplace=True, whose input is used again",
            "the later use would see the activation's output",
            "inplace=False",
        )
    return layer.builder.kink(value, phi, layer.keep, layer.name)


def _flatten(layer: Layer) -> Value:
    shape = flattened(layer.value.shape, layer.module.start_dim, layer.module.end_dim)
    if shape is None:
        raise layer.refuse("samples to stay apart: start_dim >= 1", f"with start_dim={layer.module.start_dim}")
    return layer.value.viewed(shape)


def _dropout(layer: Layer) -> Value:
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


def _asked(shape: int | Sequence[int] | None) -> Shape | None:
    if shape is None:
        return None
    entries = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not entries or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in entries):
        raise InvalidInputError(explain("input_shape of positive ints, such as (channels, height, width)", repr(shape)))
    return tuple(int(n) for n in entries)


def _shape_of_input(layer: Any, like: Any) -> Shape:
    """Shape of one input: fixed by the first layer that fixes it, else taken from inputs at hand."""
    from torch import nn

    if isinstance(layer, nn.Linear):
        return (int(layer.in_features),)
    given: Shape = () if like is None else tuple(np.shape(like))
    image = isinstance(layer, (nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.MaxPool2d))
    if isinstance(layer, nn.BatchNorm1d) and len(given) < 3:
        return (int(layer.num_features),)
    sizes = {3: given, 4: given[1:]} if image else {1: given, 2: given[1:]}
    if len(given) in sizes:
        return sizes[len(given)]
    raise InvalidInputError(
        explain(
            "the shape of one input, which the module does not fix",
            f"inputs of shape {given}" if given else "none",
            f"its first layer is {type(layer).__name__}" if layer is not None else "it has no Linear layer",
            "input_shape=(channels, height, width), or inputs of that shape",
        )
    )
