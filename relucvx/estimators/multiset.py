"""Samples as a multiset: what an estimator solves depends on which rows there are and how often, and on nothing else."""

from __future__ import annotations

import numpy as np

from relucvx.types import Array


def as_multiset(X: Array, Y: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Distinct pairs of rows in sorted order, each with the total of its weights; rows without weight are left out.

    ``Σ_i w_i h(f(x_i), y_i)`` is the same sum. Rows in another order, a row twice or with twice the weight, and rows of weight
    zero then give the same numbers to the last digit, and so the same network.

    Parameters
    ----------
    X : (n, d) array
    Y : (n, c) array
    weight : (n,) array
        Non-negative, not all zero.

    Returns
    -------
    X : (k, d) array
    Y : (k, c) array
    weight : (k,) array

    Notes
    -----
    Status: theorem (a sum in another order; weights that are no integers are added with rounding). Source: [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.estimators.multiset import as_multiset
    >>> X, Y = np.array([[2.0], [1.0], [2.0], [3.0]]), np.array([[5.0], [4.0], [5.0], [6.0]])
    >>> [part.tolist() for part in as_multiset(X, Y, np.array([1.0, 2.0, 1.0, 0.0]))]
    [[[1.0], [2.0]], [[4.0], [5.0]], [2.0, 2.0]]
    """
    kept = weight > 0.0
    # adding zero makes -0.0 the zero that it equals
    rows, weight = np.column_stack([X[kept], Y[kept]]) + 0.0, weight[kept]
    distinct, group = np.unique(rows, axis=0, return_inverse=True)
    group = group.ravel()
    # weights of equal rows are added from the least to the largest, wherever they stood
    order = np.lexsort((weight, group))
    total = np.bincount(group[order], weight[order], len(distinct))
    d = X.shape[1]
    return np.ascontiguousarray(distinct[:, :d]), np.ascontiguousarray(distinct[:, d:]), np.asarray(total, dtype=float)
