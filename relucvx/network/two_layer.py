"""The two-layer network as a value: weights, biases and activation, checked once and never modified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relucvx.conversion import as_flag, to_numpy
from relucvx.errors import InvalidInputError, explain
from relucvx.types import ACTIVATIONS, Activation, Array, ArrayLike, Result, as_activation, freeze
from relucvx.validation import as_count, as_matrix


@dataclass(frozen=True, repr=False)
class TwoLayerReLU(Result):
    r"""Two-layer network f(x) = sum_j v_j phi(<w_j, x> + b_j) + b_out, immutable.

    The activation is piecewise linear, phi(t) = slope_neg·min(t, 0) + slope_pos·max(t, 0). Arrays are copied to
    read-only float64; nothing is ever modified, so a network can be shared and stored safely.

    Parameters
    ----------
    weights_in : array_like of shape (m, d)
        Row j is the input weight vector w_j of hidden neuron j. ``m = 0`` (no neuron) is allowed.
    weights_out : array_like of shape (m, c) or (m,)
        Row j is the output weight vector v_j; ``(m,)`` is read as ``(m, 1)``.
    bias_in : array_like of shape (m,), optional
        Hidden biases b_j; None means the network has none.
    bias_out : array_like of shape (c,), optional
        Output bias; None means the network has none. A number is accepted for c = 1.
    activation : Activation, str or pair of floats, default "relu"
        Anything :func:`relucvx.types.as_activation` understands.
    scalar_output : bool, default False
        With one output, whether ``predict`` returns shape (n,) instead of (n, 1).

    Raises
    ------
    InvalidInputError
        For shapes that do not fit together, non-finite or non-real entries, or scalar_output with c > 1.

    Notes
    -----
    Source: [pilanci-ergen-2020].
    Status: theorem (a definition; nothing is approximated).

    Examples
    --------
    >>> TwoLayerReLU([[1.0, -1.0]], [2.0], bias_in=[0.5]).predict([[3.0, 1.0]])
    array([[5.]])
    """

    weights_in: Array
    weights_out: Array
    bias_in: Array | None = None
    bias_out: Array | None = None
    activation: Activation = field(default=ACTIVATIONS["relu"])
    scalar_output: bool = False

    def __post_init__(self) -> None:
        w = as_numbers(self.weights_in, "weights_in")
        # no neurons are a network, too: m may be zero where d may not
        if w.ndim != 2 or w.shape[1] == 0:
            raise InvalidInputError(
                explain(
                    "weights_in of shape (m, d) with d >= 1",
                    f"shape {w.shape}",
                    "one row per hidden neuron",
                    "weights_in[None, :] for a single neuron",
                )
            )
        v = as_numbers(self.weights_out, "weights_out")
        # a vector is one output, with one row per neuron all the same
        v = v[:, None] if v.ndim == 1 else v
        if v.ndim != 2 or v.shape[0] != w.shape[0] or v.shape[1] == 0:
            raise InvalidInputError(
                explain(
                    f"weights_out of shape ({w.shape[0]}, c) or ({w.shape[0]},), one row per hidden neuron",
                    f"shape {np.shape(self.weights_out)}",
                    "weights_out is transposed, or has another number of neurons than weights_in",
                    "torch stores (c, m): pass its transpose",
                )
            )
        # the only writes to a frozen dataclass: what is kept was checked, copied and made read-only
        object.__setattr__(self, "activation", as_activation(self.activation))
        object.__setattr__(self, "weights_in", freeze(w))
        object.__setattr__(self, "weights_out", freeze(v))
        object.__setattr__(
            self, "bias_in", as_bias_vector(self.bias_in, "bias_in", w.shape[0], "one per hidden neuron")
        )
        object.__setattr__(self, "bias_out", as_bias_vector(self.bias_out, "bias_out", v.shape[1], "one per output"))
        object.__setattr__(self, "scalar_output", as_flag(self.scalar_output, "scalar_output"))
        if self.scalar_output and v.shape[1] != 1:
            raise InvalidInputError(
                explain(
                    "one output when scalar_output=True", f"{v.shape[1]} outputs", "", "scalar_output=False (default)"
                )
            )

    @classmethod
    def zero(
        cls,
        n_features: int,
        n_outputs: int = 1,
        *,
        hidden_bias: bool = False,
        output_bias: bool = False,
        activation: str | tuple[float, float] | Activation = "relu",
        scalar_output: bool = False,
    ) -> TwoLayerReLU:
        """The network without neurons, f(x) = 0 (or a zero output bias); Status: theorem (a definition)."""
        c = as_count(n_outputs, "n_outputs")
        return cls(
            np.zeros((0, as_count(n_features, "n_features"))),
            np.zeros((0, c)),
            bias_in=np.zeros(0) if hidden_bias else None,
            bias_out=np.zeros(c) if output_bias else None,
            activation=as_activation(activation),
            scalar_output=scalar_output,
        )

    @property
    def width(self) -> int:
        """Number m of hidden neurons."""
        return int(self.weights_in.shape[0])

    @property
    def n_features(self) -> int:
        """Number d of input features."""
        return int(self.weights_in.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number c of outputs."""
        return int(self.weights_out.shape[1])

    @property
    def lifted_in(self) -> Array:
        """Input weights on augmented inputs: ``weights_in`` (m, d), or ``[weights_in, bias_in]`` (m, d + 1)."""
        if self.bias_in is None:
            return self.weights_in
        return np.hstack([self.weights_in, self.bias_in[:, None]])

    def preactivations(self, X: Any) -> Array:
        """Inputs of the hidden neurons, X W^T + b, of shape (n, m).

        Raises
        ------
        InvalidInputError
            When X is not a finite real matrix with ``n_features`` columns.
        """
        X = as_samples(X, self.n_features)
        out = X @ self.weights_in.T
        return out if self.bias_in is None else out + self.bias_in

    def hidden(self, X: ArrayLike) -> Array:
        """Hidden representation phi(X W^T + b), of shape (n, m)."""
        return self.activation(self.preactivations(X))

    def predict(self, X: ArrayLike) -> Array:
        """Outputs of the network, of shape (n, c), or (n,) when ``scalar_output``."""
        out = self.hidden(X) @ self.weights_out
        if self.bias_out is not None:
            out = out + self.bias_out
        return out[:, 0] if self.scalar_output else out

    def input_norms(self, penalize_bias: bool = True) -> Array:
        """Euclidean norms of (w_j, b_j), or of w_j alone when ``penalize_bias`` is False; shape (m,)."""
        return row_norms(self.lifted_in if penalize_bias else self.weights_in)

    def output_norms(self) -> Array:
        """Euclidean norms of v_j; shape (m,)."""
        return row_norms(self.weights_out)

    def neuron_norms(self, penalize_bias: bool = True) -> Array:
        """Cost of each neuron in the convex penalty, ||w_j||·||v_j||; shape (m,).

        ``penalize_bias=False`` (bias mode "free") leaves the hidden bias out of ||w_j||.
        """
        return self.input_norms(penalize_bias) * self.output_norms()

    def __repr__(self) -> str:
        parts = [self.activation.name]
        parts += [name for name in ("bias_in", "bias_out") if getattr(self, name) is not None]
        return f"TwoLayerReLU({self.n_features} -> {self.width} -> {self.n_outputs}, {', '.join(parts)})"


