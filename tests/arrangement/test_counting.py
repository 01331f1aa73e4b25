"""Cover's count against literal sums, and its refusals."""

from math import comb

import pytest

from relucvx.arrangement import count_patterns
from relucvx.arrangement.counting import count_up_to
from relucvx.errors import InvalidInputError


@pytest.mark.parametrize(("n", "rank", "count"), [(5, 2, 10), (6, 3, 32), (7, 3, 44), (6, 4, 52), (100, 3, 9902)])
def test_known_counts(n, rank, count):
    assert count_patterns(n, rank) == count


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("rank", range(1, 11))
def test_formula_and_ceiling(n, rank):
    assert count_patterns(n, rank) == min(2**n, 2 * sum(comb(n - 1, k) for k in range(rank)))


def test_nothing_to_cut():
    assert count_patterns(0, 3) == count_patterns(7, 0) == 1


def test_exact_beyond_float():
    assert count_patterns(300, 400) == 2**300
    assert count_patterns(10**6, 5) == 2 * sum(comb(10**6 - 1, k) for k in range(5))


@pytest.mark.parametrize(("n", "rank"), [(6, 3), (3, 6), (0, 2), (4, 0), (200, 4)])
def test_capped_count_is_exact_below_the_cap(n, rank):
    assert count_up_to(n, rank, 10**18) == count_patterns(n, rank)


def test_capped_count_stops_above_the_cap():
    assert 1000 < count_up_to(10**6, 10**5, 1000) < 10**10


@pytest.mark.parametrize("bad", [-1, 2.0, True, "3", None])
def test_refuses_what_is_not_a_count(bad):
    with pytest.raises(InvalidInputError, match="n_samples to be an int >= 0"):
        count_patterns(bad, 2)
    with pytest.raises(InvalidInputError, match="rank to be an int >= 0"):
        count_patterns(2, bad)
