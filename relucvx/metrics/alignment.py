"""Similarity of two representations of the same samples: kernel alignment and Procrustes distance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx.conversion import as_flag, is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.samples.blocks import order_statistic, overlap, row_blocks, squared_distances
from relucvx.metrics.samples.groups import as_gram, check_same_samples
from relucvx.metrics.samples.scaling import centred, centred_kernel, from_middle
from relucvx.metrics.scales import OnScale
from relucvx.types import Array, ArrayLike, Result
from relucvx.validation import as_matrix, as_positive

FLAT = 1e-13
"""Size below which features or kernels scaled to 1 are the rounding of a constant."""

FEW = 0.05
"""Mean CKA of permuted samples above which samples count as few: the debiased form differs by about as much."""


class Alignment(OnScale, float, of="cka"):
    """A CKA, which is a number like any other and says besides in which form it was computed.

    Attributes
    ----------
    debiased : bool
        Whether this is the debiased form.
    chance : float
        tr K tr L / ((n - 1) ||K|| ||L||) of the centred kernels: the mean of the plain form over all permutations of the
        samples. The debiased form has the mean 0 in its place. NaN when one side does not vary.

    Notes
    -----
    Source: [kornblith-2019], [song-2012], the mean over permutations [relucvx].
    Status: theorem (definitions).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> A, B = np.random.default_rng(0).standard_normal((2, 50, 1000))
    >>> rx.metrics.cka(A, B), rx.metrics.cka(A, B, debiased=False)
    (-0.0214449 (debiased; chance 0), 0.951408 (plain; chance 0.952))
    >>> print(f"{rx.metrics.cka(A, B, debiased=False):.2f}")
    0.95
    """

    debiased: bool
    chance: float

    def __new__(cls, value: float, debiased: bool, chance: float) -> Alignment:
        """The number with its form."""
        found = super().__new__(cls, value)
        found.debiased, found.chance = debiased, chance
        return found

    @property
    def range(self) -> tuple[float, float]:
        """From 0 to 1 in the plain form, from -1 in the debiased one."""
        return (-1.0 if self.debiased else 0.0), 1.0

    def __getnewargs__(self) -> tuple[float, bool, float]:  # type: ignore[override]
        return float(self), self.debiased, self.chance

    def __repr__(self) -> str:
        form, chance = ("debiased", 0.0) if self.debiased else ("plain", self.chance)
        return f"{float(self):.6g} ({form}; chance {chance:.3g})"

    __str__ = float.__repr__


@dataclass(frozen=True)
class Procrustes(OnScale, Result, of="procrustes"):
    """How far two representations are apart after the best rotation.

    Attributes
    ----------
    distance : float
        min_Q ||A - B Q||_F over orthogonal Q; a metric between shapes.
    similarity : float
        ||A^T B||_* / (||A||_F ||B||_F), between 0 and 1; the cosine between A and the rotated B. NaN when one side
        does not vary.

    Notes
    -----
    Status: a record of what :func:`procrustes` finds, which states what it rests on. Source: [schonemann-1966].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.procrustes([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    >>> print(f"{found.distance:.4f} {found.similarity:.4f}")  # the same up to rotation and scale
    0.0000 1.0000
    """

    distance: float
    similarity: float


@timed("cka(Z1[::4], Z2[::4])")
def cka(
    Z1: ArrayLike | None = None,
    Z2: ArrayLike | None = None,
    *,
    kernel: Literal["linear", "rbf"] = "linear",
    bandwidth: float | None = None,
    kernel1: Any = None,
    kernel2: Any = None,
    debiased: bool | None = None,
    time_limit: float | None = None,
) -> Alignment:
    """Centred kernel alignment, <H K1 H, H K2 H>_F / (||H K1 H||_F ||H K2 H||_F) with H = I - 11^T/n.

    Parameters
    ----------
    Z1, Z2 : array_like of shapes (n, p1) and (n, p2), optional
        Two representations of the same n samples.
    kernel : {"linear", "rbf"}, default "linear"
        Kernel of the sides given by features: z.z', or exp(-||z - z'||^2 / (2 s^2)).
    bandwidth : float, optional
        s in units of the median distance between two samples of the representation itself (default 1.0, ``"rbf"``
        only). For large values the result tends to the linear one.
    kernel1, kernel2 : array_like of shape (n, n), optional
        Gram matrices in their place; either side may be given by features or by kernel.
    debiased : bool or None, default None
        Whether the three inner products are replaced by unbiased estimates, which are 0 on average for unrelated
        features however many there are; the result may be negative. Needs n >= 4. None: where samples are few for their
        features, which is when those that have nothing to do with each other score above 0.05 on average in the plain
        form (``chance`` of the result); never with fewer than 4 samples, nor with a Gram matrix, of whose samples
        nobody knows whether they are drawn or all there are. Where numbers are compared (over training, say), ask for one:
        at the border the two forms differ by about 0.05.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Alignment
        A float that knows its form. Between 0 and 1 (plain form); 1 for representations equal up to rotation, scale and
        shift; NaN when one side does not vary, when an unbiased estimate of its norm is not positive (as of samples
        that are all as far from one another, which any permutation leaves alike), or when the median distance is 0.

    Raises
    ------
    InvalidInputError
        For sides that are not given once each, different numbers of samples, debiased with n < 4, an unknown kernel, a
        bandwidth that is not positive, or one of these that nothing uses.

    Notes
    -----
    No constant is added to the denominator, so the scale of the features does not matter. With fewer features than
    samples, p x p matrices are formed in place of n x n ones, for the debiased form too; else kernels are formed a
    block of rows at a time. Of an even number of distances the median is the smaller of the middle two. A permutation of
    the samples, or of one side's alone, changes neither the form nor the chance level.

    Source: [kornblith-2019], debiased form [song-2012].
    Status: theorem (a definition).

    Examples
    --------
    >>> cross = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> turned = 3 * cross @ [[0.0, 1.0], [-1.0, 0.0]]
    >>> [round(cka(cross, other, debiased=False), 12) for other in (turned, cross**2)]
    [1.0, 0.0]
    """
    asked = None if debiased is None else as_flag(debiased, "debiased")
    width = _width(kernel, bandwidth)
    if width is not None and kernel1 is not None and kernel2 is not None:
        raise InvalidInputError(explain("features for the rbf kernel", "two Gram matrices", "", "leave kernel= out"))
    first, second = _side(Z1, kernel1, width), _side(Z2, kernel2, width)
    check_same_samples(first.n, second.n)
    # the factor of n alone that is left out below is 1/(n (n - 3))
    if asked and first.n < 4:
        raise InvalidInputError(explain("at least 4 samples for the unbiased estimate", f"{first.n}"))
    inner, *squares = _inner_products(first, second)
    sizes = np.sqrt(squares)
    # a constant representation is similar to nothing: what is left of it is rounding
    if sizes[0] <= first.flat or sizes[1] <= second.flat:
        return Alignment(np.nan, bool(asked), np.nan)
    chance = _share_of_trace(first, float(sizes[0])) * _share_of_trace(second, float(sizes[1]))
    given = kernel1 is not None or kernel2 is not None
    unbiased = not given and few_samples(first.n, chance) if asked is None else asked
    if not unbiased:
        return Alignment(min(inner / float(sizes[0]) / float(sizes[1]), 1.0), False, chance)
    own = [_unbiased(square, side, side) for square, side in zip(squares, (first, second), strict=True)]
    # unbiased, the norm of noise is zero on average and may come out negative: there is no quotient
    if min(own[0] / squares[0], own[1] / squares[1]) <= 1e-12:
        return Alignment(np.nan, True, chance)
    return Alignment(_unbiased(inner, first, second) / np.sqrt(own[0]) / np.sqrt(own[1]), True, chance)


def _width(kernel: Any, bandwidth: Any) -> float | None:
    """Bandwidth of the rbf kernel; None for the linear one."""
    if not is_word(kernel, ("linear", "rbf")):
        raise InvalidInputError(explain('kernel "linear" or "rbf"', repr(kernel), "", "kernel1=K for a Gram matrix"))
    if kernel == "rbf":
        return as_positive(1.0 if bandwidth is None else bandwidth, "bandwidth")
    if bandwidth is not None:
        raise InvalidInputError(explain("no bandwidth with a linear kernel", repr(bandwidth), "", 'kernel="rbf"'))
    return None


def few_samples(n: int, chance: float) -> bool:
    """Whether chance lifts the plain form so far that the debiased one is computed unless somebody says otherwise."""
    return bool(n >= 4 and chance > FEW)


def one_form(first: Sequence[Any], second: Sequence[Any], options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether all pairs of layers of two networks are compared in the debiased form, and a sentence that says why."""
    width = _width(options.get("kernel", "linear"), options.get("bandwidth"))
    highest, n = 1.0, 0
    for layers in (first, second):
        sides = [_side(Z, None, width) for Z in layers]
        found = [(side, float(np.sqrt(_square(side)))) for side in sides]
        highest *= max((_share_of_trace(side, size) for side, size in found if size > side.flat), default=0.0)
        n = sides[0].n
    few = few_samples(n, highest)
    why = f"chance alone makes CKA of {n} samples {'up to ' if len(first) * len(second) > 1 else ''}{highest:.2g}"
    other = "the debiased form needs 4 samples" if n < 4 else f"debiased={not few} for the other"
    return few, f"{why}: the {'debiased' if few else 'plain'} form ({other})"


def _square(side: _Side) -> float:
    """<K, K>."""
    if side.features is not None:
        return overlap(side.features, side.features)
    return sum(float(np.sum(side.rows(s) ** 2)) for s in row_blocks(side.n, side.n))


def _share_of_trace(side: _Side, size: float) -> float:
    """tr K / (sqrt(n - 1) ||K||), whose product for two kernels is the mean CKA over permutations of their samples."""
    return float(side.diagonal.sum() / np.sqrt(side.n - 1.0) / size)


@timed("procrustes(Z1[::4], Z2[::4])")
def procrustes(Z1: ArrayLike, Z2: ArrayLike, *, scale: bool = True, time_limit: float | None = None) -> Procrustes:
    """Orthogonal Procrustes distance min_Q ||A - B Q||_F of two centred representations over orthogonal Q.

    A and B are Z1 and Z2 with the mean row removed, zero columns appended to the narrower one, and with ``scale``
    divided by their Frobenius norms.

    Parameters
    ----------
    Z1, Z2 : array_like of shapes (n, p1) and (n, p2)
        Two representations of the same n samples.
    scale : bool, default True
        Whether both are scaled to norm 1 first. Without it the distance has the unit of the features.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Procrustes
        The distance is 0 exactly for representations equal up to rotation, reflection and shift (and scale); it is
        symmetric and obeys the triangle inequality. With ``scale`` it is sqrt(2 - 2 similarity), between 0 and
        sqrt(2), and NaN when one side does not vary.

    Raises
    ------
    InvalidInputError
        For different numbers of samples, or features that are not finite matrices.

    Notes
    -----
    The distance is evaluated at the best Q, from the singular vectors of B^T A, rather than from the singular values:
    sqrt(2 - 2 similarity) would lose half the digits near 0.

    Source: [schonemann-1966], as a metric between networks [williams-2021].
    Status: theorem (a definition).

    Examples
    --------
    >>> cross = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> round(procrustes(cross, 3 * cross @ [[0.0, 1.0], [-1.0, 0.0]]).similarity, 12)
    1.0
    """
    scale = as_flag(scale, "scale")
    (A, size1), (B, size2) = centred(Z1, "Z1"), centred(Z2, "Z2")
    check_same_samples(len(A), len(B))
    norms = float(np.linalg.norm(A)), float(np.linalg.norm(B))
    flat = min(norms) <= FLAT
    # without scaling the distance is one of the data as they are: both go in the larger unit, which is put back below
    common = 1.0 if scale else max(size1, size2)
    A, B = (_narrow(M) * (1.0 if scale else size / common) for M, size in ((A, size1), (B, size2)))
    if scale:
        if flat:
            return Procrustes(np.nan, np.nan)
        A, B = A / norms[0], B / norms[1]
    p = max(A.shape[1], B.shape[1])
    A, B = (np.pad(M, ((0, 0), (0, p - M.shape[1]))) for M in (A, B))
    U, values, Vt = np.linalg.svd(B.T @ A)
    # from the difference itself: from norms and singular values, small distances would lose half their digits
    distance = common * float(np.linalg.norm(A - B @ (U @ Vt)))
    size = float(np.linalg.norm(A)) * float(np.linalg.norm(B))
    return Procrustes(distance, np.nan if flat or size == 0.0 else min(float(values.sum()) / size, 1.0))


@dataclass(frozen=True)
class _Side:
    """One representation as a centred kernel whose rows are formed when asked for."""

    n: int
    rows: Callable[[slice], Array]
    diagonal: Array
    features: Array | None = None

    @property
    def flat(self) -> float:
        """Norm of the kernel below which nothing varies: that of features is a square of theirs."""
        return FLAT if self.features is None else self.n * FLAT**2


def _side(Z: Any, kernel: Any, bandwidth: float | None) -> _Side:
    if kernel is not None or Z is None:
        K = centred_kernel(as_gram(Z, kernel, "cka"))
        return _Side(len(K), K.__getitem__, np.diag(K))
    if bandwidth is not None:
        return _rbf_side(Z, bandwidth)
    A, _ = centred(Z)
    return _Side(len(A), lambda s: A[s] @ A.T, np.sum(A**2, axis=1), A)


def _rbf_side(Z: Any, bandwidth: float) -> _Side:
    """(K - 1) / c, centred: neither the constant nor the scale c matters, and wide kernels keep their digits."""
    rows = from_middle(as_matrix(Z, "Z"))
    n, squared = len(rows), squared_distances(rows)
    # twice the farthest from the middle, squared: no squared distance is larger
    top = 4.0 * float(np.sum(rows**2, axis=1).max())
    lower_median = n + (n * (n - 1) // 2 - 1)  # among all n^2 entries: the diagonal comes first, every pair twice
    typical = order_statistic(lambda: map(squared, row_blocks(n, n)), lower_median, top) if n > 1 and top > 0 else 0.0
    # half of the pairs coincide: the median is no scale, and a kernel without one is flat
    if typical <= 1e-28:
        return _Side(n, lambda s: np.zeros((len(rows[s]), n)), np.zeros(n))
    # the unit is 1 - K at the typical distance, so that entries are of order one for wide kernels, too
    rate, unit = 0.5 / bandwidth**2 / typical, -float(np.expm1(-0.5 / bandwidth**2))

    def raw(s: slice) -> Array:
        K: Array = np.expm1(-rate * squared(s)) / unit
        return K

    means = np.concatenate([raw(s).mean(axis=1) for s in row_blocks(n, n)])
    # raw is zero on the diagonal, of which centring leaves the means
    return _Side(n, lambda s: raw(s) - means - means[s, None] + means.mean(), means.mean() - 2.0 * means)


def _inner_products(first: _Side, second: _Side) -> tuple[float, float, float]:
    """<K, L>, <K, K>, <L, L>."""
    # linear kernels meet in their features; of others only a block of rows is there at a time
    if first.features is not None and second.features is not None:
        A, B = first.features, second.features
        return overlap(A, B), overlap(A, A), overlap(B, B)
    sums = np.zeros(3)
    for s in row_blocks(first.n, first.n):
        K, L = first.rows(s), second.rows(s)
        sums += np.sum(K * L), np.sum(K**2), np.sum(L**2)
    inner, one, two = sums.tolist()
    return inner, one, two


def _unbiased(inner: float, first: _Side, second: _Side) -> float:
    """Unbiased estimate of an inner product of two centred kernels, up to a factor of n alone (Song et al. 2012).

    The estimate is made of the kernels without diagonal. Rows of a centred kernel sum to 0, so without the diagonal
    they sum to minus its entry, and inner product and diagonals are all that is needed.
    """
    n, a, b = first.n, first.diagonal, second.diagonal
    return float(inner - (n / (n - 2)) * (a @ b) + a.sum() * b.sum() / ((n - 1) * (n - 2)))


def _narrow(A: Array) -> Array:
    """Features with the same inner products and no more columns than rows."""
    return A if A.shape[1] <= len(A) else np.asarray(np.linalg.qr(A.T, mode="r")).T
