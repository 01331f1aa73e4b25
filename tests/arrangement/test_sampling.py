"""Sampling: a confirmed subset of the enumeration that never claims completeness."""

import numpy as np
import pytest

from relucvx.arrangement import enumerate_patterns, pattern_of, sample_patterns
from relucvx.errors import InvalidInputError


def as_set(patterns):
    return {tuple(row) for row in patterns.tolist()}


@pytest.mark.parametrize("wanted", [1, 7, 40, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_subset_of_the_enumeration(wanted, seed):
    X = np.random.default_rng(seed).integers(-2, 3, (9, 3)).astype(float)
    every, some = enumerate_patterns(X), sample_patterns(X, wanted, rng=seed)
    assert as_set(some.patterns) <= as_set(every.patterns)
    assert len(as_set(some.patterns)) == len(some) <= wanted
    assert not some.complete
    np.testing.assert_array_equal(pattern_of(some.generators, X), some.patterns)


def test_finds_as_many_as_asked_where_there_are_plenty():
    assert len(sample_patterns(np.random.default_rng(0).standard_normal((200, 10)), 500, rng=0)) == 500


def test_vertex_gates_find_thin_cells():
    X = np.array([[1.0, 0.0, 0.0], [1.0, 1e-7, 0.0], [0.0, 1.0, 0.0], [0.3, 0.2, 1.0]])
    assert len(sample_patterns(X, 100, rng=0)) == len(enumerate_patterns(X))


@pytest.mark.parametrize("X", [np.zeros((3, 2)), [[1.0]], [[2.0, 0.0], [0.0, 0.0], [-1.0, 0.0]]])
def test_degenerate_data(X):
    some, every = sample_patterns(X, 10, rng=0), enumerate_patterns(X)
    assert as_set(some.patterns) == as_set(every.patterns)
    assert not some.complete


def test_same_seed_same_patterns():
    X = np.random.default_rng(0).standard_normal((20, 4))
    np.testing.assert_array_equal(sample_patterns(X, 30, rng=5).patterns, sample_patterns(X, 30, rng=5).patterns)


@pytest.mark.parametrize("bad", [0, -1, 2.5, True, None])
def test_refuses_bad_counts(bad):
    with pytest.raises(InvalidInputError, match="n_patterns to be an int >= 1"):
        sample_patterns(np.eye(2), bad)


def test_refuses_bad_rng():
    with pytest.raises(InvalidInputError, match="rng to be None, an int"):
        sample_patterns(np.eye(2), 3, rng="seed")
