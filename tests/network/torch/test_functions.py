"""Functions in a traced forward."""

import warnings

import pytest
import torch
from network.test_reading import Noisy
from spellings import SPELLINGS, C, M, Net, normed, plain
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
from relucvx.network import as_network, from_torch


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
