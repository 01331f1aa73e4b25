"""Predictions as values."""

import numpy as np
from kernel.test_whitened_forms import RNG

from relucvx.datasets import class_labels
from relucvx.kernel import (
    minimize_energy,
    predict_one_hot,
    predict_scalar,
)


def test_orthonormal_columns_are_not_whitened():
    D = class_labels((3, 3))
    X = np.linalg.qr(RNG.standard_normal((6, 3)))[0]
    found = predict_one_hot(D.labels, 0.2, X)
    assert found.conditions == {"one-hot rows": True, "X X^T = I": False}
    assert not found.applicable
    assert found.network is None
    best = minimize_energy(X @ X.T, D.Y, 0.2, rng=0, n_starts=4)
    assert best.objective > 1.5 * found.objective


def test_failed_shape_conditions_are_reported_not_raised():
    Y = np.array([[1.0, 2.0], [0.0, 1.0]])
    for found in (predict_one_hot(Y, 0.1), predict_scalar(Y, 0.1)):
        assert not found.applicable
        assert found.kernel is None
        assert found.objective is None
        assert "not applicable" in repr(found)


def test_results_are_plain_data():
    D = class_labels((2, 2))
    found = predict_one_hot(D.labels, 0.1, D.X)
    assert found.to_dict()["conditions"] == {"one-hot rows": True, "X X^T = I": True}
    assert not found.kernel.flags.writeable
    assert not found.kernels[0].flags.writeable
    assert "unique kernel" in repr(found)
