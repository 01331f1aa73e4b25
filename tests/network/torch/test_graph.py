"""Traced modules."""

import numpy as np
import pytest
import torch
from spellings import C, D, M, Network, parts
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
from relucvx.network import read_layers
from relucvx.network.torch.graph import agrees


def test_an_overwritten_shortcut_is_noticed():
    """The comparison with the module itself catches what the graph does not show."""
    torch.manual_seed(0)
    network = read_layers(nn.Linear(2, 2))
    with pytest.raises(InvalidInputError, match="traces faithfully; received Linear, whose outputs differ"):
        agrees(nn.Linear(2, 2), network)


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


def test_a_module_is_not_replaced_by_a_part_that_it_calls_its_network():
    net = Network()
    assert read_layers(net).n_outputs == C
    assert read_layers(net.network).n_outputs == M
