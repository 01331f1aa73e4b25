"""Cones: membership, projection by its KKT conditions and against a QP, and the cells around a gate."""

import itertools

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.arrangement import (
    adjacent_patterns,
    cone_margin,
    enumerate_patterns,
    in_cone,
    pattern_of,
    project_onto_cone,
)
from relucvx.errors import InvalidInputError


def as_set(patterns):
    return {tuple(row) for row in patterns.tolist()}


def assert_projection(c, X, pattern, result):
    w, mu = result
    B = np.where(pattern, 1.0, -1.0)[:, None] * X
    scale = np.linalg.norm(c) * max(1.0, np.abs(X).max())
    if (B @ w).min() < -1e-9 * scale:
        raise AssertionError("not in the cone")
    if mu.min() < 0 or np.abs(c + B.T @ mu - w).max() > 1e-9 * scale:
        raise AssertionError("multipliers do not give the projection")
    if abs(mu @ (B @ w)) > 1e-9 * scale**2:
        raise AssertionError("not complementary")


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_projection_satisfies_kkt(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 12), rng.integers(1, 5)
    X = rng.integers(-2, 3, (n, d)).astype(float)
    arr = enumerate_patterns(X)
    pattern = arr.patterns[rng.integers(len(arr))]
    c = rng.standard_normal(d) * 10.0 ** rng.integers(-3, 4)
    result = project_onto_cone(c, X, pattern)
    assert_projection(c, X, pattern, result)
    assert not result.multipliers[~X.any(axis=1)].any()


def test_projection_equals_a_qp():
    rng = np.random.default_rng(0)
    for _ in range(10):
        X, c = rng.standard_normal((8, 3)), rng.standard_normal(3)
        pattern = pattern_of(rng.standard_normal(3), X)
        B = np.where(pattern, 1.0, -1.0)[:, None] * X
        qp = scipy.optimize.minimize(
            lambda w, c=c: ((w - c) ** 2).sum(),
            np.zeros(3),
            constraints={"type": "ineq", "fun": lambda w, B=B: B @ w},
            method="SLSQP",
            options={"ftol": 1e-14},
        )
        np.testing.assert_allclose(project_onto_cone(c, X, pattern).projection, qp.x, atol=1e-5)


def test_projection_of_points_inside_and_of_zero():
    X, c = np.eye(2), np.array([1.0, 2.0])
    w, mu = project_onto_cone(c, X, [True, True])
    np.testing.assert_array_equal(w, c)
    assert not mu.any()
    np.testing.assert_array_equal(project_onto_cone([-1, -1], X, [True, True]).projection, [0, 0])
    np.testing.assert_array_equal(project_onto_cone([0, 0], X, [True, False]).projection, [0, 0])
    np.testing.assert_array_equal(project_onto_cone(c, np.zeros((3, 2)), [True] * 3).projection, c)


def test_projection_scales_with_rows_and_point():
    X = np.array([[1.0, 1.0], [1.0, -2.0]])
    small = project_onto_cone([-1.0, 0.5], X, [True, True])
    large = project_onto_cone([-1e150, 0.5e150], X * [[1e-100], [1e100]], [True, True])
    np.testing.assert_allclose(large.projection, 1e150 * small.projection, rtol=1e-12)
    np.testing.assert_allclose(large.multipliers, small.multipliers * [1e250, 1e50], rtol=1e-12)


def test_projection_survives_nnls_giving_up(monkeypatch):
    def give_up(*args, **kwargs):
        raise RuntimeError("Maximum number of iterations reached.")

    rng = np.random.default_rng(1)
    X, c = rng.standard_normal((7, 3)), rng.standard_normal(3)
    pattern = pattern_of(rng.standard_normal(3), X)
    expected = project_onto_cone(c, X, pattern).projection
    monkeypatch.setattr(scipy.optimize, "nnls", give_up)
    result = project_onto_cone(c, X, pattern)
    np.testing.assert_allclose(result.projection, expected, atol=1e-9)
    assert_projection(c, X, pattern, result)


