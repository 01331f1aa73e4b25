"""Classes of two kinds or more: labels come back as they are, scores and probabilities agree, weights are weights."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import relucvx as rx
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 2))
TWO = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
THREE = np.digitize(X[:, 0], [-0.5, 0.5]) * 10
QUICK = {"beta": 1.0, "time_limit": 5.0}
LOSSES = ["log_loss", "logistic", "cross_entropy", "hinge", "squared_hinge", "squared", "huber"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_labels_scores_and_probabilities_agree(loss, y):
    model = rx.ConvexReLUClassifier(loss=loss, tol=1e-2, **QUICK).fit(X, y)
    scores, labels = model.decision_function(X), model.predict(X)
    assert model.gap_ <= 1e-2
    assert model.classes_.tolist() == sorted(set(y.tolist()))
    assert scores.shape == ((30,) if y is TWO else (30, 3))
    best = (scores > 0).astype(int) if y is TWO else scores.argmax(axis=1)
    assert np.array_equal(labels, model.classes_[best])
    assert (labels == y).mean() > 0.7
    likelihood = loss in ("log_loss", "logistic", "cross_entropy")
    assert hasattr(model, "predict_proba") is hasattr(model, "predict_log_proba") is likelihood
    if likelihood:
        P = model.predict_proba(X)
        assert P.shape == (30, len(model.classes_))
        assert np.allclose(P.sum(axis=1), 1.0)
        assert np.array_equal(model.classes_[P.argmax(axis=1)], labels)
        assert np.allclose(np.log(P), model.predict_log_proba(X))


def test_two_classes_by_cross_entropy_are_logistic_at_another_strength():
    two = rx.ConvexReLUClassifier(beta=np.sqrt(2.0), loss="cross_entropy", tol=1e-7).fit(X, TWO)
    one = rx.ConvexReLUClassifier(beta=1.0, tol=1e-7).fit(X, TWO)
    assert two.network_.n_outputs == 2
    assert two.certificate_.upper == pytest.approx(one.certificate_.upper, rel=1e-5)
    assert np.allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-3)


def test_weights_of_classes_are_weights_of_their_samples():
    factors = {"same": 3.0}
    by_class = rx.ConvexReLUClassifier(class_weight=factors, **QUICK).fit(X, TWO)
    by_sample = rx.ConvexReLUClassifier(**QUICK).fit(X, TWO, sample_weight=np.where(TWO == "same", 3.0, 1.0))
    assert np.array_equal(by_class.decision_function(X), by_sample.decision_function(X))
    balanced = rx.ConvexReLUClassifier(class_weight="balanced", **QUICK).fit(X, THREE)
    totals = balanced.solution_.problem.Y.T @ balanced.solution_.problem.sample_weight
    assert np.allclose(totals, 10.0)


def test_a_class_without_weight_is_no_class():
    weight = (THREE != 20).astype(float)
    model = rx.ConvexReLUClassifier(**QUICK).fit(X, THREE, sample_weight=weight)
    assert model.classes_.tolist() == [0, 10]
    alone = rx.ConvexReLUClassifier(**QUICK).fit(X[THREE != 20], THREE[THREE != 20])
    assert np.array_equal(model.decision_function(X), alone.decision_function(X))


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match=r"at least two classes; received one class only: 'a'"):
        rx.ConvexReLUClassifier().fit(X, ["a"] * 30)
    with pytest.raises(ValueError, match=r"continuous"):
        rx.ConvexReLUClassifier().fit(X, X[:, 0])
    for wrong in ("even", [1.0, 2.0]):
        with pytest.raises(InvalidInputError, match=r'class_weight as a dict, "balanced" or None'):
            rx.ConvexReLUClassifier(class_weight=wrong).fit(X, TWO)
    with pytest.raises(InvalidInputError, match=r"class weights above zero"):
        rx.ConvexReLUClassifier(class_weight={"same": 0.0}).fit(X, TWO)
    with pytest.raises(InvalidInputError, match=r"a loss among"):
        rx.ConvexReLUClassifier(loss="cubed").fit(X, TWO)
    with pytest.raises(NotFittedError):
        rx.ConvexReLUClassifier().predict(X)


def test_iris_is_classified_with_a_proof():
    data = load_iris()
    model = make_pipeline(StandardScaler(), rx.ConvexReLUClassifier(beta_fraction=0.1, tol=1e-2, time_limit=20.0))
    model.fit(data.data, data.target_names[data.target])
    assert model[-1].gap_ <= 1e-2
    assert model.score(data.data, data.target_names[data.target]) > 0.95


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_grid_search_in_a_pipeline():
    data = load_breast_cancer()
    pipeline = make_pipeline(StandardScaler(), rx.ConvexReLUClassifier(time_limit=5.0))
    grid = {"convexreluclassifier__beta_fraction": [0.3, 0.1, 0.03], "convexreluclassifier__bias": ["free", "all"]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=1).fit(data.data, data.target)
    assert search.best_score_ > 0.96
    assert search.best_estimator_[-1].certificate_.lower > 0.0
