"""Labels and conditions as group indices."""

import numpy as np
import pytest
from metrics.test_extremes import FACTORS, LABELS, Z

from relucvx import metrics as m
from relucvx.errors import InvalidInputError


def test_conditions_as_lists_of_lists():
    rows = FACTORS.tolist()
    assert m.condition_averages(Z, rows).conditions == m.condition_averages(Z, FACTORS).conditions
    mixed = [["left" if a else "right", b] for a, b in rows]
    assert m.condition_averages(Z, mixed).conditions == (("left", 0), ("left", 1), ("right", 0), ("right", 1))
    assert m.condition_averages(Z, list(FACTORS)).conditions == ((0, 0), (0, 1), (1, 0), (1, 1))


def test_missing_parts_of_conditions_and_missing_values_of_pandas_are_refused():
    pandas = pytest.importorskip("pandas")
    table = FACTORS.astype(float)
    table[3:5, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"conditions without missing values; received \(1.0, nan\) at row 3"):
        m.condition_averages(Z, table)
    labels = pandas.Series([*LABELS[:-1], pandas.NA], dtype="object")
    with pytest.raises(InvalidInputError, match="labels without missing values; received <NA> at row 59"):
        m.graph_convexity(Z, labels)


def test_masked_entries_are_missing():
    hidden = np.ma.masked_greater(Z, 2.0)
    with pytest.raises(InvalidInputError, match="Z to be finite; received nan at row"):
        m.participation_ratio(hidden)
    with pytest.raises(InvalidInputError, match="labels without missing values"):
        m.graph_convexity(Z, np.ma.masked_equal(LABELS, 2))
    with pytest.raises(InvalidInputError, match="labels without missing values; received None at row 1"):
        m.graph_convexity(Z, np.ma.array(["a", "b"] * 30, mask=[False, True] * 30))
    assert m.participation_ratio(np.ma.masked_greater(Z, 100.0)) == m.participation_ratio(Z)
