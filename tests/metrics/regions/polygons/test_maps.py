"""Maps of regions: those of all polygons against that of a code, however thin a polygon is."""

import numpy as np
from metrics.regions.cases import BOX, random_net

from relucvx.metrics import input_map, slice_regions
from relucvx.network import DeepNetwork


def test_maps_of_polygons_are_those_of_their_codes():
    net = random_net(np.random.default_rng(4), (2, 14, 12, 10, 3))
    found = slice_regions(net, BOX)
    assert found.areas.min() < 1e-5 * found.areas.max()
    for code, map_ in zip(found.codes[::7], found.maps[::7], strict=True):
        weight, bias = input_map(net, code)
        np.testing.assert_allclose(map_, np.vstack([bias, weight]), atol=1e-12)


def test_dead_polygons_have_one_map_to_the_last_bit():
    """Where no neuron of the last layer is active, outputs are zero or its bias, and walls of earlier layers are none."""
    for seed, bias in ((3, None), (4, np.array([0.5, 0.25]))):
        rng = np.random.default_rng(seed)
        weights = (rng.standard_normal((2, 12)), rng.standard_normal((12, 2)), np.eye(2))
        net = DeepNetwork(weights, (rng.standard_normal(12), np.array([-1.0, -1.0]), bias))
        found = slice_regions(net, BOX)
        dead = ~found.codes[:, found.layer == 1].any(axis=1)
        assert dead.sum() > 1
        flat = found.maps[dead]
        assert (flat == flat[0]).all()
        assert (flat[0, 0] == (0.0 if bias is None else bias)).all()
        merged = slice_regions(net, BOX, merge="map")
        assert merged.n_regions <= found.n_regions - dead.sum() + np.unique(merged.region[dead]).size
