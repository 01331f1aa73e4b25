"""Optimal networks built from active directions: the one nearest at hand, vertices of the polytope, the smallest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from relucvx.certificate.optima.active_directions import ActiveSet
from relucvx.certificate.optima.polytope import Polytope
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import fit, objective
from relucvx.program.problem import Problem
from relucvx.types import Array

EQUAL = 1e-10
"""The network rebuilt from the active directions may be this much worse, relative to the loss at zero, than the one given."""

ROUNDED = 1e-13
"""Two networks rebuilt from the same directions this close, relative to the loss at zero, are equally good."""

COEFFICIENTS = 100
"""Up to this many coefficients are minimised and maximised one by one."""

DIFFERENT = 1e-3
"""Share of the coefficients (in total norm) that must differ between two optima."""

COSTS = 24
"""Random linear functionals tried on the polytope, besides each coefficient."""


def with_bias(polytope: Polytope, c: Array) -> Array:
    """Coefficients c (k,) with the free output bias that completes the fit appended, where there is one."""
    if not polytope.free:
        return c
    rows = polytope.fixed if polytope.fixed.any() else np.ones(len(polytope.fit), bool)
    return np.append(c, float(np.mean((polytope.fit - polytope.atoms @ c)[rows])))


def network_of(
    problem: Problem, directions: Array, signs: Array, polytope: Polytope, x: Array, like: TwoLayerReLU
) -> TwoLayerReLU:
    """The balanced network with neuron norms c on the active directions."""
    c = x[: polytope.size]
    alive = c > 0
    root = np.sqrt(c[alive])[:, None]
    W = directions[alive] * root
    outputs = (signs[alive] if signs.ndim == 2 else signs[alive, None]) * root
    # the output bias is a coordinate of the polytope, or what the fit leaves to it, or fixed as in the network at hand
    bias_out = like.bias_out
    if polytope.free:
        bias_out = x[-1:]
    elif problem.bias.is_free:
        hidden = problem.combine(problem.activation(problem.inputs @ W.T), outputs)
        bias_out = fit(problem, like).mean(axis=0) - hidden.mean(axis=0)
    return problem.network(W, outputs, bias_out)


class Optima:
    """Optimal networks met so far: the given one, vertices of the polytope, the smallest, and one that differs."""

    def __init__(
        self,
        problem: Problem,
        active: ActiveSet,
        polytope: Polytope,
        network: TwoLayerReLU,
        x: Array | None,
        value: float,
    ) -> None:
        self.problem, self.active, self.polytope = problem, active, polytope
        self.smallest, self.value, self.at = network, value, 0
        self.points: list[Array] = []
        self.explored = False
        self.scale = max(problem.null_value(), value)
        if x is not None:
            self._begin(x)

    def _begin(self, x: Array) -> None:
        """Take the reconstructed network as reference, unless it is worse than the one given."""
        network, value = self._at(x)
        if value <= self.value + EQUAL * self.scale:
            self.points.append(x)
            self.value = value
            if network.width <= self.smallest.width:
                self.smallest = network

    def explore(
        self, rng: np.random.Generator, deadline: Deadline, told: Callable[[int], Any] = lambda found: None
    ) -> None:
        """Vertices for each coefficient, down and up, and for random costs; ``told`` hears how many points are known."""
        if not self.points:
            return
        # each coefficient at its least and its most; random costs reach vertices that these leave out
        k = self.polytope.size
        reached = []
        for cost in (sign * e for e in np.eye(k)[:COEFFICIENTS] for sign in (1.0, -1.0)):
            reached.append(self._visit(cost, deadline))
            told(len(self.points))
        for cost in rng.standard_normal((COSTS, k)):
            self._visit(cost, deadline)
            told(len(self.points))
        self.explored = k <= COEFFICIENTS and all(reached)

    def _visit(self, cost: Array, deadline: Deadline) -> bool:
        """Look at the vertex of least cost; False when it could not be computed to rounding, or in time."""
        x = None if deadline.passed() else self.polytope.vertex(cost, self.points[0], deadline)
        if x is None:
            return False
        return self.take(x)

    def take(self, x: Array) -> bool:
        """Keep a point of the polytope as an optimum, unless its objective differs: then rounding has made it."""
        network, value = self._at(x)
        if abs(value - self.value) > ROUNDED * self.scale:
            return False
        if network.width < self.smallest.width:
            self.smallest, self.at = network, len(self.points)
        self.points.append(x)
        return True

    def second(self) -> tuple[TwoLayerReLU, float] | None:
        """The optimum farthest from the smallest one, if it differs by more than rounding can explain."""
        if len(self.points) < 2:
            return None
        c = np.array([x[: self.polytope.size] for x in self.points])
        apart = np.abs(c - c[self.at]).sum(axis=1)
        far = int(apart.argmax())
        return self._at(self.points[far]) if apart[far] > DIFFERENT * c[self.at].sum() else None

    def _at(self, x: Array) -> tuple[TwoLayerReLU, float]:
        network = network_of(self.problem, self.active.directions, self.active.signs, self.polytope, x, self.smallest)
        return network, objective(self.problem, network)

    def ranges(self) -> Array:
        """Least and largest coefficient met; NaN where nothing was met."""
        k = self.polytope.size
        if not self.points or k == 0:
            return np.full((k, 2), np.nan)
        c = np.array([x[:k] for x in self.points]).reshape(-1, k)
        return np.stack([c.min(axis=0), c.max(axis=0)], axis=1)
