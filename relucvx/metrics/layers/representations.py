"""The layers of a network or of a recording as matrices with one row per sample."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import as_list, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.network import DeepNetwork, TwoLayerReLU, is_torch_module
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_count, as_flat_matrix, as_matrix

if TYPE_CHECKING:
    from relucvx.metrics.layers.hooks import Hooked, Site

ACCEPTED = "a torch.nn.Module, TwoLayerReLU, DeepNetwork, or recorded layers (a list or dict of arrays (n, p))"

SAME_OUTPUTS = 1e-4
"""Largest difference, relative to the largest output, of outputs that count as the same: float32 passes."""

WIDEST_HEAD = 1024
"""Layers up to this width are tried for an affine map behind them, one forward pass per unit vector."""

Rest = Callable[[Array], Array]
"""The part of a network behind a layer: points (m, p) to outputs (m, c)."""

Head = tuple[Array, Array]
"""Weights (p, c) and bias (c,) of an affine map."""

TRIED = 64
"""Samples on which it is tried whether a layer decides the output: a connection that passes it by shows on each."""


@dataclass(frozen=True, eq=False)
class Representation:
    """One layer of one network at n samples.

    Attributes
    ----------
    name : str
        What the layer is called.
    Z : ndarray of shape (n, p)
        Its values.
    find_rest, find_head : callable or None
        Find ``rest`` and ``head`` when these are first asked for: that takes forward passes.
    """

    name: str
    Z: Array
    find_rest: Callable[[], Rest | None] | None = field(default=None, repr=False)
    find_head: Callable[[], Head | None] | None = field(default=None, repr=False)

    @cached_property
    def rest(self) -> Rest | None:
        """The network behind the layer; None where the layer alone does not decide the output, or nothing is known."""
        return None if self.find_rest is None else self.find_rest()

    @cached_property
    def head(self) -> Head | None:
        """Weights (p, c) and bias (c,), where the network behind the layer is one affine map."""
        return None if self.find_head is None else self.find_head()


@dataclass(frozen=True)
class Recording:
    """The hidden layers of a network, its outputs (n, c) and its input; None for what a recording does not have.

    ``input_shape`` is that of one sample before it was flattened.
    """

    layers: tuple[Representation, ...]
    outputs: Array | None
    input: Representation | None = None
    network: Any = field(default=None, repr=False)
    input_shape: tuple[int, ...] = ()


def layer_activations(
    module: Any, X: ArrayLike | None = None, layers: Sequence[str] | None = None, *, batch_size: int = 1024
) -> dict[str, Array]:
    """Values of the hidden layers of a network at given inputs, one matrix (n, p) per layer.

    Parameters
    ----------
    module : torch.nn.Module, TwoLayerReLU, DeepNetwork, anything with such a ``network``, or recorded layers
        Recorded layers are a sequence or a dict of arrays (n, ...), passed through after checks.
    X : array_like or tensor of shape (n, ...), optional
        Inputs; not needed, and not used, for recorded layers.
    layers : sequence of str, optional
        Names to record. Torch: dotted names as in ``named_modules()``, of submodules of any kind, and of functions called
        in them (``"block.relu()"``); default every layer behind which values bend, whether a module (ReLU, an activation
        of one's own, LayerNorm, attention, LSTM, pooling) or a function (``F.relu``, ``x.abs()``), or every leaf where a
        module is linear. Networks of this package: "hidden 0", "hidden 1", ... behind the activation.
    batch_size : int, default 1024
        Samples per forward pass of a torch module.

    Returns
    -------
    dict of str to ndarray (n, p), float64
        In the order in which the layers run; values of any shape are flattened, and of several values that a layer
        returns the first tensor is taken. A torch module or function that runs several times appears once per call, as
        "relu (call 1)", "relu (call 2)", or under its own names where it has as many.

    Raises
    ------
    InvalidInputError
        For an object of another kind, a layer that is unknown, did not run, returns nothing with a row per sample, or
        is not finite (each named), and inputs that do not fit.

    Warns
    -----
    RuntimeWarning
        When the default has to leave out a nonlinear layer, because its values are not one row per sample; it is named.

    Notes
    -----
    Torch modules run in eval mode without gradients on the device they are on; modes, hooks and inputs are afterwards as
    before. Inputs take the module's dtype; integers stay integers where the module has an embedding, as its indices.
    Compiled modules are run as they were written. The default comes from two passes over at most three samples, in which
    every function that meets the data is tried at random values: it bends where f(p) + f(q) is not 2 f((p + q)/2). Steps
    that only feed other steps of the same formula (the scores in attention, a product) are not listed.

    Source: [relucvx].
    Status: theorem (values as computed; nothing is approximated).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> {name: Z.shape for name, Z in rx.metrics.layer_activations(net, [[1.0, 2.0], [3.0, 4.0]]).items()}
    {'1': (2, 3)}
    """
    return {layer.name: layer.Z for layer in record(module, X, layers, batch_size=batch_size).layers}


def record(module: Any, X: Any, layers: Sequence[str] | None = None, *, batch_size: int = 1024) -> Recording:
    """As :func:`layer_activations`, with the outputs, the input as a layer, and what follows each layer."""
    batch_size = as_count(batch_size, "batch_size")
    if isinstance(layers, str):
        layers = [layers]
    # a result carries the network it is about; a torch module may call one of its own parts so
    if not is_torch_module(module):
        module = getattr(module, "network", module)
    if isinstance(module, TwoLayerReLU):
        module = DeepNetwork.from_two_layer(module)
    recorded = isinstance(module, (Mapping, list, tuple))
    if X is None and not recorded and (is_torch_module(module) or isinstance(module, DeepNetwork)):
        raise InvalidInputError(explain("inputs X of shape (n, d)", "None", "only recorded layers need no inputs"))
    if isinstance(module, DeepNetwork):
        return _of_deep(module, X, layers)
    if is_torch_module(module):
        return _of_torch(module, X, layers, batch_size)
    if recorded:
        return _of_arrays(module, X, layers)
    raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))


def _of_deep(net: DeepNetwork, X: Any, layers: Sequence[str] | None) -> Recording:
    X = as_matrix(X, "X")
    hidden = [as_matrix(H, f"layer 'hidden {k}'") for k, H in enumerate(net.hidden(X))]
    outputs = as_matrix(net.predict(X), "the output", allow_vector=True)
    found = [_of_part(net, k, f"hidden {k}", H) for k, H in enumerate(hidden)]
    return Recording(_select(found, layers), outputs, _of_part(net, -1, "input", X), net, X.shape[1:])


def _of_part(net: DeepNetwork, position: int, name: str, Z: Array) -> Representation:
    weights = net.weights[position + 1 :]
    biases = None if net.biases is None else net.biases[position + 1 :]
    behind = DeepNetwork(weights, biases, net.activation)
    last = None if biases is None else biases[-1]
    # with one map left what follows is affine: the head
    head = (weights[0], np.zeros(net.n_outputs) if last is None else last) if len(weights) == 1 else None
    return Representation(name, Z, lambda: behind.predict, lambda: head)


def _of_torch(module: Any, X: Any, layers: Sequence[str] | None, batch_size: int) -> Recording:
    from relucvx.metrics.layers.hooks import Hooked

    hooked = Hooked(module, X, batch_size)
    found = hooked.record(layers)
    outputs = found.outputs
    missed = ", ".join(found.missed)
    if outputs is None and not found.sites:
        raise InvalidInputError(
            explain(
                "layers to record, or an output that is one tensor with a row per sample",
                f"a {type(module).__name__} with neither{f'; without a row per sample: {missed}' if missed else ''}",
                "a recurrent layer on its own returns several values",
                "its states as arrays: {'states': module(X)[0].detach()}",
            )
        )
    if missed and (hooked.bends.keys or hooked.bends.unseen):
        warnings.warn(
            f"nonlinear layers without values for each sample are left out: {missed}; layers=[...] chooses others, "
            "and a dict of arrays stands for layers of any kind",
            RuntimeWarning,
            stacklevel=4,
        )
    # one pass for all that is asked of the last Linear layer, and none unless it is
    read = cache(hooked.head_input)
    parts = []
    for site, Z in zip(found.sites, found.values, strict=True):
        # the rest of a layer is known only if its values decide the output, a head only if it reads just them
        part = Representation(
            site.name, Z, partial(_rest, hooked, site, Z, outputs), partial(_head_behind, Z, read, outputs)
        )
        parts.append(part)
    if parts:  # what follows the last layer may be no Linear module alone, but a map all the same
        last = parts[-1]
        parts[-1] = replace(last, find_head=lambda: last.head or _affine_rest(last, outputs))
    flat = as_matrix(hooked.X.reshape(len(hooked.X), -1).double(), "X")
    rest = None if outputs is None or not hooked.real else hooked.outputs_at  # nothing lies between two indices
    first = Representation("input", flat, lambda: rest, lambda: _head_behind(flat, read, outputs))
    return Recording(tuple(parts), outputs, first, module, tuple(hooked.X.shape[1:]))


def _rest(hooked: Hooked, site: Site, Z: Array, outputs: Array | None) -> Rest | None:
    """The module behind a call, when the values there decide the output.

    They do not where a skip connection passes by. So the same values are presented with the inputs of other samples: the
    outputs must stay as they are. Some samples are tried.
    """
    if outputs is None:
        return None
    rows = np.unique(np.linspace(0, len(Z) - 1, TRIED).astype(np.intp))
    again = hooked.outputs_from(site, Z[rows], shift=max(1, len(Z) // 2))
    scale = float(np.abs(outputs).max())
    if again.shape != outputs[rows].shape or float(np.abs(again - outputs[rows]).max()) > SAME_OUTPUTS * scale:
        return None
    return lambda points: hooked.outputs_from(site, points)


def _affine_rest(layer: Representation, outputs: Array | None) -> tuple[Array, Array] | None:
    """Weights and bias of what follows a layer, when that is affine; from what it does to unit vectors."""
    width = layer.Z.shape[1]
    if layer.rest is None or outputs is None or width > WIDEST_HEAD:
        return None
    images = layer.rest(np.vstack([np.zeros((1, width)), np.eye(width)]))
    bias, weights = images[0], images[1:] - images[0]
    # unit vectors define a map, whether there is one or not: it must also give the recorded outputs
    apart = float(np.abs(layer.Z @ weights + bias - outputs).max())
    return (weights, bias) if apart <= SAME_OUTPUTS * float(np.abs(outputs).max()) else None


def _head_behind(Z: Array, read: Callable[[], Any], outputs: Array | None) -> Head | None:
    """Weights and bias of the last Linear layer, when its input is what the layer holds."""
    found = None if outputs is None else read()
    if found is None:
        return None
    before, weights, bias = found
    part = Z[: len(before)]
    return (weights, bias) if part.shape == before.shape and np.array_equal(part, before) else None


def _of_arrays(given: Any, X: Any, layers: Sequence[str] | None) -> Recording:
    named = given.items() if isinstance(given, Mapping) else ((f"layer {k}", value) for k, value in enumerate(given))
    found = [Representation(str(name), as_flat_matrix(value, f"layer {str(name)!r}")) for name, value in named]
    if not found:
        raise InvalidInputError(explain("at least one recorded layer", "none", "an empty list or dict"))
    first = None if X is None else Representation("input", as_flat_matrix(X, "X"))
    n = len(found[0].Z if first is None else first.Z)
    for layer in found:
        if len(layer.Z) != n:
            raise InvalidInputError(
                explain(
                    f"layer {layer.name!r} with {n} rows, as many as {'the first layer' if first is None else 'X'}",
                    f"{len(layer.Z)} rows",
                    "one array was taken for a list of layers, or layers were recorded on other samples",
                    "[Z_1, Z_2, ...] with one row per sample each",
                )
            )
    return Recording(_select(found, layers), None, first)


def _select(found: list[Representation], layers: Sequence[str] | None) -> tuple[Representation, ...]:
    layers = None if layers is None else as_list(layers, "layers")
    unknown = [name for name in layers or () if not is_word(name, [layer.name for layer in found])]
    if unknown:
        known = ", ".join(repr(layer.name) for layer in found)
        raise InvalidInputError(explain(f"layers among {known}", ", ".join(repr(name) for name in unknown)))
    return tuple(layer for layer in found if layers is None or layer.name in layers)
