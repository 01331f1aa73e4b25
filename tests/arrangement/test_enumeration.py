"""Enumeration against brute force over all sign vectors, known arrangements, and exact slivers."""

import itertools
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from math import factorial

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.arrangement import count_patterns, enumerate_patterns
from relucvx.arrangement.enumeration import center
from relucvx.errors import InvalidInputError, TooManyPatternsError


def as_set(patterns):
    return {tuple(row) for row in patterns.tolist()}


def brute_force(X):
    """Sign vectors s with s_i x_i·g >= 1 feasible on the non-zero rows, by linear programming."""
    nonzero = np.flatnonzero(X.any(axis=1))
    found = set()
    for signs in itertools.product((1.0, -1.0), repeat=len(nonzero)):
        s = np.array(signs)
        if len(nonzero) and s[0] < 0:
            continue
        problem = {"A_ub": -(s[:, None] * X[nonzero]), "b_ub": -np.ones(len(nonzero))} if len(nonzero) else {}
        if scipy.optimize.linprog(np.zeros(X.shape[1]), **problem, bounds=(None, None), method="highs").status == 0:
            for side in (s, -s):
                row = np.ones(len(X), dtype=bool)
                row[nonzero] = side > 0
                found.add(tuple(row.tolist()))
    return found


def rotation(d, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def assert_confirmed(arr):
    lengths = np.linalg.norm(arr.X, axis=1)
    rows = arr.X[lengths > 0] / lengths[lengths > 0, None]
    products = arr.generators @ rows.T
    if len(rows) and not np.abs(products).min() > arr.tolerance:
        raise AssertionError("a generator is on a wall")
    if ((products > 0) != arr.patterns[:, lengths > 0]).any() or not arr.patterns[:, lengths == 0].all():
        raise AssertionError("a generator has another pattern")
    if len(as_set(arr.patterns)) != len(arr):
        raise AssertionError("a pattern is listed twice")


@st.composite
def small_integers(draw):
    n, d = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    entries = draw(st.lists(st.integers(-2, 2), min_size=n * d, max_size=n * d))
    return np.array(entries, dtype=float).reshape(n, d)


@given(small_integers())
@settings(max_examples=40, deadline=None)
def test_equals_brute_force(X):
    arr = enumerate_patterns(X)
    assert as_set(arr.patterns) == brute_force(X)
    assert arr.complete
    assert_confirmed(arr)


@given(small_integers(), st.integers(-150, 150), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_degenerate_up_to_rounding(X, exponent, seed):
    expected = as_set(enumerate_patterns(X).patterns)
    moved = (X @ rotation(X.shape[1], seed)) * 10.0**exponent
    moved[::2] *= 3.7
    assert as_set(enumerate_patterns(moved).patterns) == expected


@given(small_integers(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_permutation_and_sign_flip(X, random):
    order = list(range(len(X)))
    random.shuffle(order)
    expected = enumerate_patterns(X).patterns
    assert as_set(enumerate_patterns(X[order]).patterns) == as_set(expected[:, order])
    flipped = X.copy()
    flipped[0] *= -1
    other = enumerate_patterns(flipped).patterns.copy()
    if X[0].any():
        other[:, 0] = ~other[:, 0]
    assert as_set(other) == as_set(expected)


@pytest.mark.parametrize(
    ("X", "patterns"),
    [
        (np.zeros((3, 2)), [[1, 1, 1]]),
        ([[0.0]], [[1]]),
        ([[-3]], [[0], [1]]),
        ([[1], [-2], [0], [5]], [[1, 0, 1, 1], [0, 1, 1, 0]]),
        ([[1, 2], [1, 2], [-2, -4]], [[1, 1, 0], [0, 0, 1]]),
        ([[1, 0, 0], [0, 1, 0]], [[1, 1], [1, 0], [0, 1], [0, 0]]),
    ],
)
def test_degenerate_cases_by_hand(X, patterns):
    arr = enumerate_patterns(X)
    assert as_set(arr.patterns) == {tuple(bool(b) for b in row) for row in patterns}
    assert_confirmed(arr)


def test_zero_data_has_a_zero_generator():
    assert not enumerate_patterns(np.zeros((3, 2))).generators.any()


@pytest.mark.parametrize(
    ("n", "d"), [(1, 1), (1, 5), (5, 2), (6, 3), (6, 4), (65, 2), (64, 3), (100, 3), (30, 5), (10, 9), (8, 12)]
)
def test_general_position_reaches_covers_count(n, d):
    arr = enumerate_patterns(np.random.default_rng(n + d).standard_normal((n, d)))
    assert len(arr) == count_patterns(n, d)
    assert_confirmed(arr)


def test_low_rank_in_many_dimensions():
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((3, 12))
    arr = enumerate_patterns(rng.standard_normal((9, 3)) @ factor)
    assert len(arr) == count_patterns(9, 3)
    assert np.linalg.matrix_rank(np.vstack([arr.generators, factor])) == 3
    np.testing.assert_allclose(np.linalg.norm(arr.generators, axis=1), 1.0, atol=1e-14)


def threshold_inputs(n):
    return np.array([[*x, 1.0] for x in itertools.product((-1.0, 1.0), repeat=n)])


def differences(n):
    return np.array([np.eye(n)[i] - np.eye(n)[j] for i in range(n) for j in range(i)])


def coordinates_and_pairs(n):
    return np.vstack([np.eye(n), differences(n), np.abs(differences(n))])


def subsets(n):
    return np.array([x for x in itertools.product((0.0, 1.0), repeat=n) if any(x)])


@pytest.mark.parametrize(
    ("X", "count"),
    [
        pytest.param(threshold_inputs(4), 1882, id="threshold functions of 4 variables"),
        pytest.param(threshold_inputs(5), 94572, id="threshold functions of 5 variables", marks=pytest.mark.slow),
        pytest.param(differences(6), factorial(6), id="permutations of 6"),
        pytest.param(coordinates_and_pairs(4), 2**4 * factorial(4), id="signed permutations of 4"),
        pytest.param(coordinates_and_pairs(5), 2**5 * factorial(5), id="signed permutations of 5"),
        pytest.param(subsets(5), 11292, id="resonance arrangement of 5"),
    ],
)
def test_known_degenerate_arrangements(X, count):
    assert len(enumerate_patterns(X)) == count
    turned = (X @ rotation(X.shape[1]))[np.random.default_rng(1).permutation(len(X))]
    arr = enumerate_patterns(turned)
    assert len(arr) == count
    assert_confirmed(arr)


def exact_equal_margin(walls):
    """The point at equal distance of d walls, and that distance, by rational elimination."""
    table = [[Fraction(float(x)) for x in row] + [Fraction(1)] for row in walls]
    for k in range(len(table)):
        pivot = next(i for i in range(k, len(table)) if table[i][k] != 0)
        table[k], table[pivot] = table[pivot], table[k]
        table[k] = [x / table[k][k] for x in table[k]]
        for i in range(len(table)):
            if i != k:
                table[i] = [x - table[i][k] * y for x, y in zip(table[i], table[k], strict=True)]
    w = np.array([float(row[-1]) for row in table])
    return w / np.linalg.norm(w), 1.0 / float(np.linalg.norm(w))


def nearly_concurrent(rng, offset):
    """d unit walls through one line up to `offset`, and four walls elsewhere."""
    d = int(rng.integers(3, 6))
    walls = rng.standard_normal((d, d))
    walls[-1] = rng.standard_normal(d - 1) @ walls[:-1] + offset * rng.standard_normal(d)
    others = rng.standard_normal((4, d))
    return walls / np.linalg.norm(walls, axis=1, keepdims=True), others / np.linalg.norm(others, axis=1, keepdims=True)


@pytest.mark.parametrize("offset", [pytest.param(4e-11, marks=pytest.mark.slow), 1e-10, 1e-9, 1e-7])
def test_slivers_above_the_tolerance_are_found(offset):
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(60):
        walls, others = nearly_concurrent(rng, offset)
        listed = enumerate_patterns(np.vstack([others, walls])).patterns
        for signs in itertools.product((1.0, -1.0), repeat=len(walls)):
            w, margin = exact_equal_margin(np.array(signs)[:, None] * walls)
            if margin < 2e-11 or np.abs(others @ w).min() < 1e-6:
                continue
            seen += margin < 1e-5
            pattern = np.concatenate([others @ w > 0, np.array(signs) > 0])
            assert (listed == pattern).all(axis=1).any()
    assert seen > 0


@pytest.mark.parametrize("offset", [0.0, 1e-15, 1e-13, 3e-12, 1e-11, 1e-10])
def test_every_gate_is_within_twice_the_tolerance_of_a_listed_cell(offset):
    rng = np.random.default_rng(4)
    for _ in range(12):
        walls, others = nearly_concurrent(rng, offset)
        X = np.vstack([others, walls])
        arr = enumerate_patterns(X)
        assert_confirmed(arr)
        # Gates on the near-concurrent line, on single walls, and anywhere; moved by less than the slivers are thick.
        line = np.linalg.svd(walls)[2][-1]
        for _ in range(20):
            w = rng.choice([0.0, 1.0]) * rng.standard_normal(len(line)) * 10.0 ** rng.uniform(-12, 0) + line
            w /= np.linalg.norm(w)
            margins = (np.where(arr.patterns, 1.0, -1.0) * (X @ w)).min(axis=1)
            assert margins.max() >= -2 * arr.tolerance


def test_walls_closer_than_the_tolerance_coincide():
    X = np.array([[1.0, 1.0], [1.0, 1.0 + 1e-13], [1.0, -1.0]])
    assert len(enumerate_patterns(X)) == 4
    X[1, 1] = 1.0 + 1e-9
    assert len(enumerate_patterns(X)) == 6
    # in other units of the second column these are far apart
    assert len(enumerate_patterns(np.array([[1.0, 0.0], [1.0, 1e-13], [0.0, 1.0]]))) == 6


def test_center_finds_the_largest_margin():
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = rng.standard_normal((12, 4))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        g = rng.standard_normal(4)
        g /= np.linalg.norm(g)
        signed = np.sign(rows @ g)[:, None] * rows
        w, margin = center(rows, g)
        w = w / np.linalg.norm(w)
        assert margin == pytest.approx((signed @ w).min())
        # Optimality: w is a non-negative combination of the walls at that distance.
        tight = signed[signed @ w < margin + 1e-9]
        assert scipy.optimize.nnls(tight.T, w)[1] < 1e-8


def test_extreme_and_subnormal_scales():
    X = np.random.default_rng(0).standard_normal((7, 3))
    expected = as_set(enumerate_patterns(X).patterns)
    for scale in (1e-300, 1e300):
        assert as_set(enumerate_patterns(X * scale).patterns) == expected
    assert len(enumerate_patterns([[5e-324, 0.0], [0.0, 1.0]])) == 4


def test_input_is_not_modified_and_result_is_read_only():
    X = np.random.default_rng(0).standard_normal((5, 2))
    copy = X.copy()
    arr = enumerate_patterns(X)
    np.testing.assert_array_equal(X, copy)
    assert not any(a.flags.writeable for a in (arr.X, arr.patterns, arr.generators))


def test_refuses_before_allocating():
    X = np.random.default_rng(0).standard_normal((10**6, 10))
    tracemalloc.start()
    with pytest.raises(TooManyPatternsError, match=r"more than 10\^18 predicted patterns.*sample_patterns.*branch_and"):
        enumerate_patterns(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * X.nbytes  # copies of the data, nothing of the size of the patterns


def test_refusal_names_the_numbers_and_counts_distinct_walls():
    X = np.random.default_rng(0).standard_normal((20, 3))
    with pytest.raises(TooManyPatternsError, match=r"max_patterns=381; received 382 predicted.*GiB.*20 distinct walls"):
        enumerate_patterns(X, max_patterns=381)
    doubled = np.vstack([X, -2 * X, 3 * X, np.zeros((4, 3))])
    assert len(enumerate_patterns(doubled, max_patterns=382)) == 382


def test_refuses_more_memory_than_sensible():
    X = np.random.default_rng(0).standard_normal((200_000, 2))
    with pytest.raises(TooManyPatternsError, match=r"at most 16 GiB; received 400,000 predicted patterns"):
        enumerate_patterns(X)


@pytest.mark.parametrize("bad", [0, -3, 1.5, True, "many"])
def test_refuses_bad_max_patterns(bad):
    with pytest.raises(InvalidInputError, match="max_patterns to be an int >= 1"):
        enumerate_patterns(np.eye(2), max_patterns=bad)


def test_refuses_bad_data():
    with pytest.raises(InvalidInputError, match="X to be finite"):
        enumerate_patterns([[np.nan, 1.0]])


def test_assert_confirmed_can_fail():
    arr = enumerate_patterns(np.eye(2))
    with pytest.raises(AssertionError, match="on a wall"):
        assert_confirmed(replace(arr, generators=np.zeros((4, 2))))
    with pytest.raises(AssertionError, match="another pattern"):
        assert_confirmed(replace(arr, generators=-arr.generators))
    with pytest.raises(AssertionError, match="listed twice"):
        assert_confirmed(replace(arr, generators=arr.generators[[0, 0]], patterns=arr.patterns[[0, 0]]))
