"""What near-optimal networks have in common at every strength: ranges of <K, M> between the strengths where they were proven.

With the notation of :mod:`relucvx.certificate.kernels.kernel_range`, a triple (N, ε, β) proves P - ε <K, M> >= -loss*(-N) at β
where

    ||Nᵀ phi(Xu)||² + 2 ε β q(u) <= β²,   that is   ||(Nᵀ phi(Xu), ε q(u))|| <= β - ε q(u),   for all ||u|| <= 1.

The second form is a convex cone in (N, ε, β): mixtures and multiples of proven triples are proven. So two strengths prove
every one between them, and <K, M> <= (upper(β) + δ - V)/ε there, with a network's line for p*.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from relucvx.certificate.kernels.perturbed import Functional
from relucvx.certificate.path_band import Between, Envelope
from relucvx.program.duality import balance_dual, rounding_of_norm, scale_dual
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, EVALUATION
from relucvx.types import Array, Result


@dataclass(frozen=True, eq=False)
class Triple(Result):
    """A dual point that is feasible for certain at a strength with an ε: of a range, or of a certificate with ε = 0.

    Attributes
    ----------
    beta : float
    dual : ndarray, shape (n, c)
    epsilon : float

    Notes
    -----
    Status: a record (its maker states what it rests on). Source: [relucvx]
    """

    beta: float
    dual: Array
    epsilon: float


class EndBetween:
    """An upper bound on <K, M> for all networks within δ of p*, at strengths between those of proven triples.

    Parameters
    ----------
    problem : Problem
        Its strength plays no part.
    M : ndarray, shape (n, n)
    triples : list of Triple
        In increasing order of their strengths.
    known : Envelope
        Whose upper curve stands for p*.

    Notes
    -----
    Status: theorem (weak duality, a convex cone), every rounding bounded. Source: [relucvx]
    """

    def __init__(self, problem: Problem, M: Array, triples: list[Triple], known: Envelope) -> None:
        self.between, self.triples, self.known = Between(problem), triples, known
        self.betas = np.array([triple.beta for triple in triples])
        # the longest that (phi(x_i·u))_i can be, squared
        longest = float(self.between.reach @ self.between.reach) * (1.0 + 1e-9)
        found = Functional.of(M)
        size = np.abs(found.plus) @ np.abs(found.plus).T + np.abs(found.minus) @ np.abs(found.minus).T
        off = float(np.linalg.norm(M - (found.plus @ found.plus.T - found.minus @ found.minus.T)))
        total = float(np.linalg.norm(size) + np.linalg.norm(M))
        # what roundings of ε and of the factors of M move of ε q, for each unit of ε, twice: it stands on both sides
        # without a dual point: <K, M> <= λ_max tr K, and β/2 tr K is at most β/2 Σ ||w||² times the longest
        self.largest = max(float(np.linalg.eigvalsh(M)[-1]) + (len(M) + 32) * EPS * total, 0.0) * longest
        self.drift = 2.0 * longest * (off + (len(M) + 32) * EPS * total)

    def upper(self, beta: float, delta: float) -> float:
        """The least of the bounds by the neighbours' mixture, by each of them alone, and by the weights."""
        above = float(self.known.upper(np.array(beta))) + delta
        k = int(np.searchsorted(self.betas, beta, side="right"))
        left, right = self.triples[k - 1] if k else None, self.triples[k] if k < len(self.triples) else None
        bounds = [self.largest * 2.0 * above / beta * (1.0 + 16.0 * EPS)]
        bounds += [self._alone(one, beta, above) for one in (left, right) if one is not None]
        if left is not None and right is not None:
            bounds.append(self._mixed(left, right, beta, above))
        return min(bounds)

    def _alone(self, one: Triple, beta: float, above: float) -> float:
        return self._value(np.array(one.dual), np.abs(one.dual), one.epsilon, one.beta, beta, above)

    def _mixed(self, left: Triple, right: Triple, beta: float, above: float) -> float:
        t = (beta - left.beta) / (right.beta - left.beta)
        N, size = (1.0 - t) * left.dual + t * right.dual, np.abs(left.dual) + np.abs(right.dual)
        epsilon, norm = (1.0 - t) * left.epsilon + t * right.epsilon, (1.0 - t) * left.beta + t * right.beta
        return self._value(N, size, epsilon, norm, beta, above)

    def _value(self, N: Array, size: Array, epsilon: float, norm: float, beta: float, above: float) -> float:
        """The bound of a triple (N, ε, norm) that is feasible up to roundings of ``size``, scaled to beta."""
        if epsilon <= 0.0:
            return np.inf
        point = balance_dual(self.between.near, N)
        bound = norm * (1.0 + 8.0 * EPS) + self.between.moved(point, N, size) + epsilon * self.drift
        problem = self.between.at(beta)
        below = scale_dual(problem, point, bound)[1]
        below -= EVALUATION.value * below
        # the multiple that is feasible at beta; a shorter N, where scale_dual prefers one, leaves the constraint satisfied
        scale = beta / (bound * (1.0 + 8.0 * EPS) + rounding_of_norm(problem, point)) * (1.0 - 8.0 * EPS)
        value = (above * (1.0 + 4.0 * EPS) - below) / (epsilon * scale)
        return float(value + 8.0 * EPS * abs(value))
