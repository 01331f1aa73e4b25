"""From what a user gives to a :class:`~relucvx.program.problem.Problem`: every argument checked, alone and with the others."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import numpy as np

from relucvx.conversion import as_instance
from relucvx.datasets.dataset import Dataset
from relucvx.datasets.preparation import Preparation
from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.losses import Loss, as_loss, check_faces, is_built_in
from relucvx.network.pooled import bags_of
from relucvx.network.pooling import Pooling
from relucvx.program.problem import Problem
from relucvx.types import Activation, Array, ArrayLike, Bias, as_activation
from relucvx.validation import as_matrix, as_sample_weight, as_strength, check_same_length


class NetworkOptions(TypedDict, total=False):
    """Which networks a problem is about: biases, activation, how samples that are bags read them, and what X was made of.

    Notes
    -----
    Status: theorem (definition). Source: [relucvx]
    """

    bias: str | bool
    activation: str | tuple[float, float] | Activation
    pooling: str | ArrayLike | None
    groups: ArrayLike | None
    preparation: Preparation | None


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
    pooling: str | ArrayLike | None = None,
    groups: ArrayLike | None = None,
    preparation: Preparation | None = None,
) -> Problem:
    """Check all arguments and build a :class:`Problem`.

    Parameters
    ----------
    X : (n, d) array-like
        Samples as rows; with ``pooling`` bags of rows (n, p, d), or all rows (R, d) with ``groups``.
    Y : (n,) or (n, c) array-like
        Targets; labels ±1 for the logistic, hinge and squared hinge losses.
    beta : float
        Weight decay, > 0, relative to a loss summed over samples (see :mod:`relucvx.program.conventions`).
    loss, bias, activation
        See :func:`~relucvx.losses.as_loss`, :meth:`relucvx.types.Bias.of` and
        :func:`~relucvx.types.as_activation`.
    sample_weight : (n,) array-like, optional
        Non-negative weights; None means ones.
    pooling : {"mean", "sum", "flatten"} or (K, p) array-like, optional
        How a sample reads the neurons on its rows: on average, in sum, at each position by itself, or in K weighted sums.
        None where a sample is one row; the mean where only ``groups`` are given.
    groups : (R,) array-like of int, optional
        The sample 0..n-1 of each row of X, for bags of unequal size.
    preparation : Preparation, optional
        How X was made of raw columns; a :class:`~relucvx.datasets.Dataset` brings its own. It is kept, and changes nothing.

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
    bags = None
    if pooling is not None or groups is not None:
        X, bags = bags_of(X, groups, "mean" if pooling is None else pooling)
    X = as_matrix(X, "X")
    loss, mode = as_loss(loss), Bias.of(bias)
    Y, scalar_output = loss.read_targets(Y)
    if bags is None:
        check_same_length(X, Y)
    elif len(Y) != bags.n_samples:
        raise InvalidInputError(
            explain(
                f"Y with a row for each of the {bags.n_samples} samples",
                f"{len(Y)} rows",
                "",
                "Y of shape (n,) or (n, c)",
            )
        )
    fix = "beta > 0; the limit beta -> 0+ is interpolation: relucvx.interpolate(X, Y)"
    beta = as_strength(beta, fix)
    weight = as_sample_weight(sample_weight, len(Y))
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
    if bags is not None and mode.is_free:
        _check_equal_shares(bags)
    if preparation is not None:
        _check_preparation(preparation, X)
    return Problem(X, Y, beta, loss, mode, phi, weight, scalar_output, bags, preparation)


def _check_preparation(preparation: Any, X: Array) -> None:
    """Refuse what did not make these columns."""
    as_instance(preparation, Preparation, "preparation", "preparation=data.preparation")
    if preparation.n_features != X.shape[1]:
        raise InvalidInputError(
            explain(
                f"a preparation that gives the {X.shape[1]} columns of X",
                repr(preparation),
                "that of other data",
                "preparation=data.preparation with X=data.X",
            )
        )


def _check_equal_shares(bags: Pooling) -> None:
    """Refuse free hidden biases where samples weigh their rows unequally: one large bias then fits their sizes for nothing."""
    totals = np.asarray(bags.operator.sum(axis=1)).reshape(bags.n_samples, -1)
    if np.allclose(totals, totals[0], rtol=1e-12, atol=0.0):
        return
    raise InvalidInputError(
        explain(
            "bags of equal size for sums with free biases",
            "bags of unequal size",
            "a neuron that is on everywhere counts the rows of a sample, and its bias costs nothing",
            'pooling="mean", or bias="all"',
        )
    )


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
    if isinstance(X, Dataset):
        X, Y = _of_dataset(X, Y, options)
    for name, value in (("Y", Y), ("beta", beta)):
        if value is None:
            raise InvalidInputError(
                explain(
                    "X, Y and beta, a Dataset and beta, or a Problem alone",
                    f"no {name}",
                    "",
                    "relucvx.make_problem(X, Y, beta=0.1)",
                )
            )
    return make_problem(X, Y, beta, **options)


def _of_dataset(data: Dataset, Y: Any, options: Any) -> tuple[Any, Any]:
    """Inputs and targets of a data set; its groups and its preparation join the options that do not have them."""
    for name, value in (("groups", data.groups), ("preparation", data.preparation)):
        if value is not None and options.get(name) is None:
            options[name] = value
    return data.X, data.Y if Y is None else Y


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
    return dataclasses.replace(X, beta=1.0, loss=as_loss("squared"), sample_weight=np.ones(X.n_samples))


def refuse_bags(problem: Problem, what: str) -> None:
    """Raise UnsupportedError for samples that are bags of rows, where something is there for single rows only.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]
    """
    if problem.pooling is not None:
        fix = "relucvx.solve, certify, train, beta_max and beta_path, which take bags"
        raise UnsupportedError(explain(f"samples of one row each for {what}", repr(problem.pooling), "", fix))


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
