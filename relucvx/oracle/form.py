"""The function every oracle maximises, in reduced coordinates and with its rounding slack.

For augmented inputs X (n, D), a dual point N (n, c) and phi(t) = linear·t + hinge·relu(t),

    F(w) = ||Nᵀ phi(Xw)||₂ = ||Lᵀw + Mᵀ relu(Xw)||₂,   L = linear·XᵀN,  M = hinge·N,   dual norm D(N) = max F over ||w|| <= 1.

With a free hidden bias only the leading d coordinates are penalised; Nᵀ1 = 0 then makes F constant for biases beyond
max_i ||x_i - centre||·||w||, so the maximum is attained within that range.

Equal rows of X count once, with the sum of their rows of N: F does not change, and every cone then costs as much as there are
distinct rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from relucvx.network.pooling import Pooling
from relucvx.program.presolve import principal_axes
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, RANK
from relucvx.types import Activation, Array, BoolArray


@dataclass(frozen=True)
class Form:
    """F(w) = ||Lᵀw + Mᵀ relu(Xw)|| in the coordinates of the row space of the inputs.

    Attributes
    ----------
    X : ndarray, shape (k, q)
        Reduced inputs, one row for each distinct row; the last column is ones when ``free_bias``.
    M, L : ndarray, shapes (k, c), (q, c)
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
    rows : ndarray of int, shape (k,)
        The first of the equal rows that each row of ``X`` stands for; None for each row by itself.
    counts : ndarray, shape (k,)
        How many equal rows that are; None for one each.
    walls : int or None
        Number of distinct hyperplanes x_i·w = 0 (collinear rows share one); None where nobody counted.
    terms : int
        Roundings of each row of ``M`` before it came here: samples that share a row add up their dual points.
    shares : ndarray, shape (k,)
        The squared norm of what samples show is at most Σ_r shares_r phi(x_r·w)²; None for ``counts``.
    pulls : ndarray, shape (k,)
        By how much a row of N moves at most when the dual point of the samples moves by one; None for the root of ``counts``.
    outputs : ndarray, shape (all, c)
        Orthonormal basis of the outputs that the dual point uses; None for all of them.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import form_of
    >>> form = form_of(rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0), np.array([[1.0], [2.0]]))
    >>> form.free_bias, form.trivial
    (False, False)
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
    rows: NDArray[np.intp] | None = None
    counts: Array | None = None
    walls: int | None = None
    terms: int = 0
    shares: Array | None = None
    pulls: Array | None = None
    outputs: Array | None = None

    @property
    def reach(self) -> float:
        """Upper bound of ||phi(Xw)|| over all samples, per unit of the penalised norm and slope (biases in their range)."""
        # a merged row stands for several samples, and a row of a bag for a share of its own
        shares = self.counts if self.shares is None else self.shares
        root = np.ones(len(self.X)) if shares is None else np.sqrt(shares)
        lead = principal_axes(self.X[:, : self.penalized] * root[:, None])[0][0] if self.penalized else 0.0
        return float(lead + self.bias_range * np.linalg.norm(root))

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

    @property
    def pull(self) -> Array | float:
        """``pulls`` (k,), or 1.0 where every row is a sample."""
        if self.pulls is not None:
            return self.pulls
        return 1.0 if self.counts is None else np.asarray(np.sqrt(self.counts))

    def rounding(self, depth: int = 1) -> float:
        """Slack that covers float64 errors of any bound built from ``depth`` successive roundings of directions."""
        n, q = self.X.shape
        if self.counts is not None:
            n = int(self.counts.sum())  # rows of N were added up
        n += self.terms
        return self.truncation + (4.0 * (n + q) + 16.0 * depth) * EPS * self.scale

    def of_rows(self, patterns: BoolArray) -> BoolArray:
        """Patterns (P, n) over all samples as patterns over the rows of ``X``."""
        return patterns if self.rows is None else np.ascontiguousarray(patterns[:, self.rows])

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


