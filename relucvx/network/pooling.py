"""Bags of rows: how the activities of a neuron on the rows of a sample become what the sample shows of it.

Sample i has rows x_iq (patches of an image, nodes of a graph, time steps), which share the neurons. A neuron w is read in K
ways,

    h_ik(w) = Σ_q A_kq phi(x_iq·w),   k = 1..K,

and has an output vector for each of them. The mean and the sum have K = 1; ``"flatten"`` has one read-out for each position.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from relucvx.conversion import shown, to_numpy
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.types import Array, ArrayLike, freeze
from relucvx.validation import as_matrix

if TYPE_CHECKING:
    import scipy.sparse as sp
else:
    sp = later("scipy.sparse")

READOUTS = ("mean", "sum", "flatten")
"""The read-outs that have a name."""


class Pooling:
    """The linear map from rows to samples, ``h = T phi(X w)`` with h of shape (n, K), immutable.

    Parameters
    ----------
    operator : sparse matrix, shape (n K, R)
        Row ``i K + k`` holds what read-out k of sample i takes of each row.
    n_readouts : int
        K.
    kind : str or ndarray (K, p), optional
        The read-out by name or as a matrix, where it has one that new samples could be read with.
    groups : ndarray of int, shape (R,), optional
        The sample of each row.

    Notes
    -----
    Build it with :func:`pool_bags` or :func:`pool_groups`.

    Status: theorem (a definition). Source: [ergen-pilanci-2021], [relucvx]

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.network.pooling import pool_bags
    >>> total = pool_bags(2, 3, "sum")  # two samples of three rows each
    >>> total.pool(np.arange(6.0)[:, None])[:, 0, 0].tolist()
    [3.0, 12.0]
    """

    def __init__(
        self,
        operator: sp.csr_matrix,
        n_readouts: int,
        kind: str | Array | None = None,
        groups: NDArray[np.intp] | None = None,
    ) -> None:
        self.operator, self.n_readouts = sp.csr_matrix(operator), n_readouts
        self.kind, self.groups = kind, groups

    @property
    def n_samples(self) -> int:
        """Number n of samples."""
        return int(self.operator.shape[0] // self.n_readouts)

    @property
    def n_rows(self) -> int:
        """Number R of rows, of all samples together."""
        return int(self.operator.shape[1])

    @property
    def n_terms(self) -> int:
        """The most rows that one read-out adds up."""
        return int(np.diff(self.operator.indptr).max(initial=0))

    @property
    def n_shared(self) -> int:
        """The most samples and read-outs that one row goes into."""
        return int(np.bincount(self.operator.indices, minlength=1).max(initial=0))

    @cached_property
    def parts(self) -> list[sp.csr_matrix]:
        """The read-outs one by one, each (n, R)."""
        return [self.operator[k :: self.n_readouts].tocsr() for k in range(self.n_readouts)]

    @cached_property
    def sizes(self) -> sp.csr_matrix:
        """Length (n, R) as a sparse matrix: how much of a row, in Euclidean norm over the read-outs, a sample takes."""
        return sp.csr_matrix(sum(part.multiply(part) for part in self.parts)).sqrt()

    def pool(self, A: Array) -> Array:
        """Read rows (R, q) as samples (n, K, q)."""
        return np.asarray(self.operator @ A).reshape(self.n_samples, self.n_readouts, A.shape[1])

    def unpool(self, Q: Array) -> Array:
        """The adjoint of :meth:`pool`: samples (n, K, q) to rows (R, q)."""
        return np.asarray(self.operator.T @ Q.reshape(self.n_samples * self.n_readouts, -1))

    def spread(self, N: Array) -> Array:
        """Dual points of samples (n, c) as those of rows (R, K c): row r has ``[Σ_i T_(i,k),r N_i]_k``."""
        return np.concatenate([np.asarray(part.T @ N) for part in self.parts], axis=1)

    def absolute(self) -> Pooling:
        """The same read-outs with their absolute values: what roundings are counted with."""
        return Pooling(abs(self.operator), self.n_readouts)

    def per_sample(self, values: Array) -> Array:
        """Σ_r ||T_(i,·),r|| values_r: what numbers of rows (R,) come to for each sample (n,)."""
        return np.asarray(self.sizes @ values)

    def merged(self, rows: NDArray[np.intp], group: NDArray[np.intp], count: int) -> Pooling:
        """The same map where the old rows ``rows`` are new row ``group``, of ``count``; rows that are left out add nothing."""
        gather = sp.csr_matrix((np.ones(len(rows)), (rows, group)), shape=(self.n_rows, count))
        return Pooling(self.operator @ gather, self.n_readouts)

    def __repr__(self) -> str:
        kind = self.kind if isinstance(self.kind, str) else f"{self.n_readouts} read-outs"
        return f"Pooling({self.n_rows} rows -> {self.n_samples} samples, {kind})"


def as_readout(kind: Any, rows: int | None) -> str | Array:
    """A read-out by name, or as a matrix (K, p) for bags of p rows.

    Raises
    ------
    InvalidInputError
        For anything else, and for a matrix of another number of columns.
    """
    if isinstance(kind, str):
        if kind not in READOUTS:
            raise InvalidInputError(
                explain('pooling="mean", "sum", "flatten" or an array (K, p)', shown(kind), "a typo", 'pooling="mean"')
            )
        return kind
    A = as_matrix(kind, "pooling")
    if rows is None:
        raise InvalidInputError(
            explain(
                "bags of equal size for an array of read-outs",
                "bags of unequal size",
                "a read-out by position needs the same positions in every sample",
                'pooling="mean" or "sum"',
            )
        )
    if A.shape[1] != rows:
        raise InvalidInputError(
            explain(
                f"pooling of shape (K, {rows}), a column for each row of a sample", f"shape {A.shape}", "transposed?"
            )
        )
    frozen: Array = freeze(A)
    return frozen


def pool_bags(n_samples: int, rows: int, kind: Any) -> Pooling:
    """The map for n samples of p rows each, sample by sample; ``kind`` is a name or an array (K, p).

    Notes
    -----
    Status: theorem (a definition). Source: [relucvx]
    """
    kind = as_readout(kind, rows)
    A = _matrix(kind, rows)
    groups = np.repeat(np.arange(n_samples), rows)
    return Pooling(sp.kron(sp.identity(n_samples), sp.csr_matrix(A), format="csr"), len(A), kind, groups)


def _matrix(kind: str | Array, rows: int) -> Array:
    if not isinstance(kind, str):
        return kind
    if kind == "flatten":
        return np.eye(rows)
    return np.full((1, rows), 1.0 / rows if kind == "mean" else 1.0)


def pool_groups(groups: ArrayLike, n_rows: int, kind: Any) -> Pooling:
    """The map for rows (R,) that belong to samples 0..n-1, in any order and any number.

    Raises
    ------
    InvalidInputError
        For groups that are not the numbers 0..n-1, each at least once, and for read-outs by position of unequal bags.

    Notes
    -----
    Rows of one sample are in positions of their order. Status: theorem (a definition). Source: [relucvx]
    """
    member = as_groups(groups, n_rows)
    counts = np.bincount(member)
    n, equal = len(counts), int(counts[0]) if (counts == counts[0]).all() else None
    if not isinstance(kind, str) or kind not in ("mean", "sum"):
        kind = as_readout(kind, equal)
        if equal is None:
            as_readout(np.ones((1, 1)), None)  # flatten: refused as an array is
        A = _matrix(kind, int(equal or 0))
        # the rows of sample i, in their order, are positions 0..p-1
        order = np.argsort(member, kind="stable")
        operator = sp.kron(sp.identity(n), sp.csr_matrix(A), format="csc")
        return Pooling(operator[:, np.argsort(order)].tocsr(), len(A), kind, member)
    share = 1.0 / counts[member] if kind == "mean" else np.ones(n_rows)
    return Pooling(sp.csr_matrix((share, (member, np.arange(n_rows))), shape=(n, n_rows)), 1, kind, member)


def as_groups(groups: ArrayLike, n_rows: int) -> NDArray[np.intp]:
    """The sample of each row, as numbers 0..n-1 that all occur; raises InvalidInputError otherwise."""
    raw = to_numpy(groups, "groups")
    fix = "numpy.unique(groups, return_inverse=True)[1], with the rows of Y in the order of numpy.unique(groups)"
    if raw.shape != (n_rows,):
        raise InvalidInputError(
            explain(f"groups of shape ({n_rows},), the sample of each row of X", f"shape {raw.shape}")
        )
    if raw.dtype.kind not in "iuf" or not (np.isfinite(raw).all() and (raw == np.floor(raw)).all()):
        raise InvalidInputError(explain("groups as whole numbers 0..n-1", f"dtype {raw.dtype}", "labels", fix))
    member = raw.astype(np.intp)
    if member.min() < 0 or (np.bincount(np.maximum(member, 0)) == 0).any():
        missing = np.setdiff1d(np.arange(member.max() + 1), member)
        held = f"{int(member.min())}" if member.min() < 0 else f"no row of sample {int(missing[0])}"
        raise InvalidInputError(explain("groups that are the numbers 0..n-1, each at least once", held, "gaps", fix))
    return member
