"""Regions of the whole of R^d: closed forms, exact splitting of a large square, every sign pattern by a linear program."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from metrics.regions.cases import BOX, integer_nets, one_layer, random_net
from metrics.regions.polygons.test_slices import pooled
from metrics.regions.splitter import exact_regions, layers_of
from scipy.optimize import linprog

from relucvx.errors import InvalidInputError
from relucvx.metrics import linear_regions, slice_regions
from relucvx.metrics.regions.merging import same_maps
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.network.reading import read_layers


def assert_consistent(net, found):
    """Raise unless points have their codes and maps, and neighbours one wall between them that is in one piece."""
    network = read_layers(net)
    codes = np.hstack(network.codes(found.points)) if network.kinks else found.codes
    np.testing.assert_array_equal(codes, found.codes)
    rows = np.column_stack([np.ones(len(found.points)), found.points])
    values = np.einsum("ni,nic->nc", rows, found.maps)
    size = 1.0 + np.abs(values).max()
    np.testing.assert_allclose(values, network.outputs(found.points), atol=1e-9 * size)
    assert len(np.unique(found.codes, axis=0)) == found.n_regions
    assert (found.adjacency != found.adjacency.T).nnz == 0
    reached = {0}
    while more := {int(j) for i in reached for j in found.adjacency[[i]].indices} - reached:
        reached |= more
    assert len(reached) == found.n_regions


@pytest.mark.parametrize(("d", "m"), [(1, 1), (1, 7), (2, 2), (2, 9), (3, 2), (3, 7), (4, 3), (4, 6)])
def test_hyperplanes_in_general_position(d, m):
    rng = np.random.default_rng(10 * d + m)
    weight, offset = rng.standard_normal((m, d)), rng.standard_normal(m)
    found = linear_regions(one_layer(weight, offset))
    assert found.n_regions == sum(math.comb(m, k) for k in range(d + 1))
    assert found.bounded.sum() == math.comb(m - 1, d)
    # a hyperplane is cut by the others into cells, each of them a wall between two regions
    assert len(found.neighbours) == m * sum(math.comb(m - 1, k) for k in range(d))
    assert ((found.codes[found.neighbours[:, 0]] != found.codes[found.neighbours[:, 1]]).sum(axis=1) == 1).all()
    assert_consistent(one_layer(weight, offset), found)
    central = linear_regions(one_layer(weight, np.zeros(m)))
    assert central.n_regions == 2 * sum(math.comb(m - 1, k) for k in range(d))
    assert not central.bounded.any()


def test_the_check_can_fail():
    net = random_net(np.random.default_rng(0), (2, 4, 1))
    found = linear_regions(net)
    for name, value in (("points", found.points[::-1]), ("maps", 2 * found.maps), ("neighbours", found.neighbours[:1])):
        with pytest.raises(AssertionError):
            assert_consistent(net, type(found)(**{**vars(found), name: value}))


def test_parallel_walls_and_directions_that_nothing_depends_on():
    found = linear_regions(one_layer([[1, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]], [0, 1, 0, 2]))
    assert (found.n_regions, found.bounded.any()) == (6, False)
    assert len(found.neighbours) == 7
    nothing = linear_regions(DeepNetwork(([[1.0], [2.0]], [[2.0]]), activation="linear"))
    assert (nothing.n_regions, nothing.codes.shape, len(nothing.neighbours)) == (1, (1, 0), 0)
    np.testing.assert_allclose(nothing.maps[0], [[0.0], [2.0], [4.0]])


@given(integer_nets())
def test_a_square_that_holds_every_vertex_has_the_same_regions(case):
    net, _ = case
    found = linear_regions(net)
    # integers below 4 in three layers: vertices are quotients that stay inside
    exact = exact_regions(layers_of(net), 1e7 * BOX)
    assert sorted(map(tuple, found.codes.tolist())) == sorted({code for _, code in exact})
    assert_consistent(net, found)


@pytest.mark.parametrize("d", [2, 3])
def test_every_sign_pattern_that_a_linear_program_finds(d):
    net = random_net(np.random.default_rng(d), (d, 4, 3, 1))
    (W, b), (V, c) = zip(net.weights[:2], net.biases[:2], strict=True)
    want = set()
    for code in itertools.product((False, True), repeat=7):
        gate = np.array(code[:4], float)
        A, e = np.hstack([W, (W * gate) @ V]), np.concatenate([b, (b * gate) @ V + c])
        sign = np.where(code, 1.0, -1.0)
        length = np.linalg.norm(A, axis=0)
        # the largest ball inside, up to radius one
        ball = linprog(
            np.append(np.zeros(d), -1.0), np.column_stack([-(A * sign).T, length]), e * sign,
            bounds=[(None, None)] * d + [(0, 1)],
        )  # fmt: skip
        want |= {code} if ball.status == 0 and ball.x[-1] > 1e-9 else set()
    assert {tuple(code) for code in linear_regions(net).codes.tolist()} == want


def test_a_slice_that_holds_every_vertex_has_the_same_neighbours():
    net = random_net(np.random.default_rng(4), (2, 6, 6, 2))
    found, flat = linear_regions(net), slice_regions(net, 1e5 * BOX)
    assert_consistent(net, found)
    assert found.n_regions == flat.n_regions

    def names(regions):
        pairs = regions.codes[regions.neighbours]
        return {frozenset((bytes(a), bytes(b))) for a, b in pairs}

    assert names(found) == names(flat)
    order = [{bytes(code): k for k, code in enumerate(flat.codes)}[bytes(code)] for code in found.codes]
    np.testing.assert_allclose(found.maps, flat.maps[order], atol=1e-9)
    # inside: no corner on the rim of the square
    rim = np.abs(flat.vertices).max(axis=1) > 1.9e5
    inside = ~np.logical_or.reduceat(rim[flat.corners], flat.offsets[:-1])
    np.testing.assert_array_equal(found.bounded, inside[order])


@pytest.mark.parametrize("relu", [False, True])
def test_merged_by_map_a_maximum_has_as_many_regions_as_pieces(relu):
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    net = pooled(weight, np.array([0.0, 0.25, 0.0, 0.25]), relu)
    whole, merged, flat = linear_regions(net), linear_regions(net, merge="map"), slice_regions(net, BOX, merge="map")
    assert merged.n_regions == flat.n_regions == 4
    assert whole.n_regions == (14 if relu else 4)
    assert_consistent(net, whole)
    assert flat.areas.sum() == pytest.approx(16)
    assert {tuple(m.ravel()) for m in merged.maps} == {tuple(m.ravel()) for m in flat.maps}
    assert "4 linear regions of R^2, 0 bounded" in repr(merged)
    assert same_maps(merged.maps, merged.neighbours).sum() == 0


def test_merging_joins_only_neighbours_with_one_map():
    # relu(x) - relu(x - 1) - relu(-x - 1) + relu(-x): flat far out on either side, at the same height, and steep between
    net = TwoLayerReLU([[1.0], [1.0], [-1.0], [-1.0]], [1.0, -1.0, -1.0, 1.0], [0.0, -1.0, -1.0, 0.0])
    assert linear_regions(net, merge="map").n_regions == 4
    # a neuron that nothing listens to is no wall
    dead = TwoLayerReLU([[1.0], [1.0]], [1.0, 0.0], [0.0, -1.0])
    assert (linear_regions(dead).n_regions, linear_regions(dead, merge="map").n_regions) == (3, 2)
    part = linear_regions(dead, merge="map")
    assert len(list(part.records())) == 2


def test_refusals():
    net = random_net(np.random.default_rng(1), (2, 8, 1))
    with pytest.raises(InvalidInputError, match=r"at most 10 regions"):
        linear_regions(net, most=10)
    with pytest.raises(InvalidInputError, match='merge "code" or "map"'):
        linear_regions(net, merge="maps")
    with pytest.raises(InvalidInputError, match=r"at most 6 input features; received 7.*slice_regions"):
        linear_regions(random_net(np.random.default_rng(1), (7, 2, 1)))
    with pytest.raises(InvalidInputError, match='all layers for merge="map"'):
        slice_regions(random_net(np.random.default_rng(1), (2, 2, 2, 1)), BOX, merge="map", layers=0)
