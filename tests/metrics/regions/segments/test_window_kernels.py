"""The upper envelope of lines on segments, against looking at many points."""

import numpy as np
import pytest

from relucvx.metrics.regions.segments.running_lines import Curve


def behind(changes, rows):
    """The codes behind each row of one curve."""
    codes = np.repeat(changes.first, rows, axis=0)
    for row, column, change in zip(changes.row, changes.column, changes.change, strict=True):
        codes[row:, column] ^= change
    return codes


def winners(values, table):
    """Refined t and who wins behind each row, for one curve."""
    curve = Curve({}, 10**6)
    curve.t = np.linspace(0.0, 1.0, len(values))
    curve.doubt, curve.first = np.zeros(len(values)), np.array([0, len(values)], dtype=np.int64)
    curve.columns = {0: slice(None), 1: slice(None)}
    bends = curve.winners(np.ascontiguousarray(values, float), np.full(values.shape[1], 1e-15), table)
    return curve, bends


@pytest.mark.parametrize("seed", range(5))
def test_the_winner_is_the_largest_everywhere(seed):
    rng = np.random.default_rng(seed)
    values, table = rng.standard_normal((6, 7)), np.array([[0, 1, 2, 3, -1], [2, 3, 4, 5, 6], [-1, 6, 0, -1, 1]])
    curve, bends = winners(values, table)
    codes = behind(curve.found[0], len(curve.t))
    grid = np.linspace(0.0, 1.0, 4001)[1:-1]
    at = np.stack([np.interp(grid, np.linspace(0, 1, 6), column) for column in values.T], axis=1)
    padded = np.hstack([at, np.full((len(at), 1), -np.inf)])
    clear = np.abs(grid[:, None] - curve.t).min(axis=1) > 1e-9
    found = codes[np.searchsorted(curve.t, grid) - 1]
    np.testing.assert_array_equal(found[clear], padded[:, table].argmax(axis=2)[clear])
    # nothing is inserted but where the largest changes
    changes = (codes[1:-1] != codes[:-2]).any(axis=1)
    inserted = np.zeros(len(curve.t), bool)
    inserted[bends.steps[0].fresh] = True
    assert changes[inserted[1:-1]].all()
    assert inserted.sum() > 5


def test_losers_among_themselves_separate_nothing():
    # two lines cross below a third
    curve, _ = winners(np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0]]), np.array([[0, 1, 2]]))
    assert curve.t.tolist() == [0.0, 1.0]
    assert behind(curve.found[0], len(curve.t)).tolist() == [[2], [2]]


def test_three_lines_through_one_point_make_one_breakpoint():
    curve, _ = winners(np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]]), np.array([[0, 1, 2]]))
    assert curve.t.tolist() == [0.0, 0.5, 1.0]
    assert behind(curve.found[0], len(curve.t)).tolist() == [[0], [2], [2]]
