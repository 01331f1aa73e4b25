"""One end of a range: a dual point of a perturbed problem, its proof."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.certificate.kernels.perturbed import Functional, Lasso, Perturbed
from relucvx.deadline import Deadline
from relucvx.network import TwoLayerReLU
from relucvx.oracle import dual_norm
from relucvx.oracle.branch_and_bound import MAX_DIMENSION
from relucvx.oracle.form import Form, form_of
from relucvx.oracle.signed import difference_of, signed_bound
from relucvx.program.duality import rounding_of_norm, scale_dual
from relucvx.program.objective import objectives_from_above, representation
from relucvx.program.problem import Problem
from relucvx.tolerances import EPS, EVALUATION
from relucvx.types import Array, Result, Scope

ROUNDED = 5e-13
"""At delta = 0 networks whose objective exceeds that of the solution by this share count as optimal as well: rounding."""

STRIDE = 5.0
"""Values of ε that are tried first are multiples of a guess by powers of this."""

COARSE, FINE = 12, 3
"""How many of them at most, and how often the stride around the best is halved."""

PROOFS = 4
"""Proofs of one end at most: directions that a search finds late enter the dual point."""

LOOSER = 30.0
"""By how much more a proof may add where one did not end."""

SHARE = 0.05
"""Share of the distance between a bound and what networks attain that a loose proof of the dual norm may add."""


@dataclass(frozen=True)
class KernelBound(Result):
    """One end: every network within delta has <K, M> at most (upper end) or at least (lower end) ``value``.

    Attributes
    ----------
    value : float
    epsilon : float
        The ε for which ``dual`` is feasible; 0 where ``value`` rests on the norm of the weights alone.
    dual : ndarray, shape (n, c)
        The dual point N.
    perturbed_lower : float
        V: at most P ∓ ε <K, M> for every network.
    norm : float
        Proven bound on the root of ||Nᵀ phi||² ± 2 ε β q before N and ε were scaled by beta/norm.
    method : str
        "branch_and_bound", ... (:func:`relucvx.oracle.dual_norm`), "difference" (branch-and-bound of a difference of
        squares), "semidefinite" (kernels are, and so is -M), or "weights": <K, M> <= λ_max(M) tr K with
        tr K <= max ||phi(Xw)||² Σ ||w_j||².
    scope : Scope
    cones : int

    Notes
    -----
    Status: a record of what :func:`kernel_range` proves. Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> end = rx.kernel_range(sol, np.eye(2), delta=0.1).proof_upper
    >>> print(end.epsilon > 0, end.dual.shape, end.scope.name)
    True (2, 1) ALL_PATTERNS
    """

    value: float
    epsilon: float
    dual: Array
    perturbed_lower: float
    norm: float
    method: str
    scope: Scope
    cones: int


@dataclass(frozen=True)
class RangeProgress:
    """Where the search for certified ends of a range stands.

    Attributes
    ----------
    end : int
        Which functional of the range is bounded, from 1.
    trials : int
        Dual points tried for it.
    bound : float
        The best upper bound proven on it so far.

    Notes
    -----
    Status: a record (what a callback is told). Source: [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> seen = []
    >>> found = rx.kernel_range(sol, np.eye(2), callback=seen.append)
    >>> sorted({state.end for state in seen})
    [1, 2]
    """

    end: int
    trials: int
    bound: float

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a bar shows: how many ends there are is seen on the way."""
        return f"end {self.end}, dual point {self.trials}, bound {self.bound:.6g}", None


def kernel_value(problem: Problem, network: TwoLayerReLU, M: Array) -> float:
    """<K, M> of a network of the rows, in its own scaling."""
    H = representation(problem, network)
    return float(np.einsum("im,ij,jm->", H, M, H, optimize=True))


class Seeker:
    """Bounds of functionals from above, for one problem and one delta."""

    def __init__(
        self,
        problem: Problem,
        network: TwoLayerReLU,
        objective: float,
        lower: float,
        delta: float,
        rng: np.random.Generator,
        told: Callable[[RangeProgress], Any] | None = None,
    ) -> None:
        self.told, self.ends, self.trials, self.stopped = told, 0, 0, False
        self.problem, self.network, self.objective, self.lower = problem, problem.balanced(network), objective, lower
        self.delta, self.rng = delta, rng
        self.excess = max(delta, ROUNDED * objective)
        self.uncertain = self.excess + max(objective - lower, 1e-14 * objective)
        self.networks: list[TwoLayerReLU] = [problem.balanced(network)]
        form = form_of(problem, problem.Y if problem.Y.any() else np.ones_like(problem.Y))
        self.reach = problem.activation.steepest * form.reach * (1.0 + 64 * EPS * len(form.X)) + _dropped(problem, form)
        # beta/2 Σ||w||² is at most the objective, as losses are not negative
        self.trace = 2.0 * self.reach**2 * (objective + self.excess) / problem.beta * (1.0 + 8 * EPS)

    def _keep(self, network: TwoLayerReLU) -> None:
        """A network that counts, or as much of it in a blend with the solution's as counts, for those to come."""
        above = objectives_from_above(self.problem, network)[0] - self.objective
        if above > self.excess:
            # P is convex along the blend, whose kernel is the blend of the kernels
            network = blended(self.problem, self.network, network, 0.999 * self.excess / above)
        if self.within(network):
            self.networks.append(network)

    def look(self, M: Array, epsilon: float, deadline: Deadline) -> None:
        """Search for the network that is best where a unit of <K, M> is worth ``epsilon``, and keep what of it counts."""
        found = Lasso(self.problem, Functional.of(M), self.network, self.rng).at(epsilon, deadline)
        if found is not None:
            self._keep(found.network)

    def within(self, network: TwoLayerReLU) -> bool:
        """Whether a network's objective, in its own scaling, is one that counts."""
        return objectives_from_above(self.problem, network)[0] <= self.objective + self.excess

    def _over(self, deadline: Deadline, bound: float) -> bool:
        """Whether time is over or somebody who is told how far it is asks to stop: what is proven by then counts."""
        self.trials += 1
        if not self.stopped and self.told is not None:
            self.stopped = bool(self.told(RangeProgress(self.ends, self.trials, bound)))
        return self.stopped or deadline.passed()

    def end(self, functional: Functional, deadline: Deadline, rough: bool = False) -> KernelBound:
        """An upper bound on <K, M>, the best of a few ε; of two where a rough one will do."""
        largest = float(np.linalg.eigvalsh(functional.matrix)[-1]) + 8 * EPS * len(functional.matrix) * float(
            np.linalg.norm(functional.matrix)
        )
        best = KernelBound(
            max(largest, 0.0) * self.trace * (1.0 + 8 * EPS), 0.0, np.zeros_like(self.problem.Y), 0.0, 0.0, "weights",
            Scope.RELAXED, 0,
        )  # fmt: skip
        self.ends, self.trials = self.ends + 1, 0
        if not functional.plus.size:  # kernels are positive semidefinite
            best = dataclasses.replace(best, method="semidefinite", scope=Scope.ALL_PATTERNS)
        if (best.value == 0.0 and not functional.minus.size) or self.reach == 0.0:
            return best
        lasso = Lasso(self.problem, functional, self.network, self.rng)
        found = self._search(lasso, deadline.share(0.5), rough, best.value)
        loosened = 1.0
        for turn in range(PROOFS):
            if found is None or self._over(deadline, best.value):
                break
            bound, witness = self._prove(lasso, found, deadline.share(0.4), turn < PROOFS - 1, loosened)
            if bound is not None and bound.value < best.value:
                best = bound
            if witness is None:
                # a proof that does not end where the constraint is flat does so a little above it
                if bound is None or bound.scope is Scope.ALL_PATTERNS:
                    break
                loosened *= LOOSER
                continue
            lasso.enter(witness[None], found.N)
            found = lasso.at(found.epsilon, deadline.share(0.5))
        return best

    def _search(self, lasso: Lasso, deadline: Deadline, rough: bool, known: float) -> Perturbed | None:
        """The dual point whose ε promises the best bound, as far as local search can tell."""
        tried: dict[float, tuple[float, Perturbed | None]] = {}

        def promise(log: float) -> float:
            if log not in tried:
                found = lasso.at(math.exp(log), deadline, max(1e-13, SHARE * self.uncertain / self.objective))
                tried[log] = (self._estimate(found), found)
                if found is not None:
                    self._keep(found.network)
            return tried[log][0]

        # the bound is quasi-convex in ε: (p* + δ - V(ε))/ε with a concave V; first both sides of the least, then between
        at, step = math.log(self._guess(lasso)), math.log(STRIDE)
        promise(at)
        for _ in range(1 if rough else COARSE):
            best = min(tried, key=lambda log: tried[log][0])
            ends = [log for log in (best - step, best + step) if not any(abs(log - other) < 1e-9 for other in tried)]
            if not ends or self._over(deadline, known):
                break
            # where ε is too large for a direction there is no bound at all: smaller ones, then
            promise(ends[-1] if math.isfinite(tried[best][0]) else min(tried) - step)
        for _ in range(0 if rough else FINE):
            if self._over(deadline, known):
                break
            step *= 0.5
            best = min(tried, key=lambda log: tried[log][0])
            promise(best - step)
            if tried[best][0] < tried[best - step][0]:
                promise(best + step)
        return min(tried.values(), key=lambda pair: pair[0])[1]

    def _guess(self, lasso: Lasso) -> float:
        """An ε of the right order: a bound is off by about the root of what is uncertain, relative to the objective."""
        functional = lasso.functional
        both = functional.plus @ functional.plus.T + functional.minus @ functional.minus.T
        size = max(kernel_value(self.problem, self.network, both), 1e-9 * float(np.linalg.norm(both, 2)) * self.trace)
        largest = self.problem.beta / (float(np.linalg.norm(both, 2)) * self.reach**2)
        return min(math.sqrt(self.uncertain * self.objective) / size, largest)

    def _estimate(self, found: Perturbed | None) -> float:
        """The bound if nothing is violated more than search found."""
        if found is None:
            return math.inf
        norm = self.problem.beta * math.sqrt(max(found.top, 1e-4)) + 3.0 * found.rounding
        return self._value(found.N, found.epsilon, norm)[0]

    def _value(self, N: Array, epsilon: float, norm: float) -> tuple[float, float, float, Array]:
        """Bound on <K, εM>/ε, the ε that is left, V and the scaled dual point, from a bound on the norm at (N, ε)."""
        beta = self.problem.beta
        scaled, below = scale_dual(self.problem, N, norm)
        below -= EVALUATION.value * below
        # the scale that the norm allows, as scale_dual has it; a shorter N leaves the constraint satisfied
        scale = beta / (norm * (1.0 + 8.0 * EPS) + rounding_of_norm(self.problem, N))
        left = epsilon * scale * scale * (1.0 - 8.0 * EPS)
        above = (self.objective + self.excess) * (1.0 + 4.0 * EPS)
        value = float((above - below) / left)
        return value + 8.0 * EPS * abs(value), float(left), float(below), scaled

    def _prove(
        self, lasso: Lasso, found: Perturbed, deadline: Deadline, stop: bool, loosened: float
    ) -> tuple[KernelBound | None, Array | None]:
        """A proven bound at a dual point; and a direction that violates it, where one was found."""
        problem, beta = self.problem, self.problem.beta
        A, C = lasso.columns(found.N, found.epsilon)
        # scaling by 1 + t costs about t times the objective
        promised = self._estimate(found)
        reached = max(kernel_value(problem, one, lasso.functional.matrix) for one in self.networks)
        spare = max(promised - reached, 1e-4 * (abs(promised) + abs(reached))) * loosened
        slack = min(max(SHARE * spare * found.epsilon / self.objective, 1e-13), 1e-3)
        target = beta * (1.0 + slack)
        # and what rounding adds cannot be asked away
        target = max(target, beta * math.sqrt(max(found.top, 0.0)) + 2.0 * found.rounding)
        stop_above = target + 0.5 * slack * beta if stop else np.inf
        if not C.shape[1]:
            bound = dual_norm(
                problem, A, target=target, stop_above=stop_above, starts=found.directions, time_limit=deadline,
                rng=self.rng,
            )  # fmt: skip
            norm, method, scope, cones, witness = bound.upper, bound.method, bound.scope, bound.cones, bound.witness
            violated = bound.outcome == "violated"
        else:
            h = difference_of(problem, A, C)
            if h.more.X.shape[1] > MAX_DIMENSION:
                return None, None
            starts = np.array([h.more.to_reduced(u) for u in found.directions]).reshape(-1, h.more.X.shape[1])
            signed = signed_bound(h, target=target**2, starts=starts, stop_above=stop_above**2, deadline=deadline)
            norm, method, cones, witness = (
                math.sqrt(signed.upper) * (1.0 + EPS),
                "difference",
                signed.cones,
                signed.witness,
            )
            violated = signed.outcome == "violated"
            scope = Scope.ALL_PATTERNS if signed.outcome == "proved" else Scope.RELAXED
        if norm <= 0.0:
            norm = 1e-3 * beta
        value, epsilon, lowest, dual = self._value(found.N, found.epsilon, norm)
        value += self._misfit(lasso.functional, A[:, found.N.shape[1] :], C, found.epsilon)
        made = KernelBound(value, epsilon, dual, lowest, norm, method, scope, cones)
        return made, (witness if violated else None)

    def _misfit(self, functional: Functional, A: Array, C: Array, epsilon: float) -> float:
        """At most <K, R> for what the columns miss of M: R = M - (AAᵀ - CCᵀ)/(2 ε β)."""
        unit = 2.0 * epsilon * self.problem.beta
        R = functional.matrix - (A @ A.T - C @ C.T) / unit
        terms = A.shape[1] + C.shape[1] + 8
        size = float(np.linalg.norm(np.abs(A) @ np.abs(A.T) + np.abs(C) @ np.abs(C.T))) / unit
        return float(np.linalg.norm(R) + terms * EPS * (size + np.linalg.norm(functional.matrix))) * self.trace


def blended(problem: Problem, one: TwoLayerReLU, two: TwoLayerReLU, share: float) -> TwoLayerReLU:
    """The network of both, the second with this share: fit and kernel are the averages, and the objective at most theirs."""
    parts = [(problem.neurons(net), weight) for net, weight in ((one, 1.0 - share), (two, share))]
    W = np.concatenate([math.sqrt(weight) * neurons[0] for neurons, weight in parts])
    V = np.concatenate([math.sqrt(weight) * neurons[1] for neurons, weight in parts])
    return problem.network(W, V, sum((weight * neurons[2] for neurons, weight in parts), np.zeros(problem.n_outputs)))


def _dropped(problem: Problem, form: Form) -> float:
    """How much longer phi(Xw) may be for what the reduced coordinates drop of X."""
    lost = problem.inputs - problem.inputs @ form.basis @ form.basis.T
    return (
        problem.activation.steepest
        * float(np.linalg.norm(problem.per_sample(np.linalg.norm(lost, axis=1))))
        * (1.0 + 1e-9)
    )
