"""Columns brought to one size."""

import numpy as np
import pytest

from relucvx.arrangement import enumerate_patterns, sample_patterns
from relucvx.arrangement.equilibrium import column_exponents, missing_width


@pytest.mark.parametrize("r", [3e4, 1e5, 1e6, 1e9])
def test_columns_of_very_different_size(r):
    X = np.random.default_rng(0).standard_normal((12, 2)) * [r, 1 / r]
    arr = enumerate_patterns(X)
    assert len(arr) == 24
    assert arr.complete
    assert (arr.patterns == (X @ arr.generators.T >= 0).T).all()
    sample = sample_patterns(X, 24, rng=0)
    assert len(sample) == 24
    assert (sample.patterns == (X @ sample.generators.T >= 0).T).all()
    assert not sample.complete


def test_columns_are_left_alone_unless_sizes_differ():
    X = np.random.default_rng(0).standard_normal((12, 3))
    assert not column_exponents(X).any()
    assert not column_exponents(np.zeros((2, 3))).any()
    assert np.ptp(column_exponents(X * [1.0, 2.0**40, 1.0])) >= 36
    assert missing_width(enumerate_patterns(np.zeros((2, 3)))) == 0.0
    # three walls through one line: nothing is missing, but the count does not say so
    line = np.array([[1.0, 0, 0], [0, 1.0, 0], [1.0, 1.0, 0], [1.0, 2.0, 1.0]])
    assert missing_width(enumerate_patterns(line)) == pytest.approx(2 * 4 * 1e-11)
    assert missing_width(enumerate_patterns(line * [2.0**40, 2.0**40, 1.0])) > 1.0
