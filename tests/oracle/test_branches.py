"""The dual norm of branches: its definition, brute force, and the parts that bound it."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.deadline import Deadline
from relucvx.oracle import dual_norm
from relucvx.oracle.branches import MOST_INPUTS, branch_norm, branch_values, search_branches


def drawn(seed, n=6, d=2):
    rng = np.random.default_rng(seed)
    return rx.make_problem(rng.standard_normal((n, d)), rng.standard_normal(n), 1.0), rng.standard_normal((n, 1))


def literal(problem, N, branch, second):
    """The value of one branch, sample by sample."""
    total = 0.0
    for x, weight in zip(problem.inputs, N[:, 0], strict=True):
        inner = max(float(x @ branch[0]), 0.0) + second * max(float(x @ branch[1]), 0.0)
        total += weight * max(inner, 0.0)
    return total


@pytest.mark.parametrize(("seed", "d"), [(0, 1), (1, 2), (2, 2), (3, 2)])
def test_no_random_branch_is_above_the_bound_and_the_witness_reaches_it(seed, d):
    problem, N = drawn(seed, 6, d)
    found = branch_norm(problem, N, target=0.0, time_limit=5.0)
    assert found.upper <= found.lower * (1 + 1e-6)
    assert np.linalg.norm(found.witness) == pytest.approx(1.0, rel=1e-9)
    assert abs(literal(problem, N, found.witness, found.second)) == pytest.approx(found.lower, rel=1e-9)
    rng = np.random.default_rng(seed)
    U = rng.standard_normal((200_000, 2, d))
    # many near the witness, where the bound is tight
    U[::2] = found.witness + 0.05 * U[::2]
    U /= np.linalg.norm(U, axis=(1, 2), keepdims=True)
    for second in (-1.0, 1.0):
        assert np.abs(branch_values(problem.inputs, N[:, 0], U, second)).max() <= found.upper


def test_values_are_the_definition_and_swapping_changes_signs():
    problem, N = drawn(4)
    U = np.random.default_rng(1).standard_normal((20, 2, 2))
    for second in (-1.0, 1.0):
        expected = [literal(problem, N, branch, second) for branch in U]
        np.testing.assert_allclose(branch_values(problem.inputs, N[:, 0], U, second), expected, rtol=1e-12)


def test_two_layers_are_among_the_branches():
    """u_2 = u_1 and equal signs give √2 times two layers; so the norm is at least that."""
    problem, N = drawn(5)
    two, three = dual_norm(problem, N), branch_norm(problem, N, time_limit=5.0)
    assert three.upper >= np.sqrt(2) * two.lower
    # where N has one sign only, opposite signs gain nothing over that
    both = branch_norm(problem, np.abs(N), time_limit=5.0)
    assert both.second == 1.0
    assert both.lower == pytest.approx(np.sqrt(2) * dual_norm(problem, np.abs(N)).lower, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_units_do_not_matter(scale):
    problem, N = drawn(6)
    plain, scaled = branch_norm(problem, N, target=0.0, time_limit=5.0), branch_norm(problem, scale * N, time_limit=5.0)
    assert scaled.upper == pytest.approx(scale * plain.upper, rel=1e-5)


def test_targets_and_violations_end_the_search():
    problem, N = drawn(7)
    value = branch_norm(problem, N, time_limit=5.0).lower
    early = branch_norm(problem, N, target=1.1 * value)
    assert early.outcome == "proved"
    assert value <= early.upper <= 1.1 * value * (1 + 1e-12)
    broken = branch_norm(problem, N, stop_above=0.5 * value)
    assert broken.outcome == "violated"
    assert abs(literal(problem, N, broken.witness, broken.second)) > 0.5 * value


def test_without_time_or_in_many_dimensions_the_bound_is_still_one():
    problem, N = drawn(8, 40, 4)
    value = branch_norm(problem, N, target=1e9).upper
    short = branch_norm(problem, N, time_limit=1e-6)
    assert short.outcome == "budget"
    best = search_branches(
        problem, N, 0.0, starts=np.zeros((0, 2, 4)), limit=5, deadline=Deadline(), rng=0
    )[2].max()  # fmt: skip
    assert best <= short.upper <= 1e3 * value
    wide, M = drawn(9, 5, MOST_INPUTS + 1)
    U = np.random.default_rng(0).standard_normal((1000, 2, MOST_INPUTS + 1))
    U /= np.linalg.norm(U, axis=(1, 2), keepdims=True)
    found = branch_norm(wide, M, time_limit=2.0)
    assert found.outcome == "budget"
    assert np.abs(branch_values(wide.inputs, M[:, 0], U)).max() <= found.upper


def test_search_finds_the_largest_value_on_small_problems():
    for seed in range(4):
        problem, N = drawn(20 + seed)
        U, signs, values = search_branches(
            problem, N, 0.0, starts=np.zeros((0, 2, 2)), limit=50, deadline=Deadline(), rng=0
        )
        assert values[0] == pytest.approx(branch_norm(problem, N, time_limit=5.0).lower, rel=1e-6)
        assert (np.diff(values) <= 0).all()
        np.testing.assert_allclose(np.linalg.norm(U, axis=(1, 2)), 1.0)
        for branch, second, value in zip(U, signs, values, strict=True):
            assert abs(literal(problem, N, branch, second)) == pytest.approx(value, rel=1e-9)


def test_a_zero_dual_point_gains_nothing():
    problem, N = drawn(10)
    assert branch_norm(problem, 0.0 * N).upper <= 1e-12


def test_either_sign_of_the_dual_point_has_the_same_norm():
    """Where no line gains anything, a branch of opposite signs is best: for one sign of N as it is, else for the other."""
    x = np.linspace(-1, 1, 7)
    X = np.column_stack([x, np.ones(7)])
    N = np.random.default_rng(0).standard_normal((4, 7))[3][:, None]
    basis = np.linalg.qr(X)[0]
    N = N - basis @ (basis.T @ N)
    problem = rx.make_problem(X, N[:, 0], 1.0)
    one, other = branch_norm(problem, N, time_limit=5.0), branch_norm(problem, -N, time_limit=5.0)
    assert one.second == other.second == -1.0
    assert one.lower == pytest.approx(other.lower, rel=1e-6)
    assert one.lower > np.sqrt(2) * dual_norm(problem, N).upper
