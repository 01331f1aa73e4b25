"""Losses on torch tensors."""

import numpy as np
import pytest
from training.test_objective import RNG, WEIGHT, targets, torch

from relucvx.losses import LOSSES
from relucvx.training import as_torch_loss


@pytest.mark.parametrize("loss", list(LOSSES))
def test_slopes_are_the_program_s(loss):
    Y, F = targets(loss), RNG.standard_normal((7, targets(loss).shape[1]))
    expected = LOSSES[loss].gradient(F, Y, WEIGHT)
    value, slopes = as_torch_loss(LOSSES[loss]).value_and_slopes(
        torch.tensor(F.T), torch.tensor(Y.T), torch.tensor(WEIGHT)
    )
    np.testing.assert_allclose(slopes.numpy().T, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(float(value), LOSSES[loss].value(F, Y, WEIGHT), rtol=1e-13)


def test_logistic_loss_does_not_overflow():
    value = as_torch_loss(LOSSES["logistic"]).value(torch.tensor([[-1e4, 1e4]]), torch.ones(1, 2))
    assert float(value) == 1e4
