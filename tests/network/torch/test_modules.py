"""Modules of torch: wrappers, scripts."""

import pytest
import torch
from network.test_layers import assert_same_line
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.network.reading import read_layers


def test_wrappers_are_looked_through():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).eval()
    start, end = torch.randn(2, 3)
    read = read_layers(net)
    assert read_layers(read) is read
    for wrapped in (torch.compile(net, backend="eager"), nn.DataParallel(net), nn.DataParallel(nn.DataParallel(net))):
        assert_same_line(net, wrapped, start, end)
    net.train()
    with pytest.raises(InvalidInputError, match="layer '1' of type BatchNorm1d"):
        read_layers(nn.DataParallel(net))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_scripted_modules_are_refused():
    scripted = torch.jit.trace(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), torch.zeros(1, 3))
    with pytest.raises(InvalidInputError, match=r"a TorchScript module.*the module that it was made from"):
        read_layers(scripted)
