"""Deep networks on whitened inputs: singular values shrink one by one, with a hard threshold from three layers on.

min 1/2 ||X W_1 ... W_L - Y||² + beta/2 Σ ||W_l||²; the cheapest factors of W cost L Σ_i s_i^(2/L) with s_i its singular
values, so Y = A diag(sigma) B^T and X X^T = I leave one scalar problem per singular value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from relucvx.kernel.prediction import Prediction, add_note, as_one_hot, as_targets, build_prediction, whitened_condition
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.types import ACTIVATIONS, Array, ArrayLike
from relucvx.validation import as_count, as_positive

TIE = 1e-12
"""Relative distance of beta from a singular value's threshold inside which keeping and killing it cost the same."""

REACH = "two or three layers, one class, or two classes of equal size"
"""Where the collapsed network is known, or has been found, to be optimal. Elsewhere low-rank networks can be better."""


def scalar_threshold(sigma: Array, depth: int) -> Array:
    """Largest beta at which sigma survives: sigma·s^(1-2/L)/(L-1) with s = sigma (L-2)/(L-1); sigma itself for L = 2."""
    s = sigma * (depth - 2) / (depth - 1)
    out: Array = sigma * s ** (1 - 2 / depth) / (depth - 1)
    return out


def shrink_depth(sigma: Array, beta: float, depth: int) -> Array:
    """argmin_{s >= 0} (s - sigma)²/2 + (beta L/2) s^(2/L) for every sigma >= 0.

    Above the threshold it is the largest root of s - sigma + beta s^(2/L-1), convex and increasing there, so that
    Newton's method from sigma falls to it monotonically; below, 0.

    Notes
    -----
    Source: [relucvx].
    Status: theorem (exact up to rounding).
    """
    # two layers: the soft threshold, without a jump
    if depth == 2:
        return np.maximum(sigma - beta, 0.0)
    # below the threshold zero costs less than the stationary point, however close that is
    keep = beta < scalar_threshold(sigma, depth)
    s, power = sigma[keep].copy(), 2 / depth - 1
    # Newton from above: the condition is convex in s, so that steps fall to its larger root and never pass it
    for _ in range(100):
        slope = 1 + beta * power * s ** (power - 1)
        step = (s - sigma[keep] + beta * s**power) / slope
        s = s - step
        if (np.abs(step) <= 4e-16 * s).all():
            break
    out = np.zeros_like(sigma)
    out[keep] = s
    return out


def predict_deep_linear(Y: Any, beta: float, depth: int, X: Any = None) -> Prediction:
    """Deep linear network with L = depth weight matrices: K_l = A diag(s_i^(2l/L)) A^T for l = 1 .. L-1.

    Parameters
    ----------
    Y : array_like of shape (n, c)
        Targets, Y = A diag(sigma) B^T.
    beta : float
        Strength of the weight decay, > 0.
    depth : int
        Number of weight matrices, >= 2.
    X : array_like of shape (n, d), optional
        Inputs; None assumes X X^T = I.

    Returns
    -------
    Prediction
        s_i = argmin_{s >= 0} (s - sigma_i)²/2 + (beta L/2) s^(2/L), p* the sum of the minima; ``kernels`` first to
        last. Shrinkage (sigma - beta)_+ for L = 2, a hard threshold for L >= 3, where ``unique`` is False exactly at a
        tie. The widths must be at least the rank.

    Raises
    ------
    InvalidInputError
        For malformed arrays, beta <= 0 or depth < 2.

    Notes
    -----
    Source: [wang-2025], [relucvx].
    Status: theorem (whitened data, linear activation, squared loss, no bias), uniqueness included.

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> found = rx.kernel.predict_deep_linear(np.diag([2.0, 0.3]), beta=0.2, depth=3, X=np.eye(2))
    >>> len(found.kernels), found.kernels[0].round(4).tolist()  # the small direction is not learnt
    (2, [[1.4998, 0.0], [0.0, 0.0]])
    """
    beta, depth, Y = (
        as_positive(beta, "beta"),
        as_count(depth, "depth, the number of weight matrices,", 2),
        as_targets(Y),
    )
    X, conditions, note = whitened_condition(X, len(Y))
    A, sigma, Bt = np.linalg.svd(Y, full_matrices=False)
    s = shrink_depth(sigma, beta, depth)
    limits = scalar_threshold(sigma, depth)
    # from three layers on the threshold is a jump, with two optima at a tie
    tie = depth > 2 and bool((np.abs(limits - beta) <= TIE * beta).any())
    network = _linear_network(X, A, s, Bt, depth) if X is not None and all(conditions.values()) else None
    return build_prediction(
        f"deep linear, {depth} layers",
        conditions,
        kernels=_layer_kernels(A, s, depth),
        objective=_value(sigma, s, beta, depth),
        unique=not tie,
        beta_max=limits.max(),
        source="wang-2025, relucvx",
        status="theorem, kernels included (linear activation)",
        network=network,
        note=add_note(note, "a singular value at its threshold: keeping and killing it cost the same" if tie else ""),
    )


