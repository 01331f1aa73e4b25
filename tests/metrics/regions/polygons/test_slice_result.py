"""What a slice says of its regions: places, sizes, neighbours."""

import numpy as np
import pytest
from metrics.regions.cases import BOX, one_layer, random_net

from relucvx.metrics import slice_regions
from relucvx.network import TwoLayerReLU
from relucvx.network.reading import read_layers


# ---------------------------------------------------------------------- grids, maps, point location
@pytest.mark.parametrize("activation", ["relu", (0.1, 1.0), "abs"])
def test_every_grid_point_lies_in_the_region_of_its_code(activation):
    rng = np.random.default_rng(4)
    net = random_net(rng, (5, 12, 12, 12, 3), activation)
    found = slice_regions(net, origin=rng.standard_normal(5), axes=rng.standard_normal((2, 5)), extent=(-1, 2, -2, 1))
    shares = (np.arange(40) + 0.5) / 40
    sides = found.to_plane(found.origin + np.zeros((1, 5)))  # the origin of the plane
    assert np.abs(sides).max() < 1e-12
    corner, one, other = (found.vertices[k] for k in (0, 1, 3))
    grid = np.array([corner + a * (one - corner) + b * (other - corner) for a in shares for b in shares])
    pre = np.hstack(read_layers(net).preactivations(found.to_input(grid)))
    where = found.locate(grid)
    assert (where >= 0).all()
    np.testing.assert_array_equal(pre > 0, found.codes[where])
    linear = np.einsum("ni,nic->nc", np.column_stack([np.ones(len(grid)), grid]), found.maps[where])
    np.testing.assert_allclose(linear, net.predict(found.to_input(grid)), atol=1e-11)


def test_points_outside_and_on_sides():
    found = slice_regions(one_layer([[1, 0], [0, 1]], [0, 0]), BOX)
    assert found.locate([[3.0, 0.0], [0.0, -2.1]]).tolist() == [-1, -1]
    assert (found.locate([[0.0, 0.0], [2.0, 2.0], [-2.0, 0.0]]) >= 0).all()
    inside = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
    assert sorted(found.locate(inside).tolist()) == [0, 1, 2, 3]


# ---------------------------------------------------------------------- measures
@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (3.0, 1.0), (1.0, 5.0)])
def test_eccentricity_of_rectangles(a, b):
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    for frame in (np.eye(2), turn):
        found = slice_regions(TwoLayerReLU.zero(2), (np.array([[0, 0], [a, 0], [a, b], [0, b]]) + 7.0) @ frame)
        expected = np.sqrt(1 - (min(a, b) / max(a, b)) ** 2)
        assert found.eccentricity[0] == pytest.approx(expected, abs=1e-6)
        assert found.perimeters[0] == pytest.approx(2 * (a + b))
    triangle = slice_regions(TwoLayerReLU.zero(2), [[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    assert triangle.eccentricity[0] == pytest.approx(0.0, abs=1e-6)


def test_perimeters_and_neighbours():
    found = slice_regions(one_layer([[1, 0], [0, 1]], [0, 1]), BOX)
    assert found.neighbours.tolist() == sorted(found.neighbours.tolist())
    assert len(found.neighbours) == 4
    assert sorted(found.shared) == [1.0, 2.0, 2.0, 3.0]
    assert sorted(found.perimeters) == [6.0, 6.0, 10.0, 10.0]
    dense = found.adjacency.toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert sorted(dense.sum(axis=1)) == [3.0, 3.0, 5.0, 5.0]
    assert sorted(found.edge_layer.tolist()) == [-1] * 8 + [0] * 4
