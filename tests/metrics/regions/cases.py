"""Networks on a square, and what every subdivision of it must satisfy."""

import itertools

import numpy as np
from hypothesis import strategies as st

from relucvx.network import DeepNetwork, TwoLayerReLU

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


def assert_same_regions(one, other, rtol=1e-9):
    assert one.n_regions == other.n_regions
    for name in ("areas", "perimeters"):
        np.testing.assert_allclose(np.sort(getattr(one, name)), np.sort(getattr(other, name)), rtol=rtol, atol=1e-12)


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


def linear(weight, bias=None):
    """A network that is linear; its outputs are what decisions are made of."""
    weight = np.asarray(weight, float)
    width = weight.shape[0]
    bias = np.zeros(weight.shape[1]) if bias is None else np.asarray(bias, float)
    return DeepNetwork((np.eye(width), weight), (None, bias), "linear")
