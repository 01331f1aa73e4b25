"""A batch whose rows multiply: interpolation of what is older, shared memory, perturbations for rounding errors."""

import numpy as np
import torch

from relucvx.network.running.kinks import follow
from relucvx.network.running.module import Point
from relucvx.network.running.rows import SPECIAL, Batch, Insertion

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
