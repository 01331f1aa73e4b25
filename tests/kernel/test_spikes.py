"""Spike-free data: the linear-algebra test against the definition on many directions, and its witnesses."""

from fractions import Fraction

import numpy as np
import pytest

import relucvx as rx
from relucvx.kernel import spike_free

RNG = np.random.default_rng(0)


def least_norm(X, h):
    """min ||w|| subject to X w = h; inf when there is none."""
    w = np.linalg.lstsq(X, h, rcond=None)[0]
    return np.linalg.norm(w) if np.linalg.norm(X @ w - h) <= 1e-8 * max(1, np.linalg.norm(h)) else np.inf


def assert_right(X, expected):
    """The verdict, its witness, and no violation among random directions when spike-free."""
    found = spike_free(X)
    assert found.spike_free is expected, found.reason
    if expected:
        assert found.witness is None
        for w in RNG.standard_normal((300, X.shape[1])):
            assert least_norm(X, np.maximum(X @ w, 0)) <= least_norm(X, X @ w) * (1 + 1e-9) + 1e-12
        return
    assert np.linalg.norm(found.direction) == pytest.approx(1.0)
    assert np.allclose(X @ found.direction, found.witness)
    cost = least_norm(X, np.maximum(found.witness, 0))
    assert cost > 1
    assert cost == pytest.approx(found.excess, rel=1e-6)


def stieltjes(n, rng):
    """A random positive definite matrix without positive off-diagonal entries."""
    B = rng.random((n, n)) * (rng.random((n, n)) < 0.6)
    B = np.triu(B, 1) + np.triu(B, 1).T
    return (np.linalg.norm(B, 2) * 1.2 + 0.1) * np.eye(n) - B


@pytest.mark.parametrize("seed", range(10))
def test_inverse_kernel_with_and_without_a_positive_entry(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    P = stieltjes(n, rng)
    rotate = np.linalg.qr(rng.standard_normal((n + 1, n)))[0].T
    assert_right(np.linalg.cholesky(np.linalg.inv(P)) @ rotate, True)
    P[0, 1] = P[1, 0] = 0.05
    assert_right(np.linalg.cholesky(np.linalg.inv(P)) @ rotate, False)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.eye(3, 5), True),
        (-np.eye(3), True),
        (np.array([[1.0, 0.3], [1, -0.3]]), True),
        (np.array([[1.0, 0], [-0.3, 1]]), False),
        (np.zeros((2, 3)), True),
        (np.array([[1.0, 0], [0, 0]]), True),
        (np.ones((4, 1)), True),
        (np.array([[1.0, 0], [2, 0], [0, 1]]), True),  # multiples of independent rows
        (np.array([[1.0, 0], [-2, 0], [0, 1]]), False),  # a negative multiple
        (np.array([[1.0], [-1]]), False),
        (np.array([[1.0, 0], [0, 1], [1, 1]]), False),  # a positive combination
        (np.array([[1.0, 0], [0, 1], [1, -1]]), False),
        (np.array([[1.0, 0], [2, 0], [-0.3, 1]]), False),  # independent directions, positive entry
        (np.array([[1.0, 0], [2, 0], [0, 0], [0.3, 1]]), True),
    ],
)
def test_small_designs(X, expected):
    assert_right(X, expected)


@pytest.mark.parametrize("seed", range(10))
def test_more_samples_than_features_are_not_spike_free(seed):
    X = np.random.default_rng(seed).standard_normal((6, 2 + seed % 3))
    assert_right(X, False)


@pytest.mark.parametrize("seed", range(8))
def test_verdict_ignores_scale_order_and_rotation(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3, 3))
    verdict = spike_free(X).spike_free
    changed = np.diag(rng.uniform(0.1, 9, 3)) @ X[rng.permutation(3)] @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert spike_free(changed).spike_free is verdict
    assert_right(X, verdict)
    assert_right(np.vstack([X, 3 * X[:1]]), verdict)  # a repeated direction


def test_reason_names_the_rows_and_errors():
    assert "rows 0 and 2" in spike_free(np.array([[1.0, 0], [0, 0], [-0.3, 1]])).reason
    with pytest.raises(rx.RelucvxError, match="X to be finite"):
        spike_free([[np.nan]])


@pytest.mark.parametrize("scale", [1e-3, 1e-7, 1e-9, 1e-12])
def test_nearly_parallel_rows_are_never_called_spike_free_by_rounding(scale):
    """Rows [s x, 1] with s small: x = -1, 0, 1 in the middle has a spike at every s, and no s may raise."""
    X = np.column_stack([scale * np.array([[-1.0, 0.3], [0.2, 1.0], [0.6, -0.8]]), np.ones(3)])
    exact = _exact_verdict(X)
    found = spike_free(X)
    assert found.spike_free <= exact
    if scale >= 1e-3:
        assert found.spike_free == exact


def _exact_verdict(X):
    """The signs of the off-diagonal entries of the adjugate of X X^T, three rows, in exact arithmetic."""
    rows = [[Fraction(float(v)) for v in row] for row in X]
    K = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
    det = sum(
        K[0][j] * (K[1][(j + 1) % 3] * K[2][(j + 2) % 3] - K[1][(j + 2) % 3] * K[2][(j + 1) % 3]) for j in range(3)
    )
    assert det > 0
    cofactors = [
        K[1][2] * K[2][0] - K[1][0] * K[2][2],
        K[1][0] * K[2][1] - K[1][1] * K[2][0],
        K[0][1] * K[2][0] - K[0][0] * K[2][1],
    ]
    return all(c <= 0 for c in cofactors)
