"""The limit beta -> 0+: which data contradict themselves, and what is then said."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InfeasibleError, InvalidInputError, UnsupportedError
from relucvx.program.feasibility import check_feasible
from relucvx.program.interpolation import InterpolationProgram
from relucvx.program.posing import make_problem
from relucvx.types import as_activation


def program(X, y, bias="none", activation="relu"):
    inputs = make_problem(X, y, 1.0, bias=bias).inputs
    return InterpolationProgram(X, y, arrangement=enumerate_patterns(inputs), bias=bias, activation=activation)


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
def test_equal_rows_with_different_targets(bias):
    X = np.array([[1.0, 2.0], [0.5, -1.0], [1.0, 2.0]])
    with pytest.raises(InfeasibleError, match=r"equal targets for equal rows.*rows 0 and 2 with targets \[1.\] and"):
        program(X, np.array([1.0, 0.0, 2.0]), bias)
    program(X, np.array([1.0, 0.0, 1.0]), bias)


def test_zero_row_without_bias():
    X = np.array([[1.0, 2.0], [0.0, 0.0]])
    with pytest.raises(InfeasibleError, match=r"target 0 wherever x = 0.*target \[3.\] at row 1"):
        program(X, np.array([1.0, 3.0]))
    program(X, np.array([1.0, 0.0]))
    program(X, np.array([1.0, 3.0]), "hidden")


def test_rays_without_bias():
    X = np.array([[1.0, 2.0], [3.0, 6.0], [-1.0, -2.0]])
    with pytest.raises(InfeasibleError, match=r"proportional along each line.*rows 0 and 1 .*positively homogeneous"):
        program(X, np.array([1.0, 1.0, 7.0]))
    program(X, np.array([1.0, 3.0, 7.0]))
    program(X, np.array([1.0, 1.0, 7.0]), "all")


def test_opposite_rows_matter_for_even_and_odd_activations():
    X = np.array([[1.0, 2.0], [-2.0, -4.0]])
    program(X, np.array([1.0, 2.0]), activation="abs")
    with pytest.raises(InfeasibleError, match="rows 0 and 1"):
        program(X, np.array([1.0, -2.0]), activation="abs")
    program(X, np.array([1.0, -2.0]), activation="linear")
    with pytest.raises(InfeasibleError, match="rows 0 and 1"):
        program(X, np.array([1.0, 2.0]), activation="linear")
    program(X, np.array([1.0, 5.0]))


def test_hidden_linear_relations_are_found_by_the_span():
    """F(x) - F(-x) is linear in x for ReLU without bias: three opposite pairs in the plane are tied."""
    half = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    X = np.vstack([half, -half])
    program(X, np.array([1.0, 2.0, 3.0, 0.0, 0.0, 0.0]))
    with pytest.raises(InfeasibleError, match=r"targets off by .* at best.*linear relations.*try: bias=\"all\""):
        program(X, np.array([1.0, 2.0, 5.0, 0.0, 0.0, 0.0]))
    program(X, np.array([1.0, 2.0, 5.0, 0.0, 0.0, 0.0]), "all")


def test_linear_activation_with_bias_suggests_a_penalty():
    X = np.array([[0.0], [1.0], [2.0]])
    with pytest.raises(InfeasibleError, match=r"linear relations.*try: relucvx.solve with beta > 0"):
        program(X, np.array([0.0, 1.0, 5.0]), "all", "linear")


def test_too_few_patterns():
    X = np.random.default_rng(0).normal(size=(8, 2))
    y = np.random.default_rng(1).normal(size=8)
    arrangement = enumerate_patterns(X)
    few = dataclasses.replace(arrangement, patterns=arrangement.patterns[:2], generators=arrangement.generators[:2])
    with pytest.raises(InfeasibleError, match=r"the patterns are too few.*enumerate_patterns instead of sample"):
        InterpolationProgram(X, y, arrangement=few)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=6),
    values=st.lists(st.integers(-2, 2), min_size=6, max_size=6),
    bias=st.sampled_from(["none", "hidden", "free"]),
    activation=st.sampled_from(["relu", "abs", "leaky_relu", "linear"]),
)
def test_feasibility_matches_a_dense_dictionary(rows, values, bias, activation):
    """Interpolation is possible iff Y lies in the span of very many random hidden units."""
    X, y = np.array(rows, float), np.array(values[: len(rows)], float)
    inputs = make_problem(X, y, 1.0, bias=bias).inputs
    W = np.random.default_rng(0).normal(size=(inputs.shape[1], 400))
    H = as_activation(activation)(inputs @ W)
    if bias == "free":
        H = np.hstack([H, np.ones((len(X), 1))])
    left = y - H @ np.linalg.lstsq(H, y, rcond=1e-9)[0]
    possible = bool(np.linalg.norm(left) < 1e-6 * max(1.0, np.linalg.norm(y)))
    try:
        program(X, y, bias, activation)
        found = True
    except InfeasibleError:
        found = False
    assert found == possible


def test_consistency_check_handles_several_outputs():
    X = np.array([[1.0], [1.0]])
    check_feasible(make_problem(X, np.array([[1.0, 2.0], [1.0, 2.0]]), 1.0))
    with pytest.raises(InfeasibleError, match="rows 0 and 1"):
        check_feasible(make_problem(X, np.array([[1.0, 2.0], [1.0, 3.0]]), 1.0))


def test_other_bad_input():
    X = np.random.default_rng(0).normal(size=(4, 2))
    solid = np.random.default_rng(0).normal(size=(4, 3))
    with pytest.raises(UnsupportedError, match="rank 3, with 2 output weights"):
        InterpolationProgram(solid, X, arrangement=enumerate_patterns(solid))
    with pytest.raises(InvalidInputError, match="column of ones"):
        InterpolationProgram(X, X[:, 0], arrangement=enumerate_patterns(X), bias="all")


def test_from_problem_and_form():
    X, y = np.random.default_rng(0).normal(size=(4, 2)), np.arange(4.0)
    problem = make_problem(X, y, 0.01, bias="hidden")
    prog = InterpolationProgram(problem, arrangement=enumerate_patterns(problem.inputs))
    assert prog.problem.beta == 1.0
    assert prog.problem.scalar_output
    form = prog.to_cvxpy()
    assert form.problem.is_dcp(dpp=True)
    np.testing.assert_array_equal(form.fit.value, y)
    assert (
        InterpolationProgram(make_problem(X, y[:, None], 1.0), arrangement=enumerate_patterns(X)).problem.scalar_output
        is False
    )