class Geometry:
    """What a form needs of the inputs alone: distinct rows, row space (principal axes), walls. Made once a problem.

    Parameters
    ----------
    inputs : ndarray, shape (n, D)
        Augmented inputs; with ``free_bias`` the last column is the ones column of the unpenalised bias.
    pooling : Pooling, optional
        How samples read the rows.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """

    def __init__(self, inputs: Array, free_bias: bool = False, pooling: Pooling | None = None) -> None:
        _, first, group, counts = np.unique(inputs, axis=0, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first)  # in the order of the data
        self.rows, self.counts = first[order], counts[order].astype(float)
        self.group = np.argsort(order)[group.ravel()]
        # the ones column of a free bias is put back at the end: it has no part in the axes
        X = inputs[self.rows, : inputs.shape[1] - free_bias]
        # Without a centre as without a shift: a free bias absorbs it, and the rows get as short as they can.
        self.centre = X.mean(axis=0) if free_bias else np.zeros(X.shape[1])
        X = X - self.centre
        # directions that no row has add nothing: every oracle works in as few dimensions as the rows span
        s, Vt = principal_axes(X)
        self.rank = int((s > RANK.value * s[0]).sum()) if s.size and s[0] > 0 else 0
        self.basis = np.ascontiguousarray(Vt[: self.rank].T)
        reduced = X @ self.basis
        # what dropping them loses is bounded row by row, and added to every bound
        self.row_norm = np.linalg.norm(X, axis=1)
        self.lost = np.linalg.norm(X - reduced @ self.basis.T, axis=1)
        self.bias_range = float(self.row_norm.max()) * (1 + 8 * EPS) if free_bias else 0.0
        if free_bias:
            reduced = np.column_stack([reduced, np.ones(len(X))])
        self.reduced = np.ascontiguousarray(reduced)
        lifted = self.reduced.copy()
        if free_bias:  # a shift of the rows' size, so that the rounding of unit rows sees both parts
            lifted[:, -1] = max(self.bias_range, 1.0)
        self.walls = _distinct_walls(lifted)
        self.shares: Array | None = None
        self.pulls: Array | None = None
        if pooling is not None:
            self.shares, self.pulls = self._taken(pooling)

    def _taken(self, pooling: Pooling) -> tuple[Array, Array]:
        """``shares`` and ``pulls`` of a form, of what the samples of bags take of each distinct row.

        (Σ_r |T_ir| a_r)² <= (Σ_r |T_ir|) (Σ_r |T_ir| a_r²), summed over samples i; N moves the rows by its columns T_·r.
        """
        taken = pooling.absolute().merged(np.arange(len(self.group)), self.group, len(self.rows)).operator
        shares = taken.T @ np.asarray(taken.sum(axis=1)).ravel()
        return shares, np.sqrt(np.asarray(taken.multiply(taken).sum(axis=0)).ravel())

    def form(self, N: Array, activation: Activation, sizes: Array | None = None, terms: int = 0) -> Form:
        """The form of a dual point N (n, c), whose columns must sum to zero when the bias is free.

        ``sizes`` (n,) are the norms that its rows are sums of, in ``terms`` roundings, where it was added up before.
        """
        sizes = np.linalg.norm(N, axis=1) if sizes is None else sizes
        dual_norm = np.bincount(self.group, sizes, len(self.rows))
        # equal rows have equal activity, so that their rows of N add up
        if len(self.rows) < len(N):
            N = np.stack([np.bincount(self.group, column, len(self.rows)) for column in N.T], axis=1)
        N, dropped, outputs = _output_space(N)
        # rounding is counted against the sum of what is added up, not against the sum itself
        gain = abs(activation.linear) + abs(activation.hinge)
        reach = self.row_norm + self.bias_range
        merged = len(self.group) > len(self.rows)
        return Form(
            X=self.reduced,
            M=np.ascontiguousarray(activation.hinge * N),
            L=np.ascontiguousarray(activation.linear * (self.reduced.T @ N)),
            penalized=self.rank,
            basis=self.basis,
            centre=self.centre,
            bias_range=self.bias_range,
            scale=float(gain * (dual_norm @ reach)),
            truncation=float(gain * (dual_norm @ self.lost + dropped @ reach)),
            rows=self.rows if merged else None,
            counts=self.counts if merged else None,
            walls=self.walls,
            terms=terms,
            shares=self.shares,
            pulls=self.pulls,
            outputs=outputs,
        )


