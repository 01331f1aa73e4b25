"""Support vector machines: optimal, the same in any order of the samples, and scikit-learn's where that is one."""

import numpy as np
import pytest
from sklearn.svm import SVC

from relucvx.metrics.samples import machine as module
from relucvx.metrics.samples.machine import Machines


def machine(Z, side, C):
    return Machines(Z, C).trained(side, np.arange(len(Z)))


def drawn(seed, n=14, p=4):
    rng = np.random.default_rng(seed)
    Z, side = rng.standard_normal((n, p)), rng.random(n) < 0.4
    side[:2] = True, False
    return Z, side


def loss(Z, side, C, weights, offset):
    n, signs = len(Z), np.where(side, 1.0, -1.0)
    caps = C * n / (2 * np.where(side, side.sum(), n - side.sum()))
    return 0.5 * weights @ weights + caps @ np.maximum(0.0, 1.0 - signs * (Z @ weights + offset))


@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
def test_no_other_machine_is_better(C):
    for seed in range(8):
        Z, side = drawn(seed)
        weights, offset = machine(Z, side, C)
        found = SVC(kernel="linear", C=C, class_weight="balanced", tol=1e-9).fit(Z, side)
        least = loss(Z, side, C, weights, offset)
        # its kernel is in single precision
        assert least <= loss(Z, side, C, found.coef_[0], found.intercept_[0]) * (1 + 1e-12)
        assert np.allclose(weights, found.coef_[0], atol=1e-4)
        signed = found.dual_coef_[0] * np.where(side[found.support_], len(Z) / side.sum(), len(Z) / (~side).sum()) ** -1
        if np.any(np.abs(np.abs(signed) - C / 2) > 1e-6 * C):  # a sample on the margin: the offset is one
            assert offset == pytest.approx(found.intercept_[0], abs=1e-4)
        # along the offset alone, which is the middle of what is optimal
        reach = [max(t for t in np.linspace(0, 2, 101) if loss(Z, side, C, weights, offset + s * t) <= least + 1e-7)
                 for s in (-1, 1)]  # fmt: skip
        assert reach[0] == pytest.approx(reach[1], abs=0.021)


def test_neither_the_order_of_the_samples_nor_rounding_moves_it():
    """Where all coefficients are at their bounds the offset is an interval, and one algorithm's end of it is chance."""
    for seed in range(12):
        Z, side = drawn(seed, 13)
        order = np.random.default_rng(seed).permutation(13)
        Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))[0]
        for C in (0.02, 1.0):
            one = machine(Z, side, C)
            for other in (machine(Z[order], side[order], C), machine((1 + 1e-15) * Z, side, C)):
                assert np.allclose(one[0], other[0], atol=1e-7)
                assert one[1] == pytest.approx(other[1], abs=1e-7)
            turned = machine(Z @ Q, side, C)
            assert np.allclose(one[0] @ Q, turned[0], atol=1e-7)
            flipped = machine(Z, ~side, C)
            assert np.allclose([*one[0], one[1]], [-v for v in [*flipped[0], flipped[1]]], atol=1e-7)


def test_many_samples_go_another_way_to_the_same_machine(monkeypatch):
    for C in (0.02, 1.0):
        Z, side = drawn(1, 30)
        one = machine(Z, side, C)
        monkeypatch.setattr(module, "LARGEST", 100)
        other = machine(Z, side, C)
        monkeypatch.undo()
        assert np.allclose(one[0], other[0], atol=1e-5)
        assert one[1] == pytest.approx(other[1], abs=1e-5)


@pytest.mark.parametrize("many", [False, True])
def test_the_accuracy_is_that_of_the_machine_on_what_it_has_not_seen(monkeypatch, many):
    for seed in range(5):
        Z, side = drawn(seed, 40)
        train, test = np.arange(40) % 3 != 0, np.arange(40) % 3 == 0
        weights, offset = machine(Z[train], side[train], 1.0)
        right = (Z @ weights + offset > 0) == side
        expected = (right[test & side].mean() + right[test & ~side].mean()) / 2
        monkeypatch.setattr(module, "LARGEST", 100 if many else 10**6)
        assert Machines(Z, 1.0).accuracy(side, train, test) == pytest.approx(expected)
        monkeypatch.undo()


def test_ties_count_half():
    Z = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    side = np.array([True, False, True, False])
    assert Machines(Z, 1.0).accuracy(side, [True, True, False, False], [False, False, True, True]) == 0.5
    assert Machines(np.zeros((4, 2)), 1.0).accuracy(side, side | True, side | True) == 0.5
