"""Calls of submodules and functions, counted and named."""

import numpy as np
import pytest
import torch
from metrics.layers.test_representations import Residual, X, sequential
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.metrics import layer_activations


def test_a_layer_that_runs_twice_appears_once_per_call():
    net = Residual()
    found = layer_activations(net, X)
    assert list(found) == ["relu (call 1)", "relu (call 2)"]
    first = torch.relu(net.first(torch.from_numpy(X)))
    assert np.allclose(found["relu (call 1)"], first.detach())
    assert np.allclose(found["relu (call 2)"], torch.relu(net.inner(first)).detach())


def test_a_shared_layer_with_as_many_names_as_calls_has_each_name_once():
    act = nn.ReLU()
    net = nn.Sequential(nn.Linear(5, 4), act, nn.Linear(4, 3), act, nn.Linear(3, 2))
    assert {name: Z.shape[1] for name, Z in layer_activations(net, X).items()} == {"1": 4, "3": 3}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_modules_take_no_hooks():
    with pytest.raises(InvalidInputError, match=r"forward hooks; received a .*Script.*torch.jit compiled it"):
        layer_activations(torch.jit.script(sequential(5, 4, 2)), X)
