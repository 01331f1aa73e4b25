"""Named statistics of the kernels of all networks near the optimum: the front door."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from relucvx._api.ranges import sharpened
from relucvx.certificate.kernels.collapse_range import collapse_range
from relucvx.certificate.kernels.kernel_bound import RangeProgress, Seeker
from relucvx.certificate.kernels.kernel_range import check_kernel_range
from relucvx.certificate.kernels.kernel_statistics import Interval, Statistics
from relucvx.conversion import is_word
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError, explain
from relucvx.interrupts import carrying, hurried
from relucvx.kernel.representation import as_kernel
from relucvx.later import later
from relucvx.metrics.samples.groups import as_factors, as_groups
from relucvx.oracle import compile_kernels
from relucvx.oracle.clock import clock
from relucvx.oracle.signed import compile_signed
from relucvx.program.problem import Problem
from relucvx.progress import Shown, watched
from relucvx.solution import Solution
from relucvx.threads import one_thread_if_small
from relucvx.types import Array, ArrayLike, Result, Rng, Scope, resolve_rng
from relucvx.validation import as_matrix, as_positive

figures = later("relucvx.metrics.figures")

Statistic = Literal["nc1_quotient", "nc1", "parallelism", "distance", "outside", "participation_ratio"]
STATISTICS: tuple[Statistic, ...] = (
    "nc1_quotient", "nc1", "parallelism", "distance", "outside", "participation_ratio",
)  # fmt: skip

NEAR = 1e-2
"""Share of a statistic's size within which networks come near the ends of its range."""

CLOSE = 1e-3
"""Where the ranges of numerator and denominator leave a quotient this share of its value, it is not bounded by itself."""


@dataclass(frozen=True, repr=False)
class StatisticRange(Result):
    """Certified range of a statistic of the hidden kernel over all networks of any width within ``delta`` of the optimum.

    Attributes
    ----------
    statistic : str
    lower, upper : float
        Every network with objective at most p* + delta has a value between them.
    attained_lower, attained_upper : float
        The smallest and largest value of networks that were found (NaN where it is defined for none).
    delta, objective : float
        ``objective`` stands for p*.
    parts : dict
        What the statistic is made of, name to (lower, upper).
    scope : Scope
    seconds : float

    Notes
    -----
    Status: a record of what :func:`kernel_statistic` proves. Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> found = rx.kernel_statistic(sol, "participation_ratio")  # one neuron: one dimension
    >>> print(f"{found.lower:.4f} {found.upper:.4f} {found.scope.name}")
    1.0000 1.0000 ALL_PATTERNS
    """

    statistic: str
    lower: float
    upper: float
    attained_lower: float
    attained_upper: float
    delta: float
    objective: float
    parts: dict[str, tuple[float, float]]
    scope: Scope
    seconds: float

    @property
    def attained(self) -> tuple[float, float]:
        """The smallest and the largest value of networks that were found."""
        return self.attained_lower, self.attained_upper

    @property
    def tight(self) -> bool:
        """Whether networks come near both ends, to a hundredth of their size; if not, time ran out, as a rule."""
        size = max(abs(self.attained_lower), abs(self.attained_upper))
        return bool(max(self.attained_lower - self.lower, self.upper - self.attained_upper) <= NEAR * size)

    @property
    def statement(self) -> str:
        """What is proven, in words."""
        which = "at the optimum" if self.delta == 0.0 else f"with objective at most p* + {self.delta:.6g}"
        return f"every network of any width {which} has {self.lower:.6g} <= {self.statistic} <= {self.upper:.6g}"

    def plot(self, ax: Any = None) -> Any:
        """Draw the certified range, and the values of networks that were found; returns the axes."""
        found = {"attained, least": [self.attained_lower], "attained, largest": [self.attained_upper]}
        label = "over all networks within delta"
        return figures.intervals(ax, [self.statistic], [self.lower], [self.upper], label, found)

    def __repr__(self) -> str:
        return (
            f"StatisticRange({self.statistic!r}, lower={self.lower:.8g}, upper={self.upper:.8g}, "
            f"attained=({self.attained_lower:.8g}, {self.attained_upper:.8g}), delta={self.delta:.3g})"
        )

    def __str__(self) -> str:
        return self.statement


