"""Real data sets that ship inside scikit-learn: nothing is downloaded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from relucvx.conversion import as_flag, is_word
from relucvx.datasets.classes import coded
from relucvx.datasets.dataset import Dataset, suggest_beta
from relucvx.datasets.preparation import Preparation, fitted
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.types import Array

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
    columns = tuple(str(f) for f in raw.feature_names)
    targets: tuple[str, ...]
    labels: np.ndarray | None
    # the only one with a number for a target
    if name == "diabetes":
        Y, preparation = _regression(raw, one_vs_rest, one_hot, standardize_target, Preparation(X.shape[1], columns))
        labels, targets = None, ("progression",)
        said = "target standardised" if standardize_target else "raw target"
    else:
        labels = np.asarray(raw.target, dtype=np.int64)
        Y, targets = coded(labels, tuple(str(t) for t in raw.target_names), one_vs_rest, one_hot)
        preparation, said = Preparation(X.shape[1], columns, classes=targets), ""
    found = Dataset(
        name=name, X=X, Y=Y, labels=labels, feature_names=columns, target_names=targets,
        beta_hint=suggest_beta(X, Y), preparation=preparation,
    )  # fmt: skip
    found = found.prepared(standardize=as_flag(standardize, "standardize"), components=components)
    steps = [text for text in (found.description, said) if text]
    return replace(found, description=f"scikit-learn's {name}; " + (", ".join(steps) or "raw"))


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
    made = fitted(X, standardize=True)
    assert made.kept is not None
    return made(X), made.kept


def _bunch(name: str) -> Any:

    if name == "diabetes":
        return datasets.load_diabetes(scaled=False)  # physical units; scikit-learn's own scaling divides by sqrt(n) too
    return getattr(datasets, f"load_{name}")()


def _regression(
    raw: Any, one_vs_rest: Any, one_hot: Any, standardize_target: bool, columns: Preparation
) -> tuple[Array, Preparation]:
    """The target of a regression, and what brings predictions back to its units."""
    if one_vs_rest is not None or one_hot is not None:
        raise InvalidInputError(
            explain("no one_vs_rest or one_hot for diabetes", f"{one_vs_rest=}, {one_hot=}", "it is a regression")
        )
    y = np.asarray(raw.target, dtype=np.float64)
    if not standardize_target:
        return y, columns
    centre, scale = float(y.mean()), float(y.std())
    return (y - y.mean()) / y.std(), replace(columns, target_centre=centre, target_scale=scale)
