"""A dual point with what is proven about it: made here alone, whoever asks, so that nothing is proven twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relucvx.arrangement import Arrangement
from relucvx.deadline import Deadline, Limit
from relucvx.oracle import DualNormBound, dual_norm
from relucvx.oracle.dual_norm_bound import MAX_CONES, Method, cells_for_proofs
from relucvx.oracle.semidefinite import multiplier_bound, signed_bound
from relucvx.program.duality import balance_dual, scale_dual
from relucvx.program.lifting import Lifting
from relucvx.program.presolve import centred_targets
from relucvx.program.problem import Problem
from relucvx.tolerances import EVALUATION
from relucvx.types import Array, Result, Rng


@dataclass(frozen=True)
class Proof(Result):
    """A lower bound on the optimum of a problem, and what it rests on.

    Attributes
    ----------
    problem : Problem
        The problem as it was stated.
    dual : ndarray, shape (n, c)
        Feasible dual point that attains ``lower``.
    lower : float
        At most the optimum, rounding included.
    bound : DualNormBound
        Of the point before it was scaled: also says which direction comes closest, or contradicts.

    Notes
    -----
    Status: theorem (weak duality), certified numerically. Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import numpy as np
    >>> import relucvx as rx
    >>> from relucvx.certificate import prove_dual
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> proof = prove_dual(problem, np.array([[0.1], [0.2]]))  # the residual of the optimum
    >>> print(f"{proof.lower:.4f}, as {proof.bound.upper:.4f} <= {problem.beta}")
    0.4750, as 0.5000 <= 0.5
    """

    problem: Problem
    dual: Array
    lower: float
    bound: DualNormBound


def prove_dual(
    problem: Problem,
    N: Array,
    *,
    target: float = 0.0,
    stop_above: float = np.inf,
    starts: Array | None = None,
    method: Method = "auto",
    arrangement: Arrangement | None = None,
    n_starts: int = 64,
    time_limit: Limit = None,
    max_cones: float = MAX_CONES,
    callback: Callable[[object], bool | None] | None = None,
    rng: Rng = 0,
) -> Proof:
    """Bound the dual norm of a point near N, scale it until it is feasible for certain, and evaluate the dual function.

    Parameters
    ----------
    problem : Problem
    N : ndarray, shape (n, c)
        Any dual point; brought into the domain of the conjugate first.
    target, stop_above, starts, method, arrangement, n_starts, time_limit, max_cones, callback, rng
        As in :func:`relucvx.oracle.dual_norm`.

    Notes
    -----
    Status: theorem (weak duality, with every rounding error bounded). Source: [pilanci-ergen-2020], [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate import prove_dual
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> print(f"{prove_dual(problem, problem.Y).lower:.4f}")  # far too long, and scaled until it is feasible
    0.4750
    """
    step = centred_targets(problem)
    near = problem if step is None else step.problem  # an equal problem whose numbers cancel less
    point = balance_dual(near, N)
    bound = dual_norm(
        near, point, target=target, stop_above=stop_above, starts=starts, method=method, arrangement=arrangement,
        n_starts=n_starts, time_limit=time_limit, max_cones=max_cones, callback=callback, rng=rng,
    )  # fmt: skip
    return _proof(problem, near, point, bound)


def prove_lifted(problem: Problem, lifting: Lifting, unit: float, N: Array, S: Array) -> Proof:
    """As :func:`prove_dual`, by a multiplier S (m, m) of the products of a lifting of the problem's inputs / ``unit``.

    ``unit`` is a power of two.

    Notes
    -----
    Status: theorem (weak duality; any multiplier proves its bound). Source: [sahiner-2021], [relucvx].
    """
    point = balance_dual(problem, N)
    return _relaxed(problem, point, unit * multiplier_bound(lifting, problem.spread(point), S))


def prove_signed(
    problem: Problem, lifting: Lifting, unit: float, N: Array, multipliers: list[tuple[Array, Array]]
) -> Proof:
    """As :func:`prove_lifted` for one output, by multipliers of products and of cones for either sign of the output weight.

    Notes
    -----
    Status: theorem (weak duality; any multipliers prove their bound). Source: [relucvx].
    """
    point = balance_dual(problem, N)
    return _relaxed(problem, point, unit * signed_bound(lifting, problem.spread(point), multipliers))


def _relaxed(problem: Problem, point: Array, upper: float) -> Proof:
    """The proof by a bound from multipliers, or by the spectral one where that is no larger."""
    found = dual_norm(problem, point, method="spectral", n_starts=16)
    if upper < found.upper:
        found = dataclasses.replace(found, upper=max(upper, found.lower), method="semidefinite", outcome="budget")
    return _proof(problem, problem, point, found)


def _proof(problem: Problem, near: Problem, point: Array, bound: DualNormBound) -> Proof:
    """What a bound on the dual norm of a point proves; ``near`` is an equal problem whose numbers cancel less."""
    scaled, lower = scale_dual(near, point, bound.upper)
    # The bound is valid as it is; the room is for those who evaluate objectives in float64 and compare.
    return Proof(problem, scaled, max(0.0, lower - EVALUATION.value * lower), bound)


class Prover:
    """Proofs of one problem for a solver that asks: cells that every proof would list are listed once.

    Notes
    -----
    Status: theorem (as :func:`prove_dual`). Source: [relucvx].

    Examples
    --------
    >>> import relucvx as rx
    >>> from relucvx.certificate import Prover
    >>> from relucvx.solver import solve_problem
    >>> problem = rx.make_problem([[1.0], [2.0]], [1.0, 2.0], beta=0.5)
    >>> found = solve_problem(problem, prove=Prover(problem))
    >>> print(f"{found.proof.lower:.4f}")
    0.4750
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.arrangement: Arrangement | None = None
        self.asked = False

    def __call__(
        self,
        N: Array,
        *,
        target: float,
        stop_above: float,
        deadline: Deadline,
        callback: Callable[[object], bool | None] | None = None,
        rng: Rng = 0,
    ) -> Proof:
        if not self.asked:
            self.asked, self.arrangement = True, cells_for_proofs(self.problem, N, deadline)
        return prove_dual(
            self.problem, N, target=target, stop_above=stop_above, arrangement=self.arrangement, n_starts=16,
            time_limit=deadline, callback=callback, rng=rng,
        )  # fmt: skip
