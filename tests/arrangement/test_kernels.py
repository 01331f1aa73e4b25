"""The two safety nets of the compiled kernels, which only near-degenerate data would otherwise reach."""

import numpy as np
import pytest

from relucvx.arrangement import _cells, _kernels

KEYS = np.random.default_rng(0).integers(0, 2**64, 3, dtype=np.uint64)
AXES = np.eye(3)


def as_set(cells, n):
    bits, _, witness, margin = cells
    signs = {tuple(row) for row in (witness[:n] @ AXES.T > 0).tolist()}
    packed = {tuple(bool(int(word) >> i & 1) for i in range(3)) for word in bits[:n, 0]}
    assert signs == packed
    np.testing.assert_allclose(margin[:n], np.abs(witness[:n] @ AXES.T).min(axis=1), atol=1e-12)
    return signs


def cells_before_the_last_wall():
    """The cells of walls 0 and 1 on which row 0 is positive, and their traces on wall 2."""
    cells = _kernels.half_arrangement(np.ascontiguousarray(AXES[:2]), 1e-13, KEYS)
    v, beta = _kernels.householder(AXES[2])
    Q, distinct = _kernels.restrict(AXES, 2, v, beta, 1e-13)
    assert distinct
    bits, keys, points, margin = _kernels.half_arrangement(Q, 1e-13, KEYS)
    return cells, (bits, keys, _kernels.unfold(points, v, beta), margin)


EXPECTED = {(True, a, b) for a in (True, False) for b in (True, False)}


def test_wall_cuts_the_cells_its_restriction_names():
    cells, wall = cells_before_the_last_wall()
    assert as_set(*_kernels.add_wall(AXES, 2, cells, 2, wall, 1e-13, KEYS)) == EXPECTED


def test_cell_reached_by_its_witness_ball_is_cut_although_the_restriction_lost_it():
    cells, wall = cells_before_the_last_wall()
    nothing = tuple(part[:0] for part in wall)
    assert as_set(*_kernels.add_wall(AXES, 2, cells, 2, nothing, 1e-13, KEYS)) == EXPECTED


@pytest.mark.parametrize("lost", [0, 1])
def test_trace_of_a_lost_cell_brings_it_back(lost):
    cells, wall = cells_before_the_last_wall()
    rest = tuple(part[1 - lost : 2 - lost].copy() for part in cells)
    assert as_set(*_kernels.add_wall(AXES, 2, rest, 1, wall, 1e-13, KEYS)) == EXPECTED


def test_arrays_grow_without_losing_cells():
    cells = _kernels.half_arrangement(AXES, 1e-13, KEYS)
    grown = _cells.grow(cells, 9)
    assert len(grown[1]) >= 9
    for before, after in zip(cells, grown, strict=True):
        np.testing.assert_array_equal(after[:4], before)
