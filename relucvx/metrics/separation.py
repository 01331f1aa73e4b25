"""Linear separability, decided by linear programs with a certificate for either answer, and counted over splits."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from scipy import special

from relucvx.conversion import as_flag
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.samples.class_pairs import Interval
from relucvx.metrics.samples.dichotomies import check_conditions, dichotomies
from relucvx.metrics.samples.groups import as_groups
from relucvx.metrics.samples.scaling import exactly_scaled, scaled
from relucvx.metrics.samples.span import NO_MARGIN, Span
from relucvx.metrics.scales import OnScale
from relucvx.tolerances import EPS
from relucvx.types import Array, ArrayLike, Result, Rng, resolve_rng
from relucvx.validation import as_count, as_fraction, as_matrix


@dataclass(frozen=True)
class LinearSeparation(Result):
    """Whether a hyperplane separates two sets of points, with what proves it.

    Attributes
    ----------
    separable : bool or None
        None when rounding leaves it open: no certificate of either kind passes its check.
    weights : ndarray of shape (p,), or None
        When separable: w with w . z + bias > 0 on the side True and < 0 on the other, margin above rounding.
    bias : float
        Its offset; NaN when not separable.
    margin : float
        Smallest |w . z + bias| / ||w||, in the units of Z; NaN when not separable.
    combination : ndarray of shape (n,), or None
        When not separable: q >= 0 with sum 1 on each side (sum 1 in all without a bias), such that the combinations of
        the two sides are one point (add up to 0 after the sign of each side).
    residual : float
        Largest coordinate of the difference of the two combinations (of their sum with signs, without a bias), relative
        to the largest coordinate of a point, from the mean with a bias; NaN when separable.

    Notes
    -----
    Status: a record of what :func:`linear_separation` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.linear_separation([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [1, 1, -1, -1])
    >>> found.separable, bool(found.residual < 1e-9)  # XOR: a combination of the points proves it
    (False, True)
    """

    separable: bool | None
    weights: Array | None
    bias: float
    margin: float
    combination: Array | None
    residual: float


@dataclass(frozen=True)
class Separability(OnScale, Result, of="separability"):
    """How many splits of the conditions are linearly separable.

    Attributes
    ----------
    share : float
        Separable splits over those tested; the undecided count as not separable.
    interval : tuple of two floats
        Where the share of all splits lies: a Clopper-Pearson interval when they were drawn, which counts the undecided
        either way; the ends differ only by the undecided when every split was tested.
    n_separable, n_undecided, n_tested : int
        Splits, each up to an exchange of the sides.
    n_total : int
        Splits there are.
    exhaustive : bool
        Whether all were tested.
    general_position : float
        Share by Cover's count for as many points in general position in the space that the points span; NaN for
        balanced splits, or when conditions have several points.
    conditions : tuple
        The labels, or row numbers.

    Notes
    -----
    Status: a record of what :func:`separability` finds, which states what it rests on. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> found = rx.metrics.separability([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    >>> found.n_separable, found.n_total, found.exhaustive, found.general_position
    (7, 8, True, 0.875)
    """

    share: float
    interval: Interval
    n_separable: int
    n_undecided: int
    n_tested: int
    n_total: int
    exhaustive: bool
    general_position: float
    conditions: tuple[Any, ...]


def cover_count(n: int, d: int, bias: bool = True) -> int:
    """Number of separable dichotomies of n points in general position in d dimensions: 2 sum_{k<D} C(n-1, k).

    D = d + 1 with a bias, d without. Both orders of the sides count, and so do the two splits with an empty side.

    Parameters
    ----------
    n, d : int
        Points (>= 1) and dimension (>= 0).
    bias : bool, default True
        Whether the hyperplane may miss the origin.

    Returns
    -------
    int

    Raises
    ------
    InvalidInputError
        For counts below their least.

    Notes
    -----
    Source: [cover-1965].
    Status: theorem (points in general position: no D of them, extended by a 1 with a bias, are linearly dependent).

    Examples
    --------
    >>> import relucvx as rx
    >>> rx.metrics.cover_count(4, 2)  # of the 16 dichotomies of four points in the plane, by lines
    14
    """
    n, d = as_count(n, "n"), as_count(d, "d", least=0)
    return 2 * sum(comb(n - 1, k) for k in range(d + as_flag(bias, "bias")))


@timed("linear_separation(Z[::4], sides[::4])")
def linear_separation(Z: Any, sides: Any, bias: bool = True, *, time_limit: float | None = None) -> LinearSeparation:
    """Decide whether a hyperplane separates two sets of points strictly; either answer carries a checked certificate.

    One linear program, max t subject to s_i (w . z_i + b) >= t and |w_j|, |b| <= 1, whose dual is the least l1-norm of
    sum_i q_i s_i (z_i, 1) over q >= 0 with sum 1: t > 0 gives the hyperplane, t = 0 a point in both convex hulls.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Points.
    sides : sequence of length n
        Two labels of any type; the larger one (the later to appear, where labels have no order) is the side True.
    bias : bool, default True
        Whether the hyperplane may miss the origin.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    LinearSeparation

    Raises
    ------
    InvalidInputError
        For shapes that do not fit, or sides that are not two.

    Notes
    -----
    Separability does not change under invertible affine maps (linear ones without a bias), so the program runs in
    orthonormal coordinates of the span of the points; the hyperplane is checked in the original ones.

    Source: [relucvx].
    Status: certified (the margin is recomputed and larger than its rounding error; hulls meet up to 1e-9 of the largest
    coordinate from the mean; singular values below 1e-10 of the largest count as zero).

    Examples
    --------
    >>> xor = [[0, 0], [1, 1], [0, 1], [1, 0]]
    >>> linear_separation(xor, [0, 0, 1, 1]).separable, linear_separation(xor, [0, 1, 1, 1]).separable
    (False, True)
    """
    Z = as_matrix(Z, "Z")
    groups = as_groups(sides, len(Z), name="sides")
    if len(groups.names) != 2:
        raise InvalidInputError(explain("two sides", f"{len(groups.names)}: {groups.names[:5]!r}"))
    signs = np.where(groups.codes == 1, 1.0, -1.0)
    Z, size = exactly_scaled(Z)
    space = Span.of(Z, bias)
    w, q = space.decide(signs)
    if w is not None:
        weights, offset = space.pull_back(w)
        values = signs * (Z @ weights + offset)
        rounding = (Z.shape[1] + 4) * EPS * (np.abs(Z) @ np.abs(weights) + abs(offset))
        if np.all(values > rounding):
            unit, length = scaled(weights)
            margin = float(values.min()) / length / float(np.linalg.norm(unit))
            return LinearSeparation(True, weights / size, offset, margin * size, None, np.nan)
    if q is not None:
        q, residual = _combination(Z - space.centre, q, signs, bias)
        if residual <= NO_MARGIN:
            return LinearSeparation(False, None, np.nan, np.nan, q, residual)
    return LinearSeparation(None, None, np.nan, np.nan, None, np.nan)


def _combination(points: Array, q: Array, signs: Array, bias: bool) -> tuple[Array, float]:
    """Coefficients made to sum to 1 (on each side with a bias), and the residual of the combination."""
    sums = [q[signs == s].sum() for s in (-1.0, 1.0)] if bias else [q.sum()] * 2
    if min(sums) <= 0.0 or q.min() < 0.0:
        return q, np.inf
    q = q / np.where(signs > 0, sums[1], sums[0])
    return q, float(np.abs((q * signs) @ points).max() / (float(np.abs(points).max()) or 1.0))


@timed("n_dichotomies=100")
def separability(
    Z: Any,
    conditions: ArrayLike | None = None,
    *,
    balanced: bool = False,
    bias: bool = True,
    n_dichotomies: int = 1000,
    confidence: float = 0.95,
    rng: Rng = None,
    time_limit: float | None = None,
) -> Separability:
    """Share of the ways to split the conditions in two that a hyperplane realises without an error.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Points; with ``conditions`` the trials of a condition stay together.
    conditions : sequence of length n, optional
        Labels of any type; default every row is a condition (average trials first with
        :func:`relucvx.metrics.condition_averages` to judge the means).
    balanced : bool, default False
        Whether only splits into halves count (sizes differ by one for an odd number), or all, the trivial one included.
    bias : bool, default True
        Whether the hyperplane may miss the origin.
    n_dichotomies : int, default 1000
        All splits are tested when there are no more; otherwise so many are drawn.
    confidence : float, default 0.95
        Coverage of the interval when splits are drawn.
    rng : None, int or Generator
        Source of randomness; unused when every split is tested.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    Separability

    Raises
    ------
    InvalidInputError
        For fewer than two conditions, counts below 1, a confidence outside (0, 1), or labels that do not fit Z.

    Notes
    -----
    Exact separability of the points given, not an estimate of decoding: noise makes points separable, and with p >= n-1
    neurons in general position everything is. :func:`relucvx.metrics.decoding_dimension` tests on held-out trials.

    Source: [cover-1965], [rigotti-2013].
    Status: certified (every answer carries a checked certificate as in :func:`linear_separation`; undecided ones are
    reported).

    Examples
    --------
    >>> separability([[0, 0], [0, 1], [1, 0], [1, 1]]).share  # all splits but one, which is exclusive or
    0.875
    """
    Z = as_matrix(Z, "Z")
    groups = as_groups(range(len(Z)) if conditions is None else conditions, len(Z), name="conditions")
    P = len(groups.names)
    check_conditions(P, groups.names)
    level = as_fraction(confidence, "confidence")
    splits = dichotomies(P, balanced, as_count(n_dichotomies, "n_dichotomies"), resolve_rng(rng))
    space = Span.of(Z, bias)
    answers = space.answers(np.where(splits.sides[:, groups.codes], 1.0, -1.0))
    yes, open_, tested = int(np.sum(answers == 1)), int(np.sum(answers == -1)), len(answers)
    low, high = yes / tested, (yes + open_) / tested
    if not splits.exhaustive:
        low, high = _clopper_pearson(yes, tested, level)[0], _clopper_pearson(yes + open_, tested, level)[1]
    cover = np.nan
    if not balanced and len(Z) == P:
        cover = cover_count(P, space.dimension, bias) / 2**P
    return Separability(
        yes / tested, (low, high), yes, open_, tested, splits.total, splits.exhaustive, cover, groups.names
    )


def explained_splits(
    Z: Any,
    conditions: Any = None,
    *,
    balanced: bool = False,
    bias: bool = True,
    n_dichotomies: int = 1000,
    confidence: float = 0.95,
    rng: Rng = None,
) -> float:
    """What orders equal scores of :func:`separability`: mean share of the splits that linear functions explain, R squared."""
    Z = as_matrix(Z, "Z")
    groups = as_groups(range(len(Z)) if conditions is None else conditions, len(Z), name="conditions")
    splits = dichotomies(len(groups.names), balanced, n_dichotomies, resolve_rng(rng))
    signs = np.where(splits.sides[:, groups.codes], 1.0, -1.0)
    if bias:  # the constant explains what the sides differ in number
        signs = signs - signs.mean(axis=1, keepdims=True)
    rows = Span.of(Z, bias).rows
    basis = (rows[:, :-1] if bias else rows) / np.sqrt(len(Z))
    whole = np.sum(signs**2, axis=1)
    found = np.sum((signs @ basis) ** 2, axis=1)[whole > 0] / whole[whole > 0]
    return float(found.mean()) if len(found) else 1.0


def _clopper_pearson(hits: int, n: int, confidence: float) -> Interval:
    tail = (1.0 - confidence) / 2.0
    low = float(special.betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, n - hits, 1.0 - tail)) if hits < n else 1.0
    return low, high
