"""Dimension of a representation."""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.metrics.groups import as_gram
from relucvx.validation import as_matrix


def participation_ratio(Z: Any = None, kernel: Any = None, centred: bool = True) -> float:
    """Participation ratio PR = (tr S)^2 / tr S^2 of the covariance S, or of the kernel: between 1 and the rank.

    Parameters
    ----------
    Z : array_like of shape (n, p), optional
        Features, one row per sample.
    kernel : array_like of shape (n, n), optional
        Gram matrix Z Z^T in place of Z.
    centred : bool, default True
        Whether the mean row is removed first (the kernel becomes H K H with H = I - 11^T/n).

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
    """
    if kernel is None and Z is not None:
        rows = as_matrix(Z, "Z")
        size = float(np.abs(rows).max())
        rows = rows / (size or 1.0)
        if centred:
            rows = rows - rows.mean(axis=0)
        S = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
    else:
        S = as_gram(Z, kernel, "participation_ratio")
        S = S / (float(np.abs(S).max()) or 1.0)
        if centred:
            S = S - S.mean(axis=0) - S.mean(axis=1)[:, None] + S.mean()
    trace, square = float(np.trace(S)), float(np.sum(S**2))
    # features are scaled to 1, so what is left of constant features is their rounding
    return np.nan if trace <= 1e-26 * len(S) else trace**2 / square