def _output_space(N: Array) -> tuple[Array, Array, Array | None]:
    """N in an orthonormal basis of the outputs that it uses, a bound (n,) on what each row loses by that, and the basis.

    N = M Uᵀ + R gives ||Nᵀ t|| <= ||Mᵀ t|| + Σ ||R_i|| |t_i|. Rows that sum to zero, as those of the cross-entropy do, leave
    one output fewer; two classes leave a single one.
    """
    nothing = np.zeros(len(N))
    if N.shape[1] == 1 or not N.any():
        return N, nothing, None
    _, s, Vt = np.linalg.svd(N, full_matrices=False)
    rank = int((s > 8.0 * EPS * max(N.shape) * s[0]).sum())
    if rank == N.shape[1]:
        return N, nothing, None
    U = Vt[:rank].T
    M = N @ U
    rounding = 16.0 * N.shape[1] * EPS * np.linalg.norm(N, axis=1)
    return M, np.linalg.norm(N - M @ U.T, axis=1) + rounding, U


def _distinct_walls(X: Array) -> int:
    """How many lines the rows span, to nine digits: enough to predict what an enumeration costs."""
    norm = np.linalg.norm(X, axis=1)
    unit = X[norm > 0] / norm[norm > 0, None]
    if not len(unit):
        return 0
    lead = unit[np.arange(len(unit)), np.abs(unit).argmax(axis=1)]
    return len(np.unique(np.round(unit * np.sign(lead)[:, None], 9), axis=0))


_GEOMETRIES: WeakKeyDictionary[Problem, Geometry] = WeakKeyDictionary()


def form_of(problem: Problem, N: Array) -> Form:
    """The form of a dual point N (n, c) of a problem; for free biases its columns must sum to zero.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.oracle import form_of
    >>> form_of(rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=1.0, bias="free"), np.zeros((2, 1))).free_bias
    True
    """
    return form_of_rows(problem, problem.spread(N), sizes_of_rows(problem, N))


def form_of_rows(problem: Problem, M: Array, sizes: Array | None = None) -> Form:
    """As :func:`form_of`, from the dual point of the rows M (R, K c), and the norms (R,) that its rows are sums of.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].
    """
    geometry = _GEOMETRIES.get(problem)
    if geometry is None:
        geometry = _GEOMETRIES[problem] = Geometry(problem.inputs, problem.bias.is_free, problem.pooling)
    terms = 0 if problem.pooling is None else 2 + problem.pooling.n_shared
    return geometry.form(M, problem.activation, sizes, terms)


def pulled_back(problem: Problem, form: Form, A: Array, T: Array) -> Array:
    """Gradients in a form's M (q, k, c) and L (q, D, c) as gradients in the dual point of the problem, (q, n, c).

    Notes
    -----
    Status: theorem (the adjoint of :func:`form_of`, its basis of outputs held fixed). Source: [relucvx].
    """
    G = problem.activation.hinge * A + problem.activation.linear * (form.X @ T)
    if form.outputs is not None:
        G = G @ form.outputs.T
    G = G[:, _GEOMETRIES[problem].group]
    if problem.pooling is None:
        return np.asarray(G)
    c = problem.n_outputs
    # the adjoint of spreading: read-out by read-out
    return np.asarray(
        sum(
            np.stack([np.asarray(part @ g[:, k * c : (k + 1) * c]) for g in G])
            for k, part in enumerate(problem.pooling.parts)
        )
    )


def sizes_of_rows(problem: Problem, N: Array) -> Array | None:
    """The norms (R,) that the rows of ``problem.spread(N)`` are sums of; None where nothing is added up."""
    if problem.pooling is None:
        return None
    return np.linalg.norm(problem.pooling.absolute().spread(np.abs(N)), axis=1)


def make_form(inputs: Array, N: Array, activation: Activation, *, free_bias: bool = False) -> Form:
    """As :func:`form_of`, from augmented inputs (n, D); with ``free_bias`` their last column is ones.

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.oracle import make_form
    >>> from relucvx.types import as_activation
    >>> make_form(np.array([[1.0], [2.0]]), np.array([[1.0], [2.0]]), as_activation("relu")).trivial
    False
    """
    return Geometry(inputs, free_bias).form(N, activation)
