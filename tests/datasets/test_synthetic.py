"""Synthetic designs have the structure they promise, and one seed gives one dataset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.datasets import (
    class_labels,
    factorial,
    factorial_kernel,
    inputs_from_kernel,
    planted,
    spiral,
    whitened,
)
from relucvx.errors import InvalidInputError

MAKERS = [
    lambda rng: planted(8, 3, 2, rng=rng),
    lambda rng: spiral(9, noise=0.1, rng=rng),
    lambda rng: whitened(3, 5, rng=rng),
    lambda rng: factorial(2, 2, rng=rng),
    lambda rng: class_labels((2, 1), rng=rng),
]


@pytest.mark.parametrize("make", MAKERS)
def test_determinism(make):
    np.testing.assert_array_equal(make(3).X, make(3).X)
    np.testing.assert_array_equal(make(3).X, make(np.random.default_rng(3)).X)
    assert np.abs(make(3).X - make(4).X).max() > 1e-3


def test_planted():
    clean = planted(200, 3, 4, noise=0.0, rng=1)
    np.testing.assert_array_equal(clean.teacher.predict(clean.X), clean.Y)
    assert clean.teacher.width == 4
    noisy = planted(2000, 3, 4, noise=0.5, rng=1)
    residual = noisy.Y - noisy.teacher.predict(noisy.X)
    assert residual.std() == pytest.approx(0.5, rel=0.1)
    assert planted(10, 3, n_outputs=2).Y.shape == (10, 2)


def test_spiral():
    data = spiral(101, turns=2.0)
    assert set(data.Y) == {-1.0, 1.0}
    assert abs(data.Y.sum()) == 1
    radius = np.linalg.norm(data.X, axis=1)
    assert 0.1 <= radius.min() <= radius.max() <= 1.0 + 1e-12
    np.testing.assert_allclose(data.X[0], -data.X[1], atol=1e-12)
    assert spiral(1).X.shape == (1, 2)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 6), st.integers(0, 4), st.integers(0, 99))
def test_whitened(n, extra, seed):
    data = whitened(n, n + extra, rng=seed, n_outputs=2)
    np.testing.assert_allclose(data.X @ data.X.T, np.eye(n), atol=1e-13)
    assert data.Y.shape == (n, 2)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 2), st.sampled_from([(1, 0, 0), (0.5, 2, 1), (1, 0, -0.02), (0, 1, 0)]))
def test_factorial(d_Y, repeats, strengths):
    x0, x1, x2 = strengths
    data = factorial(d_Y, repeats, x0=x0, x1=x1, x2=x2, rng=5)
    n = repeats * 2**d_Y
    assert data.Y.shape == (n, d_Y)
    np.testing.assert_array_equal(data.Y.T @ data.Y, n * np.eye(d_Y))
    np.testing.assert_array_equal(data.Y.sum(axis=0), np.zeros(d_Y))
    assert len({tuple(row) for row in data.Y}) == 2**d_Y
    expected = x0 * np.eye(n) + x1 * data.Y @ data.Y.T + x2 * np.ones((n, n))
    np.testing.assert_allclose(data.X @ data.X.T, expected, atol=1e-12)
    np.testing.assert_allclose(factorial_kernel(data.Y, x0, x1, x2), expected)
    np.testing.assert_array_equal(data.labels, np.repeat(np.arange(2**d_Y), repeats))


def test_class_labels():
    data = class_labels((1, 3), d=6)
    np.testing.assert_array_equal(data.X, np.eye(4, 6))
    np.testing.assert_array_equal(data.Y.sum(axis=0), [1, 3])
    np.testing.assert_array_equal(data.Y.argmax(axis=1), data.labels)
    np.testing.assert_allclose(class_labels((2, 2), rng=0).X @ class_labels((2, 2), rng=0).X.T, np.eye(4), atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: planted(0, 3), "n to be an int >= 1; received 0"),
        (lambda: planted(5, 3, noise=-1.0), "noise to be a finite number >= 0"),
        (lambda: planted(5, 3, rng="a"), "rng to be None"),
        (lambda: spiral(5, turns=0), "turns to be a finite number > 0"),
        (lambda: spiral(True), "n to be an int >= 1"),
        (lambda: whitened(4, 3), "n <= d, so that X X.T = I_n; received n = 4, d = 3"),
        (lambda: factorial(13), "d_Y from 1 to 12; received 13"),
        (lambda: factorial(2, x2=-1.0), "without negative eigenvalues; received smallest eigenvalue -3"),
        (lambda: factorial_kernel(np.ones(2), np.nan), "finite numbers x0, x1, x2"),
        (lambda: factorial_kernel(np.ones(2), "a"), "finite numbers x0, x1, x2"),
        (lambda: inputs_from_kernel(np.ones((2, 3))), "a symmetric square kernel K"),
        (lambda: inputs_from_kernel([[1.0, 0.5], [0.0, 1.0]]), "a symmetric square kernel K"),
        (lambda: class_labels(()), "at least one class size"),
        (lambda: class_labels((2, 0)), "each class size to be an int >= 1"),
        (lambda: class_labels((2, 2), d=3), "d >= n = 4"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
