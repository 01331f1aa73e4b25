"""Intrinsic dimension of a curved set of samples, from the distances to the two nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from relucvx.conversion import is_word
from relucvx.errors import InvalidInputError, explain
from relucvx.limits import timed
from relucvx.metrics.neighbours import TIE, near_distances, slack
from relucvx.metrics.samples.blocks import BLOCK
from relucvx.metrics.samples.groups import Indices
from relucvx.metrics.samples.scaling import from_middle, scaled
from relucvx.metrics.scales import OnScale
from relucvx.tolerances import EPS
from relucvx.types import Array, Result
from relucvx.validation import as_fraction, as_matrix

DRAWS = 999
"""Samples of the pivot behind the interval of the linear fit; its ends are then known to a tenth of a standard error."""


COPY = 2.0
"""Last digits by which two copies may differ: each may be rounded up or down."""

SPACINGS = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Relative spacing of the numbers of each type that is coarser than float64."""


@dataclass(frozen=True)
class TwoNN(OnScale, Result, of="two_nn"):
    """Intrinsic dimension with a confidence interval.

    Attributes
    ----------
    dimension : float
        NaN for fewer than three different samples or two ratios; infinite when every sample is as far from its second
        neighbour as from its first.
    low, high : float
        Confidence interval.
    n_used : int
        Ratios of distances that enter the estimate.
    n_discarded : int
        Largest ratios left out.
    n_duplicates : int
        Samples dropped as copies of others, exact or up to the last digits that the numbers have.
    method : str
        ``"mle"`` or ``"fit"``.

    Notes
    -----
    Status: a record of what :func:`two_nn` finds, which states what it rests on. Source: [facco-2017].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> Z = np.random.default_rng(0).standard_normal((200, 2)) @ np.random.default_rng(1).standard_normal((2, 10))
    >>> found = rx.metrics.two_nn(Z)
    >>> bool(found.low < 2 < found.high), found.n_used
    (True, 200)
    """

    dimension: float
    low: float
    high: float
    n_used: int
    n_discarded: int
    n_duplicates: int
    method: str


@timed("two_nn(Z[::4])")
def two_nn(
    Z: Any,
    *,
    method: Literal["mle", "fit"] = "mle",
    discard: float | None = None,
    confidence: float = 0.95,
    resolution: float | None = None,
    time_limit: float | None = None,
) -> TwoNN:
    """Intrinsic dimension d from the ratio m = r2/r1 of the distances to the two nearest neighbours, P(m > t) = t^-d.

    With x_i = log m_i sorted in increasing order, N samples and the r smallest of them used:

    * ``"mle"``: d = r / (sum_{i<=r} x_i + (N - r) x_r), the maximum of the likelihood (N / sum x_i for r = N);
    * ``"fit"``: slope through the origin of -log(1 - i/N) over x_i, i <= r.

    Parameters
    ----------
    Z : array_like of shape (n, p)
        Representation.
    method : {"mle", "fit"}, default "mle"
        Estimator.
    discard : float, optional
        Fraction of the largest ratios left out, between 0 and 1 (0 for ``"mle"``, 0.1 for ``"fit"`` by default). The
        fit always leaves out the largest, whose logarithm is infinite.
    confidence : float, default 0.95
        Probability that the interval covers d.
    resolution : float, optional
        Relative spacing of the numbers that Z was computed in: 1.2e-7 for single precision, 0.0078 for bfloat16. Default:
        that of Z's own type, and of single precision where every entry is such a number.
    time_limit : float, optional
        Seconds, after which :class:`relucvx.errors.TimeLimitError` says that there is no answer.

    Returns
    -------
    TwoNN

    Raises
    ------
    InvalidInputError
        For an unknown method, discard outside [0, 1), or confidence or resolution outside (0, 1).

    Notes
    -----
    Samples that repeat another are dropped, as they say nothing about dimension; so are those at most two of the last
    digits away from another (the distance is at most 2 ``resolution`` times the norm), whose distance says how a sum was
    rounded: a layer computed in single precision, in batches of two sizes, repeats a repeated sample only so far. The
    density is taken to be constant up to the second neighbour, so noise adds dimensions at small distances and few
    samples in many dimensions give too little. Isometries and scale leave the estimate as it is.

    The intervals are exact for independent ratios (from the chi-squared distribution, or for the fit by simulation with
    a fixed seed). Ratios of neighbouring samples depend on each other, and bias is not accounted for: on flat tori with
    300 samples, intervals of 95 % held the dimension in 85 to 93 % of trials for d = 1, 2 and in 70 % for d = 5.

    Source: [facco-2017].
    Status: heuristic (an estimate; the density is never constant, nor are neighbouring ratios independent).

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> points = np.random.default_rng(0).uniform(size=(300, 2))
    >>> plane = points @ [[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]  # in three dimensions
    >>> round(rx.metrics.two_nn(plane).dimension)
    2
    """
    if not is_word(method, ("mle", "fit")):
        raise InvalidInputError(explain('method "mle" or "fit"', repr(method)))
    share = as_fraction({"mle": 0.0, "fit": 0.1}[method] if discard is None else discard, "discard", zero=True)
    level = as_fraction(confidence, "confidence")
    grain = None if resolution is None else as_fraction(resolution, "resolution", optional=True)
    given, Z = Z, as_matrix(Z, "Z")
    first, second = _two_distances(Z, _resolution(given, Z) if grain is None else grain)
    N, copies = len(first), len(Z) - len(first)
    used = min(N - int(share * N), N - 1 if method == "fit" else N)
    # too few different samples for a second neighbour, or for more than one ratio
    if N < 3 or used < 2:
        return TwoNN(np.nan, np.nan, np.nan, 0, 0, copies, method)
    x = np.sort(np.log(second / first))
    # on a grid both neighbours are equally far: ties up to rounding, and not tiny ratios
    x[x <= TIE] = 0.0
    estimate = _likelihood if method == "mle" else _fit
    dimension, low, high = estimate(x, used, (1.0 - level) / 2.0)
    return TwoNN(dimension, low, high, used, N - used, copies, method)


