"""Bounds on one cone."""

import numpy as np
import pytest
from oracle.test_simplicial import ROUNDING, form_for, random_cone, sampled_alphas

from relucvx.oracle.cone_bounds import (
    cone_bound,
    entrywise_bound,
    least_norm_majorant,
    repaired_norm,
    spectral_on_map,
)

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


def test_thin_cones_keep_their_digits():
    """Generators 1e-9 apart: a Gram matrix would have lost the difference, the factorisation must not."""
    G = np.array([[1.0, 0.0, 0.0], [1.0, 1e-9, 0.0], [0.8, 0.0, 0.6]])
    q = np.array([0.9, 0.3, 0.2])
    value = least_norm_majorant(G, 3, G @ q, np.empty(3))
    assert value <= np.linalg.norm(q) * (1 + 1e-6)


@pytest.mark.parametrize("c", [2, 3])
def test_spectral_bound_on_a_cell(c):
    rng = np.random.default_rng(c)
    for _ in range(20):
        form = form_for(rng, "none", c, "leaky_relu", n=4, d=3)
        G = random_cone(rng, 3, 3, 0.1)
        Z = G @ form.X.T
        on = (Z > 0).all(axis=0)
        if not (on | (Z < 0).all(axis=0)).all():
            continue
        lines = np.ascontiguousarray((form.L + form.X.T @ (on[:, None] * form.M)).T)
        point = np.empty(3)
        bound = spectral_on_map(lines, G, 3, point)
        alphas = sampled_alphas(rng, G, 3, 2000)
        assert bound * ROUNDING >= form.values((alphas @ G).T).max()
        assert bound == pytest.approx(np.linalg.norm(lines, 2), rel=1e-12)
        assert point @ G.mean(axis=0) >= 0
        assert spectral_on_map(lines, G, 2, np.zeros(3)) == np.inf


@pytest.mark.parametrize("kind", ["any", "orthogonal", "rank one", "uneven", "nearly equal", "whole numbers", "zero"])
def test_the_spectral_bound_is_never_below_the_largest_singular_value(kind):
    rng = np.random.default_rng(0)
    for _ in range(300):
        c, d = (int(k) for k in rng.integers(2, 10, 2))
        lines = rng.standard_normal((c, d))
        if kind == "orthogonal":
            lines = np.ascontiguousarray(np.linalg.qr(rng.standard_normal((max(c, d),) * 2))[0][:c, :d])
        elif kind == "rank one":
            lines = rng.standard_normal((c, 1)) * lines[:1]
        elif kind == "uneven":
            lines *= 10.0 ** rng.integers(-9, 9, (c, 1))
        elif kind == "nearly equal":
            lines = np.eye(c, d) * (1.0 + 1e-9 * rng.standard_normal(d))
        elif kind == "whole numbers":
            lines = rng.integers(-2, 3, (c, d)).astype(float)
        elif kind == "zero":
            lines = np.zeros((c, d))
        point = np.empty(d)
        bound = spectral_on_map(lines, np.abs(rng.standard_normal((d, d))), d, point)
        exact = np.linalg.norm(lines, 2)
        assert exact <= bound <= exact * (1 + 1e-12)
        assert np.linalg.norm(lines @ point) >= (1 - 1e-12) * exact * np.linalg.norm(point)
    assert spectral_on_map(np.full((2, 2), np.nan), np.eye(2), 2, np.empty(2)) == np.inf
