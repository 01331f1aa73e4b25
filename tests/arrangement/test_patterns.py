"""The Arrangement value, unit rows and the row space."""

import json

import numpy as np

from relucvx.arrangement import enumerate_patterns, sample_patterns
from relucvx.arrangement.patterns import bits_of, row_space, unit_rows


def test_length_repr_and_dict():
    arr = enumerate_patterns(np.eye(2))
    assert len(arr) == 4
    assert repr(arr) == "Arrangement(4 patterns of 2 samples in 2 dimensions, complete, tolerance 1e-11)"
    assert "sampled" in repr(sample_patterns(np.eye(2), 2, rng=0))
    assert json.loads(json.dumps(arr.to_dict()))["complete"] is True


def test_unit_rows_at_any_scale():
    rows, nonzero = unit_rows(np.array([[3e200, 4e200], [0.0, 0.0], [3e-200, -4e-200], [0.0, -5e-324]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0], [0.6, -0.8], [0, -1]], rtol=1e-15)
    assert nonzero.tolist() == [True, False, True, True]


def test_row_space_is_the_smallest_that_holds_every_row():
    rng = np.random.default_rng(0)
    rows = unit_rows(rng.standard_normal((9, 2)) @ rng.standard_normal((2, 6)))[0]
    basis = row_space(rows, 1e-12)
    assert basis.shape == (2, 6)
    np.testing.assert_allclose(rows @ basis.T @ basis, rows, atol=1e-14)
    rows[0] += 1e-6 * rng.standard_normal(6)  # one row slightly outside still counts
    assert len(row_space(rows, 1e-12)) == 3
    assert len(row_space(np.zeros((2, 3)), 1e-12)) == 0


def test_zero_product_counts_as_true():
    assert bits_of(np.array([0.0, -0.0, 1.0, -1.0])).tolist() == [True, True, True, False]
