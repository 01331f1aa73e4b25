"""Modules made of weights."""

import numpy as np
import pytest
import torch
from network.test_convert import random_net
from network.test_deep import WEIGHTS

from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.network import DeepNetwork, to_torch


def test_to_torch_leaves_the_random_state_alone_and_copies():
    net = random_net(0)
    before = torch.get_rng_state()
    module = to_torch(net)
    assert torch.equal(before, torch.get_rng_state())
    with torch.no_grad():
        module[0].weight.zero_()
    assert np.any(net.weights_in != 0)


def test_to_torch_refusals():
    with pytest.raises(UnsupportedError, match=r"positive slope 1.*slopes \(0\.5, 2\)"):
        to_torch(random_net(0, activation=(0.5, 2.0)))
    with pytest.raises(InvalidInputError, match="expected a TwoLayerReLU or PooledReLU; received list"):
        to_torch([1, 2])


@pytest.mark.parametrize("activation", ["erf", "relu_squared", "threshold", (0.0, 2.0)])
def test_activations_torch_has_no_layer_for(activation):
    with pytest.raises(UnsupportedError, match="an activation that is a torch layer"):
        DeepNetwork(WEIGHTS, activation=activation).to_torch()
