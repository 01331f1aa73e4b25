"""Fewer atoms for the same sum."""

import numpy as np

from relucvx.network import TwoLayerReLU, prune
from relucvx.network import caratheodory as caratheodory_module


def test_prune_keeps_exact_outputs_when_elimination_fails(monkeypatch):
    # A wrong elimination must be noticed by its change of the outputs and dropped.
    monkeypatch.setattr(caratheodory_module, "_eliminate", lambda weights, rates, null: np.zeros_like(weights))
    net = TwoLayerReLU([[1.0], [2.0]], [[1.0], [1.0]])
    out = prune(net, np.ones((1, 1)))
    np.testing.assert_allclose(out.predict([[1.0]]), [[3.0]])


def test_refit_keeps_the_coefficients_when_solving_anew_breaks_a_constraint():
    moved = np.array([1.0, 1.0])
    negative = caratheodory_module._refit(np.eye(2), moved, np.ones(2), np.array([1.0, -1.0]))
    dearer = caratheodory_module._refit(np.eye(2), moved, np.ones(2), np.array([1.0, 2.0]))
    np.testing.assert_array_equal([negative, dearer], [moved, moved])
