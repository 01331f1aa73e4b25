"""Every closed form tried on one problem."""

import itertools

import numpy as np
import pytest
from kernel.test_whitened_forms import literal

import relucvx as rx
from relucvx.datasets import class_labels, factorial
from relucvx.kernel import (
    predict,
)


def test_predict_tries_everything():
    D = class_labels((2, 2))
    found = {p.name: p for p in predict(D.X, D.Y, 0.1)}
    assert [name for name, p in found.items() if p.applicable] == ["one-hot", "svd"]
    assert np.allclose(found["svd"].kernel, found["one-hot"].kernel)
    linear = [p.name for p in predict(D.X, D.Y, 0.1, activation="linear") if p.applicable]
    assert linear == ["deep linear, 2 layers"]
    for activation, bias in itertools.product(("tanh", "leaky_relu", np.tanh), ("none",)):
        assert not any(p.applicable for p in predict(D.X, D.Y, 0.1, activation=activation, bias=bias))
    for bias in ("all", "free"):
        assert not any(p.applicable for p in predict(D.X, D.Y, 0.1, bias=bias))
    scalar = [p.name for p in predict(D.X, D.Y[:, 0] - 0.5, 0.1) if p.applicable]
    assert scalar == ["scalar"]


def test_predict_with_a_hidden_bias_adds_a_common_mode():
    D = factorial(2)
    (found,) = [p for p in predict(D.X, D.Y, 0.2, bias="hidden") if p.applicable]
    assert found.unique
    assert found.network.bias_in is not None
    assert literal(found.network, D.X, D.Y, 0.2) == pytest.approx(found.objective, abs=1e-10)
    proof = rx.certify(found.network, D.X, D.Y, 0.2, bias="hidden", tol=1e-8, time_limit=10)
    assert proof.rel_gap <= 1e-8
    (without,) = [p for p in predict(D.X, D.Y, 0.2) if p.applicable]
    assert without.unique is False
