"""Decision boundaries on a plane, convolutional and residual networks, and the figure."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.regions.cases import BOX, assert_tiles, integer_nets, linear, random_net

from relucvx.metrics import input_map, slice_regions
from relucvx.network import DeepNetwork
from relucvx.network.reading import read_layers


def decided(net, X):
    """The largest output, the first of equal ones; for one output, whether it is positive."""
    out = np.asarray(net.predict(X)).reshape(len(X), -1)
    return (out[:, 0] > 0).astype(int) if out.shape[1] == 1 else out.argmax(axis=1)


# ---------------------------------------------------------------------- decision boundaries
def test_three_linear_outputs_meet_in_a_point():
    angles = 2 * np.pi * np.arange(3) / 3
    found = slice_regions(linear([np.cos(angles), np.sin(angles)]), BOX)
    assert sorted(map(tuple, found.decision_pairs.tolist())) == [(0, 1), (0, 2), (1, 2)]
    # from the centre: to the corner side at 60 degrees, down at 300, and left
    assert found.boundary_length == pytest.approx(2 * 2 / np.sin(np.pi / 3) + 2)
    assert np.abs(found.decision_boundary).min(axis=(1, 2)).max() < 1e-12


def test_an_output_that_is_largest_nowhere_is_no_side():
    found = slice_regions(linear([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]], [0.0, 0.0, -1.0]), BOX)
    assert found.decision_pairs.tolist() == [[0, 1]]
    assert found.boundary_length == pytest.approx(4.0)


def test_an_output_that_is_largest_at_no_corner_has_a_boundary():
    # outputs grow outwards in four directions, the fifth is largest in the middle
    found = slice_regions(linear([[1.0, -1, 0, 0, 0], [0, 0, 1.0, -1, 0]], [0, 0, 0, 0, 1.0]), BOX)
    assert found.n_regions == 1
    assert found.boundary_length == pytest.approx(4 * 2 + 4 * np.sqrt(2))


def test_a_score_decides_by_its_sign():
    found = slice_regions(linear([[1.0], [1.0]], [-1.0]), BOX)
    assert found.decision_pairs.tolist() == [[0, 1]]
    assert found.boundary_length == pytest.approx(3 * np.sqrt(2))


@pytest.mark.parametrize(
    ("outputs", "length"),
    [
        ([[1.0], [-1.0]], 4.0),  # relu(x) - relu(-x): zero along the side between two regions
        ([[1.0], [1.0]], 0.0),  # |x| touches zero, and is negative nowhere: the decision changes only on the line
        ([[1.0], [0.0]], 4.0),  # relu(x) is zero on one side and positive on the other
        ([[-1.0], [0.0]], 0.0),  # -relu(x) is never positive
        ([[0.0, 1.0], [0.0, 1.0]], 0.0),
        ([[1.0, 0.0], [0.0, 1.0]], 4.0),  # relu(x) against relu(-x)
        ([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], 4.0),  # the third output is the second again
        ([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], 4.0),  # the third ties on the line only
    ],
)
def test_boundaries_along_the_sides_of_regions(outputs, length):
    found = slice_regions(DeepNetwork(([[1.0, -1.0], [0.0, 0.0]], outputs)), BOX)
    assert found.n_regions == 2
    assert found.boundary_length == pytest.approx(length)
    assert set(map(tuple, found.decision_pairs.tolist())) <= {(0, 1)}


def test_ends_with_an_activation():
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3), torch.nn.ReLU()).double()
    found = slice_regions(net, 5 * BOX)
    assert found.maps.shape[2] == 3
    points = np.random.default_rng(0).uniform(-10, 10, (300, 2))
    out = net(torch.from_numpy(points)).detach().numpy()
    maps = found.maps[found.locate(points)]
    np.testing.assert_allclose(np.einsum("ni,nic->nc", np.column_stack([np.ones(300), points]), maps), out, atol=1e-12)


@pytest.mark.parametrize("widths", [(2, 12, 12, 1), (2, 10, 10, 2), (2, 12, 12, 12, 5), (4, 16, 16, 10)])
def test_random_lines_cross_the_boundary_where_decisions_change(widths):
    rng = np.random.default_rng(sum(widths))
    net = random_net(rng, widths)
    if widths[0] == 2:
        found = slice_regions(net, BOX)
    else:
        found = slice_regions(net, origin=np.zeros(4), axes=np.eye(4)[[1, 3]], extent=(-2, 2, -2, 2))
    ends, pairs = found.decision_boundary, found.decision_pairs
    assert len(ends) > 0
    # beside the middle of every segment the two decisions are those named
    middle, step = ends.mean(axis=1), ends[:, 1] - ends[:, 0]
    normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.linalg.norm(step, axis=1)[:, None]
    wide = np.linalg.norm(step, axis=1) > 1e-4
    sides = np.stack([decided(net, found.to_input(middle + s * 1e-7 * normal)) for s in (1, -1)], axis=1)
    np.testing.assert_array_equal(np.sort(sides, axis=1)[wide], pairs[wide])
    # and along lines, decisions change as often as segments are crossed
    for _ in range(30):
        a, b = rng.uniform(-2, 2, (2, 2))
        shares = np.linspace(0, 1, 20_001)[:, None]
        changes = np.count_nonzero(np.diff(decided(net, found.to_input((1 - shares) * a + shares * b))))
        across = np.array([b[1] - a[1], a[0] - b[0]])
        over = (ends - a) @ across
        cut = (over[:, 0] > 0) != (over[:, 1] > 0)
        where = over[cut, 0] / (over[cut, 0] - over[cut, 1])
        points = ends[cut, 0] + where[:, None] * step[cut]
        t = (points - a) @ (b - a) / ((b - a) @ (b - a))
        assert np.count_nonzero((t > 0) & (t < 1)) == changes


@given(integer_nets(), st.integers(1, 3), st.integers(0, 1000))
def test_decisions_of_integer_networks_are_constant_between_crossings(case, n_outputs, seed):
    """Ties on whole regions, boundaries along sides, equal outputs; dyadic points, so that predictions are exact."""
    net, polygon = case
    rng = np.random.default_rng(seed)
    head = rng.integers(-2, 3, (net.weights[-1].shape[0], n_outputs)).astype(float)
    biases = None if net.biases is None else (*net.biases[:-1], rng.integers(-1, 2, n_outputs).astype(float))
    net = DeepNetwork((*net.weights[:-1], head), biases, net.activation)
    ends = slice_regions(net, polygon).decision_boundary
    grid = 2.0**20
    corners = rng.dirichlet(np.ones(len(polygon)), 8) @ polygon
    for a, b in (np.round(corners * grid) / grid).reshape(4, 2, 2):
        across = np.array([b[1] - a[1], a[0] - b[0]])
        over = (ends - a) @ across
        cut = (over[:, 0] > 0) != (over[:, 1] > 0)
        where = over[cut, 0] / (over[cut, 0] - over[cut, 1])
        points = ends[cut, 0] + where[:, None] * (ends[cut, 1] - ends[cut, 0])
        t = (points - a) @ (b - a) / ((b - a) @ (b - a))
        stops = np.sort(np.concatenate([[0.0, 1.0], t[(t > 0) & (t < 1)]]))
        found = []
        for low, high in itertools.pairwise(stops):
            if high - low > 1e-3:
                shares = low + (high - low) * np.linspace(0.01, 0.99, 9)[:, None]
                inside = set(decided(net, np.round(((1 - shares) * a + shares * b) * grid) / grid).tolist())
                assert len(inside) == 1
                found.append((low, high, inside.pop()))
        for (_, high, one), (low, _, other) in itertools.pairwise(found):
            assert high != low or one != other


# ---------------------------------------------------------------------- other layers
def convolutional(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 4, 3), nn.LeakyReLU(0.1),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip


def residual(torch):
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x):
            return x + self.two(torch.relu(self.one(x)))

    return nn.Sequential(nn.Linear(4, 6), Residual(), nn.ReLU(), Residual(), nn.Linear(6, 2))


@pytest.mark.parametrize(("make", "shape"), [(convolutional, (1, 8, 8)), (residual, (4,))])
def test_convolutions_pooling_and_residual_blocks(make, shape):
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = make(torch).double().eval()
    rng = np.random.default_rng(1)
    X = 4 * rng.standard_normal((3, *shape))
    found = slice_regions(net, X)
    assert found.n_regions > 12
    flat = X.reshape(3, -1)
    a, b = flat[1] - flat[0], flat[2] - flat[0]
    assert_tiles(found, 0.5 * np.sqrt((a @ a) * (b @ b) - (a @ b) ** 2))
    u = rng.dirichlet(np.ones(3), 400) @ found.to_plane(flat)
    rows = found.to_input(u)
    where = found.locate(u)
    # ties on a whole region, max(0, 0) behind a ReLU, have a code of their own
    np.testing.assert_array_equal(np.hstack(read_layers(net, shape).codes(rows)), found.codes[where])
    with torch.no_grad():
        out = net(torch.from_numpy(rows.reshape(-1, *shape))).numpy()
    np.testing.assert_allclose(
        np.einsum("ni,nic->nc", np.column_stack([np.ones(400), u]), found.maps[where]), out, atol=1e-10
    )
    for region in where[:5]:
        weight, bias = input_map(net, found.codes[region], input_shape=shape)
        rows_there = rows[where == region]
        np.testing.assert_allclose(rows_there @ weight + bias, out[where == region], atol=1e-10)
        on_plane = np.vstack([found.origin @ weight + bias, found.axes @ weight])
        np.testing.assert_allclose(on_plane, found.maps[region], atol=1e-10)
    rowwise = slice_regions(net, flat, input_shape=shape)
    assert rowwise.per_layer == found.per_layer
    axes = slice_regions(net, origin=X[0], axes=X[1:] - X[:1], extent=(0, 1, 0, 1))
    assert axes.n_regions > found.n_regions
