"""Compiled kernels against literal definitions: every bound holds on densely sampled cones."""

import numpy as np
import pytest

from relucvx.oracle.form import make_form
from relucvx.oracle.simplicial import relax, split_point, value_along, value_at
from relucvx.types import ACTIVATIONS

ROUNDING = 1 + 1e-12


def random_cone(rng, dim, p, wide):
    """Unit generators of an acute simplicial cone (part of a rotated orthant), the only kind the search makes."""
    rotation = np.linalg.qr(rng.standard_normal((p, p)))[0]
    centre = rng.random(p)
    lead = np.abs(centre / np.linalg.norm(centre) + wide * rng.standard_normal((dim, p)))
    lead /= np.linalg.norm(lead, axis=1, keepdims=True)
    return np.column_stack([lead @ rotation, rng.standard_normal((dim, dim - p))])


def sampled_alphas(rng, G, p, count=4000):
    """Coefficients α >= 0 with ||Σ α_k g_k||_p = 1: interior, faces, edges and vertices of the cone."""
    size = len(G)
    A = rng.exponential(size=(count, size)) ** rng.choice([1.0, 4.0], size=(count, 1))
    A[: count // 2] *= rng.random((count // 2, size)) < 0.5
    A = np.vstack([np.eye(size), A[A.any(axis=1)]])
    norms = np.linalg.norm((A @ G)[:, :p], axis=1)
    keep = norms > 1e-9
    return A[keep] / norms[keep, None]


def form_for(rng, bias, c, activation, n=6, d=2):
    X = rng.standard_normal((n, d))
    N = rng.standard_normal((n, c))
    free = bias == "free"
    if free:
        N -= N.mean(axis=0)
    inputs = X if bias == "none" else np.column_stack([X, np.ones(n)])
    return make_form(inputs, N, ACTIVATIONS[activation], free_bias=free)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "linear"])
@pytest.mark.parametrize("bias", ["none", "hidden", "free"])
@pytest.mark.parametrize("c", [1, 2, 3])
def test_relaxation_majorises_the_function_on_the_cone(c, bias, activation):
    rng = np.random.default_rng(c)
    for trial in range(25):
        form = form_for(rng, bias, c, activation, d=1 + trial % 3)
        dim, p = form.X.shape[1], form.penalized
        G = random_cone(rng, dim, p, [0.05, 0.4, 1.5][trial % 3])
        Z = G @ form.X.T
        a, rho = np.empty((dim, c)), np.empty(dim)
        mixed, heavy, share = relax(
            form.X, form.M, form.L, G, Z, np.arange(dim), np.linalg.norm(form.M, axis=1), np.zeros(len(form.X)), a, rho
        )
        # a sample without weight has no kink
        crossing = (Z > 0).any(axis=0) & (Z < 0).any(axis=0) & form.M.any(axis=1)
        assert mixed == crossing.sum()
        assert 0.0 <= share <= 1 + 1e-12
        assert heavy == -1 if mixed == 0 or not form.M.any() else crossing[heavy]
        alphas = sampled_alphas(rng, G, p, 1000)
        exact = form.values((alphas @ G).T)
        bound = np.linalg.norm(alphas @ a, axis=1) + alphas @ rho
        assert (bound * ROUNDING + 1e-12 * form.scale >= exact).all()
        if mixed == 0:
            assert not rho.any()
            np.testing.assert_allclose(bound, exact, atol=1e-10 * form.scale)


@pytest.mark.parametrize("bias", ["none", "free"])
def test_splitting_covers_the_cone(bias):
    """Every α of the parent is a non-negative combination in one of the two children."""
    rng = np.random.default_rng(4)
    for trial in range(100):
        form = form_for(rng, bias, 1, "relu", d=1 + trial % 3)
        dim, p = form.X.shape[1], form.penalized
        if dim == 1:
            continue
        G = random_cone(rng, dim, p, 0.7)
        Z = np.vstack([G @ form.X.T, np.zeros(len(form.X))])
        mixed_rows = np.flatnonzero((Z[:dim] > 0).any(axis=0) & (Z[:dim] < 0).any(axis=0))
        heavy = int(mixed_rows[0]) if len(mixed_rows) and trial % 2 else -1
        middle = np.empty(dim)
        k, l = split_point(G, Z, p, np.ones(Z.shape[1]), len(mixed_rows), heavy, 1.0, 0.2, middle)
        assert k != l
        assert np.linalg.norm(middle[:p]) == pytest.approx(1.0)
        if heavy >= 0:
            assert abs(form.X[heavy] @ middle) <= 1e-12
        children = []
        for replaced in (k, l):
            child = G.copy()
            child[replaced] = middle
            children.append(child)
        W = rng.exponential(size=(200, dim)) @ G
        inside = [(np.linalg.solve(child.T, W.T) >= -1e-9).all(axis=0) for child in children]
        assert (inside[0] | inside[1]).all()


def test_values_at_and_along():
    rng = np.random.default_rng(9)
    for c in (1, 3):
        form = form_for(rng, "hidden", c, "leaky_relu")
        for w in rng.standard_normal((20, form.X.shape[1])):
            z = np.empty(len(form.X))
            expected = float(form.values(w[:, None])[0])
            assert value_at(form.X, form.M, form.L, w, z) == pytest.approx(expected, rel=1e-12)
            np.testing.assert_allclose(z, form.X @ w, rtol=1e-12, atol=1e-12)
            scaled = w.copy()
            value = value_along(form.X, form.M, form.L, form.penalized, scaled, z)
            assert value == pytest.approx(expected / np.linalg.norm(w), rel=1e-12)
        assert value_along(form.X, form.M, form.L, form.penalized, np.zeros(form.X.shape[1]), z) == 0.0
