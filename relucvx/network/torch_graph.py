"""Modules whose forward is not a Sequential's: traced by ``torch.fx`` and read operation by operation."""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.assembly import Value
from relucvx.network.convert import _check_untouched, _values
from relucvx.network.layers import LayerList
from relucvx.types import as_activation

if TYPE_CHECKING:
    from relucvx.network.torch_layers import Reader

OPERATIONS = "the layers above, +, relu, leaky_relu, flatten, and view or reshape to (N, -1)"
BATCH = "the number of samples"
"""Stands for the first entry of a shape, which no operation may depend on."""


def trace(module: Any, name: str) -> Any:
    """The graph of a module.

    Raises
    ------
    InvalidInputError
        When its forward depends on the numbers that pass through, or has hooks.
    """
    from torch import fx

    for label, inner in module.named_modules():
        _check_untouched(inner, ".".join(part for part in (name, label) if part))

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
            from relucvx.network.torch_layers import readers

            return type(m).forward in readers() or bool(super().is_leaf_module(m, module_qualified_name))

    try:
        return Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise InvalidInputError(
            explain(
                f"a module whose forward is a fixed sequence of {OPERATIONS}",
                f"{_called(name, module)}, which torch.fx cannot trace",
                str(error).splitlines()[0] if str(error) else "",
                "pass the part of the model with that structure",
            )
        ) from error


def run_graph(reader: Reader, module: Any, name: str, value: Value, keep: Sequence[Value]) -> Value:
    """The value behind a traced module; see :meth:`Reader.run`.

    Raises
    ------
    InvalidInputError
        For an operation that is not known; the message names it.
    """
    graph = trace(module, name)
    if sum(node.op == "placeholder" and bool(node.users) for node in graph.nodes) > 1:
        raise InvalidInputError(explain("a module of one input", f"{_called(name, module)} with several"))
    return Walk(reader, module, name, keep).through(list(graph.nodes), value)


class Walk:
    """One pass over the nodes of a graph; the environment holds their values, or plain Python for shapes."""

    def __init__(self, reader: Reader, module: Any, name: str, keep: Sequence[Value]) -> None:
        self.reader, self.module, self.name, self.outer = reader, module, name, keep

    def through(self, nodes: list[Any], value: Value) -> Value:
        """The value of the output node."""
        environment: dict[Any, Any] = {}
        positions = {node: position for position, node in enumerate(nodes)}
        last_use = {node: max((positions[user] for user in node.users), default=-1) for node in nodes}
        for position, node in enumerate(nodes):
            if node.op == "output":
                return self._tensor(node, environment.get(node.args[0]))
            if node.op == "placeholder":
                environment[node] = value
                continue
            live = [v for n, v in environment.items() if isinstance(v, Value) and last_use[n] > position]
            environment[node] = self._apply(node, environment, [*self.outer, *live])
        raise AssertionError("a graph ends with its output")  # pragma: no cover

    def _apply(self, node: Any, environment: dict[Any, Any], keep: Sequence[Value]) -> Any:
        from torch.fx import map_arg

        args = map_arg(node.args, lambda n: environment[n])
        kwargs = map_arg(node.kwargs, lambda n: environment[n])
        if node.op == "call_module":
            inner = self.module.get_submodule(node.target)
            label = ".".join(part for part in (self.name, node.target) if part)
            if len(args) != 1 or kwargs:
                raise self._unknown(node)
            return self.reader.run(inner, label, self._tensor(node, args[0]), keep)
        rule = self._rule(node)
        if rule is None:
            raise self._unknown(node)
        call = Call(self, node, keep)
        try:
            inspect.signature(rule).bind(call, *args, **kwargs)
        except TypeError as error:  # an argument that the rule does not know
            raise self._unknown(node) from error
        return rule(call, *args, **kwargs)

    def _rule(self, node: Any) -> Callable[..., Any] | None:
        if node.op == "call_function":
            return _functions().get(node.target)
        return METHODS.get(node.target) if node.op == "call_method" else None

    def _tensor(self, node: Any, value: Any) -> Value:
        if not isinstance(value, Value):
            raise self._unknown(node)
        return value

    def _unknown(self, node: Any) -> InvalidInputError:
        kind = getattr(node.target, "__name__", node.target)
        return InvalidInputError(
            explain(
                f"operations among {OPERATIONS}",
                f"operation {node.name!r} ({node.op} {kind}) in {_called(self.name, self.module)}",
                "",
                "pass the part of the model without it",
            )
        )


class Call:
    """A node being applied: what the rules below need beside their arguments."""

    def __init__(self, walk: Walk, node: Any, keep: Sequence[Value]) -> None:
        self.walk, self.node, self.keep = walk, node, keep
        self.builder = walk.reader.builder

    def tensor(self, value: Any) -> Value:
        """The argument, which must be a tensor."""
        return self.walk._tensor(self.node, value)

    def unknown(self) -> InvalidInputError:
        """The error that names this operation."""
        return self.walk._unknown(self.node)

    def overwrite(self, value: Value) -> None:
        """Refuse to overwrite a value that is used again."""
        if any(v.storage is value.storage for v in self.keep):
            raise self.unknown()


