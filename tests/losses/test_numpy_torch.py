"""Formulas of arrays on torch tensors: values, slopes, shapes and precision."""

import numpy as np
import pytest
import torch

from relucvx.losses import LOSSES
from relucvx.losses.numpy_torch import numpy_entries, numpy_slopes


@pytest.mark.parametrize("name", ["squared", "logistic", "huber"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_entries_and_their_derivatives_are_those_of_the_arrays(name, dtype):
    loss, rng = LOSSES[name], np.random.default_rng(0)
    fit, target = (
        rng.normal(size=(2, 3, 5)),
        rng.choice([-1.0, 1.0], (3, 5)),
    )  # two networks, three outputs, five samples
    F, Y = torch.tensor(fit, dtype=dtype, requires_grad=True), torch.tensor(target, dtype=dtype)
    values = numpy_entries(loss, F, Y)
    assert (values.shape, values.dtype) == (F.shape, dtype)
    close = {"rtol": 1e-12 if dtype is torch.float64 else 1e-5, "atol": 1e-7 if dtype is torch.float32 else 1e-14}
    for k in range(2):
        np.testing.assert_allclose(values[k].detach().numpy(), loss._entries(fit[k].T, target.T).T, **close)
    (3.0 * values).sum().backward()
    np.testing.assert_allclose(F.grad.numpy(), 3.0 * numpy_slopes(loss, F, Y).numpy(), **close)
    for k in range(2):
        np.testing.assert_allclose(numpy_slopes(loss, F, Y)[k].numpy(), loss._slopes(fit[k].T, target.T).T, **close)
