"""The open cones of a search, what one thread needs to split them, and a search dealt to several threads.

All that a pause leaves is plain arrays, so that any search can take over a part of another.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from relucvx.oracle import subtree
from relucvx.oracle.carried import Rows, make_room, make_stack
from relucvx.oracle.form import Form
from relucvx.oracle.frontier import SIZE
from relucvx.oracle.subtree import BEST, DROPPED
from relucvx.threads import jobs
from relucvx.types import Array

FRONTIER_BYTES = 600_000_000
ZERO_TOL = 1e-14
"""|x_i·g| <= ZERO_TOL ||x_i|| counts as on the wall; paid for in :func:`rounding_slack`."""

STACK_BYTES, MOST_SLOTS, LEAST_SLOTS = 64_000_000, 256, 4
"""Room for the cones on the way from one cone of the frontier, which carry lists of samples; and how many those may be."""

CHUNK_WORK = 10_000_000
"""Multiplications between two looks at the clock, the callback and Ctrl-C: a few hundredths of a second."""

SHARDS = 16
"""Parts that a long search is dealt to, however many threads there are to run them."""

FEW_SPLITS, MANY_SPLITS, STRIDE, LEAST_STRIDE = 8, 16, 2.0, 0.02
"""A cone that is taken up pays for all samples once, so FEW_SPLITS to MANY_SPLITS below it on the average are worth it. How
far below its bound that leads, as a share of the way to the target, is multiplied or divided by STRIDE until it does."""


def rounding_slack(form: Form, depth: int) -> float:
    """What float64 can hide in a bound over cones below ``depth`` splits.

    With u = EPS/2, scale = Σ ||M_i|| (||x_i|| + R) + the linear part, n samples and D coordinates, c outputs:

    1. *Cover.* A new generator is a combination of two others with non-negative floats, rounded: it lies within 2·EPS (in
       units of scale: |x_i·δ| <= 2·EPS (||x_i|| + R)) of their edge, for ||a g_k + b g_l|| >= (a + b)/√2. Where the halves
       leave a gap, a unit vector moves by at most 2·EPS into one of them, F by as much times scale, and its norm by as
       much. After ``depth`` splits: 4·depth·EPS·scale.
    2. *Walls.* A sample is taken as linear on a cone when no product lies beyond its wall by more than ztol, and so it stays
       for all parts: on each unit vector Σ α_k g_k of the cone it errs by at most Σ α_k ztol <= √D·ztol, once a branch, since
       it leaves the list. Parts reach out of the cone by (1), another 2·depth·EPS·scale. With
       ztol = ZERO_TOL·||M_i|| (||x_i|| + R) that is √D·ZERO_TOL·scale in all, and rounded products differ from exact ones by
       (D + c + 4) u scale, a small part of what a factor of 4 leaves.
    3. *Sums.* On a branch a sample enters the aggregated map once and is then never touched, so an entry of it is a sum
       of at most n terms in some order, and its error at most n·u times the sum of their moduli, whatever the order. A
       generator's values add the mixed samples and multiply by its D coordinates; nothing is inherited but as it is.
       Values and lines are off by at most (n + 2D + c + 16) u scale each, for |x_i|·|g| <= ||x_i|| + R coordinate by
       coordinate; both together, times Σ α_k <= √D: √D (n + 2D + c + 16) EPS scale. As D <= 14, √D < 4, and
       4(n + D) + 16·(64 + c) covers it.
    4. *Least norm.* What is left of g_k·w >= b_k is measured, with an error of (D + 2) u (||w|| + |b_k|) on each row, and
       charged; the norm, the products and the root round by D·EPS of the bound, and the entrywise comparison by D²·EPS. A bound
       above scale is above F in any case, so these count against scale too, and 16·64 covers them.

    ``form.rounding`` adds 4(n + D) + 16 for each split; (1) and the rest of (2) take 6 of the 16. With a free bias a generator
    of unit norm has a bias of up to √D·R, as |b| <= R ||w||_1 on the cones, and what is counted against R counts √D times.
    """
    dim, c = form.L.shape
    spread = np.sqrt(dim) if form.free_bias else 1.0
    rounding = form.rounding(64 + c + depth) - form.truncation
    return float(form.truncation + spread * rounding + 4.0 * np.sqrt(dim) * ZERO_TOL * form.scale)


def bending(form: Form) -> NDArray[np.intp]:
    """The rows with weight, in the order of :func:`weighted_rows`; one output: those that bend up come first."""
    kept = np.flatnonzero(np.linalg.norm(form.M, axis=1) > 0.0)
    return kept[np.argsort(form.M[kept, 0] < 0.0, kind="stable")] if form.M.shape[1] == 1 else kept


def weighted_rows(form: Form) -> Rows:
    """Samples times the norm of their weight, those without weight left out."""
    weight = np.linalg.norm(form.M, axis=1)
    kept = bending(form)
    first = int((form.M[kept, 0] >= 0.0).sum()) if form.M.shape[1] == 1 else len(kept)
    X = np.ascontiguousarray(form.X[kept] * weight[kept, None])
    unit = np.ascontiguousarray(form.M[kept] / weight[kept, None])
    reach = np.linalg.norm(form.X[kept, : form.penalized], axis=1) + form.bias_range
    return Rows(
        X, np.ascontiguousarray(X.T), unit, ZERO_TOL * weight[kept] * reach, np.ascontiguousarray(form.L),
        first, form.penalized,
    )  # fmt: skip


class Frontier:
    """The open cones as plain arrays, which any search can take a part of, and what one thread needs to split them."""

    def __init__(self, form: Form, nodes: Array, lower: float, witness: Array, share: int = 1) -> None:
        # nothing is known of a starting cone
        self.nodes, self.bounds = nodes.copy(), np.full(len(nodes), np.inf)
        self.depths = np.zeros(len(nodes), dtype=np.int64)
        self.cones, self.spent, self.heap, self.stride, self.work = len(nodes), 0, True, 1.0, CHUNK_WORK
        self.tally, self.record = np.zeros(5, dtype=np.int64), np.array([lower, 0.0])
        self.tally[SIZE] = len(nodes)
        self.witness, self.grace = witness, form.rounding()
        self.rows = weighted_rows(form)
        n, (dim, c) = len(self.rows.X), form.L.shape
        slots = int(np.clip(STACK_BYTES // share // (8 * (n + 1) * (dim + 2)), LEAST_SLOTS, MOST_SLOTS))
        self.stack = make_stack(slots, n, dim, c + 1, c)
        self.room = make_room(n, dim, c + 1, c, form.penalized)
        self.cap = int(max(4 * len(nodes), FRONTIER_BYTES // share // (8 * dim * dim)))

    @property
    def size(self) -> int:
        """Number of open cones."""
        return int(self.tally[SIZE])

    @property
    def best(self) -> float:
        """The largest value that was reached."""
        return float(self.record[BEST])

    def search(self, target: float, stop_above: float, steps: int) -> int:
        """One chunk of a few hundredths of a second: in between the clock, the callback and Ctrl-C are heard."""
        self._make_room(2 * steps + len(self.stack.bound))
        self.tally[[subtree.SPLITS, subtree.WORK, subtree.PLACED]] = 0
        code = subtree.run(
            self.rows, self.stack, self.bounds, self.nodes, self.depths, self.tally, self.heap, self.stride, target,
            self.grace, stop_above, steps, self.work, self.record, self.witness, self.room,
        )  # fmt: skip
        splits, placed = int(self.tally[subtree.SPLITS]), int(self.tally[subtree.PLACED])
        self.cones += 2 * splits
        self.spent += int(self.tally[subtree.WORK])
        if splits > MANY_SPLITS * placed:
            self.stride = max(LEAST_STRIDE, self.stride / STRIDE)
        elif splits < FEW_SPLITS * placed:
            self.stride = min(1.0, self.stride * STRIDE)
        return int(code)

    def upper(self, form: Form) -> float:
        """Every direction lies in a dropped cone, an open one, or has the value that was reached."""
        size = int(self.tally[SIZE])
        peak = 0.0 if not size else self.bounds[0] if self.heap else self.bounds[:size].max()
        slack = rounding_slack(form, int(self.tally[subtree.DEEPEST]))
        return float(max(self.record[DROPPED], peak, self.record[BEST])) + slack

    def _make_room(self, more: int) -> None:
        """Places for more cones; before they outgrow memory the frontier becomes a stack, loosest cones on top.

        Best first wants all open cones in memory; last in, first out leaves a few for each split above.
        """
        size = int(self.tally[SIZE])
        if self.heap and size + more > self.cap:
            order = np.argsort(self.bounds[:size])
            self.nodes, self.bounds, self.depths = self.nodes[order], self.bounds[order], self.depths[order]
            self.heap = False
        if size + more > len(self.bounds):
            # in place, and by a part only: copying all open cones would take as long as many chunks
            length = len(self.bounds) + max(len(self.bounds) // 4, more)
            for held in (self.nodes, self.bounds, self.depths):
                held.resize((length, *held.shape[1:]), refcheck=False)


class Shards:
    """A frontier dealt to SHARDS searches that know of each other only what was reached, once a round.

    How many threads run them changes nothing: the rounds are the same, and each search sees what all had reached before.
    """

    def __init__(self, form: Form, whole: Frontier, stack: ExitStack) -> None:
        self.whole, self.witness, self.best = whole, whole.witness.copy(), whole.best
        self.parts = [Frontier(form, whole.nodes[:0], self.best, self.witness.copy(), SHARDS) for _ in range(SHARDS)]
        for part in self.parts:
            part.work = CHUNK_WORK // 4
        self.threads = min(jobs(), SHARDS)
        self.pool = stack.enter_context(ThreadPoolExecutor(self.threads)) if self.threads > 1 else None
        self._deal([whole])

    @property
    def cones(self) -> int:
        """Cones made so far."""
        return self.whole.cones + sum(part.cones for part in self.parts)

    def search(self, target: float, stop_above: float, steps: int) -> int:
        """One round: each part takes its share of the steps."""
        open_parts = [part for part in self.parts if part.size]
        if len(open_parts) < SHARDS and sum(part.size for part in open_parts) >= 4 * SHARDS:
            self._deal(open_parts)
            open_parts = [part for part in self.parts if part.size]
        each = max(1, steps // max(len(open_parts), 1))

        def one(part: Frontier) -> int:
            return part.search(target, stop_above, each)

        codes = list(map(one, open_parts) if self.pool is None else self.pool.map(one, open_parts))
        leader = max(self.parts, key=lambda part: part.best)  # the first of equals
        if leader.best > self.best:
            self.best, self.witness = leader.best, leader.witness.copy()
            for part in self.parts:
                part.record[BEST] = self.best
                part.witness[:] = self.witness
        if self.best > stop_above:
            return subtree.VIOLATED
        return subtree.EMPTY if all(code == subtree.EMPTY for code in codes) else subtree.RUNNING

    def upper(self, form: Form) -> float:
        """The largest bound of any part, and of what was dropped before."""
        return max(self.whole.upper(form), *(part.upper(form) for part in self.parts))

    def _deal(self, owners: list[Frontier]) -> None:
        """Deal all open cones anew, loosest first, one to each part in turn."""
        sizes = [owner.size for owner in owners]
        nodes, bounds, depths = (
            np.concatenate([getattr(owner, name)[:size] for owner, size in zip(owners, sizes, strict=True)])
            for name in ("nodes", "bounds", "depths")
        )
        order = np.argsort(-bounds, kind="stable")
        deepest = max(int(owner.tally[subtree.DEEPEST]) for owner in (*owners, *self.parts))
        for owner in owners:
            owner.tally[SIZE] = 0
        for k, part in enumerate(self.parts):
            mine = order[k::SHARDS]  # a falling sequence is a heap
            part.nodes, part.bounds, part.depths, part.heap = nodes[mine], bounds[mine], depths[mine], True
            part.tally[SIZE] = len(mine)
            part.tally[subtree.DEEPEST] = deepest  # what rounding may hide in the cones that came
