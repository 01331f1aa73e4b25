"""Points of the convex program."""

import numpy as np
import pytest
from program.test_model import program

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError
from relucvx.program.atoms import ConvexPrimal, MomentPrimal
from relucvx.program.model import ConvexProgram
from relucvx.program.posing import make_problem


def test_fit_of_a_point_matches_loops():
    prog = program(bias="hidden", activation="leaky_relu")
    rng = np.random.default_rng(2)
    P = len(prog.patterns)
    primal = ConvexPrimal(rng.normal(size=(P, 3)), rng.normal(size=(P, 3)))
    F = np.zeros(5)
    for i, s in np.ndindex(P, 5):
        slope = 1.0 if prog.patterns[i, s] else 0.01
        F[s] += slope * prog.problem.inputs[s] @ (primal.positive[i] - primal.negative[i])
    np.testing.assert_allclose(primal.fit(prog.problem, prog.patterns)[:, 0], F, atol=1e-12)


def test_cone_violation_is_zero_inside_and_positive_outside():
    prog = program()
    inside = ConvexPrimal(np.array(prog.arrangement.generators), np.zeros_like(prog.arrangement.generators))
    assert inside.cone_violation(prog.problem, prog.patterns) == 0.0
    outside = ConvexPrimal(inside.negative, -inside.positive)
    assert outside.cone_violation(prog.problem, prog.patterns) > 0.0


def test_points_need_matching_blocks():
    with pytest.raises(InvalidInputError, match=r"of one shape \(P, D\); received shapes \(2, 3\) and \(2, 2\)"):
        ConvexPrimal(np.zeros((2, 3)), np.zeros((2, 2)))


def moments_of(prog, rng, count=3):
    """Neurons of each cell with their outputs, and the point that they are."""
    neurons = []
    for g in prog.arrangement.generators:
        Z = rng.uniform(0.5, 2.0, (count, 1)) * g
        neurons.append(np.hstack([Z, rng.normal(size=(count, prog.problem.n_weights_out))]))
    bias = rng.normal(size=prog.problem.n_outputs) if prog.problem.bias.has_output else None
    return neurons, MomentPrimal(np.array([Q.T @ Q for Q in neurons]), np.eye(2), bias)


@pytest.mark.parametrize("bias", ["none", "all"])
def test_moments_fit_and_cost_what_their_neurons_do(bias):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5, 1 if bias == "all" else 2))
    problem = make_problem(X, rng.normal(size=(5, 3)), 0.3, bias=bias, activation=(0.3, -1.2))
    prog = ConvexProgram(problem, arrangement=enumerate_patterns(problem.inputs))
    neurons, primal = moments_of(prog, rng)
    F = np.zeros((5, 3))
    penalty = 0.0
    for W, V in ((Q[:, :2], Q[:, 2:]) for Q in neurons):
        F += problem.activation(problem.inputs @ W.T) @ V
        penalty += 0.5 * (W**2).sum() + 0.5 * (V**2).sum()
    if bias == "all":
        F, penalty = F + primal.bias_out, penalty + 0.5 * (primal.bias_out**2).sum()
    np.testing.assert_allclose(primal.fit(problem, prog.patterns), F, atol=1e-12)
    assert primal.penalty(problem) == pytest.approx(0.3 * penalty, rel=1e-12)
    assert primal.objective(problem, prog.patterns) == pytest.approx(problem.loss_at(F) + 0.3 * penalty, rel=1e-12)
    assert primal.cone_violation(problem, prog.patterns) <= 1e-14


def test_moments_outside_their_cell_or_of_no_neurons_are_violations():
    problem = make_problem(np.eye(2), np.eye(2), 0.3)
    prog = ConvexProgram(problem, arrangement=enumerate_patterns(np.eye(2)))
    _, primal = moments_of(prog, np.random.default_rng(0))
    outside = np.array(primal.moments)
    outside[0, :2, :2] *= np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert MomentPrimal(outside, np.eye(2)).cone_violation(problem, prog.patterns) > 0.01
    indefinite = np.array(primal.moments)
    indefinite[1] -= 0.1 * np.eye(4)
    assert MomentPrimal(indefinite, np.eye(2)).cone_violation(problem, prog.patterns) >= 0.1 - 1e-12


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 2)])
def test_moments_need_square_blocks_beyond_the_plane(shape):
    with pytest.raises(InvalidInputError, match=r"moments of shape \(P, r \+ q, r \+ q\).*try: form.primal\(\)"):
        MomentPrimal(np.zeros(shape), np.eye(2))
