"""The convex programs as CVXPY problems: a few large constraints, so that canonicalisation stays fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from relucvx.arrangement.patterns import unit_rows
from relucvx.errors import InvalidInputError, explain
from relucvx.later import later
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.planar_cones import PlanarCells
from relucvx.program.presolve import power_of_two
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
        ``minimise loss(fit) + beta·(norms, or traces)`` subject to ``constraints``.
    bias_out : cvxpy.Variable or None
        Output bias, shape (c,), for the bias modes "all" and "free".
    beta : cvxpy.Parameter
        The strength, non-negative; changing its value needs no new compilation (DPP).
    fit : cvxpy.Variable or cvxpy.Constant
        The fit, shape (n,), or (n, c) for several outputs; for interpolation the targets themselves.
    constraints : list
        All constraints, ``link`` first.
    link : cvxpy.Constraint
        ``fit == Σ_i diag(gate_i) Xa (u_i - v_i)``, read as the samples read their rows; its multiplier is the dual point
        N = -∇loss(fit).
    positive, negative : cvxpy.Variable or None
        Shape (D, P): column i is the block of pattern i (``negative`` is None for the gated relaxation). None for several
        output weights of a neuron.
    moments : list of cvxpy.Expression
        For several output weights (q), one of shape (r + q, r + q) for each pattern: ``[[W, T], [Tᵀ, V]]``, the second moment
        of its neurons ``w = basis z`` and their outputs; ``basis T = Σ_j w_j v_jᵀ`` makes the fit. Empty for one.
    basis : (D, r) array or None
        See ``moments``; the identity where two features (or one and a decayed bias) fill the plane.
    """

    problem: Any
    bias_out: Any
    beta: Any
    fit: Any
    constraints: list[Any]
    link: Any
    positive: Any = None
    negative: Any = None
    moments: tuple[Any, ...] = ()
    basis: Array | None = None

    def primal(self) -> ConvexPrimal | MomentPrimal:
        """The point that the last solve left, for :func:`~relucvx.program.recovery.recover_network`.

        Constraints added in a ``cvxpy.Problem`` of one's own make no difference: the variables are the same.

        Raises
        ------
        InvalidInputError
            When nothing has been solved yet.
        """
        values = self.moments or [self.positive]
        if any(x.value is None for x in values):
            raise InvalidInputError(
                explain(
                    "variables with a value",
                    "none",
                    "nothing has been solved, or the solver found no point",
                    'form.problem.solve(solver="CLARABEL")',
                )
            )
        bias_out = None if self.bias_out is None else np.asarray(self.bias_out.value, dtype=np.float64).reshape(-1)
        if self.basis is not None:
            return MomentPrimal(np.array([moment.value for moment in self.moments]), self.basis, bias_out)
        positive = np.ascontiguousarray(self.positive.value.T)
        negative = np.zeros_like(positive) if self.negative is None else np.ascontiguousarray(self.negative.value.T)
        return ConvexPrimal(positive, negative, bias_out)


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
        cp.Problem(cp.Minimize(cost), constraints), bias_out, beta, fit, constraints, link, positive, negative
    )


