"""Linear dimension of a representation: functions of its singular values."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_flag, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.samples.groups import as_gram
from relucvx.metrics.samples.scaling import centred_kernel, mean_row, scaled
from relucvx.metrics.scales import Count, Level
from relucvx.tolerances import EPS
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_matrix, as_positive


@timed("participation_ratio(Z[::4])")
def participation_ratio(
    Z: ArrayLike | None = None, kernel: Any = None, centred: bool = True, *, time_limit: float | None = None
) -> float:
    """Participation ratio PR = (tr S)^2 / tr S^2 of the covariance S, or of the kernel: between 1 and the rank.

    Parameters
    ----------
    Z : array_like of shape (n, p), optional
        Features, one row per sample.
    kernel : array_like of shape (n, n), optional
        Gram matrix Z Z^T in place of Z.
    centred : bool, default True
        Whether the mean row is removed first (the kernel becomes H K H with H = I - 11^T/n).
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    float
        NaN when nothing varies.

    Raises
    ------
    InvalidInputError
        For both or neither of Z and kernel, or a kernel that is not symmetric.

    Notes
    -----
    The covariance and the Gram matrix have the same non-zero eigenvalues, so both routes agree; the smaller matrix
    is formed.

    Source: [relucvx].
    Status: theorem (a definition).

    Examples
    --------
    >>> cross = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    >>> round(participation_ratio(cross), 12)
    2.0
    """
    if kernel is None and Z is not None:
        rows, _ = scaled(as_matrix(Z, "Z"))
        if as_flag(centred, "centred"):
            rows = rows - mean_row(rows)
        # both traces are the same for Z Zᵀ and Zᵀ Z: the smaller one is formed
        S = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    else:
        S = as_gram(Z, kernel, "participation_ratio")
        S = centred_kernel(S) if centred else scaled(S)[0]
    trace, square = float(np.trace(S)), float(np.sum(S**2))
    # features are scaled to 1, so what is left of constant features is their rounding
    return Level(np.nan if trace <= 1e-26 * len(S) else trace**2 / square, "participation_ratio")


@timed("effective_rank(Z[::4])")
def effective_rank(
    Z: ArrayLike | None = None, kernel: Any = None, centred: bool = True, *, time_limit: float | None = None
) -> float:
    """Effective rank exp(-sum_i p_i log p_i) with p_i = s_i / sum_j s_j of the singular values s: between 1 and the rank.

    Parameters
    ----------
    Z : array_like of shape (n, p), optional
        Features, one row per sample.
    kernel : array_like of shape (n, n), optional
        Gram matrix Z Z^T in place of Z.
    centred : bool, default True
        Whether the mean row is removed first. Roy and Vetterli define it for the matrix as it is: ``centred=False``.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    float
        r for r equal singular values; NaN when nothing varies.

    Raises
    ------
    InvalidInputError
        For both or neither of Z and kernel, or a kernel that is not symmetric or has a negative eigenvalue.

    Notes
    -----
    The entropy is that of singular values, not of variances: small directions weigh more than in the participation
    ratio, which is never larger.

    Source: [roy-2007].
    Status: theorem (a definition; singular values at the level of rounding count as zero).

    Examples
    --------
    >>> import relucvx as rx
    >>> round(rx.metrics.effective_rank([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 9)
    2.0
    """
    return rank_of_entropy(_singular_values(Z, kernel, centred, "effective_rank"))


def rank_of_entropy(values: Array) -> float:
    """:func:`effective_rank` of singular values."""
    # p log p is 0 at 0
    values = values[values > 0]
    if len(values) == 0:
        return Level(np.nan, "effective_rank")
    shares = values / values.sum()
    return Level(np.exp(-np.sum(shares * np.log(shares))), "effective_rank")


@timed("numerical_rank(Z[::4])")
def numerical_rank(
    Z: ArrayLike | None = None,
    kernel: Any = None,
    centred: bool = True,
    *,
    tolerance: float | None = None,
    spectrum: Literal["singular", "covariance"] = "singular",
    time_limit: float | None = None,
) -> int:
    """Numerical rank: number of singular values above ``tolerance`` times the largest.

    Parameters
    ----------
    Z : array_like of shape (n, p), optional
        Features, one row per sample.
    kernel : array_like of shape (n, n), optional
        Gram matrix Z Z^T in place of Z.
    centred : bool, default True
        Whether the mean row is removed first.
    tolerance : float, optional
        Between 0 and 1, relative to the largest value of the spectrum. By default only what rounding may have made is
        left out: max(n, p) eps times the size of the features before centring, or for a kernel its square root.
    spectrum : {"singular", "covariance"}, default "singular"
        Whether ``tolerance`` is for the singular values of the features, or for the eigenvalues of their covariance,
        which are the squares.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    int
        0 when nothing varies.

    Raises
    ------
    InvalidInputError
        As :func:`effective_rank`; for a tolerance outside [0, 1) or an unknown spectrum.

    Notes
    -----
    The tunnel effect is described by the number of singular values of the sample covariance above a threshold:
    ``numerical_rank(Z, tolerance=1e-3, spectrum="covariance")``. There 1e-3 of the largest is 0.032 of the largest
    singular value of the features; which threshold to take is left to the caller. Every choice ignores the scale.

    Source: [masarczyk-2023].
    Status: heuristic (where to cut is a choice; the count is exact up to rounding).

    Examples
    --------
    >>> numerical_rank([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    1
    """
    if not is_word(spectrum, ("singular", "covariance")):
        raise InvalidInputError(explain('spectrum "singular" or "covariance"', repr(spectrum)))
    limit = 0.0 if tolerance is None else as_positive(tolerance, "tolerance", allow_zero=True)
    if limit >= 1.0:
        raise InvalidInputError(explain("tolerance below 1, relative to the largest value", repr(tolerance)))
    values = _singular_values(Z, kernel, centred, "numerical_rank")
    return rank_above(values, limit, spectrum)


def ranks(Z: Array, limit: float) -> tuple[float, int]:
    """:func:`effective_rank`, and :func:`numerical_rank` of the covariance, from one decomposition."""
    values = _singular_values(Z, None, True, "ranks")
    return rank_of_entropy(values), rank_above(values, limit, "covariance")


def rank_above(values: Array, limit: float, spectrum: str) -> int:
    """:func:`numerical_rank` of singular values."""
    relative = values / (float(values.max()) or 1.0)
    count = np.count_nonzero((relative if spectrum == "singular" else relative**2) > limit)
    return Count(int(count), "numerical_rank")


def _singular_values(Z: Any, kernel: Any, centred: bool, wanted: str) -> Array:
    """Singular values of the features, up to their size; 0 where they are at the level of rounding."""
    if kernel is None and Z is not None:
        rows, _ = scaled(as_matrix(Z, "Z"))
        # what centring takes away leaves its rounding behind
        floor = max(rows.shape) * EPS * float(np.linalg.norm(rows))
        if as_flag(centred, "centred"):
            rows = rows - mean_row(rows)
        values = np.linalg.svd(rows, compute_uv=False)
        return np.where(values > floor, values, 0.0)
    K, _ = scaled(as_gram(Z, kernel, wanted))
    # eigenvalues are squares: what a kernel shows of small singular values ends at the root of its rounding
    floor = len(K) * EPS * float(np.linalg.norm(K))
    if centred:
        K = centred_kernel(K)
    squares = np.linalg.eigvalsh(K)
    # a little below zero is rounding; more than that is no Gram matrix, and its roots mean nothing
    if squares[0] < -max(1e-8 * squares[-1], floor):
        raise InvalidInputError(
            explain(
                "a kernel without negative eigenvalues", f"smallest eigenvalue {squares[0]:.3g}", "not a Gram matrix"
            )
        )
    return np.sqrt(np.where(squares > floor, squares, 0.0))
