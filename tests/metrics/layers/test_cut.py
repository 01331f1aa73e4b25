"""Where a network may be cut: the two rules on tables made up for them."""

import numpy as np
import pandas as pd
import pytest
from torch import nn

import relucvx.metrics as m
from relucvx.errors import InvalidInputError


def table(convexity=None, rank=None, width=None):
    n = len(convexity if convexity is not None else rank)
    columns = {"graph_convexity": convexity, "numerical_rank": rank, "width": [50] * n if width is None else width}
    return pd.DataFrame({k: v for k, v in columns.items() if v is not None}, index=[f"layer {k}" for k in range(n)])


@pytest.mark.parametrize(
    ("values", "slack", "layer"),
    [
        ([0.5, 0.9, 0.8, 0.7], 0.01, 1),
        ([0.5, 0.8, 0.9, 0.9], 0.01, 2),
        ([0.5, 0.895, 0.9, 0.9], 0.01, 1),
        ([0.5, 0.895, 0.9, 0.9], 0.0, 2),
        ([np.nan, 0.3, np.nan], 0.01, 1),
    ],
)
def test_the_convexity_peak_is_the_first_layer_near_the_top(values, slack, layer):
    found = m.suggested_cut(table(values), slack)["convexity_peak"]
    assert (found["layer"], found["value"]) == (f"layer {layer}", values[layer])
    assert f"within {slack:g}" in found["rule"]


@pytest.mark.parametrize(
    ("rank", "width", "layer", "value"),
    [
        ([40, 38, 10, 9], None, 1, 1 - 10 / 38),
        ([40, 10, 10, 9], None, 0, 0.75),
        ([40, 10, 9, 2], [50, 10, 10, 10], 2, 1 - 2 / 9),  # narrow layers lose no rank by being narrow
        ([4, 5, 5], None, None, np.nan),
        ([4], None, None, np.nan),
        ([np.nan, 5, 2], None, 1, 0.6),
        ([4, 0, 0], None, 0, 1.0),  # all samples on one point
        ([0, 0], None, None, np.nan),
    ],
)
def test_the_rank_drop_is_before_the_largest_loss(rank, width, layer, value):
    found = m.suggested_cut(table(rank=rank, width=width))["rank_drop"]
    assert found["layer"] == (None if layer is None else f"layer {layer}")
    assert found["value"] == pytest.approx(value, nan_ok=True)


def test_input_and_output_are_no_cuts():
    frame = table([0.9, 0.5, 0.6, 1.0]).set_axis(["input", "a", "b", "output"])
    assert m.suggested_cut(frame)["convexity_peak"]["layer"] == "b"
    empty = m.suggested_cut(frame.iloc[:0])
    assert [found["layer"] for found in empty.values()] == [None, None]
    with pytest.raises(InvalidInputError, match="slack to be a finite number >= 0"):
        m.suggested_cut(frame, -1.0)


@pytest.mark.parametrize("use", [m.suggested_cut, m.plot_profile])
def test_a_network_is_no_table(use):
    with pytest.raises(InvalidInputError, match=r"the DataFrame that profile returns; received a Sequential.* first"):
        use(nn.Sequential(nn.Linear(5, 3)))
