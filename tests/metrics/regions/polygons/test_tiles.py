"""A polygon in tiles: the same as in one piece, whatever lies on a border."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from metrics.regions.cases import BOX, assert_same_regions, assert_tiles, integer_nets, random_net

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions
from relucvx.metrics.regions.polygons import compiled_slices, slices, tiles
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.metrics.regions.polygons.tiles import Overfull, Tile, ancestry, tiled


@pytest.fixture
def small(monkeypatch):
    """Tiles of a few vertices; counts how many there are."""
    seen = []

    def counted(pieces, corners):
        seen.append(len(pieces))
        return stitched(pieces, corners)

    stitched = slices.stitched
    monkeypatch.setattr(slices, "stitched", counted)

    def make(budget, least=8):
        monkeypatch.setattr(compiled_slices, "TILE", budget)
        monkeypatch.setattr(tiles, "LEAST", least)
        monkeypatch.setattr(tiles, "DEPTH", 5)
        return seen

    return make


def box():
    """The square as a plane."""
    return Plane(np.zeros(2), np.eye(2), BOX, BOX)


def by_code(found):
    """Rows of regions in the order of their codes."""
    return np.lexsort(found.codes.T[::-1])


def assert_same_slices(one, other):
    """Codes, measures, neighbours, maps and boundaries are the same but for the order of regions."""
    assert one.per_layer == other.per_layer
    assert_same_regions(one, other)
    a, b = by_code(one), by_code(other)
    np.testing.assert_array_equal(one.codes[a], other.codes[b])
    np.testing.assert_allclose(one.areas[a], other.areas[b], atol=1e-11)
    np.testing.assert_allclose(one.maps[a], other.maps[b], atol=1e-11)
    assert (len(one.vertices), len(one.edges)) == (len(other.vertices), len(other.edges))
    np.testing.assert_array_equal(np.sort(one.edge_layer), np.sort(other.edge_layer))
    pairs = [np.sort(np.argsort(order)[found.neighbours], axis=1) for found, order in ((one, a), (other, b))]
    rows = [np.lexsort(p.T[::-1]) for p in pairs]
    np.testing.assert_array_equal(pairs[0][rows[0]], pairs[1][rows[1]])
    np.testing.assert_allclose(one.shared[rows[0]], other.shared[rows[1]], atol=1e-11)
    np.testing.assert_allclose(one.boundary_length, other.boundary_length, rtol=1e-11)


def test_the_check_can_fail():
    net = random_net(np.random.default_rng(0), (2, 9, 8, 3))
    found = slice_regions(net, BOX)
    assert_same_slices(found, found)
    swapped = found.packed.at(np.r_[1, 0, 2 : found.n_regions])
    for wrong in (
        replace(found, packed=swapped), replace(found, neighbours=found.neighbours[::-1].copy()),
        replace(found, vertices=found.vertices[1:]), replace(found, per_layer=(1, 2)),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            assert_same_slices(found, wrong)


@pytest.mark.parametrize("budget", [2**11, 2**12])
@pytest.mark.parametrize("widths", [(2, 12, 12, 3), (3, 30, 2), (4, 8, 8, 8, 8, 1)])
def test_tiles_make_the_whole(widths, budget, small):
    rng = np.random.default_rng(3)
    net = random_net(rng, widths)
    polygon = BOX if widths[0] == 2 else 3.0 * rng.standard_normal((3, widths[0]))
    whole = slice_regions(net, polygon)
    seen = small(budget)
    assert_same_slices(slice_regions(net, polygon), whole)
    assert seen[-1] > 1
    for layers in ([0], [len(widths) - 3]):
        part = slice_regions(net, polygon, layers=layers)
        small(2**27)
        assert_same_regions(part, slice_regions(net, polygon, layers=layers))
        small(budget)


@given(integer_nets())
def test_whatever_lies_on_a_border(case):
    net, polygon = case
    whole = slice_regions(net, polygon)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_slices, "TILE", 1)
        patch.setattr(tiles, "LEAST", 5)
        patch.setattr(tiles, "DEPTH", 3)
        # on lines of the network where that is possible
        patch.setattr(tiles, "_between", lambda values, share, low, high: 0.5 * (low + high))
        parts = slice_regions(net, polygon)
    assert parts.per_layer == whole.per_layer
    assert_same_regions(parts, whole)
    assert sorted(map(bytes, parts.codes)) == sorted(map(bytes, whole.codes))
    assert_tiles(parts, whole.areas.sum())


def test_maxima_in_tiles(small):
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, last = torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Linear(8, 3)
    nn = torch.nn
    net = nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(3, 2, padding=1), nn.Flatten(), last).double().eval()
    polygon = 2.0 * np.random.default_rng(1).standard_normal((3, 1, 4, 4))
    whole = slice_regions(net, polygon, route="compiled")
    seen = small(2**13)
    assert_same_slices(slice_regions(net, polygon, route="compiled"), whole)
    assert seen[-1] > 2


def test_a_tile_is_parted_evenly_and_keeps_its_sides():
    plane = box()
    place = np.random.default_rng(0).uniform(-2, 2, (1000, 2)) ** 3 / 4
    parts = Tile.of(plane).parted(place, 7, itertools.count())
    assert len(parts) == 7
    assert len({part.key for part in parts}) == 7
    inside = [
        ((place >= part.plane.corners.min(axis=0)) & (place <= part.plane.corners.max(axis=0))).all(axis=1).sum()
        for part in parts
    ]
    assert sum(inside) == 1000
    assert max(inside) < 1.2 * min(inside)
    marks = np.concatenate([part.marks for part in parts])
    assert set(marks[marks > -2]) == {-1}
    # every border has a tile below and one above
    assert set((-2 - marks[marks <= -2]).tolist()) == set(range(12))


def test_where_tiles_do_not_help_the_memory_is_refused(monkeypatch):
    net = random_net(np.random.default_rng(5), (2, 40, 1))
    monkeypatch.setattr(tiles, "MOST_BYTES", 2**14)
    monkeypatch.setattr(compiled_slices, "TILE", 2**13)
    with pytest.raises(InvalidInputError, match=r"vertices and .* so far .*a smaller polygon"):
        slice_regions(net, BOX)


def test_an_error_in_a_tile_ends_the_others():
    plane = box()
    place = np.random.default_rng(0).uniform(-2, 2, (100, 2))
    calls = []

    def cut(tile):
        calls.append(tile)
        if tile.is_whole:
            raise Overfull(place, 8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiled(plane, cut, True)
    assert 2 <= len(calls) <= 9


def test_ancestors_are_followed_back():
    origins = [np.array([0, 0]), np.array([0, 1, 1]), np.array([2, 0])]
    np.testing.assert_array_equal(ancestry(origins, 2), [[1, 0], [2, 0], [0, 1]])
