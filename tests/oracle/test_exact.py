"""The oracle against exact rational arithmetic: lower <= D(N) <= upper must hold without any tolerance."""

from fractions import Fraction

import numpy as np
import pytest
from checks import assert_exact_bound
from hypothesis import given
from hypothesis import strategies as st
from oracles import exact_problem_dual_norm_squared, phi_exact
from strategies import ACTIVATIONS, examples, grids, problems

from relucvx.errors import InvalidInputError
from relucvx.oracle import dual_norm
from relucvx.program.duality import balance_dual
from relucvx.program.posing import make_problem
from relucvx.types import Bias

METHODS = ("auto", "enumeration", "branch_and_bound", "semidefinite", "spectral")


def dual_points(problem, seed):
    """A Gaussian, an integer and a lopsided dual point, balanced where the bias is free."""
    rng = np.random.default_rng(seed)
    n = problem.n_samples
    for N in (rng.standard_normal(n), rng.integers(-3, 4, n).astype(float), 10.0 ** rng.uniform(-8, 8, n)):
        yield balance_dual(problem, N[:, None])


@examples(60)
@given(problems(max_n=5, max_d=2, losses=("squared",)), st.sampled_from(METHODS), st.integers(0, 10**6))
def test_interval_contains_the_exact_value(problem, method, seed):
    for N in dual_points(problem, seed):
        assert_exact_bound(problem, N, dual_norm(problem, N, method=method))


@examples(20)
@given(
    problems(max_n=5, max_d=2, losses=("squared",)),
    st.floats(0.2, 1.3),
    st.integers(0, 10**6),
    st.sampled_from([2, 20, 200]),
)
def test_targets_and_budgets_keep_the_interval_valid(problem, share, seed, max_cones):
    for N in dual_points(problem, seed):
        goal = share * float(exact_problem_dual_norm_squared(problem, N)) ** 0.5
        for method in ("enumeration", "branch_and_bound"):
            assert_exact_bound(problem, N, dual_norm(problem, N, method=method, target=goal))
            assert_exact_bound(problem, N, dual_norm(problem, N, method=method, stop_above=goal))
        starved = dual_norm(problem, N, method="branch_and_bound", max_cones=max_cones, n_starts=1)
        assert_exact_bound(problem, N, starved)


@examples(15)
@given(problems(max_n=4, max_d=3, losses=("squared",), biases=("none",)), st.integers(0, 10**6))
def test_three_coordinates(problem, seed):
    for N in dual_points(problem, seed):
        for method in METHODS:
            assert_exact_bound(problem, N, dual_norm(problem, N, method=method))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", Bias)
def test_exact_methods_are_tight(bias, activation):
    rng = np.random.default_rng(3)
    problem = make_problem(rng.standard_normal((5, 2)), rng.standard_normal(5), 0.1, bias=bias, activation=activation)
    N = balance_dual(problem, rng.standard_normal((5, 1)))
    exact = float(exact_problem_dual_norm_squared(problem, N)) ** 0.5
    for method in ("enumeration", "branch_and_bound"):
        bound = dual_norm(problem, N, method=method)
        assert bound.upper - bound.lower <= 1e-10 * exact, method
        assert bound.lower <= exact <= bound.upper


@pytest.mark.parametrize("bias", Bias)
def test_far_away_data(bias):
    """A tight cluster far from the origin: centring must not cost validity."""
    rng = np.random.default_rng(5)
    for offset in (1e3, 1e8, 1e12):
        problem = make_problem(offset + rng.standard_normal((5, 1)), rng.standard_normal(5), 0.1, bias=bias)
        for N in dual_points(problem, 1):
            for method in METHODS:
                assert_exact_bound(problem, N, dual_norm(problem, N, method=method))


@pytest.mark.parametrize("power", [-45, -8, 8, 45])
@pytest.mark.parametrize("bias", Bias)
def test_extreme_scales(bias, power):
    rng = np.random.default_rng(6)
    problem = make_problem(10.0**power * rng.standard_normal((4, 2)), np.ones(4), 1.0, bias=bias)
    for N in dual_points(problem, 2):
        for method in METHODS:
            assert_exact_bound(problem, N, dual_norm(problem, N, method=method))


@pytest.mark.parametrize("power", [-170, -160, -100, 100, 160, 170])
def test_scales_whose_squares_leave_float64_are_refused(power):
    values = 10.0**power * np.random.default_rng(7).standard_normal((5, 2))
    with pytest.raises(InvalidInputError, match="X with a largest entry between"):
        make_problem(values, np.ones(5), 1.0)
    with pytest.raises(InvalidInputError, match="Y with a largest entry between"):
        make_problem(np.ones((5, 2)), values, 1.0)


@examples(60)
@given(grids(5, 1, span=6), grids(5, 3, span=3), st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.25, -0.5)]))
def test_several_outputs_in_one_dimension(X, N, slopes):
    """D = max over w = ±1 of ||Nᵀ phi(xw)||: two vectors of rationals."""
    problem = make_problem(X, np.zeros((5, 3)), 1.0, activation=slopes)
    exact = Fraction(0)
    for w in (1, -1):
        hidden = [phi_exact(Fraction(float(x)) * w, slopes) for x in X[:, 0]]
        parts = [sum(h * Fraction(float(v)) for h, v in zip(hidden, column, strict=True)) for column in N.T]
        exact = max(exact, sum(p * p for p in parts))
    for method in ("branch_and_bound", "semidefinite", "spectral"):
        bound = dual_norm(problem, N, method=method)
        assert Fraction(bound.lower) ** 2 <= exact <= Fraction(bound.upper) ** 2
        if method == "branch_and_bound":
            assert bound.upper - bound.lower <= 1e-10 * (1 + bound.upper)
