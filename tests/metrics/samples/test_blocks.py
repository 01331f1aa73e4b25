"""Sums and order statistics over pairs, a block of rows at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.metrics.samples import blocks


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.data())
@settings(max_examples=60, deadline=None)
def test_order_statistics_in_passes_equal_sorting(values, data):
    values = np.array(values) / 3.0
    rank = data.draw(st.integers(0, len(values) - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 4)
        found = blocks.order_statistic(lambda: iter(np.array_split(values, 3)), rank, 5.0)
    assert found == pytest.approx(np.sort(values)[rank], rel=1e-12, abs=1e-28)


def test_order_statistics_of_many_different_values():
    values = np.random.default_rng(6).random(5000) ** 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 20)
        for rank in (0, 1, 2500, 4999):
            found = blocks.order_statistic(lambda: iter(np.array_split(values, 7)), rank, 2.0)
            assert found == np.sort(values)[rank]


@pytest.mark.parametrize("p", [3, 40])
def test_overlaps_of_all_pairs(p, monkeypatch):
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((n, p)) for n in (5, 1, 12)]
    expected = [[np.sum((A @ B.T) ** 2) for B in parts] for A in parts]
    np.testing.assert_allclose(blocks.overlaps(parts), expected, rtol=1e-12)
    monkeypatch.setattr(blocks, "BLOCK", 10)
    np.testing.assert_allclose(blocks.overlaps(parts), expected, rtol=1e-12)