def as_samples(X: Any, n_features: int) -> Array:
    """X as a finite real matrix with as many columns as a network has features; raises InvalidInputError otherwise."""
    X = as_matrix(X, "X")
    if X.shape[1] != n_features:
        raise InvalidInputError(
            explain(
                f"X with {n_features} columns, as many as the network has features",
                f"shape {X.shape}",
                "X is transposed, or was standardised or reduced differently from the training data",
                "X of shape (n, d), one row per sample",
            )
        )
    return np.asarray(X)


def row_norms(rows: Array) -> Array:
    """Euclidean norm of each row, without overflow or underflow of the squares."""
    scale = np.max(np.abs(rows), axis=1, initial=0.0)
    safe = np.where(scale > 0, scale, 1.0)
    return scale * np.linalg.norm(rows / safe[:, None], axis=1)


def as_numbers(value: Any, name: str) -> Array:
    """Finite float64 array of any shape; unlike as_matrix it lets m = 0 through."""
    raw = to_numpy(value, name)
    if raw.dtype.kind not in "biuf":
        raise InvalidInputError(
            explain(f"{name} to hold real numbers", f"dtype {raw.dtype}", "complex numbers, text or ragged rows")
        )
    out = raw.astype(np.float64)
    if not np.isfinite(out).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        raise InvalidInputError(
            explain(f"{name} to be finite", f"{out[where]} at index {where}", "training diverged or overflowed")
        )
    return out


def as_bias_vector(value: Any, name: str, size: int, meaning: str) -> Array | None:
    """A bias as a read-only vector of the given size, a number as a vector of one; None stays None."""
    if value is None:
        return None
    out = as_numbers(value, name)
    out = out[None] if out.ndim == 0 else out
    if out.shape != (size,):
        raise InvalidInputError(
            explain(f"{name} of shape ({size},), {meaning}", f"shape {np.shape(value)}", "", f"{name}=None for no bias")
        )
    frozen: Array = freeze(out)
    return frozen
