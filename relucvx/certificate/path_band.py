"""The optimum as a function of the strength, from both sides: finitely many proofs that hold at every beta between them.

p*(beta) is the least ``loss + beta · penalty`` over all networks: concave, not decreasing, and at least 0 at beta = 0. So

    above    every network is a line; so is every blend of two, whose fit and whose penalty lie between theirs
    below    the chord between two points that are proven lies below; and with N₁, N₂ feasible at two strengths
             ``(1 - t) N₁ + t N₂`` is feasible at ``(1 - t) beta₁ + t beta₂``, as the dual norm is convex: a point between two
             proofs is proven without an oracle, and lies above their chord as the dual function is concave

Both curves are piecewise linear: how far apart they are anywhere is decided at their corners.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.program.duality import balance_dual, scale_dual
from relucvx.program.objective import fit, line_from_above
from relucvx.program.presolve import centred_targets
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, EVALUATION
from relucvx.types import Array, Result

optimize = later("scipy.optimize")

ROOM = 32.0 * EPS
"""Share by which values between corners are moved outward: above the handful of roundings of a chord or a line."""

EXACT = 1e-7
"""How well the blend of two networks is chosen, as a share of the way between them; any blend is valid."""


@dataclass(frozen=True, eq=False)
class Envelope(Result):
    """Points that lie below a concave function that does not decrease and begins at 0 or above, and lines that lie above it.

    Attributes
    ----------
    lo, hi : float
        The interval that is looked at.
    betas, lowers : ndarray, shape (k,)
        ``lowers[i] <= p*(betas[i])``, in any order.
    losses, penalties : ndarray, shape (m,)
        ``p*(beta) <= losses[j] + beta · penalties[j]`` at every beta > 0.

    Notes
    -----
    Status: theorem (concavity), every rounding moved outward. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> from relucvx.certificate.path_band import Envelope
    >>> known = Envelope(1.0, 3.0, np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    >>> print(known.lower(2.0).round(6), known.upper(2.0).round(6))  # the chord, and the crossing of two lines
    2.5 3.0
    >>> [round(number, 6) for number in known.widest()]  # the beta, and (upper - lower) / lower there
    [2.0, 0.2]
    """

    lo: float
    hi: float
    betas: Array
    lowers: Array
    losses: Array
    penalties: Array

    def lower(self, beta: Array) -> Array:
        """Largest chord of the points at strengths inside the interval, rounded down."""
        b, values = self.corners_below
        at = np.asarray(beta, dtype=np.float64)
        k = np.clip(np.searchsorted(b, at, side="right") - 1, 0, len(b) - 2)
        t = np.clip((at - b[k]) / (b[k + 1] - b[k]), 0.0, 1.0)
        chord = (1.0 - t) * values[k] + t * values[k + 1]
        # t is off by a few units in the last place, each of which moves the chord by at most its larger end
        return np.maximum(chord - ROOM * np.maximum(values[k], values[k + 1]), 0.0)

    def upper(self, beta: Array) -> Array:
        """Least line at strengths inside the interval, rounded up."""
        at = np.asarray(beta, dtype=np.float64)
        losses, penalties = self._above[:2]
        return np.min(losses + at[..., None] * penalties, axis=-1) * (1.0 + ROOM)

    @cached_property
    def corners_below(self) -> tuple[Array, Array]:
        """Corners of the concave hull of the points, from (0, 0) to beyond the end of the interval."""
        order = np.argsort(self.betas, kind="stable")
        b, values = np.append(0.0, self.betas[order]), np.append(0.0, self.lowers[order])
        # p* does not decrease: what is proven holds further up, and beyond the last point
        values = np.maximum.accumulate(values)
        b, values = np.append(b, 2.0 * max(self.hi, b[-1])), np.append(values, values[-1])
        last = np.append(b[1:] > b[:-1], True)  # of equal strengths, after sorting, the best
        b, values = b[last], values[last]
        kept: list[int] = []
        for k in range(len(b)):
            # which points are corners is only a matter of tightness: every chord of proven points is proven
            while len(kept) > 1 and _below(b, values, kept[-2], kept[-1], k):
                kept.pop()
            kept.append(k)
        return b[kept], values[kept]

    @cached_property
    def _above(self) -> tuple[Array, Array, Array]:
        """The least lines, and where each is followed by the next."""
        at = self.losses + self.lo * self.penalties
        now = int(np.lexsort((self.penalties, at))[0])
        chosen, beta, turns = [now], self.lo, []
        while True:
            flatter = np.flatnonzero(self.penalties < self.penalties[now])
            if not len(flatter):
                break
            crossing = (self.losses[flatter] - self.losses[now]) / (self.penalties[now] - self.penalties[flatter])
            beta = max(beta, float(crossing.min()))
            if not beta < self.hi:
                break
            # of lines that cross at the same place the flattest goes on
            ties = flatter[crossing <= crossing.min()]
            now = int(ties[np.argmin(self.penalties[ties])])
            chosen.append(now)
            turns.append(beta)
        return self.losses[chosen], self.penalties[chosen], np.array(turns)

    def corners(self) -> Array:
        """Every strength of the interval at which one of the two curves has a corner, and the ends."""
        b = self.corners_below[0]
        inside = b[(b > self.lo) & (b < self.hi)]
        return np.unique(np.concatenate([[self.lo, self.hi], inside, self._above[2]]))

    def widths(self, beta: Array) -> Array:
        """``(upper - lower) / lower`` at strengths: 0 where the two are equal, inf where nothing is proven."""
        lower, upper = self.lower(beta), self.upper(beta)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(upper <= lower, 0.0, (upper - lower) / lower)

    def widest(self) -> tuple[float, float]:
        """Where the relative width is greatest, and what it is there: between corners it is monotone."""
        at = self.corners()
        widths = self.widths(at)
        k = int(np.argmax(widths))
        # the corners themselves are rounded: a line is off its successor by as much as that
        return float(at[k]), float(widths[k]) * (1.0 + ROOM) + (4.0 * ROOM if widths[k] > 0.0 else 0.0)


def _below(b: Array, values: Array, i: int, j: int, k: int) -> bool:
    """Whether point j lies on or below the chord from i to k."""
    return bool((values[j] - values[i]) * (b[k] - b[i]) <= (values[k] - values[i]) * (b[j] - b[i]))


@dataclass(frozen=True, eq=False)
class Knot(Result):
    """What is proven at one strength, as far as it serves at others.

    Attributes
    ----------
    beta : float
    network : TwoLayerReLU
        Any network of the problem.
    dual : ndarray, shape (n, c)
        A dual point that is feasible at ``beta`` for certain, as certificates have it: D(dual) <= beta.
    lower : float
        A proven lower bound on the optimum at ``beta``.

    Notes
    -----
    Status: a record (its maker states what it rests on). Source: [relucvx]
    """

    beta: float
    network: TwoLayerReLU
    dual: Array
    lower: float


class Between:
    """Bounds at strengths between those that were solved, without an oracle.

    Parameters
    ----------
    problem : Problem
        Its strength plays no part.

    Notes
    -----
    Status: theorem (convexity of the dual norm and of fits; every rounding bounded). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate.path_band import Between, Knot
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]  # y = |x|: p*(beta) = 2 beta - beta²/5
    >>> one, two = (Knot(s.problem.beta, s.network, s.dual, s.certificate.lower) for s in rx.beta_path(X, y, [1.0, 3.0]))
    >>> between = Between(rx.make_problem(X, y, beta=1.0))
    >>> loss, penalty = between.line(one, two, 2.0)
    >>> print(f"{between.lower(one, two, 2.0):.6f} <= p*(2) = 3.2 <= {loss + 2.0 * penalty:.6f}")
    3.200000 <= p*(2) = 3.2 <= 3.200000
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        step = centred_targets(problem)
        self.near = problem if step is None else step.problem  # an equal problem whose numbers cancel less
        X = problem.inputs[:, : problem.penalized]
        lengths = np.linalg.norm(X, axis=1) * (1.0 + 8.0 * EPS)
        if problem.bias.is_free:
            # |x·w + b| for ||w|| <= 1 and |b| up to the longest row, beyond which nothing changes
            lengths = lengths + lengths.max()
        steepest = problem.activation.steepest
        self.reach = steepest * problem.per_sample(lengths) * (1.0 + 8.0 * EPS)

    def at(self, beta: float) -> Problem:
        """The problem at a strength."""
        return dataclasses.replace(self.near, beta=beta)

    def lower(self, left: Knot, right: Knot | None, beta: float) -> float:
        """A lower bound on the optimum at a strength between two knots; with one knot, at any strength.

        Of one knot the multiples of its dual point are looked at, of which the one by ``beta / knot.beta`` is the largest that
        is feasible for certain.
        """
        if right is None:
            N, size, norm = np.array(left.dual), np.abs(left.dual), left.beta
        else:
            t = (beta - left.beta) / (right.beta - left.beta)
            N, size = (1.0 - t) * left.dual + t * right.dual, np.abs(left.dual) + np.abs(right.dual)
            norm = (1.0 - t) * left.beta + t * right.beta
        point = balance_dual(self.near, N)
        bound = norm * (1.0 + 8.0 * EPS) + self.moved(point, N, size)
        lower = scale_dual(self.at(beta), point, bound)[1]
        return max(0.0, lower - EVALUATION.value * lower)

    def moved(self, point: Array, N: Array, size: Array) -> float:
        """How much D can grow from N, whose entries are off by a few roundings of ``size``, to a point near it.

        D is a norm: row by row it grows by at most what is moved times the reach of the row.
        """
        moved = np.linalg.norm(np.abs(point - N) + 8.0 * EPS * size, axis=1) * (1.0 + 8.0 * EPS)
        return float(moved @ self.reach) * (1.0 + (len(moved) + 8) * EPS)

    def blend(self, left: Knot, right: Knot, beta: float) -> TwoLayerReLU:
        """The blend of two networks whose line is the lowest at a strength; neurons side by side."""
        one, two = fit(self.problem, left.network), fit(self.problem, right.network)
        costs = [line_from_above(self.problem, knot.network)[1] for knot in (left, right)]

        def value(t: float) -> float:
            return self.problem.loss_at((1.0 - t) * one + t * two) + beta * ((1.0 - t) * costs[0] + t * costs[1])

        found = optimize.minimize_scalar(value, bounds=(0.0, 1.0), method="bounded", options={"xatol": EXACT})
        ends = {0.0: value(0.0), 1.0: value(1.0), float(found.x): float(found.fun)}
        t = min(ends, key=lambda share: ends[share])
        return self.mixed(left.network, right.network, t)

    def mixed(self, one: TwoLayerReLU, two: TwoLayerReLU, t: float) -> TwoLayerReLU:
        """The network with the fit ``(1 - t) F₁ + t F₂``; an end by itself."""
        if t in (0.0, 1.0):
            return two if t else one
        parts = [self.problem.neurons(net) for net in (one, two)]
        W, V = np.vstack([parts[0][0], parts[1][0]]), np.vstack([(1.0 - t) * parts[0][1], t * parts[1][1]])
        return self.problem.network(W, V, (1.0 - t) * parts[0][2] + t * parts[1][2])

    def line(self, left: Knot, right: Knot, beta: float) -> tuple[float, float]:
        """Loss and penalty, rounded up, of :meth:`blend`: a line above the optimum at every strength."""
        return line_from_above(self.problem, self.blend(left, right, beta))
