"""Several tests at a time: p-values corrected for their number."""

from __future__ import annotations

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_numpy


def holm(p_values: ArrayLike) -> Array:
    """P-values corrected for their number by Holm's step-down method.

    In increasing order, p~_(i) = min(1, max over j <= i of (m - j + 1) p_(j)). Rejecting where p~ <= a rejects any true
    hypothesis with probability at most a, however the tests depend on each other.

    Parameters
    ----------
    p_values : array_like of shape (m,)
        Numbers between 0 and 1; NaN for what was not tested, which stays NaN and does not count.

    Returns
    -------
    ndarray of shape (m,)
        In the order given.

    Raises
    ------
    InvalidInputError
        For numbers outside [0, 1], or another shape.

    Notes
    -----
    Source: [holm-1979]. Status: theorem.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = as_numpy(p_values, "p_values")
    if raw.ndim != 1 or raw.dtype.kind not in "biuf":
        raise InvalidInputError(explain("p_values of shape (m,)", f"shape {raw.shape}, dtype {raw.dtype}"))
    p = raw.astype(float)
    known = np.flatnonzero(~np.isnan(p))
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise InvalidInputError(explain("p_values between 0 and 1", f"{p[known].min():g} to {p[known].max():g}"))
    order = known[np.argsort(p[known], kind="stable")]
    # a larger p-value never ends below a smaller one
    p[order] = np.minimum(1.0, np.maximum.accumulate(np.arange(len(order), 0, -1) * p[order]))
    return p
