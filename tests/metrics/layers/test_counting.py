"""Kinks in front of each call of a module."""

import torch
from torch import nn

from relucvx.metrics.layers.counting import kinks_behind
from relucvx.network.running.module import RunningModule


def test_every_call_knows_how_many_kinks_it_has_behind_it():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
            self.last = nn.Linear(4, 2)

        def forward(self, x):
            return self.last(torch.relu(-self.inner(x)))

    found = kinks_behind(RunningModule.of(Net(), (3,)))
    assert found["inner.0", 0] == 0
    assert found["inner.1", 0] == found["inner", 0] == 1
    assert found["last", 0] == found["", 0] == 2
    assert found["relu()", 0] == 2
