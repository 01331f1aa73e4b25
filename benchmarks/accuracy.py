"""Accuracy of the estimators against MLPs of the same width and strength, linear models and gradient boosting.

Five folds of scikit-learn's data sets, the same for all; columns are standardised inside each fold. Every model has its default
settings, except that the MLPs "of the same strength" get the alpha that the strength of ours is (and L-BFGS, which is told the
same objective); the one "of the same width" also as many neurons as ours has after its fit. Scores are accuracy, and R² for
diabetes. What ``objective`` says: the objective of that MLP on the training folds over that of ours.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
from harness import arguments, save, table, timed, warm_up
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import relucvx as rx

FOLDS = 5


def sets(quick: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Data sets by name."""
    if quick:
        X, y = load_iris(return_X_y=True)
        return {"iris, every fifth": (X[::5], y[::5])}
    X, y = load_digits(return_X_y=True)
    found = {"iris": load_iris, "wine": load_wine, "breast cancer": load_breast_cancer, "diabetes": load_diabetes}
    out = {name: load(return_X_y=True) for name, load in found.items()}
    pair = np.isin(y, (3, 8))
    return {**out, "digits 3/8": (X[pair], y[pair]), "digits, first 500": (X[:500], y[:500])}


def models(classes: bool) -> dict[str, Any]:
    """Models with their default settings, by the name of their column."""
    if classes:
        return {
            "mlp": MLPClassifier(random_state=0), "linear": LogisticRegression(),
            "boosting": HistGradientBoostingClassifier(random_state=0),
        }  # fmt: skip
    return {
        "mlp": MLPRegressor(random_state=0), "linear": Ridge(), "boosting": HistGradientBoostingRegressor(random_state=0)
    }  # fmt: skip


def alike(ours: Any, width: int) -> Any:
    """The MLP of scikit-learn with so many neurons and the strength of ours, on the objective of ours."""
    kind = MLPClassifier if is_classifier(ours) else MLPRegressor
    alpha = rx.program.conventions.to_sklearn_alpha(ours.beta_, 1)
    return kind(hidden_layer_sizes=(width,), alpha=alpha, solver="lbfgs", max_iter=5000, random_state=0)


def fold(ours: Any, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Scores and figures of one fold."""
    scaler = StandardScaler().fit(X[train])
    A, B = scaler.transform(X[train]), scaler.transform(X[test])
    seconds, _, ours = timed(lambda: ours.fit(A, y[train]))
    same = alike(ours, max(ours.network_.width, 1)).fit(A, y[train])
    upper = rx.certify(same, A, y[train], time_limit=0.1).upper
    out = {
        "ours": ours.score(B, y[test]),
        "same_width": same.score(B, y[test]),
        "same_strength": alike(ours, 100).fit(A, y[train]).score(B, y[test]),
        "width": float(ours.network_.width),
        "gap": ours.gap_,
        "seconds": seconds,
        "objective": upper / ours.certificate_.upper,
    }
    plain = models(is_classifier(ours))
    return {**out, **{name: model.fit(A, y[train]).score(B, y[test]) for name, model in plain.items()}}


def measure(name: str, X: np.ndarray, y: np.ndarray, limit: float) -> dict[str, Any]:
    """One row: means over the folds, the spread of our score over them, and the largest gap."""
    numbers = y.dtype.kind == "f"
    ours = (rx.ConvexReLURegressor if numbers else rx.ConvexReLUClassifier)(time_limit=limit)
    splitter = (KFold if numbers else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    found = [fold(clone(ours), X, y, *parts) for parts in splitter.split(X, y)]
    row: dict[str, Any] = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    spread = float(np.std([one["ours"] for one in found]))
    most = max(one["gap"] for one in found)
    return {"data": name, "n": len(X), "d": X.shape[1], **row, "spread": spread, "gap": most}


def main() -> None:
    """Print and save the table."""
    args = arguments(__doc__, ("--seconds", {"type": float, "default": 10.0, "help": "for each of our fits"}))
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warm = warm_up()
    limit = 1.0 if args.quick else args.seconds
    rows = [measure(name, X, y, limit) for name, (X, y) in sets(args.quick).items()]
    keys = ["data", "n", "d", "ours", "spread", "same_width", "same_strength", "mlp", "linear", "boosting", "width", "gap",
            "seconds", "objective"]  # fmt: skip
    print(table(keys, [[row[key] for key in keys] for row in rows]))
    print(save(__file__, args, rows, warm_up_seconds=warm, folds=FOLDS))


if __name__ == "__main__":
    main()
