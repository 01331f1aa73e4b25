"""The planar subdivision against plain splitting, in degenerate positions too."""

from collections import Counter

import numpy as np
import pytest
from metrics.regions.cases import BOX, assert_tiles, one_layer, random_net
from metrics.regions.splitter import float_regions, layers_of

from relucvx.metrics import slice_regions
from relucvx.network import DeepNetwork


@pytest.mark.parametrize(
    ("normals", "offsets", "count"),
    [
        ([[1, 1]], [0], 2),  # through two corners
        ([[1, 1], [1, -1]], [0, 0], 4),
        ([[1, 0]], [2], 1),  # along a side
        ([[1, 0], [0, 1], [1, 1]], [2, 2, 4], 1),  # two sides and the corner between them
        ([[1, 1], [1, 0]], [4, 1], 2),  # touching a corner
        ([[0, 0], [0, 0]], [1, -1], 1),  # constant neurons
        ([[0, 0]], [0], 1),  # and one that is zero everywhere
        ([[1, 0], [1, 0], [2, 0], [-1, 0]], [1, 1, 2, -1], 2),  # one line four times
        ([[1, 0], [1, 0]], [1, 1 + 1e-9], 3),  # but a gap that is there is seen
    ],
)
def test_lines_on_corners_and_sides(normals, offsets, count):
    found = slice_regions(one_layer(normals, offsets), BOX)
    assert found.n_regions == count
    assert_tiles(found, 16)
    assert not found.codes[:, np.all(np.array(normals) == 0, axis=1) & (np.array(offsets) >= 0)].any()


def test_lines_through_the_vertices_of_the_layer_before():
    # |x| + |y| = 1 passes through the points where the first layer's lines meet the axes
    net = DeepNetwork(
        ([[1.0, -1.0, 0, 0], [0, 0, 1.0, -1.0]], np.ones((4, 1)), [[1.0]]), (None, np.array([-1.0]), None)
    )
    found = slice_regions(net, BOX)
    assert found.per_layer == (4, 8)
    np.testing.assert_allclose(np.sort(found.areas), [0.5] * 4 + [3.5] * 4, rtol=1e-14)


def through_a_narrow_crossing(centre, narrow, turn):
    """Two lines of the first layer that cross at a small angle, and one of the second through their crossing.

    The second layer sees the coordinates themselves, so it knows the crossing no better than its place is known.
    """
    x, y = centre
    first = np.array([[1.0, 1.0, 1.0, 0.0], [0.0, narrow, 0.0, 1.0]])
    offsets = np.array([-x, -x - narrow * y, 10.0, 10.0])
    normal = np.array([np.cos(turn), np.sin(turn)])
    second = np.concatenate([np.zeros(2), normal])[:, None]
    return DeepNetwork((first, second, [[1.0]]), (offsets, -(normal @ (centre + 10.0))[None], None))


def test_a_crossing_whose_place_is_uncertain_is_still_one_point():
    rng = np.random.default_rng(0)
    for _ in range(40):
        net = through_a_narrow_crossing(rng.uniform(-1, 1, 2), 10.0 ** -rng.uniform(3, 8), rng.uniform(0.3, 1.2))
        found = slice_regions(net, BOX)
        assert found.per_layer == (4, 6)  # a seventh would be a sliver as wide as the place is uncertain
        assert_tiles(found, 16)


@pytest.mark.parametrize("widths", [(2, 16, 1), (2, 12, 12, 3), (2, 8, 8, 8, 8, 2)])
def test_equals_plain_splitting(widths):
    net = random_net(np.random.default_rng(3), widths)
    found = slice_regions(net, BOX)
    polygons, codes = float_regions(layers_of(net), BOX)
    assert Counter(map(tuple, codes.tolist())) == Counter(map(tuple, found.codes.tolist()))
    assert len(polygons) == found.n_regions
    assert_tiles(found, 16)
