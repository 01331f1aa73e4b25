"""One recorded kernel, one task: what it costs at each strength, the ranges near the optimum, and the verdict in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx._api import solve
from relucvx._suboptimality import Baseline, KernelSuboptimality, suboptimality_of
from relucvx.certificate.kernel_cut import KernelProgram
from relucvx.certificate.kernel_statistics import Interval
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.kernel import predict
from relucvx.metrics.samples.groups import as_factors
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.theory.explanation import (
    COMPATIBLE,
    INCOMPATIBLE,
    UNDECIDED,
    ComparedForm,
    ComparedStatistic,
    Explanation,
)  # fmt: skip
from relucvx.theory.near_optima import Nearest, NearOptima, values_of
from relucvx.theory.recorded import Estimate
from relucvx.theory.strengths import Along, Solved
from relucvx.types import Array

SAME = 1e-3
"""Kernels that are this near, relative to their size, count as equal where there is no noise: networks are found by search."""

SHARE = 0.4
"""Share of the time for all optima together."""

TOL, GAP = 1e-6, 0.02
"""Relative gap of an optimum: at best, and as a share of delta."""

MOST_KNOTS = 12
"""Strengths that are solved at most, where those in between are not decided by their neighbours."""

STEPS = 5
"""Radii that are tried for the one at which the verdict would change."""


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked: an estimated kernel, a task, strengths, and what counts as near."""

    seen: Estimate
    task: Problem
    betas: Array
    delta: float
    baseline: Baseline
    basis: Array
    radius: float
    confidence: float
    plain_inputs: bool

    def answer(self, left: Deadline, began: float, seed: int) -> Explanation:
        """The explanation, in about the time that is left."""
        along = self._along(left, seed)
        solutions, costs = [one.solution for one in along.solved], [one.cost for one in along.solved]
        betas = np.array([one.beta for one in along.solved])
        # without noise the two are one
        given = [self._cost(sol, 0.0, left) for sol in solutions] if self.radius else costs
        best = int(np.argmin([cost.relative for cost in costs]))
        solution, cost = solutions[best], costs[best]
        near = NearOptima(solution, self.delta * cost.optimum, KernelProgram(solution.problem), left, seed)
        statistics = tuple(self._compared(near))
        nearest = near.nearest(self.seen.kernel, self.basis)
        least = along.weakest()[1]
        found = self._far(nearest.attained) <= self._near
        verdict = INCOMPATIBLE if least > self.delta else COMPATIBLE if found else UNDECIDED
        return Explanation(
            verdict=verdict, statement=self._statement(verdict, least, nearest, solution.problem.beta),
            changes=tuple(self._changes(verdict, least, costs, solution, left)), assumptions=tuple(self._assumed()),
            kernel=self.seen.kernel, names=self.seen.names, radius=self.radius, confidence=self.confidence,
            delta=self.delta, baseline=self.baseline, betas=betas,
            excesses=np.array([along.excess(float(b)) for b in betas]),
            excesses_given=np.array([one.relative for one in given]),
            least_excess=least, beta=solution.problem.beta, suboptimality=cost, statistics=statistics,
            closed_forms=tuple(self._forms(solution)), similarity=nearest.attained, similarity_upper=nearest.upper,
            nearest_kernel=nearest.kernel, nearest_network=nearest.network, solution=solution,
            seconds=time.perf_counter() - began,
        )  # fmt: skip

    def _along(self, left: Deadline, seed: int) -> Along:
        """What such kernels cost at every strength, refined until it is known whether all are above delta."""
        solved: list[Solved] = []
        # from the largest strength on, each from the network of the one before
        for k, beta in enumerate(self.betas[::-1]):
            share = left.share(SHARE / (len(self.betas) - k))
            solved.append(self._solved(float(beta), solved[-1].solution if solved else None, share, left, seed))
        along = Along(self.task, solved)
        while len(along.solved) > 1 and min(one.cost.relative for one in along.solved) > self.delta:
            beta, least = along.weakest()
            if least > self.delta:
                break
            # a blend costs nothing, another strength an optimum and a cut
            if along.blend(beta):
                continue
            if len(along.solved) >= MOST_KNOTS or left.passed():
                break
            near = min(along.solved, key=lambda one: abs(one.beta - beta)).solution
            along.add(self._solved(beta, near, left.share(SHARE), left, seed))
        return along

    def _solved(self, beta: float, start: Solution | None, share: Deadline, left: Deadline, seed: int) -> Solved:
        solution = solve(
            replace(self.task, beta=beta), tol=max(TOL, GAP * self.delta), rng=seed, progress=False, start=start,
            time_limit=max(share.left(), 0.1),
        )  # fmt: skip
        return Solved(solution, self._cost(solution, self.radius, left))

    # ------------------------------------------------------------------ sub-optimality
    def _cost(self, solution: Solution, radius: float, left: Deadline) -> KernelSuboptimality:
        program = KernelProgram(solution.problem)
        return suboptimality_of(solution, program, self.seen.kernel, radius, self.baseline, left, time.perf_counter())

    # ------------------------------------------------------------------ kernels
    def _size(self) -> float:
        return float(np.linalg.norm(self.basis.T @ self.seen.kernel @ self.basis))

    def _seen(self, K: Array) -> Array:
        return np.asarray(self.basis.T @ K @ self.basis)

    def _similarity(self, K: Array) -> float:
        one, two = self._seen(K), self._seen(self.seen.kernel)
        size = float(np.linalg.norm(one) * np.linalg.norm(two))
        return float(np.sum(one * two)) / size if size > 0.0 else np.nan

    def _far(self, similarity: float) -> float:
        """The least distance of a multiple of a kernel from the recorded one, by their cosine."""
        cosine = max(similarity, 0.0) if np.isfinite(similarity) else 0.0
        return self._size() * float(np.sqrt(max(1.0 - cosine**2, 0.0)))

    @property
    def _near(self) -> float:
        """Kernels at most this far count as the recorded one."""
        return max(self.radius, SAME * self._size())

    # ------------------------------------------------------------------ statistics and forms
    def _compared(self, near: NearOptima) -> Iterator[ComparedStatistic]:
        C = near.centring
        for name, A, B in self._ratios(C):
            least = near.least_trace if B is C else None
            yield self._beside(name, near.quotient(A, B, least), lambda K, A=A, B=B: values_of(K, A, B))
        yield self._beside("participation ratio", near.participation(), lambda K: _participation(C @ K @ C))

    def _ratios(self, C: Array) -> Iterator[tuple[str, Array, Array]]:
        """Names, numerators and denominators."""
        Y, n = self.task.Y, self.task.n_samples
        U, sizes, _ = np.linalg.svd(C @ Y, full_matrices=False)
        U = U[:, sizes > 1e-9 * sizes.max(initial=0.0)]
        if 0 < U.shape[1] < n - 1:
            yield "share of the task", U @ U.T, C
        pairs = _coding(Y)
        if pairs:
            V, W = (np.array(side) for side in zip(*pairs, strict=True))
            yield "parallelism, pooled", (V.T @ W + W.T @ V) / 2.0, (V.T @ V + W.T @ W) / 2.0
        _, codes = np.unique(Y, axis=0, return_inverse=True)
        hot = np.eye(int(codes.max()) + 1)[codes.reshape(-1)]
        if 1 < hot.shape[1] < n:
            means = hot / hot.sum(axis=0)
            # of the whole variance, that within classes of equal targets; each condition counts once
            within = np.eye(n) - hot @ means.T
            yield "share within classes", within, C

    def _beside(self, name: str, found: Interval, values: Any) -> ComparedStatistic:
        own, low, high = self.seen.interval(values, self.confidence)
        room = SAME * (1.0 + abs(own)) if not self.radius else 0.0
        if high < found.lower or low > found.upper:
            verdict = INCOMPATIBLE
        elif low - room <= found.attained_upper and high + room >= found.attained_lower:
            verdict = COMPATIBLE
        else:
            verdict = UNDECIDED
        return ComparedStatistic(
            name, own, low, high, float(found.lower), float(found.upper), float(found.attained_lower),
            float(found.attained_upper), verdict,
        )  # fmt: skip

    def _forms(self, solution: Solution) -> Iterator[ComparedForm]:
        problem = solution.problem
        for form in predict(problem.X, problem.Y, problem.beta, bias=problem.bias):
            alike = np.nan if form.kernel is None else self._similarity(form.kernel)
            yield ComparedForm.of(form, alike, self._far(alike) <= self._near)

    # ------------------------------------------------------------------ words
    def _statement(self, verdict: str, least: float, nearest: Nearest, beta: float) -> str:
        within = f"within {100 * self.delta:.3g} % of the optimum"
        which = (
            "with this kernel" if not self.radius else f"with a kernel within the noise ({100 * self.confidence:.3g} %)"
        )
        where = f"at beta = {beta:.4g}" if len(self.betas) == 1 else (
            f"at every beta from {self.betas[0]:.4g} to {self.betas[-1]:.4g}"
        )  # fmt: skip
        if verdict == INCOMPATIBLE:
            above = f"all are {100 * least:.3g} % above it or more"
            return f"incompatible: no network of any width {which} is {within}; {above}, {where}"
        alike = f"the most similar found has {nearest.attained:.3f} (cosine of kernels), and none more than {nearest.upper:.3f}"
        if verdict == COMPATIBLE:
            return f"compatible: at beta = {beta:.4g} a network {within} was found {which}; {alike}"
        return f"undecided: no network {within} was found {which} at beta = {beta:.4g}, and none is excluded; {alike}"

    def _changes(
        self, verdict: str, least: float, costs: list[KernelSuboptimality], solution: Solution, left: Deadline
    ) -> Iterator[str]:
        out = [b for b, cost in zip(self.betas, costs, strict=True) if cost.relative > self.delta]
        if verdict == INCOMPATIBLE:
            yield f"delta of at least {least:.3g}: nothing is proven about networks that far from the optimum"
            yield self._wider(solution, left)
            return
        if out:
            yield f"another strength: at beta = {', '.join(f'{b:.3g}' for b in out)} it is incompatible"
        if self.radius:
            half = self._cost(solution, 0.5 * self.radius, left).relative
            what = "incompatible" if half > self.delta else "no other verdict by what a kernel costs"
            proven = f"sub-optimality >= {max(half, 0.0):.3g}"
            yield f"an interval half as wide about the same kernel (four times the data): {what}, {proven}"
        if verdict == UNDECIDED:
            yield "a longer search (time_limit), or a larger delta, for a network that is alike"
        elif not out and not self.radius:
            yield "another task, or other inputs: for these it is the kernel of a network near the optimum"

    def _wider(self, solution: Solution, left: Deadline) -> str:
        """At which radius the cost no longer tells the kernel from an optimum, by bisection."""
        low, high = self.radius, 0.99 * self._size()
        for _ in range(STEPS):
            middle = 0.5 * (low + high)
            if self._cost(solution, middle, left).relative > self.delta:
                low = middle
            else:
                high = middle
        size = f"{100 * low / self._size():.2g} % of the kernel's norm"
        until = f"up to there it stays incompatible at beta = {solution.problem.beta:.3g}"
        if not self.radius:
            return f"noise, from a radius of {size} on: {until}"
        return f"noise {low / self.radius:.2g} times as large ({size}): {until}"

    def _assumed(self) -> Iterator[str]:
        if self.plain_inputs:
            yield "inputs were not given: conditions have nothing in common (X = I)"
        yield "one hidden layer of ReLU, squared loss, weight decay on both layers, each condition counted once"
        if self.baseline == "free":
            yield "neurons have baselines of their own: kernels are compared after centring"
        if not self.radius:
            yield "the kernel that was given is exact"
            return
        yield "noise is independent between trials (or repeats)"
        yield (
            "neurons are a random sample of a population" if self.seen.sampled else "neurons stand for themselves alone"
        )


def _coding(Y: Array) -> list[tuple[Array, Array]]:
    """Pairs of coding directions, as combinations of samples, of factors that each occur in two contexts; none otherwise."""
    try:
        design = as_factors(Y, len(Y))
    except InvalidInputError:
        return []
    pairs = []
    for k in range(design.table.shape[1]):
        above, below = design.contexts(k)
        coded = design.averaging[above] - design.averaging[below]
        pairs += [(coded[i], coded[j]) for i in range(len(coded)) for j in range(i)]
    return pairs


def _participation(K: Array) -> Any:
    """(tr K)²/tr K² of kernels (..., n, n)."""
    squares = np.sum(K * K, axis=(-2, -1))
    top = np.trace(K, axis1=-2, axis2=-1) ** 2
    return np.divide(top, squares, out=np.full(np.shape(squares), np.nan), where=squares > 0.0)
