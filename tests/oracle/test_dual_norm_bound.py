"""dual_norm: methods agree with each other and with dense sampling; budgets and early exits stay valid."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import climbed_dual_norm, sampled_dual_norm
from strategies import ACTIVATIONS, examples, problems

from relucvx.arrangement import enumerate_patterns, sample_patterns
from relucvx.datasets import degenerate_bank
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.oracle import choose_method, dual_norm, make_form, spectral_bound
from relucvx.program.duality import balance_dual
from relucvx.program.posing import make_problem
from relucvx.types import Bias, Scope


def case(bias="none", activation="relu", c=1, n=10, d=2, seed=0):
    """A problem and a balanced Gaussian dual point."""
    rng = np.random.default_rng(seed)
    problem = make_problem(
        rng.standard_normal((n, d)), rng.standard_normal((n, c)), 0.1, bias=bias, activation=activation
    )
    return problem, balance_dual(problem, rng.standard_normal((n, c)))


def value_of(problem, N, w):
    """||Nᵀ phi(Xa w)|| / ||w||_penalised."""
    return float(np.linalg.norm(problem.activation(problem.inputs @ w) @ N) / np.linalg.norm(w[: problem.penalized]))


@pytest.mark.parametrize("c", [2, 3])
@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_several_outputs(d, bias, c):
    problem, N = case(bias, c=c, d=d, n=7, seed=c)
    bound = dual_norm(problem, N, max_cones=200_000)
    found = max(
        climbed_dual_norm(problem, N, np.random.default_rng(1), 60, 300),
        sampled_dual_norm(problem, N, np.random.default_rng(2)),
    )
    assert found <= bound.upper * (1 + 1e-12)
    assert found >= 0.99 * bound.lower
    assert bound.scope is Scope.ALL_PATTERNS
    if d <= 2 or bias == "none":
        assert bound.upper <= bound.lower * (1 + 1e-6)


def test_four_coordinates_are_exact():
    problem, N = case(d=4, n=14)
    bound = dual_norm(problem, N, method="branch_and_bound")
    assert bound.upper - bound.lower <= 1e-9 * bound.upper
    assert dual_norm(problem, N, method="enumeration").upper == pytest.approx(bound.upper, rel=1e-9)


@examples(60)
@given(problems(max_n=7, max_d=3, losses=("squared",), outputs=2), st.integers(0, 10**6))
def test_random_vector_outputs_hold(problem, seed):
    rng = np.random.default_rng(seed)
    N = balance_dual(problem, rng.standard_normal(problem.Y.shape))
    found = sampled_dual_norm(problem, N, rng, 3000)
    for budget in (8, 300, 20_000):
        bound = dual_norm(problem, N, max_cones=budget)
        assert found <= bound.upper * (1 + 1e-9)
        assert bound.lower <= bound.upper


@pytest.mark.parametrize("name", sorted(degenerate_bank()))
@pytest.mark.parametrize("bias", Bias)
def test_degenerate_data(name, bias):
    sample = degenerate_bank()[name]
    problem = make_problem(sample.X, sample.Y, 1.0, bias=bias)
    rng = np.random.default_rng(0)
    N = balance_dual(problem, rng.standard_normal(problem.Y.shape))
    found = sampled_dual_norm(problem, N, rng, 3000)
    slack = 1e-12 * np.abs(N).sum() * np.abs(problem.inputs).max()
    tree, cells = (dual_norm(problem, N, method=m) for m in ("branch_and_bound", "enumeration"))
    for bound in (tree, cells, dual_norm(problem, N, method="spectral")):
        assert found <= bound.upper + slack
    assert tree.lower <= cells.upper
    assert cells.lower <= tree.upper


@pytest.mark.parametrize("bias", Bias)
@pytest.mark.parametrize("c", [1, 2])
def test_spectral_bound_is_valid(bias, c):
    for seed in range(10):
        problem, N = case(bias, ACTIVATIONS[seed % 5], c=c, seed=seed)
        bound = dual_norm(problem, N, method="spectral")
        assert bound.method == "spectral"
        linear = problem.activation.hinge == 0.0  # then the spectral norm is the dual norm itself
        assert bound.scope is (Scope.ALL_PATTERNS if linear else Scope.RELAXED)
        assert not linear or bound.upper == pytest.approx(bound.lower, rel=1e-9)
        assert bound.upper >= sampled_dual_norm(problem, N, np.random.default_rng(seed), 5000)
        form = make_form(problem.inputs, N, problem.activation, free_bias=bias == "free")
        assert bound.upper == pytest.approx(spectral_bound(form))


@pytest.mark.parametrize("c", [1, 2])
def test_budgets_only_loosen(c):
    problem, N = case(d=4, n=20, c=c)
    full = dual_norm(problem, N, method="branch_and_bound", max_cones=2_000_000)
    last = np.inf
    for budget in (20, 200, 2000, 20_000):
        bound = dual_norm(problem, N, method="branch_and_bound", max_cones=budget, n_starts=1)
        assert bound.upper >= full.lower
        assert bound.upper <= last * (1 + 1e-9)
        last = bound.upper
    assert dual_norm(problem, N, method="branch_and_bound", max_cones=20).outcome == "budget"


@pytest.mark.parametrize("method", ["enumeration", "branch_and_bound", "auto"])
def test_stop_above_returns_a_violating_direction(method):
    problem, N = case(n=12, d=3)
    exact = dual_norm(problem, N)
    bound = dual_norm(problem, N, method=method, stop_above=0.9 * exact.lower)
    assert bound.outcome == "violated" or method == "enumeration"
    assert value_of(problem, N, bound.witness) > 0.9 * exact.lower
    assert bound.upper >= exact.lower
    never = dual_norm(problem, N, method=method, target=1.1 * exact.upper, stop_above=1.1 * exact.upper)
    assert never.outcome == "proved"
    assert exact.lower <= never.upper <= 1.1 * exact.upper


def test_time_limit_and_callback():
    problem, N = case(n=60, d=7, c=2)
    began = time.perf_counter()
    limited = dual_norm(problem, N, method="branch_and_bound", time_limit=0.05)
    assert time.perf_counter() - began < 3.0
    assert limited.outcome == "budget"
    states = []
    stopped = dual_norm(
        problem, N, method="branch_and_bound", callback=lambda s: states.append(s.upper) or len(states) == 3
    )
    assert len(states) == 3
    assert stopped.outcome == "budget"
    assert stopped.upper <= states[-1]
    found = sampled_dual_norm(problem, N, np.random.default_rng(0))
    assert found <= min(states) * (1 + 1e-12)
    assert states == sorted(states, reverse=True)


@pytest.mark.parametrize("bias", Bias)
def test_zero_dual_point_and_zero_data(bias):
    problem, N = case(bias)
    bound = dual_norm(problem, 0.0 * N)
    assert bound.lower == 0.0
    assert bound.upper == 0.0
    empty = make_problem(np.zeros((4, 2)), np.ones(4), 1.0, bias=bias)
    bound = dual_norm(empty, balance_dual(empty, np.array([[1.0], [2.0], [-1.0], [0.5]])))
    expected = 2.5 if bias in ("hidden", "all") else 0.0
    assert bound.lower == pytest.approx(expected)
    assert bound.upper == pytest.approx(expected)


def test_methods_are_chosen_by_size():
    small, N = case(n=6, d=2)
    assert choose_method(make_form(small.inputs, N, small.activation)) == "enumeration"
    large, N = case(n=100, d=4)
    assert choose_method(make_form(large.inputs, N, large.activation)) == "branch_and_bound"
    vector, N = case(n=6, d=2, c=2)
    assert choose_method(make_form(vector.inputs, N, vector.activation)) == "branch_and_bound"
    wide, N = case(n=60, d=20)
    assert choose_method(make_form(wide.inputs, N, wide.activation)) == "spectral"
    bound = dual_norm(wide, N)
    assert bound.scope is Scope.RELAXED
    assert bound.upper >= bound.lower > 0


def test_errors():
    problem, N = case()
    with pytest.raises(InvalidInputError, match="a method among auto, enumeration"):
        dual_norm(problem, N, method="magic")
    incomplete = sample_patterns(problem.inputs, 3, rng=0)
    with pytest.raises(InvalidInputError, match="complete arrangement of the problem's augmented inputs"):
        dual_norm(problem, N, method="enumeration", arrangement=incomplete)
    biased, M = case("hidden")
    with pytest.raises(InvalidInputError, match="a column of ones appended"):
        dual_norm(biased, M, method="enumeration", arrangement=enumerate_patterns(biased.X))
    vector, V = case(c=2)
    with pytest.raises(UnsupportedError, match="one output, received 2"):
        dual_norm(vector, V, method="enumeration")
    with pytest.raises(InvalidInputError, match="rng to be None"):
        dual_norm(problem, N, rng="x")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("c", [1, 2])
def test_zeros_in_the_dual_point_cost_no_more_than_leaving_the_samples_out(seed, c):
    rng = np.random.default_rng(seed)
    X, N = rng.standard_normal((9, 3)), rng.standard_normal((9, c))
    kept = rng.random(9) < 0.5
    kept[:2] = True
    N[~kept] = 0.0
    basis = make_problem(X, np.ones((9, c)), 0.1)
    fewer = make_problem(X[kept], np.ones((kept.sum(), c)), 0.1)
    full = dual_norm(basis, N, method="branch_and_bound", max_cones=20_000)
    part = dual_norm(fewer, N[kept], method="branch_and_bound", max_cones=20_000)
    assert full.outcome == part.outcome == "proved"
    assert full.upper == pytest.approx(part.upper, rel=1e-10)
