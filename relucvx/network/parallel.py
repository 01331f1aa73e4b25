"""Three layers in parallel as a value: branches of two inner neurons each, which share nothing but the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.network.deep import DeepNetwork
from relucvx.network.modules import is_torch_module
from relucvx.network.two_layer import as_bias_vector, as_numbers, as_samples
from relucvx.types import ACTIVATIONS, Array, ArrayLike, Result, freeze

INNER = 2
"""Inner neurons of a branch."""


@dataclass(frozen=True, repr=False)
class ParallelReLU(Result):
    r"""Network of parallel branches, f(x) = sum_k v_k relu(sum_j s_kj relu(<u_kj, x> + b_kj)) + b_out, immutable.

    Each of the K branches has two inner neurons, j = 1, 2, and one outer one.

    Parameters
    ----------
    weights_in : array_like of shape (K, 2, d)
        The vectors u_kj. ``K = 0`` is allowed.
    weights_mid : array_like of shape (K, 2)
        The weights s_kj of the inner neurons.
    weights_out : array_like of shape (K,)
        The weights v_k of the branches.
    bias_in : array_like of shape (K, 2), optional
        The biases b_kj.
    bias_out : float or array_like of shape (1,), optional

    Raises
    ------
    InvalidInputError
        For shapes that do not fit together and non-finite entries.

    Notes
    -----
    Source: [ergen-pilanci-2023].
    Status: theorem (a definition; nothing is approximated).

    Examples
    --------
    >>> import relucvx as rx
    >>> tent = rx.ParallelReLU([[[1.0], [2.0]]], [[1.0, -1.0]], [3.0], bias_in=[[0.0, -2.0]])
    >>> tent.predict([[0.5], [1.0], [1.5], [2.0]]).tolist()  # 3 relu(relu(x) - relu(2x - 2))
    [1.5, 3.0, 1.5, 0.0]
    """

    weights_in: Array
    weights_mid: Array
    weights_out: Array
    bias_in: Array | None = None
    bias_out: Array | None = None

    def __post_init__(self) -> None:
        u, s = as_numbers(self.weights_in, "weights_in"), as_numbers(self.weights_mid, "weights_mid")
        v = as_numbers(self.weights_out, "weights_out")
        k = len(u) if u.ndim else 0
        if u.ndim != 3 or s.shape != u.shape[:2] or v.shape != (k,) or u.shape[1:2] != (INNER,) or u.shape[2] == 0:
            raise InvalidInputError(
                explain(
                    "weights_in of shape (K, 2, d), weights_mid of shape (K, 2) and weights_out of shape (K,)",
                    f"shapes {np.shape(self.weights_in)}, {np.shape(self.weights_mid)} and {np.shape(self.weights_out)}",
                    "branches of another size than two inner neurons",
                )
            )
        object.__setattr__(self, "weights_in", freeze(u))
        object.__setattr__(self, "weights_mid", freeze(s))
        object.__setattr__(self, "weights_out", freeze(v))
        if self.bias_in is not None:
            b = as_numbers(self.bias_in, "bias_in")
            if b.shape != s.shape:
                raise InvalidInputError(
                    explain(f"bias_in of shape {s.shape}, one per inner neuron", f"shape {b.shape}")
                )
            object.__setattr__(self, "bias_in", freeze(b))
        out = None if self.bias_out is None else np.atleast_1d(as_numbers(self.bias_out, "bias_out"))
        object.__setattr__(self, "bias_out", as_bias_vector(out, "bias_out", 1, "one output"))

    @classmethod
    def from_torch(cls, module: Any, input_shape: int | Sequence[int] | None = None) -> ParallelReLU:
        """Read a torch module of three linear layers with ReLU between them, whose outer neurons have two inputs at most each.

        Parameters
        ----------
        module : torch.nn.Module
            As :meth:`DeepNetwork.from_torch` reads it.
        input_shape : int or sequence of int, optional
            Shape of one input, where the module does not fix it.

        Raises
        ------
        InvalidInputError
            For any other structure; a module with dense inner layers is no set of branches.

        Notes
        -----
        Source: [relucvx].
        Status: theorem (the same function; rounding only).
        """
        return branches_of(DeepNetwork.from_torch(module, input_shape))

    @property
    def n_branches(self) -> int:
        """Number K of branches."""
        return int(self.weights_in.shape[0])

    @property
    def n_features(self) -> int:
        """Number d of features."""
        return int(self.weights_in.shape[2])

    @property
    def lifted_in(self) -> Array:
        """Inner vectors in augmented coordinates, (K, 2, d), or (K, 2, d + 1) with biases."""
        if self.bias_in is None:
            return self.weights_in
        return np.concatenate([self.weights_in, self.bias_in[:, :, None]], axis=2)

    def hidden(self, X: ArrayLike) -> Array:
        """Activities (n, K) of the branches."""
        Z = np.einsum("nd,kjd->nkj", as_samples(X, self.n_features), self.weights_in)
        if self.bias_in is not None:
            Z = Z + self.bias_in
        return np.maximum((np.maximum(Z, 0.0) * self.weights_mid).sum(axis=2), 0.0)

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network, of shape (n,)."""
        out = self.hidden(X) @ self.weights_out
        return out if self.bias_out is None else out + self.bias_out[0]

    def path_norms(self) -> Array:
        """Cost of each branch, ``|v_k| sqrt(Σ_j s_kj² (||u_kj||² + b_kj²))``: shape (K,), the same for every rescaling."""
        inner = (self.lifted_in**2).sum(axis=2)
        return np.asarray(np.abs(self.weights_out) * np.sqrt((self.weights_mid**2 * inner).sum(axis=1)))

    def to_deep(self) -> DeepNetwork:
        """The same function as a DeepNetwork of three matrices, the second one sparse; its ``to_torch`` goes on."""
        k, d = self.n_branches, self.n_features
        mid = np.zeros((k, INNER, k))
        mid[np.arange(k), :, np.arange(k)] = self.weights_mid
        first = self.weights_in.reshape(k * INNER, d).T
        biases = (None if self.bias_in is None else self.bias_in.ravel(), None, self.bias_out)
        return DeepNetwork((first, mid.reshape(k * INNER, k), self.weights_out[:, None]), biases, scalar_output=True)

    def __repr__(self) -> str:
        biases = "".join(f", {name}" for name in ("bias_in", "bias_out") if getattr(self, name) is not None)
        return f"ParallelReLU({self.n_features} -> {self.n_branches} branches of {INNER} -> 1{biases})"


