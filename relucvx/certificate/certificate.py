"""What is proven about a network, recomputed from the problem, the network, a dual point and the oracle.

Nothing a solver says is believed: the objective is evaluated afresh, the dual norm is bounded afresh, and the dual point is
scaled until it is feasible for certain. The solver package is never imported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from relucvx.arrangement import Arrangement
from relucvx.certificate.dual_points.dual_choice import choose_dual
from relucvx.certificate.dual_points.refined import refinable, refined_proof
from relucvx.certificate.proof import Proof, prove_dual
from relucvx.conversion import is_word
from relucvx.deadline import Deadline, Limit
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.network import TwoLayerReLU
from relucvx.oracle.dual_norm_bound import MAX_CONES, Method
from relucvx.oracle.enumeration import bound_patterns
from relucvx.oracle.form import form_of_rows, sizes_of_rows
from relucvx.oracle.lift import lift_dual, unlifted
from relucvx.program.duality import balance_dual, gap, norm_that_proves, residual, scale_dual
from relucvx.program.model import check_same_inputs
from relucvx.program.objective import balanced_objective, check_network, fit, objectives_from_above, stationarity
from relucvx.program.presolve import centred, presolve
from relucvx.program.problem import Problem
from relucvx.threads import one_thread_if_small
from relucvx.tolerances import EVALUATION, PATTERN, SOLVE
from relucvx.types import Array, Result, Scope
from relucvx.validation import as_matrix

figures = later("relucvx.metrics.figures")
log = logging.getLogger(__name__)

UNPROVEN = "as stored in a file, not proven again: relucvx.certify(solution, X, Y, beta, dual=solution.dual)"
"""Said of every certificate that was read and not computed."""
CHOICE_SHARE = 0.4
"""Share of the time that the choice of a dual point may take, where none is given."""

FIRST_SHARE = 0.4
"""Share of the time that the proof at the chosen dual point may take, before points that are easier to prove are tried."""

SAME_RAY = 1e-14
"""1 - cosine up to which two dual points are one, up to a factor: they differ by a part in ten million."""

MOST_STARTS = 500
"""Neurons of the network that the search for a larger value starts from, at most."""


@dataclass(frozen=True, repr=False)
class Certificate(Result):
    """Proof of how far a network is from the global optimum p*: ``lower <= p* <= upper``.

    Attributes
    ----------
    upper : float
        Objective of the network as given, in its own scaling, with the rounding of its evaluation added.
    lower : float
        Lower bound on p*, valid in float64 whatever the scope.
    gap, rel_gap : float
        ``upper - lower`` and ``gap / upper``: relative to the objective itself, and 0 only where the bounds are equal.
    scope : Scope
        Over which patterns the dual norm was bounded: GIVEN_PATTERNS where incomplete ones were given, though ``lower`` is
        then bounded over all patterns as well.
    method : str
        How: "enumeration", "branch_and_bound", "semidefinite" or "spectral".
    dual_norm : float
        Certified upper bound on D(N) for the dual point before scaling. Above beta the point is scaled down by what it
        exceeds, which costs some of ``lower`` and none of its validity.
    dual_norm_reached : float
        Value of D(N) that a direction attains; above beta it shows that a neuron is missing or misplaced.
    upper_balanced : float
        Objective after rescaling every neuron for free (same function, ||w_j|| = ||v_j||).
    restricted_lower : float or None
        Lower bound for the program over the given patterns only, when incomplete patterns were given; None without them
        and for several outputs.
    stationarity : float
        Relative gradient of the network's own objective: 0 at stationary points.
    beta : float
    dual : ndarray, shape (n, c)
        The feasible dual point that attains ``lower``.
    tolerances : dict
        Name and value of each tolerance that entered.
    cones : int
        Cells or cones the oracle examined.
    seconds : float
    proven : bool
        False for a certificate that was read from a file: its lower bound is a claim until :func:`prove_again`.

    Notes
    -----
    Status: theorem (weak duality), in float64 with explicit allowances for rounding.
    Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0]
    >>> proof = rx.solve(X, y, beta=1.0).certificate
    >>> print(proof.lower <= 1.8 <= proof.upper, proof.rel_gap < 1e-6, proof.proven)
    True True True
    >>> round(proof.dual_norm, 4), proof.beta  # the dual point is feasible
    (1.0, 1.0)
    """

    upper: float
    lower: float
    gap: float
    rel_gap: float
    scope: Scope
    method: str
    dual_norm: float
    dual_norm_reached: float
    upper_balanced: float
    restricted_lower: float | None
    stationarity: float
    beta: float
    dual: Array
    tolerances: dict[str, float]
    cones: int
    seconds: float
    proven: bool = True

    def facts(self) -> dict[str, Any]:
        """The bounds, and what the lower one rests on."""
        restricted = {} if self.restricted_lower is None else {"restricted_lower": self.restricted_lower}
        return {
            "lower": self.lower, "upper": self.upper, "gap": self.gap, "rel_gap": self.rel_gap, "scope": self.scope,
            "method": self.method, "dual_norm": self.dual_norm, "beta": self.beta, "upper_balanced": self.upper_balanced,
            **restricted, "stationarity": self.stationarity, "cones": self.cones, "seconds": self.seconds,
            "proven": self.proven if self.proven else UNPROVEN,
        }  # fmt: skip

    def plot(self, ax: Any = None) -> Any:
        """Draw the interval that p* is in, with the network's objective after rescaling its neurons; returns the axes."""
        marks = {"rescaled": [self.upper_balanced]}
        return figures.intervals(ax, ["p*"], [self.lower], [self.upper], "objective", marks)

    def __repr__(self) -> str:
        return (
            f"Certificate(lower={self.lower:.10g}, upper={self.upper:.10g}, rel_gap={self.rel_gap:.2g}, "
            f"scope={self.scope.name}, method={self.method!r})"
        )

    def __str__(self) -> str:
        lines = [
            f"{self.lower:.10g} <= p* <= {self.upper:.10g}   (relative gap {self.rel_gap:.2g})",
            f"scope {self.scope.name}: {self.scope.help}",
            f"dual norm <= {self.dual_norm:.10g} by {self.method}, beta = {self.beta:.10g}; "
            f"{self.cones:,} cells or cones in {self.seconds:.2g} s",
        ]
        if not self.proven:
            lines.insert(1, UNPROVEN)
        if self.upper_balanced < self.upper * (1 - 1e-9):
            lines.append(f"rescaling the neurons alone lowers the objective to {self.upper_balanced:.10g}")
        if self.restricted_lower is not None:
            lines.append(f"over the given patterns only: p* >= {self.restricted_lower:.10g}")
        return "\n".join(lines)


