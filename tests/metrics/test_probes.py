"""Linear probes: separable and hopeless data, sklearn as oracle, folds, invariances and their limits, refusals."""

import json
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.preprocessing import StandardScaler

from relucvx.errors import InvalidInputError
from relucvx.metrics import linear_probe
from relucvx.metrics.probes import MODELS, _folds
from relucvx.metrics.samples.groups import as_groups


def draw(seed, n=120, p=5, C=3, apart=1.0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(C).repeat(6), rng.integers(0, C, n - 6 * C)])
    return rng.standard_normal((n, p)) + apart * rng.standard_normal((C, p))[labels], labels, rng


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("C", [2, 3])
@pytest.mark.parametrize("strength", [0.001, 0.5])
def test_equals_scaler_and_classifier_of_sklearn_fold_by_fold(model, C, strength):
    Z, labels, _ = draw(C, C=C)
    fold = _folds(as_groups(labels, len(Z)), 4)
    expected = []
    for f in range(4):
        scaler = StandardScaler().fit(Z[fold != f])
        classifier = (
            RidgeClassifier(alpha=1 / strength)
            if model == "ridge"
            else LogisticRegression(C=strength, max_iter=5000, tol=1e-6)
        )
        classifier.fit(scaler.transform(Z[fold != f]), labels[fold != f])
        expected.append(np.mean(classifier.predict(scaler.transform(Z[fold == f])) == labels[fold == f]))
    found = linear_probe(Z, labels, model=model, n_folds=4, C=strength)
    np.testing.assert_allclose(found.per_fold, expected, atol=1e-12)
    sizes = np.bincount(fold)
    assert found.accuracy == pytest.approx(np.dot(expected, sizes) / sizes.sum())
    assert found.converged
    assert 0.4 < found.accuracy < 1.0


def test_folds_are_stratified_and_of_even_size():
    labels = ["a"] * 7 + ["b"] * 6 + ["c"] * 8 + ["a"] * 3
    fold = _folds(as_groups(labels, 24), 5)
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 1
    for name in "abc":
        counts = np.bincount(fold[np.array(labels) == name], minlength=5)
        assert counts.max() - counts.min() <= 1
        assert counts.min() >= 1


@pytest.mark.parametrize("model", MODELS)
def test_separable_labels_score_one_and_unrelated_ones_chance(model):
    Z, labels, rng = draw(0, n=400, apart=20.0)
    found = linear_probe(Z, labels, model=model)
    assert found.accuracy == found.balanced == 1.0
    assert found.per_class == {0: 1.0, 1: 1.0, 2: 1.0}
    assert linear_probe(Z, labels, Z[:9], labels[:9], model=model).per_fold.shape == (1,)
    mixed = linear_probe(Z, rng.permutation(labels), model=model)
    assert abs(mixed.accuracy - 1 / 3) < 0.12
    assert mixed.chance == pytest.approx(np.bincount(labels).max() / 400)


