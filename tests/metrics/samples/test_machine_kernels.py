"""The dual problem, and its conditions of optimality."""

import numpy as np

from relucvx.metrics.samples._machine_kernels import coefficients


def test_the_conditions_of_optimality_hold_and_points_that_coincide_end_it():
    rng = np.random.default_rng(0)
    for k in range(20):
        Z, sides = rng.standard_normal((12, 3)), np.where(np.arange(12) % 3 > 0, 1.0, -1.0)
        Z[6:] = Z[:6] if k % 2 else Z[6:]
        caps = np.where(sides > 0, 0.5, 1.0) * 10.0 ** rng.uniform(-2, 2)
        signed, offset = coefficients(Z @ Z.T, sides, caps, 1e-12)
        a = sides * signed
        assert np.all((a >= 0) & (a <= caps))
        close = 1e-11 * max(1.0, a.max())
        assert abs(signed.sum()) <= 1e-12 * caps.max() * 12
        # no pair moves against the gradient: libsvm's criterion, anew
        value = sides - (Z @ Z.T) @ signed
        up, down = np.where(sides > 0, a < caps, a > 0), np.where(sides > 0, a > 0, a < caps)
        assert value[down].min() + close >= offset >= value[up].max() - close