@one_thread_if_small
def prove_again(
    problem: Problem, network: TwoLayerReLU, certificate: Certificate, time_limit: Limit = 60.0
) -> Certificate:
    """The certificate itself where it was proven here, else a new one from its dual point.

    Status: theorem (as :func:`certify_network`). Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import dataclasses
    >>> import relucvx as rx
    >>> from relucvx.certificate import prove_again
    >>> sol = rx.solve([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> claimed = dataclasses.replace(sol.certificate, proven=False)  # as a file has it
    >>> prove_again(sol.problem, sol.network, claimed).proven
    True
    """
    if certificate.proven:
        return certificate
    tol = float(np.clip(certificate.rel_gap, 1e-12, SOLVE.value))
    return certify_network(problem, network, certificate.dual, tol=tol, time_limit=time_limit)


def certify_network(
    problem: Problem,
    network: TwoLayerReLU,
    dual: Array | None = None,
    *,
    tol: float = SOLVE.value,
    method: Method = "auto",
    arrangement: Arrangement | None = None,
    time_limit: Limit = 60.0,
    max_cones: float = MAX_CONES,
    callback: Callable[[object], bool | None] | None = None,
    proof: Proof | None = None,
    refine: bool = True,
) -> Certificate:
    """Prove how far ``network`` is from the optimum of ``problem``.

    Parameters
    ----------
    problem : Problem
    network : TwoLayerReLU
        Any network of the problem's shape, scaled and balanced or not, from any trainer.
    dual : ndarray, shape (n, c), optional
        A dual point to use in place of the network's own, which is chosen near minus the loss gradient at its fit.
    tol : float
        The oracle stops refining once this relative gap is proven.
    arrangement : Arrangement, optional
        Patterns to bound over; incomplete ones give ``restricted_lower`` (for one output), never ``lower``.
    time_limit : float, Deadline or None
        Seconds; the bound stays valid when they run out.
    proof : Proof, optional
        Of this very problem, by :func:`relucvx.certificate.prove_dual`: where it is of ``dual``, up to a factor, and finished,
        nothing is left to prove, only to evaluate.
    refine : bool
        Whether the time that an unfinished proof leaves goes into dual points that are easier to prove.

    Returns
    -------
    Certificate

    Raises
    ------
    InvalidInputError
        When the network does not fit the problem, or the proof is about another one.

    Notes
    -----
    Weak duality: with D(N) <= beta, any network's loss(F) + beta Σ||w_j||·||v_j|| >= -loss*(-N), with the terms of the
    output bias as in :func:`relucvx.program.duality.dual_objective`. Any N is scaled until D(N) <= beta.

    Status: theorem (weak duality), certified numerically (all roundings bounded). Source: [pilanci-ergen-2020]

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate import certify_network
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> network = rx.TwoLayerReLU([[0.95]], [0.95])
    >>> proof = certify_network(problem, network)
    >>> print(f"{proof.lower:.4f} <= p* <= {proof.upper:.4f} by {proof.method}")
    0.4750 <= p* <= 0.4750 by spectral
    """
    began, deadline = time.perf_counter(), Deadline.of(time_limit)
    if arrangement is not None:
        check_same_inputs(problem, arrangement)
    check_network(problem, network)
    stated, given, watched = problem, network, _Watched(callback)
    # a point that is cheaper to prove is looked for where there is a limit, and neither cells nor method are prescribed
    refine = refine and is_word(method, ("auto",)) and arrangement is None and refinable(problem) and deadline.limited
    if proof is not None and proof.problem is not stated:
        raise InvalidInputError(explain("a proof of this problem", "a proof of another one", "", "proof=None"))
    problem, network = centred(problem, network)  # an equal problem whose numbers cancel less
    # above: the network's own objective, in its own scaling, with every rounding of its evaluation
    upper, upper_balanced = objectives_from_above(problem, network)
    # patterns that may not be all of them prove nothing about the others, and are left to the end
    complete = arrangement if arrangement is not None and arrangement.complete else None
    # below: a dual point in the domain, a bound on its dual norm, and what is left of it once scaled by that bound
    if dual is None:
        dual = _own_dual(problem, network, deadline.share(CHOICE_SHARE)) if proof is None else proof.dual
    point = balance_dual(problem, _as_dual(problem, dual))
    if proof is None:
        proof = prove_dual(
            stated, point, target=_target(problem, network, point, upper_balanced, tol), method=method,
            starts=problem.directions(network)[0][:MOST_STARTS], arrangement=complete,
            time_limit=deadline.share(FIRST_SHARE) if refine else deadline, max_cones=max_cones, callback=watched,
        )  # fmt: skip
    # a solver that ran out of time may leave a point that a direction contradicts, or a better one than it has proven: there
    # is as much to gain
    unfinished = proof.bound.outcome != "proved" or not _on_one_ray(point, proof.dual)
    if refine and unfinished and proof.bound.cones < max_cones and not watched.stopped:
        proof = refined_proof(
            stated, point, given, proof, target=_target(problem, network, point, upper_balanced, tol),
            enough=upper * (1.0 - tol), deadline=deadline, callback=watched,
        )  # fmt: skip
    bound, scaled, lower = proof.bound, proof.dual, proof.lower
    if lower > upper:  # impossible: an alarm, never a proof
        log.error("the lower bound %r exceeds the objective %r: please report these data", lower, upper)
        lower = 0.0
    absolute, relative = gap(upper, lower)
    restricted = None
    scope = bound.scope
    if arrangement is not None and not arrangement.complete:
        # Refinement aims at all patterns; for the given ones the network's own residual may be the better point.
        own = balance_dual(problem, residual(problem, fit(problem, network)))
        bounds = [_restricted_lower(problem, N, arrangement, deadline) for N in (point, own)]
        restricted, scope = max((max(b, lower) for b in bounds if b is not None), default=None), Scope.GIVEN_PATTERNS
    return Certificate(
        upper=upper, lower=lower, gap=absolute, rel_gap=relative, scope=scope, method=bound.method,
        dual_norm=bound.upper, dual_norm_reached=bound.lower, upper_balanced=upper_balanced,
        restricted_lower=restricted, stationarity=stationarity(problem, network), beta=problem.beta, dual=scaled,
        tolerances={"tol": tol, "evaluation": EVALUATION.value, "pattern": PATTERN.value}, cones=bound.cones,
        seconds=time.perf_counter() - began,
    )  # fmt: skip


