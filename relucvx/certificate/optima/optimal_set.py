"""All optima of a solved problem, and whether there is more than one.

For a fixed optimal dual point N*, a network is optimal iff its neurons are active (|N*·phi(Xw)| = beta for unit w, output of
the sign of N*·phi(Xw)) and its fit satisfies -∇loss(F) = N*. Where the loss is strictly convex that fixes F, and the optima
are {c >= 0 : Σ c_k s_k phi(X w_k) (+ output bias) = F*}: a polytope over the active directions. Of bags phi(X w_k) is what the
samples read of their rows; networks are those of the rows here, and :func:`relucvx.optimal_set` states them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from relucvx.certificate.certificate import Certificate, prove_again
from relucvx.certificate.optima.active_directions import ActiveSet, find_active
from relucvx.certificate.optima.active_vectors import find_active_vectors, fit_is_fixed, vector_polytope
from relucvx.certificate.optima.continuum import Continuum
from relucvx.certificate.optima.optima import Optima, network_of, with_bias
from relucvx.certificate.optima.polytope import FITS, Polytope
from relucvx.certificate.optima.staircase import Staircase, fit_error, staircase_of, width_lower
from relucvx.certificate.optima.verdict import INDEPENDENT, Evidence, Uniqueness
from relucvx.deadline import Deadline, Limit
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network import PooledReLU, TwoLayerReLU
from relucvx.program.objective import fit, objective
from relucvx.program.problem import Problem
from relucvx.threads import one_thread_if_small
from relucvx.types import Array, BoolArray, Result, Rng, resolve_rng

figures = later("relucvx.metrics.figures")

MAX_REL_GAP = 1e-3
"""Beyond this relative gap the network's neurons say nothing about the optimum's."""

PROOF_SHARE = 0.8
"""Share of the time for the directions; the rest is for the optima over them."""

WITHIN = 1e-4
"""Largest misfit, relative to the fit, that the distance to the optimum may excuse."""


@dataclass(frozen=True)
class OptimaProgress:
    """Where the search for all optima stands.

    Attributes
    ----------
    phase : str
        What was done last: "optimum proven", "active directions", "optima" (after each vertex), or "widths" before them.
    count : int
        Directions, or optima, found so far.

    Notes
    -----
    Status: a record (what a callback is told). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> seen = []
    >>> found = rx.optimal_set(rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5), callback=seen.append)
    >>> [(state.phase, state.count) for state in seen]
    [('optimum proven', 1), ('active directions', 1), ('widths', 1)]
    """

    phase: str
    count: int

    def bar(self, tol: float) -> tuple[str, float | None]:
        """What a bar shows: how much there is to find is not known before."""
        return f"{self.phase} ({self.count})", None


@dataclass(frozen=True, repr=False)
class OptimalSet(Result):
    """The optima of a problem.

    Attributes
    ----------
    verdict : Uniqueness
    reason : str
        What the verdict rests on, or what is missing.
    fit : ndarray, shape (n, c)
        Optimal fit F* on the samples.
    fit_unique : bool
        Whether every optimum has this fit: for strictly convex losses always, else where the dual point fixes it.
    directions : ndarray, shape (k, D)
        Active directions in augmented coordinates [w, b], of unit norm in the penalised ones.
    signs : ndarray, shape (k,) or (k, K c)
        Sign of the output weight on each; for several outputs or read-outs the unit output vector.
    coefficients : ndarray, shape (k,)
        One solution c of F* = Σ c_k s_k phi(X w_k) (+ output bias); c_k is the neuron's ||w||·||v||.
    coefficient_range : ndarray, shape (k, 2)
        Least and largest value of each coefficient over the polytope.
    complete : bool
        Whether it is proven that no other direction can be active.
    within : ndarray, shape (k,)
        How far the direction (of unit norm) and the unit output vector of an optimum may be from each of ``directions``; NaN
        where that is not known.
    continua : tuple of Continuum
        Several outputs: families of active directions that were met, as far as they could be followed (heuristic).
    separation : float
        Relative distance from beta below which |N·phi(Xw)| stays everywhere else.
    singular_value : float
        Smallest singular value of the normalised atoms (1 where there is none).
    network : TwoLayerReLU, or PooledReLU for bags of rows
        The optimum with the fewest neurons found.
    second : TwoLayerReLU, PooledReLU or None
        Another optimum that is not a reordering or rescaling of ``network``, when the verdict is NOT_UNIQUE.
    objective, second_objective : float
        Objectives of the two (NaN where there is none).
    width, width_lower : int
        Fewest neurons found; no optimum has fewer than ``width_lower``.
    staircase : Staircase or None
        Fewest and most neurons of irreducible optima, and what the optima of each width look like; None where the active
        directions or the fit are not known completely.
    problem : Problem
    polytope : Polytope
    seconds : float

    Notes
    -----
    Status: a record of what :func:`optimal_set` finds, which states what it rests on. Source: [mishkin-pilanci-2023].

    Examples
    --------
    >>> import relucvx as rx
    >>> data = rx.datasets.factorial(d_Y=1)  # X X^T = I, targets ±1
    >>> found = rx.optimal_set(rx.solve(data.X, data.Y, beta=0.2))
    >>> found.verdict.name, found.width, found.directions.shape, found.complete
    ('UNIQUE', 2, (2, 2), True)
    """

    verdict: Uniqueness
    reason: str
    fit: Array
    fit_unique: bool
    directions: Array
    signs: Array
    coefficients: Array
    coefficient_range: Array
    complete: bool
    within: Array
    continua: tuple[Continuum, ...]
    separation: float
    singular_value: float
    network: TwoLayerReLU | PooledReLU
    second: TwoLayerReLU | PooledReLU | None
    objective: float
    second_objective: float
    width: int
    width_lower: int
    staircase: Staircase | None
    problem: Problem
    polytope: Polytope
    seconds: float

    def facts(self) -> dict[str, Any]:
        """The verdict and what it rests on, and how large optima are."""
        names = ("verdict", "reason", "width", "width_lower", "objective", "second_objective", "fit_unique", "complete")
        facts = {name: getattr(self, name) for name in names}
        more = ("separation", "singular_value", "staircase", "seconds")
        return {**facts, "directions": len(self.directions), **{name: getattr(self, name) for name in more}}

    def records(self) -> Iterable[dict[str, Any]]:
        """One row for each active direction: its coefficient, and the least and the largest over all optima."""
        for k, ((least, most), c) in enumerate(zip(self.coefficient_range, self.coefficients, strict=True)):
            yield {
                "direction": k, "coefficient": float(c), "least": float(least), "most": float(most),
                "within": float(self.within[k]), **{f"w{i}": float(w) for i, w in enumerate(self.directions[k])},
            }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw the range of each coefficient over all optima, and its value in the one found; returns the axes."""
        least, most = self.coefficient_range.T
        names, label = range(len(self.directions)), "coefficient ||w||·||v|| of each active direction"
        return figures.intervals(ax, names, least, most, label, {"one optimum": self.coefficients})

    def __repr__(self) -> str:
        return (
            f"OptimalSet({self.verdict.name}, directions={len(self.directions)}, complete={self.complete}, "
            f"width={self.width} (at least {self.width_lower}), singular_value={self.singular_value:.2g})"
        )

    def __str__(self) -> str:
        return f"{self.verdict.name}: {self.verdict.help}\n{self.reason}\n{self!r}"

    def vertex(self, cost: Array) -> TwoLayerReLU | PooledReLU:
        """The optimum that minimises Σ cost_k c_k, cost of shape (k,): vertices of the polytope, one by one.

        Raises
        ------
        InvalidInputError
            For a cost of another shape, or one without a minimum that float64 can represent.

        Notes
        -----
        Status: certified numerically. Source: [mishkin-pilanci-2023]
        """
        cost = np.asarray(cost, dtype=float)
        if cost.shape != self.coefficients.shape:
            raise InvalidInputError(
                explain(f"one cost per active direction, shape {self.coefficients.shape}", f"shape {cost.shape}")
            )
        x = self.polytope.vertex(cost, with_bias(self.polytope, self.coefficients))
        if x is None:
            raise InvalidInputError(
                explain("a cost with a minimum over the polytope", "none found", "an ill-conditioned set of atoms")
            )
        like = self.problem.inner(self.network)
        return self.problem.stated(network_of(self.problem, self.directions, self.signs, self.polytope, x, like))


