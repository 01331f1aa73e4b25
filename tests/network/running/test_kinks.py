"""Which entries a window of a pooling takes, against torch's own choice."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from relucvx.network.running.module import Point, RunningModule


class Tables(Point):
    """Keeps the tables of windows, and what they were of."""

    def winners(self, values, errors, table):
        self.table, self.values = table, values
        return super().winners(values, errors, table)


POOLS = [
    *(nn.MaxPool2d(*args) for args in itertools.product((2, 3), (1, 2), (0, 1), (1, 2))),
    nn.MaxPool2d((3, 2), (2, 1), (1, 0)),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    nn.MaxPool2d(2, 3, ceil_mode=True),
    nn.AdaptiveMaxPool2d((3, 4)),
    nn.AdaptiveMaxPool2d(1),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_a_table_has_the_entries_of_every_window(pool):
    image = np.random.default_rng(0).standard_normal((2, 7, 8))
    opened, seen = RunningModule.of(pool, (2, 7, 8)), Tables()
    opened.run(image.reshape(1, -1), seen)
    padded = np.append(seen.values[0], -np.inf)
    largest = padded[seen.table].max(axis=1)
    expected = pool(torch.from_numpy(image[None])).numpy().ravel()
    np.testing.assert_array_equal(largest, expected)
    assert opened.widths == (len(expected),)
