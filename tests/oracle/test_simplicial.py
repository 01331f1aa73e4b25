"""Compiled kernels against literal definitions: every bound holds on densely sampled cones."""

import heapq

import numpy as np
import pytest
from scipy.optimize import nnls

from relucvx.arrangement._least_norm import least_norm, solve_passive
from relucvx.oracle import simplicial
from relucvx.oracle.branch_and_bound import starting_cones
from relucvx.oracle.cone_bounds import (
    cone_bound,
    entrywise_bound,
    least_norm_majorant,
    repaired_norm,
    spectral_on_cell,
)
from relucvx.oracle.form import make_form
from relucvx.oracle.simplicial import heap_pop, heap_push, relax, split_point, value_along, value_at
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


CASES = [(dim, p, wide) for dim in (2, 3, 4, 5) for p in (dim, dim - 1) for wide in (0.05, 0.5, 2.0) if p >= 1]


@pytest.mark.parametrize(("dim", "p", "wide"), CASES)
def test_cone_bounds_hold_on_the_cone(dim, p, wide):
    rng = np.random.default_rng([dim, p, int(100 * wide)])
    finite = 0
    for trial in range(30):
        c = 1 + trial % 3
        G = random_cone(rng, dim, p, wide)
        a = rng.standard_normal((dim, c)) + 2.0 * rng.standard_normal(c)
        rho = rng.exponential(size=dim) * (trial % 2) * 0.3
        alphas = sampled_alphas(rng, G, p)
        worst = (np.linalg.norm(alphas @ a, axis=1) + alphas @ rho).max()
        entrywise = entrywise_bound(G, p, a, rho)
        assert entrywise * ROUNDING >= worst
        point = np.empty(dim)
        for threshold in (0.0, 0.7 * worst, 2.0 * worst, np.inf):
            assert cone_bound(G, p, a, rho, threshold, point) * ROUNDING >= worst
        bound = cone_bound(G, p, a, rho, 0.0, point)
        assert bound <= entrywise
        finite += bool(np.isfinite(bound))
        b = a[:, 0] + rho
        majorant = least_norm_majorant(G, p, b, point)
        assert majorant * ROUNDING >= (alphas @ b).max()
    assert finite >= (30 if wide < 0.1 else 1)


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_narrow_cones_without_remainder_are_bounded_tightly(dim):
    rng = np.random.default_rng(dim)
    for _ in range(20):
        G = random_cone(rng, dim, dim, 0.1)
        a = rng.standard_normal((dim, 1))
        alphas = sampled_alphas(rng, G, dim, 20_000)
        worst = np.abs(alphas @ a).max()
        assert cone_bound(G, dim, a, np.zeros(dim), 0.0, np.empty(dim)) <= 1.1 * worst + 1e-9


@pytest.mark.parametrize("dim", [2, 3, 4, 6])
def test_least_norm_solves_its_quadratic_program(dim):
    """min ||w|| s.t. Gw >= b: the dual is min over x >= 0 of ||Gᵀx||²/2 - b·x, here by NNLS on the polar form."""
    rng = np.random.default_rng(dim)
    x, w = np.empty(dim), np.empty(dim)
    for trial in range(100):
        G = random_cone(rng, dim, dim, 0.4)
        b = rng.standard_normal(dim) + 0.5
        least_norm(G, dim, b, x, w)
        assert (x >= 0).all()
        np.testing.assert_allclose(w, x @ G, atol=1e-12)
        if b.max() <= 0:
            assert not w.any()
            continue
        # least-distance programming (Lawson and Hanson, chapter 23)
        E = np.vstack([G.T, b])
        f = np.append(np.zeros(dim), 1.0)
        u, rest = nnls(E, f)
        r = E @ u - f
        expected = -r[:dim] / r[dim]
        assert np.linalg.norm(w) == pytest.approx(np.linalg.norm(expected), rel=1e-7), (trial, rest)
        point = np.empty(dim)
        majorant = least_norm_majorant(G, dim, b, point)
        assert majorant == pytest.approx(np.linalg.norm(expected), rel=1e-7)
        assert majorant >= np.linalg.norm(expected) * (1 - 1e-9)


def test_repair_makes_any_point_feasible_or_admits_defeat():
    rng = np.random.default_rng(0)
    for _ in range(200):
        G = random_cone(rng, 3, 3, 0.5)
        b, w = rng.standard_normal(3), rng.standard_normal(3)
        value = repaired_norm(G, 3, b, w)
        alphas = sampled_alphas(rng, G, 3, 500)
        assert value * ROUNDING >= (alphas @ b).max()
    flat = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert repaired_norm(flat, 2, np.ones(2), np.zeros(2)) == np.inf
    assert entrywise_bound(flat, 2, np.ones((2, 1)), np.zeros(2)) == np.inf