def test_assert_projection_can_fail():
    X, pattern, c = np.eye(2), np.array([True, True]), np.array([-1.0, 1.0])
    w, mu = project_onto_cone(c, X, pattern)
    with pytest.raises(AssertionError, match="not in the cone"):
        assert_projection(c, X, pattern, (c, 0 * mu))
    with pytest.raises(AssertionError, match="do not give"):
        assert_projection(c, X, pattern, (w, 0 * mu))
    with pytest.raises(AssertionError, match="not complementary"):
        assert_projection(c, X, pattern, (w + np.array([0.0, 1.0]), mu + np.array([0.0, 1.0])))


def test_margin_and_membership():
    X = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    assert cone_margin([3, 4], X, [True, True, True]) == pytest.approx(0.6)
    assert cone_margin([3, 4], X, [True, False, False]) == pytest.approx(-0.8)
    assert cone_margin([0, 0], X, [True, True, True]) == 0.0
    assert cone_margin([1, 0], np.zeros((2, 2)), [True, True]) == float("inf")
    assert in_cone([1, 0], X, [True, True, False])
    assert not in_cone([1, 1e-6], X, [True, True, False])
    assert in_cone([1, 1e-6], X, [True, True, False], tol=1e-5)


def test_pattern_of_one_gate_and_of_many():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert pattern_of([1, -1], X).tolist() == [True, False, True]
    assert pattern_of([[1, -1], [-1, 0]], X).tolist() == [[True, False, True], [False, True, True]]


@pytest.mark.parametrize("seed", range(25))
def test_adjacent_patterns_are_the_cells_that_touch(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (6, 3)).astype(float)
    w = rng.integers(-1, 2, 3).astype(float)
    if not w.any() or not X.any():
        w, X = np.array([1.0, 0.0, 0.0]), np.eye(3)
    every = enumerate_patterns(X).patterns
    touching = every[[in_cone(w, X, p, tol=1e-9) for p in every]]
    assert as_set(adjacent_patterns(w, X, max_walls=6)) == as_set(touching)


def test_adjacent_patterns_near_walls():
    X = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    w = np.array([1e-7, -1e-8, 1.0])
    got = adjacent_patterns(w, X)
    assert got[0].tolist() == pattern_of(w, X).tolist()
    expected = {(a, a, b, True, True) for a, b in itertools.product((True, False), repeat=2)}
    assert as_set(got) == expected
    assert len(adjacent_patterns(w, X, max_walls=1)) == 2
    assert len(adjacent_patterns(w, X, tol=1e-12)) == len(adjacent_patterns(w, X, max_walls=0)) == 1


def test_adjacent_patterns_leave_out_cells_that_do_not_exist():
    X = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])  # three walls through one line: 6 cells, not 8
    got = adjacent_patterns([0, 0, 1], X)
    assert len(got) == 6
    assert as_set(got) == as_set(enumerate_patterns(X).patterns)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pattern_of([1, 2, 3], np.eye(2)), r"w of shape \(2,\)"),
        (lambda: pattern_of([[1, 2, 3]], np.eye(2)), r"w of shape \(d,\) or \(k, d\) with d = 2"),
        (lambda: cone_margin([1, 2], np.eye(2), [1, 0]), r"boolean pattern of shape \(2,\)"),
        (lambda: in_cone([1, 2], np.eye(2), [True, False], tol=-1), "tol to be a finite number >= 0"),
        (lambda: project_onto_cone([1, 2, 3], np.eye(2), [True, False]), r"c of shape \(2,\)"),
        (lambda: project_onto_cone([1, 2], np.eye(2), [True]), r"boolean pattern of shape \(2,\)"),
        (lambda: adjacent_patterns([0, 0], np.eye(2)), "w not zero; received the zero vector"),
        (lambda: adjacent_patterns([0, 1], np.eye(2), tol=-1), "tol to be a finite number >= 0"),
        (lambda: adjacent_patterns([0, 1], np.eye(2), max_walls=-1), "max_walls to be an int >= 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
