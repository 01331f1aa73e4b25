"""Lines and folding: closed forms, exact rational arithmetic, dense sampling, definitions, refusals."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics.nets import cantornet, exact_regions, integer_nets, nested, sawtooth

from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions, space_folding
from relucvx.network import DeepNetwork, TwoLayerReLU

ENDS = [0.0, 0.75], [1.0, 0.75]


def random_net(rng, widths, activation="relu"):
    weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in itertools.pairwise(widths)]
    return DeepNetwork(tuple(weights), tuple(0.3 * rng.standard_normal(w.shape[1]) for w in weights), activation)


@pytest.mark.parametrize("k", range(1, 9))
def test_cantornet_closed_forms(k):
    net, last = cantornet(k), 2**k - 1
    small = range(0, 2 * k, 2)
    line = line_regions(net, *ENDS, layers=small)
    assert line.n_regions == 2 ** (k + 1) - 1
    assert line.codes.shape[1] == 3 * k
    three, all_ = folding(net, *ENDS, layers=small), folding(net, *ENDS)
    assert (three.r1, three.r2) == (2 * k, 2 * last)
    assert (all_.r1, all_.r2) == (2 * k, 4 * last)
    assert three.chi == pytest.approx(1 - k / last, abs=1e-12)
    assert all_.chi == pytest.approx(1 - k / (2 * last), abs=1e-12)
    assert folding(net, *ENDS, layers=0).chi == 0.0


@pytest.mark.parametrize("k", [1, 2, 4])
def test_cantornet_is_the_nested_function(k):
    for x in np.linspace(0, 1, 17):
        expected = 0.75 - (nested(Fraction(float(x)), k) + 1) / 2
        assert cantornet(k).predict([[x, 0.75]])[0, 0] == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("d", range(1, 13))
def test_sawtooth_closed_form(d):
    line = line_regions(sawtooth(d), [0.0], [1.0])
    assert line.n_regions == 2**d
    np.testing.assert_allclose(line.breakpoints, np.arange(1, 2**d) / 2**d, atol=1e-15)
    assert folding(sawtooth(d), [0.0], [1.0]).chi == pytest.approx(1 - d / (2**d - 1), abs=1e-12)


@given(integer_nets())
def test_equals_exact_rational_arithmetic(case):
    net, start, end = case
    found = line_regions(net, start, end)
    breakpoints, codes = exact_regions(net, start, end)
    assert found.codes.tolist() == codes
    np.testing.assert_allclose(found.breakpoints, [float(t) for t in breakpoints], atol=1e-13)
    # a walk that ends on a wall starts back on it, so only the reversed codes are compared
    assert line_regions(net, end, start).codes.tolist() == codes[::-1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("widths", [(2, 9, 1), (5, 8, 8, 3), (3, 6, 6, 6, 6, 2)])
def test_equals_dense_sampling_between_separated_breakpoints(seed, widths):
    rng = np.random.default_rng(seed)
    net = random_net(rng, widths, [(0.1, 1.0), "relu"][seed % 2])
    start, end = 2 * rng.standard_normal((2, widths[0]))
    line = line_regions(net, start, end)
    for t, code in zip(line.midpoints, line.codes, strict=True):
        H, pre = (1 - t) * start + t * end, []
        for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
            pre.append(H @ W + b)
            H = net.activation(pre[-1])
        np.testing.assert_array_equal(np.concatenate(pre) > 0, code)
    gaps = np.diff([0.0, *line.breakpoints, 1.0])
    steps = int(3 / gaps.min())
    assert steps < 100_000, "draw another network: the grid would be too fine"
    assert folding(net, start, end, method="sampled", n_steps=steps) == folding(net, start, end)
    coarse = folding(net, start, end, method="sampled", n_steps=7)
    assert coarse.r2 <= folding(net, start, end).r2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("offset", [0.0, 0.3, 0.5, 0.9])
def test_equals_a_dense_grid_at_any_offset(seed, offset):
    """Breakpoints more than two grid steps apart: every region holds a grid point, wherever the grid begins."""
    rng = np.random.default_rng(seed)
    net = random_net(rng, (4, 7, 7, 7, 2))
    start, end = 2 * rng.standard_normal((2, 4))
    gaps = np.diff([0.0, *line_regions(net, start, end).breakpoints, 1.0])
    n = int(2.1 / gaps.min()) + 1
    assert n < 200_000, "draw another network: the grid would be too fine"
    t = (np.arange(n)[:, None] + offset) / n
    H, pre = start + t * (end - start), []
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        pre.append(H @ W + b)
        H = np.maximum(pre[-1], 0)
    codes = np.hstack(pre) > 0
    r1 = (codes != codes[0]).sum(axis=1).max()
    r2 = (codes[1:] != codes[:-1]).sum()
    found = folding(net, start, end)
    assert (found.r1, found.r2) == (r1, r2)
    assert found.chi == pytest.approx(1 - r1 / r2, abs=1e-15)


@pytest.mark.parametrize("options", [{}, {"symmetric": True}, {"layers": -1}, {"neurons": {1: [0, 4, 5]}}])
@pytest.mark.parametrize("method", ["exact", "sampled"])
def test_batches_are_folded_one_by_one(options, method):
    rng = np.random.default_rng(3)
    net = random_net(rng, (3, 9, 9, 9, 1))
    starts, ends = 3 * rng.standard_normal((2, 6, 3))
    found = folding(net, starts, ends, method=method, n_steps=50, **options)
    assert isinstance(found, tuple)
    assert found == tuple(
        folding(net, a, b, method=method, n_steps=50, **options) for a, b in zip(starts, ends, strict=True)
    )
    shared = folding(net, starts[0], ends, method=method, n_steps=50, **options)
    assert shared[0] == found[0]
    assert len(shared) == 6


@pytest.mark.parametrize("seed", range(5))
def test_bounds_on_networks(seed):
    rng = np.random.default_rng(seed)
    net = random_net(rng, (3, 10, 10, 10, 10, 1))
    for symmetric in (False, True):
        for found in folding(net, *(4 * rng.standard_normal((2, 100, 3))), symmetric=symmetric):
            assert np.isnan(found.chi) if found.r2 == 0 else 0 <= found.chi <= 1 - 1 / found.r2


def test_neurons_restrict_the_code():
    net = cantornet(3)
    # the third neuron of a block follows y, which does not change along the segment: without it nothing changes
    masks = [np.array([True, True, False]), np.array([True, False])] * 3
    assert folding(net, *ENDS, neurons=masks) == folding(net, *ENDS)
    one = folding(net, *ENDS, layers=[0, 2, 4], neurons={layer: [0] for layer in (0, 2, 4)})
    every = folding(net, *ENDS, layers=[0, 2, 4])
    assert one.r2 < every.r2
    assert folding(net, *ENDS, layers=0, neurons={0: [2]}).r2 == 0


def test_coarse_sampling_steps_over_regions():
    assert folding(sawtooth(6), [0.0], [1.0], method="sampled", n_steps=10).r2 < folding(sawtooth(6), [0.0], [1.0]).r2


@pytest.mark.parametrize("seed", range(20))
def test_one_hidden_layer_never_folds(seed):
    rng = np.random.default_rng(seed)
    net = TwoLayerReLU(rng.standard_normal((30, 4)), rng.standard_normal((30, 2)), bias_in=rng.standard_normal(30))
    found = folding(net, *(3 * rng.standard_normal((2, 4))))
    assert found.r2 > 0
    assert found.chi == 0.0


def test_deep_nets_do_fold():
    rng = np.random.default_rng(0)
    values = [folding(random_net(rng, (2, 12, 12, 12, 1)), *(3 * rng.standard_normal((2, 2)))).chi for _ in range(10)]
    assert max(values) > 0.05


def test_invariances_and_their_limits():
    rng = np.random.default_rng(1)
    net = random_net(rng, (3, 16, 16, 16, 2))
    start, end = 6 * rng.standard_normal((2, 3))
    base, line = folding(net, start, end), line_regions(net, start, end)
    assert base.chi > 0
    order = rng.permutation(16)
    W, b = list(net.weights), list(net.biases)
    W[1], b[1], W[2] = W[1][:, order], b[1][order], W[2][order]
    assert folding(DeepNetwork(tuple(W), tuple(b)), start, end) == base
    # positive rescaling of neurons moves no wall
    scale = np.exp(rng.standard_normal(16))
    W, b = list(net.weights), list(net.biases)
    W[0], b[0], W[1] = W[0] * scale, b[0] * scale, W[1] / scale[:, None]
    assert folding(DeepNetwork(tuple(W), tuple(b)), start, end) == base
    # an isometry of input space, undone by the first layer
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    turned = DeepNetwork((Q.T @ net.weights[0], *net.weights[1:]), net.biases)
    np.testing.assert_allclose(line_regions(turned, start @ Q, end @ Q).breakpoints, line.breakpoints, atol=1e-12)
    # a duplicated neuron is counted twice, and its walls stay
    W, b = list(net.weights), list(net.biases)
    W[2], b[2], W[3] = np.hstack([W[2], W[2][:, :1]]), np.append(b[2], b[2][0]), np.vstack([W[3], 0 * W[3][:1]])
    np.testing.assert_allclose(line_regions(DeepNetwork(tuple(W), tuple(b)), start, end).breakpoints, line.breakpoints)
    # another bias is another network
    W, b = list(net.weights), list(net.biases)
    b[0] = b[0] + 1.0
    assert folding(DeepNetwork(tuple(W), tuple(b)), start, end) != base


def test_concurrent_walls_are_crossed_at_once():
    """Zero-bias lines through the origin, one of them rotated: a single breakpoint, no region in between."""
    rng = np.random.default_rng(2)
    W = rng.standard_normal((2, 40))
    net = DeepNetwork((W, rng.standard_normal((40, 1))))
    start = rng.standard_normal(2)
    line = line_regions(net, start, -2 * start)
    assert line.n_regions == 2
    assert line.breakpoints[0] == pytest.approx(1 / 3, abs=1e-15)
    assert (line.codes[0] ^ line.codes[1]).all()


def test_touching_dead_and_constant():
    # relu(t) + relu(-t) touches zero at t = 0 and returns: no region
    touch = DeepNetwork(([[1.0, -1.0]], [[1.0], [1.0]], [[1.0]]))
    line = line_regions(touch, [-1.0], [1.0], layers=1)
    assert line.n_regions == 1
    assert line.codes.tolist() == [[True]]
    assert np.isnan(folding(touch, [-1.0], [1.0], layers=1).chi)
    assert line_regions(touch, [-1.0], [1.0]).codes.tolist() == [[False, True, True], [True, False, True]]
    # zero on an interval counts as inactive
    dead = DeepNetwork(([[1.0]], [[1.0]], [[1.0]]))
    assert line_regions(dead, [-1.0], [1.0], layers=-1).codes.tolist() == [[False], [True]]
    point = line_regions(touch, [0.5], [0.5])
    assert point.n_regions == 1
    assert folding(touch, [0.5], [0.5]).r2 == 0


def test_layers_choose_the_neurons():
    net = cantornet(2)
    assert line_regions(net, *ENDS, layers=[0, -1]).layer.tolist() == [0, 0, 0, 3, 3]
    assert line_regions(net, *ENDS, layers=np.int64(1)).layer.tolist() == [1, 1]
    assert line_regions(net, *ENDS).layer.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    both = line_regions(net, *ENDS)
    np.testing.assert_array_equal(both.codes[:, both.layer == 0].any(axis=1), True)


def test_a_network_without_neurons():
    net = TwoLayerReLU.zero(2)
    assert line_regions(net, [0.0, 0.0], [1.0, 1.0]).codes.shape == (1, 0)
    assert np.isnan(folding(net, [0.0, 0.0], [1.0, 1.0]).chi)


def test_a_linear_network_has_one_region():
    net = DeepNetwork(([[1.0]], [[2.0]], [[1.0]]), activation="linear")
    line = line_regions(net, [-1.0], [1.0])
    assert line.codes.shape == (1, 0)
    assert np.isnan(folding(net, [-1.0], [1.0]).chi)
    assert np.isnan(folding(net, [-1.0], [1.0], method="sampled").chi)
    with pytest.raises(InvalidInputError, match="layers among the 0 hidden layers"):
        line_regions(net, [-1.0], [1.0], layers=0)


def literal_folding(codes):
    distance = [sum(a != b for a, b in zip(c, codes[0], strict=True)) for c in codes]
    r1 = max(abs(sum(distance[i + 1] - distance[i] for i in range(j))) for j in range(len(codes)))
    r2 = sum(sum(a != b for a, b in zip(c, d, strict=True)) for c, d in itertools.pairwise(codes))
    return r1, r2


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1)))
def test_space_folding_equals_its_definition_and_bounds(codes):
    found = space_folding(codes)
    r1, r2 = literal_folding(codes)
    assert (found.r1, found.r2) == (r1, r2)
    if r2 == 0:
        assert np.isnan(found.chi)
        return
    assert found.chi == 1 - r1 / r2
    assert 0 <= found.chi <= 1 - 1 / r2
    assert space_folding(np.repeat(codes, 2, axis=0)) == found
    assert space_folding(np.array(codes)[:, ::-1].astype(int)) == found
    assert space_folding(~np.array(codes)) == found
    both = space_folding(codes, symmetric=True)
    assert both == space_folding(codes[::-1], symmetric=True)
    assert both.r1 == max(r1, literal_folding(codes[::-1])[0])


@pytest.mark.parametrize("n", [2, 3, 5, 101])
def test_the_bound_is_attained_by_going_to_and_fro(n):
    codes = (np.arange(n) % 2)[:, None]
    assert space_folding(codes).chi == pytest.approx(1 - 1 / (n - 1))


def test_folding_depends_on_the_direction_unless_symmetric():
    codes = [[0, 0], [0, 1], [1, 1], [0, 1]]
    assert space_folding(codes).chi == pytest.approx(1 / 3)
    assert space_folding(codes[::-1]).chi == pytest.approx(2 / 3)
    assert space_folding(codes, symmetric=True).chi == space_folding(codes[::-1], symmetric=True).chi


def test_results_are_frozen_arrays():
    line = line_regions(sawtooth(2), [0.0], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        line.codes[0, 0] = True
    assert line.to_dict()["breakpoints"] == [0.25, 0.5, 0.75]
    np.testing.assert_allclose(line.midpoints, [0.125, 0.375, 0.625, 0.875])


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([0, 1], r"codes of shape \(steps, neurons\)"),
        (np.zeros((0, 2)), r"codes of shape \(steps, neurons\)"),
        ([["a"]], r"codes of shape \(steps, neurons\)"),
        ([[0.5, 1.0]], "codes of zeros and ones; received the value 0.5.*codes = Z > 0"),
    ],
)
def test_code_refusals(codes, message):
    with pytest.raises(InvalidInputError, match=message):
        space_folding(codes)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"method": "fast"}, 'method "exact" or "sampled"; received \'fast\''),
        ({"method": "sampled", "n_steps": 0}, "n_steps to be an int >= 1; received 0"),
        ({"method": "sampled", "n_steps": True}, "n_steps to be an int >= 1; received True"),
        ({"layers": 2}, r"layers among the 2 hidden layers \(0 to 1, or negative.*received 2"),
        ({"layers": [0, -3]}, "layers among the 2 hidden layers.*received -3"),
        ({"layers": [True]}, "layers among the 2 hidden layers.*received True"),
        ({"start": [0.0, 1.0]}, "start with 1 entries"),
        ({"end": [np.inf]}, "end to be finite"),
    ],
)
def test_folding_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        folding(**{"module": sawtooth(2), "start": [0.0], "end": [1.0], **kwargs})
