"""Closed forms on whitened inputs, X X^T = I: classes, sign-definite singular vectors, one output.

With orthonormal rows the preactivation h costs ||h||² >= ||relu(h)||², so the linear network is a lower bound for the
ReLU network, attained exactly when the linear optimum's kernel (K_Y^(1/2) - beta I)_+ is a sum of u u^T with u >= 0.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from relucvx.kernel.mean_field import optimal_readout
from relucvx.kernel.prediction import (
    Prediction,
    add_note,
    as_one_hot,
    as_targets,
    build_prediction,
    network_from_hidden,
    whitened_condition,
)
from relucvx.types import Array, ArrayLike
from relucvx.validation import as_positive

SIGN = 1e-9
"""Entries of unit vectors or relative entries of a kernel below this count as zero when signs are tested."""

DEGENERATE = 1e-9
"""Singular values closer than this, relative to the largest, share a subspace."""

UNIQUE_WHITENED = "theorem, kernel included: its shifted square (K + beta I)² is fixed by the unique residual"


def shrunk_value(sigma: Array, beta: float) -> float:
    """Sum over sigma >= 0 of min_s (s - sigma)²/2 + beta·s: beta·sigma - beta²/2 above beta, sigma²/2 below.

    Notes
    -----
    Source: [wang-2025], [relucvx].
    Status: theorem.
    """
    return float(np.where(sigma > beta, beta * sigma - beta**2 / 2, sigma**2 / 2).sum())


def predict_one_hot(labels: ArrayLike, beta: float, X: Any = None) -> Prediction:
    """Neural collapse of any class sizes: K = Σ_k (sqrt(n_k) - beta)_+/n_k · 1_k 1_k^T for one-hot Y and X X^T = I.

    Parameters
    ----------
    labels : array_like of shape (n,) or (n, c)
        Class labels, or one-hot rows.
    beta : float
        Strength of the weight decay, > 0.
    X : array_like of shape (n, d), optional
        Inputs; None assumes X X^T = I.

    Returns
    -------
    Prediction
        p* = Σ_k beta·sqrt(n_k) - beta²/2 (n_k/2 for classes with sqrt(n_k) <= beta, which vanish: minority collapse);
        beta_max = max_k sqrt(n_k). The network has one neuron per surviving class. The uncentred kernel is an
        orthogonal frame and proportional to K_Y only for balanced classes; the simplex ETF appears after removing
        the global mean.

    Raises
    ------
    InvalidInputError
        For malformed arrays or beta <= 0. Rows that are not one-hot are a failed condition instead.

    Notes
    -----
    Source: [wang-2025], [relucvx].
    Status: theorem (whitened one-hot data, squared loss, no bias), uniqueness included.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> found = rx.kernel.predict_one_hot(data.Y, beta=0.2, X=data.X)
    >>> found.applicable, found.unique, round(found.objective, 6)
    (True, True, 0.525685)
    >>> print(f"{rx.solve(data.X, data.Y, 0.2).objective:.6f}")
    0.525685
    """
    beta = as_positive(beta, "beta")
    Y = as_one_hot(labels)
    n = len(Y) if Y is not None else len(as_targets(labels))
    X, conditions, note = whitened_condition(X, n)
    conditions = {"one-hot rows": Y is not None, **conditions}
    common: dict[str, Any] = {"source": "wang-2025, relucvx", "status": UNIQUE_WHITENED}
    if Y is None:
        return build_prediction("one-hot", conditions, note=note, **common)
    sizes = Y.sum(axis=0)
    roots = np.sqrt(sizes)
    # small classes vanish one by one, as beta passes the roots of their sizes
    gone = int(((roots <= beta) & (sizes > 0)).sum())
    if gone:
        note = add_note(note, f"minority collapse: {gone} of {int((sizes > 0).sum())} classes vanish")
    return build_prediction("one-hot", conditions, note=note, **_disjoint(X, conditions, Y, roots, Y, beta), **common)


def predict_scalar(y: Any, beta: float, X: Any = None) -> Prediction:
    """One output, X X^T = I: K = Σ_± (t_± - beta)_+/t_±² · y_± y_±^T with y_± = max(±y, 0) and t_± = ||y_±||.

    Parameters
    ----------
    y : array_like of shape (n,) or (n, 1)
        Targets.
    beta : float
        Strength of the weight decay, > 0.
    X : array_like of shape (n, d), optional
        Inputs; None assumes X X^T = I.

    Returns
    -------
    Prediction
        p* = Σ_± beta·t - beta²/2 (t²/2 where t <= beta); beta_max = max(t_+, t_-); at most two neurons.

    Raises
    ------
    InvalidInputError
        For malformed arrays or beta <= 0. Several outputs are a failed condition instead.

    Notes
    -----
    Source: [wang-2025], [relucvx].
    Status: theorem (whitened data, squared loss, no bias), uniqueness included.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.whitened(4)
    >>> found = rx.kernel.predict_scalar(data.Y, beta=0.1, X=data.X)
    >>> bool(abs(rx.solve(data.X, data.Y, 0.1).objective - found.objective) < 1e-6)
    True
    """
    beta = as_positive(beta, "beta")
    Y = as_targets(y)
    X, conditions, note = whitened_condition(X, len(Y))
    conditions = {"one output": Y.shape[1] == 1, **conditions}
    common: dict[str, Any] = {
        "source": "wang-2025, relucvx",
        "status": "theorem, kernel included: each sign of the residual has one best direction",
        "note": note,
    }
    if Y.shape[1] != 1:
        return build_prediction("scalar", conditions, **common)
    parts = np.hstack([np.maximum(Y, 0.0), np.maximum(-Y, 0.0)])
    sizes = np.linalg.norm(parts, axis=0)
    return build_prediction("scalar", conditions, **_disjoint(X, conditions, parts, sizes, Y, beta), **common)


def predict_svd(Y: Any, beta: float, X: Any = None) -> Prediction:
    """Singular-value shrinkage, F = Σ_i (sigma_i - beta)_+ a_i b_i^T, for X X^T = I and Y = Σ_i sigma_i a_i b_i^T.

    Parameters
    ----------
    Y : array_like of shape (n, c)
        Targets; the a_i in R^n are their left (sample-side) singular vectors.
    beta : float
        Strength of the weight decay, > 0.
    X : array_like of shape (n, d), optional
        Inputs; None assumes X X^T = I.

    Returns
    -------
    Prediction
        K = Σ_i (sigma_i - beta)_+ a_i a_i^T, the linear network's kernel, with p* = Σ_i beta·sigma_i - beta²/2
        (sigma_i²/2 where sigma_i <= beta). The form holds iff K is completely positive (K = Σ u u^T, u >= 0). Enough:
        sign-definite a_i wherever sigma_i > beta, up to rotations among equal sigma_i; or K >= 0 entrywise with
        rank K <= 2 or n <= 4. A negative entry of K rules it out: the value is then a strict lower bound. In between
        the condition counts as failed and the note says that it is undecided. ``beta_max`` is that of the linear
        network.

    Raises
    ------
    InvalidInputError
        For malformed arrays or beta <= 0.

    Notes
    -----
    Any network with whitened inputs costs at least the linear optimum, so the value is a lower bound of p* whenever
    X X^T = I, whatever the signs.

    Source: [wang-2025], [relucvx].
    Status: theorem (whitened data, squared loss, no bias), uniqueness included.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Y = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])  # left singular vectors without a negative entry
    >>> found = rx.kernel.predict_svd(Y, beta=0.5, X=np.eye(3))
    >>> found.applicable, bool(abs(rx.solve(np.eye(3), Y, 0.5).objective - found.objective) < 1e-5)
    (True, True)
    """
    beta = as_positive(beta, "beta")
    Y = as_targets(Y)
    X, conditions, note = whitened_condition(X, len(Y))
    A, sigma, _ = np.linalg.svd(Y, full_matrices=False)
    strength = np.maximum(sigma - beta, 0.0)
    kernel = (A * strength) @ A.T
    # optimal where a non-negative factor exists, for only that is a ReLU layer's kernel
    U = _nonnegative_factor(A, sigma, strength)
    holds, why = U is not None, ""
    # a negative entry excludes it for certain
    if U is None and kernel.min() < -SIGN * np.abs(kernel).max():
        why = "K has a negative entry, so the value is a strict lower bound"
    elif U is None:
        holds = len(Y) <= 4  # doubly nonnegative matrices of order 4 are completely positive
        why = "" if holds else "K >= 0, but whether it is completely positive is undecided; a lower bound in any case"
    conditions = {"completely positive kernel": holds, **conditions}
    return build_prediction(
        "svd",
        conditions,
        kernels=(kernel,),
        objective=shrunk_value(sigma, beta),
        unique=True,
        beta_max=sigma.max(),
        source="wang-2025, relucvx",
        status=UNIQUE_WHITENED,
        network=_network(X, conditions, U, Y, beta),
        note=add_note(note, why),
    )


def _disjoint(
    X: Array | None, conditions: dict[str, bool], parts: Array, sizes: Array, Y: Array, beta: float
) -> dict[str, Any]:
    """What targets made of non-negative columns with disjoint supports and norms ``sizes`` predict: one neuron for each."""
    present = sizes > 0
    frame = parts[:, present] / sizes[present]
    strength = np.maximum(sizes[present] - beta, 0.0)
    return {
        "kernels": ((frame * strength) @ frame.T,),
        "objective": shrunk_value(sizes, beta),
        "unique": True,
        "beta_max": sizes.max(),
        "network": _network(X, conditions, frame * np.sqrt(strength), Y, beta),
    }


def _network(X: Array | None, conditions: dict[str, bool], U: Array | None, Y: Array, beta: float) -> Any:
    """The network with hidden layer U >= 0 on whitened X, its readout the ridge regression of Y."""
    if X is None or U is None or not all(conditions.values()):
        return None
    return network_from_hidden(X, U, optimal_readout(U, Y, beta))


def _nonnegative_factor(A: Array, sigma: Array, strength: Array) -> Array | None:
    """U >= 0 with U U^T = A diag(strength) A^T, by sign-definite singular vectors or in a plane; None if not found."""
    alive = int((strength > 0).sum())
    blocks = []
    for group in _groups(sigma[:alive]):
        basis = _nonnegative_basis(A[:, group])
        blocks.append(None if basis is None else basis * np.sqrt(strength[group].mean()))
    if all(block is not None for block in blocks):
        return np.hstack([np.zeros((len(A), 0)), *blocks])  # type: ignore[list-item]
    return _planar_factor(A[:, :alive] * np.sqrt(strength[:alive]))


def _groups(sigma: Array) -> list[slice]:
    """Runs of equal singular values (sorted, largest first)."""
    if sigma.size == 0:
        return []
    cuts = np.flatnonzero(sigma[:-1] - sigma[1:] > DEGENERATE * sigma[0]) + 1
    edges = [0, *cuts.tolist(), len(sigma)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def _nonnegative_basis(A: Array) -> Array | None:
    """Orthonormal non-negative basis of range(A), for orthonormal columns A; None when there is none.

    It exists iff the projector P = A A^T is non-negative: each irreducible block of a symmetric non-negative idempotent
    has a simple Perron eigenvalue 1 and no other, so it is x x^T with x > 0.
    """
    # with disjoint supports column i of the projection is the basis vector of row i, times its entry there
    P = A @ A.T
    if P.min() < -SIGN:
        return None
    out: list[Array] = []
    left = np.diag(P).copy()
    while len(out) < A.shape[1]:
        # the largest entry first, whose root has most digits
        i = int(np.argmax(left))
        x = np.maximum(P[:, i], 0.0) / np.sqrt(P[i, i])
        x[x < SIGN] = 0.0
        out.append(x)
        # the support is taken: other rows of it would give the same vector
        left = np.where(x > 0, -np.inf, left)
    return np.stack(out, axis=1)


def _planar_factor(G: Array) -> Array | None:
    """Rotate G (n, 2) into the non-negative quadrant, which is possible iff G G^T >= 0; None otherwise."""
    if G.shape[1] != 2 or (G @ G.T).min() < -SIGN * np.abs(G).max() ** 2:
        return None
    angles = np.arctan2(G[:, 1], G[:, 0])[np.linalg.norm(G, axis=1) > SIGN * np.abs(G).max()]
    turned = np.mod(angles - angles[0] + np.pi, 2 * np.pi)  # all within 90 degrees of the first: no wrap-around
    low = turned.min() + angles[0] - np.pi
    rotation = np.array([[np.cos(low), -np.sin(low)], [np.sin(low), np.cos(low)]])
    return np.maximum(G @ rotation, 0.0)
