"""Cells as numbers, each spelling by itself; whole tables are in ``test_wild_files``."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relucvx.datasets.cells import is_number, is_numeric, numbers
from relucvx.datasets.columns import Table
from relucvx.errors import DataFileError


def read(*cells, decimal=None):
    return numbers(Table(Path("t.csv"), [list(cells)]), [0], decimal)[0][:, 0].tolist()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=5))
def test_numbers_come_back_exactly(values):
    values = [v for v in values if abs(v) < 2**53 or v != round(v)] or [0.5]
    cells = [repr(v) for v in values]
    assert read(*cells) == values
    commas = [cell.replace(".", ",") for cell in cells]
    assert read(*commas, decimal=",") == values


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        (["1,5", "2"], None, [1.5, 2.0]),
        (["0,125", "1,250"], None, [0.125, 1.25]),  # no thousands begin with zero
        (["-1,5e3", ",5"], None, [-1500.0, 0.5]),
        (["1.234,5", "2.000"], ",", [1234.5, 2000.0]),
        (["1,234.5", "2,000"], ".", [1234.5, 2000.0]),
        (["1'234.5", "-2 000"], ".", [1234.5, -2000.0]),
        (["TRUE", "FALSE"], None, [1.0, 0.0]),
        (["9007199254740992", "18014398509481984"], None, [2.0**53, 2.0**54]),
    ],
)
def test_spellings(cells, decimal, values):
    assert read(*cells, decimal=decimal) == values


@pytest.mark.parametrize(
    ("cells", "decimal", "message"),
    [
        (["1.5"], ",", "a decimal point in a file with decimal commas; try: decimal='.'"),
        (["1,5"], ".", "a decimal comma; try: decimal=','"),
        (["1,23,456"], ".", "a decimal comma"),
        (["1.234,5"], None, "thousands"),
        (["1 234"], None, "thousands"),
        (["9007199254740993"], None, "lose digits"),
        (["1e400"], None, "an infinite value"),
        (["0x1f"], None, "'0x1f' in column 0, row 0"),
    ],
)
def test_refusals(cells, decimal, message):
    with pytest.raises(DataFileError, match=message):
        read(*cells, decimal=decimal)


def test_what_is_a_number():
    assert [is_number(cell) for cell in ("1", "-1e3", "nan", "1_0", "a", "", "1,5")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip
    assert is_numeric("1,5")
    assert not is_numeric("1,5,2")


def test_arrays_are_taken_as_they_are():
    columns = [np.array([1, 2]), np.array([True, False]), np.array([0.5, 1.5], dtype=np.float32)]
    values, said = numbers(Table(Path("t.npz"), columns), [0, 1, 2])
    np.testing.assert_array_equal(values, [[1, 1, 0.5], [2, 0, 1.5]])
    assert said == ()  # such a column says itself that it holds flags
    with pytest.raises(DataFileError, match=r"real numbers in .*complex128"):
        numbers(Table(Path("t.npz"), [np.array([1j])]), [0])
