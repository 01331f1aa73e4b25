"""The squared hinge."""

from losses.by_hand import assert_by_hand, assert_outside

from relucvx.losses import LOSSES


def test_by_hand():
    """h = max(0, 1 - y f)², -h*(-N) = t - t²/4 with t = y N >= 0."""
    loss = LOSSES["squared_hinge"]
    assert_by_hand(
        loss,
        [(0.5, 1.0, 0.25, -1.0), (2.0, 1.0, 0.0, 0.0), (0.5, -1.0, 2.25, 3.0)],
        [(1.0, 1.0, 0.75), (2.0, 1.0, 1.0), (-4.0, -1.0, 0.0)],
    )
    assert_outside(loss, (-0.1, 1.0), (0.1, -1.0))
