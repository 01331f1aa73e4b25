"""Linear probes: how well a linear classifier reads labels from a representation."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from relucvx.conversion import is_word
from relucvx.deadline import aside, ruling
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.limits import timed
from relucvx.metrics.figures import bars
from relucvx.metrics.samples.groups import Groups, Indices, as_groups
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_count, as_matrix, as_positive

exceptions = later("sklearn.exceptions")
linear_model = later("sklearn.linear_model")

MODELS = ("logistic", "ridge")


@dataclass(frozen=True)
class LinearProbe(OnScale, Result, of="linear_probe"):
    """Accuracy of a linear classifier on samples it was not trained on.

    Attributes
    ----------
    accuracy : float
        Share of test samples whose label is read right.
    balanced : float
        Mean over the classes tested of the share of their samples that is read right.
    per_class : dict
        That share, keyed by label; NaN for a class without test samples.
    per_fold : ndarray
        Accuracy of each fold (one entry for a given test set).
    chance : float
        Share of the most frequent label among the test samples.
    converged : bool
        Whether every fit reached its tolerance within the iterations allowed.

    Notes
    -----
    Status: a record of what :func:`linear_probe` finds, which states what it rests on. Source: [alain-2017].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> labels = np.repeat(["a", "b"], 10)
    >>> found = rx.metrics.linear_probe((labels == "a")[:, None] + np.linspace(0, 0.1, 20)[:, None], labels)
    >>> found.accuracy, found.per_class, found.chance, found.converged
    (1.0, {'a': 1.0, 'b': 1.0}, 0.5, True)
    """

    accuracy: float
    balanced: float
    per_class: dict[Any, float]
    per_fold: Array
    chance: float = field()
    converged: bool = field()

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per class: the share of its samples that is read right."""
        return ({"class": label, "accuracy": share} for label, share in self.per_class.items())

    def plot(self, ax: Any = None) -> Any:
        """Draw the accuracy of each class, with chance; returns the axes."""
        ax = bars(ax, list(self.per_class), list(self.per_class.values()), "accuracy")
        ax.axhline(self.chance, color="0.5", lw=1.0, ls=":", label="chance")
        ax.set_ylim(0.0, 1.05)
        ax.legend(frameon=False, fontsize="small")
        return ax


@timed('model="ridge"')
def linear_probe(
    Z: Any,
    labels: ArrayLike,
    Z_test: Any = None,
    labels_test: Any = None,
    *,
    model: Literal["logistic", "ridge"] = "logistic",
    n_folds: int = 5,
    C: float = 1.0,
    time_limit: float | None = None,
) -> LinearProbe:
    """Accuracy of a linear classifier of the labels, cross-validated or on a test set.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Features.
    labels : sequence of length n
        Labels of any type.
    Z_test, labels_test : array_like of shape (n_test, p) and sequence of length n_test, optional
        Test set; without it the accuracy is that of cross-validation.
    model : {"logistic", "ridge"}, default "logistic"
        Multinomial logistic regression, or least squares on one ±1 column per class: faster, one linear system.
    n_folds : int, default 5
        Folds of the cross-validation; unused with a test set.
    C : float, default 1.0
        Inverse strength of the l2 penalty on the weights, for a sum over samples of standardised features.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    LinearProbe

    Raises
    ------
    InvalidInputError
        For fewer than two classes, a class with fewer samples than folds, half a test set, other features or unknown
        labels in it, an unknown model, n_folds below 2, or C <= 0.

    Notes
    -----
    Features are standardised with the mean and standard deviation of the training samples; neurons that are constant
    there are left out. So shifts and scales of single neurons change nothing, and rotations do.

    Deterministic: the samples of each class are dealt to the folds in turn, in the order of the rows (which should not
    follow time or difficulty in steps of ``n_folds``). With a test set the order of the rows does not matter.

    Source: [alain-2017].
    Status: heuristic (an estimate that depends on the classifier).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> labels = np.repeat([0, 1], 10)
    >>> rx.metrics.linear_probe(labels[:, None] + np.linspace(0, 0.1, 20)[:, None], labels).accuracy
    1.0
    """
    if not is_word(model, MODELS):
        raise InvalidInputError(explain('model "logistic" or "ridge"', repr(model)))
    C = as_positive(C, "C")
    Z = as_matrix(Z, "Z")
    groups, splits = _tested(Z, labels, Z_test, labels_test, n_folds)
    right, truths, converged = [], [], True
    for train, wanted, test, truth in splits:
        classifier = fitted(train, wanted, model, C)
        right.append(classifier.predict(test) == truth)
        truths.append(truth)
        converged = converged and classifier.converged
    return _collect(groups, right, np.concatenate(truths), converged)


