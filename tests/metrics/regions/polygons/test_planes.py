"""Planes in input space: frames and polygons."""

import numpy as np
import pytest
from metrics.regions.cases import BOX, assert_same_regions, assert_tiles, random_net

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions
from relucvx.network import TwoLayerReLU


def test_a_triangle_through_three_samples():
    rng = np.random.default_rng(5)
    net, X = random_net(rng, (20, 16, 16, 4)), rng.standard_normal((3, 20))
    found = slice_regions(net, X)
    sides = [np.linalg.norm(X[i] - X[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    half = sum(sides) / 2
    assert_tiles(found, np.sqrt(half * np.prod([half - s for s in sides])))
    np.testing.assert_allclose(found.to_input(found.to_plane(X)), X, atol=1e-13)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(2), atol=1e-15)
    assert sorted(found.locate(found.to_plane(X)).tolist()) != [-1, -1, -1]
    images = slice_regions(net, X.reshape(3, 4, 5))
    assert images.n_regions == found.n_regions
    assert sum(len(p) for p in found.input_polygons) == len(found.corners)
    assert found.input_polygons[0].shape[1] == 20


def test_axes_of_any_length_and_angle():
    net = random_net(np.random.default_rng(6), (3, 9, 9, 2))
    origin, axes = [0.1, 0.2, 0.3], [[2.0, 0.0, 0.0], [1.0, 1.0, 0.0]]
    found = slice_regions(net, origin=origin, axes=axes, extent=[-1, 1, 0, 2])
    assert_tiles(found, 2 * 2 * 2)
    corners = np.array([np.dot([u, v], axes) + origin for u, v in ((-1, 0), (1, 0), (1, 2), (-1, 2))])
    assert_same_regions(found, slice_regions(net, corners))
    turned = slice_regions(net, origin=origin, axes=axes[::-1], extent=[0, 2, -1, 1])
    assert_same_regions(found, turned)


def test_refusals_of_the_shape_of_things():
    net = random_net(np.random.default_rng(0), (1, 4, 1))
    with pytest.raises(InvalidInputError, match="an input space of at least two dimensions"):
        slice_regions(net, [[0.0], [1.0], [2.0]])
    with pytest.raises(InvalidInputError, match="an input space of at least two dimensions"):
        slice_regions(net, origin=[0.0], axes=[[1.0], [2.0]], extent=(0, 1, 0, 1))
    star = [[np.cos(t), np.sin(t)] for t in 4 * np.pi * np.arange(5) / 5]
    with pytest.raises(InvalidInputError, match="more than once around"):
        slice_regions(TwoLayerReLU.zero(2), star)
    found = slice_regions(TwoLayerReLU.zero(2), BOX)
    with pytest.raises(InvalidInputError, match=r"X of shape \(n, 2\)"):
        found.to_plane([[1.0, 2.0, 3.0]])
    with pytest.raises(InvalidInputError, match=r"points of shape \(n, 2\) in plane coordinates"):
        found.locate([[1.0, 2.0, 3.0]])
