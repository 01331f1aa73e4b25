"""Which targets some network fits: exact comparisons, ranks that no rounding changes, and what is said where it could."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from relucvx.errors import InfeasibleError
from relucvx.program import feasibility
from relucvx.program.feasibility import allowance, check_feasible
from relucvx.program.posing import make_problem

BIASES = ["none", "hidden", "all", "free"]
ACTIVATIONS = ["relu", "abs", "leaky_relu", "linear"]


def possible(X, y, bias="none", activation="relu"):
    said = refusal(X, y, bias, activation)
    assert "numerically" not in said
    return not said


def refusal(X, y, bias="none", activation="relu"):
    try:
        check_feasible(make_problem(X, y, 1.0, bias=bias, activation=activation))
    except InfeasibleError as error:
        return str(error)
    return ""


def in_the_dictionary(X, y, bias, activation):
    """Whether y is in the span of very many random hidden units, for small integers."""
    problem = make_problem(X, y, 1.0, bias=bias, activation=activation)
    W = np.random.default_rng(0).normal(size=(problem.inputs.shape[1], 300))
    H = problem.activation(problem.inputs @ W)
    if bias in ("all", "free"):
        H = np.hstack([H, np.ones((len(X), 1))])
    left = y - H @ np.linalg.lstsq(H, y, rcond=1e-9)[0]
    return bool(np.linalg.norm(left) < 1e-6 * max(1.0, np.linalg.norm(y)))


@examples(200)
@given(
    rows=st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=1, max_size=7),
    values=st.lists(st.integers(-2, 2), min_size=7, max_size=7),
    powers=st.tuples(*[st.integers(-30, 30)] * 3),
    bias=st.sampled_from(BIASES),
    activation=st.sampled_from(ACTIVATIONS),
    fits=st.booleans(),
)
def test_units_of_columns_change_nothing(rows, values, powers, bias, activation, fits):
    X, y = np.array(rows, float), np.array(values[: len(rows)], float)
    if fits:
        act = make_problem(X, y, 1.0, activation=activation).activation
        y = act(X @ np.array([[1.0, -2.0], [2.0, 1.0], [-1.0, 0.0]])) @ np.array([1.0, -3.0])
    right = in_the_dictionary(X, y, bias, activation)
    assert possible(X, y, bias, activation) == right
    assert possible(X * 2.0 ** np.array(powers), y, bias, activation) == right
    assert possible(X * 2.0 ** powers[0], y * 2.0 ** powers[1], bias, activation) == right


@pytest.mark.parametrize("bias", ["hidden", "all", "free"])
@pytest.mark.parametrize("step", [1e-12, 1e-300, 2.0**-52])
def test_a_bias_and_a_kink_fit_whatever_is_not_equal(bias, step):
    X = np.column_stack([np.full(6, 1.0), step * np.arange(6.0)])
    y = np.sin(np.arange(6.0))
    assert possible(X, y, bias)
    assert possible(-X, y, bias)
    assert not possible(np.vstack([X, X[2]]), np.append(y, 3.0), bias)
    assert possible(np.vstack([X, X[2]]), np.append(y, y[2]), bias)
    assert not possible(np.array([[0.0], [-0.0]]), np.array([1.0, 2.0]), bias)


@pytest.mark.parametrize("bias", ["hidden", "all", "free"])
@pytest.mark.parametrize("X", [1.7e9 + 86400.0 * np.arange(8.0), 1e-12 * (1 + np.arange(8.0)), 3e4 * np.arange(8.0)])
def test_lines_are_fitted_wherever_they_are(bias, X):
    fine, bent = (X - X[0]) / (X[1] - X[0]), np.sin(np.arange(8.0))
    assert possible(X[:, None], fine, bias, "linear")
    assert not possible(X[:, None], bent, bias, "linear")


def test_offset_targets_are_compared_around_their_middle():
    X = np.array([[0.0], [1.0], [0.0]])
    assert not possible(X, np.array([0.0, 5.0, 0.1]) + 1e10, "free")
    problem = make_problem(X, np.array([0.0, 5.0, 0.1]) + 1e10, 1.0, bias="free")
    assert allowance(problem) < 1e-4


def test_rows_on_one_ray_only_to_rounding_are_said_to_be_so():
    x = np.array([0.1, 0.7, 0.3])
    for t in (3.0, 7.0, 1e-9, 1.1):
        X = np.vstack([x, t * x])
        whole = [[Fraction(v) for v in row] for row in X]
        assert any(whole[0][k] * whole[1][0] != whole[1][k] * whole[0][0] for k in range(3))
        said = refusal(X, np.array([1.0, 5.0]))
        assert not said or "numerically" in said
        check_feasible(make_problem(X, np.array([1.0, t]), 1.0))
    with pytest.raises(InfeasibleError, match="numerically, to rounding of the rows"):
        check_feasible(
            make_problem(np.array([[1.875, 0.98], [np.nextafter(1.875, 2), 0.98]]), np.array([1.0, 5.0]), 1.0)
        )


def test_pairs_on_lines_of_any_size_are_decided_exactly():
    """relu(x·w) - relu(-x·w) = x·w: three opposite pairs in the plane obey one linear relation, whatever their lengths."""
    half = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    size, back = 2.0 ** np.array([10.0, -10.0, 3.0])[:, None], 2.0 ** np.array([5.0, 7.0, 30.0])[:, None]
    X = np.vstack([half * size, -half * back])
    for third, right in ((2.0, True), (5.0, False)):
        y = np.append(size[:, 0] * [1.0, 1.0, third], np.zeros(3))
        assert possible(X, y) == right
        assert possible(X, y, activation="leaky_relu") == right


def test_what_is_too_large_for_exact_arithmetic_is_called_numerical(monkeypatch):
    rng = np.random.default_rng(0)
    A = rng.normal(size=(12, 2))
    X = np.column_stack([A, A[:, 0] + A[:, 1]])
    y = rng.normal(size=12)
    with pytest.raises(InfeasibleError, match="likely cause: the rows of X are tied by linear relations that every"):
        check_feasible(make_problem(X, y, 1.0, activation="linear"))
    monkeypatch.setattr(feasibility, "MOST_EXACT", 0)
    with pytest.raises(InfeasibleError, match="numerically, the rows of X are tied"):
        check_feasible(make_problem(X, y, 1.0, activation="linear"))


def test_a_system_that_floats_cannot_solve_and_rationals_can():
    """Columns that differ in the last bit of one entry: solvable, with weights of 2^52, and so not called infeasible."""
    X = np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])
    assert possible(X, np.array([0.0, 1.0]), activation="linear")
    assert not possible(np.vstack([X, X[1]]), np.array([0.0, 1.0, 2.0]), activation="linear")


def test_only_zero_rows():
    assert possible(np.zeros((3, 2)), np.zeros(3))
    assert not possible(np.zeros((3, 2)), np.ones(3))
    assert possible(np.zeros((3, 2)), np.ones(3), "hidden")
