"""What all figures share: where they are shown, and what they draw."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics import figures


def test_new_figures_are_pyplots_unless_they_are_unseen():
    assert figures.axes_or_new(None).figure.number in plt.get_fignums()
    before = plt.get_fignums()
    with figures.unseen():
        ax = figures.axes_or_new(None)
    assert plt.get_fignums() == before
    assert figures.axes_or_new(ax) is ax
    assert len(figures.new_panels(5, 3, (2.0, 2.0))) == 5
    assert len(plt.get_fignums()) == len(before) + 1


@pytest.mark.slow
def test_a_script_saves_and_shows(tmp_path):
    code = (
        "import sys, relucvx as rx\n"
        "from matplotlib import pyplot as plt\n"
        "sol = rx.solve([[-2.0], [1.0], [2.0]], [2.0, 1.0, 2.0], 0.5)\n"
        "ax = sol.plot()\n"
        "ax.figure.savefig(sys.argv[1])\n"
        "plt.show()\n"
        "assert plt.gca() is ax\n"
    )
    subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code, tmp_path / "f.png"], check=True,
        capture_output=True,
    )  # fmt: skip
    assert (tmp_path / "f.png").stat().st_size > 5000


def test_bounds_are_those_of_the_history():
    sol = rx.solve([[-2.0], [-1.0], [1.0], [2.0]], [2.0, 1.0, 1.0, 2.0], 1.0)
    for against in ("seconds", "step"):
        upper, lower = sol.plot(against=against).get_lines()
        assert upper.get_ydata()[-1] == sol.upper
        assert lower.get_ydata()[-1] == sol.lower
    with pytest.raises(InvalidInputError, match='against to be "seconds" or "step"'):
        sol.plot(against="rounds")
    history = pd.DataFrame({"seconds": [0.0, 1.0], "upper": [np.inf, 2.0], "lower": [0.0, 1.0]})
    assert figures.bounds(None, history, "step").has_data()


def test_intervals_have_their_ends_and_marks():
    ax = figures.intervals(None, ["a", "$b"], [0.0, 1.0], [1.0, 3.0], "x", {"found": [0.5, 2.0]})
    ends, found = ax.get_lines()
    assert ends.get_xdata().tolist() == [0.0, 1.0, 1.0, 3.0]
    assert found.get_xdata().tolist() == [0.5, 2.0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", r"\$b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is at the top"


@pytest.mark.parametrize("count", [3, 100])
def test_bars_and_pictures_have_names_as_long_as_there_is_room(count):
    names = [f"name {k}" for k in range(count)]
    ax = figures.bars(None, names, np.full(count, np.nan), "y", [(0.0, 1.0)] * count)
    assert (names[0] in [t.get_text() for t in ax.get_xticklabels()]) == (count == 3)
    ax = figures.picture(None, np.eye(count) - 0.5, names, names, "value", signed=True)
    assert ax.images[0].get_clim() == (-0.5, 0.5)
    assert (names[0] in [t.get_text() for t in ax.get_yticklabels()]) == (count == 3)
    assert figures.picture(None, np.full((2, 2), np.nan), "ab", "cd", "value").images


def test_names_beside_points_cover_neither_points_nor_names():
    (ax,) = figures.new_panels(1, 1, (5.0, 4.0))
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (2, 8))
    x[1], y[1] = x[0] + 0.02, y[0] + 0.02
    ax.set_xlim(-0.3, 1.3)
    ax.set_ylim(-0.3, 1.3)
    figures.named_points(ax, x, y, [f"condition {k}" for k in range(8)])
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k])
    spots = ax.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*spot) for box in boxes for spot in spots)
    plt.close(ax.figure)


@pytest.mark.parametrize("count", [3, 25, 200])
def test_neurons_along_a_strip_are_named_as_long_as_there_is_room(count):
    ax = figures.strip(
        None, np.arange(2.0 * count).reshape(2, count), ["a", "b"], [f"n{k}" for k in range(count)], "mean"
    )
    ax.figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert len(boxes) >= min(count, 8)
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    plt.close(ax.figure)
