"""Certificates of scikit-learn's MLPs are about the objective they were fitted to."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import relucvx as rx
from relucvx.errors import InvalidInputError, UnsupportedError

RNG = np.random.default_rng(1)
X = RNG.standard_normal((40, 2))
ALPHA = 0.7
OPTIONS = {
    "hidden_layer_sizes": (6,), "solver": "lbfgs", "alpha": ALPHA, "max_iter": 5000, "tol": 1e-12, "random_state": 0,
}  # fmt: skip
NUMBERS = np.abs(X[:, 0]) + X[:, 1]
SIGNS = np.where(NUMBERS > 1.0, "yes", "no")
THREE = np.digitize(NUMBERS, [0.3, 1.2])
SEVERAL = np.column_stack([NUMBERS > 1.0, X[:, 1] > 0]).astype(int)


def written_out(mlp, y):
    """n times the loss that scikit-learn documents, by the probabilities and predictions of the MLP itself."""
    decay = 0.5 * mlp.alpha * sum(float((w**2).sum()) for w in mlp.coefs_)
    if isinstance(mlp, MLPRegressor):
        return 0.5 * float(((mlp.predict(X) - y) ** 2).sum()) + decay
    P = mlp.predict_proba(X)
    if y.ndim == 2:
        return -float(np.log(np.where(y == 1, P, 1 - P)).sum()) + decay
    return -float(np.log(P[np.arange(len(y)), np.searchsorted(mlp.classes_, y)]).sum()) + decay


@pytest.mark.parametrize(
    ("kind", "y"), [(MLPRegressor, NUMBERS), (MLPClassifier, SIGNS), (MLPClassifier, THREE), (MLPClassifier, SEVERAL)]
)
def test_the_upper_bound_is_the_objective_of_the_mlp(kind, y):
    mlp = kind(**OPTIONS).fit(X, y)
    proof = rx.certify(mlp, X, y, time_limit=5.0)
    assert proof.beta == ALPHA
    assert proof.upper == pytest.approx(written_out(mlp, y), rel=1e-9)
    assert proof.lower <= proof.upper
    # where lbfgs stops, at a kink as a rule, the gradient of this very objective is the smallest
    others = [rx.certify(mlp, X, y, factor * ALPHA, time_limit=1.0).stationarity for factor in (1 / 3, 3.0)]
    assert 4.0 * proof.stationarity < min(others)


def test_the_gradient_of_several_targets_sums_over_them():
    Y = np.column_stack([NUMBERS, X[:, 0], np.sin(3 * X[:, 1])])
    # one batch of all rows: the gradient alone decides where these steps end
    step = {"solver": "sgd", "batch_size": 40, "momentum": 0.9, "learning_rate_init": 0.02, "n_iter_no_change": 10**4}
    mlp = MLPRegressor(**{**OPTIONS, **step, "max_iter": 3000})
    with pytest.warns(UserWarning, match=r"Maximum iterations"):
        mlp.fit(X, Y)
    summed, averaged = (rx.certify(mlp, X, Y, beta, time_limit=0.5).stationarity for beta in (ALPHA, ALPHA / 3))
    assert 4.0 * summed < averaged


def test_in_batches_alpha_counts_once_for_each():
    mlp = MLPRegressor(**OPTIONS, batch_size=15).fit(X, NUMBERS)
    beta = rx.program.conventions.from_sklearn_alpha(ALPHA, 40, 15)
    assert beta == pytest.approx(ALPHA * 40 / 3 * (1 / 15 + 1 / 15 + 1 / 10))
    mlp.solver = "adam"
    assert rx.certify(mlp, X, NUMBERS, time_limit=1.0).beta == beta
    mlp.batch_size = 1000  # clipped, as by the fit
    assert rx.certify(mlp, X, NUMBERS, time_limit=1.0).beta == ALPHA


def test_options_of_ones_own_come_first():
    mlp = MLPClassifier(**OPTIONS).fit(X, SIGNS)
    proof = rx.certify(mlp, X, SIGNS, 2.0, loss="hinge", time_limit=1.0)
    assert proof.beta == 2.0
    problem = rx.make_problem(X, np.where(SIGNS == "yes", 1.0, -1.0), ALPHA, loss="logistic", bias="free")
    assert rx.certify(mlp, problem, time_limit=1.0).upper == rx.certify(mlp, X, SIGNS, time_limit=1.0).upper


def test_fitted_estimators_of_ours_are_networks():
    model = rx.ConvexReLURegressor(beta=3.0).fit(X, NUMBERS)
    proof = rx.certify(model, X, NUMBERS, 3.0, bias="free")
    assert proof.upper == pytest.approx(model.certificate_.upper, rel=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_has_no_strength_is_asked_for_one():
    y = NUMBERS
    mlp = MLPRegressor(**{**OPTIONS, "alpha": 0.0, "max_iter": 20}).fit(X, y)
    with pytest.raises(
        InvalidInputError, match=r"an MLP with alpha > 0, or a beta to certify it at; received alpha=0.0"
    ):
        rx.certify(mlp, X, y)
    assert rx.certify(mlp, X, y, 0.1, time_limit=1.0).beta == 0.1
    stopped = MLPRegressor(**{**OPTIONS, "solver": "adam", "early_stopping": True, "max_iter": 3}).fit(X, y)
    with pytest.raises(UnsupportedError, match=r"early_stopping=True, which fits a part of the rows"):
        rx.certify(stopped, X, y)
    batches = MLPRegressor(**{**OPTIONS, "solver": "adam", "max_iter": 3}).fit(X, y)
    with pytest.raises(UnsupportedError, match=r"batches and sample weights"):
        rx.certify(batches, X, y, sample_weight=np.ones(40))
    with pytest.raises(InvalidInputError, match=r"labels among 'no', 'yes', the classes of the MLP; received 1"):
        rx.certify(MLPClassifier(**{**OPTIONS, "max_iter": 20}).fit(X, SIGNS), X, np.ones(40, int))
