"""What the relaxations share: units that suit a conic backend, the loss and output bias in CVXPY, and the call."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.conversion import as_instance, is_word
from relucvx.deadline import Deadline, Limit, seconds_left
from relucvx.errors import BackendError, InvalidInputError, UnsupportedError, explain
from relucvx.later import later
from relucvx.program.backend import CLARABEL, INACCURATE, OPTIMAL, SCS, failures, options, solve
from relucvx.program.cvxpy_form import loss_of
from relucvx.program.lifting import Lifting
from relucvx.program.posing import refuse_bags
from relucvx.program.presolve import power_of_two
from relucvx.program.problem import Problem
from relucvx.types import Array

if TYPE_CHECKING:
    import cvxpy as cp
else:
    cp = later("cvxpy")

LEVELS: dict[str, tuple[float, ...]] = {CLARABEL: (1e-9, 1e-7, 1e-5), SCS: (1e-7, 1e-5)}
"""Conic backends and the tolerances tried in turn: degenerate optima stall, and a poor point still proves something."""

MOST_ITERATIONS = 100_000  # of a first-order method


@dataclass(frozen=True)
class Scaled:
    """The problem in units of its own: inputs / sx, targets / sy and the strengths that leave the optimum in place."""

    problem: Problem
    inputs: Array
    beta: float
    sx: float
    sy: float


def scale_problem(problem: Problem) -> Scaled:
    """Powers of two, so that nothing is rounded; targets only where the loss is homogeneous."""
    sx = power_of_two(float(np.linalg.norm(problem.inputs, 2)))
    sy = power_of_two(float(np.abs(problem.Y).max())) if problem.loss.homogeneity == 2 else 1.0
    scaled = dataclasses.replace(problem, Y=problem.Y / sy)
    return Scaled(scaled, problem.inputs / sx, problem.beta / sx / sy, sx, sy)


def network_program(
    scaled: Scaled, output: Any, penalty: Any, constraints: list[Any]
) -> tuple[cp.Problem, cp.Variable, Any]:
    """``min loss(fit) + penalty`` with ``fit == output (+ bias)``; the fit, and the link whose multiplier is N."""

    problem = scaled.problem
    fit = cp.Variable(problem.Y.shape)
    if problem.bias.decays_output:
        bias_out = cp.Variable((1, problem.n_outputs))
        output = output + np.ones((problem.n_samples, 1)) @ bias_out
        penalty = penalty + 0.5 * problem.beta * cp.sum_squares(bias_out)
    link = fit == output
    return cp.Problem(cp.Minimize(loss_of(problem, fit) + penalty), [link, *constraints]), fit, link


@dataclass(frozen=True)
class SignConstraints:
    """``E Q E^T >= 0`` entrywise, zero on pairs that exclude each other, for the second moment Q of a lifted neuron."""

    lifting: Lifting
    rows: Any
    columns: Any
    constraints: list[Any]

    def multiplier(self) -> Array | None:
        """Their multiplier S (m, m) in the lower bound's convention, upper triangle only; None where there is none."""
        if self.constraints[0].dual_value is None:
            return None
        # only the upper triangle was constrained; the caller makes the multiplier symmetric
        pairs, size = self.lifting.pairs, len(self.lifting.E)
        S = np.zeros((size, size))
        S[self.rows, self.columns] = self.constraints[0].dual_value
        if len(pairs):
            # CVXPY adds multiplier·(left - right) for equations, and subtracts it for inequalities
            S[pairs[:, 0], pairs[:, 1]] = -self.constraints[1].dual_value
        return S


def sign_constraints(lifting: Lifting, Q: Any) -> SignConstraints:
    """The constraints on the CVXPY expression Q (k, k)."""
    products = lifting.E @ Q @ lifting.E.T
    # symmetric: each product once; those without a sign are left out, those that are zero get their own equation
    upper = np.triu(np.ones(products.shape, dtype=bool))
    upper[lifting.free()] = False
    rows, columns = np.nonzero(upper)
    constraints = [products[rows, columns] >= 0]
    if len(lifting.pairs):
        constraints.append(products[lifting.pairs[:, 0], lifting.pairs[:, 1]] == 0)
    return SignConstraints(lifting, rows, columns, constraints)


def multiplier(link: Any, problem: Problem) -> Array:
    """The multiplier of the link as a dual point N (n, c): minus the gradient of the loss at the fit."""
    return np.asarray(link.dual_value, dtype=np.float64).reshape(problem.Y.shape)


def check_options(problem: Problem, backend: str, time_limit: Limit) -> Deadline:
    """The deadline; raises for an unknown backend, a time limit that is not positive, and free biases."""
    as_instance(problem, Problem, "problem", "relucvx.make_problem(X, Y, beta)")
    refuse_bags(problem, "a relaxation of the lifted program")
    if not is_word(backend, LEVELS):
        raise InvalidInputError(explain(f"a backend among {', '.join(LEVELS)}", repr(backend)))
    deadline = Deadline.of(time_limit)
    if problem.bias.is_free:
        raise UnsupportedError(
            explain(
                'bias "none", "hidden" or "all" for a relaxation',
                '"free"',
                "blocks outside their cells would fit anything with an unpenalised bias, so the bound would be zero",
                "relucvx.solve, whose certificate covers free biases",
            )
        )
    return deadline


def run_backend(cvx: cp.Problem, backend: str, deadline: Deadline) -> str:
    """Solve, and return the status; a point short of the tolerance is good enough for a bound that is recomputed."""
    status = "out of time"
    # a looser point is no failure here: the bound is recomputed from its multipliers
    for tol in LEVELS[backend]:
        if deadline.passed():
            break
        seconds = seconds_left(deadline).get("time_limit")
        try:
            status = solve(cvx, backend, options(backend, tol, seconds, MOST_ITERATIONS))
        except failures(backend) as error:
            status = str(error)
        else:
            if status in (OPTIMAL, INACCURATE) and cvx.value is not None:
                return status
    raise BackendError(
        explain(
            f"{backend} to return a point of the relaxation",
            f"status {status}",
            "time or memory ran out, or the data are badly scaled",
            "a larger time_limit, another backend, or fewer samples",
        )
    )