@one_thread_if_small
def optimal_set_of(
    problem: Problem,
    network: TwoLayerReLU,
    certificate: Certificate,
    *,
    time_limit: Limit = 30.0,
    rng: Rng = 0,
    told: Callable[[OptimaProgress], Any] | None = None,
) -> OptimalSet:
    """All optima of a problem, from a certified near-optimal network; see :func:`relucvx.optimal_set`.

    Raises
    ------
    InvalidInputError
        When the certificate's relative gap exceeds 1e-3.

    Notes
    -----
    Status: as :func:`optimal_set` says. Source: [mishkin-pilanci-2023].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate import optimal_set_of
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> optimal_set_of(sol.problem, sol.network, sol.certificate).verdict.name
    'UNIQUE'
    """
    began = time.perf_counter()
    # of its own: whoever is told how far it is may end it, and not its caller's
    deadline = Deadline.of(time_limit).within(np.inf)

    def tell(phase: str, count: int) -> None:
        if told is not None and told(OptimaProgress(phase, count)):
            deadline.at = began

    certificate = prove_again(problem, network, certificate, deadline.share(PROOF_SHARE))
    tell("optimum proven", 1)
    _check(problem, certificate)
    generator = resolve_rng(rng)
    # where the optimal dual point is: what can be active, and which fits are optimal, follows from it
    delta = dual_error(problem, certificate.gap)
    N = certificate.dual
    several = problem.n_weights_out > 1
    find = find_active_vectors if several else find_active
    active = find(problem, N, network, delta, generator, deadline.share(PROOF_SHARE))
    tell("active directions", len(active.directions))
    F = fit(problem, network)
    make = vector_polytope if several else _polytope
    polytope = make(problem, N, F, active, delta or 0.0, network)
    x = polytope.point()
    values = polytope.singular_values()
    least = float(values.min(initial=1.0)) if len(values) else 1.0
    # the optimal fit is within delta of the given one; from here on the rebuilt network's own fit is kept
    reproduced = polytope.misfit(x) <= max(FITS, min(WITHIN, (delta or 0.0) / polytope.scale))
    given = polytope.fit
    if reproduced:
        polytope = polytope.through(x)
    found = Optima(problem, active, polytope, network, x if reproduced else None, objective(problem, network))
    # independent atoms have one solution; otherwise other vertices are looked at
    if reproduced and least < INDEPENDENT:
        found.explore(generator, deadline, partial(tell, "optima"))
    fixed_fit = fit_is_fixed(problem, N, delta) if several else bool(polytope.fixed.all())
    evidence = Evidence(problem, certificate, active, polytope, least, found, delta, fixed_fit)
    verdict, reason = evidence.decide()
    second = found.second() if verdict is Uniqueness.NOT_UNIQUE else None
    error = fit_error(problem, N, F, delta, problem.neurons(network)[2])
    error = None if error is None else error + float(np.linalg.norm(polytope.fit - given))
    tell("widths", len(found.points))
    stairs, lower = _widths(evidence, width_lower(problem, F, found, fixed_fit), error, verdict, deadline)
    return OptimalSet(
        verdict=verdict, reason=reason, fit=F, fit_unique=fixed_fit or verdict is Uniqueness.UNIQUE,
        directions=active.directions, signs=active.signs, coefficients=x[: polytope.size], coefficient_range=found.ranges(),
        complete=active.complete, within=active.distances(), continua=active.continua, separation=active.separation,
        singular_value=least,
        network=problem.stated(found.smallest), second=problem.stated(second[0]) if second else None,
        staircase=stairs, objective=objective(problem, found.smallest),
        second_objective=second[1] if second else float("nan"),
        width=found.smallest.width, width_lower=lower,
        problem=problem, polytope=polytope, seconds=time.perf_counter() - began,
    )  # fmt: skip


