"""Tables of sweeps as frames, files, figures and in notebooks."""

import numpy as np
import pandas as pd
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError

ABS = ([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0])


@pytest.fixture(scope="module")
def found():
    """Two biases, three strengths, networks of two widths and seeds."""
    return rx.sweep(ABS, beta_fraction=[0.6, 0.05, 0.2], bias=["none", "all"], width=[2, 4], seeds=2, n_jobs=1)


def test_frames_and_files_hold_every_digit(found, tmp_path):
    frame = found.to_frame()
    assert len(frame) == len(found) == 30
    assert str(frame["width"].dtype) == "Int64"
    file = found.to_csv(tmp_path / "table.csv")
    again = pd.read_csv(file)
    assert np.array_equal(again["upper"], frame["upper"])
    assert np.array_equal(again["lower"], frame["lower"])
    assert list(again.columns) == list(frame.columns)


def test_what_is_shown(found):
    assert repr(found) == "Sweep(30 of 30 cells, 6 of 6 optima certified to 1e-06, 20 pieces of work done now)"
    assert "30 of 30" in found._repr_html_()
    assert found.to_dict()["rows"][0]["kind"] == "optimum"
    assert len(found.optima) == 6


def test_figures_have_a_line_for_every_combination(found):
    ax = found.plot()
    assert [line.get_label() for line in ax.get_lines()] == [
        "none, optimum", "none, width 2, trained", "none, width 4, trained", "all, optimum", "all, width 2, trained",
        "all, width 4, trained",
    ]  # fmt: skip
    assert (ax.get_xlabel(), ax.get_xscale()) == ("beta_fraction", "log")
    optimum, two = ax.get_lines()[:2]
    assert optimum.get_xdata().tolist() == [0.05, 0.2, 0.6]
    shown = {row["beta_fraction"]: row["upper"] for row in found.optima if row["bias"] == "none"}
    assert optimum.get_ydata().tolist() == [shown[x] for x in (0.05, 0.2, 0.6)]
    assert optimum.get_color() == two.get_color() != ax.get_lines()[3].get_color()
    assert len(ax.collections) == 4  # a band for each width: two seeds
    by_width = found.plot("width", "rel_gap")
    assert len(by_width.get_lines()) == 6
    assert by_width.get_lines()[0].get_xdata().tolist() == [2, 4]
    assert found.plot("beta", "upper", ax=ax) is ax


def test_optima_that_are_not_proven_are_crossed():
    found = rx.sweep(ABS, beta_fraction=[0.1, 0.3], tol=1e-300, n_jobs=1)
    crossed = [line for line in found.plot().get_lines() if line.get_marker() == "x"]
    assert [len(line.get_xdata()) for line in crossed] == [len([r for r in found.optima if not r["certified"]])]
    assert not found.certified


def test_columns_that_cannot_be_drawn(found):
    for x, y in (("data", "upper"), ("beta", "status"), (3, "upper")):
        with pytest.raises(InvalidInputError, match="to be one of beta_fraction"):
            found.plot(x, y)


def test_an_empty_table_is_drawn_without_lines():
    found = rx.sweep(ABS, beta_fraction=[0.1, 0.3], dry_run=True)
    assert not len(found.plot().get_lines())
    assert np.isnan(found.to_frame()["upper"]).all()
