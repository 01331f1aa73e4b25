"""Neural collapse: how close features and head are to one vertex of a simplex, or one axis of a frame, per class."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import bars
from relucvx.metrics.samples.groups import Groups, as_groups
from relucvx.metrics.samples.scaling import mean_row, scaled
from relucvx.metrics.scales import OnScale
from relucvx.tolerances import RANK
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_matrix


@dataclass(frozen=True)
class NeuralCollapse(OnScale, Result, of="neural_collapse"):
    """Collapse of one representation; NaN where a quantity is undefined (see :func:`neural_collapse`).

    Attributes
    ----------
    nc1, nc1_quotient, cdnv : float
        Variability within classes; 0 at collapse.
    nc2_equinorm, nc2_cosine, nc2_etf : float
        Distance of the centred class means from a simplex equiangular tight frame; 0 on it.
    nc3, nc3_frame : float
        Distance between the head and the (centred; uncentred) class means, both scaled to norm 1; 0 when aligned.
    nc4 : float
        Share of samples on which the head agrees with the nearest class mean; 1 at collapse.
    frame, frame_equinorm, frame_cosine : float
        Distance of the uncentred class means from an orthogonal frame of equal norms; 0 on it.
    classes : tuple
        The labels, in the order of the columns of ``weights``.

    Notes
    -----
    Status: a record of what :func:`neural_collapse` finds, which states what it rests on. Source: [papyan-2020].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.neural_collapse([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], ["a", "a", "b", "b"])
    >>> found.nc1, round(found.nc2_etf, 6), found.classes
    (0.0, 0.0, ('a', 'b'))
    """

    nc1: float
    nc1_quotient: float
    nc2_equinorm: float
    nc2_cosine: float
    nc2_etf: float
    nc3: float
    nc3_frame: float
    nc4: float
    cdnv: float
    frame: float
    frame_equinorm: float
    frame_cosine: float
    classes: tuple[Any, ...]

    def plot(self, ax: Any = None) -> Any:
        """Draw the distances from collapse, all but ``nc4`` 0 at collapse, which is 1 there; returns the axes."""
        found = {name: value for name, value in self.facts().items() if isinstance(value, float) and np.isfinite(value)}
        return bars(ax, list(found), list(found.values()), "distance from collapse")


@timed("neural_collapse(Z[::4], labels[::4])")
def neural_collapse(
    Z: Any,
    labels: ArrayLike,
    weights: Any = None,
    bias: Any = None,
    *,
    classes: Sequence[Hashable] | None = None,
    time_limit: float | None = None,
) -> NeuralCollapse:
    r"""Neural-collapse metrics NC1-NC4, class-distance normalised variance, and the uncentred frame.

    With class means mu_c, their average mu_G, M the matrix of columns mu_c - mu_G, the within-class covariance
    S_W = (1/n) sum_i (z_i - mu_{c(i)})(.)^T and S_B = (1/C) M M^T:

    * nc1 = tr(S_W S_B^+) / C, nc1_quotient = tr S_W / tr S_B;
    * nc2_equinorm = std/mean of ||mu_c - mu_G||; nc2_cosine = mean over pairs of |cos + 1/(C-1)|;
      nc2_etf = || M^T M/||M^T M||_F - (I - 11^T/C)/sqrt(C-1) ||_F;
    * nc3 = || W/||W||_F - M/||M||_F ||_F^2, and nc3_frame with the uncentred means in place of M;
    * nc4 = share of samples where argmax(W^T z + b) is the class of the nearest mean (ties count as agreement);
    * cdnv = mean over pairs of (var_i + var_j) / (2 ||mu_i - mu_j||^2), var = mean squared distance to the mean;
    * frame_equinorm = std/mean of ||mu_c||, frame_cosine = mean over pairs of |cos(mu_i, mu_j)|,
      frame = || U/||U||_F - I/sqrt(C) ||_F with U the Gram matrix of the uncentred means.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Features, in any unit; all metrics but nc4 ignore a common scale.
    labels : sequence of length n
        Class labels of any type.
    weights : array_like of shape (p, C), optional
        Head, one column per class in the order of ``classes`` (``weights_out`` of a network; the transpose of
        torch's ``Linear.weight``). Without it nc3 and nc4 are NaN.
    bias : array_like of shape (C,), optional
        Bias of the head.
    classes : sequence, optional
        All classes in order; default the labels that occur, sorted.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    NeuralCollapse

    Raises
    ------
    InvalidInputError
        For fewer than two classes, a class without samples, or shapes that do not fit.

    Notes
    -----
    mu_G is the mean of the class means, not of the samples, so that classes of unequal size count alike. NaN stands
    for what has no value: directions of zero vectors (nc2_cosine, frame_cosine), nc1 and its quotient when all class
    means coincide, and cdnv when two coincide and their classes do not vary.

    Source: [papyan-2020].
    Status: theorem (definitions; singular values of M below 1e-10 of the largest count as zero).

    Examples
    --------
    >>> neural_collapse([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], ["a", "a", "b", "b"]).nc1
    0.0
    """
    Z = as_matrix(Z, "Z")
    groups = as_groups(labels, len(Z), classes=classes)
    C = len(groups.names)
    if C < 2:
        raise InvalidInputError(
            explain("at least two classes", f"{C} ({groups.names[0]!r})", "collapse compares classes")
        )
    # everything but the logits is free of scale, and no square of features of size 1 over- or underflows
    unit, scale = scaled(Z)
    means = groups.means(unit)
    centred = means - mean_row(means)
    within = unit - means[groups.codes]
    nc1, quotient = _within_between(within, centred)
    # at the simplex all cosines are -1/(C - 1); centred means that are rounding of the means have none
    equinorm, cosine = _norms_and_cosines(centred, -1.0 / (C - 1), scale=float(np.abs(means).max()))
    frame_equinorm, frame_cosine = _norms_and_cosines(means, 0.0)
    # both targets have Frobenius norm 1, as has what is compared with them: only the shape of the means counts
    simplex = (np.eye(C) - 1.0 / C) / np.sqrt(C - 1)
    W, b = _head(weights, bias, Z.shape[1], groups)
    return NeuralCollapse(
        nc1=nc1,
        nc1_quotient=quotient,
        nc2_equinorm=equinorm,
        nc2_cosine=cosine,
        nc2_etf=_distance(centred @ centred.T, simplex),
        nc3=np.nan if W is None else _misalignment(W.T, centred),
        nc3_frame=np.nan if W is None else _misalignment(W.T, means),
        # a bias fixes the unit of the logits: weights take back what the features were divided by
        nc4=np.nan if W is None else _agreement(unit, means, W * scale, b),
        cdnv=_cdnv(within, means, groups),
        frame=_distance(means @ means.T, np.eye(C) / np.sqrt(C)),
        frame_equinorm=frame_equinorm,
        frame_cosine=frame_cosine,
        classes=groups.names,
    )


def _within_between(within: Array, centred: Array) -> tuple[float, float]:
    """tr(S_W S_B^+)/C and tr S_W / tr S_B, without forming p x p matrices."""
    C, n = len(centred), len(within)
    # centred means span at most C - 1 directions: the inverse of S_B lives on those alone
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    if sizes[0] <= 1e-14:  # features are scaled to 1: equal means up to rounding
        return np.nan, np.nan
    # centred means sum to zero, so the C-th singular value is rounding, however large it is beside the others
    kept = (sizes > float(RANK) * sizes[0]) & (np.arange(len(sizes)) < C - 1)
    spread = np.sum((within @ directions[kept].T) ** 2, axis=0) / n
    nc1 = float(np.sum(spread / (sizes[kept] ** 2 / C)) / C)
    return nc1, float(np.sum(within**2) / n / (np.sum(sizes**2) / C))


def _norms_and_cosines(rows: Array, target: float, scale: float = 1.0) -> tuple[float, float]:
    """Coefficient of variation of the norms, and mean deviation of the pairwise cosines from a target."""
    norms = np.linalg.norm(rows, axis=1)
    if norms.max() <= 1e-14 * scale:
        return np.nan, np.nan
    variation = float(norms.std() / norms.mean())
    # a mean at the origin has a norm that counts, but no direction
    if norms.min() <= float(RANK) * norms.max():
        return variation, np.nan
    units = rows / norms[:, None]
    above = np.triu_indices(len(rows), 1)
    return variation, float(np.mean(np.abs((units @ units.T)[above] - target)))


def _distance(A: Array, target: Array) -> float:
    """Frobenius distance of A, scaled to norm 1, from a target of norm 1."""
    size = float(np.linalg.norm(A))
    # A is a Gram matrix, so the limit is the square of that of the means
    return np.nan if size <= 1e-28 else float(np.linalg.norm(A / size - target))


def _misalignment(head: Array, means: Array) -> float:
    """Squared Frobenius distance of two matrices scaled to norm 1; the head may be of any size."""
    # largest entry first: the square of a huge or tiny head leaves float64
    head = head / (float(np.abs(head).max()) or 1.0)
    size, other = float(np.linalg.norm(head)), float(np.linalg.norm(means))
    if size == 0.0 or other <= 1e-14:
        return np.nan
    return float(np.linalg.norm(head / size - means / other) ** 2)


def _head(weights: Any, bias: Any, p: int, groups: Groups) -> tuple[Array | None, Array]:
    """Weights (p, C) and bias (C,) of the head, checked."""
    C = len(groups.names)
    if weights is None:
        if bias is not None:
            raise InvalidInputError(explain("weights with the bias", "a bias alone", "", "weights=..."))
        return None, np.zeros(C)
    W = as_matrix(weights, "weights")
    # before the shape as a whole: columns of absent classes need another remedy than a transposed matrix
    if W.shape[0] == p and W.shape[1] > C:
        raise InvalidInputError(
            explain(
                f"one column of weights per class that occurs ({C})",
                f"{W.shape[1]} columns",
                "a class without samples has no mean",
                "drop the columns of absent classes, or pass classes=... to name them",
            )
        )
    if W.shape != (p, C):
        raise InvalidInputError(
            explain(
                f"weights of shape ({p}, {C}), one column per class",
                f"shape {W.shape}",
                "torch's Linear.weight is the transpose",
                "weights.T",
            )
        )
    b = np.zeros(C) if bias is None else as_matrix(bias, "bias", allow_vector=True).reshape(-1)
    if b.shape != (C,):
        raise InvalidInputError(explain(f"bias of shape ({C},), one entry per class", f"shape {np.shape(bias)}"))
    return W, b


def _agreement(Z: Array, means: Array, W: Array, b: Array) -> float:
    """Share of rows where a class with the largest logit is also one with the nearest mean."""
    logits = Z @ W + b
    # equal logits and equal distances differ by the rounding of their sums; in a tie every class has its say
    room = 1e-12 * (np.abs(Z) @ np.abs(W) + np.abs(b)).max(axis=1, keepdims=True)
    chosen = logits >= logits.max(axis=1, keepdims=True) - room
    # ||z - mu||^2 up to the part all classes share
    near = 2.0 * Z @ means.T - np.sum(means**2, axis=1)
    slack = 1e-12 * (2.0 * np.abs(Z) @ np.abs(means.T) + np.sum(means**2, axis=1)).max(axis=1, keepdims=True)
    nearest = near >= near.max(axis=1, keepdims=True) - slack
    return float(np.mean(np.any(chosen & nearest, axis=1)))


def _cdnv(within: Array, means: Array, groups: Groups) -> float:
    variance = np.bincount(groups.codes, np.sum(within**2, axis=1)) / groups.counts
    i, j = np.triu_indices(len(means), 1)
    apart = np.sum((means[i] - means[j]) ** 2, axis=1)
    # equal means: infinite where the classes spread, undefined where they do not
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean((variance[i] + variance[j]) / (2.0 * apart)))
