"""Conversion between :class:`TwoLayerReLU` and torch modules; torch is imported only when a module is at hand."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relucvx.conversion import as_path
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.layers import LayerList
from relucvx.network.modules import is_torch_module
from relucvx.network.pooled import PooledReLU
from relucvx.network.sklearn_reading import from_sklearn, is_sklearn_mlp
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.network.unfolding import as_pair
from relucvx.results import write_state
from relucvx.types import Activation, as_activation
from relucvx.validation import as_numpy

ACCEPTED = "a torch module that is Linear, ReLU or LeakyReLU, Linear"


def from_torch(module: Any, input_shape: int | Sequence[int] | None = None) -> TwoLayerReLU:
    """Read a two-layer torch module as a :class:`TwoLayerReLU`, exactly, in float64.

    Parameters
    ----------
    module : torch.nn.Module
        Any module that :func:`relucvx.network.read_layers` reads and that is a linear layer, one piecewise-linear
        activation and a linear layer: a Sequential, a class of one's own with ``F.relu``, a compiled or wrapped one.
        BatchNorm in eval mode and multiples are folded into the weights. Any dtype and device; biases are optional.
        Parametrised weights are read at their current effective value.
    input_shape : int or sequence of int, optional
        Shape of one input, where the module does not fix it.

    Returns
    -------
    TwoLayerReLU
        With ``weights_in (m, d)``, ``weights_out (m, c)``; ``predict`` returns (n, c) as the module does.

    Raises
    ------
    InvalidInputError
        For anything that is not a torch module, any other structure (the first offending layer or operation is named),
        a layer in training mode that differs there, uninitialised parameters, forward hooks.

    Notes
    -----
    The function is the module's; where layers are folded or a convolution is written out, the norms of the weights are
    those of the result and not of the module's own parameters.

    Source: [relucvx].
    Status: theorem (the same function; rounding only).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> rx.from_torch(module)
    TwoLayerReLU(2 -> 3 -> 1, relu, bias_in, bias_out)
    """
    if not is_torch_module(module):
        raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
    return _read_two_layers(module, input_shape, None)


def _read_two_layers(module: Any, input_shape: int | Sequence[int] | None, like: Any) -> TwoLayerReLU:
    """A torch module as a two-layer network; inputs at hand say what it does not fix."""
    from relucvx.network.torch.reading import read_stages

    at_hand = None if like is None else as_numpy(like, "X")
    return two_layers(read_stages(module, input_shape, at_hand), type(module).__name__)


def two_layers(network: LayerList, name: str) -> TwoLayerReLU:
    """A network that was read, as one of two layers.

    Raises
    ------
    InvalidInputError
        When it has another number of activations, ends with one, or something passes its activation by.
    """
    wanted = "a two-layer network: a linear layer, one activation, a linear layer"
    depth = len(network.hidden)
    # one kink makes one hidden layer: clamps and max-pooling make several, an affine map has none
    if depth != 1:
        names = ", ".join(repr(layer.name) for layer in network.hidden)
        received = f"{name} with {depth} activations ({names})" if depth else f"{name} without an activation"
        raise InvalidInputError(
            explain(
                wanted,
                received,
                "a deeper network, or an activation that takes several kinks" if depth else "an affine map",
                "metrics.profile, metrics.folding and DeepNetwork.from_torch take networks of any depth"
                if depth
                else "nn.Sequential(nn.Linear(d, m), nn.ReLU(), nn.Linear(m, c))",
            )
        )
    (hidden,) = network.hidden
    network.check_weighted(name)
    if network.head is None:
        raise InvalidInputError(
            explain(wanted, f"{name}, which ends with its activation {hidden.name!r}", "", "nn.Linear(m, c) behind it")
        )
    # columns without a kink carry what passes the activation by, for which two matrices have no place
    if hidden.map.width > hidden.n_kinked:
        raise InvalidInputError(
            explain(
                wanted,
                f"{name}, where {hidden.map.width - hidden.n_kinked} values pass the activation {hidden.name!r} by",
                "a skip connection",
                "pass the part of the model without it",
            )
        )
    # biases that no layer has stay None: zeros would be parameters that the module does not have
    first, last = hidden.map, network.head
    return TwoLayerReLU(
        first.dense.T,
        last.dense,
        bias_in=first.bias if first.biased else None,
        bias_out=last.bias if last.biased else None,
        activation=hidden.phi,
    )


def to_torch(
    net: TwoLayerReLU | PooledReLU,
    *,
    size: int | Sequence[int] | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
) -> Any:
    """The network as ``torch.nn.Sequential(Linear, ReLU or LeakyReLU, Linear)`` in float64 on the CPU.

    A :class:`PooledReLU` on patches becomes ``Conv2d, ReLU or LeakyReLU, AdaptiveAvgPool2d(1) or none, Flatten, Linear``.

    Parameters
    ----------
    net : TwoLayerReLU or PooledReLU
    size, stride, padding : int or pair of int
        Of the patches that a pooled network is for, as in :func:`relucvx.patches`.

    Raises
    ------
    InvalidInputError
        When net is no network, or the size of the patches of a pooled one is missing or does not fit.
    UnsupportedError
        When the activation's positive slope is not 1, or the pooling is neither "mean" nor "flatten": torch has no layer for
        it.

    Notes
    -----
    ``abs`` and ``linear`` are LeakyReLU with negative slope -1 and 1. torch's random state is left untouched.

    Source: [relucvx].
    Status: theorem (the same function; rounding only).

    Examples
    --------
    >>> import torch
    >>> import relucvx as rx
    >>> module = rx.to_torch(rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0]))
    >>> module(torch.tensor([[-2.0], [3.0]], dtype=torch.float64)).flatten().tolist()
    [2.0, 3.0]
    """
    if not isinstance(net, (TwoLayerReLU, PooledReLU)):
        raise InvalidInputError(explain("a TwoLayerReLU or PooledReLU", type(net).__name__))
    phi = net.activation
    if phi.slope_pos != 1.0:
        raise UnsupportedError(
            explain(
                "an activation with positive slope 1 (ReLU or LeakyReLU in torch)",
                f"{phi.name} with slopes ({phi.slope_neg:g}, {phi.slope_pos:g})",
                "",
                "divide both slopes by slope_pos and multiply weights_out by it",
            )
        )
    if isinstance(net, PooledReLU):
        if size is None:
            raise InvalidInputError(explain("the size of the patches", "none", "", "to_torch(network, size=3)"))
        from relucvx.network.torch.convolution import convolutional

        return convolutional(
            net, as_pair(size, "size", 1), as_pair(stride, "stride", 1), as_pair(padding, "padding", 0)
        )
    from relucvx.network.torch.writing import sequential

    return sequential([(net.weights_in, net.bias_in), (net.weights_out.T, net.bias_out)], phi)


def save_state_dict(net: TwoLayerReLU, path: str | os.PathLike[str]) -> Path:
    """Write a network's weights as the state dict of a torch module, for whoever has torch and not this package.

    ``0.weight`` (m, d), ``0.bias`` (m,), ``2.weight`` (c, m) and ``2.bias`` (c,), in float64; biases only where the network has
    them: what ``torch.nn.Sequential(Linear(d, m), ReLU(), Linear(m, c))`` loads. Plain arrays need no call: they are the
    attributes of the network.

    Parameters
    ----------
    net : TwoLayerReLU
    path : str or path
        Of the file, by custom ending in ``.pt``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataFileError
        When the file cannot be written.
    InvalidInputError, UnsupportedError
        As :func:`to_torch`.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the numbers are stored exactly).

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import relucvx as rx
    >>> from relucvx.network import save_state_dict
    >>> net = rx.TwoLayerReLU([[1.0], [-1.0]], [1.0, 1.0])
    >>> module = torch.nn.Sequential(
    ...     torch.nn.Linear(1, 2, bias=False), torch.nn.ReLU(), torch.nn.Linear(2, 1, bias=False)
    ... ).double()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     state = torch.load(save_state_dict(net, f"{folder}/net.pt"))
    ...
    >>> module.load_state_dict(state)
    <All keys matched successfully>
    >>> module(torch.tensor([[-2.0]], dtype=torch.float64)).item()
    2.0
    """
    return write_state(as_path(path, "path"), to_torch(net).state_dict())


def as_network(
    obj: Any, activation: str | tuple[float, float] | Activation | None = None, *, like: Any = None
) -> TwoLayerReLU | PooledReLU:
    """Accept a network of ours, a two-layer torch module or an MLP of scikit-learn, which are imported for nothing else.

    Parameters
    ----------
    obj : TwoLayerReLU, PooledReLU, torch.nn.Module, MLPClassifier, MLPRegressor or a fitted estimator of ours
        The network.
    activation : str, pair of slopes or Activation, optional
        The activation the network must have, e.g. the problem's.
    like : array of shape (n, d), optional
        Inputs at hand: they say how many inputs a module takes that does not fix it.

    Raises
    ------
    InvalidInputError
        For any other object, a module of another structure, or another activation than asked for.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same function; rounding only).

    Examples
    --------
    >>> import torch
    >>> from relucvx.network import as_network
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> as_network(module).width
    3
    """
    net: TwoLayerReLU | PooledReLU
    if isinstance(obj, (TwoLayerReLU, PooledReLU)):
        net = obj
    elif is_torch_module(obj):
        net = _read_two_layers(obj, None, like)
    elif is_sklearn_mlp(obj):
        net = from_sklearn(obj)
    elif isinstance(getattr(obj, "network_", None), TwoLayerReLU):
        net = obj.network_  # a fitted estimator of ours
    else:
        raise InvalidInputError(
            explain(
                f"a TwoLayerReLU or {ACCEPTED}",
                f"{type(obj).__module__}.{type(obj).__qualname__}",
                "",
                "TwoLayerReLU(weights_in, weights_out)",
            )
        )
    wanted = net.activation if activation is None else as_activation(activation)
    # slopes decide, as one activation may go by several names
    if (wanted.slope_neg, wanted.slope_pos) != (net.activation.slope_neg, net.activation.slope_pos):
        raise InvalidInputError(
            explain(
                f"a network with activation {wanted.name} (slopes {wanted.slope_neg:g}, {wanted.slope_pos:g})",
                f"{net.activation.name} (slopes {net.activation.slope_neg:g}, {net.activation.slope_pos:g})",
                "the network was built for another activation than the problem",
                f"activation={net.activation.name!r} in the problem",
            )
        )
    return net
