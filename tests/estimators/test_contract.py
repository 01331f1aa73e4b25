"""The contract of scikit-learn, by its own checks: the interface always, everything when there is time."""

import pytest
from estimators.contract import examined, failures
from sklearn.base import BaseEstimator, RegressorMixin

import relucvx as rx

NAMES = ("regressor", "classifier", "path of a regressor", "path of a classifier")


INTERFACES = [
    pytest.param(estimator, id=name, marks=[pytest.mark.slow] if name == NAMES[-1] else [])
    for estimator, name in zip(examined(1.0), NAMES, strict=True)
]


@pytest.mark.parametrize("estimator", INTERFACES)
def test_the_interface(estimator):
    assert failures(estimator, legacy=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("estimator", examined(), ids=NAMES)
def test_every_check(estimator):
    assert failures(estimator, legacy=True) == []


class Careless(RegressorMixin, BaseEstimator):
    """Sets in its constructor what is to be set by fit."""

    def __init__(self):
        self.fitted_ = True


def test_the_checks_can_fail():
    assert any("check_no_attributes_set_in_init" in line for line in failures(Careless(), legacy=False))
    assert rx.ConvexReLURegressor().get_params()["beta"] == "auto"