def _likelihood(x: Array, used: int, tail: float) -> tuple[float, float, float]:
    """Maximum likelihood for exponential x of which the largest are only known to be larger; 2 d T is chi-squared."""
    total = float(x[:used].sum() + (len(x) - used) * x[used - 1])
    # every ratio is 1, as in more dimensions than any number
    if total == 0.0:
        return np.inf, np.inf, np.inf
    low, high = (float(special.gammaincinv(used, q)) / total for q in (tail, 1.0 - tail))
    return used / total, low, high


def _fit(x: Array, used: int, tail: float) -> tuple[float, float, float]:
    """Least squares through the origin. Its ratio to d has a distribution free of d, which is sampled."""
    N, kept = len(x), x[:used]
    if kept[-1] == 0.0:
        return np.inf, np.inf, np.inf
    y = -np.log1p(-np.arange(1, used + 1) / N)
    slope = float(kept @ y / (kept @ kept))
    # a fixed seed: the interval belongs to the data and not to the call
    rng, ratios = np.random.default_rng(0), []
    step = max(1, BLOCK // used)
    for first in range(0, DRAWS, step):
        # gaps between sorted exponential variables are independent, so nothing needs sorting
        gaps = rng.exponential(size=(min(step, DRAWS - first), used)) / np.arange(N, N - used, -1)
        e = np.cumsum(gaps, axis=1)
        ratios.append(e @ y / np.sum(e**2, axis=1))
    small, large = np.quantile(np.concatenate(ratios), [tail, 1.0 - tail])
    return slope, slope / float(large), slope / float(small)


def _resolution(given: Any, Z: Array) -> float:
    """Relative spacing of the numbers that an array holds: of its own type, or of single precision where all fit in it."""
    kind = str(getattr(given, "dtype", "")).removeprefix("torch.")
    if kind in SPACINGS:
        return SPACINGS[kind]
    with np.errstate(over="ignore", under="ignore"):
        single = Z.astype(np.float32)
    return SPACINGS["float32"] if bool((single == Z).all()) else EPS


def _two_distances(Z: Array, resolution: float) -> tuple[Array, Array]:
    """Distances of the different samples to their nearest and second nearest."""
    # adding 0.0 makes -0.0 and 0.0 one number
    rows = np.unique(Z + 0.0, axis=0)
    unit, _ = scaled(rows)
    # digits are lost relative to the numbers as they were given, not to what is left of them around the middle
    blur = COPY * resolution * np.linalg.norm(unit, axis=1)
    rows = from_middle(rows)
    # exact copies are gone, but rounding makes near ones: they go, until every distance says something
    while len(rows) >= 3:
        first, second, nearest = _nearest_two(rows)
        copies = first <= np.maximum(slack(np.linalg.norm(rows, axis=1)), blur)
        if not copies.any():
            return first, second
        # of two copies the earlier stays; where neither is later than its nearest all go, or the loop would not end
        later = copies & (nearest < np.arange(len(rows)))
        stay = ~(later if later.any() else copies)
        rows, blur = rows[stay], blur[stay]
    return np.zeros(len(rows)), np.zeros(len(rows))


def _nearest_two(rows: Array) -> tuple[Array, Array, Indices]:
    found, nearest = [], []
    for _, distance in near_distances(rows, 2):
        found.append(np.partition(distance, 1, axis=1)[:, :2].copy())
        nearest.append(distance.argmin(axis=1))
    first, second = np.concatenate(found).T
    return first, second, np.concatenate(nearest)
