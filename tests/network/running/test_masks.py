"""Comparisons that choose between values: the bends of what they stand for, and jumps that are found."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from relucvx.errors import InvalidInputError
from relucvx.metrics import line_regions, slice_regions

POINTS = 4.0 * np.random.default_rng(0).standard_normal((3, 6))


class Between(nn.Module):
    """Two dense layers with something in between."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two, self.function = nn.Linear(6, 8), nn.Linear(8, 5), function

    def forward(self, x):
        return F.relu(self.two(self.function(self.one(x))))


def overwritten(h):
    h[h < 0] = 0
    return h


RELUS = {
    "where": lambda h: torch.where(h > 0, h, 0.0),
    "where turned round": lambda h: torch.where(h < 0, torch.zeros_like(h), h),
    "the other way to say it": lambda h: torch.where(h >= 0, h, 0 * h),
    "product": lambda h: h * (h > 0),
    "numbers": lambda h: h * (h >= 0).float(),
    "one less": lambda h: h - h * (1 - (h > 0).double()),
    "not": lambda h: torch.where(~(h <= 0), h, torch.zeros(())),
    "one of two": lambda h: torch.where((h > 0) | (h > 0), h, 0.0),
    "filled": lambda h: h.masked_fill(h < 0, 0.0),
    "filled in place": lambda h: h.masked_fill_(h < 0, 0.0),
    "overwritten": overwritten,
    # where h < 0 this is above its threshold by a rounding error
    "on a plateau that rounding lifts": lambda h: torch.where(F.relu(h) + 0.1 + 0.1 + 0.1 > 0.3, h, 0.0),
}


@pytest.mark.parametrize("name", RELUS)
def test_a_relu_by_any_other_name(name):
    line = line_regions(Between(RELUS[name]), *POINTS[:2], route="running")
    relu = line_regions(Between(F.relu), *POINTS[:2], route="running")
    np.testing.assert_array_equal(line.breakpoints, relu.breakpoints)
    np.testing.assert_array_equal(line.codes[:, line.layer == 0], relu.codes[:, relu.layer == 0])


def test_slices_are_cut_by_comparisons():
    chosen = slice_regions(Between(RELUS["product"]), POINTS, route="running")
    relu = slice_regions(Between(F.relu), POINTS, route="running")
    assert chosen.n_regions == relu.n_regions > 10
    np.testing.assert_allclose(np.sort(chosen.areas), np.sort(relu.areas), rtol=1e-9)


JUMPS = {
    "a step": lambda h: torch.where(h > 0, h + 1, h),
    "a small step": lambda h: torch.where(h > 0, h, 0.5 * h - 1e-9),
    "a product off its zero": lambda h: h * (h > 0.1),
    "another neuron": lambda h: torch.where(h > 0, h, h.flip(1)),
    "one of the joined": lambda h: torch.where((h > 0) & (h < 0.5), h, 0.0),
}


@pytest.mark.parametrize("name", JUMPS)
def test_choices_that_do_not_meet_are_named(name):
    with pytest.raises(InvalidInputError, match=r"'(where|mul)'.*choices differ by .* it jumps there"):
        line_regions(Between(JUMPS[name]), *POINTS[:2], route="running")


def test_a_jump_is_found_in_slices_and_what_is_in_front_of_it_can_be_walked():
    module = Between(JUMPS["a step"])
    with pytest.raises(InvalidInputError, match="it jumps there"):
        slice_regions(module, POINTS, route="running")
    first = line_regions(module, *POINTS[:2], layers=[0], route="running")
    assert first.n_regions == line_regions(Between(F.relu), *POINTS[:2], layers=[0]).n_regions
