"""Maps and kinks put together: tournaments of a max pooling."""

import numpy as np
from torch import nn

from relucvx.metrics import line_regions
from relucvx.network import DeepNetwork
from relucvx.network.reading import read_layers


def test_activations_without_a_kink_are_part_of_the_affine_map():
    net = DeepNetwork(([[2.0]], [[3.0]], [[1.0]]), activation=(2.0, 2.0))
    read = read_layers(net)
    assert read.hidden == ()
    np.testing.assert_allclose(read.head(np.array([[1.0]])), net.predict([[1.0]]))
    scaled = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.LeakyReLU(1.0)))
    assert scaled.head is None
    read = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))
    assert read.head is None


def test_max_pooling_takes_a_tournament():
    module = nn.Sequential(nn.MaxPool2d(2))
    read = read_layers(module, (1, 2, 2))
    assert read.widths == (1,)
    assert [layer.n_kinked for layer in read.hidden] == [2, 1]
    X = np.random.default_rng(0).standard_normal((9, 4))
    np.testing.assert_allclose(read.outputs(X)[:, 0], X.max(axis=1), rtol=1e-15)
    # the largest entry changes once along this segment, and so does one comparison
    line = line_regions(module, [[[0.0, 1.0], [2.0, 3.0]]], [[[0.0, 4.0], [2.0, 3.0]]])
    np.testing.assert_allclose(line.breakpoints, [2 / 3])
