"""The absolute loss."""

from losses.by_hand import assert_by_hand, assert_outside

from relucvx.losses import EXACT_PENALTY


def test_by_hand():
    """h = |f - y|, -h*(-N) = N y for |N| <= 1."""
    loss = EXACT_PENALTY
    assert_by_hand(loss, [(3.0, 1.0, 2.0, 1.0), (-1.0, 1.0, 2.0, -1.0)], [(0.5, 3.0, 1.5), (-1.0, 3.0, -3.0)])
    assert_outside(loss, (1.5, 0.0), (-1.001, 5.0))
