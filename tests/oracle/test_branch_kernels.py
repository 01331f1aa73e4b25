"""Compiled pieces of the bound of branches, against their definitions."""

import numpy as np

from relucvx.oracle import branch_kernels as kernels
from relucvx.oracle.least_norm import passive_room


def cone(seed, d=2, n=7):
    """A random cone inside an orthant, with data and weights."""
    rng = np.random.default_rng(seed)
    q = 2 * d
    G = np.abs(rng.standard_normal((q, q))) * np.where(rng.standard_normal(q) > 0, 1.0, -1.0)
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    return rng.standard_normal((n, d)), rng.standard_normal(n), np.ascontiguousarray(G)


def value(X, N, w):
    d = X.shape[1]
    inner = np.maximum(X @ w[:d], 0.0) - np.maximum(X @ w[d:], 0.0)
    return float(N @ np.maximum(inner, 0.0))


def test_bounds_hold_all_over_the_cone_and_shrink_with_it():
    for seed in range(20):
        X, N, G = cone(seed)
        q, n = len(G), len(X)
        A, B = np.empty((q, n)), np.empty((q, n))
        kernels.pieces(X, G, A, B)
        np.testing.assert_allclose(A, G[:, :2] @ X.T, atol=1e-14)
        np.testing.assert_allclose(B, G[:, 2:] @ X.T, atol=1e-14)
        room, scratch = passive_room(q, q), [np.empty(q) for _ in range(4)]
        best, witness = np.zeros(1), np.zeros(q)
        pa, pb = np.empty(n), np.empty(n)
        h, x, c, c2 = scratch
        bound = kernels.tightened(X, N, G, A, B, pa, pb, h, x, c, c2, 1e-13, 0.0, best, witness, room)
        rng = np.random.default_rng(seed)
        points = rng.exponential(size=(2000, q)) @ G
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        top = max(value(X, N, w) for w in points)
        assert top <= bound
        if best[0] > 0:
            assert np.isclose(value(X, N, witness), best[0])
            assert best[0] <= bound + 1e-12
        # of a cone around one direction little is left to bound
        thin = G[0] + 1e-3 * (G - G[0])
        thin = np.ascontiguousarray(thin / np.linalg.norm(thin, axis=1, keepdims=True))
        kernels.pieces(X, thin, A, B)
        small = kernels.tightened(X, N, thin, A, B, pa, pb, h, x, c, c2, 1e-13, 0.0, np.zeros(1), witness, room)
        assert small <= max(value(X, N, G[0]), 0.0) + 0.1


def test_a_split_lies_on_an_edge_where_a_kink_is_lost():
    for seed in range(20):
        X, N, G = cone(seed)
        q, n = len(G), len(X)
        A, B = np.empty((q, n)), np.empty((q, n))
        kernels.pieces(X, G, A, B)
        out = np.empty(q)
        k, l = kernels.split(N, G, A, B, out)
        assert k != l
        weights = np.linalg.lstsq(G[[k, l]].T, out, rcond=None)[0]
        assert (weights > 0).all()
        np.testing.assert_allclose(weights @ G[[k, l]], out, atol=1e-12)
        assert np.isclose(np.linalg.norm(out), 1.0)


def test_the_heap_gives_the_largest_bound_first():
    rng = np.random.default_rng(0)
    bounds, heap, size = rng.random(50), np.zeros(50, dtype=np.int64), 0
    for slot in range(50):
        size = kernels.push(heap, bounds, size, slot)
    order = []
    while size:
        order.append(kernels.pop(heap, bounds, size))
        size -= 1
    assert (np.diff(bounds[order]) <= 0).all()
