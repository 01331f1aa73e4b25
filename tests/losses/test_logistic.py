"""The logistic loss."""

import math

import numpy as np
import pytest
from losses.by_hand import assert_by_hand, assert_outside

from relucvx.losses import LOSSES


def test_logistic_does_not_overflow():
    F, Y, w = np.array([[1e4], [-1e4]]), np.ones((2, 1)), np.ones(2)
    loss = LOSSES["logistic"]
    assert loss.value(F, Y, w) == 1e4
    np.testing.assert_array_equal(loss.gradient(F, Y, w), [[0.0], [-1.0]])
    np.testing.assert_array_equal(loss.hessian(F, Y, w), [[0.0], [0.0]])


def test_dual_error_bounds_the_rounding_of_the_logistic_loss():
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    rng = np.random.default_rng(4)
    loss = LOSSES["logistic"]
    for _ in range(50):
        w = rng.uniform(0.1, 3, 10)
        t = np.concatenate([1.0 - 10.0 ** rng.uniform(-16, -1, 5), 10.0 ** rng.uniform(-30, -1, 5)])
        Y = rng.choice([-1.0, 1.0], (10, 1))
        N = loss.clip_dual((w * t)[:, None] * Y, Y, w)
        exact = mpmath.mpf(0)
        for i in range(10):
            s = mpmath.mpf(abs(float(N[i, 0]))) / mpmath.mpf(float(w[i]))
            for part in (s, 1 - s):
                exact -= mpmath.mpf(float(w[i])) * part * mpmath.log(part) if part > 0 else 0
        assert abs(mpmath.mpf(loss.dual_value(N, Y, w)) - exact) <= loss.dual_error(N, Y, w)


def test_by_hand():
    """h = log(1 + exp(-y f)); -h*(-N) is the entropy of t = y N in [0, 1]."""
    loss = LOSSES["logistic"]
    assert_by_hand(
        loss,
        [
            (0.0, 1.0, math.log(2), -0.5),
            (math.log(3), 1.0, math.log(4 / 3), -0.25),
            (math.log(3), -1.0, math.log(4), 0.75),
        ],
        [
            (0.5, 1.0, math.log(2)),
            (-0.25, -1.0, 0.75 * math.log(4 / 3) + 0.25 * math.log(4)),
            (0.0, 1.0, 0.0),
            (1.0, 1.0, 0.0),
        ],
    )
    assert_outside(loss, (-0.1, 1.0), (1.1, 1.0))
