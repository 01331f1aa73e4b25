"""The walk through a module: shapes of inputs, precision, finite weights."""

import numpy as np
import pytest
import torch
from network.test_layers import MODULES, Add, conv, randomised
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.metrics import line_regions
from relucvx.network.reading import read_layers


def test_shapes_of_inputs():
    module, generator = randomised(nn.Sequential(conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)))
    a, b = torch.randn(2, 5, 1, 4, 4, dtype=torch.float64, generator=generator)
    many = line_regions(module, a, b)
    assert len(many) == 5
    for line, start, end in zip(many, a, b, strict=True):
        one = line_regions(module, start, end)
        np.testing.assert_array_equal(one.codes, line.codes)
        flat = line_regions(module, start.flatten(), end.flatten(), input_shape=(1, 4, 4))
        np.testing.assert_array_equal(flat.codes, line.codes)
    assert isinstance(line_regions(module, a[:1], b[:1]), tuple)
    read = read_layers(module, (1, 4, 4))
    assert [read.points(np.zeros(s), "x")[1] for s in ((16,), (1, 4, 4), (1, 16), (1, 1, 4, 4), (2, 16))] == [
        True, True, False, False, False,
    ]  # fmt: skip
    flat = read_layers(nn.Sequential(nn.Flatten(), nn.Linear(16, 1)))
    assert flat.input_shape == (16,)
    assert [flat.points(np.zeros(s), "x")[1] for s in ((4, 4), (1, 4, 4), (3, 4, 4))] == [True, True, False]
    assert read_layers(nn.Sequential(nn.BatchNorm1d(3)).eval()).input_shape == (3,)
    assert read_layers(nn.Sequential(nn.ReLU()), 3).input_shape == (3,)
    assert read_layers(nn.ReLU(), like=np.zeros((2, 3))).input_shape == (3,)


def test_modules_of_any_precision():
    module = randomised(MODULES["blocks"][0])[0]
    lower = read_layers(module.float(), (3, 6, 6))
    assert lower.widths == read_layers(module.double(), (3, 6, 6)).widths
    assert read_layers(Add(nn.Linear(3, 3)).bfloat16()).widths == (3,)
    assert read_layers(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)).train()).widths == ()


@pytest.mark.parametrize("shape", [0, (), (1, -2), (1.5,), True, ("a",)])
def test_input_shapes_are_checked(shape):
    with pytest.raises(InvalidInputError, match="input_shape"):
        read_layers(nn.Sequential(nn.Conv2d(1, 1, 1)), shape)


def test_the_shape_must_be_known():
    module = nn.Sequential(nn.Conv2d(1, 1, 1))
    with pytest.raises(
        InvalidInputError, match=r"shape of one input.*received none.*first layer is Conv2d.*input_shape="
    ):
        read_layers(module)
    with pytest.raises(InvalidInputError, match=r"inputs of shape \(4,\)"):
        line_regions(module, np.zeros(4), np.ones(4))
    with pytest.raises(InvalidInputError, match="no layer of it has a fixed size"):
        read_layers(nn.Sequential(nn.ReLU()))
    with pytest.raises(InvalidInputError, match=r"x to be one point; received a batch of 2"):
        read_layers(nn.Linear(3, 1)).point(np.zeros((2, 3)), "x")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_must_be_finite(value):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 2))
    read_layers(net, (1, 18, 18))
    for layer, name in ((net[0], "hidden layer 0"), (net[3], "the last layer")):
        for numbers in (layer.weight, layer.bias):
            numbers.data.view(-1)[0], before = value, numbers.data.view(-1)[0].item()
            with pytest.raises(InvalidInputError, match=f"finite weights; received nan or inf in the map of {name}"):
                read_layers(net, (1, 18, 18))
            numbers.data.view(-1)[0] = before
    read_layers(net, (1, 18, 18))
