"""Networks of any origin read as the same list of layers, which computes what they do; everything unknown is named."""

from types import SimpleNamespace

import numpy as np
import torch
from metrics.nets import sawtooth
from torch import nn
from torch.nn import functional

from relucvx.metrics import folding, line_regions
from relucvx.network import DeepNetwork, TwoLayerReLU, to_torch
from relucvx.network.reading import read_layers


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


class Block(nn.Module):
    """A residual block as in image classifiers: two convolutions, and one on the shortcut where shapes differ."""

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.first, self.second = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.Conv2d(n_out, n_out, 3, 1, 1)
        self.norm1, self.norm2 = nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        same = stride == 1 and n_in == n_out
        self.shortcut = None if same else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))

    def forward(self, x):
        out = self.relu(self.norm1(self.first(x)))
        out = self.norm2(self.second(out))
        out += x if self.shortcut is None else self.shortcut(x)
        return self.relu(out)


class Add(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return functional.relu(self.body(x) + x)


class Functional(nn.Module):
    """Functions and methods in place of layers."""

    def __init__(self):
        super().__init__()
        self.stem, self.head, self.blocks = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(45, 4), Block(3, 5, 2)

    def forward(self, x, unused=None):
        x = self.blocks(torch.relu(self.stem(x)).contiguous())
        y = functional.dropout(x.view(x.size(0), -1), training=self.training)
        z = functional.leaky_relu(y, negative_slope=0.2)
        x = x.relu().add(torch.add(x, x.flatten(2).reshape((x.shape[0], 5, 3, 3)))).add_(x)
        return self.head(z + torch.flatten(x, 1).reshape(-1, 45))


def conv(n_in, n_out, *args, **kwargs):
    return nn.Conv2d(n_in, n_out, *args, **kwargs)


def pools():
    """Every combination of padding, ceiling and counting, with windows that overlap, miss entries or stick out."""
    for ceil in (False, True):
        for pad in (0, 1):
            yield nn.MaxPool2d(3, 2, pad, ceil_mode=ceil)
            yield nn.MaxPool2d((2, 3), (1, 3), (1, pad), dilation=(2, 1), ceil_mode=ceil)
            for count in (False, True):
                yield nn.AvgPool2d(3, 2, pad, ceil_mode=ceil, count_include_pad=count)
                yield nn.AvgPool2d((2, 3), 3, pad, ceil_mode=ceil, count_include_pad=count, divisor_override=5)


MODULES = {
    "strides": (nn.Sequential(conv(3, 4, 3, 2, 1), nn.ReLU(), conv(4, 2, (1, 4), (1, 2)), nn.LeakyReLU(0.1)), (3, 7, 9)),
    "groups": (nn.Sequential(conv(4, 6, 3, padding="same", dilation=(2, 1), groups=2, bias=False), nn.ReLU()), (4, 6, 5)),
    "depthwise": (nn.Sequential(conv(3, 3, 3, groups=3, padding="valid"), nn.ReLU(), conv(3, 2, 1)), (3, 5, 4)),
    "norms": (
        nn.Sequential(
            conv(1, 4, 5, padding=2), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Dropout2d(0.5), nn.Flatten(),
            nn.Linear(64, 5), nn.BatchNorm1d(5, affine=False), nn.ReLU(), nn.Linear(5, 2),
        ),
        (1, 7, 8),
    ),
    "adaptive": (nn.Sequential(nn.AdaptiveAvgPool2d((2, None)), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), (2, 5, 3)),
    "partly flat": (nn.Sequential(nn.BatchNorm1d(6), nn.Flatten(2), nn.Flatten(1, 2), nn.Linear(24, 3)), (6, 4)),
    "relu first": (nn.Sequential(nn.ReLU(), nn.Linear(4, 3)), (4,)),
    "blocks": (
        nn.Sequential(
            Block(3, 4), Block(4, 4), Block(4, 6, 2), Add(Add(nn.Sequential(conv(6, 6, 3, padding=1), nn.MaxPool2d(3, 1, 1)))),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
        ),
        (3, 6, 6),
    ),
    "dense blocks": (Add(nn.Sequential(nn.Linear(30, 80), nn.ReLU(), Add(nn.Linear(80, 80)), nn.Linear(80, 30))), (30,)),
    "functional": (Functional(), (1, 6, 6)),
    **{f"pool {k}": (nn.Sequential(pool, nn.ReLU()), (2, 8, 7)) for k, pool in enumerate(pools())},
}  # fmt: skip


def randomised(module, seed=0):
    """Weights and running statistics that make every step matter, in float64."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for tensor in module.parameters():
        tensor.data.normal_(generator=generator)
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return module, generator


def test_weights_may_be_sparse_and_stay_so():
    read = read_layers(MODULES["strides"][0].double(), (3, 7, 9))
    assert not isinstance(read.hidden[0].map.weight, np.ndarray)
    dense = read_layers(nn.Sequential(conv(1, 2, 3), nn.ReLU()), (1, 3, 3))
    assert isinstance(dense.hidden[0].map.weight, np.ndarray)
