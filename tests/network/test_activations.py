"""Smooth activations: values against math, derivatives against differences, torch against numpy."""

import math

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.network import SMOOTH, is_exact, resolve_activation
from relucvx.types import ACTIVATIONS

T = np.concatenate([np.linspace(-6, 6, 25) + 0.01, [-50.0, 50.0]])

LITERAL = {
    "tanh": math.tanh,
    "erf": math.erf,
    "sigmoid": lambda t: 1 / (1 + math.exp(-t)),
    "softplus": lambda t: math.log1p(math.exp(-abs(t))) + max(t, 0.0),
    "gelu": lambda t: 0.5 * t * math.erfc(-t / math.sqrt(2)),
    "silu": lambda t: t / (1 + math.exp(-t)),
    "relu_squared": lambda t: t * t if t > 0 else 0.0,
    "threshold": lambda t: 1.0 if t >= 0 else 0.0,
}


def test_every_activation_is_covered():
    assert set(LITERAL) == set(SMOOTH)


@pytest.mark.parametrize("name", list(SMOOTH))
def test_values_and_derivatives(name):
    phi = SMOOTH[name]
    np.testing.assert_allclose(phi(T), [LITERAL[name](t) for t in T], rtol=1e-13, atol=1e-300)
    h = 1e-6
    np.testing.assert_allclose(phi.derivative(T), (phi(T + h) - phi(T - h)) / (2 * h), atol=2e-8)
    assert phi(0).shape == ()


def test_resolution():
    assert resolve_activation("tanh") is resolve_activation(SMOOTH["tanh"]) is SMOOTH["tanh"]
    assert resolve_activation("relu") is resolve_activation((0.0, 1.0)) is ACTIVATIONS["relu"]
    assert is_exact(ACTIVATIONS["abs"])
    assert not is_exact(SMOOTH["gelu"])
    assert not SMOOTH["gelu"].exact
    with pytest.raises(InvalidInputError, match=r"an activation among relu.*threshold, or a pair.*received 'sine'"):
        resolve_activation("sine")
    with pytest.raises(InvalidInputError, match="two finite slopes"):
        resolve_activation((0.0, 0.0))
