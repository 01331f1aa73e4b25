"""Walks of networks that are read and of those that are run, side by side."""

import numpy as np
import torch
from torch import nn

from relucvx.metrics import line_regions
from relucvx.metrics.regions.segments.walking import sampled_walk


def test_both_ways_walk_alike():
    torch.manual_seed(0)
    read = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU()).double()
    run = nn.Sequential(*read, nn.Softmax(dim=1))  # is not read, and has the same code
    ends = np.random.default_rng(0).standard_normal((2, 3))
    walks = [sampled_walk(net, *ends, 30, None, None, "float", None) for net in (read, run)]
    assert all(single for _, single in walks)
    codes = [np.vstack(list(found)) for found, _ in walks]
    assert codes[0].shape == (31, 11)
    np.testing.assert_array_equal(*codes)
    many, single = sampled_walk(run, ends, ends[::-1], 30, 0, None, "float", None)
    assert not single
    forth, back = many
    np.testing.assert_array_equal(forth, back[::-1])


class Joined(nn.Module):
    """Piecewise linear, in a structure that has no list of layers: the code is that of its exact lines."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 6), nn.Linear(9, 4)

    def forward(self, x):
        return torch.relu(self.second(torch.cat([x, torch.relu(self.first(x))], 1)))


def test_a_module_that_only_runs_has_the_codes_of_its_lines():
    torch.manual_seed(0)
    module, (start, end) = Joined().double(), np.random.default_rng(0).standard_normal((2, 3))
    walks, single = sampled_walk(module, start, end, 200, None, None, "float", None)
    (walk,) = walks
    line = line_regions(module, start, end)
    assert single
    np.testing.assert_array_equal(walk[0], line.codes[0])
    np.testing.assert_array_equal(walk[-1], line.codes[-1])
    points = torch.tensor(start + np.linspace(0, 1, 201)[:, None] * (end - start))
    hidden = module.first(points)
    last = module.second(torch.cat([points, torch.relu(hidden)], 1))
    np.testing.assert_array_equal(walk, torch.cat([hidden, last], 1).detach().numpy() > 0)