def probe_margin(
    Z: Any,
    labels: Any,
    Z_test: Any = None,
    labels_test: Any = None,
    *,
    model: str = "logistic",
    n_folds: int = 5,
    C: float = 1.0,
) -> float:
    """What orders equal scores of :func:`linear_probe`: by how much outputs of the right class exceed those of the others."""
    groups, splits = _tested(as_matrix(Z, "Z"), labels, Z_test, labels_test, n_folds)
    found = []
    for train, wanted, test, truth in splits:
        values = fitted(train, wanted, model, C).outputs(test, len(groups.names))
        own = values[np.arange(len(truth)), truth].copy()
        values[np.arange(len(truth)), truth] = -np.inf
        found.append(own - values.max(axis=1))
    return float(np.concatenate(found).mean())


def _tested(
    Z: Array, labels: Any, Z_test: Any, labels_test: Any, n_folds: Any
) -> tuple[Groups, Iterable[tuple[Array, Indices, Array, Indices]]]:
    """The classes, and what is trained on and tested: samples and classes of each."""
    groups = as_groups(labels, len(Z))
    if len(groups.names) < 2:
        raise InvalidInputError(explain("at least two classes", f"{len(groups.names)} ({groups.names[0]!r})"))
    if (Z_test is None) != (labels_test is None):
        missing = "labels_test" if labels_test is None else "Z_test"
        raise InvalidInputError(explain("Z_test and labels_test together", f"no {missing}"))
    if Z_test is None:
        fold = _folds(groups, n_folds)
        # one copy of the features at a time
        return groups, (
            (Z[fold != f], groups.codes[fold != f], Z[fold == f], groups.codes[fold == f]) for f in range(n_folds)
        )
    return groups, [(Z, groups.codes, *_test_set(Z_test, labels_test, Z.shape[1], groups))]


def _folds(groups: Groups, n_folds: Any) -> Indices:
    """Fold of every sample; classes of a few samples more do not all fill the first folds."""
    n_folds = as_count(n_folds, "n_folds", least=2)
    few = int(groups.counts.argmin())
    if groups.counts[few] < n_folds:
        raise InvalidInputError(
            explain(
                f"at least {n_folds} samples of every class, one per fold",
                f"{groups.counts[few]} of class {groups.names[few]!r}",
                "a rare class, or labels that number the samples",
                f"n_folds={max(2, int(groups.counts[few]))}, or leave the class out",
            )
        )
    fold, dealt = np.empty(len(groups.codes), dtype=np.intp), 0
    for c, count in enumerate(groups.counts):
        fold[groups.codes == c] = (dealt + np.arange(count)) % n_folds
        dealt += int(count)
    return fold


def _test_set(Z: Any, labels: Any, p: int, groups: Groups) -> tuple[Array, Indices]:
    rows = as_matrix(Z, "Z_test")
    if rows.shape[1] != p:
        raise InvalidInputError(explain(f"Z_test of shape (n_test, {p}), the features of Z", f"shape {rows.shape}"))
    names = as_groups(labels, len(rows), name="labels_test")
    unknown = [name for name in names.names if name not in groups.names]
    if unknown:
        raise InvalidInputError(
            explain(
                "labels_test among the labels trained on",
                f"labels {', '.join(repr(name) for name in unknown)}",
                "a class without training samples",
                "drop those rows",
            )
        )
    # in the numbers of the training classes, which a test set without some of them would shift
    return rows, np.array([groups.names.index(name) for name in names.names], dtype=np.intp)[names.codes]


@dataclass(frozen=True)
class LeastSquares:
    """Least squares on a ±1 column for each class with a penalty on the weights, as scikit-learn's classifiers are read.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        Classes that occur.
    coef_, intercept_ : ndarrays of shapes (k, p) and (k,)
        Of two classes those of the second alone: of the first they are the negative.
    """

    classes_: Indices
    coef_: Array
    intercept_: Array

    @classmethod
    def of(cls, features: Array, wanted: Indices, penalty: float) -> LeastSquares:
        """Fit by one decomposition: permutation tests ask thousands of times, and checks of input would take longer."""
        classes = np.unique(wanted)
        targets = np.where(wanted[:, None] == classes[-1 if len(classes) == 2 else 0 :], 1.0, -1.0)
        middle, level = features.mean(axis=0), targets.mean(axis=0)
        U, sizes, Vt = np.linalg.svd(features - middle, full_matrices=False)
        coef = ((sizes / (sizes**2 + penalty))[:, None] * (U.T @ (targets - level))).T @ Vt
        return cls(classes, coef, level - coef @ middle)

    def predict(self, features: Array) -> Indices:
        """Class of each sample."""
        values = features @ self.coef_.T + self.intercept_
        return self.classes_[(values[:, 0] > 0).astype(np.intp) if values.shape[1] == 1 else values.argmax(axis=1)]


