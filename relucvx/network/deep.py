"""Networks of any depth as values: a tuple of weight matrices, optional biases, one activation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from relucvx.errors import InvalidInputError, explain
from relucvx.network.activations import SmoothActivation, resolve_activation
from relucvx.network.layers import LayerList
from relucvx.network.modules import is_torch_module
from relucvx.network.two_layer import TwoLayerReLU, as_bias_vector, as_numbers, as_samples
from relucvx.types import ACTIVATIONS, Activation, Array, ArrayLike, Result, freeze
from relucvx.validation import as_matrix

ACCEPTED = "a torch module of Linear layers with one kind of activation between them"


@dataclass(frozen=True, repr=False, eq=False)
class DeepNetwork(Result):
    r"""Deep network F = phi(... phi(X W_1 + b_1) ...) W_L + b_L, immutable.

    Rows are samples, so each weight matrix has shape (fan_in, fan_out): the transpose of torch's ``Linear.weight``.

    Parameters
    ----------
    weights : sequence of L array_like
        Matrices W_l of shape (fan_in, fan_out) that fit together; ``L >= 1``.
    biases : sequence of L array_like or None, optional
        One bias (fan_out,) or None per matrix; None alone means no bias anywhere.
    activation : Activation, SmoothActivation, str or pair of floats, default "relu"
        Applied after every matrix but the last; ``"linear"`` makes a deep linear network.
    scalar_output : bool, default False
        With one output, whether ``predict`` returns shape (n,) instead of (n, 1).

    Raises
    ------
    InvalidInputError
        For matrices or biases that do not fit together, and non-finite or non-real entries.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition; nothing is approximated).

    Examples
    --------
    >>> DeepNetwork(([[1.0], [-1.0]], [[2.0]], [[1.0]])).predict([[3.0, 1.0]])
    array([[4.]])
    """

    weights: tuple[Array, ...]
    biases: tuple[Array | None, ...] | None = None
    activation: Activation | SmoothActivation = field(default=ACTIVATIONS["relu"])
    scalar_output: bool = False

    def __post_init__(self) -> None:
        weights = _matrices(self.weights)
        object.__setattr__(self, "activation", resolve_activation(self.activation))
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "biases", _bias_tuple(self.biases, weights))
        object.__setattr__(self, "scalar_output", bool(self.scalar_output))
        if self.scalar_output and self.n_outputs != 1:
            raise InvalidInputError(
                explain("one output when scalar_output=True", f"{self.n_outputs} outputs", "", "scalar_output=False")
            )

    @classmethod
    def from_two_layer(cls, net: TwoLayerReLU) -> DeepNetwork:
        """The same function as a DeepNetwork with two matrices; Status: theorem (the same function)."""
        biases = None if net.bias_in is None and net.bias_out is None else (net.bias_in, net.bias_out)
        return cls((net.weights_in.T, net.weights_out), biases, net.activation, net.scalar_output)

    @classmethod
    def from_torch(cls, module: Any, input_shape: int | Sequence[int] | None = None) -> DeepNetwork:
        """Read a torch module exactly, in float64.

        Parameters
        ----------
        module : torch.nn.Module
            Linear layers with the same activation between every two of them: ReLU, LeakyReLU, Identity (or nothing at
            all: a deep linear network), Tanh, Sigmoid, Softplus, GELU or SiLU; in a Sequential or in any structure that
            :func:`relucvx.network.read_layers` reads, with whatever is affine folded into the matrices.
        input_shape : int or sequence of int, optional
            Shape of one input, where the module does not fix it.

        Raises
        ------
        InvalidInputError
            For any other structure (the first offending layer is named), mixed activations, hooks.

        Notes
        -----
        Source: [relucvx].
        Status: theorem (the same function; rounding only).
        """
        if not is_torch_module(module):
            raise InvalidInputError(explain(ACCEPTED, f"{type(module).__module__}.{type(module).__qualname__}"))
        from relucvx.network.torch.reading import read_stages

        return deep_network(read_stages(module, input_shape, smooth=True), type(module).__name__)

    @property
    def depth(self) -> int:
        """Number L of weight matrices."""
        return len(self.weights)

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes (d, m_1, ..., m_{L-1}, c) of all layers."""
        return (self.n_features, *(int(w.shape[1]) for w in self.weights))

    @property
    def n_features(self) -> int:
        """Number d of input features."""
        return int(self.weights[0].shape[0])

    @property
    def n_outputs(self) -> int:
        """Number c of outputs."""
        return int(self.weights[-1].shape[1])

    def hidden(self, X: ArrayLike) -> tuple[Array, ...]:
        """Post-activation representations H_1, ..., H_{L-1}, each (n, m_l).

        Raises
        ------
        InvalidInputError
            When X is not a finite real matrix with ``n_features`` columns.
        """
        out = as_samples(X, self.n_features)
        layers = []
        for layer in range(self.depth - 1):
            out = self.activation(self._affine(layer, out))
            layers.append(out)
        return tuple(layers)

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network, of shape (n, c), or (n,) when ``scalar_output``."""
        layers = self.hidden(X)
        out = self._affine(self.depth - 1, layers[-1] if layers else as_matrix(X, "X"))
        return out[:, 0] if self.scalar_output else out

    def to_torch(self) -> Any:
        """The network as ``torch.nn.Sequential(Linear, activation, ..., Linear)`` in float64 on the CPU.

        Raises
        ------
        UnsupportedError
            When torch has no layer for the activation (``erf``, ``relu_squared``, ``threshold``, positive slope not 1).

        Notes
        -----
        Source: [relucvx].
        Status: theorem (the same function; rounding only).
        """
        from relucvx.network.torch.writing import sequential

        return sequential([(W.T, self._bias(k)) for k, W in enumerate(self.weights)], self.activation)

    def _bias(self, layer: int) -> Array | None:
        return None if self.biases is None else self.biases[layer]

    def _affine(self, layer: int, H: Array) -> Array:
        out = H @ self.weights[layer]
        bias = self._bias(layer)
        return out if bias is None else out + bias

    def __repr__(self) -> str:
        sizes = " -> ".join(str(w) for w in self.widths)
        biases = "" if self.biases is None else ", biases"
        return f"DeepNetwork({sizes}, {self.activation.name}{biases})"


def _matrices(weights: Any) -> tuple[Array, ...]:
    if not isinstance(weights, (list, tuple)) or len(weights) == 0:
        raise InvalidInputError(
            explain(
                "weights to be a sequence of matrices (fan_in, fan_out)",
                f"{type(weights).__name__}",
                "one matrix instead of a sequence, or no matrix at all",
                "weights=(W_1, W_2)",
            )
        )
    out: list[Array] = []
    for k, weight in enumerate(weights):
        w = as_numbers(weight, f"weights[{k}]")
        fan_in = out[-1].shape[1] if out else None
        # a hidden layer may be empty; inputs and outputs may not
        if w.ndim != 2 or 0 in (w.shape[0] if k == 0 else 1, w.shape[-1] if k == len(weights) - 1 else 1):
            raise InvalidInputError(explain(f"weights[{k}] of shape (fan_in, fan_out)", f"shape {w.shape}"))
        if fan_in is not None and w.shape[0] != fan_in:
            raise InvalidInputError(
                explain(
                    f"weights[{k}] with {fan_in} rows, as many as weights[{k - 1}] has columns",
                    f"shape {w.shape}",
                    "torch stores (fan_out, fan_in)",
                    "pass the transpose",
                )
            )
        out.append(freeze(w))
    return tuple(out)


def _bias_tuple(biases: Any, weights: tuple[Array, ...]) -> tuple[Array | None, ...] | None:
    if biases is None:
        return None
    if not isinstance(biases, (list, tuple)) or len(biases) != len(weights):
        raise InvalidInputError(
            explain(
                f"biases to be None or a sequence of {len(weights)} vectors or Nones, one per matrix",
                f"{type(biases).__name__} of length {len(biases) if isinstance(biases, (list, tuple)) else 'none'}",
            )
        )
    pairs = zip(biases, weights, strict=True)
    out = tuple(
        as_bias_vector(b, f"biases[{k}]", w.shape[1], "one per column of its matrix") for k, (b, w) in enumerate(pairs)
    )
    # without a single bias there is one spelling only
    return None if all(b is None for b in out) else out


def deep_network(network: LayerList, name: str) -> DeepNetwork:
    """A network that was read, as matrices with one activation between every two.

    Raises
    ------
    InvalidInputError
        When its activations differ, it ends with one, or something passes them by.
    """
    wanted = "linear layers with one kind of activation between them"
    network.check_weighted(name)
    kinds: list[Activation | SmoothActivation] = list(dict.fromkeys(layer.phi for layer in network.hidden))
    if len(kinds) > 1:
        found = ", ".join(sorted(phi.name for phi in kinds))
        raise InvalidInputError(explain("the same activation in every layer", found, "mixed activations"))
    if network.head is None:
        ending = f"{name}, which ends with its activation" if network.hidden else f"{name} without layers"
        raise InvalidInputError(explain(f"{wanted}, ending with Linear", ending, "", "nn.Linear(m, c) behind it"))
    passed = next((layer.name for layer in network.hidden if layer.map.width > layer.n_kinked), None)
    if passed is not None:
        raise InvalidInputError(explain(wanted, f"{name}, where values pass activation {passed!r} by"))
    maps = [*(layer.map for layer in network.hidden), network.head]
    return DeepNetwork(
        tuple(map_.dense for map_ in maps),
        tuple(map_.bias if map_.biased else None for map_ in maps),
        kinds[0] if kinds else ACTIVATIONS["linear"],
    )