def kernel_statistic(
    solution: Solution,
    statistic: Statistic,
    *,
    labels: ArrayLike | None = None,
    factors: ArrayLike | None = None,
    reference: ArrayLike | None = None,
    basis: ArrayLike | None = None,
    delta: float = 0.0,
    time_limit: float = 60.0,
    rng: Rng = 0,
    callback: Callable[[RangeProgress], Any] | None = None,
    progress: Shown = "auto",
) -> StatisticRange:
    """Certified range of a statistic of the hidden kernel over every network of any width within ``delta`` of the optimum.

    Of networks in their own scaling, as in :func:`kernel_range`; all but the distance do not see a common scale of a
    kernel.

    Parameters
    ----------
    solution : Solution
    statistic : str
        * ``"nc1_quotient"``: tr S_W / tr S_B of the classes ``labels``, as in :func:`relucvx.metrics.neural_collapse`;
        * ``"nc1"``: tr(S_W S_B⁺)/C of the classes ``labels``, as there;
        * ``"parallelism"``: mean over the ``factors`` of the mean cosine between coding directions, as in
          :func:`relucvx.metrics.parallelism_score`;
        * ``"distance"``: ||K - reference|| in the Frobenius norm; with the kernel of the solution itself, its radius;
        * ``"outside"``: share of tr K outside the span of the columns of ``basis``;
        * ``"participation_ratio"``: (tr K)²/tr K² of the centred kernel.
    labels : array_like, shape (n,), optional
    factors : array_like, shape (n, k), optional
        Binary variables.
    reference : array_like, shape (n, n), optional
        The kernel of the solution where it is not given.
    basis : array_like, shape (n, r), optional
    delta, time_limit, rng, callback, progress
        As in :func:`kernel_range`; the time is shared by all functionals that the statistic needs.

    Returns
    -------
    StatisticRange

    Raises
    ------
    InvalidInputError
        For an unknown statistic, one without what it is about, and as :func:`kernel_range`.
    UnsupportedError
        For free biases, as :func:`kernel_range`.

    Notes
    -----
    A quotient <K, A>/<K, B> is at most t + u/b with b <= <K, B> and u >= <K, A - tB>, for any t. A cosine is a quotient up to
    a factor that follows from the range of the ratio of the two lengths. NC1 is a functional and what differs from that by
    second order (:mod:`relucvx.certificate.kernels.collapse_range`). A distance follows from the ranges of the entries of K in
    the eigenbasis of the reference: r(r + 1) bounds for rank r. The mean over several cosines takes the ends of each.

    Status: theorem (weak duality), certified numerically. Source: [relucvx], [bernardi-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(2, x1=0.5, x2=0.3)  # a common mode: only abstract optima
    >>> found = rx.kernel_statistic(rx.solve(data.X, data.Y, beta=0.2), "parallelism", factors=data.Y)
    >>> print(f"{found.lower:.3f} {found.upper:.3f}")
    1.000 1.000
    """
    if not isinstance(solution, Solution):
        raise InvalidInputError(
            explain(
                "a Solution", type(solution).__name__, "a bare network has no certificate", "relucvx.solve(X, Y, beta)"
            )
        )
    if not is_word(statistic, STATISTICS):
        raise InvalidInputError(explain(f"a statistic among {', '.join(STATISTICS)}", repr(statistic)))
    check_kernel_range(solution.problem)
    delta = as_positive(delta, "delta", allow_zero=True)
    limit = clock(time_limit, compile_kernels, compile_signed, needed=True)
    n = solution.problem.n_samples
    given = {"labels": labels, "factors": factors, "reference": reference, "basis": basis}
    wanted = {"nc1_quotient": "labels", "nc1": "labels", "parallelism": "factors", "outside": "basis"}.get(statistic)
    for name, value in given.items():
        if (value is not None and name != (wanted or "reference")) or (wanted == name and value is None):
            asked = f"{wanted}= for {statistic!r}" if wanted else f"nothing but reference= for {statistic!r}"
            raise InvalidInputError(explain(asked, f"{name}={'None' if value is None else '...'}"))
    question = _QUESTIONS[statistic](given, n)
    best, certificate = sharpened(solution, delta, limit, rng)

    @one_thread_if_small
    def answered(problem: Problem, left: Deadline, told: Callable[[RangeProgress], Any] | None) -> StatisticRange:
        began = time.perf_counter()
        seeker = Seeker(
            problem, best.inner, certificate.upper_balanced, certificate.lower, delta, resolve_rng(rng), told
        )
        asked = Statistics(seeker, left)
        interval, parts = question(asked)
        return StatisticRange(
            statistic, interval.lower, interval.upper, interval.attained_lower, interval.attained_upper, delta,
            seeker.objective, parts, asked.scope, time.perf_counter() - began,
        )  # fmt: skip

    def found(left: Deadline, told: Callable[[RangeProgress], Any] | None = None) -> StatisticRange:
        return answered(best.problem, left, told)

    with carrying(lambda _: hurried(found)), watched("bounding", progress, callback) as told:
        return found(limit, told)


