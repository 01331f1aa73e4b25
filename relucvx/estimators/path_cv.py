"""The strength chosen by cross-validation along the certified path."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from relucvx.certificate import Certificate
from relucvx.errors import InvalidInputError, explain
from relucvx.estimators.fitting import ConvexReLU, unmasked
from relucvx.estimators.regressor import ConvexReLURegressor
from relucvx.network import TwoLayerReLU
from relucvx.solution import Solution
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_count, as_fraction, as_strengths


def _delegates(name: str) -> Any:
    """Whether the estimator inside has a method."""

    def has(self: ConvexReLUPathCV) -> bool:
        getattr(self._inside(), name)  # an AttributeError says which
        return True

    return has


class ConvexReLUPathCV(MetaEstimatorMixin, BaseEstimator):
    """The strength that predicts best in cross-validation, chosen along certified paths of optima.

    Each fold is solved at all strengths, from the largest down, every solve beginning at the one before; so is the whole
    sample, down to the strength with the best mean score (of equal ones, the largest strength).

    Parameters
    ----------
    estimator : ConvexReLURegressor or ConvexReLUClassifier, optional
        What is fitted; its ``beta``, ``beta_fraction`` and ``time_limit`` play no part. None: ``ConvexReLURegressor()``.
    betas : int or array_like
        Strengths for the whole sample, or how many between ``beta_max_`` and ``beta_fraction * beta_max_``, equally spaced in
        the logarithm. A fold, whose loss is a shorter sum, gets the same strengths in proportion to its weight.
    beta_fraction : float
        Share of ``beta_max_`` at which an integer number of strengths ends.
    cv : int, splitter or iterable, optional
        As in scikit-learn: None for five folds, stratified for classes.
    scoring : str or callable, optional
        As in scikit-learn; None is accuracy for classes and R² for numbers.
    time_limit : float or None
        Seconds for each path: those of the folds, and that of the whole sample.
    n_jobs : int, optional
        Folds at the same time; None for one (or what ``joblib.parallel_config`` says), -1 for one on each core.

    Attributes
    ----------
    betas_ : ndarray, shape (b,)
        Strengths, decreasing.
    scores_ : ndarray, shape (b, folds)
        Score of each strength on the part left out.
    best_index_ : int
    estimator_ : estimator
        Fitted to all samples at ``betas_[best_index_]``.
    path_ : list of Solution
        Certified optima for all samples from ``betas_[0]`` to the chosen strength.
    network_, certificate_, gap_, solution_, beta_, beta_max_, n_iter_, n_features_in_, feature_names_in_, classes_
        Those of ``estimator_``.

    Notes
    -----
    ``groups`` go to the splitter: ``fit(X, y, groups=groups)``, or by metadata routing where that is enabled.

    Status: certified numerically (each path); heuristic (the choice). Source: [mishkin-pilanci-2023], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X = np.linspace(-2.0, 2.0, 21)[:, None]
    >>> model = rx.ConvexReLUPathCV(betas=6, cv=3).fit(X, np.abs(X[:, 0]))
    >>> model.scores_.shape, model.gap_ <= 1e-4, bool(model.beta_ == model.betas_[model.best_index_])
    ((6, 3), True, True)
    """

    estimator_: ConvexReLU
    betas_: Array
    scores_: Array
    best_index_: int
    path_: list[Solution]
    network_: TwoLayerReLU
    certificate_: Certificate
    solution_: Solution
    beta_: float
    beta_max_: float
    gap_: float
    n_iter_: int
    n_features_in_: int

    def __init__(
        self,
        estimator: ConvexReLU | None = None,
        *,
        betas: int | Sequence[float] | Array = 20,
        beta_fraction: float = 1e-3,
        cv: Any = None,
        scoring: Any = None,
        time_limit: float | None = 60.0,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.betas = betas
        self.beta_fraction = beta_fraction
        self.cv = cv
        self.scoring = scoring
        self.time_limit = time_limit
        self.n_jobs = n_jobs

    # ------------------------------------------------------------------ what it is
    def _template(self) -> ConvexReLU:
        return ConvexReLURegressor() if self.estimator is None else self.estimator

    def _inside(self) -> ConvexReLU:
        return getattr(self, "estimator_", None) or self._template()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inside = get_tags(self._template())
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags"):
            setattr(tags, name, deepcopy(getattr(inside, name)))
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
        """What metadata goes where: weights here, what they and others mean for splitting and scoring there.

        Returns
        -------
        MetadataRouter
        """
        template = self._template()
        split = MethodMapping().add(caller="fit", callee="split")
        score = MethodMapping().add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(splitter=check_cv(self.cv, classifier=is_classifier(template)), method_mapping=split)
            .add(scorer=check_scoring(template, scoring=self.scoring), method_mapping=score)
        )

    # ------------------------------------------------------------------ fit
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> ConvexReLUPathCV:
        """Choose the strength, and fit all samples with it.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like, shape (n,) or, for numbers, (n, c)
        sample_weight : array_like, shape (n,), optional
            Of fits and scores.
        **params
            ``groups`` of the samples for the splitter; with metadata routing, whatever splitter and scorer ask for.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data and parameters outside what is described here.
        """
        template = self._template()
        if not isinstance(template, ConvexReLU):
            raise InvalidInputError(
                explain(
                    "estimator to be a ConvexReLURegressor or ConvexReLUClassifier",
                    type(template).__name__,
                    "",
                    "relucvx.ConvexReLUPathCV(relucvx.ConvexReLUClassifier())",
                )
            )
        routed = self._routed(template, sample_weight, params)
        X, y = template._read_for(self, X, y)
        X, y, sample_weight = indexable(X, y, None if sample_weight is None else np.asarray(sample_weight))
        whole = clone(template)
        problem = whole._pose(X, y, sample_weight)
        self.betas_, self.beta_max_ = self._strengths(whole.beta_max_), whole.beta_max_
        shares = self.betas_ / float(problem.sample_weight.sum())
        splitter = check_cv(self.cv, y, classifier=is_classifier(template))
        scorer = check_scoring(template, scoring=self.scoring)
        folds = list(splitter.split(X, y, **routed.splitter.split))
        found = Parallel(n_jobs=self.n_jobs)(
            delayed(_fold)(
                clone(template), X, y, sample_weight, *fold, shares, self.time_limit, scorer, routed.scorer.score
            )
            for fold in folds
        )
        self.scores_ = np.stack(found, axis=1)
        # of equal scores the first: the simplest network
        self.best_index_ = int(np.argmax(self.scores_.mean(axis=1)))
        steps = whole._walk(problem, shares[: self.best_index_ + 1], self.time_limit)
        self.path_ = [step.solution_ for step in steps]
        self._take(whole)
        whole._warn()
        return self

    def _strengths(self, largest: float) -> Array:
        """Decreasing strengths for the whole sample."""
        if isinstance(self.betas, (int, np.integer)) and not isinstance(self.betas, bool):
            top = largest if largest > 0.0 else 1.0
            least = as_fraction(self.beta_fraction, "beta_fraction")
            return np.geomspace(top, least * top, as_count(self.betas, "betas"))
        return np.sort(as_strengths(self.betas))[::-1]

    def _routed(self, template: ConvexReLU, sample_weight: Any, params: dict[str, Any]) -> Bunch:
        """What the splitter and the scorer get."""
        if get_config()["enable_metadata_routing"]:
            given = params if sample_weight is None else {"sample_weight": sample_weight, **params}
            return process_routing(self, "fit", **given)
        if set(params) - {"groups"}:
            raise InvalidInputError(
                explain(
                    "groups, and nothing else besides X, y and sample_weight",
                    ", ".join(sorted(params)),
                    "metadata for splitter or scorer",
                    "sklearn.set_config(enable_metadata_routing=True)",
                )
            )
        score = {} if sample_weight is None else {"sample_weight": np.asarray(sample_weight)}
        return Bunch(splitter=Bunch(split=dict(params)), scorer=Bunch(score=score))

    def _take(self, fitted: ConvexReLU) -> None:
        """What a fitted one has, of the estimator that it fitted."""
        self.estimator_ = fitted
        for name in ("network_", "certificate_", "solution_", "gap_", "beta_", "n_iter_"):
            setattr(self, name, getattr(fitted, name))
        if hasattr(fitted, "classes_"):
            self.classes_ = fitted.classes_

    # ------------------------------------------------------------------ predict
    def _asked(self, name: str, X: Any, *more: Any, **options: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, unmasked(X), dtype=np.float64, reset=False)
        return getattr(self.estimator_, name)(X, *more, **options)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """What the fitted estimator predicts.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray
        """
        return np.asarray(self._asked("predict", X))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy for classes, R² for numbers.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        float
        """
        return float(self._asked("score", X, y, sample_weight=sample_weight))

    @available_if(_delegates("decision_function"))
    def decision_function(self, X: ArrayLike) -> Array:
        """Scores of the classes, of a classifier.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray
        """
        return np.asarray(self._asked("decision_function", X))

    @available_if(_delegates("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities of the classes, of a classifier whose loss is a likelihood.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray
        """
        return np.asarray(self._asked("predict_proba", X))

    @available_if(_delegates("predict_log_proba"))
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of :meth:`predict_proba`.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray
        """
        return np.asarray(self._asked("predict_log_proba", X))


def _fold(
    model: ConvexReLU,
    X: Array,
    y: np.ndarray,
    weight: np.ndarray | None,
    train: np.ndarray,
    test: np.ndarray,
    shares: Array,
    limit: float | None,
    scorer: Any,
    params: dict[str, Any],
) -> list[float]:
    """Scores of one fold at all strengths."""
    some = None if weight is None else weight[train]
    told = {name: np.asarray(value)[test] for name, value in params.items()}
    steps = model._walk(model._pose(X[train], y[train], some), shares, limit)
    return [float(scorer(step, X[test], y[test], **told)) for step in steps]
