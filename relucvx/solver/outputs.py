"""The convex step with the input directions held: a group lasso over the output vectors.

For unit directions w_j (in the norm the penalty counts) and atoms phi(Xa w_j) (n,)

    min loss(Σ_j phi(Xa w_j) v_jᵀ + 1 b_outᵀ) + beta Σ_j ||v_j|| (+ beta/2 ||b_out||²)

or, where the targets are to be fitted exactly, the penalty alone subject to that fit.

With several outputs this is what chooses the output directions that :mod:`relucvx.solver.restricted` holds.
"""

from __future__ import annotations

from relucvx.deadline import Deadline
from relucvx.later import later
from relucvx.program.problem import Problem
from relucvx.solver.group_program import GroupProgram, block_seconds, input_scale, target_scale
from relucvx.tolerances import CONIC
from relucvx.types import Array

sp = later("scipy.sparse")


def solve_outputs(
    problem: Problem, W: Array, tol: float = CONIC.value, deadline: Deadline | None = None, exact: bool = False
) -> tuple[Array, Array, Array]:
    """Output vectors (k, c), output bias (c,) and dual point (n, c) for the unit directions W (k, D).

    With ``exact`` the fit is Y, which the directions must be able to make, and the loss plays no part.

    Raises
    ------
    BackendError
        When CLARABEL returns a status from which no usable point follows, running out of time included.

    Notes
    -----
    Status: certified numerically (by the caller: the certificate recomputes everything). Source: [sahiner-2021]
    """
    sx, sy, c = input_scale(problem), target_scale(problem), problem.n_weights_out
    atoms = problem.pool(problem.activation(problem.inputs @ W.T) / sx)
    # each output of a neuron enters its own column of the fit, read-out by read-out
    atoms = atoms.transpose(0, 2, 1).reshape(problem.n_samples, -1)
    design = sp.kron(sp.csc_matrix(atoms), sp.identity(problem.n_outputs), format="csc")
    none = sp.csc_matrix((0, len(W) * c))
    program = GroupProgram(problem, design, len(W), c, c, sx, none, outputs_seconds(problem, len(W)), exact)
    V, bias_out, dual, _ = program.solve(tol, deadline or Deadline())
    return V * (sy / sx), bias_out, dual


def outputs_seconds(problem: Problem, directions: int) -> float:
    """Predicted seconds of :func:`solve_outputs` over so many directions."""
    return block_seconds(problem.n_samples, directions * problem.n_readouts, problem.n_outputs)
