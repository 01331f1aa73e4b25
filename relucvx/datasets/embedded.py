"""Real data sets that ship inside scikit-learn: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.conversion import as_flag, is_word, shown
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.types import Array
from relucvx.validation import as_count, as_matrix

datasets = later("sklearn.datasets")

EMBEDDED = ("iris", "wine", "diabetes", "breast_cancer", "digits")
"""Names that :func:`load` knows."""


def load(
    name: str,
    *,
    standardize: bool = True,
    one_vs_rest: int | str | None = None,
    components: int | None = None,
    one_hot: bool | None = None,
    standardize_target: bool = True,
) -> Dataset:
    """Load one of scikit-learn's embedded data sets as a :class:`Dataset`.

    Parameters
    ----------
    name : {"iris", "wine", "diabetes", "breast_cancer", "digits"}
        The data set.
    standardize : bool, default True
        Centre each column and divide by its standard deviation (over n, not n - 1). Constant columns (three pixels of
        digits) carry no information and are dropped, and so are their names; with False every column stays as it is.
    one_vs_rest : int or str, optional
        Class index or class name: Y is +1 on that class and -1 elsewhere, of shape (n,).
    components : int, optional
        Project the (standardised, at least centred) inputs on so many leading principal components. Scores are not
        rescaled; the sign of each makes its loading of largest size positive.
    one_hot : bool, optional
        Coding of classes. Default: ±1 of shape (n,) for two classes (breast_cancer: +1 is benign), one-hot (n, C)
        otherwise. True: one-hot always. False: ±1, with one column per class if there are more than two.
    standardize_target : bool, default True
        For diabetes: centre the target and divide by its standard deviation. Ignored for classes.

    Returns
    -------
    Dataset
        With ``labels`` (class indices; None for diabetes), names and ``beta_hint``.

    Raises
    ------
    InvalidInputError
        For an unknown name or class, classes asked of a regression, or components outside 1 … min(n - 1, columns).

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.datasets.load("wine").Y.shape  # three classes, one-hot
    (178, 3)
    >>> data = rx.datasets.load("iris", one_vs_rest="versicolor", components=2)
    >>> data.X.shape, sorted(set(data.Y.tolist()))
    ((150, 2), [-1.0, 1.0])
    """
    if not is_word(name, EMBEDDED):
        raise InvalidInputError(explain(f"a data set among {', '.join(EMBEDDED)}", repr(name)))
    raw = _bunch(name)
    X = np.asarray(raw.data, dtype=np.float64)
    features = [str(f) for f in raw.feature_names]
    steps = []
    # in this order: components are taken of columns in one unit
    if as_flag(standardize, "standardize"):
        X, kept = standardize_columns(X)
        features = [f for f, keep in zip(features, kept, strict=True) if keep]
        steps.append("columns standardised")
        if not kept.all():
            steps.append(f"{int((~kept).sum())} constant columns dropped")
    if components is not None:
        X = _principal(X, components)
        features = [f"PC{k + 1}" for k in range(components)]
        steps.append(f"{components} principal components")
    # the only one with a number for a target
    if name == "diabetes":
        Y, labels, targets = _regression(raw, one_vs_rest, one_hot, standardize_target), None, ("progression",)
        steps.append("target standardised" if standardize_target else "raw target")
    else:
        labels = np.asarray(raw.target, dtype=np.int64)
        Y, targets = _classes(labels, tuple(str(t) for t in raw.target_names), one_vs_rest, one_hot)
    return Dataset(
        name=name,
        X=X,
        Y=Y,
        labels=labels,
        feature_names=tuple(features),
        target_names=targets,
        description=f"scikit-learn's {name}; " + (", ".join(steps) or "raw"),
        beta_hint=suggest_beta(X, Y),
    )


def standardize_columns(X: Array) -> tuple[Array, np.ndarray]:
    """Centred columns of unit variance, without the constant ones, and the mask of the columns kept.

    Raises
    ------
    InvalidInputError
        When every column is constant.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> X, varying = rx.datasets.standardize_columns(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> X.tolist(), varying.tolist()  # a constant column says nothing
    ([[-1.0], [1.0]], [True, False])
    """
    X = as_matrix(X, "X")
    centred = X - X.mean(axis=0)
    spread = centred.std(axis=0)
    # relative to their size: constant columns differ from their mean by rounding
    kept = spread > 1e-12 * np.abs(X).max(axis=0)
    if not kept.any():
        raise InvalidInputError(
            explain("X with a column that varies", f"{X.shape[1]} constant columns", "", "standardize=False")
        )
    return centred[:, kept] / spread[kept], kept


def _bunch(name: str) -> Any:

    if name == "diabetes":
        return datasets.load_diabetes(scaled=False)  # physical units; scikit-learn's own scaling divides by sqrt(n) too
    return getattr(datasets, f"load_{name}")()


def _principal(X: Array, components: Any) -> Array:
    most = min(len(X) - 1, X.shape[1])
    components = as_count(components, "components", most=most)
    X = as_matrix(X, "X")
    centred = X - X.mean(axis=0)
    _, _, loadings = np.linalg.svd(centred, full_matrices=False)
    top = loadings[:components]
    # an SVD leaves signs open: the largest loading of each component is positive
    signs = np.sign(top[np.arange(len(top)), np.abs(top).argmax(axis=1)])
    scores: Array = centred @ (top * signs[:, None]).T
    return scores


def _regression(raw: Any, one_vs_rest: Any, one_hot: Any, standardize_target: bool) -> Array:
    if one_vs_rest is not None or one_hot is not None:
        raise InvalidInputError(
            explain("no one_vs_rest or one_hot for diabetes", f"{one_vs_rest=}, {one_hot=}", "it is a regression")
        )
    y = np.asarray(raw.target, dtype=np.float64)
    return (y - y.mean()) / y.std() if standardize_target else y


def _classes(labels: np.ndarray, names: tuple[str, ...], one_vs_rest: Any, one_hot: Any) -> tuple[Array, tuple]:
    indicator = (labels[:, None] == np.arange(len(names))).astype(np.float64)
    if one_vs_rest is not None:
        if one_hot is not None:
            raise InvalidInputError(explain("one_vs_rest or one_hot, not both", f"{one_vs_rest=}, {one_hot=}"))
        chosen = names.index(one_vs_rest) if is_word(one_vs_rest, names) else one_vs_rest
        is_index = isinstance(chosen, (int, np.integer)) and not isinstance(chosen, bool)
        if not is_index or not 0 <= chosen < len(names):
            known = ", ".join(f"{k} ({n})" for k, n in enumerate(names))
            raise InvalidInputError(explain(f"one_vs_rest to be a class among {known}", shown(one_vs_rest)))
        return 2.0 * indicator[:, chosen] - 1.0, ("rest", names[chosen])
    if one_hot or (one_hot is None and len(names) > 2):
        return indicator, names
    signs = 2.0 * indicator - 1.0
    return (signs[:, 1] if len(names) == 2 else signs), names
