"""Cells in integer arithmetic, and what they say about the enumeration in floats."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import relucvx as rx
from relucvx.arrangement import count_patterns, enumerate_patterns, enumeration
from relucvx.arrangement.enumeration import center
from relucvx.arrangement.equilibrium import missing_width
from relucvx.arrangement.exact import exact_cells, whole_rows
from relucvx.arrangement.patterns import unit_rows


def rank(rows):
    """Rank of rows of numbers, by elimination in rationals."""
    rows, found = [[Fraction(v) for v in row] for row in rows], 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        for i in range(found + 1, len(rows)):
            factor = rows[i][column] / rows[found][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def whitney(rows):
    """Number of cells of a central arrangement: the sum over all subsets S of (-1)^(|S| - rank S)."""
    subsets = (s for k in range(len(rows) + 1) for s in combinations(rows, k))
    return sum((-1) ** (len(s) - rank(s)) for s in subsets)


def nearly_parallel(seed, n, d, directions):
    """Rows that are multiples of a few directions, rounded to float32."""
    rng = np.random.default_rng(seed)
    U = rng.standard_normal((directions, d))
    which = np.concatenate([np.arange(directions), rng.integers(0, directions, n - directions)])
    size = rng.uniform(0.3, 3, n) * rng.choice([-1, 1], n)
    return (U[which] * size[:, None]).astype(np.float32).astype(float)


def thick_cells(X):
    """Patterns of all cells, and of those with an inradius above twice the tolerance."""
    rows, every, thick = unit_rows(X)[0], set(), set()
    for bits, witness in exact_cells(whole_rows(X), X.shape[1]).items():
        pattern = tuple(bool(bits >> i & 1) for i in range(len(X)))
        top = max(map(abs, witness))
        g = np.array([float(Fraction(v, top)) for v in witness])
        every.add(pattern)
        if center(rows, g / np.linalg.norm(g), np.array(pattern))[1] > 2e-11:
            thick.add(pattern)
    return every, thick


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=6))
def test_exact_cells_are_as_many_as_whitneys_theorem_says(rows):
    X = np.array([row for row in rows if any(row)], dtype=float).reshape(-1, 3)
    if not len(X):
        return
    cells = exact_cells(whole_rows(X), 3)
    walls = []
    for row in X.tolist():
        if all(rank([row, wall]) == 2 for wall in walls):
            walls.append(row)
    assert len(cells) == whitney(walls) == len(enumerate_patterns(X))
    for bits, witness in cells.items():
        assert [bool(bits >> i & 1) for i in range(len(X))] == [v > 0 for v in (X @ np.array(witness, dtype=object))]


@pytest.mark.parametrize(
    ("seed", "n", "d", "directions"),
    [(s, *shape) for shape in ((7, 5, 5), (8, 4, 3), (7, 5, 2), (7, 3, 1)) for s in range(3)],
)
def test_thin_cells_of_nearly_parallel_rows_are_there_once(seed, n, d, directions):
    X = nearly_parallel(seed, n, d, directions)
    every, thick = thick_cells(X)
    arr = enumerate_patterns(X)
    found = set(map(tuple, arr.patterns.tolist()))
    assert len(found) == len(arr)
    assert thick <= found <= every
    assert arr.complete


def test_cells_found_twice_are_decided_exactly_or_doubted(monkeypatch):
    X = nearly_parallel(0, 8, 5, 2)
    every, thick = thick_cells(X)
    assert thick <= set(map(tuple, enumerate_patterns(X).patterns.tolist())) <= every
    monkeypatch.setattr(enumeration, "_EXACT_CELLS", 0)
    arr = enumerate_patterns(X)
    assert not arr.complete
    assert "found twice" in arr.doubt
    assert len(np.unique(arr.patterns, axis=0)) == len(arr)
    y = np.arange(8.0)
    with pytest.raises(rx.RelucvxError, match="branch_and_bound"):
        rx.certify(rx.solve(X, y, 5.0).network, X, y, 5.0, method="enumeration")


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.booleans(), st.integers(3, 9), st.integers(1, 3))
def test_units_order_repetition_and_embedding_change_no_count(seed, small, n, d):
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (n, d)).astype(float) if small else rng.standard_normal((n, d))
    count = len(enumerate_patterns(X))
    scale = 10.0 ** rng.uniform(-9, 9, d)
    assert len(enumerate_patterns(X * 2.0 ** rng.integers(-30, 31, d))) == count
    if not small:  # with integers, rounding after scaling moves walls that met in a point
        assert len(enumerate_patterns(X * scale)) == count == count_patterns(n, d)
        assert missing_width(enumerate_patterns(X * scale)) == 0.0
        assert len(enumerate_patterns(X * 10.0 ** rng.uniform(-9, 9, (n, 1)))) == count
    assert len(enumerate_patterns(X[rng.permutation(n)])) == count
    assert len(enumerate_patterns(np.concatenate([X, -2.0 * X[:2], X]))) == count
    assert len(enumerate_patterns(np.column_stack([X * scale if not small else X, np.zeros(n)]))) == count
