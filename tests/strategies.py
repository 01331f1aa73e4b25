"""Hypothesis strategies: small integers over a fixed denominator, so that degenerate data are common."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from relucvx.losses import LOSSES
from relucvx.network import TwoLayerReLU
from relucvx.program.posing import make_problem
from relucvx.types import Bias

ENTRYWISE = tuple(name for name in LOSSES if name != "cross_entropy")
"""The losses that any number of outputs, one included, can have."""

DRAWN = ("squared", "logistic", "hinge", "squared_hinge", "huber")
"""The losses of random problems: a list of its own, so that a loss that is added does not redraw every example."""

LABEL_LOSSES = ("logistic", "hinge", "squared_hinge")
ACTIVATIONS = ("relu", "leaky_relu", "abs", "linear", (0.3, -0.2), (1.0, 0.0), (-0.5, 0.25))
ATTACK = int(os.environ.get("RELUCVX_ATTACK", "1"))


def examples(count):
    """Settings with ``count`` examples, times RELUCVX_ATTACK for a deeper search by hand."""
    return settings(max_examples=count * ATTACK, derandomize=ATTACK == 1)


def grids(rows, columns, span=4, denominator=2.0):
    """(rows, columns) arrays with entries k/denominator, |k| <= span."""
    entry = st.integers(-span, span)
    return st.lists(st.lists(entry, min_size=columns, max_size=columns), min_size=rows, max_size=rows).map(
        lambda v: np.array(v, dtype=float).reshape(rows, columns) / denominator
    )


@st.composite
def problems(draw, max_n=7, max_d=3, outputs=1, losses=None, biases=Bias, activations=ACTIVATIONS):
    """Problems on a grid, or Gaussian, each sometimes scaled by a power of ten; weights sometimes zero."""
    n, d = draw(st.integers(2, max_n)), draw(st.integers(1, max_d))
    loss, bias = draw(st.sampled_from(losses or DRAWN)), draw(st.sampled_from(biases))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    X = draw(grids(n, d)) if draw(st.booleans()) else rng.standard_normal((n, d))
    X = X * 10.0 ** draw(st.sampled_from([0, 0, 0, 3, -3, 8, -8]))
    if loss in LABEL_LOSSES:
        Y = np.array(draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=n * outputs, max_size=n * outputs)))
        Y = Y.reshape(n, outputs)
        Y[0], Y[1] = 1.0, -1.0
    else:
        Y = draw(grids(n, outputs)) if draw(st.booleans()) else rng.standard_normal((n, outputs))
    weight = None
    if draw(st.booleans()):
        weight = np.array(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n)))
        weight[:2] = np.maximum(weight[:2], 0.5)
    size = max(np.abs(X).max(), 1e-8)
    beta = size * 10.0 ** draw(st.floats(-4, 1))
    return make_problem(X, Y if outputs > 1 else Y[:, 0], beta, loss, bias, draw(st.sampled_from(activations)), weight)


def random_network(problem, width, rng, gain=1.0):
    """Gaussian neurons with the biases the problem has."""
    scale = gain / (np.abs(problem.X).max() or 1.0)
    d, c = problem.n_features, problem.n_outputs
    has_in, has_out = problem.bias != "none", problem.bias in ("all", "free")
    return TwoLayerReLU(
        scale * rng.standard_normal((width, d)),
        rng.standard_normal((width, c)),
        bias_in=gain * rng.standard_normal(width) if has_in else None,
        bias_out=gain * rng.standard_normal(c) if has_out else None,
        activation=problem.activation,
        scalar_output=problem.scalar_output,
    )


def rescaled(network, rng, decades=6):
    """The same function with neuron j scaled by 10^±decades: (s w, s b, v / s)."""
    s = 10.0 ** rng.uniform(-decades, decades, network.width)[:, None]
    return TwoLayerReLU(
        network.weights_in * s,
        network.weights_out / s,
        bias_in=None if network.bias_in is None else network.bias_in * s[:, 0],
        bias_out=network.bias_out,
        activation=network.activation,
        scalar_output=network.scalar_output,
    )


def edited(network, weights_in=None, weights_out=None, keep=slice(None), bias_in=None):
    """A copy with some weights replaced and neurons selected (an index array may repeat them)."""
    new_bias = network.bias_in if bias_in is None else bias_in
    return TwoLayerReLU(
        (network.weights_in if weights_in is None else weights_in)[keep],
        (network.weights_out if weights_out is None else weights_out)[keep],
        bias_in=None if network.bias_in is None else new_bias[keep],
        bias_out=network.bias_out,
        activation=network.activation,
        scalar_output=network.scalar_output,
    )


def adversarial_networks(problem, network, rng):
    """Relatives of a network meant to slip below a lower bound: scaled, duplicated, nudged, dead, saturated, empty."""
    yield network
    yield problem.null_network()
    if network.width:
        m = network.width
        yield rescaled(network, rng)
        yield edited(network, weights_out=0.5 * network.weights_out, keep=np.repeat(np.arange(m), 2))
        for size in (1e-3, 1e-7, 1e-12):
            noise = size * rng.standard_normal(network.weights_in.shape) * np.abs(network.weights_in)
            yield edited(network, weights_in=network.weights_in + noise)
            yield edited(network, weights_out=network.weights_out * (1 + size * rng.standard_normal((m, 1))))
        yield edited(network, keep=np.arange(m) != int(rng.integers(m)))
        yield edited(
            network, weights_in=-network.weights_in, bias_in=None if network.bias_in is None else -network.bias_in
        )
        if network.bias_in is not None:
            far = 10 * np.abs(network.weights_in).sum(axis=1) * np.abs(problem.X).max()
            yield edited(network, bias_in=far)
            yield edited(network, bias_in=-far)
    for width, gain in ((1, 1.0), (4, 0.1), (30, 1e-3), (2, 1e6)):
        yield random_network(problem, width, rng, gain)