def as_parallel(network: Any) -> ParallelReLU:
    """A network of branches: itself, or a DeepNetwork or torch module of that shape.

    Raises
    ------
    InvalidInputError
        For anything else.

    Notes
    -----
    Source: [relucvx]. Status: theorem (the same function; rounding only).

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.network.parallel import as_parallel
    >>> as_parallel(rx.DeepNetwork([[[1.0, 2.0]], [[1.0], [-1.0]], [[3.0]]])).path_norms().round(3).tolist()
    [6.708]
    """
    if isinstance(network, ParallelReLU):
        return network
    if isinstance(network, DeepNetwork):
        return branches_of(network)
    if is_torch_module(network):
        return ParallelReLU.from_torch(network)
    raise InvalidInputError(
        explain("a ParallelReLU, DeepNetwork or torch module", type(network).__name__, "", "relucvx.ParallelReLU(...)")
    )


def branches_of(network: DeepNetwork) -> ParallelReLU:
    """The branches of a deep network of three matrices, one for each outer neuron.

    An inner neuron that feeds several outer ones is a neuron of each of them: as functions these are the same, and the path
    norm counts paths.

    Raises
    ------
    InvalidInputError
        When it has another depth, several outputs, another activation, biases in the middle, or an outer neuron of more than
        two inputs.

    Notes
    -----
    Source: [relucvx]. Status: theorem (the same function).

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.network.parallel import branches_of
    >>> branches_of(rx.DeepNetwork([[[1.0, -1.0]], [[1.0], [1.0]], [[3.0]]])).n_branches
    1
    """
    wanted = "three layers, ReLU between them, one output, and at most two inner neurons behind each outer one"
    if network.depth != 3 or network.n_outputs != 1 or network.activation != ACTIVATIONS["relu"]:
        raise InvalidInputError(
            explain(
                wanted, f"{network!r}", "plain three-layer networks have no certificate", "relucvx.ParallelReLU(...)"
            )
        )
    first, mid, last = network.weights
    biases = network.biases or (None, None, None)
    if biases[1] is not None and biases[1].any():
        raise InvalidInputError(explain(wanted, "biases of the outer neurons", "", "bias=False in the second layer"))
    fan = (mid != 0).sum(axis=0)
    if len(fan) and fan.max() > INNER:
        k = int(fan.argmax())
        raise InvalidInputError(
            explain(
                wanted, f"{fan[k]} inner neurons behind outer neuron {k}", "a dense second layer, no parallel branches"
            )
        )
    count = mid.shape[1]
    u, s, b = np.zeros((count, INNER, first.shape[0])), np.zeros((count, INNER)), np.zeros((count, INNER))
    for k in range(count):
        for j, m in enumerate(np.flatnonzero(mid[:, k])):
            u[k, j], s[k, j] = first[:, m], mid[m, k]
            b[k, j] = 0.0 if biases[0] is None else biases[0][m]
    return ParallelReLU(u, s, last[:, 0], None if biases[0] is None else b, biases[2])
