"""The bound over the cells by itself, before anything that a search reaches is taken into account."""

import numpy as np
import pytest

from relucvx.arrangement import enumerate_patterns
from relucvx.oracle import make_form, spectral_bound
from relucvx.oracle.enumeration import enumerated_bound
from relucvx.program.duality import balance_dual
from relucvx.program.problem import make_problem

ANGLES = np.linspace(0.0, 2.0 * np.pi, 400_001)


def planar(bias, activation, seed, n=7):
    """A problem in two lifted dimensions, a dual point, and its dual norm over dense angles."""
    rng = np.random.default_rng(seed)
    problem = make_problem(
        rng.standard_normal((n, 2 if bias == "none" else 1)), rng.standard_normal(n), 1.0, "squared", bias, activation
    )
    N = balance_dual(problem, rng.standard_normal((n, 1)))
    walls = np.arctan2(problem.inputs[:, 0], -problem.inputs[:, 1])  # kinks, where a maximum can sit
    angles = np.concatenate([ANGLES, walls, walls + np.pi])
    Z = problem.inputs @ np.stack([np.cos(angles), np.sin(angles)])
    return problem, N, float(np.abs(N[:, 0] @ problem.activation(Z)).max())


@pytest.mark.parametrize("activation", ["relu", "abs", (0.1, 1.0), (-0.5, 1.0)])
@pytest.mark.parametrize("bias", ["none", "hidden", "all"])
def test_the_bound_over_all_cells_is_the_dual_norm(bias, activation):
    for seed in range(6):
        problem, N, truth = planar(bias, activation, seed)
        upper, lower, _ = enumerated_bound(
            make_form(problem.inputs, N, problem.activation), enumerate_patterns(problem.inputs), 0.0
        )
        assert truth * (1 - 1e-12) <= upper <= truth * (1 + 1e-8)
        assert truth * (1 - 1e-8) <= lower <= truth * (1 + 1e-8)


def test_either_side_can_be_the_larger_one():
    for sign in (1.0, -1.0):
        problem = make_problem([[1.0], [2.0]], [0.0, 0.0], 1.0)
        form = make_form(problem.inputs, sign * np.array([[3.0], [0.5]]), problem.activation)
        assert enumerated_bound(form, enumerate_patterns(problem.X), 0.0)[0] == pytest.approx(4.0, rel=1e-12)


def test_the_spectral_bound_is_reached_by_one_sample():
    problem = make_problem([[3.0, 4.0]], [0.0], 1.0)
    assert spectral_bound(make_form(problem.inputs, np.array([[2.0]]), problem.activation)) == pytest.approx(
        10.0, rel=1e-12
    )
