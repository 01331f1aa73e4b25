"""Decoding of splits from held-out trials: closed cases, a literal loop, deterministic folds, invariances, refusals."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import decoding_dimension, separability


def trials(means, n, noise, rng):
    """n noisy trials of each condition, interleaved."""
    P = len(means)
    labels = np.tile(np.arange(P), n)
    return means[labels] + noise * rng.standard_normal((P * n, means.shape[1])), labels


SQUARE = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])


def test_one_neuron_per_condition_decodes_every_split():
    Z, labels = trials(np.eye(4), 6, 0.05, np.random.default_rng(0))
    found = decoding_dimension(Z, labels)
    assert found.mean_accuracy == 1.0
    assert found.share_decodable == 1.0
    assert found.n_total == len(found.accuracies) == len(found.sides) == 3
    assert np.isnan(found.dimension)
    every = decoding_dimension(Z, labels, balanced=False)
    assert every.n_total == 7
    assert every.dimension == pytest.approx(4.0)  # all 2^4 splits


def test_two_abstract_variables_decode_all_but_the_exclusive_or():
    Z, labels = trials(SQUARE, 10, 0.1, np.random.default_rng(1))
    found = decoding_dimension(Z, labels)
    accuracy = {tuple(side): a for side, a in zip(found.sides.tolist(), found.accuracies, strict=True)}
    assert accuracy[False, False, True, True] == 1.0
    assert accuracy[False, True, False, True] == 1.0
    assert accuracy[False, True, True, False] <= 0.75
    every = decoding_dimension(Z, labels, balanced=False, threshold=0.8)
    assert every.share_decodable == pytest.approx(6 / 7)
    assert every.dimension == pytest.approx(np.log2(14))


def test_noise_alone_is_at_chance_although_it_is_separable():
    """Why the two are named apart: 40 random points in 50 dimensions are separable in every way, and say nothing."""
    rng = np.random.default_rng(2)
    Z, labels = rng.standard_normal((40, 50)), np.tile(np.arange(4), 10)
    assert separability(Z, labels).share == 1.0
    found = decoding_dimension(Z, labels)
    assert 0.3 < found.mean_accuracy < 0.7
    assert found.share_decodable == 0.0
    assert decoding_dimension(Z, labels, balanced=False).dimension == pytest.approx(1.0)  # the trivial splits


def literal(Z, labels, folds, C):
    """Loops over splits and folds, scikit-learn called plainly."""
    from sklearn.svm import SVC

    Z = Z - Z.mean(axis=0)
    Z = Z / np.sqrt(np.mean(np.sum(Z**2, axis=1)))
    out = []
    for group in ((1, 2), (1, 3), (2, 3)):
        y = np.isin(labels, group)
        scores = []
        for f in sorted(set(folds)):
            train, test = folds != f, folds == f
            model = SVC(kernel="linear", C=C, class_weight="balanced", tol=1e-9).fit(Z[train], y[train])
            right = model.predict(Z[test]) == y[test]
            scores.append((right[y[test]].mean() + right[~y[test]].mean()) / 2)
        out.append(np.mean(scores))
    return out


@pytest.mark.parametrize("n_folds", [2, 5])
def test_equals_the_literal_loop(n_folds):
    rng = np.random.default_rng(3)
    Z, labels = trials(rng.standard_normal((4, 3)), 7, 0.8, rng)
    folds = np.repeat(np.arange(7), 4) % n_folds  # the k-th trial of every condition is in fold k mod n_folds
    expected = literal(Z, labels, folds, 0.5)
    assert 0.5 < np.mean(expected) < 1.0
    np.testing.assert_allclose(decoding_dimension(Z, labels, n_folds=n_folds, C=0.5).accuracies, expected)
    np.testing.assert_allclose(decoding_dimension(Z, labels, folds=folds, C=0.5).accuracies, expected)


def test_invariances_and_their_limits():
    rng = np.random.default_rng(4)
    Z, labels = trials(rng.standard_normal((4, 4)), 6, 0.9, rng)
    folds = np.repeat(list("uvwxyz"), 4)
    base = decoding_dimension(Z, labels, folds=folds)
    Q, order = np.linalg.qr(rng.standard_normal((4, 4)))[0], rng.permutation(24)
    for other in (Z @ Q + 3.0, 1e-6 * Z, 1e6 * Z, Z[:, ::-1]):
        np.testing.assert_allclose(decoding_dimension(other, labels, folds=folds).accuracies, base.accuracies)
    shuffled = decoding_dimension(Z[order], labels[order], folds=folds[order])
    np.testing.assert_allclose(shuffled.accuracies, base.accuracies)
    named = decoding_dimension(Z, [f"condition {c}" for c in labels], folds=folds)
    np.testing.assert_allclose(named.accuracies, base.accuracies)
    np.testing.assert_allclose(decoding_dimension(Z, labels, n_folds=6).accuracies, base.accuracies)  # the same
    stretched = decoding_dimension(Z * [30.0, 1.0, 0.03, 1.0], labels, folds=folds)
    assert np.abs(stretched.accuracies - base.accuracies).max() > 0.01


def test_drawn_splits():
    Z, labels = trials(np.eye(7), 2, 0.1, np.random.default_rng(5))
    found = decoding_dimension(Z, labels, n_dichotomies=4, rng=0)
    assert not found.exhaustive
    assert found.n_total == 35
    assert len(found.accuracies) == 4
    again = decoding_dimension(Z, labels, n_dichotomies=4, rng=0)
    np.testing.assert_array_equal(found.sides, again.sides)
    assert found.to_dict()["conditions"] == list(range(7))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"conditions": [0, 0, 0, 0]}, "at least two conditions to split; received 1"),
        ({"conditions": [0, 0, 0, 1]}, "at least two trials of each condition.*received 1 of condition 1.*averages"),
        ({"conditions": [0, 1]}, "conditions of length 4"),
        ({"folds": [0, 0, 0, 0]}, "every condition in each of two or more folds; received a single fold"),
        ({"folds": ["a", "b", "a", "a"]}, "received no trial of condition 1 in fold 'b'"),
        ({"folds": [0, 1]}, "folds of length 4"),
        ({"n_folds": 1}, "n_folds to be an int >= 2; received 1"),
        ({"n_dichotomies": 0}, "n_dichotomies to be an int >= 1"),
        ({"threshold": 0.5}, r"threshold above 0.5 \(chance\) and at most 1; received 0.5"),
        ({"threshold": "high"}, "threshold above 0.5"),
        ({"C": 0.0}, "C to be a finite number > 0"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        decoding_dimension(**{"Z": np.eye(4), "conditions": [0, 0, 1, 1], **kwargs})
