"""Functions and methods in a traced forward: what each does to a value, or to numbers and weights."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from relucvx.network.assembly import Value
from relucvx.network.torch import shapes as torch_shapes
from relucvx.network.torch.layers import clipped, weighted
from relucvx.network.torch.shapes import Operation, Rule
from relucvx.types import ACTIVATIONS, Array, as_activation

OPERATIONS = (
    "the layers above or their functions, sums, differences, multiples, products with weights, relu, leaky_relu, abs, "
    "clamp, maximum, minimum, flatten, squeeze, and view or reshape to (N, -1)"
)


def functions() -> dict[Any, Rule]:
    """The rule for each function."""
    return {
        # keyed by what is called and not by its name, as fx records it
        operator.add: _add,
        operator.iadd: _in_place(_add),
        operator.sub: _subtract,
        operator.isub: _in_place(_subtract),
        operator.neg: _negative,
        operator.mul: _multiply,
        operator.imul: _in_place(_multiply),
        operator.truediv: _divide,
        operator.itruediv: _in_place(_divide),
        operator.matmul: _matmul,
        operator.abs: _absolute,
        **torch_shapes.OPERATORS,
        # those that are methods of tensors, too, are listed once below
        **{getattr(torch, name): rule for name, rule in FUNCTIONS.items()},
        torch.relu_: METHODS["relu_"],
        functional.linear: _linear,
        functional.relu: _relu,
        functional.relu6: lambda op, input, inplace=False: _clamp(_overwriting(op, input, inplace), input, 0.0, 6.0),
        functional.hardtanh: _hardtanh,
        functional.leaky_relu: _leaky_relu,
        functional.prelu: _prelu,
        functional.threshold: _threshold,
        functional.dropout: _dropout,
        functional.batch_norm: _batch_norm,
        # from here on the layer is made and read, so that it and its function cannot differ
        functional.max_pool2d: _max_pool,
        functional.avg_pool2d: _average_pool,
        functional.adaptive_avg_pool2d: _adaptive_pool,
        functional.tanh: _smooth("Tanh"),
        functional.sigmoid: _smooth("Sigmoid"),
        functional.silu: _smooth("SiLU"),
        functional.gelu: _smooth("GELU"),
        functional.softplus: _smooth("Softplus"),
    }


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, np.ndarray)) and not isinstance(x, bool)


def _numbers(op: Operation, value: Any) -> float | Array:
    """The argument, which must be a number or a weight."""
    if not _is_number(value):
        raise op.unknown()
    return value if isinstance(value, np.ndarray) else float(value)


def _like(op: Operation, c: Any, value: Value) -> float | Array:
    """Numbers broadcast to one per entry of a value."""
    c = _numbers(op, c)
    if not isinstance(c, np.ndarray):
        return c
    try:
        spread = np.broadcast_to(c, (1, *value.shape)) if c.ndim <= len(value.shape) + 1 else None
    except ValueError:
        spread = None
    if spread is None:
        raise op.unknown()
    return np.asarray(spread, dtype=np.float64).reshape(-1)


def _overwriting(op: Operation, value: Any, inplace: bool = True) -> Operation:
    """Refuse to overwrite a value that is used again."""
    if inplace and any(v.storage is op.tensor(value).storage for v in op.keep):
        raise op.unknown("it works in place on what is used again", "inplace=False")
    return op


def _in_place(rule: Rule) -> Rule:
    def changed(op: Operation, input: Any, *args: Any, **kwargs: Any) -> Any:
        return rule(_overwriting(op, input) if isinstance(input, Value) else op, input, *args, **kwargs)

    return changed


# ------------------------------------------------------------------ arithmetic
def _add(op: Operation, input: Any, other: Any, *, alpha: Any = 1) -> Value:
    if alpha != 1:
        raise op.unknown()
    if _is_number(input):
        input, other = other, input
    x = op.tensor(input)
    if not isinstance(other, Value):
        return op.builder.shift(x, _like(op, other, x))
    if x.shape != other.shape:
        raise op.unknown()
    return op.builder.add(x, other)


def _subtract(op: Operation, input: Any, other: Any) -> Value:
    return _add(op, input, _negative(op, other))


def _negative(op: Operation, input: Any) -> Any:
    return -_numbers(op, input) if _is_number(input) else op.builder.scale(op.tensor(input), -1.0)


def _multiply(op: Operation, input: Any, other: Any) -> Value:
    if _is_number(input):
        input, other = other, input
    x = op.tensor(input)
    if isinstance(other, Value):
        raise op.unknown("a product of two values is not piecewise linear")
    return op.builder.scale(x, _like(op, other, x))


def _divide(op: Operation, input: Any, other: Any) -> Value:
    if not _is_number(other):
        raise op.unknown("a quotient of values is not piecewise linear" if isinstance(other, Value) else "")
    return op.builder.scale(op.tensor(input), 1.0 / np.asarray(_like(op, other, op.tensor(input))))


def _matmul(op: Operation, input: Any, other: Any) -> Value:
    if not isinstance(other, np.ndarray) or other.ndim not in (1, 2):
        raise op.unknown("a product of two values is not piecewise linear" if isinstance(other, Value) else "")
    x = op.tensor(input)
    if other.ndim == 1:
        column = _linear(op, x, other[None, :])
        return column.viewed(column.shape[:-1])
    return _linear(op, x, other.T)


def _linear(op: Operation, input: Any, weight: Any, bias: Any = None) -> Value:
    if not isinstance(weight, np.ndarray) or weight.ndim != 2 or not (bias is None or isinstance(bias, np.ndarray)):
        raise op.unknown()
    found = weighted(op.builder, op.tensor(input), weight, bias, split=op.smooth)
    if found is None:
        raise op.unknown(f"{weight.shape[1]} inputs, behind a value of shape {input.shape}")
    return found


# ------------------------------------------------------------------ kinks
def _leaky_relu(op: Operation, input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    value = _overwriting(op, input, inplace).tensor(input)
    return op.builder.kink(value, as_activation((float(negative_slope), 1.0)), op.keep, op.name)


def _relu(op: Operation, input: Any, inplace: bool = False) -> Value:
    return _leaky_relu(op, input, 0.0, inplace)


def _absolute(op: Operation, input: Any) -> Value:
    return op.builder.kink(op.tensor(input), ACTIVATIONS["abs"], op.keep, op.name)


def _clamp(op: Operation, input: Any, min: Any = None, max: Any = None) -> Value:
    value = op.tensor(input)
    low, high = (None if bound is None else _like(op, bound, value) for bound in (min, max))
    return clipped(op.builder, value, low, high, op.keep, op.name)


def _hardtanh(op: Operation, input: Any, min_val: Any = -1.0, max_val: Any = 1.0, inplace: bool = False) -> Value:
    return _clamp(_overwriting(op, input, inplace), input, min_val, max_val)


def _threshold(op: Operation, input: Any, threshold: Any, value: Any, inplace: bool = False) -> Value:
    # below the threshold stands the value: without a jump only if the two are the same
    if threshold != value:
        raise op.unknown("it jumps")
    return _clamp(_overwriting(op, input, inplace), input, threshold)


def _prelu(op: Operation, input: Any, weight: Any) -> Value:
    slopes = np.unique(np.asarray(_numbers(op, weight)))
    if len(slopes) != 1:
        raise op.unknown("several slopes")
    return _leaky_relu(op, input, float(slopes[0]))


def _maximum(op: Operation, input: Any, other: Any) -> Value:
    """max(a, b) = b + relu(a - b)."""
    if _is_number(input):
        input, other = other, input
    a = op.tensor(input)
    if _is_number(other):
        return _clamp(op, a, other)
    b = op.tensor(other)
    if a.shape != b.shape:
        raise op.unknown()
    apart = op.builder.add(a, op.builder.scale(b, -1.0))
    # b is added behind the kink, and has to get there
    return op.builder.add(op.builder.kink(apart, ACTIVATIONS["relu"], [*op.keep, b], op.name), b)


def _minimum(op: Operation, input: Any, other: Any) -> Any:
    return _negative(op, _maximum(op, _negative(op, input), _negative(op, other)))


def _smooth(kind: str) -> Rule:
    """A smooth activation, which only a DeepNetwork has."""

    def apply(op: Operation, input: Any, *args: Any, **kwargs: Any) -> Value:
        if not op.smooth:
            raise op.unknown("it is not piecewise linear")
        return op.run(getattr(nn, kind)(*args, **kwargs), op.tensor(input))

    return apply


# ------------------------------------------------------------------ layers called as functions
def _dropout(op: Operation, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    if training and p > 0.0:
        raise op.unknown("dropout in training mode", "module.eval(), and dropout(x, training=self.training)")
    return op.tensor(input)


def _batch_norm(
    op: Operation, input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Value:  # fmt: skip
    value = op.tensor(input)
    if training or running_mean is None or running_var is None:
        raise op.unknown("it normalises by the batch at hand", "module.eval()")
    scale = 1.0 / np.sqrt(np.asarray(_numbers(op, running_var)) + eps)
    scale = scale if weight is None else scale * _numbers(op, weight)
    shift = -_numbers(op, running_mean) * scale + (0.0 if bias is None else _numbers(op, bias))
    if not value.shape or value.shape[0] != len(scale):
        raise op.unknown()
    repeats = math.prod(value.shape[1:])
    return op.builder.shift(op.builder.scale(value, np.repeat(scale, repeats)), np.repeat(shift, repeats))


def _max_pool(
    op: Operation, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Value:  # fmt: skip
    return op.run(nn.MaxPool2d(kernel_size, stride, padding, dilation, return_indices, ceil_mode), op.tensor(input))


def _average_pool(
    op: Operation, input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: Any = None,
) -> Value:  # fmt: skip
    pool = nn.AvgPool2d(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return op.run(pool, op.tensor(input))


def _adaptive_pool(op: Operation, input: Any, output_size: Any) -> Value:
    return op.run(nn.AdaptiveAvgPool2d(output_size), op.tensor(input))


FUNCTIONS: dict[str, Rule] = {
    "add": _add,
    "sub": _subtract,
    "neg": _negative,
    "mul": _multiply,
    "div": _divide,
    "matmul": _matmul,
    "mm": _matmul,
    "abs": _absolute,
    "relu": _relu,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda op, input, min: _clamp(op, input, min),
    "clamp_max": lambda op, input, max: _clamp(op, input, None, max),
    "maximum": _maximum,
    "minimum": _minimum,
    "tanh": _smooth("Tanh"),
    "sigmoid": _smooth("Sigmoid"),
    **torch_shapes.FUNCTIONS,
}
"""Functions of torch that are methods as well."""

METHODS: dict[str, Rule] = {
    **FUNCTIONS,
    **torch_shapes.METHODS,
    **{f"{name}_": _in_place(FUNCTIONS[name]) for name in ("add", "sub", "mul", "div", "abs", "relu", "clamp")},
}
