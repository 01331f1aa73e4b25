"""The point of least norm of a cone's bound."""

import numpy as np
import pytest
from oracle.test_simplicial import random_cone
from scipy.optimize import nnls

from relucvx.oracle.cone_bounds import (
    least_norm_majorant,
)
from relucvx.oracle.least_norm import append_row, least_norm, passive_room


@pytest.mark.parametrize("dim", [2, 3, 4, 6])
def test_least_norm_solves_its_quadratic_program(dim):
    """min ||w|| s.t. Gw >= b: the dual is min over x >= 0 of ||Gᵀx||²/2 - b·x, here by NNLS on the polar form."""
    rng = np.random.default_rng(dim)
    x, w = np.empty(dim), np.empty(dim)
    for trial in range(100):
        G = random_cone(rng, dim, dim, 0.4)
        b = rng.standard_normal(dim) + 0.5
        least_norm(G, dim, b, x, w, passive_room(dim, dim))
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


def test_rows_that_hold_as_equations_are_solved_or_refused():
    rng = np.random.default_rng(1)
    for _ in range(50):
        G, b = rng.standard_normal((4, 6)), rng.standard_normal(4)
        room = passive_room(4, 6)
        rows = np.flatnonzero(rng.random(4) < 0.6)
        for count, k in enumerate(rows):
            assert append_row(G, 6, b, k, count, room)
        Q, R, y = room.Q[: len(rows)], room.R[: len(rows), : len(rows)], room.y[: len(rows)]
        np.testing.assert_array_equal(room.index[: len(rows)], rows)
        np.testing.assert_allclose(Q @ Q.T, np.eye(len(rows)), atol=1e-12)
        np.testing.assert_allclose(np.triu(R).T @ Q, G[rows], atol=1e-12)
        np.testing.assert_allclose(G[rows] @ (y @ Q), b[rows], atol=1e-10)
    room = passive_room(2, 6)
    assert append_row(np.ones((2, 6)), 6, np.ones(2), 0, 0, room)
    assert not append_row(np.ones((2, 6)), 6, np.ones(2), 1, 1, room)
    full = passive_room(3, 2)
    rows = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert [append_row(rows, 2, np.ones(3), k, k, full) for k in range(3)] == [True, True, False]


def test_equations_are_dropped_on_the_way():
    """The first row picked is the most violated one, and holds with room to spare at the end."""
    G = np.array([[1.0, 0.0], [0.8, 0.6], [0.8, -0.6]])
    b = np.array([1.0, 0.99, 0.99])
    x, w = np.empty(3), np.empty(2)
    least_norm(G, 2, b, x, w, passive_room(3, 2))
    assert x[0] == 0.0
    np.testing.assert_allclose(w, [0.99 / 0.8, 0.0], atol=1e-14)
    np.testing.assert_allclose(x @ G, w, atol=1e-14)
