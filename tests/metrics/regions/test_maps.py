"""Maps of regions: those of all polygons against that of a code, however thin a polygon is."""

import numpy as np
from metrics.regions.cases import BOX, random_net

from relucvx.metrics import input_map, slice_regions


def test_maps_of_polygons_are_those_of_their_codes():
    net = random_net(np.random.default_rng(4), (2, 14, 12, 10, 3))
    found = slice_regions(net, BOX)
    assert found.areas.min() < 1e-5 * found.areas.max()
    for code, map_ in zip(found.codes[::7], found.maps[::7], strict=True):
        weight, bias = input_map(net, code)
        np.testing.assert_allclose(map_, np.vstack([bias, weight]), atol=1e-12)
