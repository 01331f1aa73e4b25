"""Preparations: what they do to raw rows is what was done to the data, whatever came in between."""

import json

import numpy as np
import pytest

from relucvx.datasets import load, read_table
from relucvx.datasets.preparation import Preparation, fitted
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
RAW = RNG.standard_normal((12, 4)) * [1.0, 100.0, 1e-3, 5.0] + [0.0, 3.0, 0.0, -9.0]


@pytest.mark.parametrize(
    "options", [{}, {"standardize": True}, {"components": 2}, {"standardize": True, "components": 3}]
)
@pytest.mark.parametrize("constant", [False, True])
def test_raw_rows_become_the_inputs(tmp_path, options, constant):
    X = RAW.copy()
    X[:, 1] = 7.0 if constant else X[:, 1]
    np.savetxt(tmp_path / "t.csv", np.column_stack([X, X[:, 0] ** 2]), delimiter=",", header="a,b,c,d,y", fmt="%.17g")
    data = read_table(tmp_path / "t.csv", **options)
    np.testing.assert_array_equal(data.preparation(X), data.X)
    one = np.vstack([data.preparation(row[None]) for row in X])
    np.testing.assert_allclose(one, data.X, rtol=1e-12, atol=1e-12)
    assert data.preparation.columns == ("a", "b", "c", "d")
    assert data.feature_names == data.preparation.names()
    assert len(data.feature_names) == data.preparation.n_features == data.X.shape[1]
    if options.get("standardize") and not options.get("components"):
        np.testing.assert_allclose(data.X.std(axis=0), 1.0)
        np.testing.assert_allclose(data.X.mean(axis=0), 0.0, atol=1e-12)
    words = json.loads(json.dumps(data.preparation.words()))
    again = Preparation.stored(words, data.preparation.arrays())
    np.testing.assert_array_equal(again(X), data.X)
    assert again.words() == data.preparation.words()
    assert repr(again) == repr(data.preparation)


def test_units_of_a_column_do_not_matter_to_standardised_ones():
    changed = RAW * [2.0, -1.0, 1e4, 1.0] + [5.0, 0.0, 1.0, 0.0]
    signs = [1, -1, 1, 1]
    np.testing.assert_allclose(
        fitted(changed, standardize=True)(changed) * signs, fitted(RAW, standardize=True)(RAW), atol=1e-10
    )


def test_outputs_are_decoded():
    iris = load("iris")
    assert iris.preparation.decoded(iris.Y).tolist() == [iris.target_names[k] for k in iris.labels]
    one = load("iris", one_vs_rest="virginica").preparation
    assert one.decoded(np.array([2.0, -0.1])).tolist() == ["virginica", "rest"]
    two = load("breast_cancer")
    assert two.preparation.decoded(two.Y).tolist() == [two.target_names[k] for k in two.labels]
    raw, scaled = load("diabetes", standardize_target=False), load("diabetes")
    np.testing.assert_allclose(scaled.preparation.decoded(scaled.Y), raw.Y)
    np.testing.assert_array_equal(Preparation(2).decoded(np.eye(2)), np.eye(2))


def test_refusals():
    iris = load("iris")
    with pytest.raises(InvalidInputError, match=r"raw rows of 4 columns: sepal length.*received 3 columns"):
        iris.preparation(np.ones((1, 3)))
    with pytest.raises(InvalidInputError, match=r"raw columns to prepare.*prepared before"):
        iris.prepared(standardize=True)
    with pytest.raises(InvalidInputError, match="a column that varies"):
        fitted(np.ones((3, 2)), standardize=True)
    assert iris.prepared() is iris