class _Watched:
    """A callback that remembers whether it asked to stop."""

    def __init__(self, callback: Callable[[object], bool | None] | None) -> None:
        self.callback, self.stopped = callback, False

    def __call__(self, search: object) -> bool:
        self.stopped = self.stopped or bool(self.callback is not None and self.callback(search))
        return self.stopped


def _as_dual(problem: Problem, N: Array) -> Array:
    """A dual point as (n, c), from (n,) for one output."""
    N = as_matrix(N, "dual", allow_vector=True)
    if N.shape != problem.Y.shape:
        raise InvalidInputError(explain(f"a dual point of shape {problem.Y.shape}", f"dual of shape {N.shape}"))
    return N


def _on_one_ray(N: Array, M: Array) -> bool:
    """Whether two dual points differ by a factor alone, up to rounding: then what is proven of one is proven of the other."""
    lengths = float(np.linalg.norm(N) * np.linalg.norm(M))
    return float((N * M).sum()) >= (1.0 - SAME_RAY) * lengths


def _own_dual(problem: Problem, network: TwoLayerReLU, deadline: Deadline) -> Array:
    """The dual point that the network itself suggests, chosen on the reduced problem."""
    reduction = presolve(problem)
    return reduction.dual(choose_dual(reduction.problem, reduction.forward(network), deadline))


