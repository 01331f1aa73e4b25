"""Layers of networks and recordings: against hand-made passes, with the module left as it was."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics import layer_activations
from relucvx.metrics.layers.representations import record

RNG = np.random.default_rng(0)
X = RNG.standard_normal((11, 5))


def sequential(*sizes, dtype=torch.float64):
    torch.manual_seed(0)
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b, dtype=dtype), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Residual(nn.Module):
    """A skip connection, an activation module used twice, and one that never runs."""

    def __init__(self):
        super().__init__()
        self.first, self.inner, self.head = (nn.Linear(5, 5).double() for _ in range(3))
        self.relu, self.idle = nn.ReLU(), nn.Tanh()
        self.parts = nn.ModuleList([self.first])

    def forward(self, x):
        x = self.relu(self.first(x))
        return self.head(x + self.relu(self.inner(x)))


# ------------------------------------------------------------------ values
def test_sequential_gives_the_values_behind_each_kink():
    net = sequential(5, 4, 3, 2)
    found = layer_activations(net, X)
    first = np.maximum(X @ net[0].weight.detach().numpy().T + net[0].bias.detach().numpy(), 0)
    second = np.maximum(first @ net[2].weight.detach().numpy().T + net[2].bias.detach().numpy(), 0)
    assert list(found) == ["1", "3"]
    assert np.allclose(found["1"], first, rtol=1e-13)
    assert np.allclose(found["3"], second, rtol=1e-13)
    assert all(Z.dtype == np.float64 for Z in found.values())


def test_our_networks_agree_with_their_torch_copies():
    net = rx.network.DeepNetwork([RNG.standard_normal(s) for s in ((5, 4), (4, 3), (3, 2))])
    ours, theirs = layer_activations(net, X), layer_activations(net.to_torch(), X)
    assert list(ours) == ["hidden 0", "hidden 1"]
    for a, b in zip(ours.values(), theirs.values(), strict=True):
        assert np.allclose(a, b, rtol=1e-12)
    two = rx.TwoLayerReLU(RNG.standard_normal((4, 5)), RNG.standard_normal((4, 2)), bias_in=np.ones(4))
    assert np.allclose(layer_activations(two, X)["hidden 0"], two.hidden(X))


def test_anything_with_a_network_stands_for_it():
    sol = rx.solve(X, X[:, 0], 1.0, tol=1e-2)
    assert np.array_equal(layer_activations(sol, X)["hidden 0"], sol.network.hidden(X))


@pytest.mark.parametrize("size", [1, 3, 11, 100])
def test_batches_do_not_matter(size):
    net = sequential(5, 4, 2)
    assert np.allclose(layer_activations(net, X, batch_size=size)["1"], layer_activations(net, X)["1"], rtol=1e-13)


def test_convolutions_are_flattened_and_names_are_dotted():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()), nn.Flatten(), nn.Linear(8, 3))
    images = RNG.standard_normal((6, 1, 4, 4))
    found = layer_activations(net, images)
    assert {name: Z.shape for name, Z in found.items()} == {"0.2": (6, 8)}
    every = layer_activations(net, images, ["0.0", "1", "2"])
    assert [Z.shape for Z in every.values()] == [(6, 8), (6, 8), (6, 3)]
    with torch.no_grad():
        assert np.allclose(every["2"], net.eval()(torch.from_numpy(images).float()), atol=1e-6)


def test_functions_are_layers_and_where_nothing_bends_every_leaf_is():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(5, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.b(functional.relu(self.a(x)))

    net = Functional().double()
    found = layer_activations(net, X)
    assert list(found) == ["relu()"]
    np.testing.assert_array_equal(found["relu()"], np.maximum(layer_activations(net, X, ["a"])["a"], 0.0))
    assert list(layer_activations(nn.Sequential(net.a, nn.Identity(), net.b), X)) == ["0", "1", "2"]


def test_the_device_and_dtype_of_the_module_are_kept():
    net = sequential(5, 4, 2, dtype=torch.float32)
    found = layer_activations(net, X)["1"]
    assert next(net.parameters()).dtype == torch.float32
    assert np.array_equal(found, found.astype(np.float32))


# ------------------------------------------------------------------ what follows a layer
def test_the_network_behind_each_layer():
    net = sequential(5, 4, 3, 2)
    for module in (net, rx.network.DeepNetwork.from_torch(net)):
        found = record(module, X)
        for layer in (found.input, *found.layers):
            moved = 0.5 * (layer.Z[::-1] + layer.Z)
            assert np.allclose(layer.rest(layer.Z), found.outputs, rtol=1e-12)
            assert layer.rest(moved).shape == (11, 2)
        behind = net[2:](torch.from_numpy(0.5 * (found.layers[0].Z[::-1] + found.layers[0].Z))).detach().numpy()
        assert np.allclose(
            found.layers[0].rest(0.5 * (found.layers[0].Z[::-1] + found.layers[0].Z)), behind, rtol=1e-12
        )


def test_the_head_is_the_last_linear_layer_behind_the_layer_it_reads():
    net = sequential(5, 4, 3, 2)
    for module in (net, rx.network.DeepNetwork.from_torch(net)):
        found = record(module, X)
        weights, bias = found.layers[-1].head
        assert found.layers[0].head is None
        assert found.input.head is None
        assert np.allclose(found.layers[-1].Z @ weights + bias, found.outputs, rtol=1e-12)
    assert record(nn.Sequential(*net, nn.Tanh()), X).layers[1].head is None
    alone = nn.Linear(5, 2).double()
    assert np.array_equal(record(alone, X).input.head[0], alone.weight.detach().numpy().T)


def test_a_skip_connection_leaves_no_network_behind_the_layer_it_passes():
    found = record(Residual(), X)
    outer, inner = found.layers
    assert np.allclose(outer.rest(outer.Z), found.outputs, rtol=1e-12)
    assert inner.rest is None
    assert inner.head is None


# ------------------------------------------------------------------ recordings
def test_recorded_layers_pass_through():
    layers = {"V1": X, "IT": torch.from_numpy(X[:, :2]), 7: np.ones((11, 2, 3), dtype=np.float32)}
    found = layer_activations(layers)
    assert {name: Z.shape for name, Z in found.items()} == {"V1": (11, 5), "IT": (11, 2), "7": (11, 6)}
    assert list(layer_activations([X, X])) == ["layer 0", "layer 1"]
    assert list(layer_activations(layers, layers=["IT"])) == ["IT"]
    assert not np.shares_memory(found["V1"], X)


# ------------------------------------------------------------------ refusals
class Pair(nn.Module):
    def forward(self, x):
        return x, x


class Mixing(nn.Module):
    def forward(self, x):
        return x.sum()


def loud():
    net = sequential(5, 4, 2)
    with torch.no_grad():
        net[0].weight *= 1e200
    return net


class First(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        out = self.inner(x)
        return out[0] if isinstance(out, tuple) else out


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_activations(First(Mixing()), X), "received a First with neither; without a row per sample: 'inner'"),
        (
            lambda: layer_activations(First(Mixing()), X, ["inner"]),
            r"layer 'inner' of type Mixing, which returns .* shape \(\)",
        ),
        (lambda: layer_activations(Residual(), X, ["idle"]), "'idle', which did not run"),
        (lambda: layer_activations(Residual(), X, ["parts"]), "'parts', which did not run"),
        (lambda: layer_activations(Residual(), X, ["rely"]), "expected names of submodules .* received 'rely'"),
        (lambda: layer_activations(Residual(), X * np.nan), "expected X to be finite"),
        (lambda: layer_activations(Residual(), X[0]), r"expected X of shape \(n, ...\)"),
        (lambda: layer_activations(Residual()), r"expected inputs X of shape \(n, d\); received None"),
        (lambda: layer_activations(loud(), 1e200 * X), "expected layer '1' to be finite"),
        (lambda: layer_activations(sequential(5, 4, 2), X, batch_size=0), "batch_size to be an int >= 1"),
        (lambda: layer_activations(rx.TwoLayerReLU(X, X[:, :2]), X, "hidden"), "layers among 'hidden 0'; received 'hidd"),
        (lambda: layer_activations(nn.LSTM(5, 3), X[:, None]), "received a LSTM with neither.*states as arrays"),
        (lambda: layer_activations(object(), X), "expected a torch.nn.Module, TwoLayerReLU"),
        (lambda: layer_activations([]), "at least one recorded layer"),
        (lambda: layer_activations([X, X[1:]]), "layer 'layer 1' with 11 rows, as many as the first layer"),
        (lambda: layer_activations([X], X[1:]), "layer 'layer 0' with 10 rows, as many as X"),
        (lambda: layer_activations({"a": X * np.inf}), "layer 'a' to be finite"),
        (lambda: layer_activations({"a": X[0]}), "layer 'a' of shape"),
    ],
)  # fmt: skip
def test_refusals_name_the_layer(call, message):
    with np.errstate(all="ignore"), pytest.raises(InvalidInputError, match=message):
        call()
