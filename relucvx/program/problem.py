"""The training problem: data, loss, penalty strength, bias mode and activation, checked once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict, Unpack

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.losses import Loss, as_loss, check_faces, is_built_in
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Activation, Array, ArrayLike, Bias, Result, as_activation, freeze
from relucvx.validation import as_matrix, as_sample_weight, as_strength, check_same_length


class NetworkOptions(TypedDict, total=False):
    """Which networks a problem is about: biases and activation.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    bias: str | bool
    activation: str | tuple[float, float] | Activation


class ProblemOptions(NetworkOptions, total=False):
    """What a problem has besides X, Y and beta; every front door that takes these takes a :class:`Problem` instead.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    loss: str | Loss
    sample_weight: ArrayLike | None


MAGNITUDES = (1e-50, 1e50)
"""Range of every number a bound multiplies: the largest |entry| of Y and of each non-zero row of X, weights and slopes."""


ALIVE = 1e-12
"""Share of a lifted neuron's largest weight that its penalised part must reach for it to have a direction."""


@dataclass(frozen=True, eq=False)
class Problem(Result):
    """A two-layer training problem with weight decay.

    ``min loss(phi(X W_inᵀ + 1 b_inᵀ) W_out + 1 b_outᵀ) + beta/2 (||W_in||² + ||W_out||² + decayed biases)``

    Attributes
    ----------
    X : (n, d) array
        Samples as rows.
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

    Notes
    -----
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", Bias.of(self.bias))
        super().__post_init__()

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
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
        return np.asarray(freeze(np.hstack([self.X, np.ones((self.n_samples, 1))])))

    def loss_at(self, F: Array) -> float:
        """The data term at a fit F (n, c)."""
        return self.loss.value(F, self.Y, self.sample_weight)

    @property
    def output_decay(self) -> float:
        """Strength of the weight decay on the output bias: beta, or 0 where it is free or there is none."""
        return self.beta if self.bias.decays_output else 0.0

    def network(self, W: Array, V: Array, bias_out: Array | None = None) -> TwoLayerReLU:
        """The network of lifted neurons W (m, D) with outputs V (m, c).

        The output bias (c,) counts where the problem has one, and is zero by default.
        """
        bias = np.zeros(self.n_outputs) if bias_out is None else bias_out
        return TwoLayerReLU(
            weights_in=W[:, : self.n_features],
            weights_out=V,
            bias_in=W[:, -1] if self.bias.has_hidden else None,
            bias_out=bias if self.bias.has_output else None,
            activation=self.activation,
            scalar_output=self.scalar_output,
        )

    def neurons(self, network: TwoLayerReLU) -> tuple[Array, Array, Array]:
        """Lifted neurons W (m, D), outputs V (m, c) and output bias (c,) of a network: what :meth:`network` makes it of.

        A bias that the problem has and the network lacks is zero.
        """
        W = np.array(network.lifted_in)
        if W.shape[1] < self.n_inputs:
            W = np.column_stack([W, np.zeros(len(W))])
        bias = np.zeros(self.n_outputs) if network.bias_out is None else np.array(network.bias_out)
        return W, np.array(network.weights_out), bias

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
        return self.network(np.zeros((0, self.n_inputs)), np.zeros((0, self.n_outputs)), self.null_bias())

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


def _check_magnitudes(X: Array, Y: Array, weight: Array, activation: Activation) -> None:
    """Refuse numbers whose products leave float64: an underflow would look like a proof."""
    rows = np.abs(X).max(axis=1)
    slopes = np.array([activation.slope_neg, activation.slope_pos])
    smallest = MAGNITUDES[0]
    # one line for each kind of number that bounds multiply, with what to type about it
    for name, values, fix in (
        ("every non-zero row of X with a largest entry", rows, f"X = numpy.where(abs(X) < {smallest:g}, 0.0, X)"),
        ("Y with a largest entry", np.abs(Y).max(keepdims=True), "Y = Y / abs(Y).max() (and beta accordingly)"),
        (
            "every sample_weight zero or",
            weight,
            "sample_weight / sample_weight.max() (and beta accordingly), tiny ones 0",
        ),
        (
            "every slope of the activation zero or",
            np.abs(slopes),
            "activation=(slope_neg / s, slope_pos / s), beta / s",
        ),
    ):
        used = values[values != 0.0]
        bad = used[(used < smallest) | (used > MAGNITUDES[1])]
        if not bad.size:
            continue
        # all rows in one unit far off: then a single division helps, and says so
        if (values is rows and bad.max() > MAGNITUDES[1]) or (values is rows and rows.max() < smallest):
            fix = f"X = X / {rows.max():g} (and beta accordingly)"
        raise InvalidInputError(
            explain(
                f"{name} between {smallest:g} and {MAGNITUDES[1]:g} in size",
                f"{bad[0]:g}",
                "units far from order one; squares and products would under- or overflow",
                fix,
            )
        )


def make_problem(
    X: ArrayLike,
    Y: ArrayLike,
    beta: float,
    loss: str | Loss = "squared",
    bias: str | bool = "none",
    activation: str | tuple[float, float] | Activation = "relu",
    sample_weight: ArrayLike | None = None,
) -> Problem:
    """Check all arguments and build a :class:`Problem`.

    Parameters
    ----------
    X : (n, d) array-like
        Samples as rows.
    Y : (n,) or (n, c) array-like
        Targets; labels ±1 for the logistic, hinge and squared hinge losses.
    beta : float
        Weight decay, > 0, relative to a loss summed over samples (see :mod:`relucvx.program.conventions`).
    loss, bias, activation
        See :func:`~relucvx.losses.as_loss`, :meth:`relucvx.types.Bias.of` and
        :func:`~relucvx.types.as_activation`.
    sample_weight : (n,) array-like, optional
        Non-negative weights; None means ones.

    Returns
    -------
    Problem

    Raises
    ------
    InvalidInputError
        For data, labels or options outside what the parameters say, and for a logistic loss with free biases when
        an output has labels of one kind only: the infimum 0 is then not attained.

    Notes
    -----
    Status: theorem (definition).
    Source: [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> problem = rx.make_problem([[1.0], [2.0]], ["cat", "dog"], beta=0.5, loss="cross_entropy")
    >>> problem.Y.tolist(), problem.loss.name
    ([[1.0, 0.0], [0.0, 1.0]], 'cross_entropy')
    """
    X = as_matrix(X, "X")
    loss, mode = as_loss(loss), Bias.of(bias)
    Y, scalar_output = loss.read_targets(Y)
    check_same_length(X, Y)
    fix = "beta > 0; the limit beta -> 0+ is interpolation: relucvx.interpolate(X, Y)"
    beta = as_strength(beta, fix)
    weight = as_sample_weight(sample_weight, len(X))
    phi = as_activation(activation)
    # each argument is sound by itself; what follows is about how they go together
    _check_magnitudes(X, Y, weight, phi)
    loss.check_targets(Y)
    # a loss of the user's own is held against its definition once, on these targets, before bounds rest on it
    if not is_built_in(loss):
        check_faces(loss, Y)
    if mode.is_free and not np.isfinite(loss.best_constant(Y, weight)).all():
        k = int(np.flatnonzero(~np.isfinite(loss.best_constant(Y, weight)))[0])
        raise InvalidInputError(
            explain(
                "labels of both kinds in every output (for the cross-entropy: every class) when the biases are free",
                f"one kind only in column {k}",
                "the loss falls forever as the free output bias grows, so no network is optimal",
                'bias="all", which decays the output bias',
            )
        )
    return Problem(X, Y, beta, loss, mode, phi, weight, scalar_output)


def as_problem(X: Any, Y: Any = None, beta: Any = None, **options: Unpack[ProblemOptions]) -> Problem:
    """What a front door was given: a problem as it is, or data and options to make one of.

    Raises
    ------
    InvalidInputError
        For data without targets or strength, and for a problem together with what it already holds.
    TypeError
        For options that no problem has.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    refuse_unknown(options, ProblemOptions)
    given = [name for name, value in (("Y", Y), ("beta", beta)) if value is not None] + list(options)
    if isinstance(X, Problem):
        if given:
            raise InvalidInputError(
                explain(
                    "a Problem alone, or X, Y and beta with their options",
                    f"a Problem and {', '.join(given)}",
                    "the problem holds them already",
                    "dataclasses.replace(problem, beta=0.1) for another strength, else relucvx.make_problem(X, Y, beta)",
                )
            )
        return X
    for name, value in (("Y", Y), ("beta", beta)):
        if value is None:
            raise InvalidInputError(
                explain("X, Y and beta, or a Problem alone", f"no {name}", "", "relucvx.make_problem(X, Y, beta=0.1)")
            )
    return make_problem(X, Y, beta, **options)


def as_fit(X: Any, Y: Any = None, **options: Unpack[NetworkOptions]) -> Problem:
    """The problem whose limit beta -> 0+ an exact fit is: squared loss, beta = 1, equal weights.

    Of a :class:`Problem` the strength, the loss and the weights play no part.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """
    refuse_unknown(options, NetworkOptions)
    if not isinstance(X, Problem):
        return as_problem(X, Y, 1.0, **options)
    as_problem(X, Y, **options)  # nothing beside it
    Y = X.Y[:, 0] if X.scalar_output else X.Y
    return make_problem(X.X, Y, 1.0, bias=X.bias, activation=X.activation)


def refuse_unknown(options: Mapping[str, Any], kind: type) -> None:
    """Refuse keywords that a kind of options does not have, as Python refuses unknown parameters.

    Raises
    ------
    TypeError
        Naming the keyword, and one of nearly the same name where there is one.
    """
    known = list(kind.__annotations__)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; options are {', '.join(known)}"
            raise TypeError(f"unexpected keyword argument {name!r}{meant}")
