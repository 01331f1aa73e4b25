"""Regions of one map of modules that are run: against networks read as matrices, and faces that are too thin."""

import numpy as np
import pytest
import torch
from metrics.regions.cases import BOX, assert_same_regions
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions


def seeded(make, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double().eval()


def narrowing():
    """Few neurons behind many: where these are inactive, walls of those before change nothing."""
    return nn.Sequential(nn.Linear(2, 12), nn.ReLU(), nn.Linear(12, 3), nn.ReLU(), nn.Linear(3, 2))


def kinds():
    return nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.1), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2), nn.ReLU())


def pooling(pool):
    return lambda: nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), pool, nn.Flatten(), nn.Linear(32, 2), nn.ReLU(), nn.Linear(2, 2)
    )


CASES = {
    "narrowing": narrowing,
    "several kinds": kinds,
    "max pooling": pooling(nn.MaxPool2d(2)),
    "mean pooling": pooling(nn.AvgPool2d(2)),
}


@pytest.mark.parametrize("name", CASES)
def test_both_routes_merge_the_same_polygons(name):
    polygon = 3.0 * BOX if "pooling" not in name else 2.0 * np.random.default_rng(1).standard_normal((3, 1, 8, 8))
    net = seeded(CASES[name], 3)
    one, other = (slice_regions(net, polygon, merge="map", route=route) for route in ("compiled", "running"))
    assert one.per_layer == other.per_layer
    assert one.n_regions < one.per_layer[-1]  # some are merged
    assert_same_regions(one, other)
    assert len(one.neighbours) == len(other.neighbours)
    corners = other.vertices[other.corners]
    owner = np.repeat(np.arange(len(other.region)), np.diff(other.offsets))
    points = np.column_stack([np.ones(len(corners)), corners])
    values = (points[:, :, None] * other.maps[owner]).sum(axis=1)
    with torch.no_grad():
        wanted = net(torch.from_numpy(other.to_input(corners)).reshape(-1, *np.shape(polygon)[1:])).numpy()
    np.testing.assert_allclose(values, wanted, atol=1e-10)


def test_slopes_of_small_polygons_are_precise():
    """Fitted to its corners, a polygon of 1e-7 has slopes of eight digits; derivatives have all."""
    net = seeded(narrowing)
    small = np.array([0.3, 0.2]) + 1e-7 * BOX
    one, other = (slice_regions(net, small, merge="map", route=route) for route in ("compiled", "running"))
    np.testing.assert_allclose(other.maps, one.maps, atol=1e-13)


class Duplicates(nn.Module):
    """The difference of a neuron and itself, added up in another order: a sign that means nothing."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 40)

    def forward(self, x):
        z = self.a(x)
        ahead, back = z @ torch.ones(40, 1, dtype=z.dtype), (0.1 * z) @ torch.full((40, 1), 10.0, dtype=z.dtype)
        return torch.relu(torch.cat([ahead - back, back - ahead, z[:, :3]], dim=1))


def test_faces_inside_which_rounding_decides_are_refused():
    with pytest.raises(InvalidInputError, match="so thin that rounding decides"):
        slice_regions(seeded(Duplicates), 3.0 * BOX, merge="map", route="running")
