"""Results of walks: a matrix of codes where it is asked for, and everything else without it."""

import numpy as np
import pytest

from relucvx.datasets import sawtooth
from relucvx.errors import InvalidInputError
from relucvx.metrics import line_regions


def test_memory_grows_with_what_changes_and_codes_are_refused_before_they_are_made(monkeypatch):
    line = line_regions(sawtooth(9), [0.0], [1.0])
    assert line.n_regions == 512
    assert line.flips.nbytes < 5 * 512 + 8 * 512 + 100
    assert line.flips.dense_bytes == line.codes.nbytes
    again = line_regions(sawtooth(9), [0.0], [1.0])
    monkeypatch.setattr("relucvx.metrics.regions.packing.free_memory", lambda: 1000.0)
    with pytest.raises(InvalidInputError, match=r"512 regions by 18 neurons.*line\.flips\.at"):
        again.codes.any()
    # what needs no matrix is there all the same
    assert again.facts() == line.facts()
    assert again.to_frame().equals(line.to_frame())
    np.testing.assert_array_equal(again.flips.at(np.array([0, 100])), line.codes[[0, 100]])
