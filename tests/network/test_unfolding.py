"""Patches against torch's own unfolding."""

import numpy as np
import pytest
import torch

import relucvx as rx
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(2, 2, 0), (3, 1, 1), ((2, 3), (2, 1), (0, 2)), ((1, 5), 1, 0)]
)
def test_patches_are_torchs(channels, size, stride, padding):
    images = RNG.standard_normal((4, channels, 6, 7))
    unfolded = torch.nn.functional.unfold(torch.as_tensor(images), size, padding=padding, stride=stride)
    assert np.array_equal(rx.patches(images, size, stride, padding), unfolded.numpy().transpose(0, 2, 1))


def test_images_without_channels_have_one():
    images = RNG.standard_normal((4, 6, 7))
    assert np.array_equal(rx.patches(images, 2), rx.patches(images[:, None], 2))


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.ones((4, 9)), {"size": 2}, r"\(n, h, w\)"),
        (np.ones((2, 3, 3)), {"size": 4}, "fit into images"),
        (np.ones((2, 3, 3)), {"size": 0}, "size"),
        (np.ones((2, 3, 3)), {"size": 2.5}, "size"),
        (np.ones((2, 3, 3)), {"size": 2, "stride": 0}, "stride"),
        (np.ones((2, 3, 3)), {"size": 2, "padding": -1}, "padding"),
        (np.full((2, 3, 3), np.nan), {"size": 2}, "finite"),
    ],
)
def test_what_is_no_image_or_window_is_refused(images, options, message):
    with pytest.raises(InvalidInputError, match=message):
        rx.patches(images, **options)
