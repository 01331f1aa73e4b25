"""The same network in every spelling is the same network; what is another function is refused by the operation's name."""

import numpy as np
import pytest
import torch
from spellings import SPELLINGS, C, D, M, numbers, parts, plain
from torch import nn
from torch.nn import functional as F

from relucvx.kernel import representation_kernel
from relucvx.network import DeepNetwork, as_network, from_torch, read_layers

X = np.random.default_rng(0).standard_normal((6, D))


def by_hand(X):
    n = {name: value.numpy() for name, value in numbers().items()}
    H = np.maximum(X @ n["W"].T + n["b"], 0.0)
    return H, H @ n["V"].T + n["c"]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_one_network(name):
    hidden, outputs = by_hand(X)
    module = SPELLINGS[name]()
    net = from_torch(module)
    assert (net.weights_in.shape, net.weights_out.shape, net.activation.name) == ((M, D), (M, C), "relu")
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(net.predict(X), outputs, **close)
    np.testing.assert_allclose(net.hidden(X), hidden, **close)
    np.testing.assert_allclose(as_network(module, activation="relu").predict(X), outputs, **close)
    read = read_layers(module)
    assert read.widths == (M,)
    np.testing.assert_allclose(read.outputs(X), outputs, **close)
    np.testing.assert_allclose(DeepNetwork.from_torch(module).predict(X), outputs, **close)
    np.testing.assert_allclose(representation_kernel(module, X), hidden @ hidden.T, **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["F.relu", "raw parameters", "BatchNorm folded", "reused modules"])
def test_what_is_read_is_what_the_module_gives(name, dtype):
    module = SPELLINGS[name]().to(dtype)
    rows = torch.from_numpy(X).to(dtype)
    with torch.no_grad():
        expected = module(rows).numpy()
    allowed = 50 * np.finfo(expected.dtype).eps * np.abs(expected).max()
    np.testing.assert_allclose(from_torch(module).predict(rows.double().numpy()), expected, rtol=0, atol=allowed)


def old_weight_norm():
    module = plain()
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(module[0])
    return module


@pytest.mark.parametrize("make", [lambda: SPELLINGS["weight_norm"](), old_weight_norm, lambda: SPELLINGS["pruned"]()])
def test_weights_that_are_made_of_others_are_read_as_they_are_now(make):
    """A hook of torch writes the weight in each forward pass, so that it is stale after a step of an optimizer."""
    module = make()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 1.5
    net = from_torch(module)
    with torch.no_grad():
        expected = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12, atol=1e-12)


def test_biases_that_no_layer_has_are_none():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(D, M, bias=False), nn.Linear(M, C, bias=False)

        def forward(self, x):
            return -2.0 * self.b(F.relu(self.a(x) / 3.0))

    net = from_torch(Bare())
    assert (net.bias_in, net.bias_out) == (None, None)
    norm = nn.Sequential(nn.Linear(D, M, bias=False), nn.BatchNorm1d(M), nn.ReLU(), nn.Linear(M, C)).eval()
    assert from_torch(norm).bias_in is not None
    zero = nn.Sequential(nn.Linear(D, M), nn.ReLU(), nn.Linear(M, C))
    zero[0].bias.data.zero_()
    assert np.array_equal(from_torch(zero).bias_in, np.zeros(M))


# ------------------------------------------------------------------ what is another function
class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = parts()

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x + torch.randn(D, dtype=torch.float64))))
