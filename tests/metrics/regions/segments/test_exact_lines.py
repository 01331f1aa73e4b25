"""Rational arithmetic along segments: against a literal oracle, closed forms, and the float mode on integer networks."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.nets import cantornet, exact_regions, integer_nets, sawtooth
from torch import nn

from relucvx.datasets import CANTORNET_SEGMENT
from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions
from relucvx.network import DeepNetwork


def exactly(net, start, end, **options):
    return line_regions(net, start, end, arithmetic="rational", **options)


def assert_equal_modes(net, start, end, **options):
    exact, found = exactly(net, start, end, **options), line_regions(net, start, end, **options)
    np.testing.assert_array_equal(found.codes, exact.codes)
    np.testing.assert_array_equal(found.layer, exact.layer)
    np.testing.assert_allclose(found.breakpoints, exact.breakpoints, rtol=1e-13, atol=1e-13)
    assert folding(net, start, end, **options) == folding(net, start, end, arithmetic="rational", **options) or not len(
        exact.breakpoints
    )


@given(integer_nets())
def test_equals_the_literal_oracle(case):
    net, start, end = case
    line = exactly(net, start, end)
    breakpoints, codes = exact_regions(net, start, end)
    assert list(line.exact_breakpoints) == breakpoints
    assert all(isinstance(t, Fraction) for t in line.exact_breakpoints)
    assert line.codes.tolist() == codes
    np.testing.assert_array_equal(line.breakpoints, [float(t) for t in breakpoints])


@st.composite
def degenerate_nets(draw):
    """Integer networks with repeated, opposite and dead neurons, zero biases, and kinks through the ends."""
    net, start, end = draw(integer_nets())
    W, b = [w.copy() for w in net.weights], [v.copy() for v in net.biases]
    for layer in range(len(W) - 1):
        kind = draw(st.sampled_from(["as is", "twice", "opposite", "dead", "no bias", "through the start"]))
        if kind in ("twice", "opposite"):
            sign = 1.0 if kind == "twice" else -1.0
            W[layer], b[layer] = np.hstack([W[layer], sign * W[layer]]), np.concatenate([b[layer], sign * b[layer]])
            W[layer + 1] = np.vstack([W[layer + 1], W[layer + 1][::-1]])
        if kind == "dead":
            W[layer][:, 0] = 0.0
        if kind == "no bias":
            b[layer][:] = 0.0
        if kind == "through the start":
            inputs = (
                start
                if layer == 0
                else DeepNetwork(tuple(W), tuple(b), net.activation).hidden(start[None])[layer - 1][0]
            )
            b[layer] = -inputs @ W[layer]
    return DeepNetwork(tuple(W), tuple(b), net.activation), start, end


@settings(max_examples=200)
@given(degenerate_nets())
def test_float_mode_is_exact_on_integer_networks(case):
    assert_equal_modes(*case)


@given(integer_nets(), st.data())
def test_layers_and_neurons_are_chosen_alike(case, data):
    net, start, end = case
    depth = len(net.weights) - 1
    layers = data.draw(st.lists(st.integers(0, depth - 1), min_size=1, unique=True))
    assert_equal_modes(net, start, end, layers=layers)
    some = {
        layer: data.draw(st.lists(st.integers(0, net.widths[layer + 1] - 1), min_size=1, unique=True))
        for layer in layers
    }
    assert_equal_modes(net, start, end, layers=layers, neurons=some)


@pytest.mark.parametrize("k", range(1, 9))
def test_cantornet(k):
    """Breakpoints are the ends of the gaps of the Cantor construction."""
    ends, pieces = [], [(Fraction(0), Fraction(1))]
    for _ in range(k):
        ends += [a + (b - a) * Fraction(i, 3) for a, b in pieces for i in (1, 2)]
        pieces = [(a + (b - a) * Fraction(i, 3), a + (b - a) * Fraction(i + 1, 3)) for a, b in pieces for i in (0, 2)]
    small, last = range(0, 2 * k, 2), 2**k - 1
    line = exactly(cantornet(k), *CANTORNET_SEGMENT, layers=small)
    assert line.exact_breakpoints == tuple(sorted(ends))
    three = folding(cantornet(k), *CANTORNET_SEGMENT, layers=small, arithmetic="rational")
    every = folding(cantornet(k), *CANTORNET_SEGMENT, arithmetic="rational")
    assert (three.r1, three.r2, every.r1, every.r2) == (2 * k, 2 * last, 2 * k, 4 * last)
    assert_equal_modes(cantornet(k), *CANTORNET_SEGMENT, layers=small)
    assert_equal_modes(cantornet(k), *CANTORNET_SEGMENT)


def test_sawtooth_of_many_layers():
    assert exactly(sawtooth(9), [0], [1]).exact_breakpoints == tuple(Fraction(i, 512) for i in range(1, 512))
    # a third of the way: no float64 is equal to these breakpoints
    assert exactly(sawtooth(2), [0], [3]).exact_breakpoints == (
        Fraction(1, 12), Fraction(1, 6), Fraction(1, 4), Fraction(1, 3),
    )  # fmt: skip


def test_ends_may_be_fractions():
    third = Fraction(1, 3)
    line = exactly(sawtooth(1), [third], [1])
    assert line.exact_breakpoints == ((Fraction(1, 2) - third) / (1 - third),)
    # on the float nearest to 1/3 the walk starts a little off it
    assert exactly(sawtooth(1), [1 / 3], [1]).exact_breakpoints != line.exact_breakpoints
    lines = exactly(sawtooth(1), np.array([[third], [Fraction(1, 4)]], dtype=object), [1])
    assert [each.exact_breakpoints for each in lines] == [line.exact_breakpoints, (third,)]


def test_batches():
    rng = np.random.default_rng(0)
    net = sawtooth(3)
    starts, ends = rng.integers(-3, 4, (2, 5, 1)) / 4
    lines = exactly(net, starts, ends)
    assert isinstance(lines, tuple)
    for line, start, end in zip(lines, starts, ends, strict=True):
        assert line.exact_breakpoints == exactly(net, start, end).exact_breakpoints
    assert line_regions(net, starts[0], ends[0]).exact_breakpoints is None


def test_crossings_closer_than_rounding_are_told_apart():
    """Two kinks 2^-60 apart, next to t = 1/2: one breakpoint in float64, two in rationals."""
    net = DeepNetwork(([[2.0, 2.0]], [[1.0], [1.0]]), ([-1.0, -1.0], None))
    near = DeepNetwork(([[1.0, 1.0]], [[1.0], [1.0]]), ([-0.5, -0.5], None))
    assert exactly(near, [0], [1]).n_regions == line_regions(near, [0.0], [1.0]).n_regions == 2
    shifted = [[Fraction(0), Fraction(0)], [Fraction(1), Fraction(1, 2**60)]]
    two = DeepNetwork(([[1.0, 1.0], [0.0, 1.0]], [[1.0], [1.0]]), ([-0.5, -0.5], None))
    assert exactly(two, *shifted).n_regions == 3
    assert line_regions(two, [0.0, 0.0], [1.0, 2.0**-60]).n_regions == 2
    assert exactly(net, [0], [1]).exact_breakpoints == (Fraction(1, 2),)


def test_pooling_convolution_and_residuals():
    """Small integer weights; values that pass on without a kink keep their exact value."""
    rng = np.random.default_rng(1)
    module = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1)
    ).double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.as_tensor(rng.integers(-2, 3, tuple(p.shape)).astype(float)))
    for _ in range(5):
        start, end = rng.integers(-3, 4, (2, 1, 5, 5)).astype(float)
        assert_equal_modes(module.eval(), start, end)


def test_a_segment_of_length_zero():
    line = exactly(sawtooth(2), [0.3], [0.3])
    assert (line.n_regions, line.exact_breakpoints) == (1, ())
    assert np.isnan(folding(sawtooth(2), [0.3], [0.3], arithmetic="rational").chi)


def test_metamorphic_and_what_breaks_it():
    rng = np.random.default_rng(2)
    W = [rng.integers(-3, 4, s).astype(float) for s in itertools.pairwise((2, 6, 6, 1))]
    b = [rng.integers(-3, 4, w.shape[1]).astype(float) for w in W]
    net, start, end = DeepNetwork(tuple(W), tuple(b)), np.array([-3.0, 2.0]), np.array([4.0, -1.0])
    line = exactly(net, start, end)
    order = rng.permutation(6)
    permuted = DeepNetwork((W[0][:, order], W[1][order], W[2]), (b[0][order], *b[1:]))
    scaled = DeepNetwork((W[0] / 8, *W[1:]), tuple(b))
    assert exactly(permuted, start, end).exact_breakpoints == line.exact_breakpoints
    assert exactly(scaled, 8 * start, 8 * end).exact_breakpoints == line.exact_breakpoints
    turned = [np.array([[0.0, 1.0], [-1.0, 0.0]]) @ x for x in (start, end)]
    isometric = DeepNetwork((np.array([[0.0, 1.0], [-1.0, 0.0]]) @ W[0], *W[1:]), tuple(b))
    assert exactly(isometric, *turned).exact_breakpoints == line.exact_breakpoints
    assert exactly(net, *turned).exact_breakpoints != line.exact_breakpoints
    assert exactly(net, 8 * start, 8 * end).exact_breakpoints != line.exact_breakpoints


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arithmetic": "decimal"}, 'arithmetic "float" or "rational"; received \'decimal\''),
        (
            {"start": [Fraction(1), Fraction(2)]},
            r"start of shape \(1,\) or \(B, 1\) of numbers or Fractions; received shape",
        ),
        ({"end": np.array(["a"], dtype=object)}, "end of shape .* received a str"),
        ({"end": [Fraction(1), np.inf][1:]}, "end to be finite"),
        ({"start": np.array([np.nan], dtype=object)}, "start to be finite"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInputError, match=message):
        line_regions(**{"module": sawtooth(2), "start": [0.0], "end": [1.0], "arithmetic": "rational", **change})


def test_sampled_walks_are_in_floats():
    with pytest.raises(InvalidInputError, match="arithmetic \"float\" for a sampled walk; received 'rational'"):
        folding(sawtooth(2), [0.0], [1.0], method="sampled", arithmetic="rational")
