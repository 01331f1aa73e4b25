"""Folds: dealt in turn, every condition in each."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics.samples.folds import as_folds
from relucvx.metrics.samples.groups import as_groups


def test_trials_are_dealt_in_turn_within_each_condition():
    groups = as_groups(list("abababbb"), 8)
    assert as_folds(groups, None, 5).tolist() == [0, 0, 1, 1, 2, 2, 0, 1]  # the rarest has three
    given = as_folds(groups, list("xxyyxxyy"), 5)
    assert given.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_folds_that_lack_a_condition_are_refused():
    groups = as_groups(list("abab"), 4)
    with pytest.raises(InvalidInputError, match="no trial of condition 'b' in fold 1"):
        as_folds(groups, [0, 0, 1, 0], 2)
    with pytest.raises(InvalidInputError, match="at least two trials of each condition"):
        as_folds(as_groups([0, 1, 1], 3), None, 2)
    assert np.unique(as_folds(groups, None, 2)).tolist() == [0, 1]
