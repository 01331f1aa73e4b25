"""Ranges of ratios, cosines, distances and dimensions of the kernels of all networks near the optimum, by linear functionals.

A quotient <K, A>/<K, B> with <K, B> >= b > 0 is at most t + u/b, u >= 0 an upper bound on <K, A - t B>, for every t: the
largest value t that is attained is the best choice. A cosine of two differences of features v, w is, for every s > 0, within a
factor of cosh(log(|w|/(s |v|))) of the quotient <v, w>/((s |v|² + |w|²/s)/2), which is one of functionals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from relucvx.certificate.kernels.kernel_bound import Seeker, kernel_value
from relucvx.certificate.kernels.perturbed import Functional
from relucvx.deadline import Deadline
from relucvx.program.objective import representation
from relucvx.tolerances import EPS
from relucvx.types import Array, Scope

TURNS = 3
"""Values t that are tried for one end of a quotient."""

SETTLED = 1e-6
"""An end of a quotient this close to the attained value, relative to 1 + its modulus, is not tried again."""

UPRIGHT = 1e-4
"""A cosine's end this close to 0 is the one of the inner product, over the least lengths."""

PARALLEL = 0.999
"""From this cosine on two bounds are enough, if they prove it."""

MOST_ENDS = 60
"""A distance from a kernel of larger rank would take more bounds than this."""

NO_DIRECTION = 1e-9
"""Eigenvalues of a reference below this share of the largest are its null space."""


@dataclass(frozen=True)
class Interval:
    """Lower and upper end, and the smallest and largest value of networks that were found."""

    lower: float
    upper: float
    attained_lower: float
    attained_upper: float

    @classmethod
    def mean(cls, parts: list[Interval]) -> Interval:
        """Of averages: of networks that attain all at once nothing is claimed but by :meth:`with_values`."""
        return cls(*(float(np.mean([getattr(part, end) for part in parts])) for end in cls.__match_args__))

    def with_values(self, values: Array) -> Interval:
        """With what these networks attain."""
        known = values[np.isfinite(values)]
        if not len(known):
            return Interval(self.lower, self.upper, math.nan, math.nan)
        return Interval(self.lower, self.upper, float(known.min()), float(known.max()))