def _check(problem: Problem, certificate: Certificate) -> None:
    if not certificate.rel_gap <= MAX_REL_GAP:
        raise InvalidInputError(
            explain(
                f"a solution proven to a relative gap of at most {MAX_REL_GAP:g}",
                f"rel_gap {certificate.rel_gap:.2g}",
                "the solver was stopped early, or the problem is too large to certify",
                "relucvx.solve(solution.problem, tol=1e-10, start=solution) without a time limit"
                if certificate.tolerances.get("tol", 1.0) > 1e-10
                else "fewer samples or features, or a larger beta: this tolerance was asked for already",
            )
        )


def _widths(
    evidence: Evidence, lower: int, error: float | None, verdict: Uniqueness, deadline: Deadline
) -> tuple[Staircase | None, int]:
    """The staircase where it is known, and fewest neurons of any optimum."""
    found, total = evidence.found, evidence.certificate.upper / evidence.problem.beta
    if verdict is Uniqueness.UNIQUE:
        lower = max(lower, evidence.needed(error, total))
    lower = min(lower, found.smallest.width)
    # of a rough solution candidates are known that may not be active
    if not (evidence.sharp and evidence.fixed_fit):
        return None, lower
    stairs = staircase_of(found, lower, error, total, deadline)
    return stairs, lower if stairs is None else stairs.least_lower