def _classes(given: dict[str, Any], n: int) -> tuple[Array, Array]:
    """Class means (n, C), and what takes them away from samples (n, n), a projection."""
    groups = as_groups(given["labels"], n)
    hot = np.eye(len(groups.names))[groups.codes]
    if hot.shape[1] < 2:
        raise InvalidInputError(explain("labels of at least two classes", "one", "collapse compares classes"))
    means = hot / hot.sum(axis=0)
    return means, np.eye(n) - hot @ means.T


def _collapse(given: dict[str, Any], n: int) -> Any:
    means, deviations = _classes(given, n)
    # any orthonormal basis of what sums to zero over the classes: contrasts of their means
    contrasts = means @ np.linalg.svd(np.ones((1, means.shape[1])))[2][1:].T

    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        return collapse_range(asked, contrasts, deviations), {}

    return ask


def _scatter(given: dict[str, Any], n: int) -> Any:
    means, deviations = _classes(given, n)
    C, within = means.shape[1], deviations / n
    between = means @ (np.eye(C) - np.full((C, C), 1.0 / C)) @ means.T / C

    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        asked.ends_left = 4
        W, B = asked.linear(within), asked.linear(between)
        # the two ranges bound the quotient: what goes beyond them is asked only where they leave much open
        found = Interval(0.0, np.inf, 0.0, 0.0)
        if B.lower > 0.0:
            found = Interval(max(W.lower, 0.0) / B.upper, max(W.upper, 0.0) / B.lower * (1.0 + 1e-14), 0.0, 0.0)
        found = found.with_values(asked.quotients(within, between))
        if B.lower > 0.0 and found.upper - found.lower > CLOSE * found.upper:
            asked.ends_left = 2
            joint = asked.quotient(within, between, B.lower)
            lower, upper = max(found.lower, joint.lower), min(found.upper, joint.upper)
            found = Interval(lower, upper, joint.attained_lower, joint.attained_upper)
        return found, {"tr S_W": (W.lower, W.upper), "tr S_B": (B.lower, B.upper)}

    return ask


def _parallelism(given: dict[str, Any], n: int) -> Any:
    design = as_factors(given["factors"], n)
    pairs: list[list[tuple[Array, Array]]] = []
    for k in range(design.table.shape[1]):
        above, below = design.contexts(k)
        coded = design.averaging[above] - design.averaging[below]
        if len(coded) < 2:
            raise InvalidInputError(
                explain(
                    "factors that each occur in two contexts of the others",
                    f"{len(coded)} for factor {k}",
                    "one factor has no context to be parallel in",
                    "factors of at least two columns",
                )
            )
        pairs.append([(coded[i], coded[j]) for i in range(len(coded)) for j in range(i)])

    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        found, each = asked.parallelism(pairs)
        return found, {f"factor {k}": (one.lower, one.upper) for k, one in enumerate(each)}

    return ask


def _distance(given: dict[str, Any], n: int) -> Any:
    reference = None if given["reference"] is None else as_kernel(given["reference"], "reference", n)

    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        return asked.distance(asked.kernels()[0] if reference is None else reference), {}

    return ask


def _outside(given: dict[str, Any], n: int) -> Any:
    basis = as_matrix(given["basis"], "basis")
    if len(basis) != n:
        raise InvalidInputError(explain(f"a basis of shape ({n}, r), directions as columns", f"shape {basis.shape}"))
    U, s, _ = np.linalg.svd(basis, full_matrices=False)
    U = U[:, s > 1e-10 * s.max(initial=0.0)]
    beside = np.eye(n) - U @ U.T

    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        asked.ends_left = 3
        found = asked.quotient(beside, np.eye(n))
        return Interval(max(found.lower, 0.0), min(found.upper, 1.0), found.attained_lower, found.attained_upper), {}

    return ask


def _dimension(given: dict[str, Any], n: int) -> Any:
    def ask(asked: Statistics) -> tuple[Interval, dict[str, tuple[float, float]]]:
        return asked.dimension(np.eye(n) - np.full((n, n), 1.0 / n)), {}

    return ask


_QUESTIONS: dict[str, Any] = {
    "nc1_quotient": _scatter,
    "nc1": _collapse,
    "parallelism": _parallelism,
    "distance": _distance,
    "outside": _outside,
    "participation_ratio": _dimension,
}