def _target(problem: Problem, network: TwoLayerReLU, point: Array, upper: float, tol: float) -> float:
    """Dual norm up to which the gap stays within ``tol``."""
    # scaling a dual point down costs about its share of the penalty: so much may the bound exceed beta
    penalty = balanced_objective(problem, network) - problem.loss_at(fit(problem, network))
    if not np.isfinite(penalty) or penalty <= 0:
        return problem.beta
    return norm_that_proves(problem, point, upper, penalty, tol)


def _restricted_lower(problem: Problem, N: Array, arrangement: Arrangement, deadline: Deadline) -> float | None:
    """Lower bound for the program over the given patterns; None for several outputs."""
    if problem.n_weights_out > 1:
        return None
    lifted, exponent = lift_dual(problem.inputs, problem.spread(N), free_bias=problem.bias.is_free)
    sizes = sizes_of_rows(problem, N)
    form = form_of_rows(problem, lifted, None if sizes is None else np.ldexp(sizes, exponent))
    # the largest value on the given cells, each closed up to the tolerance by which patterns are told apart
    upper = 0.0
    if not form.trivial:
        upper, _, _ = bound_patterns(form, arrangement.patterns, 0.0, PATTERN.value, deadline)
    return scale_dual(problem, N, unlifted(upper + form.rounding(), exponent, up=True))[1]
