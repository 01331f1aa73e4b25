"""Columns: cells and outputs of directions, starts on both sides of a wall, and one of each bundle."""

import numpy as np
import pytest

from relucvx.network import TwoLayerReLU
from relucvx.program import make_problem
from relucvx.solver.columns import beside, cells_of, distinct, own_starts, unit_pull

X = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
PROBLEM = make_problem(X, [1.0, -2.0, 0.0], 0.5)


def test_zero_rows_and_walls_count_as_true():
    np.testing.assert_array_equal(cells_of(PROBLEM, np.array([[-1.0, 0.0], [1.0, -1.0]])), [[0, 1, 1], [1, 0, 1]])


def test_outputs_point_along_the_pull():
    W = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    np.testing.assert_array_equal(unit_pull(PROBLEM, PROBLEM.Y, W), [[1.0], [-1.0], [1.0]])  # nothing pulls the last


def test_new_columns_are_small_beside_the_neurons():
    W, V = beside(np.array([[3.0, 4.0]]), np.array([[2.0]]), np.array([[1.0, 0.0]]), np.array([[-1.0]]))
    np.testing.assert_allclose(W, [[3.0, 4.0], [0.15, 0.0]])
    np.testing.assert_allclose(V, [[2.0], [-0.15]])
    alone = beside(np.zeros((0, 2)), np.zeros((0, 1)), np.array([[1.0, 0.0]]), np.array([[1.0]]))
    np.testing.assert_allclose(alone[0], [[0.03, 0.0]])


@pytest.mark.parametrize(("w", "sides"), [((1.0, 0.0), {-1.0, 1.0}), ((1.0, 0.5), {1.0})])
def test_a_neuron_on_a_wall_is_started_from_both_sides(w, sides):
    starts = own_starts(PROBLEM, TwoLayerReLU([w, (0.0, 0.0)], [1.0, 1.0]), lambda w: w)
    np.testing.assert_array_equal(starts[0], w)
    assert set(np.sign(starts[1:, 1])) == sides
    np.testing.assert_allclose(starts, np.tile(w, (len(starts), 1)), atol=2e-3)


def test_no_neurons_no_starts():
    assert own_starts(PROBLEM, PROBLEM.null_network(), lambda w: w).shape == (0, 2)


def test_the_largest_of_a_bundle_stays_if_outputs_agree():
    W = np.array([[1.0, 0.0], [1.0, 1e-4], [1.0, 0.0], [0.0, 1.0]])
    V = np.array([[1.0], [2.0], [-1.0], [1.0]])
    np.testing.assert_array_equal(distinct(W, V, np.array([1.0, 2.0, 1.0, 0.5])), [False, True, True, True])
