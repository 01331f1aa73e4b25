"""Cells of a plane: their walls, and the theorem about the second moments of their neurons."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relucvx.arrangement import enumerate_patterns
from relucvx.errors import InvalidInputError
from relucvx.program.planar_cones import planar_cells, split_moment
from relucvx.program.posing import make_problem


def cells_of(X, bias="none"):
    problem = make_problem(X, np.ones((len(X), 2)), 1.0, bias=bias)
    arrangement = enumerate_patterns(problem.inputs)
    return problem, arrangement, planar_cells(problem, arrangement)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_a_cell_is_what_its_two_walls_bound(rows, seed):
    """Duplicate, opposite and zero rows included."""
    X = np.array(rows, float)
    _, arrangement, cells = cells_of(X)
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(50, 2))
    signs = np.where(arrangement.patterns, 1.0, -1.0)
    for i, sign in enumerate(signs):
        inside = ((sign[:, None] * X) @ directions.T >= 0.0).all(axis=0)
        bounded = (cells.walls[i] @ (directions @ cells.coordinates.T).T >= 0.0).all(axis=0)
        np.testing.assert_array_equal(bounded, inside)


@pytest.mark.parametrize("bias", ["none", "hidden", "all", "free"])
@pytest.mark.parametrize("rank", [0, 1])
def test_neurons_of_the_plane_have_the_preactivations_of_all(bias, rank):
    """Five features of rank two (with the bias, where there is one), or fewer."""
    rng = np.random.default_rng(rank)
    line = rng.normal(size=(6, 1)) @ rng.normal(size=(1, 5)) * rank
    X = line + (rng.normal(size=5) if bias != "none" else rng.normal(size=(6, 1)) @ rng.normal(size=(1, 5)))
    problem, arrangement, cells = cells_of(X, bias)
    D, r = cells.basis.shape
    assert (D, r) == (problem.n_inputs, rank + 1)
    np.testing.assert_allclose(cells.coordinates @ cells.basis, np.eye(r), atol=1e-12)
    W = rng.normal(size=(20, D))
    flat = W @ cells.coordinates.T @ cells.basis.T
    np.testing.assert_allclose(problem.inputs @ flat.T, problem.inputs @ W.T, atol=1e-10)
    counted = problem.penalized
    assert (np.linalg.norm(flat[:, :counted], axis=1) <= np.linalg.norm(W[:, :counted], axis=1) + 1e-12).all()
    # generators are inside, rays on the border
    inside = arrangement.generators @ cells.coordinates.T
    assert (np.einsum("pkr,pr->pk", cells.walls, inside) > 0.0).all()
    if r == 2:
        for i in range(len(arrangement)):
            products = cells.walls[i] @ cells.rays(i)
            np.testing.assert_allclose(np.diag(products), 0.0, atol=1e-12)
            assert (products > -1e-12).all()


def random_cell(rng):
    """Two walls: any angle from nearly a half-line to a half-plane."""
    angle, start = np.pi * rng.choice([1e-3, 0.3, 0.9, 1.0 - 1e-4, 1.0]), rng.uniform(0, 2 * np.pi)
    turn = start + np.pi - angle
    return np.array([[np.cos(start), np.sin(start)], [np.cos(turn), np.sin(turn)]])


@pytest.mark.parametrize("seed", range(40))
def test_a_moment_that_is_allowed_is_that_of_two_neurons_of_the_cell(seed):
    rng = np.random.default_rng(seed)
    walls, q = random_cell(rng), int(rng.integers(1, 4))
    factor = rng.normal(size=(2 + q, int(rng.integers(1, 6)))) * 10.0 ** rng.uniform(-2, 2, size=(2 + q, 1))
    moment = factor @ factor.T
    a, b = walls
    short = a @ moment[:2, :2] @ b
    if short < 0.0:
        # no neurons of the cell have it; brought to the border of what is allowed it is a moment again
        ray = np.linalg.lstsq(walls, np.ones(2), rcond=None)[0]
        moment[:2, :2] += -short / ((a @ ray) * (b @ ray)) * np.outer(ray, ray)
    Z, V = split_moment(moment, walls)
    size = np.sqrt(np.diag(moment))
    # in the cell, both of them
    assert (-1e-7 * size[:2].max() <= (Z @ walls.T)).all()
    # all that the samples see: products of preactivations, and of these with the outputs
    np.testing.assert_allclose(
        walls @ Z.T @ Z @ walls.T, walls @ moment[:2, :2] @ walls.T, atol=1e-10 * size.max() ** 2
    )
    np.testing.assert_allclose(walls @ Z.T @ V, walls @ moment[:2, 2:], atol=1e-10 * size.max() ** 2)
    # and nothing beyond the moment
    both = np.hstack([Z, V])
    assert np.linalg.eigvalsh(moment - both.T @ both)[0] >= -1e-10 * np.trace(moment)


@pytest.mark.parametrize("seed", range(10))
def test_moments_of_neurons_of_a_cell_are_allowed(seed):
    rng = np.random.default_rng(seed)
    walls = random_cell(rng)
    neurons = rng.normal(size=(500, 2))
    neurons = neurons[(neurons @ walls.T >= 0.0).all(axis=1)]
    W = neurons.T @ neurons
    assert walls[0] @ W @ walls[1] >= 0.0


def test_what_rounding_leaves_outside_is_small():
    """The wall on which the moment is large comes first: an excess of 1e-10 is not divided by a small number."""
    walls = np.eye(2)
    moment = np.diag([1e-10, 1.0, 1.0])
    moment[0, 1] = moment[1, 0] = -1e-10
    moment[0, 2] = moment[2, 0] = 1e-6
    for order in (walls, walls[::-1]):
        Z, _ = split_moment(moment, order)
        assert (order @ Z.T).min() >= -2e-10


def test_generators_of_other_cells_are_refused():
    problem, arrangement, _ = cells_of(np.array([[1.0, 0.0], [0.0, 1.0]]))
    wrong = dataclasses.replace(arrangement, generators=arrangement.generators[::-1].copy())
    with pytest.raises(
        InvalidInputError, match=r"generator of pattern 0 on the other side of row .*enumerate_patterns\(X\)"
    ):
        planar_cells(problem, wrong)
