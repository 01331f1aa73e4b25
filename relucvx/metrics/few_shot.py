"""Few-shot learning from geometry: signal-to-noise ratio of prototype learning between two classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtr

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.figures import picture
from relucvx.metrics.samples.blocks import overlaps
from relucvx.metrics.samples.groups import as_groups
from relucvx.metrics.samples.scaling import mean_row, scaled
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_count, as_matrix

FORMS = ("exact", "short")


@dataclass(frozen=True)
class FewShot(OnScale, Result, of="few_shot_snr"):
    """Prototype learning between two classes, for test samples of the first.

    Attributes
    ----------
    snr : float
        Signal-to-noise ratio; infinite (of the sign of the signal) without noise, NaN without either.
    error : float
        Predicted share of test samples of class a taken for class b, H(snr) = erfc(snr / sqrt 2) / 2.
    signal : float
        |mu_a - mu_b|^2 / R_a^2.
    bias : float
        R_b^2 / R_a^2 - 1: a wider class b leaves more room for class a.
    dimension : float
        Participation ratio of class a.

    Notes
    -----
    Status: a record of what :func:`few_shot_snr` finds, which states what it rests on. Source: [sorscher-2022].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> found = rx.metrics.few_shot_snr(rng.standard_normal((50, 5)), 3.0 + rng.standard_normal((50, 5)), m=5)
    >>> bool(found.snr > 1), bool(found.error < 0.05), bool(found.dimension > 4)
    (True, True, True)
    """

    snr: float
    error: float
    signal: float
    bias: float
    dimension: float


@dataclass(frozen=True)
class FewShotMatrix(OnScale, Result, of="few_shot_matrix"):
    """Prototype learning between all pairs of classes.

    Attributes
    ----------
    snr, error : ndarray of shape (C, C)
        Entry (a, b) for test samples of class a against class b; NaN on the diagonal.
    mean_error : float
        Average of ``error`` over the pairs.
    classes : tuple
        The labels, in the order of rows and columns.

    Notes
    -----
    Status: a record of what :func:`few_shot_matrix` finds, which states what it rests on. Source: [sorscher-2022].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng, labels = np.random.default_rng(0), np.repeat(["a", "b", "c"], 20)
    >>> found = rx.metrics.few_shot_matrix(rng.standard_normal((60, 4)) + 5 * (labels == "a")[:, None], labels)
    >>> found.classes, found.snr.shape, bool(found.error[0, 1] < found.error[1, 2])
    (('a', 'b', 'c'), (3, 3), True)
    """

    snr: Array
    error: Array
    mean_error: float
    classes: tuple[Any, ...]

    def records(self) -> Iterable[dict[str, Any]]:
        """One row per ordered pair of different classes."""
        for i, j in np.argwhere(~np.eye(len(self.classes), dtype=bool)):
            pair = {"class": self.classes[i], "against": self.classes[j]}
            yield {**pair, "snr": float(self.snr[i, j]), "error": float(self.error[i, j])}

    def plot(self, ax: Any = None) -> Any:
        """Draw the predicted errors; returns the axes."""
        ax = picture(ax, self.error, self.classes, self.classes, "predicted error")
        ax.set(xlabel="taken for", ylabel="class")
        return ax


@timed("few_shot_snr(Z_a[::4], Z_b[::4])")
def few_shot_snr(
    Z_a: Any, Z_b: Any, m: int = 1, *, form: Literal["exact", "short"] = "exact", time_limit: float | None = None
) -> FewShot:
    r"""Signal-to-noise ratio of telling class a from class b by the nearer of two means of m samples each.

    A sample x of class a is right when h = |x - p_b|^2/2 - |x - p_a|^2/2 > 0, with the prototypes p_a and p_b the
    means of m fresh samples. With means mu, covariances S, R^2 = tr S and d = mu_a - mu_b, snr = E h / sqrt(Var h):

    * E h = (|d|^2 + (R_b^2 - R_a^2)/m) / 2;
    * Var h = d'S_a d + d'S_b d/m + tr S_a^2/m + tr(S_a S_b)/m + (tr S_a^2 + tr S_b^2)/(2 m^2) for Gaussian classes;
      the short form leaves out the last term.

    Parameters
    ----------
    Z_a, Z_b : array_like of shapes (n_a, p) and (n_b, p)
        Samples of the two classes, in the same features.
    m : int, default 1
        Samples per prototype.
    form : {"exact", "short"}, default "exact"
        ``"short"`` is the formula of public code, 1/2 [|d|^2/R_a^2 + (R_b^2/R_a^2 - 1)/m] / sqrt(1/(D_a m) + ...), in
        units of R_a^2 with D_a the participation ratio. It predicts too small errors for small m.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    FewShot

    Raises
    ------
    InvalidInputError
        For different numbers of features, m below 1, or an unknown form.

    Notes
    -----
    Covariances divide by the number of samples: the moments are those of the samples given. Rotations, shifts and a
    common scale of both classes change nothing; classes of the same covariance have snr_ab = snr_ba.

    The error takes h for Gaussian, which it becomes with many dimensions. For D = 20, m = 1, equal means and standard
    deviations 1 and 1.5, an error of .125 is predicted as .132 by the exact moments and as .061 by the short form; for
    deviations 1 and 2, h is skewed and .017 is predicted as .034 and .001.

    Source: [sorscher-2022].
    Status: theorem (the moments of Gaussian classes, ``"exact"``); the error and ``"short"`` are heuristic.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> rng = np.random.default_rng(0)
    >>> A, B = rng.standard_normal((50, 5)), 1.0 + rng.standard_normal((50, 5))
    >>> bool(rx.metrics.few_shot_snr(A, B, m=10).error < rx.metrics.few_shot_snr(A, B, m=1).error)  # more shots
    True
    """
    m = _checked(m, form)
    A, B = as_matrix(Z_a, "Z_a"), as_matrix(Z_b, "Z_b")
    if A.shape[1] != B.shape[1]:
        raise InvalidInputError(
            explain("both classes in the same features", f"{A.shape[1]} and {B.shape[1]} columns", "one is transposed")
        )
    # one unit for both classes, which the ratio does not see
    size = max(float(np.abs(A).max()), float(np.abs(B).max())) or 1.0
    a, b = _Class.of(A / size), _Class.of(B / size)
    return _few_shot(a, b, overlaps([a.rows, b.rows]), m, form)


@timed("few_shot_matrix(Z[::4], labels[::4])")
def few_shot_matrix(
    Z: Any,
    labels: ArrayLike,
    m: int = 1,
    *,
    form: Literal["exact", "short"] = "exact",
    time_limit: float | None = None,
) -> FewShotMatrix:
    """Signal-to-noise ratios and predicted errors of m-shot prototype learning between all classes.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Features.
    labels : sequence of length n
        Class labels of any type.
    m, form
        As in :func:`few_shot_snr`.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    FewShotMatrix

    Raises
    ------
    InvalidInputError
        For fewer than two classes, labels that do not fit, m below 1, or an unknown form.

    Notes
    -----
    Source: [sorscher-2022].
    Status: heuristic (as the error of :func:`few_shot_snr`).

    Examples
    --------
    >>> import relucvx as rx
    >>> Z = [[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [9.0, 1.0]]
    >>> print(f"{rx.metrics.few_shot_matrix(Z, [0, 0, 1, 1], m=5).mean_error:.4f}")
    0.0000
    """
    m = _checked(m, form)
    Z = as_matrix(Z, "Z")
    groups = as_groups(labels, len(Z))
    C = len(groups.names)
    if C < 2:
        raise InvalidInputError(explain("at least two classes", f"{C} ({groups.names[0]!r})"))
    Z, _ = scaled(Z)
    classes = [_Class.of(Z[groups.codes == c]) for c in range(C)]
    snr, error = np.full((C, C), np.nan), np.full((C, C), np.nan)
    shared = overlaps([one.rows for one in classes])
    for a, b in zip(*np.nonzero(~np.eye(C, dtype=bool)), strict=True):
        pair = _few_shot(classes[a], classes[b], shared[np.ix_([a, b], [a, b])], m, form)
        snr[a, b], error[a, b] = pair.snr, pair.error
    return FewShotMatrix(snr, error, float(error[~np.eye(C, dtype=bool)].mean()), groups.names)


@dataclass(frozen=True)
class _Class:
    """Mean, centred samples over sqrt(n) (so that S = rows' rows), and trace of S."""

    mean: Array
    rows: Array
    trace: float

    @classmethod
    def of(cls, Z: Array) -> _Class:
        mean = mean_row(Z)
        rows = (Z - mean) / np.sqrt(len(Z))
        # what is left of equal samples after centring is their rounding
        rows[:, np.abs(rows).max(axis=0) <= 1e-15 * np.abs(mean)] = 0.0
        return cls(mean, rows, float(np.sum(rows**2)))

    def along(self, d: Array) -> float:
        """d' S d."""
        return float(np.sum((self.rows @ d) ** 2))


def _few_shot(a: _Class, b: _Class, shared: Array, m: int, form: str) -> FewShot:
    """Class a against class b; ``shared`` (2, 2) has tr S_a^2, tr S_a S_b and tr S_b^2."""
    (square, cross), (_, other) = shared.tolist()
    d = a.mean - b.mean
    distance = float(d @ d)
    # a prototype is off its mean by trace/m in the mean square, which favours the class with less spread
    mean = (distance + (b.trace - a.trace) / m) / 2.0
    variance = a.along(d) + (b.along(d) + square + cross) / m
    # terms in 1/m² are the first to vanish: the short form does without them
    if form == "exact":
        variance += (square + other) / (2.0 * m**2)
    # classes of one point have no variance: quotients are infinite or undefined, and stay so
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = float(np.divide(mean, np.sqrt(variance)))
        signal, spread = np.divide([distance, b.trace], a.trace).tolist()
        dimension = float(np.divide(a.trace**2, square))
    return FewShot(snr, _tail(snr), signal, spread - 1.0, dimension)


def _tail(snr: float) -> float:
    return float(ndtr(-snr))


def _checked(m: Any, form: Any) -> int:
    if not is_word(form, FORMS):
        raise InvalidInputError(explain('form "exact" or "short"', repr(form)))
    return as_count(m, "m", cause="m is the number of samples per prototype")
