"""scikit-learn's own checks of an estimator, by name."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

import relucvx as rx

SECONDS = 10.0
"""Of each fit: ten columns of noise are not proven in it, but searched to the end, so that two fits are equal."""

STRONG = {"beta_fraction": 0.6}
"""A strength at which few neurons pay, as scikit-learn checks its own iterative estimators with few iterations."""


def examined(seconds=SECONDS):
    """The three estimators, and the third with classes."""
    strong = {**STRONG, "time_limit": seconds}
    regressor, classifier = rx.ConvexReLURegressor(**strong), rx.ConvexReLUClassifier(**strong)
    path = {"betas": 2, "beta_fraction": 0.6, "cv": 3, "time_limit": seconds / 2}
    return [
        regressor,
        classifier,
        rx.ConvexReLUPathCV(regressor, **path),
        rx.ConvexReLUPathCV(classifier, **path),
    ]


def checks(estimator, legacy):
    """(estimator, check, name) of all checks, or of those of the interface alone."""
    for one, check in estimator_checks_generator(estimator, legacy=legacy):
        yield one, check, getattr(check, "func", check).__name__


def failures(estimator, legacy, skipped=()):
    """What fails, in words; checks that scikit-learn itself skips are none."""
    out = []
    for one, check, name in checks(estimator, legacy):
        if name in skipped:
            continue
        with warnings.catch_warnings():
            # that the proof is not done says a gap; it is no fault of the interface
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                check(one)
            except (pytest.skip.Exception, Exception) as error:  # noqa: BLE001 (whatever it is, it is told)
                if "SkipTest" not in type(error).__name__:
                    out.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    return out
