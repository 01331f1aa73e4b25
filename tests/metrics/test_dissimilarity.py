"""Correlation of dissimilarity matrices: scipy as oracle, ties, invariances and their limits, undefined values."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import kendalltau, pearsonr, spearmanr

from relucvx.errors import InvalidInputError
from relucvx.metrics import rdm_correlation
from relucvx.metrics.dissimilarity import DISTANCES, METHODS

ORACLE = {"pearson": pearsonr, "spearman": spearmanr, "kendall": kendalltau}


def draw(seed, n=12):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, 4)) + 0.5
    return A, A @ rng.standard_normal((4, 5)) + rng.standard_normal((n, 5)), rng


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_equals_scipy(distance, method):
    A, B, _ = draw(0)
    expected = ORACLE[method](pdist(A, distance), pdist(B, distance)).statistic
    assert 0.05 < expected < 0.95
    found = rdm_correlation(A, B, distance=distance, method=method)
    assert found == pytest.approx(expected, abs=1e-12)
    assert rdm_correlation(B, A, distance=distance, method=method) == pytest.approx(found, abs=1e-14)
    assert rdm_correlation(A, A, distance=distance, method=method) == pytest.approx(1.0, abs=1e-12)


def test_the_default_is_the_rank_correlation_of_euclidean_distances():
    A, B, _ = draw(1)
    assert rdm_correlation(A, B) == rdm_correlation(A, B, distance="euclidean", method="spearman")


def test_opposite_dissimilarities_score_minus_one():
    A, B = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [3.0], [1.0]])  # distances 1, 3, 2 and 3, 1, 2
    assert rdm_correlation(A, B) == pytest.approx(-1.0)
    assert rdm_correlation(A, B, method="kendall") == pytest.approx(-1.0)


@pytest.mark.parametrize("method", METHODS)
def test_ties_survive_rotation_and_row_order(method):
    A = np.array(list(product(range(3), repeat=3)), dtype=float)
    rng = np.random.default_rng(2)
    B = A + 0.3 * rng.standard_normal(A.shape)
    Q, order = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.permutation(len(A))
    base = rdm_correlation(A, B, method=method)
    assert rdm_correlation(A @ Q + 0.1, B, method=method) == pytest.approx(base, abs=1e-12)
    assert rdm_correlation(A[order], B[order], method=method) == pytest.approx(base, abs=1e-12)
    assert base == pytest.approx(ORACLE[method](np.sqrt(np.round(pdist(A) ** 2)), pdist(B)).statistic, abs=1e-12)


INVARIANT = {
    "euclidean": {"rotate", "shift", "scale", "neurons"},
    "sqeuclidean": {"rotate", "shift", "scale", "neurons"},
    "cityblock": {"shift", "scale", "neurons"},
    "cosine": {"rotate", "scale", "neurons", "gain"},
    "correlation": {"scale", "neurons", "gain", "offset"},
}


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("method", METHODS)
def test_invariances_and_their_limits(distance, method):
    A, B, rng = draw(3)
    changed = {
        "rotate": A @ np.linalg.qr(rng.standard_normal((4, 4)))[0],
        "shift": A + np.array([1.0, 2.0, -1.0, 4.0]),
        "scale": 1e-170 * A,
        "neurons": A[:, ::-1],
        "gain": A * rng.uniform(0.2, 5.0, (12, 1)),
        "offset": A + rng.uniform(-5.0, 5.0, (12, 1)),
        "rows": A[rng.permutation(12)],
    }
    base = rdm_correlation(A, B, distance=distance, method=method)
    for name, other in changed.items():
        found = rdm_correlation(other, B, distance=distance, method=method)
        if name in INVARIANT[distance]:
            assert found == pytest.approx(base, abs=1e-11), name
        else:
            assert abs(found - base) > 1e-3, name


def test_small_angles_keep_their_digits():
    A, B, _ = draw(4)
    close = [np.hstack([np.full((12, 1), 1e6), Z]) for Z in (A, B)]
    fine = rdm_correlation(*close, distance="cosine", method="pearson")
    assert fine == pytest.approx(rdm_correlation(A, B, distance="sqeuclidean", method="pearson"), abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_undefined_is_nan(method):
    A, B, _ = draw(5)
    dead = A.copy()
    dead[3] = 0.0
    assert np.isnan(rdm_correlation(np.eye(12), B, method=method))
    assert np.isnan(rdm_correlation(np.linalg.qr(A @ A.T + np.eye(12))[0], B, method=method))
    assert np.isnan(rdm_correlation(np.zeros((12, 2)), B, method=method))
    assert np.isnan(rdm_correlation(dead, B, distance="cosine", method=method))
    assert np.isnan(rdm_correlation(A, 0 * dead + 0.1, distance="correlation", method=method))
    assert np.isfinite(rdm_correlation(dead, B, method=method))


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((np.eye(3), np.eye(4)), {}, "two representations of the same samples; received 3 and 4 rows"),
        ((np.eye(2), np.eye(2)), {}, "at least 3 samples; received 2"),
        ((np.eye(3), np.eye(3)), {"distance": "hamming"}, "a distance among euclidean.*'hamming'"),
        ((np.eye(3), np.eye(3)), {"method": "tau"}, "a method among pearson.*'tau'"),
    ],
)
def test_refusals(args, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        rdm_correlation(*args, **kwargs)
