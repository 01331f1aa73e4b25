"""Which strengths to solve so that every beta between them is proven, and what is known after each of them."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx._api.many import ended
from relucvx._api.solving import solve_posed
from relucvx.band import BetaBand
from relucvx.certificate import prove_again
from relucvx.certificate.path_band import Between, Envelope, Knot
from relucvx.conversion import as_callable
from relucvx.deadline import Deadline
from relucvx.executors import Lost, size
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import line_from_above
from relucvx.program.problem import Problem
from relucvx.progress import digits
from relucvx.solution import Solution
from relucvx.types import Array, Rng, Status

KNOT_SHARE = 0.2
"""Share of the tolerance to which a strength is solved: the rest is for what lies between."""

MIDDLE_SHARE = 0.6
"""Share of the tolerance that the middle between two strengths must reach without being solved; the rest is for chords."""

PER_DECADE = 2
"""Strengths of the first grid in every factor of ten."""

SPENT = 1.25
"""An interval whose middle is no wider than both ends, up to this factor, waits for better proofs there, not for strengths."""

LIMIT_SHARE = 1.0 / 3.0
"""Share of the time left that one strength may take."""


@dataclass(frozen=True)
class BandProgress:
    """How far a band is: strengths solved, the largest relative width, the strength solved last, and seconds.

    Notes
    -----
    Status: a record. Source: [relucvx]
    """

    knots: int
    width: float
    beta: float
    seconds: float

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a progress bar shows: a text, and the share of the digits asked for that is proven."""
        return f"{self.knots} strengths, width {self.width:.2g}", digits(self.width, tol)


