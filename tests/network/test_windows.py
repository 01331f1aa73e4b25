"""Convolutions and poolings as matrices."""

import numpy as np
import pytest
import torch
from network.test_layers import conv, randomised
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.network.reading import read_layers


def test_the_neurons_of_a_convolution_are_its_units():
    module, generator = randomised(nn.Sequential(conv(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)))
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, generator=generator)
    read = read_layers(module, like=x)
    np.testing.assert_allclose(read.preactivations(x.numpy().reshape(1, -1))[0], module[0](x).detach().reshape(1, -1))
    assert read.hidden[0].name == "1"


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Conv2d(2, 1, 2), r"an image of 2 channels; received layer '0' of type Conv2d.*\(1, 3, 3\)"),
        (nn.Conv2d(1, 1, 2, padding=1, padding_mode="reflect"), "padding by zeros.*padding_mode='reflect'"),
        (nn.Conv2d(1, 1, 4), "at least as large as the window; received layer '0' of type Conv2d"),
        (nn.MaxPool2d(4), "at least as large as the window; received layer '0' of type MaxPool2d"),
        (nn.MaxPool2d(2, return_indices=True), "values only; received layer '0' of type MaxPool2d"),
        (nn.Flatten(0), "samples to stay apart: start_dim >= 1; received layer '0' of type Flatten"),
        (nn.Linear(9, 2), r"an input of shape \(9,\).*layer '0' of type Linear.*nn.Flatten"),
        (nn.Upsample(scale_factor=2), "layer '0' of type Upsample"),
    ],
)
def test_image_refusals_name_the_layer(layer, message):
    with pytest.raises(InvalidInputError, match=message):
        read_layers(nn.Sequential(layer), (1, 3, 3))
