"""Best constants, and columns that sum to zero."""

import numpy as np
import pytest
from losses.test_registry import NAMES, data

from relucvx.losses import LOSSES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_best_constant_beats_a_grid(name, seed):
    _, Y, w = data(name, seed)
    b = LOSSES[name].best_constant(Y, w)
    best = LOSSES[name].value(np.tile(b, (len(Y), 1)), Y, w)
    for k in range(Y.shape[1]):
        for step in (-1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0):
            other = b.copy()
            other[k] += step
            assert LOSSES[name].value(np.tile(other, (len(Y), 1)), Y, w) >= best - 1e-12


def test_best_constant_special_cases():
    one, w = np.ones((3, 1)), np.ones(3)
    assert LOSSES["logistic"].best_constant(one, w)[0] == np.inf
    assert LOSSES["logistic"].best_constant(-one, w)[0] == -np.inf
    assert LOSSES["hinge"].best_constant(np.array([[1.0], [-1.0]]), np.ones(2))[0] == 0.0
    assert LOSSES["huber"].best_constant(np.array([[2.0], [2.0]]), np.ones(2))[0] == 2.0
