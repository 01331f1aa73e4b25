"""What is measured on one network."""

import math

import numpy as np
import pytest

from relucvx.report.measure import distance


def test_measurements_do_not_depend_on_the_free_scaling(found):
    same, twisted = found.rows[0], found.rows[3]
    assert twisted.kernel_to_optimum == pytest.approx(same.kernel_to_optimum, abs=1e-12)
    assert twisted.participation_ratio == pytest.approx(same.participation_ratio)
    assert twisted.fit_distance <= 1e-12
    assert twisted.objective > same.objective * 1.01


def test_distance_of_kernels():
    assert distance(np.eye(2), np.eye(2)) == 0
    assert distance(2 * np.eye(2), np.eye(2)) == 1
    assert distance(np.zeros((2, 2)), np.zeros((2, 2))) == 0
    assert distance(np.eye(2), np.zeros((2, 2))) == math.inf
    assert math.isnan(distance(np.eye(2), None))
