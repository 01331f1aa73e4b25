"""Convolutional modules read as pooled networks: the same function, and every other structure refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.network.torch.convolution import has_convolution, read_convolution

torch.manual_seed(0)
IMAGES = torch.randn(5, 2, 6, 6, dtype=torch.float64)
SERIES = torch.randn(5, 2, 12, dtype=torch.float64)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.conv(x)).mean(dim=(2, 3))
        return self.head(x.view(x.size(0), -1))


def sequential(conv, *middle, features, bias=True):
    return nn.Sequential(conv, nn.ReLU(), *middle, nn.Flatten(), nn.Linear(features, 2, bias=bias))


MODULES = {
    "mean": (lambda: sequential(nn.Conv2d(2, 4, 3), nn.AdaptiveAvgPool2d(1), features=4), IMAGES, "mean"),
    "flatten": (lambda: sequential(nn.Conv2d(2, 4, 2, stride=2), features=36), IMAGES, "flatten"),
    "windows": (lambda: sequential(nn.Conv2d(2, 4, 3), nn.AvgPool2d(2), features=16), IMAGES, (4, 16)),
    "no bias": (lambda: sequential(nn.Conv2d(2, 4, 3, bias=False), features=64, bias=False), IMAGES, "flatten"),
    "same": (
        lambda: sequential(nn.Conv2d(2, 4, 5, padding="same"), nn.AdaptiveAvgPool2d(1), features=4),
        IMAGES,
        "mean",
    ),
    "dilated": (lambda: sequential(nn.Conv2d(2, 4, 2, dilation=3), features=36), IMAGES, "flatten"),
    "oblong": (
        lambda: sequential(nn.Conv2d(2, 4, (1, 3), padding=(0, 2)), nn.AdaptiveAvgPool2d(1), features=4),
        IMAGES,
        "mean",
    ),
    "series": (
        lambda: sequential(nn.Conv1d(2, 4, 5, stride=2, padding=1), nn.AdaptiveAvgPool1d(1), features=4),
        SERIES,
        "mean",
    ),
    "leaky": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 2)),
        IMAGES,
        "flatten",
    ),
    "functional": (Functional, IMAGES, "mean"),
    "nested": (
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU()), nn.Dropout(), nn.Flatten(), nn.Linear(64, 1)
        ).eval(),
        IMAGES,
        "flatten",
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_same_function(name):
    make, images, kind = MODULES[name]
    module = make().double()
    found = read_convolution(module, images)
    with torch.no_grad():
        np.testing.assert_allclose(
            found.network.predict(found.rows(images)), module(images).numpy(), rtol=1e-11, atol=1e-13
        )
    pooling = found.network.pooling
    assert pooling == kind if isinstance(kind, str) else pooling.shape == kind
    # the penalty of the module is that of the network: filters and output weights are its parameters
    decay = sum(float((p.detach() ** 2).sum()) for p in module.parameters())
    net = found.network
    ours = sum(
        float((a**2).sum()) for a in (net.weights_in, net.weights_out, net.bias_in, net.bias_out) if a is not None
    )
    assert ours == pytest.approx(decay, rel=1e-12)


def test_float32_modules():
    module = MODULES["mean"][0]()
    found = read_convolution(module, IMAGES.float())
    with torch.no_grad():
        np.testing.assert_allclose(
            found.network.predict(found.rows(IMAGES)), module(IMAGES.float()).numpy(), rtol=1e-4, atol=1e-5
        )


class Branch(Functional):
    def forward(self, x):
        y = self.conv(x)
        return self.head((F.relu(y) + y).mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 1)),
            "MaxPool2d",
        ),
        (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 1)), "Tanh"),
        (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(64, 1)), "Flatten"),
        (
            lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 1)),
            "Conv2d",
        ),
        (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 1)), "groups=2"),
        (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten()), "linear layer"),
        (
            lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(64, 1)),
            "training mode",
        ),
        (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(60, 1)), "60 inputs"),
        (Branch, "more than what comes before"),
    ],
)
def test_other_structures_are_refused(module, message):
    with pytest.raises(InvalidInputError, match=message):
        read_convolution(module().double(), IMAGES)


def test_what_has_a_convolution():
    assert has_convolution(Functional())
    assert not has_convolution(nn.Sequential(nn.Linear(2, 1)))


@pytest.mark.parametrize("name", ["mean", "flatten"])
def test_there_and_back(name):
    make, images, _ = MODULES[name]
    found = read_convolution(make().double(), images)
    module = rx.to_torch(found.network, size=found.size, stride=found.stride)
    with torch.no_grad():
        np.testing.assert_allclose(
            module(images).numpy(), found.network.predict(found.rows(images)), rtol=1e-12, atol=1e-13
        )


def test_networks_that_torch_has_no_layers_for():
    net = rx.PooledReLU(np.ones((1, 4)), np.ones(1), pooling="sum")
    with pytest.raises(UnsupportedError, match="mean"):
        rx.to_torch(net, size=2)
    with pytest.raises(InvalidInputError, match="size of the patches"):
        rx.to_torch(net)
    with pytest.raises(InvalidInputError, match="4 entries"):
        rx.to_torch(rx.PooledReLU(np.ones((1, 4)), np.ones(1)), size=3)
