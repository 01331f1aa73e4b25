"""Regression: optima and certificates of the problem that is stated, whatever the origin, the order and the units."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

import relucvx as rx
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 2))
y = np.abs(X[:, 0]) + 0.1 * RNG.standard_normal(24)


def fitted(**options):
    return rx.ConvexReLURegressor(**{"beta": 1.0, **options}).fit(X, y)


def test_it_is_the_certified_optimum_of_the_problem():
    model, solution = fitted(), rx.solve(X, y, 1.0, bias="free")
    assert model.certificate_.lower * (1 - 1e-9) <= solution.objective
    assert solution.certificate.lower <= model.certificate_.upper * (1 + 1e-9)
    assert model.gap_ == model.certificate_.rel_gap <= 1e-4
    assert (model.beta_, model.n_features_in_, model.n_outputs_) == (1.0, 2, 1)
    assert np.array_equal(model.predict(X), model.network_.predict(X))
    # its own certificate is about all samples
    assert rx.certify(model.network_, X, y, 1.0, bias="free", dual=None).upper == pytest.approx(
        model.certificate_.upper, rel=1e-9
    )
    assert isinstance(model.solution_, rx.Solution)
    assert model.n_iter_ >= 1


def test_no_mlp_of_its_strength_is_better():
    model = fitted(beta=0.5)
    for seed in range(3):
        mlp = MLPRegressor(hidden_layer_sizes=(30,), alpha=0.5, solver="lbfgs", max_iter=2000, random_state=seed
        ).fit(X, y)  # fmt: skip
        assert rx.certify(mlp, X, y, time_limit=1.0).upper >= model.certificate_.lower


def test_auto_is_a_share_of_beta_max():
    model = fitted(beta="auto", beta_fraction=0.3)
    assert model.beta_ == pytest.approx(0.3 * model.beta_max_)
    assert model.beta_max_ == pytest.approx(rx.beta_max(X, y, bias="free")[1], rel=1e-3)


def test_orders_repeats_and_weights_give_the_same_digits():
    weights = RNG.integers(0, 3, 24)
    order = RNG.permutation(24)
    weighted = rx.ConvexReLURegressor(beta=1.0).fit(X, y, sample_weight=weights)
    repeated = rx.ConvexReLURegressor(beta=1.0).fit(X.repeat(weights, axis=0), y.repeat(weights))
    shuffled = rx.ConvexReLURegressor(beta=1.0).fit(X[order], y[order], sample_weight=weights[order])
    for other in (repeated, shuffled):
        assert np.array_equal(other.predict(X), weighted.predict(X))
        assert other.certificate_.lower == weighted.certificate_.lower


def test_the_origin_does_not_matter_with_free_biases():
    far = rx.ConvexReLURegressor(beta=1.0, tol=1e-8).fit(X + 8.0, y - 16.0)
    assert np.allclose(far.predict(X + 8.0) + 16.0, fitted(tol=1e-8).predict(X), atol=1e-3)


def test_what_is_masked_is_missing():
    X, y = np.array([[1.0], [2.0], [3.0]]), np.array([1.0, 2.0, 3.0])
    hidden = [False, False, True]
    model = rx.ConvexReLURegressor(beta=0.1).fit(np.ma.array(X), np.ma.array(y))  # nothing is masked
    for fails in (
        lambda: model.predict(np.ma.array(X, mask=[[h] for h in hidden])),
        lambda: rx.ConvexReLURegressor(beta=0.1).fit(np.ma.array(X, mask=[[h] for h in hidden]), y),
        lambda: rx.ConvexReLURegressor(beta=0.1).fit(X, np.ma.array(y, mask=hidden)),
        lambda: rx.ConvexReLUClassifier(beta=0.1).fit(X, np.ma.array([0, 1, 1], mask=hidden)),
    ):
        with pytest.raises(ValueError, match="contains NaN"):
            fails()


def test_several_targets_share_their_neurons():
    Y = np.column_stack([y, -2.0 * y])
    model = rx.ConvexReLURegressor(beta=2.0).fit(X, Y)
    assert model.predict(X).shape == (24, 2)
    assert model.n_outputs_ == 2
    assert np.allclose(model.predict(X)[:, 1], -2.0 * model.predict(X)[:, 0], atol=1e-3)
    single = rx.ConvexReLURegressor(beta=2.0).fit(X, y[:, None])
    assert single.predict(X).shape == (24, 1)


def test_copies_and_files_predict_the_same():
    model = fitted()
    stream = io.BytesIO()
    joblib.dump(model, stream)
    stream.seek(0)
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(stream)):
        assert np.array_equal(again.predict(X), model.predict(X))
        assert again.certificate_.lower == model.certificate_.lower
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "network_")


def test_weights_leave_as_arrays_and_to_torch():
    model = fitted()
    (first, second), (inner, outer) = model.coefs_, model.intercepts_
    assert np.allclose(np.maximum(X @ first + inner, 0.0) @ second[:, 0] + outer[0], model.predict(X))
    module = rx.to_torch(model.network_)
    assert np.allclose(module(torch.tensor(X)).detach().numpy()[:, 0], model.predict(X))
    bare = rx.ConvexReLURegressor(beta=1.0, bias="none").fit(X, y)
    assert [part.any() for part in bare.intercepts_] == [False, False]


def test_names_of_features_are_kept_and_asked_for():
    table = pd.DataFrame(X, columns=["height", "width"])
    model = rx.ConvexReLURegressor(beta=1.0).fit(table, y)
    assert model.feature_names_in_.tolist() == ["height", "width"]
    with pytest.raises(ValueError, match=r"feature names should match"):
        model.predict(table.rename(columns={"width": "depth"}))


def test_a_gap_above_the_tolerance_is_a_warning_that_says_it():
    wide = RNG.standard_normal((60, 12))
    with pytest.warns(ConvergenceWarning, match=r"relative gap 0\.\d+ above tol=0.0001 \(TIME_LIMIT"):
        model = rx.ConvexReLURegressor(beta_fraction=0.1, time_limit=0.5).fit(wide, wide[:, 0] * wide[:, 1])
    assert 1e-4 < model.gap_ < 1.0
    assert 0.0 < model.certificate_.lower <= model.certificate_.upper


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, 'beta > 0, or beta="auto"'),
        ({"beta": "auto", "beta_fraction": 2.0}, "beta_fraction strictly between 0 and 1"),
        ({"loss": "logistic"}, "a loss for real targets.*ConvexReLUClassifier"),
        ({"loss": "cubed"}, "a loss among"),
        ({"bias": "some"}, "a bias mode among"),
        ({"activation": "tanh"}, "an activation among"),
        ({"tol": 0.0}, "tol to be a finite number > 0"),
        ({"time_limit": -1.0}, "time_limit to be a finite number > 0"),
    ],
)
def test_parameters_are_checked_by_fit(options, message):
    with pytest.raises(InvalidInputError, match=message):
        rx.ConvexReLURegressor(**options).fit(X, y)


def test_weights_of_nothing():
    with pytest.raises(InvalidInputError, match=r"zero weights only"):
        rx.ConvexReLURegressor().fit(X, y, sample_weight=np.zeros(24))
    alone = rx.ConvexReLURegressor(beta=2.0).fit(X, y, sample_weight=2.0)
    assert np.allclose(alone.predict(X), fitted(beta=1.0).predict(X), atol=1e-3)
