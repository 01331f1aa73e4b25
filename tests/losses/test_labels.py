"""Losses of labels -1 and +1."""

import numpy as np
import pytest
from losses.by_hand import assert_by_hand, assert_outside
from losses.test_registry import LABELS

from relucvx.errors import InvalidInputError
from relucvx.losses import LOSSES


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0.0, 1.0], r"0 at row 0.*coded as 0 and 1.*y = 2\*y - 1"),
        ([1.0, 2.0], r"coded as 1 and 2.*numpy.where\(y == 2, 1, -1\)"),
        ([0.0, 1.0, 2.0], r"class numbers.*one column of ±1 labels per class"),
        ([0.3, 1.0, 2.5], r"regression targets.*squared"),
    ],
)
@pytest.mark.parametrize("name", LABELS)
def test_wrong_labels_are_explained(name, labels, message):
    with pytest.raises(InvalidInputError, match=message):
        LOSSES[name].check_targets(np.array(labels)[:, None])
    assert LOSSES["squared"].check_targets(np.array(labels)[:, None]) is None


def test_the_helpers_by_hand_can_fail():
    loss = LOSSES["hinge"]
    assert_by_hand(loss, [(0.5, 1.0, 0.5, -1.0)], [])
    for wrong in ((0.5, 1.0, 0.6, -1.0), (0.5, 1.0, 0.5, 1.0)):
        with pytest.raises(AssertionError):
            assert_by_hand(loss, [wrong], [])
    for wrong in ((0.25, 1.0, 0.3), (2.0, 1.0, 2.0)):
        with pytest.raises(AssertionError):
            assert_by_hand(loss, [], [wrong])
    with pytest.raises(AssertionError):
        assert_outside(loss, (0.5, 1.0))
