"""The figure of a profile."""

import itertools

import numpy as np
import pandas as pd
import pytest

from relucvx import metrics as m
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.profile_figure import PANELS
from relucvx.metrics.layers.scores import COLUMNS


# ------------------------------------------------------------------ the figure
def test_the_figure_has_a_panel_for_every_kind_of_metric(frame, tmp_path):
    axes = m.plot_profile(frame)
    titles = [ax.get_title(loc="left") for ax in axes]
    expected = [panel.title for panel in PANELS if any(c in frame and frame[c].notna().any() for c in panel.lines)]
    assert titles == expected
    assert len(set(titles)) == len(titles)
    assert [t.get_text() for t in axes[0].get_xticklabels()] == list(frame.index)
    drawn = dict(zip(titles, axes, strict=True))
    line = drawn["Dimension"].get_lines()[0]
    assert np.array_equal(line.get_ydata(), frame["participation_ratio"])
    axes[0].figure.savefig(tmp_path / "profile.png")
    assert (tmp_path / "profile.png").stat().st_size > 10_000


@pytest.mark.parametrize("values", [[0.49, 0.4895], [0.0, 0.0], [0.0, 3.0]])
def test_no_point_is_cut_off(values):
    frame = pd.DataFrame({"few_shot_error": values}, index=["a", "b"])
    (ax,) = m.plot_profile(frame)
    low, high = ax.get_ylim()
    assert low == 0.0
    assert high > max(values)


def test_every_column_is_in_one_panel():
    drawn = list(itertools.chain.from_iterable(panel.lines for panel in PANELS))
    assert sorted(drawn) == sorted(COLUMNS)


def test_the_cut_is_a_line_with_a_legend(frame):
    ax = m.plot_profile(frame)[0]
    cut = frame.attrs["suggested_cut"]["convexity_peak"]["layer"]
    marks = [line.get_xdata()[0] for line in ax.get_lines() if line.get_label() == "suggested cut (peak)"]
    assert marks == [list(frame.index).index(cut)]


@pytest.mark.parametrize(("layers", "named", "turned"), [(4, 4, 0), (9, 9, 40), (20, 20, 90), (60, 20, 90)])
def test_names_of_many_layers_are_turned_and_thinned(layers, named, turned):
    many = pd.DataFrame({"width": 3, "nc1": np.arange(1.0, layers + 1)}, index=[f"layer {k}" for k in range(layers)])
    ax = m.plot_profile(many)[0]
    labels = ax.get_xticklabels()
    assert len(labels) == named
    assert {label.get_rotation() for label in labels} == {turned}
    assert labels[-1].get_text() == f"layer {int(ax.get_xticks()[-1])}"


def test_the_legend_hides_no_line(frame):
    axes = m.plot_profile(frame)
    axes[0].figure.canvas.draw()
    for ax in axes:
        legend = ax.get_legend().get_window_extent()
        assert legend.y0 >= ax.get_window_extent().y1 - 1
        assert ax._left_title.get_window_extent().y0 >= legend.y1 - 1


def test_given_axes_are_drawn_on(frame):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert m.plot_profile(frame, ax) == [ax]
    many = Figure().subplots(4, 4)
    used = m.plot_profile(frame, many)
    assert used == list(many.ravel())[: len(used)]
    assert not many[3, 3].lines


def test_negative_and_missing_values_do_not_break_logarithms():
    frame = pd.DataFrame({"width": [2, 2], "nc1": [0.0, 1.0], "cdnv": [np.inf, 2.0]}, index=["a", "b"])
    (ax, *_) = m.plot_profile(frame)
    ax.figure.canvas.draw()
    assert all(np.isfinite(ax.get_ylim()))


@pytest.mark.parametrize(
    "frame_", [pd.DataFrame({"width": [1]}), pd.DataFrame({"nc1": []}), pd.DataFrame({"z": [1.0]})]
)
def test_tables_without_anything_to_draw_are_refused(frame_):
    with pytest.raises(InvalidInputError, match="a profile with at least one row and one metric"):
        m.plot_profile(frame_)
