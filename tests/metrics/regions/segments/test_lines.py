"""Codes along segments: rational arithmetic, dense grids, batches, symmetries, degenerate walls, refusals."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.nets import exact_regions
from torch import nn
from torch.nn import functional

from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions, space_folding
from relucvx.metrics.regions.segments.lines import outputs_along
from relucvx.network import DeepNetwork
from relucvx.network.reading import read_layers


def random_net(rng, widths, activation="relu", bias=0.3):
    weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in itertools.pairwise(widths)]
    return DeepNetwork(tuple(weights), tuple(bias * rng.standard_normal(w.shape[1]) for w in weights), activation)


class Residual(nn.Module):
    """x + body(x) between affine maps, with a kink behind the sum."""

    def __init__(self, width, inner):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))

    def forward(self, x):
        return functional.leaky_relu(x + self.body(x), 0.25)


def small_image_net():
    return nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2, 1), nn.Flatten(), nn.Linear(8, 4), Residual(4, 3), nn.Linear(4, 2)
    )  # fmt: skip


def networks():
    """One of each kind, with the shape of its inputs."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    image = small_image_net().double()
    residual = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), Residual(8, 6), Residual(8, 6), nn.Linear(8, 1)
    ).double()
    return {
        "relu": (random_net(rng, (3, 9, 9, 9, 2)), (3,)),
        "zero bias": (random_net(rng, (3, 9, 9, 9, 2), bias=0.0), (3,)),
        "leaky": (random_net(rng, (4, 8, 8, 2), (0.1, 2.0)), (4,)),
        "abs": (random_net(rng, (4, 8, 8, 2), "abs"), (4,)),
        "image": (image, (1, 4, 4)),
        "residual": (residual.eval(), (3,)),
    }


NETWORKS = networks()


def ends(name, count, seed=1):
    rng = np.random.default_rng(seed)
    return 2.0 * rng.standard_normal((2, count, *NETWORKS[name][1]))


def assert_same_line(a, b, atol=1e-12):
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_allclose(a.breakpoints, b.breakpoints, rtol=0, atol=atol)
    np.testing.assert_array_equal(a.layer, b.layer)
    np.testing.assert_array_equal(a.neuron, b.neuron)


def test_assert_same_line_can_fail():
    net = NETWORKS["relu"][0]
    start, end = ends("relu", 2)
    with pytest.raises(AssertionError):
        assert_same_line(*line_regions(net, start, end))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_point_of_a_dense_grid_has_the_code_of_its_region(name):
    net, shape = NETWORKS[name]
    starts, stops = ends(name, 6)
    n = 3001
    t = (np.arange(n) + 0.5) / n
    separated = met = 0
    for line, start, end in zip(line_regions(net, starts, stops), starts, stops, strict=True):
        points = (1 - t)[:, None] * start.reshape(1, -1) + t[:, None] * end.reshape(1, -1)
        codes = np.hstack(read_layers(net, shape).codes(points))
        found = line.codes[np.searchsorted(line.breakpoints, t)]
        clear = np.abs(t[:, None] - line.breakpoints).min(axis=1, initial=1.0) > 1e-9
        np.testing.assert_array_equal(codes[clear], found[clear])
        gaps = np.diff([0.0, *line.breakpoints, 1.0])
        if gaps.min() > 2 / n:
            separated += 1
            assert 1 + (codes[1:] != codes[:-1]).any(axis=1).sum() == line.n_regions
        met += line.n_regions
    assert separated > 0
    assert met > 20


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_rational_arithmetic(name):
    net, _ = NETWORKS[name]
    starts, stops = ends(name, 3, seed=5)
    exact = line_regions(net, starts, stops, arithmetic="rational")
    for line, other in zip(line_regions(net, starts, stops), exact, strict=True):
        np.testing.assert_array_equal(line.codes, other.codes)
        np.testing.assert_allclose(line.breakpoints, other.breakpoints, rtol=0, atol=1e-12)


@st.composite
def integer_modules(draw):
    """Residual blocks and max pooling on small integers: ties, duplicate and dead neurons are common."""
    module = draw(
        st.sampled_from([small_image_net, lambda: nn.Sequential(nn.Linear(2, 3), Residual(3, 2), Residual(3, 2))])
    )()
    numbers = st.integers(-2, 2)
    for parameter in module.parameters():
        values = draw(st.lists(numbers, min_size=parameter.numel(), max_size=parameter.numel()))
        parameter.data = torch.tensor(values, dtype=torch.float64).reshape(parameter.shape)
    shape = (1, 4, 4) if isinstance(module[0], nn.Conv2d) else (2,)
    size = int(np.prod(shape))
    points = [draw(st.lists(numbers, min_size=size, max_size=size)) for _ in range(2)]
    return module, *(np.array(p, float).reshape(shape) for p in points)


