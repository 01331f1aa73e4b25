"""Figures of neurons: at their cost, over the landscape of the dual function."""

import numpy as np
import pytest
from report.cases import comparison

import relucvx as rx
from relucvx.errors import UnsupportedError
from relucvx.report.figures import new_axes, plot_curves, plot_gaps, plot_kernels
from relucvx.report.neurons import _together, dual_values, hammer, plot_landscape, plot_neurons


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("planted:12x1", {}), ("planted:12x1", {"bias": "hidden"}), ("planted:12x1", {"bias": "free"}),
        ("planted:12x2", {}), ("planted:12x2", {"bias": "free"}), ("planted:12x3", {}),
    ],
)  # fmt: skip
def test_the_landscape_never_exceeds_beta_and_neurons_reach_it(name, options):
    found = comparison(name, 0.3, **options)
    ax = new_axes()
    assert plot_landscape(found, ax) is ax
    ax.figure.canvas.draw()
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines if len(line.get_xdata()) > 1000]
    drawn += [np.asarray(c.get_array()) for c in ax.collections if type(c).__name__ == "QuadMesh"]
    drawn += [np.array([bar.get_height() for bar in ax.patches])] if ax.patches else []
    assert drawn
    assert max(float(values.max()) for values in drawn) <= 1 + 1e-12
    W = rx.balance(found.solution.network, options.get("bias") != "free").lifted_in
    values = dual_values(found.problem, found.solution.dual, W)
    assert values == pytest.approx(np.full(len(W), 0.3), rel=2e-3)
    assert len(W) > 0


def test_dual_values_by_the_definition(sphere):
    p, N = sphere.problem, sphere.solution.dual
    W = np.random.default_rng(0).standard_normal((50, 3))
    slow = [
        abs(sum(N[i, 0] * max(0.0, float(np.append(x, 1.0) @ w)) for i, x in enumerate(p.X))) / np.linalg.norm(w)
        for w in W
    ]
    assert np.allclose(dual_values(p, N, W), slow)
    assert max(slow) <= p.beta * (1 + 1e-9)
    assert dual_values(p, N, np.zeros((1, 3))).tolist() == [0.0]


def test_the_landscape_needs_few_coordinates():
    found = comparison("planted:12x3", 0.3, bias="hidden")
    with pytest.raises(
        UnsupportedError, match=r"at most 3 input coordinates, bias included; received 4; .*plot_neurons"
    ):
        plot_landscape(found)
    ax = plot_neurons(found)  # the principal plane
    assert np.linalg.norm(ax.collections[0].get_offsets(), axis=1).max() <= 1 + 1e-9


def test_neurons_in_the_plane_lie_at_their_cost(plane):
    ax = plot_neurons(plane)
    net = plane.solution.network
    points = np.asarray(ax.collections[0].get_offsets())
    assert sorted(np.linalg.norm(points, axis=1)) == pytest.approx(sorted(net.neuron_norms()))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    ours = net.weights_in / np.linalg.norm(net.weights_in, axis=1, keepdims=True)
    assert np.allclose(np.abs(unit @ ours.T).max(axis=1), 1.0)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["optimum", "best run (seed 1)"]


def test_neurons_on_the_line_and_sphere_draw(sphere):
    assert len(plot_neurons(sphere).collections) == 2
    assert len(plot_neurons(comparison("planted:12x1", 0.3)).collections) == 2


def test_a_null_optimum_draws():
    data = rx.datasets.get("planted:12x3")
    found = rx.compare(data.X, data.Y, 1e4, [])
    assert found.optimum.width == 0
    for draw in (plot_neurons, plot_landscape, plot_curves, plot_gaps, plot_kernels):
        axes = draw(found)
        (axes[0] if isinstance(axes, list) else axes).figure.canvas.draw()


def test_close_neurons_are_drawn_as_one():
    angle = np.deg2rad([0.0, 2.0, 90.0])
    W, size = _together(np.column_stack([np.cos(angle), np.sin(angle)]), np.array([3.0, 1.0, 1.0]))
    assert size.tolist() == [4.0, 1.0]
    assert np.allclose(W, [[1, 0], [0, 1]], atol=1e-12)


def test_the_map_of_the_sphere_keeps_areas():
    poles = hammer(np.array([[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 1e-12, 0]]))
    assert np.allclose(poles, [[0, np.sqrt(2)], [0, -np.sqrt(2)], [0, 0], [2 * np.sqrt(2), 0]], atol=1e-5)

    def at(longitude, latitude):
        c = np.cos(latitude)
        return hammer(np.array([[c * np.cos(longitude), c * np.sin(longitude), np.sin(latitude)]]))[0]

    h = 1e-5
    for longitude, latitude in [(0.0, 0.0), (1.0, 0.5), (-2.5, -1.2), (3.0, 0.3)]:
        a = (at(longitude + h, latitude) - at(longitude - h, latitude)) / (2 * h)
        b = (at(longitude, latitude + h) - at(longitude, latitude - h)) / (2 * h)
        assert a[0] * b[1] - a[1] * b[0] == pytest.approx(np.cos(latitude), rel=1e-6)