def _functions() -> dict[Any, Callable[..., Any]]:
    import torch
    from torch.nn import functional

    return {
        operator.add: _add,
        operator.iadd: _add_to,
        torch.add: _add,
        torch.relu: _relu,
        functional.relu: _relu,
        functional.leaky_relu: _leaky_relu,
        functional.dropout: _dropout,
        torch.flatten: _flatten,
        getattr: _attribute,
        operator.getitem: _item,
    }


def _add(call: Call, a: Any, b: Any) -> Value:
    x, y = call.tensor(a), call.tensor(b)
    if x.shape != y.shape:
        raise call.unknown()
    return call.builder.add(x, y)


def _add_to(call: Call, a: Any, b: Any) -> Value:
    call.overwrite(call.tensor(a))
    return _add(call, a, b)


def _relu(call: Call, input: Any, inplace: bool = False) -> Value:
    return _leaky_relu(call, input, 0.0, inplace)


def _leaky_relu(call: Call, input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    value = call.tensor(input)
    if inplace:
        call.overwrite(value)
    return call.builder.kink(value, as_activation((float(negative_slope), 1.0)), call.keep, call.node.name)


def _relu_in_place(call: Call, input: Any) -> Value:
    return _relu(call, input, inplace=True)


def _dropout(call: Call, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Value:
    if training and p > 0.0:
        raise call.unknown()
    return call.tensor(input)


def _flatten(call: Call, input: Any, start_dim: int = 0, end_dim: int = -1) -> Value:
    from relucvx.network.torch_layers import flattened

    value = call.tensor(input)
    shape = flattened(value.shape, start_dim, end_dim)
    if shape is None:
        raise call.unknown()
    return value.viewed(shape)


def _reshape(call: Call, input: Any, *shape: Any) -> Value:
    value = call.tensor(input)
    entries = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else list(shape)
    first, rest = (entries[0], entries[1:]) if entries else (None, [])
    if first not in (BATCH, -1) or any(not isinstance(n, int) for n in rest):
        raise call.unknown()
    if -1 in rest and first == BATCH:
        known = -math.prod(rest)
        rest[rest.index(-1)] = value.width // max(known, 1)
    if math.prod(rest) != value.width or min(rest, default=1) < 1:
        raise call.unknown()
    return value.viewed(tuple(rest))


def _size(call: Call, input: Any, dim: int | None = None) -> Any:
    shape = (BATCH, *call.tensor(input).shape)
    return shape if dim is None else _item(call, shape, dim)


def _attribute(call: Call, owner: Any, name: str) -> Any:
    if name != "shape":
        raise call.unknown()
    return _size(call, owner)


def _item(call: Call, owner: Any, index: Any) -> Any:
    known = isinstance(owner, tuple) and isinstance(index, (int, slice))
    if not known or (isinstance(index, int) and not -len(owner) <= index < len(owner)):
        raise call.unknown()
    return owner[index]


def _same(call: Call, input: Any) -> Value:
    return call.tensor(input)


METHODS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "add_": _add_to,
    "relu": _relu,
    "relu_": _relu_in_place,
    "flatten": _flatten,
    "view": _reshape,
    "reshape": _reshape,
    "contiguous": _same,
    "size": _size,
}


def first_layer(module: Any, name: str = "") -> Any:
    """The first layer that its input passes and that cares for the input's shape; None when there is none."""
    from torch import nn

    if type(module).forward is nn.Sequential.forward:
        found = (first_layer(child, f"{name}.{label}".strip(".")) for label, child in module._modules.items())
        return next((layer for layer in found if layer is not None), None)
    blind = (nn.ReLU, nn.LeakyReLU, nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
    from relucvx.network.torch_layers import readers

    if type(module).forward in readers():
        return None if isinstance(module, blind) else module
    return None if is_torchs_own(module) else _first_in_graph(module, name)


def is_torchs_own(module: Any) -> bool:
    """Whether a module's class comes with torch, so that its forward is no composition of layers worth tracing."""
    return type(module).__module__.startswith("torch.")


def _first_in_graph(module: Any, name: str) -> Any:
    for node in trace(module, name).nodes:
        found = first_layer(module.get_submodule(node.target)) if node.op == "call_module" else None
        if found is not None:
            return found
    return None


def agrees(module: Any, network: LayerList) -> None:
    """Compare what was read with the module itself at random inputs: tracing cannot see everything Python may do.

    Raises
    ------
    InvalidInputError
        When the two differ by more than the rounding of the module's own numbers.
    """
    import torch

    like = next(module.parameters(), torch.zeros(1, dtype=torch.float64))
    X = np.random.default_rng(0).standard_normal((4, network.n_features))
    tensor = torch.from_numpy(X).to(like).reshape(4, *network.input_shape)
    with torch.no_grad():
        expected = _values(module(tensor)).reshape(4, -1)
    found = network.outputs(_values(tensor).reshape(4, -1))
    allowed = math.sqrt(torch.finfo(like.dtype).eps)
    if found.shape != expected.shape or np.abs(found - expected).max() > allowed * max(np.abs(expected).max(), 1e-300):
        raise InvalidInputError(
            explain(
                "a module that torch.fx traces faithfully",
                f"{type(module).__name__}, whose outputs differ from those of its graph",
                "an in-place operation, or a forward that depends on more than its input",
                "pass the part of the model with a plain structure",
            )
        )


def _called(name: str, module: Any) -> str:
    return f"layer {name or 'the module itself'!r} of type {type(module).__name__}"
