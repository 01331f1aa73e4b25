"""Opening a module: shapes of inputs, refusals before any work, the user's own module left as it is."""

import copy

import numpy as np
import pytest
import torch
from metrics.regions.architectures import CASES, made
from torch import nn

from relucvx.errors import InvalidInputError
from relucvx.network.running.module import RunningModule


@pytest.mark.parametrize(
    ("module", "like", "shape"),
    [
        (nn.Linear(3, 2), np.zeros(3), (3,)),
        (nn.Linear(3, 2), np.zeros((5, 3)), (3,)),
        (nn.Conv1d(2, 3, 2), np.zeros((2, 9)), (2, 9)),
        (nn.Conv1d(2, 3, 2), np.zeros((4, 2, 9)), (2, 9)),
        (nn.Conv2d(2, 3, 2), np.zeros((4, 2, 9, 9)), (2, 9, 9)),
        (nn.Conv2d(2, 3, 2), np.zeros((2, 9, 9)), (2, 9, 9)),
        (nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), np.zeros((4, 6)), (6,)),
        (nn.Conv3d(2, 3, 2), np.zeros((4, 2, 3, 3, 3)), (2, 3, 3, 3)),
    ],
)
def test_the_shape_of_one_input(module, like, shape):
    assert RunningModule.of(module.eval(), None, like).input_shape == shape


def test_a_shape_that_does_not_fit_is_said():
    with pytest.raises(InvalidInputError, match=r"shape of one input.*input_shape="):
        RunningModule.of(nn.Conv2d(2, 3, 2).eval(), None, np.zeros(5))


def test_the_module_stays_as_it_is():
    module, shape = made("residual blocks")
    module.float()
    before = copy.deepcopy(module.state_dict())
    hooks = [len(layer._forward_hooks) for layer in module.modules()]
    RunningModule.of(module, shape)
    after = module.state_dict()
    assert all(torch.equal(before[k], after[k]) and before[k].dtype == after[k].dtype for k in before)
    assert [len(layer._forward_hooks) for layer in module.modules()] == hooks


def test_what_is_no_number_or_no_copy_is_refused():
    module = nn.Linear(2, 2).eval()
    with torch.no_grad():
        module.weight[0, 0] = float("nan")
    with pytest.raises(InvalidInputError, match="nan or inf in weight"):
        RunningModule.of(module)
    module = nn.Linear(2, 2).eval()
    module.kept = (k for k in ())
    with pytest.raises(InvalidInputError, match="a module that can be copied"):
        RunningModule.of(module)


def test_there_are_sixty_architectures():
    assert len(CASES) >= 60
