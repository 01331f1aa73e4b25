"""Fitted MLPs of scikit-learn, read as they are; scikit-learn is not imported for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, UnsupportedError, explain
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import as_activation

ACTIVATIONS = {"relu": "relu", "identity": "linear"}
"""Names of the piecewise linear activations, there and here."""


def is_sklearn_mlp(obj: Any) -> bool:
    """Whether obj is an MLPClassifier or MLPRegressor, decided without importing scikit-learn.

    Status: a convention (no statement). Source: [relucvx].

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> from relucvx.network import is_sklearn_mlp
    >>> is_sklearn_mlp(MLPRegressor()), is_sklearn_mlp(len)
    (True, False)
    """
    return any(
        c.__name__ == "BaseMultilayerPerceptron" and c.__module__.startswith("sklearn.neural_network")
        for c in type(obj).__mro__
    )


def from_sklearn(mlp: Any) -> TwoLayerReLU:
    """The network of a fitted MLPClassifier or MLPRegressor with one hidden layer.

    Outputs are what the last layer gives before the logistic function or the softmax: scores, whose sign or largest entry is
    the class.

    Parameters
    ----------
    mlp : MLPClassifier or MLPRegressor
        Fitted, ``activation="relu"`` or "identity".

    Returns
    -------
    TwoLayerReLU
        The same function up to rounding; ``weights_in`` (m, d) is ``coefs_[0].T``.

    Raises
    ------
    InvalidInputError
        For any other object, and an MLP that is not fitted.
    UnsupportedError
        For another number of hidden layers, a smooth activation, and outputs that are no scores (``loss="poisson"``).

    Notes
    -----
    Source: [relucvx].
    Status: theorem (the same function; rounding only).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from sklearn.neural_network import MLPRegressor
    >>> X = np.linspace(-1.0, 1.0, 9)[:, None]
    >>> mlp = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", alpha=0.01, random_state=0).fit(X, np.abs(X[:, 0]))
    >>> network = rx.from_sklearn(mlp)
    >>> network.width, bool(np.allclose(network.predict(X), mlp.predict(X)))
    (8, True)
    >>> proof = rx.certify(mlp, X, np.abs(X[:, 0]))  # on its own objective
    >>> proof.beta, bool(proof.lower <= proof.upper)
    (0.01, True)
    """
    if not is_sklearn_mlp(mlp):
        raise InvalidInputError(
            explain(
                "a fitted MLPClassifier or MLPRegressor of scikit-learn",
                f"{type(mlp).__module__}.{type(mlp).__qualname__}",
                "a pipeline, or a search over parameters" if hasattr(mlp, "fit") else "",
                "pipeline[-1], with X = pipeline[:-1].transform(X); search.best_estimator_",
            )
        )
    if not hasattr(mlp, "coefs_"):
        raise InvalidInputError(explain("a fitted MLP", "one without coefs_", "fit was not called", "mlp.fit(X, y)"))
    hidden = len(mlp.coefs_) - 1
    for wrong, expected, received, fix in (
        (hidden != 1, "one hidden layer", f"{hidden} of them", "hidden_layer_sizes=(100,)"),
        (
            mlp.activation not in ACTIVATIONS,
            "a piecewise linear activation",
            f"{mlp.activation!r}",
            'activation="relu"',
        ),
        (mlp.out_activation_ == "exp", "outputs that are scores", 'loss="poisson"', 'loss="squared_error"'),
    ):
        if wrong:
            raise UnsupportedError(explain(f"an MLP with {expected}", received, "", fix))
    first, second = (np.asarray(weights, dtype=np.float64) for weights in mlp.coefs_)
    return TwoLayerReLU(
        first.T,
        second,
        bias_in=mlp.intercepts_[0],
        bias_out=mlp.intercepts_[1],
        activation=as_activation(ACTIVATIONS[mlp.activation]),
        scalar_output=second.shape[1] == 1,
    )
