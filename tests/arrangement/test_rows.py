"""Rows of any scale and rank."""

import numpy as np

from relucvx.arrangement.patterns import row_space, unit_rows


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
