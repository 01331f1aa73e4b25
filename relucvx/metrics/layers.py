"""Piecewise-linear networks of any origin, read as a list of affine maps with one kink between every two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network import DeepNetwork, TwoLayerReLU, is_torch_module
from relucvx.network.convert import _flatten, _values
from relucvx.types import ACTIVATIONS, Activation, Array, as_activation
from relucvx.validation import as_matrix

ACCEPTED = (
    "a TwoLayerReLU, a DeepNetwork, or torch Sequentials (nested or not) of Linear, ReLU, LeakyReLU, Flatten, Identity "
    "and Dropout in eval mode"
)


@dataclass(frozen=True)
class Affine:
    """The map H -> H W + b on rows."""

    weight: Array
    bias: Array

    def __call__(self, H: Array) -> Array:
        return H @ self.weight + self.bias

    def then(self, other: Affine) -> Affine:
        """This map followed by another one."""
        return Affine(self.weight @ other.weight, self.bias @ other.weight + other.bias)


@dataclass(frozen=True)
class LayerList:
    """A network as hidden layers (affine map, activation) and an affine head.

    Attributes
    ----------
    hidden : tuple of (Affine, Activation)
        Layers with a kink, in order; their positions are what ``layers=`` arguments refer to.
    head : Affine or None
        The map behind the last kink; None when the network ends with an activation.
    n_features : int
        Size of the input.
    """

    hidden: tuple[tuple[Affine, Activation], ...]
    head: Affine | None
    n_features: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each hidden layer."""
        return tuple(int(map_.weight.shape[1]) for map_, _ in self.hidden)

    def preactivations(self, X: Array) -> list[Array]:
        """Preactivations of every hidden layer at the rows of X."""
        out = []
        for map_, phi in self.hidden:
            out.append(map_(X))
            X = phi(out[-1])
        return out

    def select(self, layers: int | Sequence[int] | None) -> tuple[int, ...]:
        """Positions of the hidden layers meant by an argument ``layers``, sorted; None means all.

        Raises
        ------
        InvalidInputError
            For a position outside the network.
        """
        depth = len(self.hidden)
        if layers is None:
            return tuple(range(depth))
        asked = [layers] if isinstance(layers, (int, np.integer)) else list(layers)
        for layer in asked:
            if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)) or not -depth <= layer < depth:
                raise InvalidInputError(
                    explain(
                        f"layers among the {depth} hidden layers (0 to {depth - 1}, or negative from the end)",
                        repr(layer),
                        "only layers with a kink count: a Linear map and the activation behind it are one layer",
                    )
                )
        return tuple(sorted({int(layer) % depth for layer in asked}))

    def point(self, x: Any, name: str) -> Array:
        """One input of the network as a vector; arrays of any shape are flattened.

        Raises
        ------
        InvalidInputError
            When the size is not that of the network's input.
        """
        x = x.detach().cpu().numpy() if hasattr(x, "detach") else np.asarray(x)
        flat = as_matrix(x.reshape(1, -1), name)[0]
        if len(flat) != self.n_features:
            raise InvalidInputError(
                explain(f"{name} with {self.n_features} entries, as many as the network has inputs", f"shape {x.shape}")
            )
        return flat


def read_layers(module: Any) -> LayerList:
    """Read a piecewise-linear network; nothing is skipped silently.

    Parameters
    ----------
    module : TwoLayerReLU, DeepNetwork, torch.nn.Module, or anything with a ``network`` that is one of these
        Torch layers accepted: Linear, ReLU, LeakyReLU, Flatten, Identity, and Dropout in eval mode.

    Raises
    ------
    InvalidInputError
        For any other object, activation or layer; the message names it.
    """
    module = getattr(module, "network", module)
    if isinstance(module, TwoLayerReLU):
        module = DeepNetwork.from_two_layer(module)
    if isinstance(module, DeepNetwork):
        return _assemble(_steps_of_deep(module))
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    return _assemble(_steps_of_torch(module))


def _steps_of_deep(net: DeepNetwork) -> list[Affine | Activation]:
    phi = net.activation
    if not isinstance(phi, Activation):
        raise InvalidInputError(
            explain(
                "a piecewise-linear activation",
                f"activation {phi.name!r}",
                "a smooth network has no linear regions",
                "relu, leaky_relu, abs or a pair of slopes",
            )
        )
    steps: list[Affine | Activation] = []
    for layer, weight in enumerate(net.weights):
        bias = None if net.biases is None else net.biases[layer]
        steps += [Affine(weight, np.zeros(weight.shape[1]) if bias is None else bias), phi]
    return steps[:-1]


def _steps_of_torch(module: Any) -> list[Affine | Activation]:
    from torch import nn

    steps: list[Affine | Activation] = []
    layers = _flatten(module, "")
    for name, layer in layers:
        forward = type(layer).forward
        if forward is nn.Linear.forward:
            bias = np.zeros(layer.out_features) if layer.bias is None else _values(layer.bias)
            steps.append(Affine(_values(layer.weight).T, bias))
        elif forward in (nn.ReLU.forward, nn.LeakyReLU.forward):
            steps.append(as_activation((float(getattr(layer, "negative_slope", 0.0)), 1.0)))
        elif not _passes_rows_on(layer):
            names = ", ".join(type(other).__name__ for _, other in layers)
            training = forward is nn.Dropout.forward
            raise InvalidInputError(
                explain(
                    ACCEPTED,
                    f"layer {name!r} of type {type(layer).__name__} (all layers: {names})",
                    "the module is in training mode" if training else "",
                    "module.eval()" if training else "pass the part of the model with that structure",
                )
            )
    return steps


def _passes_rows_on(layer: Any) -> bool:
    """Whether a torch layer leaves the rows of a matrix unchanged."""
    from torch import nn

    forward = type(layer).forward
    if forward is nn.Dropout.forward:
        return not layer.training or layer.p == 0.0
    if forward is nn.Flatten.forward:
        return bool(layer.start_dim == 1 and layer.end_dim == -1)
    return bool(forward is nn.Identity.forward)


def _assemble(steps: list[Affine | Activation]) -> LayerList:
    """Join affine maps without a kink between them; two kinks in a row get an identity in between."""
    hidden: list[tuple[Affine, Activation]] = []
    pending: Affine | None = None
    width: int | None = None
    n_features = 0
    for step in steps:
        if isinstance(step, Affine):
            n_features = n_features or int(step.weight.shape[0])
            pending = step if pending is None else pending.then(step)
            width = int(step.weight.shape[1])
            continue
        if width is None:
            raise InvalidInputError(
                explain(
                    "a Linear layer before the first activation",
                    f"activation {step.name!r} first",
                    "part of a model was cut out",
                    "start the Sequential with its Linear layer",
                )
            )
        if step == ACTIVATIONS["linear"] or step.hinge == 0.0:
            pending = _scaled(pending, step.slope_pos, width)
            continue
        hidden.append((pending or Affine(np.eye(width), np.zeros(width)), step))
        pending = None
    if width is None:
        raise InvalidInputError(explain("a network with at least one Linear layer", "none"))
    return LayerList(tuple(hidden), pending, n_features)


def _scaled(map_: Affine | None, factor: float, width: int) -> Affine | None:
    """The map followed by a multiplication, which is what an activation without a kink does."""
    if factor == 1.0:
        return map_
    map_ = map_ or Affine(np.eye(width), np.zeros(width))
    return Affine(factor * map_.weight, factor * map_.bias)
