"""Modules that end at a layer: nothing behind it runs, and parameters count where their owner does."""

import numpy as np
import pytest
import torch
from metrics.layers.cases import LABELS, X
from torch import nn

import relucvx as rx
from relucvx.metrics.layers.truncated import truncated

INPUTS = torch.tensor(X, dtype=torch.float32)


class Branches(nn.Module):
    """A residual network with functional activations and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.ModuleDict({"a": nn.Conv1d(1, 2, 3, padding=1), "b": nn.Conv1d(2, 2, 3, padding=1)})
        self.last = nn.Linear(10, 3)
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        first = torch.relu(self.inner["a"](x[:, None]))
        second = torch.relu(first + self.inner["b"](first))
        return self.last(second.flatten(1)) + self.shift


def test_outputs_are_the_head_on_the_values_there():
    net, (W, b) = Branches(), (np.random.default_rng(0).standard_normal((10, 3)), np.arange(3.0))
    for layer, Z in rx.metrics.layer_activations(net, X, ["inner.a", "inner.b"]).items():
        cut, _ = truncated(net, X[:2], layer, W, b)
        np.testing.assert_allclose(cut(INPUTS).detach().numpy(), Z @ W + b, atol=1e-5)


def test_a_module_of_any_structure_stops_at_the_layer():
    net = Branches()
    first, second = rx.metrics.layer_activations(net, X)
    found = rx.metrics.cut_and_refit(net, X, LABELS, X, LABELS, layer=first)
    used = net.inner["a"].weight.numel() + net.inner["a"].bias.numel() + net.shift.numel() + 33  # and the head's
    assert (found.parameters, found.removed) == (used, (second,))
    found.network.module.inner["b"].register_forward_hook(lambda *_: pytest.fail("the layer behind ran"))
    outputs = found.network(torch.tensor(X, dtype=torch.float32)).argmax(1).numpy()
    assert found.accuracy == (outputs == LABELS).mean()
    by_module = rx.metrics.cut_and_refit(Branches(), X, LABELS, X, LABELS, layer="inner.b")
    assert by_module.parameters == used + net.inner["b"].weight.numel() + net.inner["b"].bias.numel()
    outputs = by_module.network(torch.tensor(X, dtype=torch.float32)).argmax(1).numpy()
    assert by_module.accuracy == (outputs == LABELS).mean()
