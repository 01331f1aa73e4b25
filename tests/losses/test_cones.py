"""Cones of a loss, its own and those of its expression."""

import dataclasses

import numpy as np
import pytest
from losses.test_base import ALL, W, X, targets

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.losses.cones import cones_of_expression
from relucvx.solver.group_program import GroupProgram


def group_value(problem, cones):
    """Optimum and dual of one conic solve over fixed directions, with the loss given by some cones."""
    rng = np.random.default_rng(2)
    atoms = np.maximum(problem.X @ rng.standard_normal((2, 3)), 0.0)
    design = np.kron(atoms, np.eye(problem.n_outputs))
    import scipy.sparse as sp

    program = GroupProgram(
        problem, design, 3, problem.n_outputs, problem.n_outputs, 1.0, sp.csc_matrix((0, design.shape[1]))
    )
    if cones is not None:
        object.__setattr__(problem, "loss", cones)
    x, _, dual, _ = program.solve(1e-10, Deadline(60.0))
    V = x * program.sy
    F = atoms @ V
    return problem.loss_at(F) + problem.beta * np.linalg.norm(V, axis=1).sum(), dual, F


@pytest.mark.parametrize("name", ALL)
def test_own_cones_and_those_of_the_expression_solve_the_same_program(name):
    loss = ALL[name]
    Y = targets(loss, 2)
    problem = rx.make_problem(X, Y, 0.3, loss, sample_weight=np.where(W > 0, W, 0.5))

    kind = type("Derived", (type(loss),), {"cones": cones_of_expression})
    derived = dataclasses.replace(problem, loss=kind(*[getattr(loss, f.name) for f in dataclasses.fields(loss)]))
    value, dual, F = group_value(problem, None)
    again, other, _ = group_value(derived, None)
    assert value == pytest.approx(again, rel=1e-6)
    # the multiplier of the fit is a subgradient at the fit
    lo, hi = loss.subgradient_bounds(F, Y, problem.sample_weight, 1e-5)
    for N in (dual, other):
        assert ((lo - 1e-4 <= -N) & (hi + 1e-4 >= -N)).all()
