"""Closed forms against certificates of their networks, and against networks that must not beat them."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.datasets import class_labels, factorial, inputs_from_kernel
from relucvx.kernel import (
    kernel_distance,
    minimize_energy,
    predict,
    predict_one_hot,
    predict_scalar,
    predict_svd,
    representation_kernel,
)

SIZES = ((3,), (1, 1), (3, 3), (1, 2, 4), (2, 2, 2), (1, 6))
RNG = np.random.default_rng(1)


def literal(net, X, Y, beta):
    """The objective from its definition."""
    Y = np.reshape(Y, (len(X), -1))
    F = np.reshape(net.predict(X), Y.shape)
    bias = 0.0 if net.bias_in is None else (net.bias_in**2).sum()
    return 0.5 * ((F - Y) ** 2).sum() + beta / 2 * ((net.weights_in**2).sum() + (net.weights_out**2).sum() + bias)


def assert_is_optimum(prediction, X, Y, beta, tol=1e-9, method="spectral"):
    """Its network has the predicted objective and kernel, and a certificate proves nothing is lower.

    On whitened inputs the spectral norm of the residual bounds the dual norm, tightly where the linear optimum is reached.
    """
    assert prediction.applicable
    net = prediction.network
    assert literal(net, X, Y, beta) == pytest.approx(prediction.objective, abs=1e-10)
    assert np.allclose(representation_kernel(net, X), prediction.kernel, atol=1e-10)
    certificate = rx.certify(net, X, Y, beta, method=method, tol=1e-9, time_limit=10)
    assert certificate.upper == pytest.approx(prediction.objective, abs=1e-10)
    assert certificate.lower >= prediction.objective * (1 - tol)


def test_the_helper_can_fail():
    D = class_labels((3, 3))
    wrong = predict_one_hot(D.labels, 0.4, D.X)
    with pytest.raises(AssertionError):
        assert_is_optimum(wrong, D.X, D.Y, 0.5)


def test_beta_max():
    D = class_labels((1, 3), rng=0)
    assert predict_one_hot(D.labels, 1.0).beta_max == pytest.approx(rx.beta_max(D.X, D.Y)[1], rel=1e-6)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("share", [0.1, 0.6, 1.0, 1.3])
def test_one_hot(sizes, share):
    D = class_labels(sizes, d=sum(sizes) + 1, rng=0)
    beta = share * predict_one_hot(D.labels, 1.0).beta_max
    found = predict_one_hot(D.labels, beta, D.X)
    assert found.unique
    assert_is_optimum(found, D.X, D.Y, beta)
    assert (found.objective == pytest.approx(len(D.X) / 2)) == (share >= 1)
    for k, size in enumerate(sizes):  # within a class one value, between classes 0
        block = found.kernel[D.labels == k]
        assert np.allclose(block[:, D.labels == k], max(np.sqrt(size) - beta, 0) / size)
        assert np.allclose(block[:, D.labels != k], 0)


def test_balanced_classes_are_proportional_to_the_targets_and_unbalanced_are_not():
    for sizes, proportional in (((3, 3), True), ((1, 5), False)):
        D = class_labels(sizes)
        K, K_Y = predict_one_hot(D.labels, 0.3).kernel, D.Y @ D.Y.T
        assert (kernel_distance(K * (K_Y.sum() / K.sum()), K_Y) < 1e-12) == proportional


def test_minority_classes_vanish():
    found = predict_one_hot(class_labels((1, 6)).labels, 1.5)
    assert "1 of 2 classes vanish" in found.note
    assert np.count_nonzero(np.diag(found.kernel)) == 6


def test_labels_of_any_kind():
    rows = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 0]])
    expected = predict_one_hot(rows, 0.2).kernel
    for labels in (np.array(["a", "c", "a"]), [5, 9, 5], [1.0, 3.0, 1.0]):
        assert np.allclose(predict_one_hot(labels, 0.2).kernel, expected)


def test_one_hot_kernel_is_reached_by_descent():
    D = class_labels((1, 2, 3), rng=2)
    found = minimize_energy(np.eye(6), D.Y, 0.3, width=10, rng=0, n_starts=4)
    expected = predict_one_hot(D.labels, 0.3)
    assert found.objective == pytest.approx(expected.objective, abs=1e-9)
    assert kernel_distance(found.kernel, expected.kernel) < 1e-5  # unique


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.1, 0.6, 1.1])
def test_scalar(seed, share):
    D = rx.datasets.whitened(5, 6, rng=seed)
    beta = share * predict_scalar(D.Y, 1.0).beta_max
    found = predict_scalar(D.Y, beta, D.X)
    assert_is_optimum(found, D.X, D.Y, beta, method="auto")
    assert found.unique
    assert found.beta_max == pytest.approx(rx.beta_max(D.X, D.Y)[1], rel=1e-6)


def shrinkage_data(A, sigma, seed=0):
    """X X^T = I and Y = A diag(sigma) B^T."""
    rng = np.random.default_rng(seed)
    B = np.linalg.qr(rng.standard_normal((A.shape[1] + 1, A.shape[1])))[0]
    return np.linalg.qr(rng.standard_normal((len(A), len(A))))[0], (A * np.asarray(sigma)) @ B.T


DISJOINT = np.array([[0.6, 0, 0], [0.8, 0, 0], [0, 1.0, 0], [0, 0, 0.8], [0, 0, 0.6]])


@pytest.mark.parametrize("sigma", [(3.0, 2.0, 1.0), (2.0, 2.0, 1.0), (2.0, 2.0, 2.0), (2.0, 1.0, 0.1)])
@pytest.mark.parametrize("beta", [0.3, 1.5, 4.0])
def test_svd_with_sign_definite_vectors(sigma, beta):
    X, Y = shrinkage_data(DISJOINT, sigma)
    found = predict_svd(Y, beta, X)
    assert_is_optimum(found, X, Y, beta)
    assert found.unique
    shrunk = np.linalg.svd(found.network.predict(X), compute_uv=False)[:3]
    assert np.allclose(shrunk, np.maximum(np.sort(sigma)[::-1] - beta, 0), atol=1e-12)


def test_svd_without_sign_definite_vectors_but_completely_positive():
    """The sources' condition is sufficient, not necessary: (1, 1) and (1, -1) with a dominant first."""
    X, Y = shrinkage_data(np.array([[1.0, 1], [1, -1], [0, 0]]) / np.sqrt(2), (3.0, 1.0))
    found = predict_svd(Y, 0.4, X)
    assert found.kernel.min() >= -1e-15
    assert_is_optimum(found, X, Y, 0.4)


