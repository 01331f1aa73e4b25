"""MLPs of scikit-learn are read as they are, and what is no two-layer network of theirs is refused by name."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError
from relucvx.network import as_network, from_sklearn, is_sklearn_mlp

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 3))
FAST = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "max_iter": 500, "random_state": 0, "alpha": 1.0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_function_is_the_same(activation, outputs):
    mlp = MLPRegressor(**FAST, activation=activation).fit(X, X[:, :outputs] if outputs > 1 else X[:, 0])
    for network in (from_sklearn(mlp), as_network(mlp)):
        assert np.allclose(network.predict(X), mlp.predict(X), rtol=1e-12, atol=1e-12)
    assert network.scalar_output is (outputs == 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_classes_give_their_probabilities(classes):
    y = np.argmax(X[:, :classes], axis=1)
    mlp = MLPClassifier(**FAST).fit(X, y)
    scores = from_sklearn(mlp).predict(X)
    P = 1 / (1 + np.exp(-scores)) if classes == 2 else np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert np.allclose(P, mlp.predict_proba(X)[:, 1] if classes == 2 else mlp.predict_proba(X), rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_refused():
    y = X[:, 0]
    with pytest.raises(InvalidInputError, match=r"a fitted MLPClassifier or MLPRegressor.*likely cause: a pipeline"):
        from_sklearn(make_pipeline(MLPRegressor()))
    with pytest.raises(InvalidInputError, match=r"without coefs_; likely cause: fit was not called"):
        from_sklearn(MLPRegressor())
    short = {**FAST, "max_iter": 3}
    with pytest.raises(UnsupportedError, match=r"one hidden layer; received 2 of them"):
        from_sklearn(MLPRegressor(**{**short, "hidden_layer_sizes": (3, 2)}).fit(X, y))
    with pytest.raises(UnsupportedError, match=r"a piecewise linear activation; received 'tanh'"):
        from_sklearn(MLPRegressor(**short, activation="tanh").fit(X, y))
    counts = MLPRegressor(**short)
    if "loss" in counts.get_params():  # since 1.7
        with pytest.raises(UnsupportedError, match=r'outputs that are scores; received loss="poisson"'):
            from_sklearn(counts.set_params(loss="poisson").fit(X, np.abs(y)))
    assert not is_sklearn_mlp(rx.TwoLayerReLU([[1.0]], [1.0]))
