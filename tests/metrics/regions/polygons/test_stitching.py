"""Tiles joined again: also where their borders do not have the same vertices."""

from dataclasses import replace

import numpy as np
import pytest

from relucvx.metrics.regions.packing import Codes, packed
from relucvx.metrics.regions.polygons.planes import Plane
from relucvx.metrics.regions.polygons.stitching import stitched
from relucvx.metrics.regions.polygons.tiles import Piece, Tile, ancestry

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def halves():
    """The left and the right half of a square."""
    return Tile.of(Plane(np.zeros(2), np.eye(2), SQUARE, SQUARE))._halves(0, 0.25, 0)


def piece(tile, normals, offsets):
    """A tile cut by lines normals @ x = offsets, which are one layer."""
    normals, offsets = np.atleast_2d(np.asarray(normals, float)), np.asarray(offsets, float)
    cells = tile.subdivision()
    values = np.ascontiguousarray(normals @ cells.place.T - offsets[:, None])
    found = cells.cut(values, np.full(len(offsets), 1e-15), 0, lambda *_: None)
    code = found.signs > 0
    outputs = found.cells.place @ np.array([[1.0], [2.0]])
    ancestors = ancestry([found.origin], len(code))
    codes = Codes.of([packed(code)], [(code.dtype, code.shape[1])], ancestors)
    return Piece(found.cells, codes, (len(code),), ancestors, None, outputs, np.zeros_like(outputs))


def areas(cells):
    """Area of every face, from its half-edges."""
    (x, y), (u, v) = cells.place[cells.tail].T, cells.place[cells.tail[cells.succ]].T
    inside = cells.face >= 0
    return 0.5 * np.bincount(cells.face[inside], (x * v - u * y)[inside])


def assert_is_a_complex(cells):
    """Half-edges go around faces and around the outside, and vertices are counted as Euler has it."""
    h = np.arange(len(cells.tail))
    np.testing.assert_array_equal(cells.tail[cells.succ], cells.tail[h ^ 1])
    np.testing.assert_array_equal(cells.pred[cells.succ], h)
    np.testing.assert_array_equal(cells.face[cells.succ], cells.face)
    np.testing.assert_array_equal(cells.face[cells.first], np.arange(len(cells.first)))
    assert len(cells.place) - len(h) // 2 + len(cells.first) == 1
    assert (areas(cells) > 0).all()


def test_the_check_can_fail():
    cells = piece(halves()[0], [[0.0, 1.0]], [0.0]).cells
    assert_is_a_complex(cells)
    with pytest.raises(AssertionError):
        assert_is_a_complex(replace(cells, succ=cells.pred))


def test_a_line_across_a_border_is_one_line():
    whole = stitched([piece(tile, [[0.5, 1.0], [0.5, -1.0]], [0.1, 0.2]) for tile in halves()], SQUARE)
    assert_is_a_complex(whole.cells)
    assert whole.per_layer == (4,)
    assert len(whole.codes) == len(whole.cells.first) == 4
    assert len(whole.cells.place) == 4 + 4 + 1
    assert set(whole.cells.line.tolist()) == {-1, 0}
    np.testing.assert_allclose(whole.outputs, whole.cells.place @ np.array([[1.0], [2.0]]), atol=1e-15)


def test_a_line_on_a_border_stays_and_belongs_to_its_layer():
    whole = stitched([piece(tile, [[1.0, 0.0]], [0.25]) for tile in halves()], SQUARE)
    assert_is_a_complex(whole.cells)
    assert whole.per_layer == (2,)
    np.testing.assert_allclose(np.sort(areas(whole.cells)), [1.5, 2.5])
    assert sorted(whole.cells.line.tolist()) == [-1] * 6 + [0]


@pytest.mark.parametrize("shift", [1e-18, 1e-3])
def test_vertices_without_a_partner_become_vertices_of_both_tiles(shift):
    left, right = halves()
    lines = [[0.0, 1.0], [0.1, 1.0]]
    whole = stitched([piece(left, lines, [0.3, -0.4]), piece(right, lines, [0.3 + shift, -0.4])], SQUARE)
    assert_is_a_complex(whole.cells)
    np.testing.assert_allclose(areas(whole.cells).sum(), 4.0)
    # a step of a thousandth is a stretch of the border across which codes differ; one of rounding is none
    assert len(whole.cells.place) == 4 + 4 + (2 if shift == 1e-3 else 0)
    assert whole.per_layer == (3,)


def test_steps_of_several_lines_come_in_their_order():
    left, right = halves()
    lines = [[0.0, 1.0], [0.1, 1.0]]
    whole = stitched([piece(left, lines, [0.3, -0.4]), piece(right, lines, [0.301, -0.401])], SQUARE)
    assert_is_a_complex(whole.cells)
    assert (len(whole.cells.place), whole.per_layer) == (4 + 4 + 4, (3,))
    x, y = whole.cells.place[whole.cells.tail.reshape(-1, 2)].transpose(2, 0, 1)
    on = (x == 0.25).all(axis=1)
    np.testing.assert_allclose(np.abs(y[on, 0] - y[on, 1]), [1e-3, 1e-3])


def test_a_line_that_ends_at_a_border():
    left, right = halves()
    none = np.zeros((0, 2))
    one = piece(left, [[0.0, 1.0]], [0.0])
    other = piece(right, none, [])
    other = replace(other, codes=Codes(np.array([[128]], np.uint8), one.codes.kinds))
    whole = stitched([one, other], SQUARE)
    assert_is_a_complex(whole.cells)
    assert len(whole.cells.first) == 2
    np.testing.assert_allclose(np.sort(areas(whole.cells)), [1.25, 2.75])
