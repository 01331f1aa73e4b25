"""Planes of modules that are run: against networks read as matrices, forward passes, and modules that nothing else reads."""

import numpy as np
import pytest
import torch
from metrics.regions.cases import BOX, assert_same_regions, assert_tiles
from torch import nn
from torch.nn import functional

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions
from relucvx.metrics.regions.polygons import running_slices, slices, tiles
from relucvx.metrics.regions.polygons.running_slices import in_generations
from relucvx.metrics.regions.polygons.stitching import stitched
from relucvx.metrics.regions.polygons.subdivision import Cut, Subdivision


def dense():
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6), nn.LeakyReLU(0.1), nn.Linear(6, 3))


def convolutional(pool):
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), pool, nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    )


class Branches(nn.Module):
    """Concatenation, a clamp with two kinks, a maximum over channels and a shortcut: no list of layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 5), nn.Linear(2, 5), nn.Linear(12, 2)

    def forward(self, x):
        z = torch.cat([functional.relu6(3 * self.a(x)), self.b(x).abs()], dim=1)
        largest = torch.stack([z[:, :5], z[:, 5:]], dim=1).amax(dim=2)
        return self.c(torch.cat([z, largest], dim=1)) + x


def seeded(make, *args):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args).double().eval()


def outputs(net, rows):
    with torch.no_grad():
        return net(torch.from_numpy(rows)).numpy()


CASES = {
    "dense": (dense, (), 2.0 * BOX),
    "mean pooling": (convolutional, (nn.AvgPool2d(2),), None),
    "max pooling": (convolutional, (nn.MaxPool2d(2),), None),
    "overlapping max pooling": (convolutional, (nn.MaxPool2d(3, 2, padding=1),), None),
}


@pytest.mark.parametrize("name", CASES)
def test_both_routes_find_the_same_regions(name):
    make, args, polygon = CASES[name]
    if polygon is None:
        polygon = 0.6 * np.random.default_rng(1).standard_normal((3, 1, 8, 8))
    net = seeded(make, *args)
    one, other = (slice_regions(net, polygon, route=route) for route in ("compiled", "running"))
    assert one.per_layer == other.per_layer
    assert one.n_regions > 70
    assert_same_regions(one, other)
    assert sorted(map(bytes, one.codes.astype(np.int16))) == sorted(map(bytes, other.codes.astype(np.int16)))
    np.testing.assert_array_equal(one.layer, other.layer)
    assert one.boundary_length == pytest.approx(other.boundary_length)
    assert len(one.neighbours) == len(other.neighbours)
    # maps of regions, matched by their codes, agree inside
    row = {bytes(code): k for k, code in enumerate(other.codes.astype(np.int16))}
    order = [row[bytes(code)] for code in one.codes.astype(np.int16)]
    middles = np.array([corners.mean(axis=0) for corners in one.polygons])
    points = np.column_stack([np.ones(len(middles)), middles])
    values = [(points[:, :, None] * maps).sum(axis=1) for maps in (one.maps, other.maps[order])]
    np.testing.assert_allclose(values[0], values[1], atol=1e-10)
    part = slice_regions(net, polygon, layers=0, route="running")
    assert (part.per_layer, part.maps) == (one.per_layer[:1], None)


@pytest.mark.parametrize("name", ["dense", "overlapping max pooling"])
def test_tiles_make_the_whole(name, monkeypatch):
    make, args, polygon = CASES[name]
    if polygon is None:
        polygon = 0.4 * np.random.default_rng(1).standard_normal((3, 1, 8, 8))
    net, counts = seeded(make, *args), []
    whole = slice_regions(net, polygon, route="running")
    monkeypatch.setattr(slices, "stitched", lambda pieces, c: counts.append(len(pieces)) or stitched(pieces, c))
    monkeypatch.setattr(running_slices, "TILE", 1)
    monkeypatch.setattr(tiles, "DEPTH", 3)
    parts = slice_regions(net, polygon, route="running")
    assert counts[0] > 2
    assert parts.per_layer == whole.per_layer
    assert_same_regions(parts, whole)
    assert sorted(map(bytes, parts.codes)) == sorted(map(bytes, whole.codes))
    assert parts.boundary_length == pytest.approx(whole.boundary_length)
    assert (len(parts.vertices), len(parts.neighbours)) == (len(whole.vertices), len(whole.neighbours))


def test_a_module_that_no_list_of_layers_describes():
    net = seeded(Branches)
    found = slice_regions(net, BOX)  # read by neither route but this one
    assert_tiles(found, 16)
    assert found.n_regions > 40
    rows = np.random.default_rng(0).uniform(-2, 2, (500, 2))
    where = found.locate(rows)
    points = np.column_stack([np.ones(500), rows])
    np.testing.assert_allclose((points[:, :, None] * found.maps[where]).sum(axis=1), outputs(net, rows), atol=1e-9)
    with torch.no_grad():
        z = torch.from_numpy(rows)
        three = (3 * net.a(z)).numpy()
        pieces = (three > 0).astype(int) + (three > 6)
    codes = found.codes[found.region[where]]
    np.testing.assert_array_equal(codes[:, found.layer == 0], pieces)
    np.testing.assert_array_equal(codes[:, found.layer == 1] > 0, net.b(z).detach().numpy() > 0)


def test_nothing_is_said_of_what_is_behind_an_operation_that_is_not_followed():
    net = seeded(lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.Tanh()))
    found = slice_regions(net, BOX, layers=0, route="running")
    assert found.n_regions > 2
    assert (found.maps, found.decision_boundary) == (None, None)
    with pytest.raises(InvalidInputError, match=r"not piecewise linear.*merge=.code"):
        slice_regions(net, BOX, layers=0, route="running", merge="map")


def test_what_is_not_piecewise_linear_and_what_is_too_large_is_said(monkeypatch):
    with pytest.raises(InvalidInputError, match=r"tanh|Tanh"):
        slice_regions(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).eval(), BOX)
    net = seeded(dense)
    monkeypatch.setattr("relucvx.metrics.regions.polygons.tiles.MOST_BYTES", 2**14)
    with pytest.raises(InvalidInputError, match=r"vertices and .* so far"):
        slice_regions(net, BOX, route="running")


def test_new_rows_are_numbered_by_generation():
    n = 3  # vertex 3 lies between old ones, 4 between that and an old one, 5 between old ones
    place = np.arange(12.0).reshape(6, 2)
    none = np.zeros(0, dtype=np.int64)
    cells = Subdivision(place, np.zeros(6), np.arange(6), none, none, none, none, none)
    first, second, share = np.array([0, 3, 1]), np.array([1, 2, 2]), np.array([0.5, 0.25, 0.75])
    found, steps = in_generations(Cut(cells, None, none, first, second, share), n)
    np.testing.assert_array_equal(found.cells.place, place[[0, 1, 2, 3, 5, 4]])
    np.testing.assert_array_equal(found.cells.tail, [0, 1, 2, 3, 5, 4])
    rows = torch.tensor([[0.0], [8.0], [16.0]], dtype=torch.float64)
    for step in steps:
        source, fresh = torch.from_numpy(step.source), torch.from_numpy(step.fresh)
        out = rows[source]
        out[fresh] += torch.from_numpy(step.share)[:, None] * (rows[torch.from_numpy(step.other)] - out[fresh])
        rows = out
    assert rows[:, 0].tolist() == [0.0, 8.0, 16.0, 4.0, 14.0, 7.0]
    assert [len(step.fresh) for step in steps] == [2, 1]