def dual_error(problem: Problem, gap: float) -> float | None:
    """Largest ||N - N*|| for a feasible dual point whose gap is known; None where the dual is not strongly concave.

    Where the loss has curvature at most L, the dual function has curvature at least 1/(L w), w the largest sample weight, and
    N* maximises it over a convex set.
    """
    steepest = problem.loss.gradient_lipschitz
    if not np.isfinite(steepest):
        return None
    return float(np.sqrt(2.0 * max(gap, 0.0) * problem.sample_weight.max() * steepest))


def _polytope(problem: Problem, N: Array, F: Array, active: ActiveSet, delta: float, network: TwoLayerReLU) -> Polytope:
    """Which coefficients are optimal: rows where N is inside its box fix the fit, the others bound it from one side."""
    # -N* is a slope of the loss at the fit: strictly inside its box it names the fit, at an end only a side of it
    lo, hi = (b[:, 0] for b in problem.loss.dual_bounds(problem.Y, problem.sample_weight))
    n, used = N[:, 0], problem.sample_weight > 0
    margin = delta + 1e-9 * problem.sample_weight
    at_low, at_high = (n <= lo + margin) & used, (n >= hi - margin) & used
    fixed: BoolArray = used & ~at_low & ~at_high
    if problem.loss.strictly_convex:
        fixed = used
    ends = problem.loss.dual_gradient(np.clip(N, lo[:, None], hi[:, None]), problem.Y, problem.sample_weight)[:, 0]
    low, high = np.where(at_low & ~fixed, ends, -np.inf), np.where(at_high & ~fixed, ends, np.inf)
    shift = float(problem.neurons(network)[2][0]) if problem.bias.decays_output else 0.0
    hidden = problem.pool(problem.activation(problem.inputs @ active.directions.T))[:, 0]
    slack = 1e-9 * max(float(np.abs(F).max()), 1.0)
    # the network's own fit lies inside, whatever the rounding of the ends
    return Polytope(
        np.ascontiguousarray(hidden * active.signs), F[:, 0] - shift, fixed,
        np.minimum(low - shift, F[:, 0] - shift) - slack, np.maximum(high - shift, F[:, 0] - shift) + slack,
        problem.bias.is_free,
    )  # fmt: skip
