"""Scores of one split: literal loops over pairs and pairings, and what parallelism is where it is known."""

from itertools import permutations

import numpy as np
import pytest

from relucvx.metrics.decoding import decoded
from relucvx.metrics.recordings.splits import generalisation, parallelism
from relucvx.metrics.samples.dichotomies import dichotomies
from relucvx.metrics.samples.machine import Machines

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
    sides = np.vstack([dichotomies(6, True, 10, rng).sides, np.arange(6) == 2])
    expected = [[literal(Z, side[codes], codes, pair) for pair in pairs(side)] for side in sides[:-1]]
    assert [len(found) for found in expected] == [9] * 10
    found = generalisation(Machines(Z, 1.0), codes, sides)
    np.testing.assert_allclose(found[:-1], np.mean(expected, axis=1), atol=1e-12)
    assert np.isnan(found[-1])
    # each by itself, and with its sides exchanged: what is shared among splits changes nothing
    for side, value in zip(sides[:-1], found, strict=False):
        np.testing.assert_allclose(generalisation(Machines(Z, 1.0), codes, side[None]), value, atol=1e-12)
        np.testing.assert_allclose(generalisation(Machines(Z, 1.0), codes, ~side[None]), value, atol=1e-12)


def pairs(side):
    """A condition of each side, in all ways."""
    return [(one, other) for one in np.flatnonzero(side) for other in np.flatnonzero(~side)]


def literal(Z, up, codes, pair):
    """The direction of scikit-learn, trained without the pair, and the middle of the offsets of least loss."""
    from sklearn.svm import SVC

    test = np.isin(codes, pair)
    w = SVC(kernel="linear", class_weight="balanced", tol=1e-9).fit(Z[~test], up[~test]).coef_[0]
    offsets = np.where(up, 1.0, -1.0)[~test] - Z[~test] @ w
    weight, t = np.where(up[~test], 1.0 / up[~test].sum(), 1.0 / (~up[~test]).sum()), np.where(up[~test], 1.0, -1.0)
    loss = np.array([weight @ np.maximum(0.0, 1.0 - t * (Z[~test] @ w + b)) for b in offsets])
    best = offsets[loss <= loss.min() + 1e-5]
    right = (Z[test] @ w + (best.min() + best.max()) / 2.0 > 0) == up[test]
    return (right[up[test]].mean() + right[~up[test]].mean()) / 2


def test_a_pair_left_out_of_eight_conditions_trains_half_the_machines(monkeypatch):
    asked, accuracy = [], Machines.accuracy
    monkeypatch.setattr(Machines, "accuracy", lambda *given: asked.append(1) or accuracy(*given))
    codes = np.repeat(np.arange(8), 2)
    Z = np.random.default_rng(0).standard_normal((16, 3))
    generalisation(Machines(Z, 1.0), codes, dichotomies(8, True, 35, np.random.default_rng(0)).sides)
    assert len(asked) == 35 * 16 // 2


def test_decoding_holds_folds_out():
    codes, fold = np.repeat(np.arange(4), 4), np.tile([0, 1], 8)
    Z = np.eye(4)[codes]
    side = np.array([[False, True, True, False]])
    assert decoded(Machines(Z, 1.0), codes, side, fold) == [1.0]
    Z[fold == 0] *= -1.0  # each fold says the opposite of the other
    assert decoded(Machines(Z, 1.0), codes, side, fold) < 0.5
