"""Planar slices: counts in closed form, exact rational splitting, grids, degenerate arrangements, invariances."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.regions.splitter import exact_area, exact_regions, float_regions, layers_of

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.network.reading import read_layers

BOX = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])


def random_net(rng, widths, activation="relu"):
    weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in itertools.pairwise(widths)]
    return DeepNetwork(tuple(weights), tuple(0.3 * rng.standard_normal(w.shape[1]) for w in weights), activation)


def one_layer(normals, offsets):
    """A network whose hidden neurons vanish on the lines normals @ x = offsets."""
    normals = np.atleast_2d(np.asarray(normals, float))
    return TwoLayerReLU(normals, np.ones((len(normals), 1)), bias_in=-np.asarray(offsets, float))


def assert_tiles(found, area):
    """Areas add up to the polygon's, every polygon is convex and goes round counter-clockwise."""
    np.testing.assert_allclose(found.areas.sum(), area, rtol=1e-9)
    assert (found.areas > 0).all()
    for polygon in found.polygons:
        steps = np.roll(polygon, -1, axis=0) - polygon
        turns = steps[:, 0] * np.roll(steps[:, 1], -1) - steps[:, 1] * np.roll(steps[:, 0], -1)
        assert turns.min() >= -1e-12 * area


def code_areas(found):
    """Areas by code, sorted: what does not depend on how regions are numbered."""
    return sorted((tuple(map(bool, c)), a) for c, a in zip(found.codes, found.areas, strict=True))


def assert_same_regions(one, other, rtol=1e-9):
    assert one.n_regions == other.n_regions
    for name in ("areas", "perimeters"):
        np.testing.assert_allclose(np.sort(getattr(one, name)), np.sort(getattr(other, name)), rtol=rtol, atol=1e-12)


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


@st.composite
def integer_nets(draw):
    """Small integers: concurrent lines, duplicate, dead and constant neurons and lines along sides are common."""
    widths = [2, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)), 1]
    numbers = st.integers(-3, 3)

    def array(*shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(numbers, min_size=size, max_size=size)), float).reshape(shape)

    weights = tuple(array(*s) for s in itertools.pairwise(widths))
    biases = draw(st.booleans())
    net = DeepNetwork(weights, tuple(array(w.shape[1]) for w in weights) if biases else None,
                      draw(st.sampled_from(["relu", (0.25, 1.0), "abs"])))  # fmt: skip
    polygon = draw(st.sampled_from([BOX, BOX[[0, 1, 3]], [[0, -2], [3, 1], [1, 3], [-1, 2]], [[0, 0], [1, 0], [0, 3]]]))
    return net, np.asarray(polygon, float)


@given(integer_nets())
def test_equals_exact_rational_splitting(case):
    net, polygon = case
    found, exact = slice_regions(net, polygon), exact_regions(layers_of(net), polygon)
    expected = sorted((code, float(exact_area(corners))) for corners, code in exact)
    assert [code for code, _ in code_areas(found)] == [code for code, _ in expected]
    np.testing.assert_allclose([a for _, a in code_areas(found)], [a for _, a in expected], atol=1e-12)


@pytest.mark.parametrize("widths", [(2, 16, 1), (2, 12, 12, 3), (2, 8, 8, 8, 8, 2)])
def test_equals_plain_splitting(widths):
    net = random_net(np.random.default_rng(3), widths)
    found = slice_regions(net, BOX)
    polygons, codes = float_regions(layers_of(net), BOX)
    assert Counter(map(tuple, codes.tolist())) == Counter(map(tuple, found.codes.tolist()))
    assert len(polygons) == found.n_regions
    assert_tiles(found, 16)


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
