"""The hinge."""

import numpy as np
from losses.by_hand import assert_by_hand, assert_outside

from relucvx.losses import LOSSES


def test_hinge_subgradient_bounds_open_at_the_kink():
    loss = LOSSES["hinge"]
    F, Y, w = np.array([[1.0], [-1.0], [0.0], [1.0 + 1e-9]]), np.array([[1.0], [-1.0], [1.0], [1.0]]), np.full(4, 2.0)
    lo, hi = loss.subgradient_bounds(F, Y, w)
    np.testing.assert_array_equal(lo[:, 0], [-2, 0, -2, 0])
    np.testing.assert_array_equal(hi[:, 0], [0, 2, -2, 0])
    lo, _ = loss.subgradient_bounds(F, Y, w, 1e-8)
    assert lo[3, 0] == -2.0
    lo, hi = LOSSES["huber"].subgradient_bounds(F, Y, w, 1.0)
    np.testing.assert_array_equal(lo, hi)


def test_by_hand():
    """h = max(0, 1 - y f), -h*(-N) = y N for y N in [0, 1]."""
    loss = LOSSES["hinge"]
    assert_by_hand(
        loss,
        [(0.5, 1.0, 0.5, -1.0), (2.0, 1.0, 0.0, 0.0), (0.5, -1.0, 1.5, 1.0)],
        [(0.25, 1.0, 0.25), (1.0, 1.0, 1.0), (-0.5, -1.0, 0.5)],
    )
    assert_outside(loss, (-0.1, 1.0), (1.1, 1.0), (0.1, -1.0))
