"""Ways to split conditions in two."""

from itertools import product
from math import comb

import numpy as np
import pytest

from relucvx.metrics.samples.dichotomies import count_dichotomies, dichotomies


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_splits_are_listed_once_each(n, balanced):
    rng = np.random.default_rng(0)
    found = dichotomies(n, balanced, 10**6, rng)
    expected = set()
    for sides in product((False, True), repeat=n):
        if not balanced or abs(2 * sum(sides) - n) <= 1:
            expected.add(tuple(s ^ sides[0] for s in sides))
    assert {tuple(row) for row in found.sides.tolist()} == expected
    assert len(found.sides) == len(expected) == found.total == count_dichotomies(n, balanced)
    drawn = dichotomies(n, balanced, 1, rng) if found.total > 1 else found
    assert {tuple(row) for row in drawn.sides.tolist()} <= expected


def test_drawn_splits_are_uniform():
    sides = dichotomies(5, True, 9, np.random.default_rng(0)).sides
    assert not dichotomies(5, True, 9, np.random.default_rng(0)).exhaustive
    rng = np.random.default_rng(1)
    sides = np.concatenate([dichotomies(5, True, 9, rng).sides for _ in range(1000)])
    _, counts = np.unique(sides, axis=0, return_counts=True)
    assert len(counts) == 10
    assert np.abs(counts / 9000 - 0.1).max() < 0.015


def test_counts_of_splits():
    assert [count_dichotomies(n, True) for n in (2, 3, 4, 8)] == [1, 3, 3, comb(8, 4) // 2]
