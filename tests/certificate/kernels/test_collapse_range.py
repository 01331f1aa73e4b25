"""The range of NC1 from ranges of functionals: against every mixture of random kernels, whose ranges are known exactly."""

import numpy as np
import pytest

from relucvx.certificate.kernels.collapse_range import collapse_range, simplex
from relucvx.metrics import neural_collapse


@pytest.fixture
def rng():
    """The same numbers for every test."""
    return np.random.default_rng(0)


class Mixtures:
    """All mixtures of a few kernels, in place of those of networks: a functional is largest at one of them."""

    def __init__(self, features):
        self.features, self.ends_left = features, 0

    def kernels(self):
        return [H @ H.T for H in self.features]

    def upper(self, M, rough=False):
        return max(float(np.sum(K * (M + M.T) / 2)) for K in self.kernels())

    def lower(self, M):
        return -self.upper(-M)


def drawn(rng, C, n, p, spread, apart):
    """Features of classes, some others near them, and the labels."""
    labels = np.arange(n) % C
    first = rng.standard_normal((C, p))[labels] + spread * rng.standard_normal((n, p))
    others = [
        np.hstack([first + apart * rng.standard_normal((n, p)), 0.3 * apart * rng.standard_normal((n, 2))])
        for _ in range(5)
    ]
    return [first, *others], labels


def asked(features, labels):
    """The range, by contrasts of its own: differences of class means."""
    hot = np.eye(labels.max() + 1)[labels]
    means = hot / hot.sum(axis=0)
    flat = np.linalg.qr(np.diff(np.eye(means.shape[1]), axis=0).T)[0]
    return collapse_range(Mixtures(features), means @ flat, np.eye(len(labels)) - hot @ means.T)


@pytest.mark.parametrize(
    ("C", "spread", "apart"),
    [(2, 1.0, 0.3), (3, 1.0, 1e-3), (3, 1.0, 0.1), (3, 0.1, 0.01), (3, 1e-4, 1e-5), (4, 1.0, 0.02)],
)
def test_no_mixture_is_outside(C, spread, apart, rng):
    for _ in range(4):
        features, labels = drawn(rng, C, 4 * C, 6, spread, apart)
        found = asked(features, labels)
        for weights in rng.dirichlet(np.full(len(features), 0.3), 40):
            H = np.hstack([np.sqrt(w) * one for w, one in zip(weights, features, strict=True)])
            assert found.lower * (1 - 1e-12) <= neural_collapse(H, labels).nc1 <= found.upper * (1 + 1e-12)


def test_one_kernel_has_one_value(rng):
    features, labels = drawn(rng, 3, 12, 6, 1.0, 0.0)
    found, value = asked(features[:1], labels), neural_collapse(features[0], labels).nc1
    assert found.lower == pytest.approx(value, rel=1e-9)
    assert found.upper == pytest.approx(value, rel=1e-9)
    assert found.attained_lower == pytest.approx(value, rel=1e-9)


def test_what_differs_by_little_has_a_range_of_first_order(rng):
    features, labels = drawn(rng, 3, 12, 6, 1.0, 1e-3)
    found = asked(features, labels)
    assert found.upper - found.lower < 1.2 * (found.attained_upper - found.attained_lower)


def test_collapsed_classes_and_means_that_may_coincide(rng):
    labels = np.arange(9) % 3
    collapsed = np.eye(3)[labels]
    assert asked([collapsed], labels).upper < 1e-12
    nearly = collapsed + 1e-6 * rng.standard_normal((9, 3))
    found = asked([collapsed, nearly], labels)
    assert 0.0 == found.lower <= neural_collapse(nearly, labels).nc1 <= found.upper < 1e-9
    for degenerate in ([np.eye(2)[np.minimum(labels, 1)]], [collapsed, 0.0 * collapsed]):
        assert (asked(degenerate, labels).lower, asked(degenerate, labels).upper) == (0.0, np.inf)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_corners_of_a_simplex(m):
    corners = simplex(m)
    assert corners.shape == (m + 1, m)
    assert corners @ corners.T == pytest.approx((1 + 1 / m) * np.eye(m + 1) - 1 / m)