class Statistics:
    """Ranges of statistics, of one problem, one delta and one budget of time."""

    def __init__(self, seeker: Seeker, deadline: Deadline) -> None:
        self.seeker, self.deadline = seeker, deadline
        self.scope, self.ends_left = Scope.ALL_PATTERNS, 1

    def upper(self, M: Array, rough: bool = False) -> float:
        """Upper bound on <K, M>, in its share of the time that is left; a rough one is found sooner."""
        share = self.deadline.share(1.0 / max(self.ends_left, 1))
        self.ends_left -= 1
        bound = self.seeker.end(Functional.of((M + M.T) / 2), share, rough)
        if bound.scope is Scope.RELAXED:
            self.scope = Scope.RELAXED
        return bound.value

    def lower(self, M: Array) -> float:
        """Lower bound on <K, M>."""
        return -self.upper(-M)

    def values(self, M: Array) -> Array:
        """<K, M> of the networks found so far."""
        return np.array([kernel_value(self.seeker.problem, net, M) for net in self.seeker.networks])

    def linear(self, M: Array) -> Interval:
        """Of <K, M>."""
        lower, upper = self.lower(M), self.upper(M)
        return Interval(lower, upper, 0.0, 0.0).with_values(self.values(M))

    def quotient(self, A: Array, B: Array, least: float | None = None) -> Interval:
        """Of <K, A>/<K, B>, B positive semidefinite with <K, B> >= ``least``; without an end where <K, B> may vanish."""
        least = self.lower(B) if least is None else least
        if least <= 0.0:
            return Interval(-math.inf, math.inf, 0.0, 0.0).with_values(self.quotients(A, B))
        upper = self._quotient_from_above(A, B, least)
        lower = -self._quotient_from_above(-A, B, least)
        return Interval(lower, upper, 0.0, 0.0).with_values(self.quotients(A, B))

    def quotients(self, A: Array, B: Array) -> Array:
        """<K, A>/<K, B> of the networks found so far."""
        a, b = self.values(A), self.values(B)
        return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0.0)

    def _quotient_from_above(self, A: Array, B: Array, least: float) -> float:
        best, last = math.inf, -math.inf
        for turn in range(TURNS):
            t = float(np.nanmax(self.quotients(A, B)))
            # once nothing better is attained the same question has the same answer
            if turn and (t <= last + SETTLED * (1.0 + abs(t)) or best - t <= SETTLED * (1.0 + abs(t))):
                break
            self.ends_left += turn > 0
            best = min(best, t + max(self.upper(A - t * B), 0.0) / least)
            last = t
        return best + 1e-14 * abs(best)

    def cosine(self, v: Array, w: Array) -> Interval:
        """Of the cosine between two combinations v, w (n,) of features."""
        V, W, inner = np.outer(v, v), np.outer(w, w), (np.outer(v, w) + np.outer(w, v)) / 2
        own = float(self.values(V)[0]), float(self.values(W)[0])
        if min(own) <= 0.0:
            return Interval(-1.0, 1.0, math.nan, math.nan)
        if float(self.values(inner)[0]) >= PARALLEL * math.sqrt(own[0] * own[1]):
            # 1 - cos <= ||v - w||²/(2|v||w|), and 2|v||w| >= |v|² + |w|² - ||v - w||²
            apart, sizes = self.upper(np.outer(v - w, v - w)), self.lower(V + W)
            if sizes > 0.0 and apart <= (1.0 - PARALLEL) * (sizes - apart):
                lower = 1.0 - max(apart, 0.0) / (sizes - apart) * (1.0 + 8.0 * EPS)
                return Interval(lower, 1.0, 0.0, 0.0).with_values(self._cosines(V, W, inner))
        low, high = self._upright(V, W, inner)
        if low is None or high is None:
            general = self._inclined(V, W, inner, math.sqrt(own[1] / own[0]))
            low, high = general[0] if low is None else low, general[1] if high is None else high
        return Interval(max(low, -1.0), min(high, 1.0), 0.0, 0.0).with_values(self._cosines(V, W, inner))

    def _upright(self, V: Array, W: Array, inner: Array) -> tuple[float | None, float | None]:
        """Ends of a cosine that are about 0, by the two lengths alone, or 1, which needs no proof; None of others."""
        size = math.sqrt(max(self.lower(V), 0.0) * max(self.lower(W), 0.0)) * (1.0 - 4.0 * EPS)
        if size <= 0.0:
            return None, None
        ends: list[float | None] = []
        for sign in (-1.0, 1.0):
            end = self.upper(sign * inner) / size
            ends.append(sign * max(end, 0.0) * (1.0 + 4.0 * EPS) if abs(end) <= UPRIGHT else None)
        values = self._cosines(V, W, inner)
        if np.nanmax(values) >= 1.0 - SETTLED:
            ends[1] = 1.0
        if np.nanmin(values) <= -1.0 + SETTLED:
            ends[0] = -1.0
        return ends[0], ends[1]

    def _inclined(self, V: Array, W: Array, inner: Array, s: float) -> tuple[float, float]:
        """Ends of a cosine by a quotient, and the range of the ratio of the two lengths."""
        ratio = self.quotient(W, V)
        found = self.quotient(inner, (s * V + W / s) / 2)
        if not 0.0 < ratio.lower <= ratio.upper < math.inf:
            return -1.0, 1.0
        apart = max(abs(0.5 * math.log(end) - math.log(s)) for end in (ratio.lower, ratio.upper))
        factor = math.cosh(apart) * (1.0 + 1e-14)
        low = found.lower * (factor if found.lower < 0.0 else 1.0)
        high = found.upper * (factor if found.upper > 0.0 else 1.0)
        return low, high

    def _cosines(self, V: Array, W: Array, inner: Array) -> Array:
        size = np.sqrt(self.values(V) * self.values(W))
        cosines = np.divide(self.values(inner), size, out=np.full(len(size), np.nan), where=size > 0.0)
        return np.clip(cosines, -1.0, 1.0)

    def parallelism(self, pairs: list[list[tuple[Array, Array]]]) -> tuple[Interval, list[Interval]]:
        """Of the mean over factors of mean cosines, and of each factor; ``pairs`` holds the coding directions of each."""
        self.ends_left = 6 * sum(len(one) for one in pairs)
        cosines = [[self.cosine(v, w) for v, w in one] for one in pairs]
        means = [Interval.mean(one) for one in cosines]
        each = np.array([np.mean([self._of(v, w) for v, w in one], axis=0) for one in pairs])
        per_factor = [mean.with_values(values) for mean, values in zip(means, each, strict=True)]
        return Interval.mean(means).with_values(each.mean(axis=0)), per_factor

    def _of(self, v: Array, w: Array) -> Array:
        return self._cosines(np.outer(v, v), np.outer(w, w), (np.outer(v, w) + np.outer(w, v)) / 2)

    def distance(self, reference: Array, centring: Array | None = None) -> Interval:
        """Of ||C K C - reference|| in the Frobenius norm, C the centring (none: the identity).

        In the range of the reference each entry has a range; beside it K is positive semidefinite, so that the parts that mix
        the two have a square of at most the product of two traces.
        """
        C = np.eye(len(reference)) if centring is None else centring
        values, vectors = np.linalg.eigh(reference)
        kept = np.abs(values) > NO_DIRECTION * np.abs(values).max(initial=0.0)
        inside, outside = vectors[:, kept], vectors[:, ~kept]
        r, square = inside.shape[1], 0.0
        self.ends_left = r * (r + 1) + bool(outside.size) + bool(r) + 1
        for i in range(r):
            for j in range(i + 1):
                M = np.outer(inside[:, i], inside[:, j])
                M = C @ (M + M.T) @ C / 2
                target = float(inside[:, i] @ reference @ inside[:, j])
                off = max(abs(self.lower(M) - target), abs(self.upper(M) - target))
                square += off**2 * (1.0 if i == j else 2.0)
        if outside.shape[1]:
            null = self.upper(C @ outside @ outside.T @ C)
            square += null**2 + (2.0 * null * self.upper(C @ inside @ inside.T @ C) if r else 0.0)
        # what the reference has outside of its range, and how far from orthonormal the basis is
        missed = float(np.linalg.norm(reference - inside @ (inside.T @ reference @ inside) @ inside.T))
        missed += 64.0 * len(reference) * EPS * (self.seeker.trace + float(np.linalg.norm(reference)))
        attained = np.array([float(np.linalg.norm(C @ K @ C - reference)) for K in self.kernels()])
        return Interval(self._far(reference, C), math.sqrt(square) + missed, 0.0, 0.0).with_values(attained)

    def _far(self, reference: Array, C: Array) -> float:
        """A lower bound: C K C - reference along its direction at the solution."""
        apart = C @ self.kernels()[0] @ C - reference
        size = float(np.linalg.norm(apart))
        if size <= SETTLED * float(np.linalg.norm(reference)):
            return 0.0
        return max(0.0, self.lower(C @ apart @ C / size) - float((apart * reference).sum()) / size)

    def dimension(self, C: Array) -> Interval:
        """Of (tr K)²/tr K² for the kernel C K C: its largest value by a quotient of functionals, the least by the distance."""
        own = C @ self.kernels()[0] @ C
        size = float(np.linalg.norm(own))
        if size <= 0.0:
            return Interval(0.0, math.inf, math.nan, math.nan)
        rank = np.linalg.matrix_rank(own, hermitian=True)
        near = rank * (rank + 1) <= MOST_ENDS
        self.ends_left = 4 + near * (rank * (rank + 1) + 3)
        # <K, K0> <= ||K||·||K0||; and the rank is at most that of C
        upper = min(self.quotient(C, own / size).upper ** 2, float(round(np.trace(C))))
        trace = self.lower(C)
        lower = 1.0
        if near and trace > 0.0:
            lower = max(1.0, (trace / (size + self.distance(own, C).upper)) ** 2)
        values = np.array([_participation(C @ K @ C) for K in self.kernels()])
        return Interval(lower if trace > 0.0 else 0.0, upper, 0.0, 0.0).with_values(values)

    def kernels(self) -> list[Array]:
        """K of the networks found so far, that of the solution first."""
        H = [representation(self.seeker.problem, net) for net in self.seeker.networks]
        return [np.asarray(one @ one.T) for one in H]


def _participation(K: Array) -> float:
    square = float(np.sum(K * K))
    return float(np.trace(K)) ** 2 / square if square > 0.0 else math.nan
