"""Points of the convex program."""

import numpy as np
import pytest
from program.test_model import program

from relucvx.errors import InvalidInputError
from relucvx.program.atoms import ConvexPrimal


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
