"""The figure of a slice."""

import numpy as np
import pytest
from metrics.regions.cases import BOX, random_net

from relucvx.errors import InvalidInputError
from relucvx.metrics import slice_regions
from relucvx.metrics.regions.polygons.slice_plot import BOUNDARY
from relucvx.network import DeepNetwork


# ---------------------------------------------------------------------- the figure
@pytest.mark.parametrize("color", ["region", "area", "eccentricity", "none", "values"])
def test_the_figure_shows_regions_walls_and_boundary(color):
    found = slice_regions(random_net(np.random.default_rng(2), (2, 6, 6, 3)), BOX)
    values = np.arange(found.n_regions) if color == "values" else color
    ax = found.plot(color=values, points=[[0.0, 0.0], [1.0, 1.0]], names=["a", "b"])
    faces, walls, boundary = ax.collections[:3]
    assert len(faces.get_paths()) == found.n_regions
    assert len(walls.get_segments()) == len(found.edges)
    assert len(boundary.get_segments()) == len(found.decision_boundary)
    assert [t.get_text() for t in ax.texts] == ["a", "b"]
    assert [t.get_text() for t in ax.figure.legends[0].get_texts()] == ["layer 0", "layer 1", "decision boundary"]
    assert ax.get_title() == f"{found.n_regions} regions"
    assert len(ax.figure.axes) == (1 if color in ("region", "none") else 2)
    ax.figure.canvas.draw()


def test_the_figure_draws_on_given_axes_and_leaves_out_what_is_not_wanted():
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    found = slice_regions(random_net(np.random.default_rng(2), (2, 6, 3)), BOX)
    ax = Figure().subplots()
    assert found.plot(ax, walls=False, boundary=False) is ax
    assert len(ax.collections) == 1
    assert ax.get_legend() is None
    found.plot(ax, color="none", points=found.to_plane([[0.0, 0.0], [1.0, 1.0]]), labels=["x", "y"])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["decision boundary", "x", "y"]
    assert len(np.unique(ax.collections[-1].get_facecolors(), axis=0)) == 2
    both = found.plot(walls=False)
    assert to_rgb(both.collections[1].get_color()[0]) == to_rgb(BOUNDARY)
    with pytest.raises(InvalidInputError, match=r"color among region, area, eccentricity, none, or .*received 'depth'"):
        found.plot(color="depth")
    with pytest.raises(InvalidInputError, match="numbers, one per region"):
        found.plot(color=[1.0, 2.0])


@pytest.mark.parametrize("kind", ["names", "labels"])
def test_names_are_no_formulas(kind, tmp_path):
    found = slice_regions(random_net(np.random.default_rng(2), (2, 6, 3)), BOX)
    ax = found.plot(points=found.to_plane([[0.0, 0.0], [1.0, 1.0]]), **{kind: ["$a^$", "_b"]})
    ax.figure.savefig(tmp_path / "slice.png")  # a formula without an end would fail here
    shown = ax.texts if kind == "names" else ax.figure.legends[0].get_texts()
    assert [t.get_text() for t in shown][-2:] == [r"\$a^\$", " _b"]


def test_slivers_are_drawn_with_a_scale_of_their_own_on_each_axis():
    net = DeepNetwork((np.eye(2), np.ones((2, 1))))
    for height, aspect in ((0.1, "auto"), (0.5, 1.0)):
        ax = slice_regions(net, [[0.0, 0.0], [1.0, 0.0], [0.5, height]]).plot()
        assert ax.get_aspect() == aspect