@settings(max_examples=40)
@given(integer_modules())
def test_degenerate_blocks_and_pools_equal_rational_arithmetic(case):
    module, start, end = case
    line, exact = line_regions(module, start, end), line_regions(module, start, end, arithmetic="rational")
    assert line.codes.tolist() == exact.codes.tolist()
    np.testing.assert_allclose(line.breakpoints, exact.breakpoints, rtol=0, atol=1e-12)
    assert line_regions(module, end, start).codes.tolist() == exact.codes[::-1].tolist()


@pytest.mark.parametrize("name", NETWORKS)
def test_walking_back_meets_the_same_regions(name):
    net, _ = NETWORKS[name]
    starts, stops = ends(name, 20, seed=2)
    for line, back in zip(line_regions(net, starts, stops), line_regions(net, stops, starts), strict=True):
        np.testing.assert_array_equal(line.codes, back.codes[::-1])
        np.testing.assert_allclose(line.breakpoints, 1 - back.breakpoints[::-1], rtol=0, atol=1e-12)


def test_a_part_of_a_segment_meets_its_part_of_the_regions():
    net = NETWORKS["relu"][0]
    start, end = ends("relu", 1)[:, 0]
    line = line_regions(net, start, end)
    cut = 0.5 * (line.breakpoints[4] + line.breakpoints[5])
    part = line_regions(net, start, start + cut * (end - start))
    np.testing.assert_array_equal(part.codes, line.codes[:6])
    np.testing.assert_allclose(cut * part.breakpoints, line.breakpoints[:5], atol=1e-12)


def test_permuted_neurons_permute_the_code():
    net = NETWORKS["relu"][0]
    start, end = ends("relu", 1)[:, 0]
    order = np.random.default_rng(3).permutation(9)
    W, b = list(net.weights), list(net.biases)
    W[1], b[1], W[2] = W[1][:, order], b[1][order], W[2][order]
    line, other = line_regions(net, start, end), line_regions(DeepNetwork(tuple(W), tuple(b)), start, end)
    np.testing.assert_array_equal(
        line.codes[:, np.concatenate([np.arange(9), 9 + order, 18 + np.arange(9)])], other.codes
    )
    np.testing.assert_allclose(line.breakpoints, other.breakpoints, atol=1e-13)
    # another order in one layer alone is another network
    W[2] = net.weights[2]
    assert line_regions(DeepNetwork(tuple(W), tuple(b)), start, end).breakpoints.tolist() != line.breakpoints.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("m", [2, 3, 7, 40])
def test_a_path_through_an_intersection_crosses_all_walls_at_once(m, seed):
    """m walls through one point, of which the path runs through that point; the next layer bends there as well."""
    rng = np.random.default_rng(seed)
    W, point, direction = rng.standard_normal((2, m)), rng.standard_normal(2), rng.standard_normal(2)
    U = rng.standard_normal((m, 4))
    net = DeepNetwork((W, U, np.ones((4, 1))), (-point @ W, np.zeros(4), None))
    line = line_regions(net, point - direction, point + 2 * direction)
    assert line.n_regions == 2
    assert line.breakpoints[0] == pytest.approx(1 / 3, abs=1e-14)
    assert (line.codes[0, :m] ^ line.codes[1, :m]).all()
    exact = [(-1) ** (side < 0) * (np.maximum(side * direction @ W, 0) @ U) for side in (-1, 1)]
    assert line.codes[:, m:].tolist() == [(exact[0] < 0).tolist(), (exact[1] > 0).tolist()]


@pytest.mark.parametrize("seed", range(8))
def test_walls_of_later_layers_through_earlier_kinks(seed):
    """Small integers times a power of two: later neurons are zero exactly where earlier ones bend."""
    rng = np.random.default_rng(seed)
    shapes = itertools.pairwise((2, 5, 5, 5, 1))
    W = tuple(rng.integers(-2, 3, s) / 4.0 for s in shapes)
    net = DeepNetwork(W, tuple(rng.integers(-1, 2, w.shape[1]) / 4.0 for w in W))
    start, end = rng.integers(-4, 5, (2, 2)).astype(float)
    breakpoints, codes = exact_regions(net, start, end)
    line = line_regions(net, start, end)
    assert line.codes.tolist() == codes
    np.testing.assert_allclose(line.breakpoints, [float(t) for t in breakpoints], atol=1e-13)


def test_constant_and_touching_neurons():
    # weights (0, 0, 1, 1), biases (0, 1, 0, -1) on x from -1 to 1: constant zero, constant one, a crossing, a touch at 1
    net = DeepNetwork(([[0.0, 0.0, 1.0, 1.0]], np.zeros((4, 1))), ([0.0, 1.0, 0.0, -1.0], None))
    line = line_regions(net, [-1.0], [1.0])
    assert line.codes.tolist() == [[False, True, False, False], [False, True, True, False]]
    assert line.breakpoints.tolist() == [0.5]
    # a sum that is zero in exact arithmetic and not in float64 is constant
    tenths = DeepNetwork(([[0.1, 0.2, 0.3]], [[1.0], [1.0], [-1.0]], [[1.0]]))
    assert 0.1 + 0.2 - 0.3 != 0.0
    assert line_regions(tenths, [-1.0], [3.0]).codes.tolist() == [[False] * 4, [True, True, True, False]]