def predict_deep_one_hot(labels: ArrayLike, beta: float, depth: int, X: Any = None) -> Prediction:
    """Deep ReLU network on whitened one-hot data: K_l = Σ_k s_k^(2l/L)/n_k · 1_k 1_k^T, that of the linear network.

    Parameters
    ----------
    labels : array_like of shape (n,) or (n, c)
        Class labels, or one-hot rows.
    beta : float
        Strength of the weight decay, > 0.
    depth : int
        Number of weight matrices, >= 2.
    X : array_like of shape (n, d), optional
        Inputs; None assumes X X^T = I.

    Returns
    -------
    Prediction
        s_k as in :func:`predict_deep_linear` with sigma_k = sqrt(n_k). ``unique`` is True for depth 2 and None beyond.
        From four layers on it applies to one class, and to two of equal size; elsewhere the formula is kept as the value of
        the collapsed network, which others undercut (:func:`edge_class_network`), and so is ``beta_max``, from which they
        may still pay.

    Raises
    ------
    InvalidInputError
        For malformed arrays, beta <= 0 or depth < 2. Rows that are not one-hot are a failed condition instead.

    Notes
    -----
    Source: [ergen-pilanci-2021], [wang-2025], [sukenik-2023], [sukenik-2024].
    Status: theorem for depth 2 and for one class (norms of products); two classes of equal size by the theorem cited;
    depth 3 sampled evidence (training); refuted for six classes and five layers.

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.class_labels([2, 2])
    >>> found = rx.kernel.predict_deep_one_hot(data.Y, beta=0.1, depth=3, X=data.X)
    >>> found.applicable, len(found.kernels)
    (True, 2)
    """
    beta, depth = as_positive(beta, "beta"), as_count(depth, "depth, the number of weight matrices,", 2)
    Y = as_one_hot(labels)
    X, conditions, note = whitened_condition(X, len(as_targets(labels)) if Y is None else len(Y))
    conditions = {"one-hot rows": Y is not None, **conditions}
    common: dict[str, Any] = {"source": "ergen-pilanci-2021, wang-2025, sukenik-2023, sukenik-2024"}
    name = f"deep one-hot, {depth} layers"
    if Y is None:
        return build_prediction(name, conditions, note=note, status="not evaluated", **common)
    # from three layers on the collapsed network is known to be the minimum for some class sizes only
    conditions[REACH], common["status"] = _collapse_is_optimal(Y.sum(axis=0), depth)
    if not conditions[REACH]:
        note = add_note(note, "the value of the collapsed network; low-rank networks can be better")
    # empty classes have no direction
    present = Y.sum(axis=0) > 0
    # a one-hot matrix is its own singular value decomposition: roots of sizes, normed indicators, unit vectors
    sigma = np.sqrt(Y.sum(axis=0)[present])
    frame, back = Y[:, present] / sigma, np.eye(Y.shape[1])[present]
    s = shrink_depth(sigma, beta, depth)
    gone = int((s == 0).sum())
    network = None
    if X is not None and all(conditions.values()):
        network = _linear_network(X, frame, s, back, depth, "relu")
    return build_prediction(
        name,
        conditions,
        kernels=_layer_kernels(frame, s, depth),
        objective=_value(sigma, s, beta, depth),
        # kernels are known to be unique for two layers only
        unique=True if depth == 2 else None,
        beta_max=scalar_threshold(sigma, depth).max(),
        network=network,
        note=add_note(note, f"minority collapse: {gone} of {len(s)} classes vanish" if gone else ""),
        **common,
    )


