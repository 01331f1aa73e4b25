"""The point of least norm of a cone's bound."""

import numpy as np
import pytest
from oracle.test_simplicial import random_cone
from scipy.optimize import nnls

from relucvx.arrangement._least_norm import least_norm, solve_passive
from relucvx.oracle.cone_bounds import (
    least_norm_majorant,
)


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
