"""Where activations bend, and what is no activation."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
from relucvx.metrics.regions.segments.switches import switches

VALUES = torch.tensor([[-5.0], [-2.0], [-0.5], [0.5], [2.0], [7.0]])


class Called(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("module", "bends"),
    [
        (nn.ReLU6(), (0, 6)),
        (nn.Hardtanh(), (-1, 1)),
        (nn.Hardtanh(-2.5, 1.5), (-2.5, 1.5)),
        (nn.Hardswish(), (-3, 3)),
        (nn.Hardsigmoid(), (-3, 3)),
        (nn.PReLU(), (0,)),
        (nn.ReLU(inplace=True), (0,)),
        (Called(torch.tanh), (0,)),
        (Called(lambda x: x.sigmoid()), (0,)),
        (Called(torch.relu_), (0,)),
        (Called(lambda x: x.clamp(min=1.0)), (1,)),
        (Called(lambda x: torch.clamp(x, -1.0, 3.0)), (-1, 3)),
        (Called(lambda x: F.hardtanh(x, min_val=-4.0)), (-4, 1)),
        (Called(abs), (0,)),
    ],
)
def test_bends(module, bends):
    (found,) = switches(module, VALUES)
    np.testing.assert_array_equal(found.codes, np.hstack([VALUES.numpy() > bend for bend in bends]))


@pytest.mark.parametrize("module", [nn.Softmax(dim=1), nn.LayerNorm(1), nn.Identity(), Called(torch.exp)])
def test_what_has_no_side_has_no_code(module):
    assert switches(module, VALUES) == []


def test_modes_come_back_and_refusals():
    module = nn.Sequential(nn.Dropout(0.9), nn.GELU()).train()
    np.testing.assert_array_equal(switches(module, VALUES)[0].codes, VALUES.numpy() > 0)
    assert module.training
    with pytest.raises(
        InvalidInputError, match="activations with one row for each of 6 samples; received relu at shape"
    ):
        switches(Called(lambda x: F.relu(x.T)), VALUES)
    with pytest.raises(InvalidInputError, match="inputs that the module takes"):
        switches(nn.Linear(3, 3), VALUES)
