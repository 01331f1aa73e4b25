"""The function every oracle maximises, in reduced coordinates and with its rounding slack.

For augmented inputs X (n, D), a dual point N (n, c) and phi(t) = linear·t + hinge·relu(t),

    F(w) = ||Nᵀ phi(Xw)||₂ = ||Lᵀw + Mᵀ relu(Xw)||₂,   L = linear·XᵀN,  M = hinge·N,   dual norm D(N) = max F over ||w|| <= 1.

With a free hidden bias only the leading d coordinates are penalised; Nᵀ1 = 0 then makes F constant for biases beyond
max_i ||x_i - centre||·||w||, so the maximum is attained within that range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.tolerances import EPS, RANK
from relucvx.types import Activation, Array


@dataclass(frozen=True)
class Form:
    """F(w) = ||Lᵀw + Mᵀ relu(Xw)|| in the coordinates of the row space of the inputs.

    Attributes
    ----------
    X : ndarray, shape (n, q)
        Reduced inputs; the last column is ones when ``free_bias``.
    M, L : ndarray, shapes (n, c), (q, c)
        Hinge weights and linear part.
    penalized : int
        Number of leading coordinates under the norm (q, or q - 1 with a free bias).
    basis : ndarray, shape (d, penalized)
        Orthonormal basis of the row space: w_original = basis @ w_reduced.
    centre : ndarray, shape (d,)
        Subtracted from the rows when the bias is free (a shift of the bias), zeros otherwise.
    bias_range : float
        With a free bias, |b| <= bias_range·||w|| contains a maximiser.
    scale : float
        Σ_i ||N_i||·||x_i||·(|linear| + |hinge|): the magnitude against which rounding is counted.
    truncation : float
        Bound on |F_original - F_reduced| over the unit ball from dropping directions outside the numerical row space.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """

    X: Array
    M: Array
    L: Array
    penalized: int
    basis: Array
    centre: Array
    bias_range: float
    scale: float
    truncation: float

    @property
    def free_bias(self) -> bool:
        """Whether the last coordinate is an unpenalised bias."""
        return self.penalized < self.X.shape[1]

    @property
    def trivial(self) -> bool:
        """True when F vanishes identically (no input direction, or N = 0)."""
        return self.penalized == 0 or self.scale == 0.0

    def values(self, W: Array) -> Array:
        """F at the columns of W (q, k)."""
        return (
            np.asarray(np.linalg.norm(self.M.T @ np.maximum(self.X @ W, 0.0) + self.L.T @ W, axis=0))
            if (self.M.shape[1] > 1)
            else np.abs(self.M[:, 0] @ np.maximum(self.X @ W, 0.0) + self.L[:, 0] @ W)
        )

    def rounding(self, depth: int = 1) -> float:
        """Slack that covers float64 errors of any bound built from ``depth`` successive roundings of directions."""
        n, q = self.X.shape
        return self.truncation + (4.0 * (n + q) + 16.0 * depth) * EPS * self.scale

    def to_original(self, w: Array) -> Array:
        """Map a reduced direction to augmented coordinates, unit norm in its penalised part."""
        lead = self.basis @ w[: self.penalized]
        norm = float(np.linalg.norm(lead)) or 1.0
        if not self.free_bias:
            return np.asarray(lead / norm)
        return np.append(lead, w[-1] - self.centre @ lead) / norm

    def to_reduced(self, w: Array) -> Array:
        """Inverse of :meth:`to_original` (components outside the row space are dropped), not normalised."""
        if not self.free_bias:
            return np.asarray(self.basis.T @ w)
        return np.append(self.basis.T @ w[:-1], w[-1] + self.centre @ w[:-1])


def make_form(inputs: Array, N: Array, activation: Activation, *, free_bias: bool = False) -> Form:
    """Reduce the inputs to their row space (principal axes) and fold the activation into M and L.

    Parameters
    ----------
    inputs : ndarray, shape (n, D)
        Augmented inputs; with ``free_bias`` the last column is the ones column of the unpenalised bias.
    N : ndarray, shape (n, c)
        Dual point; its columns must sum to zero when the bias is free.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """
    X = inputs[:, :-1] if free_bias else inputs
    centre = X.mean(axis=0) if free_bias else np.zeros(X.shape[1])
    X = X - centre
    _, s, Vt = np.linalg.svd(X, full_matrices=False)
    rank = int((s > RANK.value * s[0]).sum()) if s.size and s[0] > 0 else 0
    basis = np.ascontiguousarray(Vt[:rank].T)
    reduced = X @ basis
    row_norm = np.linalg.norm(X, axis=1)
    dual_norm = np.linalg.norm(N, axis=1)
    N, dropped = _output_space(N)
    gain = abs(activation.linear) + abs(activation.hinge)
    lost = np.linalg.norm(X - reduced @ basis.T, axis=1)
    bias_range = float(row_norm.max()) * (1 + 8 * EPS) if free_bias else 0.0
    if free_bias:
        reduced = np.column_stack([reduced, np.ones(len(X))])
        row_norm = row_norm + bias_range
    return Form(
        X=np.ascontiguousarray(reduced),
        M=np.ascontiguousarray(activation.hinge * N),
        L=np.ascontiguousarray(activation.linear * (reduced.T @ N)),
        penalized=rank,
        basis=basis,
        centre=centre,
        bias_range=bias_range,
        scale=float(gain * (dual_norm @ row_norm)),
        truncation=float(gain * (dual_norm @ lost + dropped @ row_norm)),
    )


def _output_space(N: Array) -> tuple[Array, Array]:
    """N in an orthonormal basis of the outputs that it uses, and a bound (n,) on what each row loses by that.

    N = M Uᵀ + R gives ||Nᵀ t|| <= ||Mᵀ t|| + Σ ||R_i|| |t_i|. Rows that sum to zero, as those of the cross-entropy do, leave
    one output fewer; two classes leave a single one.
    """
    nothing = np.zeros(len(N))
    if N.shape[1] == 1 or not N.any():
        return N, nothing
    _, s, Vt = np.linalg.svd(N, full_matrices=False)
    rank = int((s > 8.0 * EPS * max(N.shape) * s[0]).sum())
    if rank == N.shape[1]:
        return N, nothing
    U = Vt[:rank].T
    M = N @ U
    rounding = 16.0 * N.shape[1] * EPS * np.linalg.norm(N, axis=1)
    return M, np.linalg.norm(N - M @ U.T, axis=1) + rounding
