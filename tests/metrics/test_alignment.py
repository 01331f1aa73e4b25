"""Centred kernel alignment: definition, routes, invariances, the unbiased form, refusals."""

from itertools import permutations

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import cka


def literal(K, L):
    n = len(K)
    H = np.eye(n) - 1 / n
    A, B = H @ K @ H, H @ L @ H
    return np.trace(A @ B) / np.sqrt(np.trace(A @ A) * np.trace(B @ B))


def unbiased(K, L):
    """The estimate as a mean over tuples of different samples (Song et al. 2012), literally."""
    n = len(K)
    two = np.mean([K[i, j] * L[i, j] for i, j in permutations(range(n), 2)])
    three = np.mean([K[i, j] * L[i, q] for i, j, q in permutations(range(n), 3)])
    four = np.mean([K[i, j] * L[q, r] for i, j, q, r in permutations(range(n), 4)])
    return two - 2 * three + four


@pytest.mark.parametrize(("p", "q"), [(3, 4), (30, 3), (30, 40)])
def test_equals_the_literal_definition_by_every_route(p, q):
    rng = np.random.default_rng(p + q)
    A = rng.standard_normal((12, p)) + 2.0
    B = A @ rng.standard_normal((p, q)) + rng.standard_normal((12, q))
    expected = literal(A @ A.T, B @ B.T)
    assert 0.05 < expected < 0.999
    for found in (
        cka(A, B),
        cka(B, A),
        cka(A, kernel2=B @ B.T),
        cka(kernel1=A @ A.T, Z2=B),
        cka(kernel1=A @ A.T, kernel2=B @ B.T),
    ):
        assert found == pytest.approx(expected, rel=1e-10)


def test_invariances_and_their_limits():
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((20, 5)), rng.standard_normal((20, 7))
    base = cka(A, B)
    Q, order = np.linalg.qr(rng.standard_normal((5, 5)))[0], rng.permutation(20)
    for other in (
        cka(A @ Q + 3, B),
        cka(1e-3 * A, B),
        cka(1e-160 * A, 1e160 * B),
        cka(A[order], B[order]),
        cka(A, B[:, ::-1]),
    ):
        assert other == pytest.approx(base, rel=1e-9)
    for copy in (A, 1e-3 * A @ Q + 7, np.hstack([A, A])):
        assert cka(A, copy) == pytest.approx(1.0, abs=1e-12)
    assert cka(A, A * [1, 2, 3, 4, 5]) < 0.999
    assert abs(cka(A[order], B) - base) > 1e-4
    assert 0.0 <= base <= 1.0


def test_orthogonal_representations_score_zero():
    u, v = np.array([1.0, 1, -1, -1])[:, None], np.array([1.0, -1, 1, -1])[:, None]
    assert cka(u, v) == pytest.approx(0.0, abs=1e-30)


def test_the_unbiased_form_equals_its_definition_and_is_centred():
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((7, 3)) + 1, rng.standard_normal((7, 2))
    B[:, 0] += A[:, 0]
    K, L = A @ A.T, B @ B.T
    expected = unbiased(K, L) / np.sqrt(unbiased(K, K) * unbiased(L, L))
    assert cka(A, B, debiased=True) == pytest.approx(expected, rel=1e-9)
    assert cka(kernel1=K, kernel2=L, debiased=True) == pytest.approx(expected, rel=1e-9)
    wide = [(rng.standard_normal((15, 200)), rng.standard_normal((15, 200))) for _ in range(30)]
    assert np.mean([cka(a, b) for a, b in wide]) > 0.8
    assert abs(np.mean([cka(a, b, debiased=True) for a, b in wide])) < 0.05


def test_undefined_is_nan():
    A = np.random.default_rng(2).standard_normal((6, 2))
    flat = np.full((6, 3), 0.1)
    for debiased in (False, True):
        assert np.isnan(cka(A, flat, debiased=debiased))
        assert np.isnan(cka(flat, kernel2=A @ A.T, debiased=debiased))
    assert np.isnan(cka(np.zeros((6, 2)), A))
    assert np.isnan(cka(np.eye(6), A, debiased=True))  # no structure beyond the diagonal


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"Z1": np.eye(3)}, r"Z of shape \(n, p\) or kernel.*received neither"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "kernel2": np.eye(3)}, "received both"),
        ({"Z1": np.eye(3), "Z2": np.eye(4)}, "two representations of the same samples; received 3 and 4 rows"),
        ({"Z1": np.eye(3), "kernel2": np.eye(4)}, "two representations of the same samples"),
        ({"Z1": np.eye(3), "Z2": np.eye(3), "debiased": True}, "at least 4 samples"),
        ({"Z1": np.eye(3), "kernel2": np.ones((3, 2))}, "a symmetric kernel"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        cka(**kwargs)