def test_svd_fails_where_the_kernel_has_a_negative_entry():
    X, Y = shrinkage_data(np.array([[1.0], [-1], [0]]) / np.sqrt(2), (3.0,))
    found = predict_svd(Y, 0.4, X)
    assert not found.applicable
    assert found.unique is None
    assert found.network is None
    assert "negative entry" in found.note
    best = minimize_energy(np.eye(3), Y, 0.4, rng=0, n_starts=4)
    assert best.objective > found.objective * 1.05  # a strict lower bound


def test_svd_is_a_lower_bound_for_any_signs():
    for seed in range(5):
        Y = np.random.default_rng(seed).standard_normal((4, 2))
        assert predict_svd(Y, 0.3).objective <= minimize_energy(np.eye(4), Y, 0.3, rng=0, n_starts=3).objective + 1e-12


def test_svd_says_when_it_is_undecided():
    u = np.abs(RNG.standard_normal((6, 4)))
    values, A = np.linalg.eigh(u @ u.T)
    _, Y = shrinkage_data(A[:, 2:], values[2:] + 0.2)
    found = predict_svd(Y, 0.2)
    assert found.kernel.min() > 0
    assert not found.applicable
    assert "undecided" in found.note


def test_svd_of_order_four_needs_no_factor():
    u = np.abs(RNG.standard_normal((4, 3)))
    values, A = np.linalg.eigh(u @ u.T)
    X, Y = shrinkage_data(A[:, 1:], values[1:] + 0.2)
    found = predict_svd(Y, 0.2, X)
    assert found.applicable
    assert found.network is None
    best = minimize_energy(np.eye(4), Y, 0.2, rng=0, n_starts=5)
    assert best.objective == pytest.approx(found.objective, abs=1e-7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: predict_one_hot([0.5, 1.0], 0.1), "labels that are whole numbers or text"),
        (lambda: predict_one_hot([0, 1], 0.0), "beta to be a finite number > 0"),
        (lambda: predict_one_hot([0, 1], 0.1, np.eye(3)), "Y with as many rows as X"),
        (lambda: predict_scalar([np.nan, 1.0], 0.1), "Y to be finite"),
        (lambda: predict_svd([[1.0], [np.inf]], 0.1), "Y to be finite"),
        (lambda: predict(np.eye(2), [1.0, 2.0], 0.1, bias="some"), "a bias mode among"),
    ],
)
def test_errors(call, message):
    with pytest.raises(rx.RelucvxError, match=message):
        call()


def test_inputs_from_kernel_give_the_same_prediction_as_the_numbers():
    D = factorial(2, x0=1.3, x1=0.2, x2=0.1)
    rotated = inputs_from_kernel(D.X @ D.X.T, rng=4)
    first, second = (rx.kernel.predict_factorial(D.Y, 0.2, X=Z) for Z in (D.X, rotated))
    assert np.allclose(first.kernel, second.kernel, atol=1e-12)
