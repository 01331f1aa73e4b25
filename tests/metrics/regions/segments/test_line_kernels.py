"""Compiled kernels of the walk: products, crossings."""

import numpy as np
import pytest
from scipy import sparse

from relucvx.metrics.regions.segments import _line_kernels


@pytest.mark.parametrize("rows", [1, 127, 300])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_products_equal_numpy(rows, share):
    """Columns that are zero in whole strips, and single zeros, in both kernels."""
    rng = np.random.default_rng(0)
    H, W = rng.standard_normal((rows, 30)), rng.standard_normal((30, 7)) * (rng.random((30, 7)) < 0.4)
    for first in range(0, rows, _line_kernels.STRIP):
        H[first : first + _line_kernels.STRIP, rng.random(30) < share] = 0.0
    H[rng.random(H.shape) < 0.2] = 0.0
    W_rows = sparse.csr_array(W)
    dense, from_rows = np.full((2, rows, 7), np.nan)
    _line_kernels.product(H, W, dense)
    _line_kernels.sparse_product(H, W_rows.indptr, W_rows.indices, W_rows.data, from_rows)
    np.testing.assert_allclose(dense, H @ W, rtol=0, atol=1e-13)
    np.testing.assert_allclose(from_rows, H @ W, rtol=0, atol=1e-13)


def test_crossings_that_rounding_cannot_tell_apart_are_one():
    """Three neurons cross at 0.25, 0.25 + 1e-12 and 0.75; the first two are one point when their errors say so."""
    P = np.array([[1.0, 1.0, -3.0], [-3.0, -3.0 + 1.2e-11, 1.0]])
    for error, points in ((1e-16, 3), (1e-11, 2)):
        first, counts = np.array([0, 2]), np.array([3, 0])
        errors = np.full((1, 3), error)
        errors[0, 1] *= 2
        segment, share, slack, start, neurons = _line_kernels.find_crossings(P, 3, first, counts, errors, 3)
        assert len(segment) == points
        assert share[0] == 0.25  # the better known of the two stands for both
        assert share[-1] == 0.75
        assert slack[0] == pytest.approx(error / 2 + 2.2e-16)
        assert np.diff(start).tolist() == ([1, 1, 1] if points == 3 else [2, 1])
        assert sorted(neurons.tolist()) == [0, 1, 2]
    many = np.random.default_rng(0).random(60)
    assert _line_kernels._ranking(many, 20).tolist() == np.argsort(many[:20]).tolist()
    assert _line_kernels._ranking(many, 60).tolist() == np.argsort(many).tolist()
