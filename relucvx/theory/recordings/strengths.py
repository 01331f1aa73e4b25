"""Between the strengths that were solved: how far above the optimum networks with a given kernel are, at every one of them.

A cut (:mod:`relucvx.certificate.kernels.kernel_cut`) with E = beta/2 G has ``||(Nᵀ phi, phiᵀE phi)|| <= beta - phiᵀE phi`` for
all ||w|| <= 1: a convex cone in (N, E, beta). So the mixture of two cuts is a cut at the mixed strength. Each has <E, K> >= 0
for every kernel in question, so has their mixture: what is left is ``-loss*(-N)`` of the mixed N, which is concave along it.

Above p* are the lines of networks that were found, and of blends of neighbours. On a piece where one line is the least, a
concave function over a line has its least value at an end: a finite number of strengths decides all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from relucvx._api.suboptimality import KernelSuboptimality
from relucvx.certificate.path_band import ROOM, Between, Envelope, Knot
from relucvx.program.objective import line_from_above
from relucvx.program.problem import Problem
from relucvx.solution import Solution
from relucvx.types import Array

HALVINGS = 24
"""Of a piece, for the strength at which a bound passes a threshold."""


@dataclass(frozen=True, eq=False)
class Solved:
    """An optimum at one strength, and what a kernel costs there."""

    solution: Solution
    cost: KernelSuboptimality

    @property
    def beta(self) -> float:
        """The strength."""
        return float(self.solution.problem.beta)

    @cached_property
    def knot(self) -> Knot:
        """The network that bounds p*, with the dual point that bounds what such kernels cost."""
        cut = self.cost.cut
        dual = self.solution.certificate.dual if cut is None else cut.dual
        return Knot(self.beta, self.solution.inner, dual, self.cost.lower)


class Along:
    """The certified relative excess over p* at every strength between the first and the last that were solved.

    Parameters
    ----------
    problem : Problem
        Its strength plays no part.
    solved : list of Solved
        Of one kernel and one radius, in any order.

    Notes
    -----
    Status: theorem (weak duality, a convex cone), every rounding bounded. Source: [relucvx]
    """

    def __init__(self, problem: Problem, solved: list[Solved]) -> None:
        self.between = Between(problem)
        self.solved = sorted(solved, key=lambda one: one.beta)
        self.lines = [line_from_above(one.solution.problem, one.solution.inner) for one in self.solved]
        self.blended: set[float] = set()

    def add(self, one: Solved) -> None:
        """Another strength that was solved."""
        self.solved = sorted([*self.solved, one], key=lambda each: each.beta)
        self.lines.append(line_from_above(one.solution.problem, one.solution.inner))

    def blend(self, beta: float) -> bool:
        """Add the line of the neighbours' best blend at a strength between them; False where that was done before."""
        k = self._after(beta)
        if beta in self.blended or not self.solved[k - 1].beta < beta < self.solved[k].beta:
            return False
        self.blended.add(beta)
        self.lines.append(self.between.line(self.solved[k - 1].knot, self.solved[k].knot, beta))
        return True

    def excess(self, beta: float) -> float:
        """Every network with such a kernel has P >= (1 + excess) p* at a strength; negative where nothing is proven."""
        if len(self.solved) == 1:
            return self.solved[0].cost.relative
        k = self._after(beta)
        lower = self.between.lower(self.solved[k - 1].knot, self.solved[k].knot, beta)
        losses, penalties = np.array(self.lines).T
        upper = float(np.min(losses + beta * penalties)) * (1.0 + ROOM)
        # pieces end where two lines cross, up to rounding
        return lower / upper * (1.0 - 4.0 * ROOM) - 1.0

    def corners(self) -> Array:
        """Strengths that were solved, and where the least line changes."""
        betas = np.array([one.beta for one in self.solved])
        if len(betas) == 1:
            return betas
        losses, penalties = np.array(self.lines).T
        known = Envelope(betas[0], betas[-1], betas, np.zeros(len(betas)), losses, penalties)
        return np.unique(np.concatenate([betas, known.corners()]))

    def weakest(self) -> tuple[float, float]:
        """The strength at which least is proven, and how much is proven there, and so at all."""
        at = self.corners()
        values = [self.excess(float(beta)) for beta in at]
        k = int(np.argmin(values))
        return float(at[k]), values[k]

    def above(self, threshold: float) -> tuple[tuple[float, float], ...]:
        """Intervals of strengths at which the excess is proven to be larger than a threshold, in order."""
        found: list[tuple[float, float]] = []
        for low, high in self._pieces(threshold):
            if found and found[-1][1] == low:
                low = found.pop()[0]
            found.append((low, high))
        return tuple(found)

    def _pieces(self, threshold: float) -> Iterator[tuple[float, float]]:
        at = [float(beta) for beta in self.corners()]
        over = [self.excess(beta) > threshold for beta in at]
        if len(at) == 1 and over[0]:
            yield at[0], at[0]
        for k in range(len(at) - 1):
            # a piece whose ends are above is above; of one end alone, the part up to where it was seen to be
            if over[k] and over[k + 1]:
                yield at[k], at[k + 1]
            elif over[k]:
                yield at[k], self._passing(at[k], at[k + 1], threshold)
            elif over[k + 1]:
                yield self._passing(at[k + 1], at[k], threshold), at[k + 1]

    def _passing(self, inside: float, outside: float, threshold: float) -> float:
        """The furthest strength seen above the threshold on the way from one that is to one that is not."""
        for _ in range(HALVINGS):
            middle = 0.5 * (inside + outside)
            if self.excess(middle) > threshold:
                inside = middle
            else:
                outside = middle
        return inside

    def _after(self, beta: float) -> int:
        """The first of the solved strengths that is larger; the last, at least the second."""
        betas = np.array([one.beta for one in self.solved])
        return int(np.clip(np.searchsorted(betas, beta, side="right"), 1, len(betas) - 1))