@dataclass(frozen=True)
class Fitted:
    """A linear classifier of standardised features: what :func:`fitted` returns.

    Attributes
    ----------
    size, middle, spread : ndarrays of shape (p,)
        A feature is divided by its size before its mean is taken off and it is divided by its spread: nothing overflows.
    varies : ndarray of shape (p,), bool
        Features that are used.
    classifier : classifier of scikit-learn, LeastSquares, or None
        None where no feature varies.
    usual : int
        The most frequent class, which is then predicted.
    converged : bool
        Whether the fit reached its tolerance.
    """

    size: Array
    middle: Array
    spread: Array
    varies: Any
    classifier: Any
    usual: int
    converged: bool

    def predict(self, test: Array) -> Indices:
        """Class of each sample."""
        if self.classifier is None:
            return np.full(len(test), self.usual, dtype=np.intp)
        return np.asarray(self.classifier.predict(self.standardised(test)), dtype=np.intp)

    def outputs(self, test: Array, n_classes: int) -> Array:
        """Outputs (n, C), of which the largest is the class; of two classes those of the one are zero, or minus the other's."""
        out = np.zeros((len(test), n_classes))
        if self.classifier is None:
            return out
        coef, shift = np.atleast_2d(self.classifier.coef_), np.atleast_1d(self.classifier.intercept_)
        classes = self.classifier.classes_[1:] if len(coef) == 1 else self.classifier.classes_
        out[:, classes] = self.standardised(test) @ coef.T + shift
        return out

    def standardised(self, test: Array) -> Array:
        """The features that are used, in units of their spread."""
        return (test[:, self.varies] / self.size[self.varies] - self.middle) / self.spread

    def affine(self, n_classes: int) -> tuple[Array, Array]:
        """Weights (p, C) and bias (C,) on the features as they are, whose largest output is the class."""
        weights, bias = np.zeros((len(self.size), n_classes)), np.zeros(n_classes)
        if self.classifier is None:
            bias[self.usual] = 1.0
            return weights, bias
        coef, shift = np.atleast_2d(self.classifier.coef_), np.atleast_1d(self.classifier.intercept_)
        # of two classes scikit-learn keeps the second one's score alone
        classes = self.classifier.classes_[1:] if len(coef) == 1 else self.classifier.classes_
        scaled = coef / self.spread
        weights[np.ix_(np.flatnonzero(self.varies), classes)] = (scaled / self.size[self.varies]).T
        bias[classes] = shift - scaled @ self.middle
        return weights, bias


def fitted(train: Array, wanted: Indices, model: str, C: float) -> Fitted:
    """The classifier of :func:`linear_probe`, of samples (n, p) with classes (n,)."""
    ruling().check()
    # standardised by the training samples alone: those tested must not have been seen
    size = np.abs(train).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    middle, spread = (train / size).mean(axis=0), (train / size).std(axis=0)
    # what is constant in training is rounding, by which test samples must not be divided
    varies = spread > 1e-13
    usual = int(np.bincount(wanted).argmax())
    if not varies.any():
        return Fitted(size, middle, spread, varies, None, usual, True)
    found = Fitted(size, middle[varies], spread[varies], varies, None, usual, True)
    if model == "ridge":
        return replace(found, classifier=LeastSquares.of(found.standardised(train), wanted, 1.0 / C))
    classifier = linear_model.LogisticRegression(C=C, max_iter=5000, tol=1e-6)
    found = replace(found, classifier=classifier)

    def fit() -> list[Any]:
        # a fit that stops early is part of the answer; warnings of any other kind go on to the caller
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", exceptions.ConvergenceWarning)
            classifier.fit(found.standardised(train), wanted)
        return caught

    deadline = ruling()
    caught = aside(fit, deadline) if deadline.limited else fit()
    converged = True
    for warning in caught:
        if issubclass(warning.category, exceptions.ConvergenceWarning):
            converged = False
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return replace(found, converged=converged)


def _collect(groups: Groups, right: list[Any], truth: Indices, converged: bool) -> LinearProbe:
    every = np.concatenate(right)
    counts = np.bincount(truth, minlength=len(groups.names))
    hits = np.bincount(truth, every, minlength=len(groups.names))
    # a class that is not tested has no share, and no part in the balanced mean
    shares = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    return LinearProbe(
        accuracy=float(every.mean()),
        balanced=float(np.nanmean(shares)),
        per_class=dict(zip(groups.names, shares.tolist(), strict=True)),
        per_fold=np.array([fold.mean() for fold in right]),
        chance=float(counts.max() / counts.sum()),
        converged=converged,
    )
