"""The two-layer network on bags of rows as a value: convolutional, graph-pooled and recurrent-in-time ones are this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.conversion import as_flag, to_numpy
from relucvx.errors import InvalidInputError, explain
from relucvx.network.pooling import Pooling, as_readout, pool_bags, pool_groups
from relucvx.network.two_layer import TwoLayerReLU, as_bias_vector, as_numbers, row_norms
from relucvx.types import ACTIVATIONS, Activation, Array, ArrayLike, Result, as_activation, freeze
from relucvx.validation import as_matrix


@dataclass(frozen=True, repr=False)
class PooledReLU(Result):
    r"""Two-layer network on bags of rows, f(x)_i = sum_j sum_k h_ik(w_j) v_jk + b_out, immutable.

    The rows x_i1..x_ip of a sample (image patches, nodes of a graph, time steps) share the neurons, and are read in K ways,
    h_ik(w) = sum_q A_kq phi(<w, x_iq> + b). A convolution followed by ReLU, pooling or flattening, and a linear layer is
    such a network on patches.

    Parameters
    ----------
    weights_in : array_like of shape (m, d)
        Row j is the input weight vector (the filter) of hidden neuron j. ``m = 0`` is allowed.
    weights_out : array_like of shape (m, K, c), or (m, c) or (m,) for K = 1
        Output vectors v_jk of each neuron, one for each read-out.
    bias_in : array_like of shape (m,), optional
    bias_out : array_like of shape (c,), optional
    activation : Activation, str or pair of floats, default "relu"
    scalar_output : bool, default False
        With one output, whether ``predict`` returns shape (n,) instead of (n, 1).
    pooling : {"mean", "sum", "flatten"} or array_like of shape (K, p)
        How a sample reads its rows; "flatten" has a read-out for each of its K = p positions.

    Raises
    ------
    InvalidInputError
        For shapes that do not fit together, non-finite entries, or an unknown pooling.

    Notes
    -----
    Source: [ergen-pilanci-2021].
    Status: theorem (a definition; nothing is approximated).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.PooledReLU([[1.0, 0.0]], [2.0], pooling="sum")
    >>> network.predict([[[1.0, 0.0], [3.0, 5.0]]]).tolist()  # one sample of two rows: 2 (relu(1) + relu(3))
    [[8.0]]
    """

    weights_in: Array
    weights_out: Array
    bias_in: Array | None = None
    bias_out: Array | None = None
    activation: Activation = field(default=ACTIVATIONS["relu"])
    scalar_output: bool = False
    pooling: str | Array = "mean"

    def __post_init__(self) -> None:
        w, v = as_numbers(self.weights_in, "weights_in"), as_numbers(self.weights_out, "weights_out")
        kind = self.pooling
        if not isinstance(kind, str):
            kind = as_matrix(kind, "pooling")
        object.__setattr__(self, "pooling", as_readout(kind, None if isinstance(kind, str) else kind.shape[1]))
        # a matrix or vector of outputs is one read-out
        v = v[:, None] if v.ndim == 1 else v
        v = v[:, None, :] if v.ndim == 2 else v
        if w.ndim != 2 or v.ndim != 3 or len(v) != len(w) or 0 in (*w.shape[1:], *v.shape[1:]):
            raise InvalidInputError(
                explain(
                    "weights_in of shape (m, d) and weights_out of shape (m, K, c)",
                    f"shapes {np.shape(self.weights_in)} and {np.shape(self.weights_out)}",
                    "weights_out without an axis for the read-outs, or transposed",
                    "weights_out[:, None, :] for one read-out",
                )
            )
        self._check_count(v.shape[1])
        object.__setattr__(self, "activation", as_activation(self.activation))
        object.__setattr__(self, "weights_in", freeze(w))
        object.__setattr__(self, "weights_out", freeze(v))
        object.__setattr__(self, "bias_in", as_bias_vector(self.bias_in, "bias_in", len(w), "one per hidden neuron"))
        object.__setattr__(self, "bias_out", as_bias_vector(self.bias_out, "bias_out", v.shape[2], "one per output"))
        object.__setattr__(self, "scalar_output", as_flag(self.scalar_output, "scalar_output"))
        if self.scalar_output and v.shape[2] != 1:
            raise InvalidInputError(
                explain(
                    "one output when scalar_output=True", f"{v.shape[2]} outputs", "", "scalar_output=False (default)"
                )
            )

    def _check_count(self, readouts: int) -> None:
        """Refuse another number of read-outs than the pooling has."""
        named = {"mean": 1, "sum": 1}
        expected = named.get(self.pooling) if isinstance(self.pooling, str) else len(self.pooling)
        if expected is not None and readouts != expected:
            raise InvalidInputError(
                explain(
                    f"weights_out of shape (m, {expected}, c)",
                    f"{readouts} read-outs",
                    "another pooling",
                    'pooling="flatten"',
                )
            )

    @property
    def width(self) -> int:
        """Number m of hidden neurons."""
        return int(self.weights_in.shape[0])

    @property
    def n_features(self) -> int:
        """Number d of features of a row."""
        return int(self.weights_in.shape[1])

    @property
    def n_readouts(self) -> int:
        """Number K of ways in which a sample reads a neuron."""
        return int(self.weights_out.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number c of outputs."""
        return int(self.weights_out.shape[2])

    def on_rows(self) -> TwoLayerReLU:
        """The network on each row, with K c outputs that a sample adds up; the output bias comes first in K c entries."""
        bias = None
        if self.bias_out is not None:
            bias = np.zeros(self.n_readouts * self.n_outputs)
            bias[: self.n_outputs] = self.bias_out
        flat = self.weights_out.reshape(self.width, self.n_readouts * self.n_outputs)
        one = self.scalar_output and flat.shape[1] == 1
        return TwoLayerReLU(self.weights_in, flat, self.bias_in, bias, self.activation, one)

    def hidden(self, X: ArrayLike, groups: ArrayLike | None = None) -> Array:
        """What samples read of the neurons, h of shape (n, K, m): a bag (n, p, d), or rows (R, d) with ``groups``."""
        rows, pooling = bags_of(X, groups, self.pooling)
        return pooling.pool(self.on_rows().hidden(rows))

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> Array:
        """Outputs of the network, of shape (n, c), or (n,) when ``scalar_output``.

        Raises
        ------
        InvalidInputError
            When X is neither (n, p, d) nor rows (R, d) with ``groups``, or has another number of features or positions.
        """
        h = self.hidden(X, groups)
        if h.shape[1] != self.n_readouts:
            raise InvalidInputError(
                explain(f"samples of {self.n_readouts} rows", f"{h.shape[1]} rows", "images or series of another size")
            )
        out = np.einsum("nkm,mkc->nc", h, self.weights_out)
        if self.bias_out is not None:
            out = out + self.bias_out
        return out[:, 0] if self.scalar_output else out

    def neuron_norms(self, penalize_bias: bool = True) -> Array:
        """Cost of each neuron in the convex penalty, ||w_j||·||v_j||; shape (m,)."""
        net = self.on_rows()
        return net.input_norms(penalize_bias) * row_norms(net.weights_out)

    def check_readout(self, kind: str | Array | None, readouts: int) -> None:
        """Raise InvalidInputError unless a problem of this read-out is one that the network is for."""
        same = type(kind) is type(self.pooling) and np.array_equal(np.asarray(kind), self.pooling)
        if not same or readouts != self.n_readouts:
            ours, theirs = (k if isinstance(k, str) else "an array" for k in (self.pooling, kind))
            raise InvalidInputError(
                explain(
                    f"a network with pooling={theirs!r} and {readouts} read-outs",
                    f"{ours!r} and {self.n_readouts}",
                    "the network was trained in another way",
                    f"pooling={ours!r} in the problem",
                )
            )

    def __repr__(self) -> str:
        kind = self.pooling if isinstance(self.pooling, str) else f"{self.n_readouts} read-outs"
        biases = [name for name in ("bias_in", "bias_out") if getattr(self, name) is not None]
        parts = ", ".join([self.activation.name, kind, *biases])
        return f"PooledReLU({self.n_features} -> {self.width} -> {self.n_outputs}, {parts})"


def bags_of(X: ArrayLike, groups: ArrayLike | None, kind: Any) -> tuple[Array, Pooling]:
    """The rows (R, d) of all samples, and how samples read them, of bags (n, p, d) or of rows with their ``groups``.

    Raises
    ------
    InvalidInputError
        For arrays of other shapes.
    """
    raw = to_numpy(X, "X")
    if groups is None:
        if raw.ndim != 3 or 0 in raw.shape:
            raise InvalidInputError(
                explain(
                    "X of shape (n, p, d), n samples of p rows each, or rows (R, d) with groups=",
                    f"shape {raw.shape}",
                    "images without relucvx.patches, or rows without the sample they belong to",
                    "X = relucvx.patches(images, size=3), or X[:, None, :] for one row each",
                )
            )
        return raw.reshape(-1, raw.shape[2]), pool_bags(len(raw), raw.shape[1], kind)
    if raw.ndim != 2 or 0 in raw.shape:
        raise InvalidInputError(explain("X of shape (R, d), all rows, where groups= is given", f"shape {raw.shape}"))
    return raw, pool_groups(groups, len(raw), kind)