@pytest.mark.parametrize("model", MODELS)
def test_a_line_does_not_read_xor(model):
    X = np.repeat([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 10, axis=0)
    y = X[:, 0] != X[:, 1]
    assert linear_probe(X, y, model=model).accuracy <= 0.5
    assert linear_probe(np.column_stack([X, X[:, 0] * X[:, 1]]), y, model=model).accuracy == 1.0


@pytest.mark.parametrize("model", MODELS)
def test_invariances_and_their_limits(model):
    Z, labels, rng = draw(1, n=150)
    T, truth = Z[100:], labels[100:]
    Z, labels = Z[:100], labels[:100]
    base = linear_probe(Z, labels, T, truth, model=model)
    order = rng.permutation(100)
    gain, shift = np.array([1e-9, -2.0, 3.0, 1e9, 1.0]), np.array([1e-9, 5.0, -3.0, 1e9, 0.0])
    same = [
        (Z * gain + shift, labels, T * gain + shift, truth),
        (Z[:, ::-1], labels, T[:, ::-1], truth),
        (Z[order], labels[order], T, truth),
        (Z, labels, T[::-1], truth[::-1]),
        (np.hstack([Z, np.full((100, 1), 0.1)]), labels, np.hstack([T, np.full((50, 1), 7.0)]), truth),
    ]
    for args in same:
        assert linear_probe(*args, model=model).accuracy == base.accuracy
    names = np.array(["x", "y", "z"])
    renamed = linear_probe(Z, names[labels], T, list(names[truth]), model=model)
    assert renamed.accuracy == base.accuracy
    assert list(renamed.per_class.values()) == pytest.approx(list(base.per_class.values()))
    assert linear_probe(Z, rng.permutation(labels), T, truth, model=model).accuracy < base.accuracy - 0.05
    assert linear_probe(np.abs(Z), labels, np.abs(T), truth, model=model).accuracy < base.accuracy


def test_cross_validation_is_deterministic_and_ignores_gains_of_neurons():
    Z, labels, _ = draw(2)
    base = linear_probe(Z, labels)
    assert linear_probe(Z, labels).to_dict() == base.to_dict()
    assert linear_probe(Z * [1, 10, 100, 1, 0.1] - 4.0, labels[:].tolist()).accuracy == base.accuracy
    assert json.dumps(base.to_dict())


def test_balanced_accuracy_weighs_classes_alike():
    Z = np.concatenate([np.zeros((20, 1)), np.full((5, 1), 1.0)])
    labels = [0] * 20 + [1] * 5
    test, truth = [[0.0], [0.0], [0.0], [1.0]], [0, 0, 1, 1]
    found = linear_probe(Z, labels, test, truth)
    assert found.accuracy == 0.75
    assert found.per_class == {0: 1.0, 1: 0.5}
    assert found.balanced == 0.75
    only = linear_probe(Z, labels, [[0.0], [1.0]], [0, 0])
    assert only.per_class[0] == only.balanced == 0.5
    assert np.isnan(only.per_class[1])


@pytest.mark.parametrize("model", MODELS)
def test_a_silent_representation_predicts_the_most_frequent_label(model):
    found = linear_probe(np.full((25, 3), 0.1), ["a"] * 10 + ["b"] * 15, model=model)
    assert found.accuracy == found.chance == 0.6


def test_wide_features_and_inputs_left_alone():
    torch = pytest.importorskip("torch")
    Z, labels, _ = draw(3, n=40, p=100)
    kept = Z.copy()
    found = linear_probe(torch.tensor(Z), torch.tensor(labels))
    assert found.accuracy == linear_probe(Z, labels).accuracy
    np.testing.assert_array_equal(Z, kept)


def test_an_unfinished_fit_says_so_without_a_warning(monkeypatch):
    Z, labels, _ = draw(4)
    monkeypatch.setattr(
        "sklearn.linear_model.LogisticRegression", lambda **o: LogisticRegression(**{**o, "max_iter": 1})
    )
    assert not linear_probe(Z, labels).converged


def test_other_warnings_of_a_fit_are_passed_on(monkeypatch):
    Z, labels, _ = draw(4)

    class Noisy(LogisticRegression):
        def fit(self, *args):
            warnings.warn("something else", RuntimeWarning, stacklevel=1)
            return super().fit(*args)

    monkeypatch.setattr("sklearn.linear_model.LogisticRegression", Noisy)
    with pytest.warns(RuntimeWarning, match="something else"):
        found = linear_probe(Z, labels)
    assert found.converged


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((np.eye(4), [1, 1, 1, 1]), {}, r"at least two classes; received 1 \(1\)"),
        ((np.eye(4), [1, 1, 2, 2]), {}, "at least 5 samples of every class.*received 2 of class 1.*try: n_folds=2"),
        ((np.eye(4), [1, 1, 1, 2]), {"n_folds": 2}, "received 1 of class 2.*or leave the class out"),
        ((np.eye(4), [1, 1, 2, 2]), {"n_folds": 1}, "n_folds to be an int >= 2"),
        ((np.eye(4), [1, 1, 2, 2]), {"n_folds": True}, "n_folds to be an int >= 2"),
        ((np.eye(4), [1, 1, 2, 2], np.eye(4)), {}, "Z_test and labels_test together; received no labels_test"),
        ((np.eye(4), [1, 1, 2, 2], None, [1]), {}, "received no Z_test"),
        (
            (np.eye(4), [1, 1, 2, 2], np.eye(3), [1, 2, 2]),
            {},
            r"Z_test of shape \(n_test, 4\).*received shape \(3, 3\)",
        ),
        ((np.eye(4), [1, 1, 2, 2], np.eye(4), [1, 2, 3, 3]), {}, "labels_test among the labels.*received labels 3"),
        ((np.eye(4), [1, 1, 2, 2], np.eye(4), [1, 2]), {}, "labels_test of length 4"),
        ((np.eye(4), [1, 1, 2, 2]), {"model": "svm"}, 'model "logistic" or "ridge"; received \'svm\''),
        ((np.eye(4), [1, 1, 2, 2]), {"C": 0.0}, "C to be a finite number > 0"),
    ],
)
def test_refusals(args, options, message):
    with pytest.raises(InvalidInputError, match=message):
        linear_probe(*args, **options)
