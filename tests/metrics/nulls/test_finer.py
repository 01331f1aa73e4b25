"""What orders equal scores: by its definition, only among ties, and with the error rate that it promises."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import relucvx as rx
from relucvx.metrics import permutation_test
from relucvx.metrics.abstraction import ccgp_margin
from relucvx.metrics.decoding import decoding_margin
from relucvx.metrics.neighbours import common_nearness
from relucvx.metrics.nulls.finer import FINER
from relucvx.metrics.nulls.p_values import n_tied, p_values
from relucvx.metrics.probes import probe_margin
from relucvx.metrics.regions.folds.folding import mean_nearness
from relucvx.metrics.samples.machine import Machines
from relucvx.metrics.samples.scaling import unit_spread
from relucvx.metrics.separation import explained_splits

LABELS = np.repeat([0, 1], 8)
SQUARE = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 4, axis=0)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def walk(seed=0):
    steps = np.random.default_rng(seed).integers(8, size=30)
    return np.cumsum(np.vstack([np.zeros((1, 8), int), np.eye(8, dtype=int)[steps]]), axis=0) % 2 == 1


CASES = {
    "ccgp": (normal(16, 3), SQUARE),
    "decoding_dimension": (normal(16, 3), np.repeat(range(4), 4), {"n_folds": 2}),
    "linear_probe": (normal(16, 3), LABELS, {"model": "ridge", "n_folds": 2}),
    "mutual_knn": (normal(16, 3), normal(16, 2, seed=1), {"k": 3}),
    "separability": (normal(12, 2), np.repeat(range(4), 3)),
    "space_folding": (walk(), None),
}


def test_every_finer_number_has_a_case():
    assert set(CASES) == set(FINER)


@pytest.mark.parametrize("metric", FINER)
def test_equal_scores_are_ordered_and_nothing_else_changes(metric):
    Z, other, *options = CASES[metric]
    options = options[0] if options else {}
    found, counted = (
        permutation_test(metric, Z, other, n_permutations=40, rng=2, ties=ties, **options)
        for ties in ("finer", "count")
    )
    assert found.ties == "finer"
    assert counted.finer is None
    assert np.array_equal(found.null_values, counted.null_values)
    null, finer = found.null_values[:, 0], found.null_finer[:, 0]
    tied = np.abs(null - found.observed[0]) <= 1e-12
    assert 0 < tied.sum() < 40
    assert np.array_equal(tied, np.isfinite(finer))
    before = np.count_nonzero(null > found.observed[0] + 1e-12) + np.count_nonzero(
        finer[tied] >= found.finer[0] - 1e-12
    )
    assert found.p_value == (1 + before) / 41 <= counted.p_value
    assert found.randomised_p_value == counted.randomised_p_value
    assert (f"{tied.sum()} of 40 draws equal the score, and are ordered by" in found.note) == (tied.sum() > 2)


def test_the_finer_number_grows_with_what_is_scored():
    """With more signal, by definitions that know nothing of the score."""
    for strength in (0.0, 3.0):
        Z = normal(16, 3) + strength * SQUARE @ np.eye(2, 3)
        margins = ccgp_margin(Z, SQUARE), decoding_margin(Z, SQUARE @ [2, 1]), probe_margin(Z, SQUARE[:, 0])
        explained = explained_splits(Z, SQUARE @ [2, 1])
        if strength == 0.0:
            weak = (*margins, explained)
    assert np.all(np.array([*margins, explained]) > np.array(weak) + 0.1)


def test_several_scores_count_their_ties():
    Z = normal(16, 3)
    parts = permutation_test("ccgp", Z, SQUARE, statistic="per_factor", n_permutations=3, rng=0)
    layers = permutation_test("mutual_knn", [Z], [Z], k=3, n_permutations=3, rng=0)
    assert parts.finer is layers.finer is layers.null_finer is None


def test_margins_are_those_of_the_usual_machine():
    Z, side = normal(20, 3, seed=4), np.tile([True, False], 10)
    Z = unit_spread(Z)
    train = np.arange(20) < 14
    machine = SVC(kernel="linear", class_weight="balanced", tol=1e-10).fit(Z[train], side[train])
    values = machine.decision_function(Z[~train]) * np.where(side[~train], 1.0, -1.0)
    expected = (values[side[~train]].mean() + values[~side[~train]].mean()) / 2.0
    assert Machines(Z, 1.0).margin(side, train, ~train) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_margins_of_a_probe_are_those_of_its_outputs(classes):
    Z, labels = normal(30, 4, seed=5), np.tile(range(classes), 30 // classes)
    test_Z, test_labels = normal(12, 4, seed=6), np.tile(range(classes), 12 // classes)
    spread = Z.std(axis=0)
    model = LogisticRegression(max_iter=5000, tol=1e-6).fit((Z - Z.mean(axis=0)) / spread, labels)
    values = model.decision_function((test_Z - Z.mean(axis=0)) / spread)
    if classes == 2:
        expected = np.mean(np.where(test_labels == 1, values, -values))
    else:
        others = np.array([max(np.delete(row, k)) for row, k in zip(values, test_labels, strict=True)])
        expected = np.mean(values[np.arange(12), test_labels] - others)
    found = probe_margin(Z, labels, test_Z, test_labels)
    assert found == pytest.approx(expected, abs=1e-3)
    assert probe_margin(np.ones((12, 2)), test_labels, n_folds=2) == 0.0


def test_nearness_of_common_neighbours_is_a_sum_over_pairs():
    A, B, k = normal(9, 3), normal(9, 2, seed=1), 3
    total = 0.0
    for i in range(9):
        weights = []
        for Z in (A, B):
            d = np.linalg.norm(Z - Z[i], axis=1)
            d[i] = np.inf
            limit = np.sort(d)[k - 1]
            weights.append(np.where(d <= limit, 2.0 - np.minimum(d, limit) / limit, 0.0))
        total += weights[0] @ weights[1]
    assert common_nearness(A, B, k, normalise=False) == pytest.approx(total / (9 * k), rel=1e-12)
    assert common_nearness([[1.0], [1.0], [1.0]], [[2.0], [2.0], [2.0]], 1) > 0  # all at one place


@pytest.mark.parametrize("bias", [True, False])
def test_explained_splits_are_those_of_least_squares(bias):
    Z, labels = normal(12, 3) + 1.0, np.repeat(range(3), 4)
    shares = []
    for side in ([0, 0, 1], [0, 1, 0], [1, 0, 0]) if bias else ([0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]):
        s = np.where(np.array(side)[labels], 1.0, -1.0)
        X = np.column_stack([Z, np.ones(12)]) if bias else Z
        rest = s - X @ np.linalg.lstsq(X, s, rcond=None)[0]
        whole = np.sum((s - s.mean()) ** 2) if bias else s @ s
        shares.append(1.0 - rest @ rest / whole)
    # of all splits the one with an empty side is explained by the constant alone, and left out
    assert explained_splits(Z, labels, bias=bias) == pytest.approx(np.mean(shares), rel=1e-10)
    assert explained_splits(Z[:2], bias=True) == pytest.approx(1.0)


def test_nearness_to_the_start_is_a_mean_of_distances():
    assert mean_nearness([[0, 0], [1, 0], [1, 1], [1, 0]]) == -1.0
    assert mean_nearness([[0, 0], [1, 0], [1, 1]], symmetric=True) == -1.0
    # of two walks that reach equally far the one that turns back at once stays nearer
    early, late = [[0, 0], [1, 0], [0, 0], [0, 0]], [[0, 0], [0, 0], [1, 0], [1, 0]]
    assert rx.metrics.space_folding(early).r1 == rx.metrics.space_folding(late).r1
    assert mean_nearness(early) > mean_nearness(late)


def test_a_coin_with_a_finer_number_rejects_as_often_as_it_says():
    rng = np.random.default_rng(6)
    for tail, n in (("greater", 20), ("less", 20), ("two-sided", 40)):
        found = []
        for _ in range(3000):
            draws, beside = rng.integers(2, size=(n, 1)).astype(float), rng.standard_normal((n, 1))
            found.append(p_values(draws[0], draws[1:], tail, finer=(beside[0], beside[1:]))[0] <= 0.05 + 1e-9)
        assert abs(np.mean(found) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 3000)


def test_what_ties_in_both_counts_and_what_is_unknown_decides_nothing():
    observed, null = np.array([1.0]), np.array([[1.0], [1.0], [1.0], [1.0], [0.0], [2.0]])
    finer = np.array([5.0]), np.array([[5.0], [6.0], [7.0], [np.nan], [9.0], [1.0]])
    assert n_tied(observed, null, finer)[0] == 2
    assert p_values(observed, null, "greater", finer=finer)[0] == (1 + 1 + 2 + 2) / 7
    assert p_values(observed, null, "less", finer=finer)[0] == (1 + 1 + 2) / 7
    assert p_values(observed, null, "greater", finer=(np.array([np.nan]), finer[1]))[0] == 6 / 7
