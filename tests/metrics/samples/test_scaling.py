"""Features and kernels of size 1 and mean 0."""

import numpy as np
from metrics.test_extremes import Z

from relucvx.metrics.samples.scaling import centred_kernel, exactly_scaled, mean_row, scaled, unit_spread


def test_helpers_against_their_definitions():
    rows = Z + 5.0
    np.testing.assert_allclose(mean_row(rows), [np.mean(column) for column in rows.T], rtol=1e-15)
    assert scaled(rows)[1] == rows.max()
    assert scaled(np.zeros((2, 2)))[1] == 1.0
    for size in (1e-310, 0.3, 1.0, 1e308):
        halved, power = exactly_scaled(np.array([[-size, size / 3.0]]))
        np.testing.assert_array_equal(halved * power, [[-size, size / 3.0]])
        assert 1.0 <= -halved[0, 0] < 2.0
    K, H = rows @ rows.T, np.eye(60) - 1.0 / 60
    np.testing.assert_allclose(centred_kernel(K), H @ K @ H / np.abs(K).max(), atol=1e-14)
    spread = unit_spread(rows)
    np.testing.assert_allclose(
        [np.mean(np.sum(spread**2, axis=1)), *spread.mean(axis=0)], [1.0, 0, 0, 0, 0], atol=1e-14
    )
    assert not unit_spread(np.full((3, 2), 0.1)).any()
