"""Networks of any origin read as the same list of layers; everything unknown is named."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from metrics.nets import sawtooth
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions
from relucvx.metrics.layers import read_layers
from relucvx.network import DeepNetwork, TwoLayerReLU, to_torch


def assert_same_line(a, b, start, end):
    first, second = line_regions(a, start, end), line_regions(b, start, end)
    np.testing.assert_array_equal(first.codes, second.codes)
    np.testing.assert_allclose(first.breakpoints, second.breakpoints, rtol=1e-12)


def test_all_forms_of_a_network_agree():
    rng = np.random.default_rng(0)
    net = TwoLayerReLU(rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), bias_in=rng.standard_normal(8))
    start, end = 3 * rng.standard_normal((2, 3))
    for other in (DeepNetwork.from_two_layer(net), to_torch(net), SimpleNamespace(network=net)):
        assert_same_line(net, other, start, end)
    deep = sawtooth(4)
    assert_same_line(deep, deep.to_torch(), [0.0], [1.0])


def test_nested_modules_and_layers_without_effect():
    torch.manual_seed(0)
    a, b, c = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 2)
    plain = nn.Sequential(a, nn.ReLU(), b, nn.LeakyReLU(0.2), c)
    nested = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(a, nn.Identity(), nn.Sequential(nn.ReLU(), nn.Dropout(0.5))),
        b,
        nn.LeakyReLU(0.2),
        c,
    ).eval()
    start, end = 5 * torch.randn(2, 4)
    assert_same_line(plain, nested, start, end)
    assert_same_line(plain, nested, start.reshape(2, 2), end.numpy().reshape(2, 2))
    assert line_regions(plain, start, end).layer.tolist() == [0] * 6 + [1] * 5
    assert folding(nested, start, end).r2 > 0


def test_the_read_network_computes_the_same_function():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4, bias=False), nn.ReLU(), nn.ReLU(), nn.Linear(4, 2)).double()
    read = read_layers(module)
    X = torch.randn(7, 3, dtype=torch.float64)
    H = X.numpy()
    np.testing.assert_allclose(read.outputs(H), module(X).detach().numpy(), rtol=1e-12)
    assert read.widths == (4, 4)  # two Linear layers in a row have no kink between them
    assert read.n_features == 3


def test_activations_without_a_kink_are_part_of_the_affine_map():
    net = DeepNetwork(([[2.0]], [[3.0]], [[1.0]]), activation=(2.0, 2.0))
    read = read_layers(net)
    assert read.hidden == ()
    np.testing.assert_allclose(read.head(np.array([[1.0]])), net.predict([[1.0]]))
    scaled = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.LeakyReLU(1.0)))
    assert scaled.head is None
    read = read_layers(nn.Sequential(nn.Linear(1, 1), nn.ReLU()))
    assert read.head is None


class Odd(nn.Module):
    def forward(self, x):
        return x.abs()


class Skipping(nn.Sequential):
    def forward(self, x):
        return super().forward(x) * x


def hooked():
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    module[0].register_forward_hook(lambda *_: None)
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: 3, "received builtins.int"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "layer '1' of type Tanh"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.BatchNorm1d(2))), "layer '1.0' of type BatchNorm1d"),
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 1)), "the shape of one input.*its first layer is Conv2d"),
        (lambda: nn.Sequential(nn.Linear(2, 2), Odd()), "layer '1' of type Odd"),
        (lambda: nn.Sequential(nn.Linear(2, 2), Skipping(nn.Linear(2, 2))), "layer '1' of type Skipping"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), "layer '1' of type Dropout.*training mode.*eval"),
        (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)), "layer '0' of type Flatten"),
        (lambda: DeepNetwork(([[1.0]], [[1.0]]), activation="tanh"), "a piecewise-linear activation; received.*'tanh'"),
        (hooked, "without forward hooks"),
    ],
)
def test_refusals_name_the_layer(module, message):
    with pytest.raises(InvalidInputError, match=message):
        line_regions(module(), [0.0, 0.0], [1.0, 1.0])
