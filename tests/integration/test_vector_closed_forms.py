"""Certified optima against the closed forms of the theory: classes and factorial labels on inputs of known kernel."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.datasets import class_labels, factorial, factorial_kernel, inputs_from_kernel
from relucvx.kernel import kernel_distance, predict_factorial, predict_one_hot


@pytest.mark.parametrize("sizes", [(2, 2), (1, 2, 4), (1, 6), (3, 3, 3), (4, 4, 4), (2, 4, 6), (1, 1, 1, 1)])
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_whitened_classes(sizes, share):
    """Balanced or not, up to twelve samples: value to 1e-8, the unique kernel to 1e-6, proven."""
    data = class_labels(sizes, rng=0)
    beta = share * np.sqrt(max(sizes))
    predicted = predict_one_hot(data.Y, beta, X=data.X)
    solution = rx.solve(data.X, data.Y, beta)
    assert abs(solution.objective - predicted.objective) <= 1e-8 * predicted.objective
    assert kernel_distance(rx.representation_kernel(solution, data.X), predicted.kernel) <= 1e-6
    assert solution.certificate.rel_gap <= 1e-8


@pytest.mark.parametrize(("d_Y", "repeats"), [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1)])
def test_factorial_labels_on_whitened_inputs(d_Y, repeats):
    """The value to 1e-8 and K Y = b n Y; the kernel itself is one of many."""
    data = factorial(d_Y, repeats)
    n = len(data.X)
    beta = 0.3 * np.sqrt(n / 2)
    Y = data.Y.reshape(n, -1)
    predicted = predict_factorial(Y, beta, X=data.X)
    solution = rx.solve(data.X, Y, beta)
    assert abs(solution.objective - predicted.objective) <= 1e-8 * predicted.objective
    b = 1 / np.sqrt(2 * n) - beta / n
    K = rx.representation_kernel(solution, data.X)
    # a relative gap of 1e-6 leaves the fit, and with it K Y, within its square root
    assert np.abs(K @ Y - b * n * Y).max() <= 1e-3 * b * n
    assert solution.certificate.rel_gap <= 1e-6


def aligned(x0, x1, x2, d_Y=2):
    Y = factorial(d_Y, 1).Y.reshape(2**d_Y, d_Y)
    return inputs_from_kernel(factorial_kernel(Y, x0, x1, x2), rng=0), Y


@pytest.mark.parametrize(("x1", "x2"), [(0.5, 0.5), (1.0, 0.2), (2.0, 1.0)])
def test_a_common_mode_selects_the_abstract_kernel(x1, x2):
    X, Y = aligned(1.0, x1, x2)
    beta = 0.2 * rx.beta_max(X, Y)[1]
    predicted = predict_factorial(Y, beta, X=X)
    assert predicted.unique
    solution = rx.solve(X, Y, beta, tol=1e-9)
    K = rx.representation_kernel(solution, X)
    assert rx.metrics.parallelism_score(None, Y, kernel=K).mean >= 0.999
    assert kernel_distance(K, predicted.kernel) <= 1e-5
    assert solution.objective == pytest.approx(predicted.objective, rel=1e-8)


@pytest.mark.parametrize("x2", [0.5, 2.0])
def test_a_dominant_common_mode_is_certified_at_the_formula(x2):
    X, Y = aligned(1.0, 0.1, x2)
    beta = 0.2 * rx.beta_max(X, Y)[1]
    solution = rx.solve(X, Y, beta, tol=1e-7)
    assert solution.certificate.rel_gap <= 1e-7
    assert solution.objective == pytest.approx(predict_factorial(Y, beta, X=X).objective, rel=1e-7)


def test_without_common_mode_two_optima_differ_in_abstraction():
    X, Y = aligned(1.0, 0.0, 0.0)
    beta = 0.3 * rx.beta_max(X, Y)[1]
    angle = np.pi / 4
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scores, certificates = [], []
    for R in (np.eye(2), turned):
        network = rx.kernel.factorial_rotation_network(X, Y, beta, R)
        certificates.append(rx.certify(network, X, Y, beta, tol=1e-9))
        scores.append(rx.metrics.parallelism_score(network.hidden(X), Y).mean)
    assert certificates[0].upper == pytest.approx(certificates[1].upper, rel=1e-9)
    assert max(c.rel_gap for c in certificates) <= 1e-8
    assert scores[0] - scores[1] >= 0.5


def test_a_negative_common_mode_refutes_the_abstract_formula():
    X, Y = aligned(1.0, 0.0, -0.125)
    beta = 0.3 * rx.beta_max(X, Y)[1]
    formula = predict_factorial(Y, beta, X=X)
    assert not formula.applicable
    solution = rx.solve(X, Y, beta)
    assert solution.certificate.rel_gap <= 1e-6
    assert solution.objective < formula.objective * (1 - 1e-3)
