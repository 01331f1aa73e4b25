"""L-BFGS for many networks at once: every network has its own memory, its own line search and its own pace.

One advance evaluates all networks at their trial points. A network whose trial is accepted computes its next direction;
the others narrow their bracket. Nobody waits for anybody's line search, and nothing loops over networks.
"""

from __future__ import annotations

from typing import Any

import torch

from relucvx.training.stepping import Evaluate

MEMORY = 10
"""Pairs kept per network."""

DECREASE, CURVATURE = 1e-4, 0.9
"""Constants of the weak Wolfe conditions; their bisection also works on functions with kinks."""

TRIALS = 40
"""Trial points of one line search before it counts as failed."""

PATIENCE = 100
"""Accepted steps without progress after which a network counts as stalled."""

PROGRESS, SHRINKAGE = 1e-10, 0.5
"""Progress is a relative decrease of the objective by the one (or by rounding) or of the gradient to the other."""


class BatchedLBFGS:
    """State of S independent L-BFGS runs.

    The direction comes from the compact form of the inverse Hessian, so that a step costs two passes over the memory
    instead of a loop over its pairs. Line search: bisection for the weak Wolfe conditions; where the objective no longer
    resolves a decrease, the slope alone decides (Hager and Zhang's approximate conditions), which lets the gradient
    fall to rounding.

    Source: [relucvx].
    Status: heuristic (finds stationary points; nothing is proven).
    """

    monotone = True

    def __init__(self, theta: Any, evaluate: Evaluate) -> None:
        self.evaluate = evaluate
        self.theta = theta
        self.ids = torch.arange(len(theta), device=theta.device)
        self.values, self.grads = evaluate(theta)
        count, size = theta.shape
        # slots 0..MEMORY-1 hold the steps, the rest the changes of the gradient
        self.pairs = theta.new_zeros(count, 2 * MEMORY, size)
        self.gram = theta.new_zeros(count, 2 * MEMORY, 2 * MEMORY)
        whole = {"dtype": torch.long, "device": theta.device}
        self.stored = torch.zeros(count, **whole)  # pairs ever stored
        self.steps = torch.zeros(count, **whole)
        self.trials = torch.zeros(count, **whole)
        self.idle = torch.zeros(count, **whole)
        self.stalled = torch.zeros(count, dtype=torch.bool, device=theta.device)
        self.best_value = self.values.clone()
        self.best_size = torch.linalg.vector_norm(self.grads, dim=1)
        # values at or below this slack above the old one count as equal
        self.rounding = 8 * torch.finfo(theta.dtype).eps
        self.direction = torch.empty_like(theta)
        self.slope, self.length = torch.empty_like(self.values), torch.empty_like(self.values)
        self.low, self.high = torch.empty_like(self.values), torch.empty_like(self.values)
        self._start(torch.ones(count, dtype=torch.bool, device=theta.device))

    def keep(self, index: Any) -> None:
        """Drop every network outside ``index``."""
        kept = {name: v.index_select(0, index) for name, v in vars(self).items() if hasattr(v, "index_select")}
        vars(self).update(kept)  # all at once, so that Ctrl-C finds the networks in step with their numbers

    def advance(self) -> Any:
        """One evaluation of all networks; returns the mask (S,) of those that took a step."""
        trial = torch.addcmul(self.theta, self.length[:, None], self.direction)
        values, grads = self.evaluate(trial)
        slope = (grads * self.direction).sum(1)
        finite = torch.isfinite(values) & torch.isfinite(slope)
        # sufficient decrease, by values while they tell anything
        low_enough = values <= self.values + DECREASE * self.length * self.slope
        equal = values <= self.values + self.rounding * self.values.abs()
        # near a minimum values differ by rounding only: the slope at the end vouches for the decrease
        flat = equal & (slope <= (2 * DECREASE - 1) * self.slope)
        decreased = finite & (low_enough | flat)
        accepted = decreased & (slope >= CURVATURE * self.slope)
        # bisection for both conditions: too long a step bounds from above, one that may be longer from below
        self.high = torch.where(decreased, self.high, self.length)
        self.low = torch.where(decreased, self.length, self.low)
        bounded = torch.isfinite(self.high)
        self.length = torch.where(bounded, 0.5 * (self.low + self.high), 2.0 * self.low)
        self.trials += 1
        failed = ~accepted & (self.trials >= TRIALS)
        # a search that brackets a kink may still hold a point below: take it, without the curvature that is not there
        rescued = failed & decreased & (values < self.values)
        moved = accepted | rescued
        if moved.any():
            self._store(accepted, trial - self.theta, grads - self.grads)
            column = moved[:, None]
            self.theta = torch.where(column, trial, self.theta)
            self.grads = torch.where(column, grads, self.grads)
            self.values = torch.where(moved, values, self.values)
            self._count(moved)
        # a failed search is tried again along the gradient, without memory; only when that fails, too, is it the end
        forget = failed & (self.stored > 0)
        self.stalled |= failed & ~moved & ~forget
        if forget.any():
            self._forget(forget)
        restart = moved | forget
        if restart.any():
            self._start(restart)
        return moved

    def _count(self, moved: Any) -> None:
        """Count steps, and how many passed since the objective or the gradient last fell markedly.

        At an optimum on a kink the gradient never vanishes, and steps gain ever less.
        """
        size = torch.linalg.vector_norm(self.grads, dim=1)
        # near a minimum values run out of digits before the gradient is small: progress of either counts
        lower = self.values < self.best_value - max(self.rounding, PROGRESS) * self.best_value.abs()
        smaller = size < SHRINKAGE * self.best_size
        self.best_value = torch.where(lower, self.values, self.best_value)
        self.best_size = torch.where(smaller, size, self.best_size)
        progress = lower | smaller
        self.idle = torch.where(progress, 0, self.idle + moved)
        self.steps += moved
        self.stalled |= self.idle >= PATIENCE

    def _forget(self, mask: Any) -> None:
        keep = (~mask).to(self.theta.dtype)
        self.pairs *= keep[:, None, None]
        self.gram *= keep[:, None, None]
        self.stored *= ~mask

    def _store(self, mask: Any, step: Any, change: Any) -> None:
        """Put (step, change) into the oldest slot of every network in the mask with positive curvature."""
        curvature = (step * change).sum(1)
        norm = torch.linalg.vector_norm
        eps = torch.finfo(step.dtype).eps
        # only clearly positive curvature: H must stay positive definite
        mask = mask & (curvature > eps * norm(step, dim=1) * norm(change, dim=1))
        index = mask.nonzero()[:, 0]
        if not len(index):
            return
        slot = self.stored[index] % MEMORY
        self.pairs[index, slot] = step[index]
        self.pairs[index, slot + MEMORY] = change[index]
        both = torch.stack([step, change], 2)
        products = torch.bmm(self.pairs, both)[index]  # (k, 2 MEMORY, 2)
        for offset, column in ((0, products[:, :, 0]), (MEMORY, products[:, :, 1])):
            self.gram[index, slot + offset] = column
            self.gram[index, :, slot + offset] = column
        self.stored[index] += 1

    def _start(self, mask: Any) -> None:
        """New direction and a fresh line search for every network in the mask."""
        direction = self._direction()
        slope = (direction * self.grads).sum(1)
        # rounding may spoil the compact form near a solution: fall back to the gradient
        size = torch.linalg.vector_norm(self.grads, dim=1)
        bad = ~(slope < 0) | ~torch.isfinite(slope)
        if (bad & mask).any():
            self._forget(bad & mask)
            direction = torch.where(bad[:, None], -self.grads, direction)
            slope = torch.where(bad, -size * size, slope)
        # nothing is known of the scale yet: the first step has length one at most
        first = torch.minimum(1.0 / size.clamp_min(torch.finfo(size.dtype).tiny), torch.ones_like(size))
        length = torch.where(self.stored == 0, first, torch.ones_like(size))
        self.direction = torch.where(mask[:, None], direction, self.direction)
        self.slope = torch.where(mask, slope, self.slope)
        self.length = torch.where(mask, length, self.length)
        self.low = torch.where(mask, 0.0, self.low)
        self.high = torch.where(mask, torch.inf, self.high)
        self.trials *= ~mask

    def _direction(self) -> Any:
        """-H g with H in the compact form of Byrd, Nocedal and Schnabel, pairs from the oldest to the newest."""
        k = MEMORY
        shift = torch.arange(k, device=self.theta.device)
        # empty slots hold zeros and come first; their unit diagonal makes them drop out
        order = (self.stored[:, None] + shift) % k
        both = torch.cat([order, order + k], 1)
        gram = self.gram.gather(1, both[:, :, None].expand_as(self.gram)).gather(2, both[:, None].expand_as(self.gram))
        inner, changes = gram[:, :k, k:], gram[:, k:, k:]
        diagonal = inner.diagonal(dim1=1, dim2=2)
        empty = (diagonal <= 0).to(self.theta.dtype)
        upper = inner.triu() + torch.diag_embed(empty)
        # the newest pair sets the scale of H where the memory says nothing
        newest = changes[:, -1, -1]
        gamma = torch.where(newest > 0, diagonal[:, -1] / newest.clamp_min(torch.finfo(newest.dtype).tiny), 1.0)[
            :, None
        ]
        against = torch.bmm(self.pairs, self.grads[:, :, None])[:, :, 0].gather(1, both)
        on_steps, on_changes = against[:, :k, None], against[:, k:, None]
        p = torch.linalg.solve_triangular(upper, on_steps, upper=True)
        right = diagonal[:, :, None] * p + gamma[:, :, None] * (changes @ p - on_changes)
        q = torch.linalg.solve_triangular(upper.mT, right, upper=False)
        weights = torch.zeros_like(against).scatter(1, both, torch.cat([q, -gamma[:, :, None] * p], 1)[:, :, 0])
        return -torch.baddbmm(gamma[:, :, None] * self.grads[:, None], weights[:, None], self.pairs)[:, 0]
