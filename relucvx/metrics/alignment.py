"""Similarity of two representations of the same samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.metrics.groups import as_gram
from relucvx.types import Array
from relucvx.validation import as_matrix


def cka(Z1: Any = None, Z2: Any = None, *, kernel1: Any = None, kernel2: Any = None, debiased: bool = False) -> float:
    """Centred kernel alignment, <H K1 H, H K2 H>_F / (||H K1 H||_F ||H K2 H||_F) with H = I - 11^T/n.

    Parameters
    ----------
    Z1, Z2 : array_like of shapes (n, p1) and (n, p2), optional
        Two representations of the same n samples (linear kernel).
    kernel1, kernel2 : array_like of shape (n, n), optional
        Gram matrices in their place; either side may be given by features or by kernel.
    debiased : bool, default False
        Whether the three inner products are replaced by unbiased estimates, which are 0 on average for unrelated
        features however many there are; the result may be negative. Needs n >= 4.

    Returns
    -------
    float
        Between 0 and 1 (biased form); 1 for representations equal up to rotation, scale and shift; NaN when one side
        does not vary, or when an unbiased estimate of its norm is not positive.

    Raises
    ------
    InvalidInputError
        For sides that are not given once each, different numbers of samples, or debiased with n < 4.

    Notes
    -----
    No constant is added to the denominator, so the scale of the features does not matter. With features on both sides
    and fewer of them than samples, p x p matrices are formed in place of n x n ones.

    Source: [kornblith-2019].
    Status: theorem (a definition).
    """
    if not debiased and kernel1 is None and kernel2 is None and Z1 is not None and Z2 is not None:
        A, B = _centred_features(Z1, "Z1"), _centred_features(Z2, "Z2")
        _check_rows(A, B)
        if max(A.shape[1], B.shape[1]) <= len(A):
            inner = np.linalg.norm(A.T @ B) ** 2
            return _ratio(float(inner), float(np.linalg.norm(A.T @ A)), float(np.linalg.norm(B.T @ B)))
        K1, K2 = A @ A.T, B @ B.T
    else:
        K1, K2 = _centred_kernel(Z1, kernel1, "cka"), _centred_kernel(Z2, kernel2, "cka")
        _check_rows(K1, K2)
    if not debiased:
        return _ratio(float(np.sum(K1 * K2)), float(np.linalg.norm(K1)), float(np.linalg.norm(K2)))
    if len(K1) < 4:
        raise InvalidInputError(explain("at least 4 samples for the unbiased estimate", f"{len(K1)}"))
    if min(float(np.abs(K1).max()), float(np.abs(K2).max())) <= 1e-13:
        return np.nan
    squares = _unbiased(K1, K1), _unbiased(K2, K2)
    if squares[0] <= 1e-12 * np.sum(K1**2) or squares[1] <= 1e-12 * np.sum(K2**2):
        return np.nan
    return float(_unbiased(K1, K2) / np.sqrt(squares[0] * squares[1]))


def _centred_features(Z: Any, name: str) -> Array:
    """Columns of mean zero, scaled to size 1 first so that nothing over- or underflows."""
    Z = as_matrix(Z, name)
    Z = Z / (float(np.abs(Z).max()) or 1.0)
    return Z - Z.mean(axis=0)


def _centred_kernel(Z: Any, kernel: Any, wanted: str) -> Array:
    if kernel is None and Z is not None:
        rows = _centred_features(Z, "Z")
        return rows @ rows.T
    K = as_gram(Z, kernel, wanted)
    K = K / (float(np.abs(K).max()) or 1.0)
    return K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()


def _check_rows(A: Array, B: Array) -> None:
    if len(A) != len(B):
        raise InvalidInputError(
            explain("two representations of the same samples", f"{len(A)} and {len(B)} rows", "one is transposed")
        )


def _ratio(inner: float, first: float, second: float) -> float:
    # features and kernels are scaled to 1: below this they are the rounding of a constant
    if min(first, second) <= 1e-13:
        return np.nan
    return min(inner / first / second, 1.0)


def _unbiased(K: Array, L: Array) -> float:
    """Unbiased estimate of the inner product of two centred kernels, up to a factor of n alone (Song et al. 2012)."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    total = np.sum(K * L) + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2.0 * K.sum(axis=0) @ L.sum(axis=1) / (n - 2)
    return float(total)
