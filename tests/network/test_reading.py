"""The same network in every spelling is the same network; what is another function is refused by the operation's name."""

import warnings

import numpy as np
import pytest
import torch
from spellings import SPELLINGS, C, D, M, Net, Network, Raw, normed, numbers, parts, plain
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
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


@pytest.mark.parametrize(
    ("activation", "slopes"),
    [
        (torch.abs, (-1.0, 1.0)),
        (lambda x: x.abs(), (-1.0, 1.0)),
        (lambda x: F.leaky_relu(x, 0.3), (0.3, 1.0)),
        (F.leaky_relu, (0.01, 1.0)),
        (lambda x: torch.maximum(x, 0.0 * x), None),
    ],
)
def test_other_activations_as_functions(activation, slopes):
    if slopes is None:  # two values that meet are a kink that something passes by
        with pytest.raises(InvalidInputError, match="pass the activation 'maximum' by"):
            from_torch(Net(activation))
        return
    net = from_torch(Net(activation))
    assert (net.activation.slope_neg, net.activation.slope_pos) == slopes


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


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.fc2(F.relu6(m.fc1(x))),
        lambda m, x: m.fc2(F.hardtanh(m.fc1(x), -0.5, 2.0)),
        lambda m, x: m.fc2(m.fc1(x).clamp(-0.3, 0.7)),
        lambda m, x: m.fc2(torch.maximum(m.fc1(x), -2.0 * m.fc1(x))),
        lambda m, x: m.fc2(torch.minimum(m.fc1(x), m.fc1(x).relu() - 1.0)),
        lambda m, x: m.fc2(1.0 - torch.relu(3.0 - m.fc1(x) / 2.0)),
        lambda m, x: m.fc2(torch.relu(m.fc1(x)) + m.fc1(x).abs())[:, 1:],
        lambda m, x: m.fc2(torch.relu(m.fc1(x))).unsqueeze(1).squeeze(1)[:, 0],
        lambda m, x: m.fc2(F.max_pool2d(m.fc1(x).view(-1, 1, 7, 1), (3, 1), 1, (1, 0)).flatten(1)),
        lambda m, x: m.fc2(m.fc1(x.unsqueeze(1)).relu()).flatten(1),
    ],
)
def test_piecewise_linear_forwards_of_any_structure(function):
    class Made(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = parts()

        def forward(self, x):
            return function(self, x)

    module = Made()
    rows = 3.0 * torch.randn(50, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    read = read_layers(module)
    with torch.no_grad():
        expected = module(rows).reshape(50, -1).numpy()
    np.testing.assert_allclose(read.outputs(rows.numpy()), expected, rtol=1e-11, atol=1e-11)


# ------------------------------------------------------------------ what is another function
class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = parts()

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x + torch.randn(D, dtype=torch.float64))))


def training(module):
    return module.train()


def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch moves its quantisation elsewhere
        return torch.ao.quantization.quantize_dynamic(plain().float(), {nn.Linear}, dtype=torch.qint8)


OTHERS = {
    "gelu": (lambda: Net(F.gelu), "operation 'gelu'.*not piecewise linear"),
    "tanh": (lambda: Net(torch.tanh), "operation 'tanh'"),
    "sign": (lambda: Net(torch.sign), "operation 'sign'"),
    "square": (lambda: Net(lambda x: x * x), "operation 'mul'.*a product of two values"),
    "gate": (lambda: Net(lambda x: x * (x > 0)), "operation 'gt'"),
    "jump": (lambda: Net(lambda x: F.threshold(x, 0.0, 1.0)), "threshold.*it jumps"),
    "where": (lambda: Net(lambda x: torch.where(x > 0, x, 0.0)), "operation 'gt'"),
    "noise": (Noisy, "traces faithfully; received Noisy, whose outputs differ"),
    "dropout": (lambda: training(SPELLINGS["nested"]()), "type Dropout.*training mode.*module.eval"),
    "BatchNorm": (lambda: training(normed()), "type BatchNorm1d.*training mode.*module.eval"),
    "F.dropout": (lambda: Net(lambda x: F.dropout(F.relu(x))), "operation 'dropout'.*training mode.*module.eval"),
    "three layers": (lambda: nn.Sequential(plain(), nn.ReLU(), nn.Linear(C, 1)), r"2 activations \('0.1', '1'\)"),
    "LayerNorm": (lambda: nn.Sequential(plain()[:2], nn.LayerNorm(M), plain()[2]), "layer '1' of type LayerNorm"),
    "head": (lambda: nn.Sequential(plain(), nn.Softmax(1)), "layer '1' of type Softmax"),
    "quantised": (quantised, "layer '0' of type Linear.*quantised.*staircase"),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("door", [from_torch, as_network])
def test_other_functions_are_refused_by_name(name, door):
    make, message = OTHERS[name]
    module = make()
    with pytest.raises(InvalidInputError, match=message):
        door(module)


def test_a_module_is_not_replaced_by_a_part_that_it_calls_its_network():
    net = Network()
    assert read_layers(net).n_outputs == C
    assert read_layers(net.network).n_outputs == M


def test_reading_leaves_the_module_as_it_was():
    module = Raw().train()
    other = SPELLINGS["nested"]().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    noisy = Noisy()
    state = torch.random.get_rng_state()
    representation_kernel(other, X)
    with pytest.raises(InvalidInputError, match="Noisy"):
        from_torch(noisy)
    from_torch(module)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
