"""What kinks change, put together, against codes that are refined row by row."""

import itertools

import numpy as np

from relucvx.metrics.regions.segments import _line_kernels as kernels
from relucvx.metrics.regions.segments.changes import Changes, walks

RNG = np.random.default_rng(0)


def refined(first):
    """Curves with rows inserted, never behind their last: where they begin, and the old row of every row."""
    parent = np.concatenate(
        [
            np.repeat(np.arange(a, b), np.concatenate([RNG.integers(1, 4, b - a - 1), [1]]))
            for a, b in itertools.pairwise(first)
        ]
    )
    return np.searchsorted(parent, first), parent


def test_walks_are_the_rows_of_all_codes_that_differ():
    first, found, parents, dense = np.array([0, 6, 13, 20]), [], [], []
    for width, dtype, wanted in ((4, bool, slice(None)), (3, np.int8, np.array([0, 2])), (5, bool, None)):
        first, parent = refined(first)
        codes = RNG.integers(0, 2, (len(parent), width)).astype(dtype)
        changes = Changes.of(codes, first)
        found.append(None if wanted is None else changes.of_columns(wanted))
        dense = [d[parent] for d in dense] + ([] if wanted is None else [codes[:, wanted]])
        parents.append(parent)
    t = RNG.random(len(parents[-1]))
    whole, seen = np.hstack(dense), 0
    for (at, flips), a, b in zip(walks(found, parents, first, t, np.int8), first[:-1], first[1:], strict=True):
        rows = whole[a : b - 1]
        kept = np.flatnonzero(np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)]))
        np.testing.assert_array_equal(flips.dense(), rows[kept])
        np.testing.assert_array_equal(at, t[a + kept[1:]])
        seen += len(kept)
    assert seen > 20


def test_changes_by_sign_are_those_of_the_codes_on_intervals():
    """Among values that are often zero, so that neurons touch, stay and cross at rows."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        P, first = rng.integers(-2, 3, (9, 6)).astype(float), np.array([0, 4, 9])
        counts, errors = np.zeros(9, np.int64), np.full((2, 6), 1e-15)
        total = kernels.count_crossings(P, 6, first, counts)
        segment, share, slack, start, neurons = kernels.find_crossings(P, 6, first, counts, errors, total)
        t, begin = np.concatenate([np.linspace(0, 1, 4), np.linspace(0, 1, 5)]), np.empty((2, 6), bool)
        _, _, behind, parent = kernels.place(first, t, np.zeros(9), segment, share, slack)
        codes = np.empty((len(parent), 6), bool)
        kernels.code(P, 6, first, segment, start, neurons, codes)
        wanted = Changes.of(codes, behind)
        row, column = kernels.flips(P, 6, first, segment, start, neurons, begin)
        np.testing.assert_array_equal(begin, wanted.first)
        np.testing.assert_array_equal(row, wanted.row)
        np.testing.assert_array_equal(column, wanted.column)
