"""The mean-field energy of hidden preactivations, the output layer eliminated by ridge regression.

With H = X W (n, m), Phi = phi(H), K = Phi Phi^T and the best output weights, the objective of the network is

    P_beta = (beta/2)·E,   E = tr[K_Y (beta I + K)^-1] + Σ_j h_j^T K_X^+ h_j,

which is convex in the measure Σ_j delta(h_j) and knows the data only through K_X = X X^T and K_Y = Y Y^T.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.errors import InvalidInputError, explain
from relucvx.kernel.representation import as_kernel
from relucvx.network import resolve_activation
from relucvx.tolerances import RANK
from relucvx.types import Activation, Array
from relucvx.validation import as_matrix, as_numpy, as_positive, check_same_length

RANGE = 1e-7
"""Part of a preactivation outside range(K_X), relative to its norm, from which on no network has it."""


def optimal_readout(Phi: Any, Y: Any, beta: float) -> Array:
    """Best output weights for given hidden activations: ridge regression V = Phi^T (beta I + Phi Phi^T)^-1 Y.

    Parameters
    ----------
    Phi : array_like of shape (n, m)
        Hidden activations; m = 0 is allowed.
    Y : array_like of shape (n, c)
    beta : float
        Strength of the weight decay, > 0.

    Returns
    -------
    ndarray of shape (m, c)

    Raises
    ------
    InvalidInputError
        For malformed arrays, different numbers of rows or beta <= 0.

    Notes
    -----
    Source: [relucvx].
    Status: theorem.

    Examples
    --------
    >>> import relucvx as rx
    >>> Phi, Y = [[1.0, 0.0], [0.0, 1.0]], [[1.0], [2.0]]
    >>> rx.kernel.optimal_readout(Phi, Y, beta=1.0).tolist()
    [[0.5], [1.0]]
    """
    beta, Y = as_positive(beta, "beta"), as_matrix(Y, "Y", allow_vector=True)
    Phi = as_numpy(Phi, "Phi")
    if Phi.ndim == 2 and Phi.shape[1] == 0:
        return np.zeros((0, Y.shape[1]))
    Phi = as_matrix(Phi, "Phi")
    check_same_length(Phi, Y)
    out: Array = Phi.T @ np.linalg.solve(beta * np.eye(len(Phi)) + Phi @ Phi.T, Y)
    return out


def energy(K_X: Any, K_Y: Any, beta: float, H: Any, activation: Any = "relu") -> float:
    """Mean-field energy E = tr[K_Y (beta I + K)^-1] + Σ_j h_j^T K_X^+ h_j with K = phi(H) phi(H)^T.

    Parameters
    ----------
    K_X, K_Y : array_like of shape (n, n)
        Input and target kernels X X^T and Y Y^T.
    beta : float
        Strength of the weight decay, > 0.
    H : array_like of shape (n, m)
        Preactivations, one column per neuron; (beta/2)·E is the objective of that network with its best readout.
    activation : str, pair of slopes, or callable, default "relu"
        Any elementwise function of an array.

    Raises
    ------
    InvalidInputError
        For malformed arrays, or preactivations outside the range of K_X, which no network has.

    Notes
    -----
    E is convex in the non-negative measure Σ_j delta(h_j), for any activation. For positively homogeneous ones every
    such measure is a network; for others a fractional mass is not, and the convexity is a relaxation.

    Source: [wang-fusi-johnston-2025] for the idea, [relucvx] for the formula.
    Status: theorem for piecewise linear activations; heuristic for smooth and threshold ones in what it says of optima.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> H = np.array([[1.0, 0.0], [0.0, 1.0]])  # preactivations of two neurons
    >>> print(f"{rx.kernel.energy(np.eye(2), np.eye(2), 1.0, H):.4f}")
    3.0000
    """
    K_X = as_kernel(K_X, "K_X")
    K_Y = as_kernel(K_Y, "K_Y", len(K_X))
    beta, phi = as_positive(beta, "beta"), as_function(activation)
    H = as_preactivations(H, len(K_X))
    Phi = phi(H)
    fit = np.trace(np.linalg.solve(beta * np.eye(len(K_X)) + Phi @ Phi.T, K_Y))
    return float(fit + input_cost(K_X, H).sum())


def first_variation(h: Any, K_X: Any, K_Y: Any, beta: float, K: Any, activation: Any = "relu") -> Array:
    """Change of the energy per added mass at h: E(h) = h^T K_X^+ h - phi(h)^T M phi(h).

    ``M = (beta I + K)^-1 K_Y (beta I + K)^-1``, which is R R^T/beta² with the residual R = Y - F.

    Parameters
    ----------
    h : array_like of shape (n,) or (n, m)
        Preactivations, one per column.
    K_X, K_Y, K : array_like of shape (n, n)
        Input, target and hidden kernel.
    beta, activation
        As in :func:`energy`.

    Returns
    -------
    ndarray of shape () or (m,)
        K is optimal iff this is >= 0 for all h and 0 at its own neurons.

    Raises
    ------
    InvalidInputError
        For malformed arrays, or preactivations outside the range of K_X.

    Notes
    -----
    Source: [wang-fusi-johnston-2025] for the idea, [relucvx] for the formula.
    Status: theorem for piecewise linear activations (the optimality condition), heuristic for others.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> h = np.array([1.0, 0.0])
    >>> rx.kernel.first_variation(h, np.eye(2), 4.0 * np.eye(2), 1.0, np.eye(2)).tolist()  # 0 where neurons may be
    0.0
    """
    K_X = as_kernel(K_X, "K_X")
    K_Y, K = as_kernel(K_Y, "K_Y", len(K_X)), as_kernel(K, "K", len(K_X))
    beta, phi = as_positive(beta, "beta"), as_function(activation)
    H = as_preactivations(h, len(K_X))
    Phi = phi(H)
    out: Array = input_cost(K_X, H) - ((curvature(K_Y, beta, K) @ Phi) * Phi).sum(axis=0)
    return out[0] if np.ndim(h) == 1 else out


def curvature(K_Y: Array, beta: float, K: Array) -> Array:
    """M = (beta I + K)^-1 K_Y (beta I + K)^-1 of shape (n, n)."""
    inverse = np.linalg.inv(beta * np.eye(len(K)) + K)
    M: Array = inverse @ K_Y @ inverse
    return (M + M.T) / 2


def kernel_root(K_X: Array) -> Array:
    """G of shape (n, rank) with G G^T = K_X; raises when K_X has a clearly negative eigenvalue."""
    values, vectors = np.linalg.eigh(K_X)
    size = np.abs(values).max()
    if values[0] < -1e-9 * size:
        raise InvalidInputError(
            explain(
                "K_X without negative eigenvalues", f"smallest eigenvalue {values[0]:.3g}", "not a kernel", "X @ X.T"
            )
        )
    # directions without inputs would have an inverse of rounding errors
    keep = values > float(RANK) * size
    root: Array = vectors[:, keep] * np.sqrt(values[keep])
    return root


def input_cost(K_X: Array, H: Array) -> Array:
    """h^T K_X^+ h for every column of H, checked to lie in the range of K_X."""
    G = kernel_root(K_X)
    w = np.linalg.lstsq(G, H, rcond=None)[0] if G.size and H.size else np.zeros((G.shape[1], H.shape[1]))
    # what no weights produce has no finite cost
    outside = np.linalg.norm(H - G @ w, axis=0)
    sizes = np.linalg.norm(H, axis=0)
    bad = outside > RANGE * sizes
    if bad.any():
        j = int(np.argmax(bad))
        raise InvalidInputError(
            explain(
                "preactivations in the range of K_X (linear images of the inputs)",
                f"column {j} with {outside[j] / sizes[j]:.3g} of its norm outside",
                "K_X is rank deficient: fewer independent features than samples, and H is not X @ W",
                "H = X @ W, or full-rank inputs",
            )
        )
    cost: Array = (w**2).sum(axis=0)
    return cost


def as_preactivations(H: Any, n: int) -> Array:
    """Preactivations of shape (n, m), m >= 0."""
    H = as_numpy(H, "H")
    if H.shape == (n, 0):
        return np.zeros((n, 0))
    H = as_matrix(H, "H", allow_vector=True)
    check_same_length(np.empty((n, 1)), H)
    return H


def as_function(activation: Any) -> Any:
    """An elementwise function: any callable as it is, names and slopes resolved."""
    return activation if callable(activation) else resolve_activation(activation)


def is_exact(phi: Any) -> bool:
    """Whether phi is piecewise linear, so that statements about optima are theorems."""
    return isinstance(phi, Activation)
