"""The order of rows, rows that are there twice, and rows without weight make no difference to the last digit."""

import numpy as np
import pytest

from relucvx.estimators.multiset import as_multiset


def some(seed):
    """Rows of few values, so that many are equal, with weights that are no integers."""
    rng = np.random.default_rng(seed)
    return rng.integers(-1, 2, (20, 2)) / 3.0, rng.integers(0, 2, (20, 1)) / 7.0, rng.random(20)


@pytest.mark.parametrize("seed", range(5))
def test_order_and_rows_without_weight_do_not_matter(seed):
    X, Y, w = some(seed)
    order = np.random.default_rng(seed + 1).permutation(20)
    extended = (np.vstack([X, X[:3] + 9.0])[::-1], np.vstack([Y, Y[:3]])[::-1], np.append(w, np.zeros(3))[::-1])
    expected = as_multiset(X, Y, w)
    for other in ((X[order], Y[order], w[order]), extended):
        assert all(np.array_equal(a, b) for a, b in zip(as_multiset(*other), expected, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_of_three_is_a_row_three_times(seed):
    X, Y, _ = some(seed)
    counts = np.random.default_rng(seed).integers(0, 4, 20)
    repeated = as_multiset(X.repeat(counts, axis=0), Y.repeat(counts, axis=0), np.ones(counts.sum()))
    weighted = as_multiset(X, Y, counts.astype(float))
    assert all(np.array_equal(a, b) for a, b in zip(weighted, repeated, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_sums_over_the_samples_are_the_same(seed):
    X, Y, w = some(seed)
    A, B, v = as_multiset(X, Y, w)
    for f in (lambda x, y: x.sum(axis=1) ** 2 + y[:, 0], lambda x, y: np.exp(x[:, 0]) * y[:, 0]):
        assert v @ f(A, B) == pytest.approx(w @ f(X, Y), rel=1e-13)
    assert len({tuple(row) for row in np.column_stack([A, B])}) == len(A) < 20


def test_both_zeros_are_one_row():
    assert len(as_multiset(np.array([[0.0], [-0.0]]), np.array([[-0.0], [0.0]]), np.ones(2))[0]) == 1
