"""A batch whose rows multiply: interpolation of what is older, shared memory, perturbations for rounding errors."""

import numpy as np
import pytest
import torch
from torch import nn

from relucvx.network.running import operations, rows
from relucvx.network.running.kinks import follow
from relucvx.network.running.module import Point, RunningModule
from relucvx.network.running.rows import SPECIAL, Batch, Insertion, refined

MIDDLE = Insertion(np.array([0, 0, 1]), np.array([1]), np.array([1]), np.array([0.25]))
"""One row a quarter of the way from the first to the second."""


def two_points():
    batch = Batch(np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 2.0, -1.0, 0.0]]), Point(), follow)
    return batch, batch.start((4,))


def values(x):
    return x.physical()[SPECIAL:, 0].tolist()


def test_older_tensors_follow_when_they_are_used():
    batch, x = two_points()
    doubled, part = 2.0 * x, x[:, 1:3]
    batch.insert([MIDDLE])
    assert values(x) == [[1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 3.0], [5.0, 2.0, -1.0, 0.0]]
    assert values(part) == [[2.0, 3.0], [2.0, 2.0], [2.0, -1.0]]
    assert values(doubled - x) == values(x)


def test_views_share_memory_also_behind_an_insertion():
    batch, x = two_points()
    view = x.view(2, 2)[:, 1]  # every second number
    batch.insert([MIDDLE])
    view += 10.0
    assert values(x) == [[1.0, 12.0, 3.0, 14.0], [2.0, 12.0, 2.0, 13.0], [5.0, 12.0, -1.0, 10.0]]


def test_perturbations_have_the_size_of_rounding_errors():
    batch, x = two_points()
    # a sum that cancels: what is left is below the errors of what it is a sum of
    left = (0.1 * x + 0.2 * x - 0.3 * x).matrix()
    errors = batch.errors(left)
    assert (np.abs(left[SPECIAL:].numpy()) <= errors).all()
    assert (errors < 1e-13).all()
    # and constants carry none of their own
    assert torch.equal((x + 1e6).physical()[0], torch.zeros(1, 4))


def test_several_insertions_at_once_are_one_after_the_other(monkeypatch):
    monkeypatch.setattr(rows, "STRIP", 8)  # two rows at a time
    rng = np.random.default_rng(0)
    steps, n = [], 3
    for new in (5, 4):
        first, other = rng.integers(0, n, (2, new))
        steps.append(Insertion(np.concatenate([np.arange(n), first]), np.arange(n, n + new), other, rng.random(new)))
        n += new
    dropped = Insertion(np.arange(1, n), np.empty(0, int), np.empty(0, int), np.empty(0))
    assert steps[0].appends(3)
    assert not steps[0].appends(4)
    assert not MIDDLE.appends(2)
    assert not dropped.appends(n - 1)
    data = torch.from_numpy(rng.standard_normal((SPECIAL + 3, 4)))
    for chosen in (steps, [*steps, dropped], [steps[0]]):
        expected = data.clone()
        for step in chosen:
            old = expected[SPECIAL:]
            expected = torch.cat([expected[:SPECIAL], old[step.source]])
            share = torch.from_numpy(step.share)[:, None]
            fresh = torch.from_numpy(step.fresh)
            expected[SPECIAL + fresh] = (1 - share) * old[step.source[step.fresh]] + share * old[step.other]
        torch.testing.assert_close(refined(data, chosen), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(2, 3, 3, padding=1), nn.ConvTranspose2d(2, 3, 2), nn.Conv2d(2, 4, 3, groups=2)]
)
def test_a_convolution_takes_some_rows_at_a_time(layer, monkeypatch):
    layer, points = layer.double(), np.random.default_rng(0).standard_normal((20, 2 * 5 * 5))
    sizes = []
    for windows in (2**62, 1, 2 * 25 * 9 * 3):
        monkeypatch.setattr(operations, "WINDOWS", windows)
        batch = Batch(points, Point(), follow)
        with torch.no_grad():
            sizes.append(layer(batch.start((2, 5, 5))).matrix()[SPECIAL:])
    with torch.no_grad():
        expected = layer(torch.from_numpy(points).view(20, 2, 5, 5)).view(20, -1)
    for found in sizes:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_what_is_needed_is_known_kink_by_kink():
    wide = nn.Sequential(nn.Linear(2, 1000), nn.ReLU(), nn.Linear(1000, 10), nn.ReLU(), nn.Linear(10, 1))
    opened = RunningModule.of(wide)
    assert [numbers // 8 for numbers in opened.demands] == [
        4002,
        2002,
        22,
    ]  # the input is kept, and before a kink three copies of its values
    assert opened.row_bytes == 8 * 4002
