"""Literal oracles of folding, in rationals, and random networks for which they are exact."""

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from relucvx.datasets import cantornet as cantornet
from relucvx.datasets import sawtooth as sawtooth
from relucvx.network import DeepNetwork


def nested(x, k):
    """The generating function A(x) = max(-3x + 1, 0, 3x - 2), nested k times."""
    for _ in range(k):
        x = max(-3 * x + 1, 0 * x, 3 * x - 2)
    return x


def exact_hidden(net, x):
    """Preactivations of every hidden layer at one input, in rationals."""
    out, h = [], [Fraction(v) for v in x]
    for layer, W in enumerate(net.weights[:-1]):
        b = np.zeros(W.shape[1]) if net.biases is None or net.biases[layer] is None else net.biases[layer]
        p = [sum(h[i] * Fraction(W[i, j]) for i in range(W.shape[0])) + Fraction(b[j]) for j in range(W.shape[1])]
        out.append(p)
        phi = net.activation
        h = [Fraction(phi.slope_pos) * v if v > 0 else Fraction(phi.slope_neg) * v for v in p]
    return out


def exact_regions(net, start, end):
    """Breakpoints and codes along a segment in rationals: all kinks by bisection of layers, codes at midpoints."""
    start, end = [Fraction(v) for v in start], [Fraction(v) for v in end]

    def at(t):
        return exact_hidden(net, [a + t * (b - a) for a, b in zip(start, end, strict=True)])

    ts = [Fraction(0), Fraction(1)]
    for layer in range(len(net.weights) - 1):
        values = [at(t)[layer] for t in ts]
        new = set(ts)
        for t0, t1, p0, p1 in zip(ts, ts[1:], values, values[1:], strict=False):
            new |= {t0 + (t1 - t0) * a / (a - b) for a, b in zip(p0, p1, strict=True) if a * b < 0}
        ts = sorted(new)
    codes = [[v > 0 for p in at((t0 + t1) / 2) for v in p] for t0, t1 in itertools.pairwise(ts)]
    keep = [0] + [i for i in range(1, len(codes)) if codes[i] != codes[i - 1]]
    return [ts[i] for i in keep[1:]], [codes[i] for i in keep]


@st.composite
def integer_nets(draw):
    """Small integers: concurrent kinks, dead and duplicate neurons and flat pieces are common."""
    widths = [draw(st.integers(1, 2)), *draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)), 1]
    numbers = st.integers(-3, 3)

    def array(*shape):
        return np.array(
            draw(st.lists(numbers, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), float
        ).reshape(shape)

    weights = tuple(array(*s) for s in itertools.pairwise(widths))
    biases = tuple(array(w.shape[1]) for w in weights)
    slope = draw(st.sampled_from(["relu", (0.25, 1.0), "abs"]))
    return DeepNetwork(weights, biases, slope), array(widths[0]), array(widths[0])
