"""Embedded data: shapes, codings of the classes, standardisation, components and refusals."""

import numpy as np
import pytest

from relucvx.datasets import EMBEDDED, load, standardize_columns
from relucvx.errors import InvalidInputError

SHAPES = {
    "iris": ((150, 4), (150, 3)),
    "wine": ((178, 13), (178, 3)),
    "diabetes": ((442, 10), (442,)),
    "breast_cancer": ((569, 30), (569,)),
    "digits": ((1797, 61), (1797, 10)),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_defaults(name):
    data = load(name)
    assert (data.X.shape, data.Y.shape) == SHAPES[name]
    np.testing.assert_allclose(data.X.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(axis=0), 1.0, rtol=1e-12)
    assert len(data.feature_names) == data.X.shape[1]
    assert data.beta_hint > 0
    assert name in data.description


def test_constant_columns_of_digits():
    raw = load("digits", standardize=False)
    assert raw.X.shape == (1797, 64)
    assert "3 constant columns dropped" in load("digits").description
    dropped = set(raw.feature_names) - set(load("digits").feature_names)
    assert all(np.ptp(raw.X[:, raw.feature_names.index(name)]) == 0 for name in dropped)
    assert len(dropped) == 3


def test_targets():
    diabetes = load("diabetes")
    np.testing.assert_allclose([diabetes.Y.mean(), diabetes.Y.std()], [0, 1], atol=1e-12)
    raw = load("diabetes", standardize=False, standardize_target=False)
    assert raw.Y.max() == 346.0
    assert raw.X[0, 0] == 59.0  # an age in years
    assert raw.labels is None
    cancer = load("breast_cancer")
    np.testing.assert_array_equal(cancer.Y, np.where(cancer.labels == 1, 1.0, -1.0))
    assert load("breast_cancer", one_hot=True).Y.shape == (569, 2)
    iris = load("iris")
    np.testing.assert_array_equal(iris.Y.argmax(axis=1), iris.labels)
    np.testing.assert_array_equal(iris.Y.sum(axis=1), np.ones(150))
    np.testing.assert_array_equal(load("iris", one_hot=False).Y, 2 * iris.Y - 1)


def test_one_vs_rest_by_index_or_name():
    data = load("iris", one_vs_rest=1)
    np.testing.assert_array_equal(data.Y, np.where(data.labels == 1, 1.0, -1.0))
    assert data.target_names == ("rest", "versicolor")
    np.testing.assert_array_equal(load("iris", one_vs_rest="versicolor").Y, data.Y)


def test_components_are_uncorrelated_and_leading():
    data = load("wine", components=3)
    assert data.feature_names == ("PC1", "PC2", "PC3")
    covariance = data.X.T @ data.X / len(data.X)
    spectrum = np.linalg.eigvalsh(np.cov(load("wine").X.T, bias=True))[::-1]
    np.testing.assert_allclose(covariance, np.diag(spectrum[:3]), atol=1e-10)
    np.testing.assert_array_equal(load("wine", components=3).X, data.X)
    loadings = np.linalg.lstsq(load("wine").X, data.X, rcond=None)[0]
    assert np.all(loadings[np.abs(loadings).argmax(axis=0), range(3)] > 0)
    np.testing.assert_allclose(load("iris", standardize=False, components=2).X.mean(axis=0), 0, atol=1e-12)


def test_standardize_columns():
    X = np.array([[1.0, 5.0, 1e9], [3.0, 5.0, 1e9 + 2.0]])
    Z, kept = standardize_columns(X)
    np.testing.assert_array_equal(kept, [True, False, True])
    np.testing.assert_allclose(Z, [[-1, -1], [1, 1]])
    with pytest.raises(InvalidInputError, match="X with a column that varies; received 2 constant columns"):
        standardize_columns(np.ones((3, 2)))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("mnist", {}, "a data set among iris, wine.*received 'mnist'"),
        ("iris", {"one_vs_rest": 3}, r"a class among 0 \(setosa\).*received 3"),
        ("iris", {"one_vs_rest": "rose"}, "received 'rose'"),
        ("iris", {"one_vs_rest": True}, "received True"),
        ("iris", {"one_vs_rest": 0, "one_hot": True}, "one_vs_rest or one_hot, not both"),
        ("diabetes", {"one_vs_rest": 0}, "no one_vs_rest or one_hot for diabetes"),
        ("iris", {"components": 5}, "components to be an int from 1 to 4; received 5"),
        ("iris", {"components": 0.5}, "components to be an int"),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(InvalidInputError, match=message):
        load(name, **options)
