"""Planar slices: counts in closed form, exact rational splitting, grids, degenerate arrangements, invariances."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from metrics.regions.cases import BOX, assert_same_regions, assert_tiles, integer_nets, linear, one_layer, random_net
from metrics.regions.splitter import exact_area, exact_regions, float_regions, layers_of

from relucvx.errors import InvalidInputError
from relucvx.metrics import input_map, slice_regions
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.network.reading import read_layers


def code_areas(found):
    """Areas by code, sorted: what does not depend on how regions are numbered."""
    return sorted((tuple(map(bool, c)), a) for c, a in zip(found.codes, found.areas, strict=True))


def test_the_checks_can_fail():
    found = slice_regions(one_layer([[1, 0], [0, 1]], [0, 1]), BOX)
    assert_tiles(found, 16)
    with pytest.raises(AssertionError):
        assert_tiles(found, 16 * (1 + 1e-8))
    bent = found.vertices.copy()
    bent[found.offsets[0]] *= 0.1
    with pytest.raises(AssertionError):
        assert_tiles(replace(found, vertices=bent), 16)
    with pytest.raises(AssertionError):
        assert_same_regions(found, replace(found, areas=found.areas[::-1] * 1.001))
    with pytest.raises(AssertionError):
        assert_same_regions(found, slice_regions(one_layer([[1, 0]], [0]), BOX))


def test_the_exact_and_the_plain_splitter_agree():
    net = random_net(np.random.default_rng(11), (2, 5, 5, 1))
    exact = exact_regions(layers_of(net), BOX)
    polygons, codes = float_regions(layers_of(net), BOX)
    assert sum(exact_area(corners) for corners, _ in exact) == 16
    assert sorted(code for _, code in exact) == sorted(map(tuple, codes.tolist()))
    assert sum(float(exact_area(p)) for p in polygons) == pytest.approx(16)
    lines = [(np.array([[1.0, 1.0], [0.0, 1.0]]), np.zeros(2), 0.0, 1.0)]
    assert len(exact_regions(lines, BOX)) == len(float_regions(lines, BOX)[0]) == 4


# ---------------------------------------------------------------------- counts in closed form
@pytest.mark.parametrize("m", range(9))
def test_lines_in_general_position(m):
    rng = np.random.default_rng(m)
    normals, offsets = rng.standard_normal((m, 2)), rng.standard_normal(m)
    cuts = [np.linalg.solve(normals[[i, j]], offsets[[i, j]]) for i, j in itertools.combinations(range(m), 2)]
    size = 1.1 * max([np.abs(c).max() for c in cuts], default=1.0)
    net = one_layer(normals, offsets) if m else TwoLayerReLU.zero(2)
    found = slice_regions(net, size * np.sign(BOX))
    assert found.n_regions == 1 + m + m * (m - 1) // 2
    assert found.per_layer == (found.n_regions,)
    assert_tiles(found, 4 * size**2)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.3, -0.7), (1 / 3, 0.1)])
def test_concurrent_lines_make_sectors(m, centre):
    angles = np.pi * (np.arange(m) + 0.37) / m
    normals = np.column_stack([np.cos(angles), np.sin(angles)]) * np.geomspace(1, 1e3, m)[:, None]
    found = slice_regions(one_layer(normals, normals @ centre), BOX)
    assert found.n_regions == 2 * m
    assert_tiles(found, 16)


@pytest.mark.parametrize("widths", [(2, 8, 1), (2, 8, 8, 1), (3, 9, 9, 9, 2)])
def test_zero_bias_networks_have_sectors_only(widths):
    rng = np.random.default_rng(1)
    net = DeepNetwork(tuple(rng.standard_normal(s) for s in itertools.pairwise(widths)))
    if widths[0] == 2:
        found = slice_regions(net, BOX)
    else:
        found = slice_regions(net, origin=np.zeros(3), axes=np.eye(3)[:2], extent=(-2, 2, -2, 2))
    assert_tiles(found, 16)
    angles = np.linspace(0, 2 * np.pi, 20_001)[:-1]
    ring = found.to_input(np.column_stack([np.cos(angles), np.sin(angles)]))
    codes = np.hstack(read_layers(net).preactivations(ring)) > 0
    runs = 1 + int((codes[1:] != codes[:-1]).any(axis=1).sum()) - int((codes[0] == codes[-1]).all())
    assert found.n_regions == runs


# ---------------------------------------------------------------------- degenerate lines
def test_a_duplicate_neuron_changes_nothing():
    rng = np.random.default_rng(2)
    net = random_net(rng, (2, 7, 7, 2))
    base = slice_regions(net, BOX)
    W, b = list(net.weights), list(net.biases)
    for factor in (1.0, 3.0, -1.0, 1e-3):
        W2, b2 = [w.copy() for w in W], [v.copy() for v in b]
        for layer in (0, 1):
            W2[layer] = np.hstack([W2[layer], factor * W2[layer][:, :2]])
            b2[layer] = np.append(b2[layer], factor * b2[layer][:2])
            W2[layer + 1] = np.vstack([W2[layer + 1], 0 * W2[layer + 1][:2]])
        twice = slice_regions(DeepNetwork(tuple(W2), tuple(b2)), BOX)
        assert twice.per_layer == base.per_layer
        assert_same_regions(twice, base)


@given(integer_nets())
def test_equals_exact_rational_splitting(case):
    net, polygon = case
    found, exact = slice_regions(net, polygon), exact_regions(layers_of(net), polygon)
    expected = sorted((code, float(exact_area(corners))) for corners, code in exact)
    assert [code for code, _ in code_areas(found)] == [code for code, _ in expected]
    np.testing.assert_allclose([a for _, a in code_areas(found)], [a for _, a in expected], atol=1e-12)


# ---------------------------------------------------------------------- layers
def test_layers_choose_the_neurons():
    net = random_net(np.random.default_rng(7), (2, 6, 6, 6, 2))
    full = slice_regions(net, BOX)
    assert full.layer.tolist() == [0] * 6 + [1] * 6 + [2] * 6
    for count in (1, 2):
        part = slice_regions(net, BOX, layers=range(count))
        assert part.per_layer == full.per_layer[:count]
        assert part.n_regions == full.per_layer[count - 1]
        assert part.maps is None
        assert part.decision_boundary is None
        assert np.isnan(part.boundary_length)
    last = slice_regions(net, BOX, layers=-1)
    assert last.per_layer == full.per_layer
    assert len(last.region) == full.n_regions
    assert last.maps is not None
    assert last.n_regions < full.n_regions
    np.testing.assert_allclose(last.areas.sum(), 16)
    np.testing.assert_array_equal(last.codes[last.region], full.codes[:, 12:])
    # neighbouring regions differ in the code, and a region's area is that of its polygons
    i, j = last.neighbours.T
    assert (last.codes[i] != last.codes[j]).any(axis=1).all()
    np.testing.assert_allclose(last.areas, np.bincount(last.region, full.areas))
    np.testing.assert_allclose(last.perimeters.sum(), 16.0 + 2 * last.shared.sum())


def test_a_linear_network_is_one_region():
    net = DeepNetwork(([[1.0], [2.0]], [[2.0]]), activation="linear")
    found = slice_regions(net, BOX)
    assert (found.n_regions, found.per_layer, found.codes.shape) == (1, (), (1, 0))
    np.testing.assert_allclose(found.maps[0], [[0.0], [2.0], [4.0]])
    assert found.perimeters.tolist() == [16.0]
    assert repr(found) == "SliceRegions(1 regions; polygons after each layer: none)"
    assert found.decision_pairs.tolist() == [[0, 1]]


# ---------------------------------------------------------------------- invariances and their limits
def test_invariances_and_their_limits():
    rng = np.random.default_rng(8)
    net = random_net(rng, (3, 10, 10, 10, 2))
    corners = np.array([[4.0, 0.5, -1.0], [-3.0, 3.0, 1.0], [-2.0, -4.0, 0.5]])
    base = slice_regions(net, corners)
    assert base.n_regions > 50
    # neurons in another order
    order = rng.permutation(10)
    W, b = list(net.weights), list(net.biases)
    W[1], b[1], W[2] = W[1][:, order], b[1][order], W[2][order]
    shuffled = slice_regions(DeepNetwork(tuple(W), tuple(b)), corners)
    assert_same_regions(shuffled, base)
    renamed = base.codes.copy()
    renamed[:, 10:20] = renamed[:, 10:20][:, order]
    assert sorted(map(tuple, renamed)) == sorted(map(tuple, shuffled.codes))
    # positive scales of neurons
    scale = np.exp(rng.standard_normal(10))
    W, b = list(net.weights), list(net.biases)
    W[0], b[0], W[1] = W[0] * scale, b[0] * scale, W[1] / scale[:, None]
    scaled = slice_regions(DeepNetwork(tuple(W), tuple(b)), corners)
    assert_same_regions(scaled, base)
    assert scaled.boundary_length == pytest.approx(base.boundary_length)
    # where the polygon begins, and which way round it goes
    for turned in (corners[[1, 2, 0]], corners[::-1]):
        again = slice_regions(net, turned)
        assert_same_regions(again, base)
        assert [code for code, _ in code_areas(again)] == [code for code, _ in code_areas(base)]
    # an isometry of input space, undone by the first layer
    Q, shift = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.standard_normal(3)
    moved = DeepNetwork(
        (Q.T @ net.weights[0], *net.weights[1:]), (net.biases[0] - shift @ Q.T @ net.weights[0], *net.biases[1:])
    )
    far = slice_regions(moved, corners @ Q + shift)
    assert_same_regions(far, base)
    np.testing.assert_allclose(np.sort(far.eccentricity), np.sort(base.eccentricity), atol=1e-6)
    # units of input space: areas by the square, shapes not at all
    larger = slice_regions(DeepNetwork((net.weights[0] / 10, *net.weights[1:]), net.biases), 10 * corners)
    np.testing.assert_allclose(np.sort(larger.areas), 100 * np.sort(base.areas), rtol=1e-9)
    np.testing.assert_allclose(np.sort(larger.eccentricity), np.sort(base.eccentricity), atol=1e-6)
    # not allowed: another bias, a negative scale, a stretch of one direction
    b = list(net.biases)
    b[0] = b[0] + 0.5
    assert slice_regions(DeepNetwork(net.weights, tuple(b)), corners).per_layer != base.per_layer
    W = [-net.weights[0], *net.weights[1:]]
    assert slice_regions(DeepNetwork(tuple(W), net.biases), corners).per_layer != base.per_layer
    stretch = np.diag([5.0, 1.0, 1.0])
    stretched = slice_regions(
        DeepNetwork((np.linalg.inv(stretch) @ net.weights[0], *net.weights[1:]), net.biases), corners @ stretch
    )
    assert stretched.n_regions == base.n_regions  # counts are affine invariants, shapes are not
    assert np.abs(np.sort(stretched.eccentricity) - np.sort(base.eccentricity)).max() > 0.01


def test_inputs_are_left_alone_and_results_are_frozen():
    polygon = BOX.copy()
    found = slice_regions(random_net(np.random.default_rng(9), (2, 5, 5, 1)), polygon)
    np.testing.assert_array_equal(polygon, BOX)
    with pytest.raises(ValueError, match="read-only"):
        found.vertices[0, 0] = 1.0
    assert found.to_dict()["per_layer"] == list(found.per_layer)


# ---------------------------------------------------------------------- refusals
TRI3 = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, "a polygon, or all of origin, axes and extent; received nothing"),
        ({"polygon": TRI3, "origin": [0, 0, 0]}, "a polygon, or all of.*received polygon, origin"),
        ({"origin": [0, 0, 0], "axes": [[1, 0, 0], [0, 1, 0]]}, "a polygon, or all of.*received origin, axes"),
        ({"polygon": TRI3[:2]}, r"at least three corners, shape \(v, d\); received 2 corners"),
        ({"polygon": [[0, 0], [1, 0], [0, 1]]}, "polygon with 3 entries"),
        ({"polygon": [[0, 0, 0], [1, 1, 1], [2, 2, 2]]}, "a polygon with an area"),
        ({"polygon": [[1, 1, 1]] * 3}, "a polygon with an area"),
        ({"polygon": [[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]}, "no corner twice"),
        ({"polygon": [[0, 0, 0], [1, 0, 0], [1, 1, 1], [0, 1, 0]]}, "corners in one plane.*three of them: a triangle"),
        ({"polygon": [[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]]}, "no corner twice|a convex polygon"),
        ({"polygon": [[0, 0, 0], [2, 0, 0], [0.5, 0.5, 0], [0, 2, 0]]}, "a convex polygon.*4 corners that turn both"),
        ({"polygon": [[0, 0, np.nan], [1, 0, 0], [0, 1, 0]]}, "polygon to be finite"),
        ({"polygon": TRI3, "layers": 2}, "layers among the 2 hidden layers"),
        ({"origin": TRI3, "axes": TRI3[1:], "extent": (0, 1, 0, 1)}, "one origin and two axes; received 3 origins"),
        ({"origin": [0, 0, 0], "axes": TRI3, "extent": (0, 1, 0, 1)}, "one origin and two axes.*3 axes"),
        ({"origin": [0, 0, 0], "axes": TRI3[1:], "extent": (0, 1, 0)}, r"extent \(u_min, u_max, v_min, v_max\)"),
        ({"origin": [0, 0, 0], "axes": TRI3[1:], "extent": (1, 0, 0, 1)}, r"extent \(u_min, u_max, v_min, v_max\)"),
        ({"origin": [0, 0, 0], "axes": [[1, 2, 3], [2, 4, 6]], "extent": (0, 1, 0, 1)}, "axes of different directions"),
        ({"origin": [0, 0, 0], "axes": [[0, 0, 0], [2, 4, 6]], "extent": (0, 1, 0, 1)}, "axes of different directions"),
    ],
)
def test_refusals(kwargs, message):
    net = random_net(np.random.default_rng(0), (3, 4, 4, 1))
    with pytest.raises(InvalidInputError, match=message):
        slice_regions(net, **kwargs)


@pytest.mark.parametrize("code", [[True], [0.5] * 12, np.ones((12, 1)), [], ["a"] * 12])
def test_codes_that_are_not_those_of_the_network(code):
    net = random_net(np.random.default_rng(0), (2, 6, 6, 1))
    with pytest.raises(
        InvalidInputError, match=r"a code of 12 zeros and ones, one per neuron|code to hold real numbers"
    ):
        input_map(net, code)


def test_the_map_of_a_linear_network():
    weight, bias = input_map(linear([[1.0], [2.0]], [3.0]), [])
    assert (weight.tolist(), bias.tolist()) == ([[1.0], [2.0]], [3.0])


@pytest.mark.parametrize("neurons", [1, 3])
def test_layers_are_cut_in_pieces_that_change_nothing(neurons, monkeypatch):
    net = random_net(np.random.default_rng(5), (2, 9, 8, 3))
    whole = slice_regions(net, BOX)
    monkeypatch.setattr("relucvx.metrics.regions.polygons.subdivision.PIECE", 1)
    monkeypatch.setattr("relucvx.metrics.regions.polygons.subdivision.FEWEST", neurons)
    parts = slice_regions(net, BOX)
    assert parts.per_layer == whole.per_layer
    for name in ("vertices", "codes", "areas", "edges", "edge_layer", "maps"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_slices_that_fill_the_memory_are_stopped(monkeypatch):
    monkeypatch.setattr("relucvx.metrics.regions.polygons.tiles.MOST_BYTES", 2**14)
    with pytest.raises(InvalidInputError, match=r"vertices and .* so far .*a smaller polygon"):
        slice_regions(random_net(np.random.default_rng(5), (2, 40, 1)), BOX)


# ---------------------------------------------------------------------- maxima
def pooled(weight, bias, relu, order=(0, 1, 2, 3)):
    """max of four affine functions (behind ReLU or not), handed over in this order."""
    torch = pytest.importorskip("torch")
    nn, order = torch.nn, list(order)
    first = nn.Linear(weight.shape[1], 4).double()
    first.weight.data, first.bias.data = torch.from_numpy(weight[order]), torch.from_numpy(bias[order])
    between = [nn.ReLU()] if relu else []
    return nn.Sequential(first, *between, nn.Unflatten(1, (1, 2, 2)), nn.MaxPool2d(2), nn.Flatten()).eval()


@pytest.mark.parametrize("relu", [False, True])
def test_a_maximum_of_four_has_four_regions_in_any_order_of_its_arguments(relu):
    torch = pytest.importorskip("torch")
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    bias = np.array([0.0, 0.25, 0.0, 0.25])
    rows = np.random.default_rng(0).uniform(-2, 2, (200, 2))
    seen = set()
    for order in itertools.permutations(range(4)):
        net = pooled(weight, bias, relu, order)
        found, last = slice_regions(net, BOX), slice_regions(net, BOX, layers=-1)
        assert last.n_regions == 4
        assert_tiles(found, 16)
        # walls between losers are gone, with their corners
        sides = found.region[np.repeat(np.arange(len(found.region)), np.diff(found.offsets))]
        seen.add(
            (found.n_regions, found.per_layer, len(found.edges), len(found.vertices), len(found.shared), len(sides))
        )
        where = found.locate(rows)
        with torch.no_grad():
            out = net(torch.from_numpy(rows)).numpy()[:, 0]
        points = np.column_stack([np.ones(200), rows])
        np.testing.assert_allclose((points * found.maps[where, :, 0]).sum(axis=1), out, atol=1e-12)
        weights, biases = input_map(net, found.codes[where[0]])
        np.testing.assert_allclose(rows[0] @ weights + biases, out[0], atol=1e-12)
    assert len(seen) == 1
    with pytest.raises(InvalidInputError, match="or of who wins a maximum"):
        input_map(net, np.full(found.codes.shape[1], 0.5))
