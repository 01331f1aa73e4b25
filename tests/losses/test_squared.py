"""The squared loss."""

from fractions import Fraction

import numpy as np
from losses.by_hand import assert_by_hand

from relucvx.losses import LOSSES


def test_dual_error_bounds_the_rounding_of_the_squared_loss():
    rng = np.random.default_rng(3)
    loss = LOSSES["squared"]
    for _ in range(50):
        N, Y, w = rng.normal(size=(20, 2)) * 1e3, rng.normal(size=(20, 2)) * 1e3, rng.uniform(0.1, 3, 20)
        exact = Fraction(0)
        for i, k in np.ndindex(20, 2):
            n, y, v = (Fraction(float(t)) for t in (N[i, k], Y[i, k], w[i]))
            exact += n * y - n * n / (2 * v)
        error = abs(Fraction(loss.dual_value(N, Y, w)) - exact)
        assert error <= Fraction(loss.dual_error(N, Y, w))


def test_by_hand():
    """h = (f - y)²/2, -h*(-N) = N y - N²/2."""
    loss = LOSSES["squared"]
    assert_by_hand(
        loss,
        [(3.0, 1.0, 2.0, 2.0), (0.0, 1.0, 0.5, -1.0), (1.0, 1.0, 0.0, 0.0)],
        [(0.0, 3.0, 0.0), (1.0, 3.0, 2.5), (-2.0, 3.0, -8.0)],
    )
