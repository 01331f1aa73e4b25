"""Smooth activations of torch tensors."""

import numpy as np
import pytest
from network.test_activations import T

from relucvx.network import SMOOTH


@pytest.mark.parametrize("name", list(SMOOTH))
def test_torch_agrees(name):
    torch = pytest.importorskip("torch")
    phi = SMOOTH[name]
    t = torch.tensor(T, requires_grad=True)
    value = phi.torch(t)
    np.testing.assert_allclose(value.detach().numpy(), phi(T), rtol=1e-12, atol=1e-15)
    (slope,) = torch.autograd.grad(value.sum(), t)
    expected = (np.abs(T) <= 1).astype(float) if name == "threshold" else phi.derivative(T)
    np.testing.assert_allclose(slope.numpy(), expected, rtol=1e-11, atol=1e-15)