def test_solve_passive_solves_or_refuses():
    rng = np.random.default_rng(1)
    x, w = np.empty(4), np.empty(6)
    for _ in range(50):
        G, b = rng.standard_normal((4, 6)), rng.standard_normal(4)
        passive = rng.random(4) < 0.6
        assert solve_passive(G, 6, b, passive, x, w)
        assert not x[~passive].any()
        np.testing.assert_allclose(x @ G, w, atol=1e-10)
        np.testing.assert_allclose(G[passive] @ w, b[passive], atol=1e-10)
    assert not solve_passive(np.ones((2, 6)), 6, np.ones(2), np.ones(2, bool), x[:2], w)


def test_thin_cones_keep_their_digits():
    """Generators 1e-9 apart: a Gram matrix would have lost the difference, the factorisation must not."""
    G = np.array([[1.0, 0.0, 0.0], [1.0, 1e-9, 0.0], [0.8, 0.0, 0.6]])
    q = np.array([0.9, 0.3, 0.2])
    value = least_norm_majorant(G, 3, G @ q, np.empty(3))
    assert value <= np.linalg.norm(q) * (1 + 1e-6)


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


@pytest.mark.parametrize("c", [2, 3])
def test_spectral_bound_on_a_cell(c):
    rng = np.random.default_rng(c)
    tried = 0
    while tried < 20:
        form = form_for(rng, "none", c, "leaky_relu", n=4, d=3)
        G = random_cone(rng, 3, 3, 0.1)
        Z = G @ form.X.T
        if ((Z > 0).any(axis=0) & (Z < 0).any(axis=0)).any():
            continue
        tried += 1
        point = np.empty(3)
        bound = spectral_on_cell(form.X, form.M, form.L, G, Z, np.arange(3), 3, np.zeros(4), point)
        alphas = sampled_alphas(rng, G, 3, 2000)
        assert bound * ROUNDING >= form.values((alphas @ G).T).max()
        assert point @ G.mean(axis=0) >= 0
        assert spectral_on_cell(form.X, form.M, form.L, G, Z, np.arange(3), 2, np.zeros(4), point) == np.inf


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


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("bias", ["none", "free"])
def test_starting_cones_cover_the_sphere_and_the_bias_range(bias, d):
    rng = np.random.default_rng(d)
    form = form_for(rng, bias, 1, "relu", n=8, d=d)
    cones = starting_cones(form)
    p, dim = form.penalized, form.X.shape[1]
    np.testing.assert_allclose(np.linalg.norm(cones[:, :, :p], axis=2), 1.0)
    W = rng.standard_normal((500, dim)) * (rng.random((500, dim)) < 0.8)
    W[:dim] = np.eye(dim)
    W = W[np.linalg.norm(W[:, :p], axis=1) > 0]
    W[:, :p] /= np.linalg.norm(W[:, :p], axis=1, keepdims=True)
    if bias == "free":
        W[:, -1] = form.bias_range * rng.choice([-1.0, 1.0, 0.0, 0.3], len(W))
    covered = np.zeros(len(W), bool)
    for cone in cones:
        covered |= (np.linalg.solve(cone.T, W.T) >= -1e-9).all(axis=0)
    assert covered.all()
    assert len(cones) == 2**p * (p if bias == "free" else 1)


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


def test_heap_pops_in_decreasing_order_with_its_cones():
    rng = np.random.default_rng(2)
    bounds, nodes = np.empty(300), np.empty((300, 2, 2))
    size, reference, G = 0, [], np.empty((2, 2))
    for step in range(900):
        if size and (rng.random() < 0.4 or size >= 290):
            top = bounds[0]
            size = heap_pop(bounds, nodes, size, G)
            assert top == -heapq.heappop(reference)
            assert G[0, 0] == top
            assert G[1, 1] == -top
        else:
            value = float(rng.integers(50)) if step % 2 else float(rng.random())
            size = heap_push(bounds, nodes, size, value, np.array([[value, 0.0], [0.0, -value]]))
            heapq.heappush(reference, -value)
        assert size == len(reference)
        if size:
            assert bounds[0] == -reference[0]
    while size:
        top = bounds[0]
        size = heap_pop(bounds, nodes, size, G)
        assert top == -heapq.heappop(reference)
        assert G[0, 0] == top


def test_outcome_codes_differ():
    assert len({simplicial.RUNNING, simplicial.EMPTY, simplicial.VIOLATED}) == 3
