"""Walks kept as what changes, against the matrices of their codes."""

import numpy as np
import pytest

from relucvx.metrics.regions.folds.folding import flip_folding, walk_folding
from relucvx.metrics.regions.segments.flips import Flips


def codes_of(dtype, shape, seed=0):
    """Codes of which some stay as they are, and some change in one entry."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(-3, 4, shape).astype(dtype)
    codes[5:8] = codes[5:6]
    codes[9:20, 1:] = codes[9:10, 1:]
    return codes


CODES = [
    codes_of(bool, (50, 7)),
    codes_of(np.int8, (60, 9)),
    codes_of(np.int64, (40, 5)) * 2**40,
    codes_of(np.int16, (1, 4)),
    codes_of(bool, (3, 0)),
    codes_of(bool, (5, 1)),
]


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: f"{codes.shape} {codes.dtype}")
def test_everything_asked_of_a_walk_is_that_of_its_matrix(codes):
    walk = Flips.of(codes)
    assert walk.dense().dtype == codes.dtype
    np.testing.assert_array_equal(walk.dense(), codes)
    np.testing.assert_array_equal(walk.last, codes[-1])
    np.testing.assert_array_equal(walk.backwards().dense(), codes[::-1])
    np.testing.assert_array_equal(walk.away(), (codes != codes[0]).sum(axis=1))
    np.testing.assert_array_equal(walk.active(), (codes > 0).sum(axis=1))
    np.testing.assert_array_equal(walk.lengths, (codes[1:] != codes[:-1]).sum(axis=1))
    stops = np.sort(np.random.default_rng(1).integers(0, len(codes), 30))
    np.testing.assert_array_equal(walk.at(stops), codes[stops])
    half = len(codes) // 2
    np.testing.assert_array_equal(walk.behind(half).dense(), codes[half:])
    for symmetric in (False, True):
        ours, plain = flip_folding(walk, symmetric), walk_folding(codes, symmetric)
        assert (ours.r1, ours.r2) == (plain.r1, plain.r2)
        assert ours.chi == plain.chi or np.isnan([ours.chi, plain.chi]).all()


@pytest.mark.parametrize("codes", CODES, ids=lambda codes: f"{codes.shape} {codes.dtype}")
def test_walks_one_behind_the_other(codes):
    walk = Flips.of(codes)
    joined, both = Flips.joined([walk, walk, walk.backwards()]), np.vstack([codes, codes, codes[::-1]])
    np.testing.assert_array_equal(joined.dense(), both)
    kept = np.concatenate([[True], (both[1:] != both[:-1]).any(axis=1)])
    fewer, where = joined.distinct()
    np.testing.assert_array_equal(where, np.flatnonzero(kept))
    np.testing.assert_array_equal(fewer.dense(), both[kept])
