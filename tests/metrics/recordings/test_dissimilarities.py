"""Embeddings of dissimilarities: exact for points of the plane."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Dissimilarities


def made(points):
    """Squared distances of points."""
    D = np.sum((points[:, None] - points) ** 2, axis=2)
    return Dissimilarities(D, tuple(range(len(points))), "crossnobis", "none", 2, 3, "")


def test_points_of_the_plane_come_back_up_to_a_motion():
    points = np.random.default_rng(0).standard_normal((6, 2))
    found = made(points).embedding()
    np.testing.assert_allclose(made(found.points).distances, made(points).distances, atol=1e-10)
    assert found.share == pytest.approx(1.0)
    assert found.negative == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(found.points.mean(axis=0), 0.0, atol=1e-12)
    assert (np.diff((found.points**2).sum(axis=0)) < 0).all()


def test_what_no_points_have_is_said():
    D = made(np.random.default_rng(1).standard_normal((4, 2)))
    broken = Dissimilarities(D.distances * np.array(1.0) - 3.0 * (1 - np.eye(4)), D.conditions, "", "", 2, 3, "")
    assert broken.embedding(3).negative > 0.1
    with pytest.raises(InvalidInputError, match="dimensions"):
        D.embedding(4)
