"""The convex programs as CVXPY problems: a few large constraints, so that canonicalisation stays fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.types import Array, BoolArray

if TYPE_CHECKING:
    import cvxpy as cp
else:
    cp = later("cvxpy")


@dataclass(frozen=True, eq=False)
class CvxpyForm:
    """A CVXPY problem and the handles needed to add constraints to it or to read its solution.

    Attributes
    ----------
    problem : cvxpy.Problem
        ``minimise loss(fit) + beta·(norms)`` subject to ``constraints``.
    positive, negative : cvxpy.Variable
        Shape (D, P): column i is the block of pattern i (``negative`` is None for the gated relaxation).
    bias_out : cvxpy.Variable or None
        Output bias, shape (1,), for the bias modes "all" and "free".
    beta : cvxpy.Parameter
        The strength, non-negative; changing its value needs no new compilation (DPP).
    fit : cvxpy.Variable or cvxpy.Constant
        The fit, shape (n,); for interpolation the targets themselves.
    constraints : list
        All constraints, ``link`` first.
    link : cvxpy.Constraint
        ``fit == Σ_i diag(gate_i) Xa (u_i - v_i)``, read as the samples read their rows; its multiplier is the dual point
        N = -∇loss(fit).
    """

    problem: Any
    positive: Any
    negative: Any
    bias_out: Any
    beta: Any
    fit: Any
    constraints: list[Any]
    link: Any


def loss_of(problem: Problem, fit: cp.Expression) -> cp.Expression:
    """The loss as a CVXPY expression of the fit, (n,) for one output or (n, c)."""
    Y = problem.Y if fit.ndim == 2 else problem.Y[:, 0]
    return problem.loss.checked_expression(fit, Y, problem.sample_weight)


def build(problem: Problem, patterns: BoolArray, *, cones: bool = True, target: Array | None = None) -> CvxpyForm:
    """Write the convex program over the patterns (P, n) in CVXPY.

    Parameters
    ----------
    problem : Problem
        With one output and one read-out.
    patterns : (P, n) bool array
    cones : bool
        Whether every block stays in its cell; without, one block per pattern suffices for both output signs.
    target : (n,) array, optional
        Demand this fit and drop the loss (interpolation).
    """

    Xa, k = problem.inputs, problem.penalized
    gates = problem.activation.gate(patterns).T
    shape = (problem.n_inputs, len(patterns))
    positive = cp.Variable(shape, name="positive")
    negative = cp.Variable(shape, name="negative") if cones else None
    bias_out = cp.Variable(1, name="bias_out") if problem.bias.has_output else None
    beta = cp.Parameter(nonneg=True, value=problem.beta, name="beta")
    fit: Any = cp.Variable(problem.n_samples, name="fit") if target is None else cp.Constant(target)

    mixed = positive if negative is None else positive - negative
    output = cp.sum(cp.multiply(gates, Xa @ mixed), axis=1)
    if problem.pooling is not None:
        output = problem.pooling.operator @ output
    if bias_out is not None:
        output = output + bias_out  # (1,) broadcasts over the samples
    # fit on the left, as a CVXPY object (an array there would flip the sign of the multiplier): CVXPY's Lagrangian
    # adds multiplier·(fit - output), so the multiplier is -∇loss(fit)
    link = fit == output
    constraints = [link]
    norms = cp.sum(cp.norm(positive[:k], axis=0))
    # blocks of both output signs stay in their cells, which is what makes them neurons
    if negative is not None:
        signs = np.where(patterns, 1.0, -1.0).T
        constraints += [cp.multiply(signs, Xa @ block) >= 0 for block in (positive, negative)]
        norms = norms + cp.sum(cp.norm(negative[:k], axis=0))
    penalty = beta * norms
    if problem.bias.decays_output:
        penalty = penalty + 0.5 * beta * cp.sum_squares(bias_out)
    cost = penalty if target is not None else loss_of(problem, fit) + penalty
    return CvxpyForm(
        cp.Problem(cp.Minimize(cost), constraints), positive, negative, bias_out, beta, fit, constraints, link
    )