def build_moments(
    problem: Problem, patterns: BoolArray, cells: PlanarCells, *, target: Array | None = None
) -> CvxpyForm:
    """Write the convex program for several output weights of each neuron, over the cells (P) of a plane.

    ``min loss(Σ_i diag(phi'_i) Xa T_i + 1 b_outᵀ) + beta/2 Σ_i (tr W_i + tr V_i) [+ beta/2 ||b_out||²]``
    over positive semidefinite ``M_i = [[W_i, T_i], [T_iᵀ, V_i]]`` with ``a_iᵀ W_i b_i >= 0`` for the walls of cell i;
    ``target`` (n, c) as in :func:`build`. Under free biases neurons that are linear on all samples are kept on one ray: the
    constant by which others differ costs nothing, and is output bias already.
    """
    r, q, c, k = cells.basis.shape[1], problem.n_weights_out, problem.n_outputs, problem.penalized
    gates, flat = problem.activation.gate(patterns), problem.inputs @ cells.basis
    # without a price such a constant would drift to infinity in an interior point
    kept = problem.bias.is_free & (np.ptp(gates, axis=1) == 0.0)
    spans = [_coordinates(cells, i, kept[i]) for i in range(len(patterns))]
    inner = [cp.Variable((G.shape[1] + q,) * 2, PSD=True, name=f"moment_{i}") for i, G in enumerate(spans)]
    blocks = [_lifted(M, G, q) for M, G in zip(inner, spans, strict=True)]
    bias_out = cp.Variable(c, name="bias_out") if problem.bias.has_output else None
    beta = cp.Parameter(nonneg=True, value=problem.beta, name="beta")
    fit: Any = cp.Variable((problem.n_samples, c), name="fit") if target is None else cp.Constant(target)

    # moments in units of the inputs: semidefinite backends stall on large and small numbers
    unit = power_of_two(float(np.linalg.norm(flat, 2)))
    # all cells side by side: one product for each read-out
    read = problem.pool(np.concatenate([gate[:, None] * flat / unit for gate in gates], axis=1))
    tilts = cp.vstack([M[:r, r:] for M in blocks])
    output: Any = sum(read[:, j] @ tilts[:, j * c : (j + 1) * c] for j in range(problem.n_readouts))
    if bias_out is not None:
        output = output + np.ones((problem.n_samples, 1)) @ cp.reshape(bias_out, (1, c), order="C")
    # see build for the side that the fit is on
    link = fit == output
    constraints = [link]
    corners = [
        _product(cells.walls[i] @ G, M) for i, (G, M) in enumerate(zip(spans, inner, strict=True)) if G.shape[1] == 2
    ]
    if corners:
        constraints.append(cp.hstack(corners) >= 0)
    # a free bias is a coordinate that the norm does not count
    price = np.eye(r + q)
    price[:r, :r] = cells.basis[:k].T @ cells.basis[:k]
    penalty = 0.5 * beta * cp.sum(cp.multiply(price / unit, sum(blocks)))
    if problem.bias.decays_output:
        penalty = penalty + 0.5 * beta * cp.sum_squares(bias_out)
    cost = penalty if target is not None else loss_of(problem, fit) + penalty
    moments = tuple(M / unit for M in blocks)
    return CvxpyForm(
        cp.Problem(cp.Minimize(cost), constraints),
        bias_out,
        beta,
        fit,
        constraints,
        link,
        moments=moments,
        basis=cells.basis,
    )


def _coordinates(cells: PlanarCells, i: int, kept: bool) -> Array:
    """G (r, k) with ``z = G s``: neurons of cell i in coordinates in which a backend's tolerance is small beside the cell."""
    r = cells.basis.shape[1]
    if kept:
        return cells.rays(i)[:, :1] if r == 2 else np.zeros((1, 0))
    # between rays at a sharp angle s is bounded by w; between others it is not
    return cells.rays(i) if cells.narrow(i) else np.eye(r)


def _lifted(moment: cp.Variable, G: Array, q: int) -> cp.Expression:
    """The second moment (r + q, r + q) of neurons ``z = G s`` and their q outputs, from that of s and the outputs."""
    r, k = G.shape
    lift = np.zeros((r + q, k + q))
    lift[:r, :k], lift[r:, k:] = G, np.eye(q)
    return lift @ moment @ lift.T


def _product(walls: Array, moment: cp.Variable) -> cp.Expression:
    """``aᵀ W b`` for the two walls, as unit vectors in the coordinates of the moment."""
    a, b = unit_rows(walls)[0]
    return cp.sum(cp.multiply(0.5 * (np.outer(a, b) + np.outer(b, a)), moment[:2, :2]))
