"""The dataset as a value: inputs, targets and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx.conversion import as_flag, as_list, to_numpy
from relucvx.datasets.preparation import Preparation, fitted
from relucvx.errors import InvalidInputError, explain
from relucvx.labels import is_vector, read_labels
from relucvx.network.pooling import as_groups
from relucvx.network.two_layer import TwoLayerReLU
from relucvx.types import Array, Result
from relucvx.validation import as_flat_matrix, as_matrix, check_same_length


@dataclass(frozen=True, repr=False)
class Dataset(Result):
    """Inputs X (n, d) and targets Y (n,) or (n, c) with their names; arrays are read-only float64.

    Samples can be bags of rows, X (n, p, d) or rows (R, d) with ``groups``, or images (n, channels, h, w).

    Attributes
    ----------
    name : str
        Short name, also the first word of ``repr``.
    X : ndarray of shape (n, d), (n, p, d), (n, channels, h, w), or (R, d) with ``groups``
        One row per sample; p rows of each (``pooling=`` of :func:`relucvx.solve` says how they are read); images, of which
        :func:`relucvx.patches` makes rows; or all rows of bags of unequal size.
    Y : ndarray of shape (n,) or (n, c)
        Targets; ±1 for two classes.
    labels : ndarray of shape (n,) of int, optional
        Class index per sample.
    feature_names, target_names : tuple of str
        Names of the columns of X and of the columns (or classes) of Y; empty when there are none.
    description : str
        Where the data come from and what was done to them.
    beta_hint : float, optional
        At most beta_max / 10 for the squared loss without bias, so the optimum there is not the zero network.
    teacher : TwoLayerReLU, optional
        The network that generated Y, where there is one.
    groups : ndarray of shape (R,) of int, optional
        The sample of each row of X, where samples are bags of unequal size.
    preparation : Preparation, optional
        How X was made of raw columns, and what the outputs stand for. A solution of a problem that is posed on the data set
        (``relucvx.solve(data, beta=0.1)``) keeps it, so that :func:`relucvx.predict` takes raw rows.

    Raises
    ------
    InvalidInputError
        When X or Y is not a finite real array, or lengths or numbers of names do not fit.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris")
    >>> print(data)
    Dataset(iris: 150 samples x 4 features, 3 outputs)
    >>> data.X.shape, data.Y.shape, data.target_names[0], data.feature_names[2]
    ((150, 4), (150, 3), 'setosa', 'petal length (cm)')
    """

    name: str
    X: Array
    Y: Array
    labels: np.ndarray | None = None
    feature_names: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    description: str = ""
    beta_hint: float | None = None
    teacher: TwoLayerReLU | None = None
    groups: np.ndarray | None = None
    preparation: Preparation | None = None

    def __post_init__(self) -> None:
        X = _as_inputs(self.X)
        Y = as_matrix(self.Y, "Y", allow_vector=True)
        if self.groups is None:
            check_same_length(X, Y)
        else:
            self._check_groups(X, Y, self.groups)
        object.__setattr__(self, "X", X)
        object.__setattr__(self, "Y", Y[:, 0] if is_vector(self.Y, "Y") else Y)
        object.__setattr__(self, "feature_names", tuple(str(s) for s in as_list(self.feature_names, "feature_names")))
        object.__setattr__(self, "target_names", tuple(str(s) for s in as_list(self.target_names, "target_names")))
        if self.feature_names and len(self.feature_names) != X.shape[-1]:
            raise InvalidInputError(
                explain(f"{X.shape[-1]} feature_names, one per column of X", f"{len(self.feature_names)} names")
            )
        if self.labels is not None:
            object.__setattr__(self, "labels", np.asarray(read_labels(self.labels, "labels", len(Y))))
        super().__post_init__()

    def _check_groups(self, X: Array, Y: Array, member: np.ndarray) -> None:
        """A sample for every row, and a target for every sample."""
        if X.ndim != 2:
            raise InvalidInputError(explain("X of shape (R, d), all rows, where there are groups", f"shape {X.shape}"))
        groups = as_groups(member, len(X))
        if groups.max() + 1 != len(Y):
            raise InvalidInputError(
                explain(f"Y with a row for each of the {groups.max() + 1} groups", f"{len(Y)} rows", "a target per row")
            )
        object.__setattr__(self, "groups", groups)

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return len(self.Y)

    @property
    def is_table(self) -> bool:
        """Whether every sample is one row of X."""
        return self.X.ndim == 2 and self.groups is None

    @property
    def n_features(self) -> int:
        """Number d of input features of a row (of images: the columns of pixels)."""
        return int(self.X.shape[-1])

    @property
    def n_outputs(self) -> int:
        """Number c of outputs."""
        return 1 if self.Y.ndim == 1 else int(self.Y.shape[1])

    def prepared(self, *, standardize: bool = False, components: int | None = None) -> Dataset:
        """The data with standardised columns, or their principal components, and the preparation that made them.

        Parameters
        ----------
        standardize : bool
            Centre each column and divide by its standard deviation (over n); constant columns are dropped.
        components : int, optional
            Project on so many leading principal components, of standardised or of centred columns.

        Raises
        ------
        InvalidInputError
            For bags of rows of equal size and images; for columns that are all constant, and components outside
            1 … min(n - 1, columns).
        """
        if not as_flag(standardize, "standardize") and components is None:
            return self
        if self.X.ndim > 2:
            raise InvalidInputError(explain("a table for standardize and components", repr(self), "", "neither"))
        before = self.preparation or Preparation(self.n_features, self.feature_names)
        if before.changes:
            raise InvalidInputError(
                explain("raw columns to prepare", repr(before), "the data were prepared before", "standardize=False")
            )
        found = fitted(self.X, before.columns, standardize=standardize, components=components)
        kept = {
            name: getattr(before, name)
            for name in ("positions", "width", "classes", "target", "target_centre", "target_scale")
        }
        made = replace(found, **kept)
        X = made(self.X)
        hint = suggest_beta(X, self.Y) if self.is_table else None
        steps: dict[str, Any] = {"description": ", ".join(text for text in (self.description, made.steps) if text)}
        return replace(self, X=X, feature_names=made.names(), beta_hint=hint, preparation=made, **steps)

    def __repr__(self) -> str:
        outputs = "" if self.Y.ndim == 1 else f", {self.n_outputs} outputs"
        rows = "" if self.groups is None else f" of {len(self.X)} rows"
        rows = f" x {self.X.shape[1]} rows" if self.X.ndim == 3 else rows
        size = f"{self.n_features} features" if self.X.ndim < 4 else " x ".join(map(str, self.X.shape[1:]))
        return f"{type(self).__name__}({self.name}: {self.n_samples} samples{rows} x {size}{outputs})"


def _as_inputs(X: Array) -> Array:
    """A matrix, bags of rows or images of finite real numbers in float64."""
    raw = to_numpy(X, "X")
    if raw.ndim not in (3, 4):
        return as_matrix(X, "X")
    out: Array = as_flat_matrix(raw, "X").reshape(raw.shape)
    return out


def suggest_beta(X: Array, Y: Array) -> float | None:
    """Two digits of ||X^T Y|| / 20, which is at most beta_max / 10 for the squared loss; None when it is zero.

    relu(Xw) - relu(-Xw) = Xw gives max_w ||Y^T relu(Xw)|| >= ||X^T Y|| / 2.

    Status: theorem (the inequality); heuristic as a choice of beta. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.load("iris")
    >>> print(f"{rx.datasets.suggest_beta(data.X, data.Y):.4g}")
    7.1
    """
    X, Y = as_matrix(X, "X"), as_matrix(Y, "Y", allow_vector=True)
    check_same_length(X, Y)
    level = float(np.linalg.norm(X.T @ Y, 2)) / 20.0
    if level == 0.0:
        return None
    unit = 10.0 ** (np.floor(np.log10(level)) - 1)
    return float(f"{np.floor(level / unit) * unit:.2g}")
