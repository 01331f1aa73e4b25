"""Walls: which are near, what keeps a neuron on them, and how they are corrected around a Newton method."""

from types import SimpleNamespace

import numpy as np
import pytest

from relucvx.deadline import Deadline
from relucvx.program import make_problem
from relucvx.solver.walls import CORRECTIONS, correct, near_walls, null_basis, wall_basis

X = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
PROBLEM = make_problem(X, [1.0, 0.0, 0.0], 0.5)


def test_near_is_relative_to_row_and_neuron_and_zero_rows_are_no_walls():
    W = np.array([[1.0, 1e-7], [1e8, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(near_walls(PROBLEM, W, 1e-6), [[0, 1, 0], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize(("rows", "dim"), [(1, 4), (3, 4), (11, 4)])
def test_the_null_space_is_orthogonal_and_whole(rows, dim):
    A = np.random.default_rng(rows).standard_normal((rows, 2)) @ np.eye(2, dim)
    unit = A / np.linalg.norm(A, axis=1, keepdims=True)
    basis = null_basis(unit, dim)
    assert basis.shape == (dim, dim - np.linalg.matrix_rank(unit))
    np.testing.assert_allclose(unit @ basis, 0.0, atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)


def test_walls_that_leave_nothing_hold_nothing():
    both = np.array([True, True, False])
    np.testing.assert_array_equal(wall_basis(PROBLEM, both, np.ones(2)), np.eye(2))
    np.testing.assert_allclose(abs(wall_basis(PROBLEM, both & [True, False, True], np.ones(2))), [[0.0], [1.0]])


class Scripted(SimpleNamespace):
    """Neurons whose Newton method ends where it is told to."""

    def newton(self, deadline):
        self.W = np.array(self.ends.pop(0))
        self.log.append("newton")
        return self.converges

    def keep(self, mask):
        self.W, self.sides, self.walls = self.W[mask], self.sides[mask], self.walls[mask]
        self.log.append("keep")

    def hold(self, before, crossed):
        self.walls = self.walls | crossed
        self.log.append("hold")

    def release(self):
        self.log.append("release")
        return self.wrong


def scripted(*ends, converges=True, wrong=False):
    sides, walls = np.ones((len(ends[0]), 3)), np.zeros((len(ends[0]), 3), bool)
    start = np.ones((len(ends[0]), 2))
    return Scripted(
        problem=PROBLEM, W=start, sides=sides, walls=walls, ends=list(ends), log=[], converges=converges, wrong=wrong
    )


def test_a_wall_that_is_crossed_is_held_before_any_is_released():
    held = scripted([[1.0, -1.0]], [[1.0, 0.0]])
    assert correct(held, Deadline())
    assert held.log == ["newton", "hold", "newton", "release"]
    np.testing.assert_array_equal(held.walls, [[False, True, False]])


def test_a_vanishing_neuron_is_dropped_only_where_newton_does_not_converge():
    ends = ([[1.0, 1.0], [1e-3, 1e-3]], [[1.0, 1.0]])
    failing = scripted(*ends, converges=False)
    assert not correct(failing, Deadline())
    assert failing.log == ["newton", "keep", "newton", "release"]
    fine = scripted(*ends)
    assert correct(fine, Deadline())
    assert fine.log == ["newton", "release"]


def test_corrections_end_by_their_number_and_by_the_deadline():
    endless = scripted(*([[1.0, 1.0]] for _ in range(CORRECTIONS)), wrong=True)
    assert not correct(endless, Deadline())
    assert endless.log.count("newton") == CORRECTIONS
    late = scripted([[1.0, -1.0]])
    assert not correct(late, Deadline(0.0))
    assert late.log == ["newton"]