class Refinement:
    """Solved strengths, what is derived between them, and where to go on."""

    def __init__(
        self, problem: Problem, lo: float, hi: float, tol: float, deadline: Deadline, callback: Any, rng: Rng
    ) -> None:
        self.problem, self.lo, self.hi, self.tol = problem, lo, hi, tol
        self.deadline, self.callback, self.rng = deadline, as_callable(callback, "callback"), rng
        self.began, self.before = time.perf_counter(), 0.0
        self.between = Between(problem)
        self.knots: dict[float, Solution] = {}
        self.ends: dict[float, Knot] = {}
        self.points: list[tuple[float, float]] = []
        self.lines = {line_from_above(problem, problem.null_network())}
        # strengths at which the neighbours' bounds were derived, with the neighbours; and intervals that were looked into
        self.derived: set[tuple[float, float, float]] = set()
        self.tried: set[float] = set()
        self.seen: dict[tuple[float, float], float] = {}
        self.limits: dict[float, float] = {}
        self.stopped: Status | None = None
        self.first: list[float] = []

    # ------------------------------------------------------------------ what is known
    def begin(self, resume: BetaBand | None) -> None:
        """Take over a band, and decide on the strengths to begin with."""
        if resume is not None:
            self.before = resume.seconds
            for sol in resume.knots:
                again = prove_again(sol.problem, sol.inner, sol.certificate, self.deadline)
                self.add(
                    sol if again is sol.certificate else dataclasses.replace(sol, certificate=again, dual=again.dual)
                )
            if resume.proven:
                self.points += zip(resume.envelope.betas.tolist(), resume.envelope.lowers.tolist(), strict=True)
                self.lines.update(zip(resume.envelope.losses.tolist(), resume.envelope.penalties.tolist(), strict=True))
        count = 2 + int(PER_DECADE * np.log10(self.hi / self.lo))
        # from above: each starts from the one before, with more neurons
        grid = np.geomspace(self.hi, self.lo, count)
        grid[0], grid[-1] = self.hi, self.lo
        ends = (min(self.knots, default=np.inf) <= self.lo, max(self.knots, default=0.0) >= self.hi)
        self.first = [float(b) for b in grid if not all(ends)]

    def add(self, sol: Solution) -> None:
        """What a solved strength proves, there and everywhere."""
        beta, network = sol.problem.beta, sol.inner
        known = self.knots.get(beta)
        lower = sol.certificate.lower
        self.points.append((beta, lower))
        line = line_from_above(self.problem, network)
        if np.isfinite(line[0]):
            self.lines.add(line)
        if known is None or sol.certificate.rel_gap < known.certificate.rel_gap:
            # a bound of 0 is nobody's point: its dual point is not relied on
            dual = sol.certificate.dual if lower > 0.0 else np.zeros_like(self.problem.Y)
            self.knots[beta], self.ends[beta] = sol, Knot(beta, network, dual, lower)
        self.stopped = Status.INTERRUPTED if sol.status is Status.INTERRUPTED else self.stopped

    def envelope(self) -> Envelope:
        """The two curves of all that is known."""
        points, lines = np.array(sorted(self.points)).reshape(-1, 2), np.array(sorted(self.lines)).reshape(-1, 2)
        return Envelope(self.lo, self.hi, points[:, 0], points[:, 1], lines[:, 0], lines[:, 1])

    def band(self, status: Status) -> BetaBand:
        """The band as it is now."""
        known = self.envelope()
        at, width = known.widest()
        if width <= self.tol and status is not Status.INTERRUPTED:
            status = Status.CONVERGED
        knots = tuple(self.knots[beta] for beta in sorted(self.knots))
        seconds = self.before + time.perf_counter() - self.began
        return BetaBand(self.problem, knots, known, self.tol, width, at, status, seconds)

    def rescued(self, inner: Any) -> BetaBand:
        """What Ctrl-C leaves: the strength that was being solved counts with what is proven of it."""
        if isinstance(inner, Solution):
            self.add(inner)
        return self.band(Status.INTERRUPTED)

    # ------------------------------------------------------------------ between strengths
    def neighbours(self, beta: float) -> tuple[Knot | None, Knot | None]:
        """The solved strengths on both sides."""
        below, above = [b for b in self.ends if b <= beta], [b for b in self.ends if b > beta]
        return self.ends[max(below)] if below else None, self.ends[min(above)] if above else None

    def derive(self, beta: float) -> bool:
        """Bounds at a strength from its neighbours; False where they are known already."""
        left, right = self.neighbours(beta)
        key = (beta, left.beta if left else 0.0, right.beta if right else np.inf)
        if key in self.derived or beta in self.ends:
            return False
        self.derived.add(key)
        self.tried.add(beta)
        if left is not None and right is not None:
            self.points.append((beta, self.between.lower(left, right, beta)))
            line = self.between.line(left, right, beta)
            if np.isfinite(line[0]):
                self.lines.add(line)
        elif left is not None or right is not None:
            one = left or right
            assert one is not None
            self.points.append((beta, self.between.lower(one, None, beta)))
        return True

    def start(self, beta: float) -> TwoLayerReLU | None:
        """Where to start a strength: at the neighbours' blend, or at the only neighbour."""
        if beta in self.ends:
            return self.ends[beta].network
        left, right = self.neighbours(beta)
        if left is not None and right is not None:
            return self.between.blend(left, right, beta)
        one = left or right
        return None if one is None else one.network

    def wanted(self, count: int) -> list[float]:
        """Up to so many strengths to solve next; none when the band is as narrow as asked for, or cannot get narrower."""
        if self.first:
            taken, self.first = self.first[:count], self.first[count:]
            return taken
        solved = sorted(self.ends)
        fresh = [pair for pair in itertools.pairwise(solved) if pair not in self.seen]
        for left, right in fresh:
            low, high = max(left, self.lo), min(right, self.hi)
            if low < high and not self.deadline.passed():
                middle = float(np.sqrt(low) * np.sqrt(high))
                self.derive(middle)
                self.seen[left, right] = middle
        known = self.envelope()
        middles = {b: float(known.widths(np.array(b))) for b in self.seen.values() if not self.spent(b, known)}
        wide = sorted((b for b, width in middles.items() if width > MIDDLE_SHARE * self.tol), key=lambda b: -middles[b])
        return wide[:count] if wide else self.corners(count)

    def corners(self, count: int) -> list[float]:
        """Derive bounds at the widest corners until all are narrow enough; what stays wide is to be solved."""
        while not self.deadline.passed():
            known, solved = self.envelope(), np.array(sorted(self.ends))
            at = known.corners()
            wide = at[known.widths(at) > self.tol]
            # an interval with a derived bound that is too wide needs a strength solved, not more of these bounds
            tried = np.array(sorted(self.tried))
            tried = tried[(tried >= self.lo) & (tried <= self.hi)]
            loose = tried[known.widths(tried) > self.tol]
            places = set(np.searchsorted(solved, loose))
            # all corners at once: each is cheap, and they are in different places
            fresh = [self.derive(float(b)) for b in wide if np.searchsorted(solved, b) not in places]
            if not any(fresh):
                order = np.argsort(-known.widths(loose))
                return self._apart([float(b) for b in loose[order] if not self.spent(float(b), known)], solved)[:count]
        return []

    @staticmethod
    def _apart(betas: list[float], solved: Array) -> list[float]:
        """The first in each interval between solved strengths."""
        first: dict[int, float] = {}
        for beta in betas:
            first.setdefault(int(np.searchsorted(solved, beta)), beta)
        return list(first.values())

    def spent(self, beta: float, known: Envelope) -> bool:
        """Whether a strength more would not help: one is solved there or next to it, or neighbours are no better proven."""
        left, right = self.neighbours(beta)
        if beta in self.ends or left is None or right is None:
            return beta in self.ends
        if right.beta - left.beta <= 0.25 * self.tol * left.beta:
            return True
        # the better end is the measure: proofs are quicker further up, where a strength may be proven that was not below
        own = min(float(known.widths(np.array(np.clip(end.beta, self.lo, self.hi)))) for end in (left, right))
        return own > 0.5 * self.tol and float(known.widths(np.array(beta))) <= SPENT * own

    # ------------------------------------------------------------------ solving
    def run(self, executor: Any, n_jobs: int) -> BetaBand:
        """Solve strengths until the band is narrow, time is up or somebody says stop."""
        count = 1 if executor is None else size(executor)
        while self.stopped is None:
            wanted = self.wanted(count)
            if self.deadline.passed():
                self.stopped = Status.TIME_LIMIT
            elif not wanted and (again := self.again()):
                self.solve(again, executor, n_jobs)
            elif not wanted:
                self.stopped = Status.STALLED  # unless it is narrow, which the band itself decides
            else:
                self.solve(wanted, executor, n_jobs)
        return self.band(self.stopped)

    def again(self) -> list[float]:
        """The widest solved strength that was cut off by its share of the time, where there is now twice as much for it."""
        left = LIMIT_SHARE * self.deadline.left()
        known = self.envelope()
        open_ = [b for b, limit in self.limits.items() if b in self.ends and np.isfinite(left) and left > 2.0 * limit]
        widths = {b: float(known.widths(np.array(b))) for b in open_ if self.lo <= b <= self.hi}
        worst = max(widths, key=lambda b: widths[b], default=0.0)
        return [worst] if widths.get(worst, 0.0) > self.tol else []

    def solve(self, betas: list[float], executor: Any, n_jobs: int) -> None:
        """Solve strengths, here or on an executor, and tell the callback of each."""
        for sol in self.solved(betas, executor, n_jobs):
            self.add(sol)
            if self.callback is not None:
                seconds = self.before + time.perf_counter() - self.began
                state = BandProgress(len(self.knots), self.envelope().widest()[1], sol.problem.beta, seconds)
                if self.callback(state):
                    self.stopped = Status.INTERRUPTED
            if self.stopped is not None:
                return

    def solved(self, betas: list[float], executor: Any, n_jobs: int) -> Iterator[Solution]:
        """The solutions, as they come."""
        tasks = [self.task(beta) for beta in betas]
        if executor is None:
            for task in tasks:
                yield solve_posed(*task)
            return
        lost = []
        for k, found in ended(executor, [(solve_posed, task, {}, n_jobs) for task in tasks]):
            if isinstance(found, Lost):
                lost.append(betas[k])
            else:
                yield found
        for beta in lost:
            yield solve_posed(*self.task(beta))

    def task(self, beta: float) -> tuple[Any, ...]:
        """Arguments of one solve."""
        problem = dataclasses.replace(self.problem, beta=beta)
        left = self.deadline.left()
        # the first grid shares the time, with as much left for what is between
        share = 1.0 / (len(self.first) + 2) if self.first else LIMIT_SHARE
        limit = max(share * left, 1e-3) if np.isfinite(left) else None
        if limit is not None:
            self.limits[beta] = limit
        start = self.start(beta)
        return (
            problem,
            KNOT_SHARE * self.tol,
            limit,
            "auto",
            None if start is None else problem.stated(start),
            None,
            self.rng,
        )
