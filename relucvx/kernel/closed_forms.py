"""Every closed form tried on one problem."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from relucvx.kernel.deep import predict_deep_linear
from relucvx.kernel.factorial import predict_factorial
from relucvx.kernel.mean_field import as_function
from relucvx.kernel.prediction import Prediction, as_targets, with_hidden_bias
from relucvx.kernel.whitened_forms import predict_one_hot, predict_scalar, predict_svd
from relucvx.network import TwoLayerReLU
from relucvx.types import Activation, Bias
from relucvx.validation import as_matrix, as_positive, check_same_length, check_size


def predict(X: Any, Y: Any, beta: float, bias: str | bool = "none", activation: Any = "relu") -> list[Prediction]:
    """Try every closed form of the two-layer optimum (squared loss) on a problem.

    Parameters
    ----------
    X : array_like of shape (n, d)
    Y : array_like of shape (n, c) or (n,)
    beta : float
        Strength of the weight decay, > 0.
    bias : {"none", "hidden", "all", "free"}, default "none"
        "hidden" is a ones column, K_X -> K_X + 11^T; the other two have no closed form, which is a failed condition.
    activation : str, pair of slopes, Activation or callable, default "relu"
        The forms are for "relu", except the linear network's.

    Returns
    -------
    list of Prediction
        One per form (one-hot, svd, scalar, factorial, linear); those that hold have ``applicable`` True, and the
        others say which condition fails.

    Raises
    ------
    InvalidInputError
        For malformed arrays, beta <= 0 or an unknown bias mode.

    Notes
    -----
    Source: [wang-2025], [wang-fusi-johnston-2025], [relucvx].
    Status: as stated by each prediction.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> [(p.name, p.applicable) for p in rx.kernel.predict(data.X, data.Y, beta=0.2)]
    [('one-hot', True), ('svd', True), ('scalar', False), ('factorial', False), ('deep linear, 2 layers', False)]
    """
    X, Y, beta, mode = as_matrix(X, "X"), as_targets(Y), as_positive(beta, "beta"), Bias.of(bias)
    check_same_length(X, Y)
    check_size(X, "X")
    # closed forms know no output bias; a hidden one is a column of ones among the inputs
    closed = not mode.has_output
    ones = closed and mode.has_hidden
    inputs = np.hstack([X, np.ones((len(X), 1))]) if ones else X
    found = [
        predict_one_hot(Y, beta, inputs),
        predict_svd(Y, beta, inputs),
        predict_scalar(Y, beta, inputs),
        predict_factorial(Y, beta, X=inputs),
        predict_deep_linear(Y, beta, 2, inputs),
    ]
    name = _activation_name(activation)
    # the last form is about linear networks
    wanted = ["relu"] * (len(found) - 1) + ["linear"]
    return [
        _finish(prediction, {f"activation {phi}": name == phi, 'bias "none" or "hidden"': closed}, ones)
        for prediction, phi in zip(found, wanted, strict=True)
    ]


def _activation_name(activation: Any) -> str:
    """ "relu", "linear" or something else; names, slopes and objects are understood."""
    phi = as_function(activation)
    if not isinstance(phi, Activation):
        return "other"
    return {(0.0, 1.0): "relu", (1.0, 1.0): "linear"}.get((phi.slope_neg, phi.slope_pos), "other")


def _finish(prediction: Prediction, extra: dict[str, bool], ones: bool) -> Prediction:
    """Add the conditions on activation and bias, and read the ones column's weight as the hidden bias."""
    conditions = {**prediction.conditions, **extra}
    applicable = all(conditions.values())
    network = prediction.network if applicable else None
    if ones and isinstance(network, TwoLayerReLU):
        network = with_hidden_bias(network)
    unique = prediction.unique if applicable else None
    return dataclasses.replace(prediction, conditions=conditions, applicable=applicable, network=network, unique=unique)
