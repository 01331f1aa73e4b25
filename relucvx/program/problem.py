"""The training problem: data, loss, penalty strength, bias mode, activation and pooling, checked once."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from relucvx.datasets.preparation import Preparation
from relucvx.errors import InvalidInputError, explain
from relucvx.losses import Loss
from relucvx.network.pooled import PooledReLU
from relucvx.network.pooling import Pooling
from relucvx.network.transform import balance
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Activation, Array, Bias, Result, freeze

ALIVE = 1e-12
"""Share of a lifted neuron's largest weight that its penalised part must reach for it to have a direction."""


@dataclass(frozen=True, eq=False)
class Problem(Result):
    """A two-layer training problem with weight decay.

    ``min loss(phi(X W_inᵀ + 1 b_inᵀ) W_out + 1 b_outᵀ) + beta/2 (||W_in||² + ||W_out||² + decayed biases)``

    Attributes
    ----------
    X : (n, d) array
        Samples as rows; with ``pooling`` the rows (R, d) of all samples.
    Y : (n, c) array
        Targets.
    beta : float
        Strength of the weight decay, > 0, for a loss that is a sum over samples.
    loss : Loss
        The data term.
    bias : Bias
        Which layers have a bias, and whether it is decayed ("hidden", "all") or not ("free": both layers).
    activation : Activation
        Piecewise linear activation phi.
    sample_weight : (n,) array
        Non-negative weights of the samples.
    scalar_output : bool
        Whether Y was given as a vector, so that predictions are squeezed back.
    pooling : Pooling or None
        How a sample reads its rows, where a sample is a bag of rows: ``phi(X W_inᵀ + 1 b_inᵀ) W_out`` is then summed over the
        rows and read-outs of the sample, every read-out with output weights of its own.
    preparation : Preparation or None
        How X was made of raw columns, where that is known. It plays no part in the problem, which is about X as it stands: a
        solution keeps it for :func:`relucvx.predict`.

    Notes
    -----
    Inside, a neuron of K read-outs and c outputs is a neuron of K c outputs on each row: :meth:`network` makes such a network,
    :meth:`stated` the value that users see.

    Build it with :func:`make_problem`, which checks everything. Two problems compare equal only if they are the same
    object.

    Status: theorem (definition).
    Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> problem = rx.make_problem([[-2.0], [-1.0], [1.0]], [2.0, 1.0, 1.0], beta=1.0, bias="hidden")
    >>> problem.n_samples, problem.n_features, problem.n_inputs  # a hidden bias is an input of ones
    (3, 1, 2)
    >>> problem.null_value()  # the objective of the network without neurons
    3.0
    """

    X: Array
    Y: Array
    beta: float
    loss: Loss
    bias: Bias
    activation: Activation
    sample_weight: Array
    scalar_output: bool
    pooling: Pooling | None = None
    preparation: Preparation | None = None

    def facts(self) -> dict[str, Any]:
        """How large it is, and what is asked."""
        bags = {} if self.pooling is None else {"rows": self.n_rows, "pooling": repr(self.pooling)}
        return {
            "samples": self.n_samples, "features": self.n_features, "outputs": self.n_outputs, "beta": self.beta,
            "loss": self.loss.name, "bias": str(self.bias), "activation": self.activation.name, **bags,
        }  # fmt: skip

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", Bias.of(self.bias))
        super().__post_init__()

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return int(self.Y.shape[0])

    @property
    def n_rows(self) -> int:
        """Number R of rows of X: n, or those of all bags."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number d of features."""
        return int(self.X.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number c of outputs."""
        return int(self.Y.shape[1])

    @property
    def n_readouts(self) -> int:
        """Number K of ways in which a sample reads a neuron: 1 without pooling."""
        return 1 if self.pooling is None else self.pooling.n_readouts

    @property
    def n_weights_out(self) -> int:
        """Number K c of output weights of a neuron."""
        return self.n_readouts * self.n_outputs

    @property
    def n_inputs(self) -> int:
        """Number D of columns of the augmented inputs: d, or d + 1 with a bias."""
        return self.n_features + self.bias.has_hidden

    @property
    def penalized(self) -> int:
        """Number of leading coordinates of a lifted neuron that its norm counts: D, or d for free biases."""
        return self.n_features if self.bias.is_free else self.n_inputs

    @cached_property
    def inputs(self) -> Array:
        """The augmented inputs Xa (n, D): X without bias, [X, 1] with one. Read-only."""
        if not self.bias.has_hidden:
            return self.X
        return np.asarray(freeze(np.hstack([self.X, np.ones((self.n_rows, 1))])))

    # ------------------------------------------------------------------ rows and samples
    def pool(self, A: Array) -> Array:
        """Numbers of rows (R, q) as samples read them (n, K, q)."""
        return A[:, None, :] if self.pooling is None else self.pooling.pool(A)

    def unpool(self, Q: Array) -> Array:
        """The adjoint of :meth:`pool`: (n, K, q) to (R, q)."""
        return Q[:, 0, :] if self.pooling is None else self.pooling.unpool(Q)

    def spread(self, N: Array) -> Array:
        """A dual point (n, c) as that of the rows, (R, K c): a neuron's pull is ``spread(N)ᵀ phi(Xw)``."""
        return N if self.pooling is None else self.pooling.spread(N)

    def combine(self, H: Array, V: Array) -> Array:
        """The fit (n, c), output bias apart, of activities H (R, m) of the rows and outputs V (m, K c)."""
        if self.pooling is None:
            return H @ V
        P = self.pooling.pool(H)
        return np.asarray(P.reshape(len(P), -1) @ self.by_readout(V))

    def constant(self, biases: Array, V: Array) -> Array:
        """What neurons of a free bias alone, (m,) with outputs V (m, K c), add to the fit of every sample: (c,)."""
        return self.combine(np.tile(self.activation(biases), (self.n_rows, 1)), V)[0]

    def fits(self, H: Array, V: Array) -> Array:
        """The fits (m, n, c) of single neurons with activities H (R, m) of the rows and outputs V (m, K c)."""
        return np.einsum("nkm,mkc->mnc", self.pool(H), V.reshape(len(V), self.n_readouts, self.n_outputs))

    def by_readout(self, V: Array) -> Array:
        """Outputs V (m, K c) as a matrix (K m, c) that multiplies pooled activities (n, K m)."""
        return V.reshape(len(V), self.n_readouts, self.n_outputs).transpose(1, 0, 2).reshape(-1, self.n_outputs)

    def by_neuron(self, B: Array) -> Array:
        """The inverse of :meth:`by_readout`: (K m, c) to (m, K c)."""
        return B.reshape(self.n_readouts, -1, self.n_outputs).transpose(1, 0, 2).reshape(-1, self.n_weights_out)

    def design(self, A: Array, v: Array) -> Array:
        """What a neuron with outputs v (K c,) makes of numbers of rows A (R, q), as a matrix (n c, q), samples major."""
        if self.pooling is None:
            return np.einsum("nq,c->ncq", A, v).reshape(self.Y.size, -1)
        P = self.pooling.pool(A)
        return np.einsum("nkq,kc->ncq", P, v.reshape(self.n_readouts, -1)).reshape(self.Y.size, -1)

    def sizes(self) -> Problem:
        """The problem whose read-outs have the absolute values of this one's: what roundings are counted with."""
        return self if self.pooling is None else dataclasses.replace(self, pooling=self.pooling.absolute())

    def per_sample(self, values: Array) -> Array:
        """A bound (R,) on the size of each row's part as one for each sample (n,)."""
        return values if self.pooling is None else self.pooling.per_sample(values)

    # ------------------------------------------------------------------ networks
    def stated(self, network: TwoLayerReLU) -> TwoLayerReLU | PooledReLU:
        """A network of :meth:`network` as the value that users see."""
        if self.pooling is None:
            return network
        bias = None if network.bias_out is None else network.bias_out[: self.n_outputs]
        outputs = network.weights_out.reshape(network.width, self.n_readouts, self.n_outputs)
        kind = "flatten" if self.pooling.kind is None else self.pooling.kind
        return PooledReLU(
            network.weights_in, outputs, network.bias_in, bias, network.activation, self.scalar_output, kind
        )

    def inner(self, network: Any) -> TwoLayerReLU:
        """The inverse of :meth:`stated`; networks that are not pooled, and belong to a problem that is not, as they are.

        Raises
        ------
        InvalidInputError
            For a pooled network where there are no bags, and the other way round, and for other read-outs.
        """
        pooled = isinstance(network, PooledReLU)
        if pooled != (self.pooling is not None):
            kinds = ("a network for rows", "a network for bags of rows")
            raise InvalidInputError(
                explain(
                    kinds[not pooled], kinds[pooled], "", 'pooling="mean" in the problem, or relucvx.PooledReLU(...)'
                )
            )
        if not pooled:
            return network
        assert self.pooling is not None
        network.check_readout(self.pooling.kind, self.n_readouts)
        return network.on_rows()

    def loss_at(self, F: Array) -> float:
        """The data term at a fit F (n, c)."""
        return self.loss.value(F, self.Y, self.sample_weight)

    @property
    def output_decay(self) -> float:
        """Strength of the weight decay on the output bias: beta, or 0 where it is free or there is none."""
        return self.beta if self.bias.decays_output else 0.0

    def network(self, W: Array, V: Array, bias_out: Array | None = None) -> TwoLayerReLU:
        """The network of lifted neurons W (m, D) with outputs V (m, K c).

        The output bias (c,) counts where the problem has one, and is zero by default; of K c entries the first c are used.
        """
        bias = np.zeros(V.shape[1])
        if bias_out is not None and self.bias.has_output:
            bias[: self.n_outputs] = bias_out[: self.n_outputs]
        return TwoLayerReLU(
            weights_in=W[:, : self.n_features],
            weights_out=V,
            bias_in=W[:, -1] if self.bias.has_hidden else None,
            bias_out=bias if self.bias.has_output else None,
            activation=self.activation,
            scalar_output=self.scalar_output and V.shape[1] == 1,
        )

    def neurons(self, network: TwoLayerReLU) -> tuple[Array, Array, Array]:
        """Lifted neurons W (m, D), outputs V (m, K c) and output bias (c,) of a network: what :meth:`network` makes it of.

        A bias that the problem has and the network lacks is zero.
        """
        W = np.array(network.lifted_in)
        if W.shape[1] < self.n_inputs:
            W = np.column_stack([W, np.zeros(len(W))])
        bias = np.zeros(self.n_outputs) if network.bias_out is None else np.array(network.bias_out[: self.n_outputs])
        return W, np.array(network.weights_out), bias

    def balanced(self, network: TwoLayerReLU) -> TwoLayerReLU:
        """The same function with ||w_j|| = ||v_j|| (:func:`relucvx.network.balance`), dead neurons dropped.

        With free biases a neuron of a bias alone becomes output bias: of bags what all their rows' shares add up to.
        """
        if self.pooling is not None and self.bias.is_free and network.bias_in is not None:
            constant = ~network.weights_in.any(axis=1)
            if constant.any():
                W, V, bias = self.neurons(network)
                moved = bias + self.constant(network.bias_in[constant], network.weights_out[constant])
                network = self.network(W[~constant], V[~constant], moved)
        return balance(network, penalize_bias=not self.bias.is_free)

    def directions(self, network: TwoLayerReLU) -> tuple[Array, Array]:
        """Lifted directions (k, D) of unit penalised norm, and the outputs (k, c) that are left to do for them.

        Neurons without weights to speak of are left out: a free bias alone has no direction, and what is next to it would
        have a bias beyond all samples.
        """
        W, V, _ = self.neurons(network)
        # powers of two: neurons of any size have a square, and no digit changes
        size = np.ldexp(1.0, np.frexp(np.abs(W).max(axis=1, initial=0.0))[1])[:, None]
        W = W / size
        lead = np.linalg.norm(W[:, : self.penalized], axis=1, keepdims=True)
        alive = lead[:, 0] > ALIVE
        W, lead, size, V = W[alive], lead[alive], size[alive], V[alive]
        return W / lead, V * (lead * size)

    def null_network(self) -> TwoLayerReLU:
        """The best network without neurons.

        Zero for the bias modes "none" and "hidden"; the output bias minimises ``loss(1 bᵀ)`` for "free" and
        ``loss(1 bᵀ) + beta/2 ||b||²`` for "all".

        Notes
        -----
        Status: theorem (closed form, or the root of a monotone function to the last digits).
        Source: [relucvx]
        """
        return self.network(np.zeros((0, self.n_inputs)), np.zeros((0, self.n_weights_out)), self.null_bias())

    def null_bias(self) -> Array:
        """The output bias (c,) of :meth:`null_network`; zero where the problem has none."""
        if self.bias.is_free:
            return self.loss.best_constant(self.Y, self.sample_weight)
        if not self.bias.decays_output:
            return np.zeros(self.n_outputs)
        return self.loss.decayed_constant(self.Y, self.sample_weight, self.beta)

    def null_value(self) -> float:
        """Objective of :meth:`null_network`."""
        b = self.null_bias()
        decay = 0.5 * self.beta * float(b @ b) if self.bias.decays_output else 0.0
        return self.loss_at(np.tile(b, (self.n_samples, 1))) + decay
