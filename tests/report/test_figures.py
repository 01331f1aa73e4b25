"""Figures: what they draw is what was computed, and they touch no global state."""

import dataclasses
import subprocess
import sys

import numpy as np
from report.cases import comparison

import relucvx as rx
from relucvx.report.figures import new_axes, plot_curves, plot_gaps, plot_kernels


def test_kernels_share_a_scale_and_sort_samples_by_class():
    found = comparison("spiral:12", 0.05)
    axes = plot_kernels(found)
    labels = found.labels
    order = np.argsort(labels, kind="stable")
    images = [ax.images[0] for ax in axes]
    assert len({image.get_clim() for image in images}) == 1
    for image, K in zip(images, found.kernels.values(), strict=True):
        assert np.allclose(image.get_array(), K[np.ix_(order, order)])
    assert "sorted by class" in axes[0].get_ylabel()
    given = new_axes(columns=2)
    assert plot_kernels(found, given)[1] is given[1]


def test_samples_are_sorted_by_the_combination_of_factors():
    data = rx.datasets.get("factorial:2")
    abstract = rx.kernel.predict_factorial(data.Y, 0.2, X=data.X).network
    sol = rx.solve(data.X, data.Y, 0.2, start=abstract, time_limit=20)
    found = rx.compare(data.X, data.Y, 0.2, [], solution=sol)
    axes = plot_kernels(found)
    assert [ax.get_title() for ax in axes] == ["optimum", "prediction"]
    assert len(axes[0].lines) == 6  # three edges between four combinations, both ways


def test_a_kernel_with_negative_entries_gets_a_diverging_scale():
    found = comparison("planted:10x2", 0.3, activation="linear")
    low, high = plot_kernels(found)[0].images[0].get_clim()
    assert low == -high < 0


def test_curves_are_what_is_left_to_the_certified_floor(plane):
    ax = plot_curves(plane)
    *curves, own, reach = ax.lines
    assert len(curves) == 2
    c = plane.solution.certificate
    assert own.get_ydata()[0] == c.gap
    assert reach.get_ydata()[0] == plane.reach * plane.solution.objective
    for curve, history in zip(curves, plane.histories, strict=True):
        left = history["objective"] - c.lower
        assert np.allclose(curve.get_ydata(), np.maximum(left, 1e-15 * plane.solution.objective), rtol=1e-12, atol=0)
    assert ax.get_yscale() == "log"
    assert curves[0].get_xdata().tolist() == [1, 11, 51]
    assert "best run (seed 1)" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_what_is_not_above_the_floor_is_drawn_at_the_lower_edge(plane):
    c = plane.solution.certificate
    history = {"objective": np.array([c.lower + 1.0, c.lower, np.nan, c.lower - 1e-18])}
    odd = dataclasses.replace(plane, histories=(history, {}))
    ax = plot_curves(odd)
    drawn = ax.lines[0].get_ydata()
    assert len(drawn) == 3  # what is no number is not drawn
    assert (np.asarray(drawn) > 0).all()
    ax.figure.canvas.draw()


def test_runs_without_a_history_leave_only_the_lines(plane):
    bare = dataclasses.replace(plane, histories=({}, {}))
    assert [line.get_xdata()[1] for line in plot_curves(bare).lines if len(line.get_xdata()) == 2] == [1, 1]
    assert all(len(line.get_xdata()) in (0, 2) for line in plot_curves(bare).lines)


def test_blocks_of_a_kernel_are_named_by_their_class():
    found = comparison("spiral:12", 0.05, target_names=["left", "right"])
    axes = plot_kernels(found)
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["left", "right"]


def test_gaps_are_sorted_and_counted(plane):
    ax = plot_gaps(plane)
    points = ax.collections[0].get_offsets()
    expected = np.maximum(sorted(row.rel_gap for row in plane.rows), 1e-12)
    assert np.allclose(points[:, 1], expected)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "0"]
    assert ax.texts[0].get_text() == "1 of 2 runs within 0.0001"
    lower, upper = ax.get_ylim()
    assert lower < expected.min()
    assert upper > expected.max()


def test_many_runs_are_ranked_and_a_wide_proof_is_drawn():
    data = rx.datasets.get("planted:60x4")
    rough = rx.solve(data.X, data.Y, 0.01, time_limit=1e-3)
    found = rx.compare(data.X, data.Y, 0.01, [rough.network] * 20, solution=rough)
    ax = plot_gaps(found)
    assert ax.get_xlabel() == "rank of the run"
    assert "gap of the proof itself" in [text.get_text() for text in ax.texts]


def test_figures_need_no_display_and_no_pyplot(tmp_path):
    code = (
        "import sys, relucvx as rx\n"
        "from relucvx.report.figures import plot_gaps\n"
        "d = rx.datasets.get('planted:10x2')\n"
        "s = rx.solve(d.X, d.Y, 0.5)\n"
        "plot_gaps(rx.compare(d.X, d.Y, 0.5, [s.network], solution=s)).figure.savefig(sys.argv[1])\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "f.png")],
        capture_output=True, text=True, check=True, env={"PATH": "", "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "False"
    assert (tmp_path / "f.png").stat().st_size > 5000