def test_parts_of_the_code():
    net = NETWORKS["relu"][0]
    start, end = ends("relu", 1)[:, 0]
    full = line_regions(net, start, end)
    part = line_regions(net, start, end, neurons={0: [4, 1], -1: np.arange(9) < 2})
    wanted = (
        (full.layer == 1) | np.isin(full.neuron, [1, 4]) & (full.layer == 0) | (full.neuron < 2) & (full.layer == 2)
    )
    codes = full.codes[:, wanted]
    changes = np.flatnonzero((codes[1:] != codes[:-1]).any(axis=1))
    np.testing.assert_array_equal(part.codes, codes[np.concatenate([[0], changes + 1])])
    np.testing.assert_array_equal(part.breakpoints, full.breakpoints[changes])
    assert part.layer.tolist() == [0, 0, *[1] * 9, 2, 2]
    assert part.neuron.tolist() == [1, 4, *range(9), 0, 1]
    masks = [np.arange(9) % 2 == 0, np.zeros(9, bool)]
    some = line_regions(net, start, end, layers=[0, 2], neurons=masks)
    assert some.neuron.tolist() == [0, 2, 4, 6, 8]
    assert line_regions(net, start, end, neurons={0: [], 1: [], 2: []}).codes.shape == (1, 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_linear_between_their_breakpoints(name):
    net, shape = NETWORKS[name]
    network = read_layers(net, shape)
    starts, stops = (x.reshape(5, -1) for x in ends(name, 5))
    done = 0
    for t, first, values in outputs_along(network, starts, stops):
        for a, b in itertools.pairwise(first):
            at = np.concatenate([t[a:b], (t[a : b - 1] + t[a + 1 : b]) / 2])[:, None]
            expected = network.outputs((1 - at) * starts[done] + at * stops[done])
            linear = (values[a : b - 1] + values[a + 1 : b]) / 2
            np.testing.assert_allclose(np.concatenate([values[a:b], linear]), expected, atol=1e-11)
            done += 1
    assert done == 5


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"start": np.zeros((2, 3)), "end": np.zeros((3, 3))},
            "as many starts as ends, or one of either; received 2 and 3",
        ),
        ({"start": np.zeros(4)}, r"start with 3 entries.*or a batch of shape \(B, 3\); received shape \(4,\)"),
        ({"end": np.full((2, 3), np.nan)}, "end to be finite"),
        ({"neurons": {3: [0]}}, "layers among the 3 hidden layers.*received 3"),
        ({"neurons": {1: [0]}, "layers": [0, 2]}, r"neurons as a dict over the layers \[0, 2\].*received layers \[1\]"),
        ({"neurons": [np.ones(9, bool)]}, r"one boolean mask for each of them; received 1 masks"),
        ({"neurons": {0: [9]}}, r"neurons of hidden layer 0 \(0 to 8\), or a boolean mask of length 9; received \[9\]"),
        ({"neurons": {0: [-1]}}, "different neurons of hidden layer 0"),
        ({"neurons": {0: [1, 1]}}, "different neurons of hidden layer 0"),
        ({"neurons": {0: [True, False]}}, "different neurons of hidden layer 0"),
        ({"neurons": {0: 0.5}}, "different neurons of hidden layer 0"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        line_regions(**{"module": NETWORKS["relu"][0], "start": np.zeros(3), "end": np.ones(3), **kwargs})


@pytest.mark.parametrize("relu", [False, True])
def test_the_order_inside_a_window_changes_neither_regions_nor_folding(relu):
    rng = np.random.default_rng(3)
    weight, bias = rng.standard_normal((4, 3)), rng.standard_normal(4)
    start, stop = 4 * rng.standard_normal((2, 20, 3))
    seen = set()
    for order in itertools.permutations(range(4)):
        first = nn.Linear(3, 4).double()
        first.weight.data, first.bias.data = torch.from_numpy(weight[list(order)]), torch.from_numpy(bias[list(order)])
        net = nn.Sequential(first, *([nn.ReLU()] if relu else []), nn.Unflatten(1, (1, 2, 2)), nn.MaxPool2d(2))
        lines = line_regions(net, start, stop)
        seen.add(tuple((line.n_regions, space_folding(line.codes)) for line in lines))
        if not relu:  # whoever wins loses for good once: one piece each at most, and no way back
            assert all(line.n_regions <= 4 and line.codes.dtype == np.int8 for line in lines)
    assert len(seen) == 1
    assert folding(net, start[0], stop[0], method="sampled", n_steps=9000) == space_folding(lines[0].codes)
