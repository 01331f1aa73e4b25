"""Bounds of single cones: with slopes improved whatever they are needed for, and halves of what was bounded."""

import numpy as np
import pytest
from oracle.branches import CASES, random_branch

from relucvx.oracle.cover_kernels import bound_all, halve_all, tightened
from relucvx.oracle.slopes import side_bound


@pytest.mark.parametrize(("c", "bias", "activation"), CASES)
def test_improved_slopes_bound_what_is_there_and_are_rarely_looser_than_the_search(c, bias, activation):
    rng = np.random.default_rng(5)
    looser = 0
    for _ in range(20):
        form, rows, stack, room, s = random_branch(rng, bias, c, activation)
        G = stack.G[s]
        for side in range(2 if rows.L.shape[1] == 1 else 1):
            found = tightened(rows, stack, s, side, room)
            usual, _ = side_bound(rows, stack, s, side, -np.inf, room)
            looser += found > usual * (1 + 1e-9)
            if rows.L.shape[1] > 1:
                inside = rng.dirichlet(np.ones(len(G)), 100) @ G
                lead = np.linalg.norm(inside[:, : form.penalized], axis=1, keepdims=True)
                assert found >= form.values((inside / lead).T).max() - 1e-9 * form.scale
    assert looser <= 6


def test_halves_are_made_on_copies_and_bounds_of_chosen_cones_come_in_their_order():
    rng = np.random.default_rng(6)
    _, rows, stack, room, _ = random_branch(rng, "none", 1, "relu", depth=0)
    nodes = np.zeros((3, 3, 3))
    nodes[0] = np.eye(3)
    nodes[1] = np.eye(3) * [1.0, 1.0, -1.0]
    one, other, nothing = np.empty(2), np.empty(2), np.empty((0, len(rows.X), 1))
    points, tilts = np.empty((2, 3)), np.empty((0, 3, 1))
    bound_all(rows, stack, room, nodes, np.array([0, 1]), one, points, nothing, tilts)
    bound_all(rows, stack, room, nodes, np.array([1, 0]), other, points, nothing, tilts)
    assert np.array_equal(one, other[::-1])
    halve_all(rows, stack, room, nodes, np.array([1]), 2)
    assert np.array_equal(nodes[0], np.eye(3))
    assert (nodes[2] != nodes[1]).any()
    # what lies in the whole lies in one half or the other
    inside = rng.dirichlet(np.ones(3), 200) @ (np.eye(3) * [1.0, 1.0, -1.0])
    member = [(np.linalg.solve(nodes[k].T, inside.T) >= -1e-12).all(axis=0) for k in (1, 2)]
    assert (member[0] | member[1]).all()
    assert member[0].any()
    assert member[1].any()
