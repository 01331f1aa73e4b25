"""The Huber loss."""

import numpy as np
from losses.by_hand import assert_by_hand, assert_outside

from relucvx.losses import LOSSES


def test_huber_constant_on_a_flat_stretch():
    Y, w = np.array([[-10.0], [10.0]]), np.ones(2)
    b = LOSSES["huber"].best_constant(Y, w)
    assert LOSSES["huber"].value(np.tile(b, (2, 1)), Y, w) == 19.0


def test_by_hand():
    """h = r²/2 up to |r| = 1, then |r| - 1/2; -h*(-N) = N y - N²/2 for |N| <= 1."""
    loss = LOSSES["huber"]
    assert_by_hand(
        loss,
        [(3.0, 1.0, 1.5, 1.0), (0.5, 0.0, 0.125, 0.5), (-4.0, 1.0, 4.5, -1.0)],
        [(0.5, 3.0, 1.375), (1.0, 3.0, 2.5), (-1.0, 3.0, -3.5)],
    )
    assert_outside(loss, (1.5, 0.0), (-1.001, 5.0))
