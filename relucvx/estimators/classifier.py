"""Classification by the best two-layer network of any width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from relucvx.conversion import is_word, shown
from relucvx.errors import InvalidInputError, explain
from relucvx.estimators.fitting import ConvexReLU, unmasked
from relucvx.losses import Loss, as_loss
from relucvx.types import Activation, Array, ArrayLike

LOG_LOSS = "log_loss"
"""The loss of scikit-learn's MLPClassifier: logistic with one output for two classes, cross-entropy for more."""


def loss_for(loss: str | Loss, n_classes: int) -> Loss:
    """The loss that a name stands for with so many classes.

    Notes
    -----
    Status: a convention (no statement). Source: [relucvx]

    Examples
    --------
    >>> from relucvx.estimators.classifier import loss_for
    >>> loss_for("log_loss", 2).name, loss_for("log_loss", 3).name
    ('logistic', 'cross_entropy')
    """
    if is_word(loss, (LOG_LOSS,)):
        return as_loss("logistic" if n_classes == 2 else "cross_entropy")
    return as_loss(loss)


def _has_probabilities(self: ConvexReLUClassifier) -> bool:
    """Whether the loss is a likelihood."""
    loss = loss_for(self.loss, 2)
    return loss.probabilities(np.zeros((1, 1))) is not None


class ConvexReLUClassifier(ClassifierMixin, ConvexReLU):
    """Classification by the certified global optimum of a two-layer ReLU network with weight decay.

    ``min over widths m and weights of Σ_i w_i h(f(x_i), y_i) + beta/2 (||W_in||² + ||W_out||²)``

    The objective is that of ``MLPClassifier(hidden_layer_sizes=(m,), alpha=beta, solver="lbfgs")`` for every width m at once
    (:func:`relucvx.program.conventions.from_sklearn_alpha` converts the others): no width, no learning rate and no seed to
    choose. Several classes share their neurons.

    Parameters
    ----------
    beta : float or "auto"
        Weight decay, relative to a loss summed over the samples. "auto" is ``beta_fraction * beta_max_``.
    beta_fraction : float
        Share of ``beta_max_``, between 0 and 1, that "auto" stands for.
    loss : str or Loss
        "log_loss": logistic with one output for two classes, cross-entropy for more. "logistic", "hinge", "squared_hinge",
        "squared" and "huber" of labels ±1: one output for two classes, one for each of several. "cross_entropy": one for each.
    class_weight : dict, "balanced" or None
        Factors of the sample weights, by class; "balanced": all classes have the same total.
    bias, activation, tol, time_limit, random_state, n_jobs, verbose
        As in :class:`relucvx.ConvexReLURegressor`.

    Attributes
    ----------
    classes_ : ndarray, shape (k,)
        The classes of the rows that have weight, sorted.
    network_, certificate_, gap_, solution_, beta_, beta_max_, n_iter_, n_features_in_, feature_names_in_, n_outputs_
        As in :class:`relucvx.ConvexReLURegressor`.

    Notes
    -----
    ``predict_proba`` is there for losses that are likelihoods. What holds for orders of rows, weights and units is said at
    :class:`relucvx.ConvexReLURegressor`.

    Status: certified numerically; "auto" is heuristic. Source: [pilanci-ergen-2020], [sahiner-2021], [relucvx]

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [0.0], [1.0], [2.0]], ["out", "in", "in", "in", "out"]
    >>> model = rx.ConvexReLUClassifier(beta=0.1).fit(X, y)
    >>> model.gap_ <= 1e-4, model.predict([[0.5], [3.0]]).tolist()
    (True, ['in', 'out'])
    """

    classes_: np.ndarray

    def __init__(
        self,
        beta: float | str = "auto",
        *,
        beta_fraction: float = 0.02,
        loss: str | Loss = LOG_LOSS,
        class_weight: Mapping[Any, float] | str | None = None,
        bias: str | bool = "free",
        activation: str | tuple[float, float] | Activation = "relu",
        tol: float = 1e-4,
        time_limit: float | None = 10.0,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            beta, beta_fraction=beta_fraction, loss=loss, bias=bias, activation=activation, tol=tol, time_limit=time_limit,
            random_state=random_state, n_jobs=n_jobs, verbose=verbose,
        )  # fmt: skip
        self.class_weight = class_weight

    def _read_for(self, owner: Any, X: Any, y: Any) -> tuple[Array, Any]:
        X, y = validate_data(owner, unmasked(X), unmasked(y), dtype=np.float64)
        check_classification_targets(y)
        return X, y

    def _encode(self, y: Any, weight: Array) -> tuple[Array, Array, bool, str | Loss]:
        counted = weight > 0.0
        self.classes_, index = np.unique(y[counted], return_inverse=True)
        k = len(self.classes_)
        if k < 2:
            raise InvalidInputError(
                explain(
                    "samples of at least two classes",
                    f"one class only: {shown(self.classes_.tolist()[0])}",
                    "the labels, or those of the rows with a weight",
                    "the other class's rows in X and y",
                )
            )
        weight = weight.copy()
        weight[counted] *= _class_factors(self.class_weight, self.classes_, index, weight[counted])
        loss = loss_for(self.loss, k)
        # one column says both of two classes, unless the loss wants its rows one-hot
        columns = [1] if k == 2 and not loss.one_hot else range(k)
        own = np.zeros((len(y), len(columns)))
        own[counted] = index[:, None] == np.array(columns)
        return own if loss.one_hot else 2.0 * own - 1.0, weight, len(columns) == 1, loss

    def decision_function(self, X: ArrayLike) -> Array:
        """Scores of the classes: of the second of two (above zero where it is predicted), else of each.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n,) or (n, k)
        """
        F = self._outputs(X)
        return F[:, 1] - F[:, 0] if F.ndim == 2 and F.shape[1] == 2 else F

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class with the largest score.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n,)
        """
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    @available_if(_has_probabilities)
    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes under the likelihood that the loss is.

        Of the logistic loss with several columns, each class against the rest, normalised.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n, k)
        """
        F = self._outputs(X)
        P = loss_for(self.loss, len(self.classes_)).probabilities(F.reshape(len(F), -1))
        assert P is not None
        if P.shape[1] == 1:
            return np.hstack([1.0 - P, P])
        return P / P.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of :meth:`predict_proba`.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n, k)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))


def _class_factors(class_weight: Any, classes: np.ndarray, index: np.ndarray, weight: Array) -> Array:
    """The factor of each sample's weight."""
    if class_weight is None:
        return np.ones(len(index))
    if is_word(class_weight, ("balanced",)):
        totals = np.bincount(index, weight)
        return np.asarray((weight.sum() / (len(classes) * totals))[index])
    if not isinstance(class_weight, Mapping):
        raise InvalidInputError(
            explain('class_weight as a dict, "balanced" or None', shown(class_weight), "", 'class_weight="balanced"')
        )
    # classes that are not named count once
    named = {label: class_weight[label] for label in classes.tolist() if label in class_weight}
    factors = np.array([float(named.get(label, 1.0)) for label in classes.tolist()])
    if not (np.isfinite(factors).all() and (factors > 0.0).all()):
        raise InvalidInputError(
            explain("class weights above zero", shown(dict(class_weight)), "", "samples of the other classes only")
        )
    return np.asarray(factors[index])
