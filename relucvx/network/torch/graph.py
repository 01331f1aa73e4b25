"""Modules whose forward is not a Sequential's: traced by ``torch.fx`` and read operation by operation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import fx, jit, nn
from torch.fx import map_arg
from torch.fx.node import map_aggregate
from torch.nn import functional

from relucvx.errors import InvalidInputError, explain
from relucvx.network.assembly import Assembler, Value
from relucvx.network.layers import LayerList
from relucvx.network.torch.functions import METHODS, OPERATIONS, functions
from relucvx.network.torch.layers import DROPOUTS, readers
from relucvx.network.torch.modules import called, check_untouched, is_opaque, layer_by_layer, unwrapped, values, wrapped


class Reader(Protocol):
    """What reads the modules that a graph calls."""

    builder: Assembler
    smooth: bool

    def run(self, module: Any, name: str, value: Value, keep: Sequence[Value]) -> Value:
        """The value behind a module."""


def trace(module: Any, name: str) -> tuple[Any, Any]:
    """The graph of a module called with one input, and the module that it is of, where the given one is "inner".

    Raises
    ------
    InvalidInputError
        When its forward depends on the numbers that pass through, or has hooks.
    """
    # hooks and replaced forwards leave no trace in a graph; a wrapper only hands on to what is inside
    for label, inner in module.named_modules():
        if wrapped(inner) is None:
            check_untouched(inner, ".".join(part for part in (name, label) if part))

    class OneInput(nn.Module):
        """Calls the module as a user does: other arguments have their defaults, ``*args`` holds the input."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: Any, module_qualified_name: str) -> bool:
            # what has a reader stays one node, and so does a wrapper, inside of which the reader looks
            known = type(m).forward in readers() or wrapped(m) is not None or isinstance(m, jit.ScriptModule)
            return known or bool(super().is_leaf_module(m, module_qualified_name))

    # a forward that depends on values, or on Python that fx cannot follow, fails in any of these ways
    try:
        root = OneInput()
        return root, Tracer().trace(root)
    except (
        fx.proxy.TraceError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        NameError,
        NotImplementedError,
    ) as error:
        raise InvalidInputError(
            explain(
                f"a module whose forward is a fixed sequence of {OPERATIONS}",
                f"{called(name, module)}, which torch.fx cannot trace",
                str(error).splitlines()[0] if str(error) else "",
                "pass the part of the model with that structure",
            )
        ) from error


def run_graph(reader: Reader, module: Any, name: str, value: Value, keep: Sequence[Value]) -> Value:
    """The value behind a traced module; see :meth:`relucvx.network.torch.reading.Reader.run`.

    Raises
    ------
    InvalidInputError
        For an operation that is not known; the message names it.
    """
    root, graph = trace(module, name)
    return Walk(reader, module, root, name, keep).through(list(graph.nodes), value)


class Walk:
    """One pass over the nodes of a graph; the environment holds their values, or plain Python for shapes and weights."""

    def __init__(self, reader: Reader, module: Any, root: Any, name: str, keep: Sequence[Value]) -> None:
        self.reader, self.module, self.root, self.name, self.outer = reader, module, root, name, keep

    def through(self, nodes: list[Any], value: Value) -> Value:
        """The value of the output node."""
        environment: dict[Any, Any] = {}
        positions = {node: position for position, node in enumerate(nodes)}
        last_use = {node: max((positions[user] for user in node.users), default=-1) for node in nodes}
        for position, node in enumerate(nodes):
            if node.op == "output":
                return Call(self, node, ()).tensor(environment.get(node.args[0]))
            if node.op == "placeholder":
                environment[node] = value
                continue
            # values that a later node uses must survive the kinks of this one
            live = [v for n, v in environment.items() if isinstance(v, Value) and last_use[n] > position]
            environment[node] = self._apply(node, environment, [*self.outer, *live])
        raise AssertionError("a graph ends with its output")  # pragma: no cover

    def _apply(self, node: Any, environment: dict[Any, Any], keep: Sequence[Value]) -> Any:
        call = Call(self, node, keep)
        if node.op == "get_attr":
            return call.weight()
        args = map_arg(node.args, lambda n: environment[n])
        kwargs = map_arg(node.kwargs, lambda n: environment[n])
        if node.op == "call_module":
            inner = self.root.get_submodule(node.target)
            label = ".".join(part for part in (self.name, target(node)) if part)
            if len(args) != 1 or kwargs:
                raise call.unknown()
            return self.reader.run(inner, label, call.tensor(args[0]), keep)
        # numbers and weights alone: torch computes them, and they are weights again
        given = (*args, *kwargs.values())
        if any(isinstance(a, np.ndarray) for a in given) and not any(isinstance(a, Value) for a in given):
            return call.among_weights(args, kwargs)
        rule = self._rule(node)
        if rule is None:
            raise call.unknown()
        try:
            inspect.signature(rule).bind(call, *args, **kwargs)
        except TypeError as error:  # an argument that the rule does not know
            raise call.unknown() from error
        return rule(call, *args, **kwargs)

    def _rule(self, node: Any) -> Callable[..., Any] | None:
        if node.op == "call_function":
            return functions().get(node.target)
        return METHODS.get(node.target) if node.op == "call_method" else None


