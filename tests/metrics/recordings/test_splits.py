"""Scores of one split: literal loops over pairs and pairings, and what parallelism is where it is known."""

from itertools import permutations

import numpy as np
import pytest

from relucvx.metrics.abstraction import held_out_accuracy
from relucvx.metrics.recordings.splits import decoding, generalisation, parallelism

SIDE = np.array([False, True, False, True, True, False])


def test_parallelism_is_the_best_pairing_literally():
    means = np.random.default_rng(0).standard_normal((6, 4))
    on, off = means[SIDE], means[~SIDE]

    def mean_cosine(order):
        units = [(a - b) / np.linalg.norm(a - b) for a, b in zip(on, off[list(order)], strict=True)]
        return np.mean([units[i] @ units[j] for i in range(3) for j in range(i)])

    assert parallelism(means, SIDE) == pytest.approx(max(map(mean_cosine, permutations(range(3)))))
    assert parallelism(means, ~SIDE) == pytest.approx(parallelism(means, SIDE))


def test_parallelism_where_it_is_known():
    square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    assert parallelism(square, np.array([False, False, True, True])) == pytest.approx(1.0)
    assert parallelism(square, np.array([False, True, True, False])) == pytest.approx(-1.0)
    assert np.isnan(parallelism(square, np.array([False, True, True, True])))
    assert np.isnan(parallelism(np.ones((4, 2)), np.array([False, False, True, True])))
    odd = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1], [5, 7]])
    assert parallelism(odd, np.array([False, False, True, True, True])) == pytest.approx(1.0)


def test_generalisation_leaves_out_every_pair():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(6), 4)
    Z = rng.standard_normal((6, 3))[codes] + 0.5 * rng.standard_normal((24, 3))
    trials, found = SIDE[codes], []
    for one in np.flatnonzero(SIDE):
        for other in np.flatnonzero(~SIDE):
            test = np.isin(codes, (one, other))
            found.append(held_out_accuracy(Z, trials, ~test, test, 1.0))
    assert len(found) == 9
    assert generalisation(Z, codes, SIDE, 1.0) == pytest.approx(np.mean(found))
    assert np.isnan(generalisation(Z, codes, np.arange(6) == 2, 1.0))


def test_decoding_holds_folds_out():
    codes, fold = np.repeat(np.arange(4), 4), np.tile([0, 1], 8)
    Z = np.eye(4)[codes]
    side = np.array([False, True, True, False])
    assert decoding(Z, codes, side, fold, 1.0) == 1.0
    Z[fold == 0] *= -1.0  # each fold says the opposite of the other
    assert decoding(Z, codes, side, fold, 1.0) < 0.5
