"""The bound over the cells by itself, before anything that a search reaches is taken into account."""

import numpy as np
import pytest
from oracle.test_dual_norm_bound import case, value_of
from oracles import climbed_dual_norm
from strategies import ACTIVATIONS

from relucvx.arrangement import enumerate_patterns
from relucvx.oracle import dual_norm, make_form, spectral_bound
from relucvx.oracle.enumeration import enumerated_bound
from relucvx.program.duality import balance_dual
from relucvx.program.posing import make_problem
from relucvx.types import Bias

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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_branch_and_bound_enumeration_and_sampling_agree(d, bias, activation):
    problem, N = case(bias, activation, d=d, seed=d)
    rng = np.random.default_rng(0)
    tree = dual_norm(problem, N, method="branch_and_bound")
    cells = dual_norm(problem, N, method="enumeration")
    assert tree.outcome == cells.outcome == "proved"
    assert tree.upper - tree.lower <= 1e-9 * tree.upper
    assert cells.upper - cells.lower <= 1e-9 * cells.upper
    assert tree.lower <= cells.upper
    assert cells.lower <= tree.upper
    found = climbed_dual_norm(problem, N, rng)
    assert 0.995 * tree.upper <= found <= tree.upper * (1 + 1e-12)
    for bound in (tree, cells):
        assert value_of(problem, N, bound.witness) == pytest.approx(bound.lower, rel=1e-9)
        assert np.linalg.norm(bound.witness[: problem.penalized]) == pytest.approx(1.0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0, 1e4])
def test_enumeration_with_a_free_bias_does_not_depend_on_units(scale):
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((9, 2)), rng.standard_normal(9)
    problem = make_problem(X * scale, y, 1.0, bias="free")
    N = balance_dual(problem, problem.Y)
    found = dual_norm(problem, N, method="enumeration")
    other = dual_norm(problem, N, method="branch_and_bound")
    assert found.upper == pytest.approx(other.upper, rel=1e-6)
    assert found.upper - found.lower <= 1e-6 * found.upper
