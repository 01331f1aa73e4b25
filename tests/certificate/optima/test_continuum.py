"""Families of active directions: their dimension and ends where both are known."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.certificate.optima.continuum import find_continua, follow
from relucvx.certificate.optima.isolation import Kinks
from relucvx.deadline import Deadline
from relucvx.oracle.form import make_form
from relucvx.types import as_activation


def kinks_of(X, N, activation="relu"):
    act = as_activation(activation)
    form = make_form(np.asarray(X, float), np.asarray(N, float), act)
    steepest = max(abs(act.slope_neg), abs(act.slope_pos))
    return form, Kinks.of(form, 1.0, act.hinge, steepest, 1e-9)


def test_a_quarter_of_a_circle():
    """X = N = I: F² = Σ relu(w_i)² is 1 where both are positive; a second start on the curve adds nothing."""
    form, kinks = kinks_of(np.eye(2), np.eye(2))
    points = [np.array([np.cos(t), np.sin(t)]) for t in (0.3, 1.2, 0.7)]
    (family,) = find_continua(form, kinks, [kinks.scaled(form.basis.T @ u) for u in points], Deadline())
    assert family.dimension == 1
    assert not family.closed
    np.testing.assert_allclose(family.ends, [[0.0, 1.0], [1.0, 0.0]], atol=2e-3)
    np.testing.assert_allclose(family.length, np.pi / 2, atol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(family.ends, axis=1), 1.0)


def test_an_octant_is_one_family_of_two_dimensions():
    form, kinks = kinks_of(np.eye(3), np.eye(3))
    points = np.abs(np.random.default_rng(0).standard_normal((6, 3))) + 0.1
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    (family,) = find_continua(form, kinks, [kinks.scaled(form.basis.T @ u) for u in points], Deadline())
    assert family.dimension == 2
    # its ends are on the edge of the octant
    assert (np.abs(family.ends).min(axis=1) < 2e-3).all()


def test_a_closed_curve():
    """A linear activation and N = I: F = ||w|| on the whole circle."""
    form, kinks = kinks_of(np.eye(2), np.eye(2), "linear")
    (family,) = find_continua(form, kinks, [np.array([1.0, 0.0])], Deadline())
    assert family.closed
    np.testing.assert_allclose(family.length, 2 * np.pi, atol=0.1)


def test_no_family_through_a_simple_maximum():
    form, kinks = kinks_of(np.eye(2), np.diag([2.0, 1.0]))
    assert follow(kinks, kinks.scaled(form.basis.T @ np.array([1.0, 0.0])), Deadline()) is None
    late = Deadline(1e-9)
    assert find_continua(form, kinks, [np.array([1.0, 0.0])], late) == ()


def test_the_set_of_optima_names_its_family():
    solution = rx.solve(np.eye(2), np.eye(2), 0.2, tol=1e-11)
    found = rx.optimal_set(solution)
    assert found.verdict is not rx.Uniqueness.UNIQUE
    assert not found.complete
    (family,) = found.continua
    values = np.linalg.norm(np.maximum(family.ends, 0.0) @ solution.dual, axis=1)
    np.testing.assert_allclose(values, 0.2, rtol=1e-6)
    assert "families of active directions" in found.reason


@pytest.mark.slow
def test_four_families_of_factorial_labels():
    data = rx.datasets.factorial(2, 1)
    solution = rx.solve(data.X, data.Y, 0.4, tol=1e-11)
    found = rx.optimal_set(solution)
    assert [family.dimension for family in found.continua] == [1] * 4
    ends = np.concatenate([family.ends for family in found.continua])
    values = np.linalg.norm(np.maximum(data.X @ ends.T, 0.0).T @ solution.dual, axis=1)
    np.testing.assert_allclose(values, 0.4, rtol=1e-6)
