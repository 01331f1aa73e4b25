"""One recorded kernel, one task: what it costs at each strength, the ranges near the optimum, and the verdict in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from relucvx._api.solving import solve
from relucvx._api.suboptimality import Baseline, KernelSuboptimality, suboptimality_of
from relucvx.certificate.kernels.kernel_cut import KernelProgram
from relucvx.certificate.kernels.kernel_statistics import Interval
from relucvx.deadline import Deadline
from relucvx.errors import InvalidInputError
from relucvx.kernel import predict
from relucvx.metrics.samples.groups import as_factors
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.theory.recordings.explanation import (
    COMPATIBLE,
    INCOMPATIBLE,
    UNDECIDED,
    ComparedForm,
    ComparedStatistic,
    Explanation,
)  # fmt: skip
from relucvx.theory.recordings.near_optima import Nearest, NearOptima, values_of
from relucvx.theory.recordings.recorded import Estimate
from relucvx.theory.recordings.strengths import Along, Solved
from relucvx.types import Array

SAME = 1e-3
"""Kernels that are this near, relative to their size, count as equal where there is no noise: networks are found by search."""

SHARE = 0.4
"""Share of the time for all optima together."""

TOL, GAP = 1e-6, 0.02
"""Relative gap of an optimum: at best, and as a share of delta."""

MOST_ALONE = 4
"""Outputs that are geometries of their own, at most."""

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
        own = self._possible()
        given = [self._cost(sol, 0.0, left, own) for sol in solutions] if self.radius else costs
        # where nothing is proven of the ball the estimate itself decides
        best = min(range(len(costs)), key=lambda k: (max(costs[k].relative, SAME * self.delta), given[k].relative))
        solution, cost = solutions[best], costs[best]
        near = NearOptima(solution, self.delta * cost.optimum, KernelProgram(solution.problem), left, seed)
        statistics = tuple(self._compared(near))
        nearest = near.nearest(self.seen.kernel, self.basis)
        least = along.weakest()[1]
        found = self._far(nearest.attained) <= self._near
        forms, geometries = tuple(self._forms(solutions, solution, left)), tuple(self._geometries(solution, left))
        apart, beside = self._apart(near), (forms, geometries)
        verdict = INCOMPATIBLE if least > self.delta else COMPATIBLE if found else UNDECIDED
        return Explanation(
            verdict=verdict, statement=self._statement(verdict, along, nearest, solution.problem.beta, beside, apart),
            changes=tuple(self._changes(verdict, along, solution, left, apart)), assumptions=tuple(self._assumed()),
            kernel=self.seen.kernel, names=self.seen.names, radius=self.radius, confidence=self.confidence,
            delta=self.delta, baseline=self.baseline, betas=betas,
            excesses=np.array([along.excess(float(b)) for b in betas]),
            excesses_given=np.array([one.relative for one in given]),
            least_excess=least, excluded=along.above(self.delta), beta=solution.problem.beta, suboptimality=cost,
            statistics=statistics, closed_forms=forms, geometries=geometries, apart=apart,
            similarity=nearest.attained, similarity_upper=nearest.upper,
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
    def _cost(self, solution: Solution, radius: float, left: Deadline, K: Array | None = None) -> KernelSuboptimality:
        program, K = KernelProgram(solution.problem), self.seen.kernel if K is None else K
        return suboptimality_of(solution, program, K, radius, self.baseline, left, time.perf_counter())

    # ------------------------------------------------------------------ kernels
    def _possible(self) -> Array:
        """The estimate without its negative eigenvalues, as far as it is compared: no network has such."""
        values, vectors = np.linalg.eigh(self._seen(self.seen.kernel))
        return np.asarray(self.basis @ (vectors * np.maximum(values, 0.0)) @ vectors.T @ self.basis.T)

    def _apart(self, near: NearOptima) -> float:
        """The smallest cosine of two kernels of networks that were found near the optimum."""
        kernels = np.array([self._seen(K).ravel() for K in near.kernels()])
        sizes = np.linalg.norm(kernels, axis=1)
        units = kernels[sizes > 0.0] / sizes[sizes > 0.0][:, None]
        return float(np.min(units @ units.T)) if len(units) else np.nan

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

    def _forms(self, solutions: list[Solution], best: Solution, left: Deadline) -> Iterator[ComparedForm]:
        """Closed forms at every strength that was solved, and what their kernels cost at the best of them."""
        each: list[list[Any]] = []
        for one in solutions:
            problem = one.problem
            each.append(list(predict(problem.X, problem.Y, problem.beta, bias=problem.bias)))
        at_best = each[solutions.index(best)]
        for k, form in enumerate(at_best):
            kernels = [forms[k].kernel for forms in each]
            alike = [np.nan if K is None else self._similarity(K) for K in kernels]
            inside = [
                self._far(one) <= self._near and forms[k].applicable for one, forms in zip(alike, each, strict=True)
            ]
            strengths = tuple(float(one.problem.beta) for one, near in zip(solutions, inside, strict=True) if near)
            asked = form.applicable and form.kernel is not None
            excess = self._cost(best, 0.0, left, form.kernel).relative if asked else np.nan
            known = [one for one in alike if np.isfinite(one)]
            yield ComparedForm.of(form, max(known, default=np.nan), strengths, excess)

    def _geometries(self, solution: Solution, left: Deadline) -> Iterator[ComparedForm]:
        """Geometries of reference, which are not optimal for every task."""
        Y, beta = self.task.Y, float(solution.problem.beta)
        # each output by two opposed neurons, which networks can have: for signs this is the output itself, once centred
        alone = [
            np.outer(up, up) + np.outer(down, down)
            for up, down in zip(np.maximum(Y.T, 0), np.maximum(-Y.T, 0), strict=True)
        ]
        kernels: dict[str, Array] = {"conditions with nothing in common": np.eye(len(Y))}
        if len(alone) > 1:
            kernels["the outputs of the task together"] = np.sum(alone, axis=0)
        if len(alone) <= MOST_ALONE:
            kernels |= {f"output {k + 1} alone": K for k, K in enumerate(alone)}
        for name, K in kernels.items():
            if float(np.linalg.norm(self._seen(K))) <= SAME * float(np.linalg.norm(K)):
                continue
            alike, excess = self._similarity(K), self._cost(solution, 0.0, left, K).relative
            near = self._far(alike) <= self._near
            verdict, strengths = (COMPATIBLE, (beta,)) if near else (INCOMPATIBLE, ())
            yield ComparedForm(name, True, "", None, alike, verdict, strengths, excess)

    # ------------------------------------------------------------------ words
    def _open(self, apart: float) -> bool:
        """Whether networks near the optimum have kernels that the noise, or rounding, would tell apart."""
        return self._far(apart) > self._near

    def _statement(self, verdict: str, along: Along, nearest: Nearest, beta: float, beside: Any, apart: float) -> str:
        within, low, high = (
            f"within {100 * self.delta:.3g} % of the optimum",
            along.solved[0].beta,
            along.solved[-1].beta,
        )
        which = (
            "with this kernel" if not self.radius else f"with a kernel within the noise ({100 * self.confidence:.3g} %)"
        )
        where = f"at beta = {low:.4g}" if low == high else f"at every beta from {low:.4g} to {high:.4g}"
        names = [form.name for form in beside[1] if form.strengths]
        known = f"geometries of reference within the noise: {', '.join(names) or 'none'}"
        if verdict == INCOMPATIBLE:
            above = f"all are {100 * along.weakest()[1]:.3g} % above it or more"
            said = f"incompatible: no network of any width {which} is {within}; {above}, {where}"
            return f"{said}; {known}" if self.radius else said
        alike = f"the most similar found has {nearest.attained:.3f} (cosine of kernels), and none more than {nearest.upper:.3f}"
        out = ", ".join(f"{a:.4g} to {b:.4g}" for a, b in along.above(self.delta))
        if verdict == UNDECIDED:
            rest = f"excluded are strengths of {out}" if out else "none is excluded"
            return f"undecided: no network {within} was found {which} at beta = {beta:.4g}, and {rest}; {alike}"
        parts = [f"compatible: at beta = {beta:.4g} a network {within} was found {which}; {alike}"]
        if out:
            parts.append(f"excluded are strengths of {out}")
        if self.radius:
            parts += [
                f"the closed form ({form.name}) is {'' if form.strengths else 'not '}within the noise"
                for form in beside[0] if form.applies
            ]  # fmt: skip
            parts.append(known)
        if self._open(apart):
            parts.append(
                f"the task leaves the geometry open: near its optimum are kernels with a cosine of {apart:.3f}, "
                "so that compatible says little"
            )
        return "; ".join(parts)

    def _changes(self, verdict: str, along: Along, solution: Solution, left: Deadline, apart: float) -> Iterator[str]:
        out = along.above(self.delta)
        if verdict == INCOMPATIBLE:
            least = along.weakest()[1]
            yield f"delta of at least {least:.3g}: nothing is proven about networks that far from the optimum"
            yield self._wider(solution, left)
            return
        if out:
            yield f"another strength: at beta of {', '.join(f'{a:.3g} to {b:.3g}' for a, b in out)} it is incompatible"
        if self.radius:
            half = self._cost(solution, 0.5 * self.radius, left).relative
            what = "incompatible" if half > self.delta else "no other verdict by what a kernel costs"
            proven = f"sub-optimality >= {max(half, 0.0):.3g}"
            data = "neurons" if self.seen.share_of_neurons(self.basis) > 0.5 else "trials"
            yield f"an interval half as wide about the same kernel (four times the {data}): {what}, {proven}"
        if verdict == UNDECIDED:
            yield "a longer search (time_limit), or a larger delta, for a network that is alike"
        elif self._open(apart):
            more = "inputs= that say what conditions have in common" if self.plain_inputs else "other inputs or targets"
            yield f"a task whose optima agree: {more}, or a smaller delta where the optimum is unique"
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