class Call:
    """A node being applied: what the rules need beside their arguments."""

    def __init__(self, walk: Walk, node: Any, keep: Sequence[Value]) -> None:
        self.walk, self.node, self.keep = walk, node, keep
        self.builder, self.smooth = walk.reader.builder, walk.reader.smooth

    @property
    def name(self) -> str:
        """The node's name."""
        return str(self.node.name).removeprefix("inner_")

    def tensor(self, value: Any) -> Value:
        """The argument, which must be a value of the network."""
        if not isinstance(value, Value):
            raise self.unknown()
        return value

    def run(self, module: Any, value: Value) -> Value:
        """The value behind a layer that this node stands for."""
        return self.walk.reader.run(module.eval(), self.name, value, self.keep)

    def weight(self) -> Any:
        """The numbers of a parameter or buffer."""
        owner = _attribute(self.walk.root, str(self.node.target))
        if not hasattr(owner, "detach"):
            raise self.unknown()
        return values(owner)

    def among_weights(self, args: Any, kwargs: Any) -> Any:
        """What the node makes of numbers and weights alone."""

        def there(a: Any) -> Any:
            return torch.from_numpy(a) if isinstance(a, np.ndarray) else a

        args, kwargs = map_aggregate(args, there), map_aggregate(kwargs, there)
        try:
            if self.node.op == "call_method":
                out = getattr(args[0], self.node.target)(*args[1:], **kwargs)
            else:
                out = self.node.target(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError) as error:
            raise self.unknown(str(error)) from error
        return values(out) if hasattr(out, "detach") else out

    def unknown(self, cause: str = "", fix: str = "") -> InvalidInputError:
        """The error that names this operation."""
        kind = getattr(self.node.target, "__name__", target(self.node))
        where = called(self.walk.name, self.walk.module)
        return InvalidInputError(
            explain(
                f"operations among {OPERATIONS}",
                f"operation {self.name!r} ({self.node.op} {kind}) in {where}",
                cause,
                fix or "pass the part of the model without it",
            )
        )


def first_layer(module: Any, name: str = "") -> Any:
    """The first layer that its input passes and that cares for the input's shape, or the number of its inputs where it
    is a product with a weight; None when there is none."""
    module = unwrapped(module)
    if type(module).forward is nn.Sequential.forward:
        found = (first_layer(child, f"{name}.{label}".strip(".")) for label, child in module._modules.items())
        return next((layer for layer in found if layer is not None), None)
    if isinstance(module, nn.Flatten):
        return None if module.start_dim == 1 else module
    pointwise = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.Hardtanh, nn.Identity)
    blind = (*pointwise, *(getattr(nn, kind) for kind in DROPOUTS), nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Softplus)
    if type(module).forward in readers():
        return None if isinstance(module, blind) else module
    return module if is_opaque(module) else _first_in_graph(module, name)


def _first_in_graph(module: Any, name: str) -> Any:
    root, graph = trace(module, name)
    for node in graph.nodes:
        if node.op == "call_module":
            found = first_layer(root.get_submodule(node.target))
            if found is not None:
                return found
        # a product with a parameter fixes the number of inputs as a layer does
        if node.op == "call_function" and node.target is functional.linear:
            weight = node.args[1] if len(node.args) > 1 else node.kwargs.get("weight")
            if getattr(weight, "op", "") == "get_attr":
                return int(_attribute(root, str(weight.target)).shape[1])
    return None


def target(node: Any) -> str:
    """What a node refers to, as the module that was traced calls it."""
    return str(node.target).removeprefix("inner.")


def _attribute(owner: Any, path: str) -> Any:
    for part in path.split("."):
        owner = getattr(owner, part)
    return owner


def agrees(module: Any, network: LayerList) -> None:
    """Compare what was read with the module itself at random inputs: tracing cannot see everything Python may do.

    Raises
    ------
    InvalidInputError
        When the two differ by more than the rounding of the module's own numbers.
    """
    like = next(module.parameters(), torch.zeros(1, dtype=torch.float64))
    X = np.random.default_rng(0).standard_normal((4, network.n_features))
    tensor = torch.from_numpy(X).to(like).reshape(4, *network.input_shape)
    with torch.no_grad(), layer_by_layer():
        expected = values(module(tensor.clone())).reshape(4, -1)
    found = network.outputs(values(tensor).reshape(4, -1))
    # half the digits of the precision in which the module computes
    allowed = math.sqrt(torch.finfo(like.dtype).eps)
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-300)
    if found.shape != expected.shape or not bool((np.abs(found - expected) <= allowed * scale).all()):
        raise InvalidInputError(
            explain(
                "a module that torch.fx traces faithfully",
                f"{type(module).__name__}, whose outputs differ from those of its graph",
                "an in-place operation, or a forward that depends on more than its input",
                "pass the part of the model with a plain structure",
            )
        )
