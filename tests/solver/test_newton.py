"""Damping, and which Newton methods are begun."""

import time

import numpy as np
import pytest

from relucvx.deadline import Deadline
from relucvx.program import make_problem
from relucvx.solver.newton import damped, last_resort, within_reach


def test_the_whole_step_is_taken_where_it_does_not_rise():
    x, value, moved = damped(lambda t: float(t @ t), np.array([2.0]), 4.0, np.array([-2.0]))
    assert x == 0.0
    assert value == 0.0
    assert moved


def test_a_step_too_long_is_halved_until_it_does_not_rise():
    x, value, _ = damped(lambda t: float(t @ t), np.array([2.0]), 4.0, np.array([-6.0]))
    assert x == -1.0
    assert value == 1.0


@pytest.mark.parametrize("objective", [lambda t: 5.0, lambda t: np.nan])
def test_nothing_is_better_than_a_rise(objective):
    assert damped(objective, np.array([2.0]), 4.0, np.array([1.0])) is None


def test_no_step_does_not_move():
    assert damped(lambda t: 1.0, np.array([2.0]), 1.0, np.array([1e-16]))[2] is False


def test_newton_is_begun_where_time_and_memory_allow():
    problem = make_problem(np.eye(4), np.ones(4), 0.5)
    assert within_reach(problem, 10, 3, Deadline())
    assert not within_reach(problem, 10, 3, Deadline(0.0))
    assert not within_reach(problem, 10**8, 3, Deadline())


def test_a_large_last_resort_gives_way_to_the_deadline():
    zeros = np.zeros(600)
    np.testing.assert_array_equal(last_resort(lambda: zeros + 1.0, zeros, Deadline(30.0)), 1.0)
    assert last_resort(lambda: time.sleep(0.3) or zeros + 1.0, zeros, Deadline(0.05)) is zeros
    np.testing.assert_array_equal(last_resort(lambda: np.ones(2), np.zeros(2), Deadline(0.0)), 1.0)
