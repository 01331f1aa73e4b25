"""Figures: what they draw is what was computed, and they touch no global state."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import UnsupportedError
from relucvx.report.figures import new_axes, plot_curves, plot_gaps, plot_kernels
from relucvx.report.neurons import _together, dual_values, hammer, plot_landscape, plot_neurons


def comparison(name="planted:20x2", beta=0.5, **options):
    """A comparison with two runs of known networks."""
    data = rx.datasets.get(name)
    sol = rx.solve(data.X, data.Y, beta, **options)
    net = sol.network
    worse = rx.TwoLayerReLU(net.weights_in, 1.3 * net.weights_out, net.bias_in, net.bias_out, net.activation)
    history = {"step": np.array([0, 10, 50]), "objective": np.array([9.0, 2.0, 1.0]) * sol.objective}
    runs = [SimpleNamespace(network=n, seed=k, history=history) for k, n in enumerate((worse, net))]
    return rx.compare(data.X, data.Y, beta, runs, solution=sol, **options)


@pytest.fixture(scope="module")
def plane():
    return comparison()


@pytest.fixture(scope="module")
def sphere():
    return comparison(bias="all")


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


def test_curves_lie_above_the_certified_floor(plane):
    ax = plot_curves(plane)
    *curves, floor = ax.lines
    assert len(curves) == 2
    assert floor.get_ydata()[0] == plane.solution.certificate.lower
    assert all((np.asarray(c.get_ydata()) >= floor.get_ydata()[0]).all() for c in curves)
    assert curves[0].get_xdata().tolist() == [1, 11, 51]
    assert "best run (seed 1)" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_runs_without_a_history_leave_only_the_floor(plane):
    bare = rx.compare(
        plane.problem.X, plane.problem.Y[:, 0], plane.problem.beta, plane.networks, solution=plane.solution
    )
    assert len(plot_curves(bare).lines) == 1


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