def _collapse_is_optimal(sizes: Array, depth: int) -> tuple[bool, str]:
    """Whether the collapsed network is optimal for these class sizes, and what that rests on."""
    sizes = sizes[sizes > 0]
    if depth == 2:
        return True, "theorem, kernel included"
    if len(sizes) == 1:
        return True, "theorem (the norm of a product is at most the product of the norms)"
    if len(sizes) == 2 and sizes[0] == sizes[1]:
        return True, "theorem as published for two classes of equal size (sukenik-2023)"
    if depth == 3:
        return True, "optimality measured by training"
    return False, "not known; refuted for the edges of the complete graph on four nodes and five layers (sukenik-2024)"


def edge_class_network(nodes: int, beta: float, depth: int) -> DeepNetwork:
    """A network of rank ``nodes`` for nodes(nodes - 1)/2 classes of one sample, X = I, that undercuts the collapsed one.

    Classes are the edges of the complete graph, with incidence matrix B (edges, nodes): relu(B (Bᵀ - 1/2)) = I, because
    B (Bᵀ - 1/2) is 1 for an edge with itself, 0 for edges that share a node and -1 for those that do not. B costs fewer
    dimensions than I in all layers before.

    Parameters
    ----------
    nodes : int
        At least 3.
    beta : float
        Strength of the weight decay, > 0.
    depth : int
        Number of weight matrices, >= 3.

    Returns
    -------
    DeepNetwork
        Factors B, I, ..., I, Bᵀ - 1/2, I, all of one norm, of the scale s that minimises
        ``edges/2 (1 - s)² + beta L/2 (Π ||factor||²)^(1/L) s^(2/L)``.

    Raises
    ------
    InvalidInputError
        For fewer nodes or layers, or beta <= 0.

    Notes
    -----
    It undercuts the collapsed network wherever ``(Π ||factor||²)^(1/L) < edges``: from five layers and four nodes on.

    Source: [sukenik-2024] for the idea, [relucvx].
    Status: theorem (explicit; no claim that it is optimal).

    Examples
    --------
    >>> import relucvx as rx
    >>> network = rx.kernel.edge_class_network(nodes=4, beta=0.1, depth=5)  # six classes, the edges of a graph
    >>> network.depth, network.n_outputs
    (5, 6)
    """
    beta, nodes, depth = as_positive(beta, "beta"), as_count(nodes, "nodes", 3), as_count(depth, "depth", 3)
    edges = np.array([(i, j) for i in range(nodes) for j in range(i)])
    B = np.zeros((len(edges), nodes))
    np.put_along_axis(B, edges, 1.0, axis=1)
    # B (Bᵀ - 1/2): 1 for an edge itself, 0 for two edges with a shared node, -1 for others; ReLU leaves the identity
    factors = [B, *[np.eye(nodes)] * (depth - 3), B.T - 0.5, np.eye(len(edges))]
    # factors of one norm cost least (arithmetic and geometric mean), and the product stays what it is
    norms = np.array([np.linalg.norm(W) for W in factors])
    mean = float(np.exp(np.log(norms).mean()))
    # K/2 (1 - s)² + beta L/2 mean² s^(2/L) is K times the scalar problem at beta mean²/K
    s = float(shrink_depth(np.ones(1), beta * mean**2 / len(edges), depth)[0])
    return DeepNetwork(tuple(W / norm * mean * s ** (1 / depth) for W, norm in zip(factors, norms, strict=True)))


def _value(sigma: Array, s: Array, beta: float, depth: int) -> float:
    return float((0.5 * (s - sigma) ** 2 + 0.5 * beta * depth * s ** (2 / depth)).sum())


def _layer_kernels(A: Array, s: Array, depth: int) -> tuple[Array, ...]:
    return tuple((A * s ** (2 * l / depth)) @ A.T for l in range(1, depth))


def _linear_network(X: Array, A: Array, s: Array, Bt: Array, depth: int, activation: str = "linear") -> Any:
    """Balanced factors X^T A S^(1/L), S^(1/L), ..., S^(1/L) B^T; through ReLU too when A >= 0 (X X^T = I)."""
    kept = s > 0
    A, root, Bt = A[:, kept], s[kept] ** (1 / depth), Bt[kept]
    first, last, phi = X.T @ (A * root), root[:, None] * Bt, ACTIVATIONS[activation]
    if depth == 2:
        return TwoLayerReLU(first.T, last, activation=phi)
    return DeepNetwork((first, *[np.diag(root)] * (depth - 2), last), activation=phi)
