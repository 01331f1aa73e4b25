"""Values of a loss worked out by hand, one sample at a time."""

import numpy as np
import pytest


def one(*values):
    return [np.array([[v]]) for v in values]


def assert_by_hand(loss, rows, dual):
    """``rows`` hold fit, target, h and h'; ``dual`` hold a dual point N inside its domain, the target and -h*(-N).

    A weight of 2 doubles h and h', and doubles the dual function at 2 N.
    """
    for fit, target, value, slope in rows:
        F, Y = one(fit, target)
        for w in (1.0, 2.0):
            weight = np.array([w])
            assert loss.value(F, Y, weight) == pytest.approx(w * value, rel=1e-14, abs=1e-300)
            assert loss.gradient(F, Y, weight).item() == pytest.approx(w * slope, rel=1e-14, abs=1e-300)
    for point, target, value in dual:
        N, Y = one(point, target)
        for w in (1.0, 2.0):
            assert loss.in_domain(w * N, Y, np.array([w]))
            assert loss.dual_value(w * N, Y, np.array([w])) == pytest.approx(w * value, rel=1e-14, abs=1e-300)


def assert_outside(loss, *points):
    """Dual points (N, target) at which the dual function is minus infinity."""
    for point, target in points:
        N, Y = one(point, target)
        assert not loss.in_domain(N, Y, np.ones(1))
        assert loss.dual_value(N, Y, np.ones(1)) == -np.inf
