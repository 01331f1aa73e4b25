"""Certified networks as scikit-learn estimators: regression, classification, and the strength chosen by cross-validation."""

from relucvx.estimators.classifier import ConvexReLUClassifier
from relucvx.estimators.path_cv import ConvexReLUPathCV
from relucvx.estimators.regressor import ConvexReLURegressor

__all__ = ["ConvexReLUClassifier", "ConvexReLUPathCV", "ConvexReLURegressor"]


def __dir__() -> list[str]:
    return sorted(__all__)
