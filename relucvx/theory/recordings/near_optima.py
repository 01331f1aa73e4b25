"""Ratios of hidden kernels over all networks near the optimum: certified ends by lifted programs, attained ones by search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import nnls

from relucvx.certificate.kernels.kernel_bound import Seeker, blended
from relucvx.certificate.kernels.kernel_cut import Furthest, KernelProgram
from relucvx.certificate.kernels.kernel_statistics import Interval
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.program.objective import representation
from relucvx.solution import Solution
from relucvx.tolerances import EPS
from relucvx.types import Array

SHARES = (1.0, 0.4, 2.5)
"""Prices on a kernel that search tries, as multiples of the one of the proof: at a flat end the networks are on both sides."""

SEARCH, MOST_SEARCH = 0.1, 0.6
"""Share of the time that is left which search may take for one end, and seconds at most."""

LIGHT = 1e-9
"""Networks of a smaller weight in a blend are left out of it."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The kernel of a network near the optimum that is most like a given one: as cosine of (centred) kernels.

    Attributes
    ----------
    network : TwoLayerReLU
    kernel : ndarray, shape (n, n)
    attained : float
    upper : float
        Of every network near the optimum.
    """

    network: TwoLayerReLU
    kernel: Array
    attained: float
    upper: float


class NearOptima:
    """All networks of any width with P <= p* + delta, for one problem with the squared loss."""

    def __init__(self, solution: Solution, delta: float, program: KernelProgram, deadline: Deadline, seed: int) -> None:
        certificate = solution.certificate
        self.problem, self.program, self.deadline = solution.problem, program, deadline
        self.seeker = Seeker(
            solution.problem, solution.inner, certificate.upper_balanced, certificate.lower, delta,
            np.random.default_rng(seed),
        )  # fmt: skip
        # the optimum is at most the solution's objective
        self.ceiling = (self.seeker.objective + self.seeker.excess) * (1.0 + 4.0 * EPS)
        n = self.problem.n_samples
        self.centring = np.eye(n) - np.full((n, n), 1.0 / n)

    def kernels(self) -> Array:
        """Kernels (k, n, n) of the networks found so far, that of the solution first."""
        H = [representation(self.problem, net) for net in self.seeker.networks]
        return np.array([one @ one.T for one in H])

    def least(self, B: Array) -> float:
        """A lower bound on <K, B> for B positive semidefinite."""
        found = self.program.furthest(-B, self.ceiling, self.deadline)
        return 0.0 if found is None else max(-found.bound(), 0.0)

    @cached_property
    def least_trace(self) -> float:
        """Of the centred kernel."""
        return self.least(self.centring)

    def quotient(self, A: Array, B: Array, least: float | None = None) -> Interval:
        """Of <K, A>/<K, B>, B positive semidefinite with <K, B> >= ``least``."""
        least = self.least(B) if least is None else least
        ends = []
        for sign in (-1.0, 1.0):
            found = self.program.furthest(sign * A, self.ceiling, self.deadline, B=B) if least > 0.0 else None
            ends.append(math.inf if found is None else found.bound(least))
            self._look(found)
        K = self.kernels()
        top, bottom = np.sum(K * A, axis=(1, 2)), np.sum(K * B, axis=(1, 2))
        values = np.divide(top, bottom, out=np.full(len(K), np.nan), where=bottom > 0.0)
        return Interval(-ends[0], ends[1], 0.0, 0.0).with_values(values)

    def participation(self) -> Interval:
        """Of (tr K)²/tr K², centred; from below it is 1."""
        n = self.problem.n_samples
        basis = np.linalg.svd(np.ones((1, n)))[2][1:].T
        end = self._most_like(self.centring, basis)
        K = self.centring @ self.kernels() @ self.centring
        squares = np.sum(K * K, axis=(1, 2))
        values = np.divide(
            np.trace(K, axis1=1, axis2=2) ** 2, squares, out=np.full(len(K), np.nan), where=squares > 0.0
        )
        return Interval(1.0, min(end**2, n - 1.0), 0.0, 0.0).with_values(values)

    def nearest(self, K: Array, basis: Array) -> Nearest:
        """The kernel most like K: seen through UᵀKU, U = ``basis``, whatever its scale."""
        inside = basis.T @ K @ basis
        A = basis @ (inside / np.linalg.norm(inside)) @ basis.T
        upper = min(self._most_like(A, basis), 1.0)
        network = self._blend(A, basis)
        H = representation(self.problem, network)
        kernel = H @ H.T
        seen = basis.T @ kernel @ basis
        size = float(np.linalg.norm(seen))
        attained = float(np.sum(A * kernel)) / size if size > 0.0 else math.nan
        return Nearest(network, kernel, attained, upper)

    def _most_like(self, A: Array, basis: Array) -> float:
        """An upper bound on <K, A>/||UᵀKU||."""
        least = self.least_trace / math.sqrt(max(len(A) - 1, 1))
        found = self.program.furthest(A, self.ceiling, self.deadline, basis=basis) if least > 0.0 else None
        self._look(found)
        return math.inf if found is None else found.bound(least)

    def _look(self, found: Furthest | None) -> None:
        """Search for networks that are about as far as a proof says they can be."""
        if found is None or self.deadline.passed():
            return
        left = Deadline.of(max(min(self.deadline.share(SEARCH).left(), MOST_SEARCH), 1e-3))
        for share in SHARES:
            if left.passed():
                break
            self.seeker.look(found.matrix, share * found.epsilon, left)

    def _blend(self, A: Array, basis: Array) -> TwoLayerReLU:
        """The blend of networks found whose kernel is most like A: P is convex along it, and kernels add."""
        seen = basis.T @ self.kernels() @ basis
        inside = basis.T @ A @ basis
        # the nearest point of the cone that they span has the largest cosine
        sizes = np.maximum(np.linalg.norm(seen, axis=(1, 2)), 1e-300)
        weights = nnls((seen / sizes[:, None, None]).reshape(len(seen), -1).T, inside.ravel())[0] / sizes
        if not weights.any():
            return self.seeker.networks[0]
        total, network = 0.0, self.seeker.networks[int(np.argmax(weights))]
        for one, weight in zip(self.seeker.networks, weights / weights.sum(), strict=True):
            if weight <= LIGHT:
                continue
            network = one if total == 0.0 else blended(self.problem, network, one, weight / (total + weight))
            total += weight
        return network


def values_of(kernels: Array, A: Array, B: Array) -> Any:
    """<K, A>/<K, B> of kernels (..., n, n); NaN where the denominator is not positive."""
    top, bottom = np.sum(kernels * A, axis=(-2, -1)), np.sum(kernels * B, axis=(-2, -1))
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0.0)
