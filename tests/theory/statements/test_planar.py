"""The program in the plane, against dense directions."""

import numpy as np
import pytest

from relucvx.theory.statements.planar import planar_optimum


@pytest.mark.parametrize("c", [1, 2, 3])
def test_planar_program_is_the_group_lasso_over_dense_directions(c):
    """Against 720 directions on the circle with vector output weights; a finer grid comes closer from above."""
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(c)
    X, Y, beta = rng.standard_normal((4, 2)), rng.standard_normal((4, c)), 0.3
    angles = np.linspace(0.0, 2 * np.pi, 720, endpoint=False)
    hidden = np.maximum(X @ np.vstack([np.cos(angles), np.sin(angles)]), 0.0)
    V = cp.Variable((720, c))
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(hidden @ V - Y) + beta * cp.sum(cp.norm(V, 2, axis=1))))
    problem.solve(solver="CLARABEL")
    exact = planar_optimum(X, Y, beta)
    assert exact <= problem.value * (1 + 1e-7)
    assert problem.value == pytest.approx(exact, rel=1e-4)
