"""Polyhedra in few dimensions: boxes, cones, slabs, half-spaces."""

import numpy as np
import pytest

from relucvx.metrics.regions.cells import cell_around


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_a_box_among_inequalities_that_bound_nothing(d):
    A = np.vstack([np.eye(d), -np.eye(d), np.ones((1, d)) / np.sqrt(d)])
    b = np.concatenate([np.ones(2 * d), [10.0 * d]])
    cell = cell_around(A, b, np.full(d, 0.3))
    assert sorted(cell.sides.tolist()) == list(range(2 * d))
    assert cell.bounded
    slack = cell.contacts @ A.T + b
    for side, row in zip(cell.sides, slack, strict=True):
        assert abs(row[side]) < 1e-12
        assert np.delete(row, side).min() > 0.1
    assert (A @ cell.centre + b).min() > 0.5


def test_cones_slabs_and_half_spaces():
    cone = cell_around(np.eye(2), np.zeros(2), np.array([1.0, 3.0]))
    assert (sorted(cone.sides.tolist()), cone.bounded) == ([0, 1], False)
    assert (cone.contacts[np.argsort(cone.sides)].max(axis=1) > 0).all()
    slab = cell_around(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.0, 2.0]), np.array([0.5, 7.0]))
    assert (sorted(slab.sides.tolist()), slab.bounded) == ([0, 1], False)
    np.testing.assert_allclose(slab.centre, [1.0, 7.0])
    half = cell_around(np.array([[0.6, 0.8]]), np.array([-1.0]), np.array([3.0, 4.0]))
    assert (half.sides.tolist(), half.bounded) == ([0], False)
    np.testing.assert_allclose(half.contacts @ [0.6, 0.8], 1.0)
    assert len(cell_around(np.empty((0, 2)), np.empty(0), np.zeros(2)).sides) == 0
