"""Sampled codes of any activation: those of ReLU networks where these are known, one hidden layer never folds."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, line_regions, sampled_codes
from relucvx.metrics.regions.segments import sampled_codes as home
from relucvx.network.reading import read_layers

SMOOTH = [nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.Mish, nn.SELU, nn.CELU, nn.Softsign]
X = np.random.default_rng(0).standard_normal((40, 2))
A, B = [-3.0, -2.0], [3.0, 2.5]


def net(act, seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 12), act(), nn.Linear(12, 10), act(), nn.Linear(10, 1)).double()


class Functional(nn.Module):
    """The same with functions."""

    def __init__(self, like):
        super().__init__()
        self.parts = nn.ModuleList([like[0], like[2], like[4]])

    def forward(self, x):
        return self.parts[2](F.gelu(self.parts[1](F.gelu(self.parts[0](x)))))


def test_of_relu_networks_they_are_the_codes_that_are_read():
    relu = net(nn.ReLU)
    expected = np.hstack(read_layers(relu).codes(X))
    found = sampled_codes(relu, X, batch_size=7)
    np.testing.assert_array_equal(found.codes, expected)
    np.testing.assert_array_equal(found.layer, np.repeat([0, 1], [12, 10]))
    np.testing.assert_array_equal(found.neuron, [*range(12), *range(10)])
    np.testing.assert_array_equal(sampled_codes(relu, X, layers=1).codes, expected[:, 12:])
    assert found.n_codes == len(np.unique(expected, axis=0))
    assert found.n_codes_of_half <= found.n_codes


@pytest.mark.parametrize("act", SMOOTH)
def test_arguments_are_read_wherever_the_activation_stands(act):
    module = net(act)
    first = module[0](torch.tensor(X))
    second = module[2](module[1](first))
    expected = np.hstack([first.detach().numpy() > 0, second.detach().numpy() > 0])
    found = sampled_codes(module, X)
    np.testing.assert_array_equal(found.codes, expected)
    assert len(found.kinds) == 2


def test_functions_are_seen_as_modules_are():
    module = net(nn.GELU)
    np.testing.assert_array_equal(sampled_codes(Functional(module), X).codes, sampled_codes(module, X).codes)


@pytest.mark.parametrize("act", SMOOTH)
def test_one_hidden_layer_never_folds(act):
    walk = folding(net(act), A, B, layers=0, method="sampled", n_steps=200)
    assert walk.chi == 0.0
    assert walk.r2 > 0


def test_what_comes_close_to_relu_folds_as_it_does():
    exact = folding(net(nn.ReLU), A, B)
    assert folding(net(lambda: nn.Softplus(beta=1e5)), A, B, method="sampled", n_steps=4000) == exact
    sharp = net(nn.GELU)
    with torch.no_grad():  # gelu(s t)/s is relu(t) for large s: weights in times s, weights out over s
        sharp[0].weight *= 1e5
        sharp[0].bias *= 1e5
        sharp[2].bias *= 1e5
    assert folding(sharp, A, B, method="sampled", n_steps=4000) == exact


def test_batches_of_segments_and_images():
    module = net(nn.Tanh)
    pair = folding(module, [A, B], B, method="sampled", n_steps=100)
    assert pair[0] == folding(module, A, B, method="sampled", n_steps=100)
    assert np.isnan(pair[1].chi)
    image = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(8, 4), nn.GELU())
    start, end = np.random.default_rng(1).standard_normal((2, 1, 4, 4))
    one = folding(image, start, end, method="sampled", n_steps=50)
    assert folding(image, start[None], end[None], method="sampled", n_steps=50) == (one,)


def test_memory_is_refused_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(home, "free_memory", lambda: 100.0)
    with pytest.raises(InvalidInputError, match="codes that fit in memory; received 40 points x 22 neurons"):
        sampled_codes(net(nn.GELU), X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sampled_codes(np.eye(2), X), "a torch module, which is run; received ndarray"),
        (lambda: sampled_codes(nn.Linear(2, 2), X), "a module that calls an activation; received none"),
        (lambda: sampled_codes(net(nn.GELU), X, layers=[0, 2]), r"layers between 0 and 1; received \[0, 2\]"),
        (lambda: folding(net(nn.GELU), A, B), "not piecewise linear"),
        (lambda: folding(net(nn.GELU), A, B, method="sampled", neurons={0: [0]}), "not piecewise linear"),
        (lambda: folding(net(nn.GELU), [A, B, A], [A, B], method="sampled"), "as many starts as ends"),
        (lambda: line_regions(net(nn.GELU), A, B), "GELU"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()
