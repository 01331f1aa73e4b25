"""The step over output weights."""

import numpy as np
from solver.test_step_several_outputs import gaussian

from relucvx.program.posing import make_problem
from relucvx.solver.outputs import solve_outputs


# ---------------------------------------------------------------- the steps
def test_outputs_step_is_the_group_lasso():
    """KKT of min ½||ΦV - Y||² + beta Σ||v_j||: ||Φ_jᵀ R|| <= beta, equality and alignment where v_j is alive."""
    X, Y = gaussian(15, 3, 2, seed=10)
    problem = make_problem(X, Y, 0.5)
    W = np.random.default_rng(1).standard_normal((12, 3))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    V, b, dual = solve_outputs(problem, W)
    atoms = np.maximum(X @ W.T, 0.0)
    R = Y - atoms @ V
    assert np.allclose(dual, R, atol=1e-6)
    pull = atoms.T @ R
    size = np.linalg.norm(V, axis=1)
    alive = size > 1e-6
    assert 0 < alive.sum() < len(W)
    assert np.all(np.linalg.norm(pull, axis=1) <= 0.5 * (1 + 1e-6))
    # a gap of 1e-10 fixes the vectors to its square root only
    assert np.allclose(pull[alive] * size[alive, None], 0.5 * V[alive], atol=1e-5)
    assert np.array_equal(b, np.zeros(2))
