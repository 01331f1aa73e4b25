"""The strength that predicts best along certified paths: chosen by the scores that a loop by hand finds."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold

import relucvx as rx
from relucvx.errors import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.uniform(-1.0, 1.0, (36, 1))
y = np.abs(X[:, 0]) + 0.2 * RNG.standard_normal(36)
LABELS = np.where(y > 0.5, "far", "near")
BETAS = [0.03, 3.0, 0.3]


def chosen(estimator=None, **options):
    return rx.ConvexReLUPathCV(estimator, **{"betas": BETAS, "cv": KFold(3), **options})


def test_scores_are_those_of_single_fits():
    model = chosen().fit(X, y)
    assert model.betas_.tolist() == [3.0, 0.3, 0.03]
    for j, (train, test) in enumerate(KFold(3).split(X)):
        for k, beta in enumerate(model.betas_):
            # the same strength for a loss that is a mean
            alone = rx.ConvexReLURegressor(beta=beta * len(train) / 36).fit(X[train], y[train])
            assert alone.score(X[test], y[test]) == pytest.approx(model.scores_[k, j], abs=2e-2)
    best = int(model.scores_.mean(axis=1).argmax())
    assert (model.best_index_, model.beta_) == (best, pytest.approx(model.betas_[best]))
    assert len(model.path_) == best + 1
    assert all(solution.certificate.rel_gap <= 1e-4 for solution in model.path_)
    assert np.array_equal(model.predict(X), model.estimator_.predict(X))
    assert model.score(X, y) == model.estimator_.score(X, y)


def test_classes_have_scores_and_probabilities_and_numbers_have_none():
    model = chosen(rx.ConvexReLUClassifier()).fit(X, LABELS)
    assert is_classifier(model)
    assert model.classes_.tolist() == ["far", "near"]
    assert model.predict_proba(X).shape == (36, 2)
    assert np.allclose(np.log(model.predict_proba(X)), model.predict_log_proba(X))
    assert np.array_equal(model.predict(X), model.classes_[(model.decision_function(X) > 0).astype(int)])
    numbers = chosen()
    assert is_regressor(numbers)
    assert not hasattr(numbers, "predict_proba")
    assert not hasattr(numbers, "decision_function")


def test_an_integer_asks_for_so_many_from_beta_max_down():
    model = chosen(betas=4, beta_fraction=0.01).fit(X, y)
    assert np.allclose(model.betas_, model.beta_max_ * np.geomspace(1.0, 0.01, 4))


@pytest.mark.slow
def test_folds_at_the_same_time_are_the_folds_in_turn():
    in_turn, together = chosen().fit(X, y), chosen(n_jobs=2).fit(X, y)
    assert np.allclose(in_turn.scores_, together.scores_, atol=1e-6)


def test_weights_count_in_fits_and_scores():
    counts = RNG.integers(1, 3, 36)
    groups = np.arange(36) % 3
    splits = list(GroupKFold(3).split(X, groups=groups))
    repeated_groups = groups.repeat(counts)
    weighted = chosen(cv=splits).fit(X, y, sample_weight=counts)
    order = [repeated_groups == groups[test[0]] for _, test in splits]
    again = [(np.flatnonzero(~there), np.flatnonzero(there)) for there in order]
    repeated = chosen(cv=again).fit(X.repeat(counts, axis=0), y.repeat(counts))
    assert np.allclose(weighted.scores_, repeated.scores_, atol=1e-9)
    assert np.array_equal(weighted.predict(X), repeated.predict(X))


def test_groups_reach_the_splitter_either_way():
    groups = np.arange(36) % 4
    plain = chosen(cv=GroupKFold(4)).fit(X, y, groups=groups)
    with config_context(enable_metadata_routing=True):
        routed = chosen(rx.ConvexReLURegressor(), cv=GroupKFold(4))
        routed.set_fit_request(sample_weight=True)
        routed.fit(X, y, groups=groups)
    assert np.array_equal(plain.scores_, routed.scores_)
    assert plain.scores_.shape == (3, 4)


def test_what_is_refused():
    with pytest.raises(InvalidInputError, match=r"a ConvexReLURegressor or ConvexReLUClassifier; received Ridge"):
        chosen(Ridge()).fit(X, y)
    with pytest.raises(InvalidInputError, match=r"groups, and nothing else.*received colours"):
        chosen().fit(X, y, colours=y)
    with pytest.raises(InvalidInputError, match=r"betas to be an int >= 1"):
        chosen(betas=0).fit(X, y)
    with pytest.raises(InvalidInputError, match=r"every beta > 0"):
        chosen(betas=[1.0, -1.0]).fit(X, y)
    with pytest.raises(InvalidInputError, match=r"beta_fraction strictly between 0 and 1"):
        chosen(betas=3, beta_fraction=1.0).fit(X, y)
    assert clone(chosen()).get_params()["betas"] == BETAS
