"""Regression by the best two-layer network of any width."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from relucvx.errors import InvalidInputError, explain
from relucvx.estimators.fitting import ConvexReLU, unmasked
from relucvx.losses import Loss, as_loss
from relucvx.types import Array, ArrayLike


class ConvexReLURegressor(MultiOutputMixin, RegressorMixin, ConvexReLU):
    """Regression by the certified global optimum of a two-layer ReLU network with weight decay.

    ``min over widths m and weights of Σ_i w_i h(f(x_i), y_i) + beta/2 (||W_in||² + ||W_out||²)``

    The objective is that of ``MLPRegressor(hidden_layer_sizes=(m,), alpha=beta, solver="lbfgs")`` for every width m at once
    (:func:`relucvx.program.conventions.from_sklearn_alpha` converts the others): no width, no learning rate and no seed to
    choose. Several targets share their neurons.

    Parameters
    ----------
    beta : float or "auto"
        Weight decay, relative to a loss summed over the samples. "auto" is ``beta_fraction * beta_max_``.
    beta_fraction : float
        Share of ``beta_max_``, between 0 and 1, that "auto" stands for.
    loss : str or Loss
        "squared" (with 1/2), "huber", or a loss of your own for real targets.
    bias : {"free", "all", "hidden", "none"} or bool
        "free": biases in both layers without weight decay, as scikit-learn has them, so that no origin of X or y matters;
        "all": with weight decay, which is quicker to prove; see :class:`relucvx.types.Bias`.
    activation : str, pair of floats or Activation
        "relu", "leaky_relu", "abs", "linear", or slopes (slope_neg, slope_pos).
    tol : float
        Relative gap to prove.
    time_limit : float or None
        Seconds for a fit; the best network so far is kept when they run out, with what is proven about it.
    random_state : int, RandomState or None
        Only the path to the answer depends on it.
    n_jobs : int, optional
        Threads of long proofs; None for one (or what ``joblib.parallel_config`` says), -1 for all cores.
    verbose : bool
        Whether each step of the solver prints a line.

    Attributes
    ----------
    network_ : TwoLayerReLU
        The network found; ``coefs_`` and ``intercepts_`` have its weights as scikit-learn's MLP lays them out.
    certificate_ : Certificate
        ``upper >= p* >= lower``: the objective of ``network_`` and a lower bound of the optimum.
    gap_ : float
        ``certificate_.rel_gap``: at most this share of the objective could be saved by any network of any width.
    solution_ : Solution
        Problem, network, dual point and certificate, for :func:`relucvx.optimal_set`, :func:`relucvx.write_proof` and others.
        Its rows are the distinct samples in sorted order, with the totals of their weights.
    beta_, beta_max_ : float
        The strength, and the one from which a search finds no neuron that pays (:func:`relucvx.beta_max` certifies it).
    n_iter_ : int
        Rounds of the solver.
    n_features_in_, feature_names_in_, n_outputs_

    Notes
    -----
    A fit depends on the set of rows with their weights alone, not on their order: a row twice, or with weight 2, gives the same
    network to the last digit, unless the time limit cuts the search short. Standardise columns that have units of their own
    (``make_pipeline(StandardScaler(), ConvexReLURegressor())``): weight decay compares them.

    Status: certified numerically; "auto" is heuristic. Source: [pilanci-ergen-2020], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X = np.linspace(-2.0, 2.0, 21)[:, None]
    >>> model = rx.ConvexReLURegressor(beta=0.1).fit(X, np.abs(X[:, 0]))
    >>> model.gap_ <= 1e-4, model.network_.width, round(model.score(X, np.abs(X[:, 0])), 3)
    (True, 2, 0.999)
    """

    def _read_for(self, owner: Any, X: Any, y: Any) -> tuple[Array, Any]:
        X, y = validate_data(owner, unmasked(X), unmasked(y), dtype=np.float64, multi_output=True, y_numeric=True)
        return X, np.asarray(y, dtype=np.float64)

    def _encode(self, y: Any, weight: Array) -> tuple[Array, Array, bool, str | Loss]:
        loss = as_loss(self.loss)
        if not loss.regression:
            raise InvalidInputError(
                explain(
                    "a loss for real targets", f"loss={loss!r}", "classes", 'ConvexReLUClassifier, or loss="squared"'
                )
            )
        return y.reshape(len(y), -1), weight, y.ndim == 1, loss

    def predict(self, X: ArrayLike) -> Array:
        """The network's outputs.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n,) or (n, c)
        """
        return self._outputs(X)
