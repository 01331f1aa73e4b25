"""Region complexity during training: what is recorded, and that training does not notice."""

import numpy as np
import pytest
from metrics.regions.cases import BOX, random_net

from relucvx.errors import InvalidInputError
from relucvx.metrics import RegionTracker, folding, line_regions, slice_regions
from relucvx.metrics.layers.hooks import evaluating
from relucvx.metrics.regions.tracking import OF_LINES, OF_SLICES

torch = pytest.importorskip("torch")


def module(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nn = torch.nn
        return nn.Sequential(
            nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3)
        )  # fmt: skip


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.3)


def train(net, X, y, epochs, after=lambda: None):
    """A loop like any other: dropout, batch norm, Adam, torch's global random state."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(20):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.from_numpy(X)[rows]), torch.from_numpy(y)[rows]).backward()
            optimizer.step()
        after()
    return torch.cat([p.detach().ravel() for p in net.parameters()]).numpy()


def test_training_does_not_notice(data):
    X, y = data
    with torch.random.fork_rng():
        plain = train(module(), X, y, 4)
        net = module()
        tracker = RegionTracker(net, X, labels=y, mode="both", n_polygons=2, n_segments=3)
        tracked = train(net, X, y, 4, tracker.step)
        state = torch.get_rng_state()
        tracker.step()
        assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(plain, tracked)
    assert net.training
    assert all(part.training for part in net.modules())
    assert [r["step"] for r in tracker.history] == [0, 1, 2, 3, 4]
    assert len({r["n_regions"] for r in tracker.history}) > 1
    net[3].eval()  # every part gets its own mode back, also after an error
    with evaluating(net):
        assert not any(part.training for part in net.modules())
    assert [part.training for part in net] == [True, True, True, False, True, True, True]
    with pytest.raises(ZeroDivisionError), evaluating(net):
        raise ZeroDivisionError
    assert [part.training for part in net] == [True, True, True, False, True, True, True]


def test_records_are_what_the_metrics_say(data):
    X, _ = data
    net = module().eval()
    polygons, segments = X[:6].reshape(2, 3, 4), X[6:14].reshape(4, 2, 4)
    record = RegionTracker(net, polygons=polygons, segments=segments, mode="both").step(loss=0.5)
    slices = [slice_regions(net, p) for p in polygons]
    assert record["loss"] == 0.5
    assert record["n_regions"] == np.mean([s.n_regions for s in slices])
    assert record["mean_area"] == pytest.approx(np.mean([s.areas.mean() for s in slices]))
    assert record["median_area"] == pytest.approx(np.mean([np.median(s.areas) for s in slices]))
    assert record["eccentricity"] == pytest.approx(np.mean([s.eccentricity.mean() for s in slices]))
    assert record["perimeter"] == pytest.approx(np.mean([s.perimeters.mean() for s in slices]))
    assert record["wall_length"] == pytest.approx(np.mean([s.shared.sum() for s in slices]))
    assert record["boundary_length"] == pytest.approx(np.mean([s.boundary_length for s in slices]))
    assert record["line_regions"] == np.mean([line_regions(net, a, b).n_regions for a, b in segments])
    chi = np.array([folding(net, a, b).chi for a, b in segments])
    assert record["folding"] == pytest.approx(np.nanmean(chi))
    assert record["largest_folding"] == pytest.approx(np.nanmax(chi))
    assert record["folded"] == np.mean(chi > 0)
    first = RegionTracker(net, polygons=polygons, segments=segments, mode="both", layers=0).step()
    assert first["n_regions"] == np.mean([slice_regions(net, p, layers=0).n_regions for p in polygons])
    assert np.isnan(first["boundary_length"])
    assert first["folding"] == 0.0


def test_every_so_many_steps_and_in_a_with_statement():
    net = random_net(np.random.default_rng(1), (2, 6, 6, 2))
    tracker = RegionTracker(net, polygons=BOX[None], every=3)
    assert [tracker.step() is not None for _ in range(7)] == [True, False, False, True, False, False, True]
    assert [r["step"] for r in tracker.history] == [0, 3, 6]
    tracker.record(note="end")
    assert tracker.history[-1]["note"] == "end"
    assert tracker.history[-1]["step"] == 7
    with RegionTracker(net, polygons=BOX[None]) as around:
        pass
    assert [r["step"] for r in around.history] == [0, 1]
    with RegionTracker(net, polygons=BOX[None], every=2) as around:
        for _ in range(3):
            around.step()
    assert [r["step"] for r in around.history] == [0, 2, 4]
    with RegionTracker(net, polygons=BOX[None]) as around:
        around.step()
    assert [r["step"] for r in around.history] == [0, 1]
    with pytest.raises(ZeroDivisionError), RegionTracker(net, polygons=BOX[None]) as broken:
        raise ZeroDivisionError
    assert len(broken.history) == 1
    around.history[0]["step"] = 99  # copies: the tracker's own records stay
    assert around.history[0]["step"] == 0


def test_draws_are_of_different_classes_and_fixed(data):
    X, y = data
    names = np.array(["a", "b", "c"])[y]
    net = module().eval()
    tracker = RegionTracker(net, torch.from_numpy(X), labels=names, mode="both", n_polygons=10, n_segments=12)
    known = {row.tobytes(): label for row, label in zip(X.astype(float), names, strict=True)}
    assert tracker.polygons.shape == (10, 3, 4)
    assert tracker.segments.shape == (12, 2, 4)
    assert all(len({known[row.tobytes()] for row in corners}) == 3 for corners in tracker.polygons)
    assert all(len({known[row.tobytes()] for row in ends}) == 2 for ends in tracker.segments)
    again = RegionTracker(net, X, labels=y, mode="both", n_polygons=10, n_segments=12)  # renamed labels: the same draws
    np.testing.assert_array_equal(again.polygons, tracker.polygons)
    other = RegionTracker(net, X, labels=y, n_polygons=10, rng=1)
    assert not np.array_equal(other.polygons, tracker.polygons)
    two = RegionTracker(net, X, labels=y > 0, n_polygons=5)
    assert all(len(np.unique(corners, axis=0)) == 3 for corners in two.polygons)
    free = RegionTracker(net, X, n_polygons=4)
    assert free.segments is None
    assert free.step()["n_regions"] >= 1


def test_images():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nn = torch.nn
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2))
    X = np.random.default_rng(0).standard_normal((10, 1, 6, 6))
    record = RegionTracker(net, X, mode="both", n_polygons=1, n_segments=2).step()
    assert record["n_regions"] > 1
    assert record["line_regions"] > 1


def test_flat_samples_of_an_image_network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(32, 2))
    images = np.random.default_rng(0).standard_normal((10, 1, 6, 6))
    settings = {"mode": "both", "n_polygons": 1, "n_segments": 2}
    flat = RegionTracker(net, images.reshape(10, -1), input_shape=(1, 6, 6), **settings).step()
    shaped = RegionTracker(net, images, **settings).step()
    assert {k: v for k, v in flat.items() if k != "seconds"} == {k: v for k, v in shaped.items() if k != "seconds"}
    with pytest.raises(InvalidInputError, match="input_shape="):
        RegionTracker(net, images.reshape(10, -1), **settings).step()


def test_repeated_samples_make_no_corners():
    rng = np.random.default_rng(0)
    net = random_net(rng, (3, 6, 2))
    X = np.repeat(rng.standard_normal((3, 3)), [20, 20, 1], axis=0)
    tracker = RegionTracker(net, X, mode="both", n_polygons=5, n_segments=20)
    assert all(len(np.unique(corners, axis=0)) == 3 for corners in tracker.polygons)
    assert all((a != b).any() for a, b in tracker.segments)
    assert tracker.step()["n_regions"] >= 1
    straight = np.outer(np.arange(6.0), [1.0, 2.0, -1.0])
    with pytest.raises(InvalidInputError, match="samples that span a triangle; received none among 100 draws of 3"):
        RegionTracker(net, straight)
    assert len(RegionTracker(net, straight, mode="lines").segments) == 32
    with pytest.raises(InvalidInputError, match="an input space of at least two dimensions"):
        RegionTracker(random_net(rng, (1, 6, 2)), np.arange(5.0)[:, None]).step()
    with pytest.raises(InvalidInputError, match="samples that differ; received none among 100 draws of 2"):
        RegionTracker(net, np.ones((4, 3)), mode="lines")


def test_values_are_kept_without_their_graph():
    tracker = RegionTracker(random_net(np.random.default_rng(1), (2, 3, 1)), polygons=BOX[None])
    weight = torch.ones(2, requires_grad=True)
    record = tracker.step(loss=(2 * weight).sum(), both=3 * weight, note="a", score=np.array(2.5))
    assert (record["loss"], record["note"], record["score"]) == (4.0, "a", 2.5)
    assert isinstance(record["loss"], float)
    np.testing.assert_array_equal(record["both"], [3.0, 3.0])
    assert tracker.plot("loss").lines[0].get_ydata()[0] == 4.0
    with pytest.raises(InvalidInputError, match="names of their own; received n_regions, step"):
        tracker.step(step=3, n_regions=1, loss=2.0)
    assert len(tracker.history) == 1


def test_diverged_weights_are_no_regions(data):
    X, y = data
    net = module()
    tracker = RegionTracker(net, X, labels=y)
    assert tracker.step() is not None
    with torch.no_grad():
        net[0].weight[0, 0] = torch.nan
    with pytest.raises(InvalidInputError, match=r"finite weights; received nan or inf.*training diverged"):
        tracker.step()
    assert net.training
    assert len(tracker.history) == 1


def test_frame_and_figure(data):
    net = random_net(np.random.default_rng(1), (2, 6, 6, 2))
    tracker = RegionTracker(net, polygons=BOX[None], segments=BOX.reshape(2, 2, 2), mode="both")
    for k in range(3):
        tracker.step(accuracy=k / 3)
    frame = tracker.to_frame()
    assert len(frame) == 3
    assert set(OF_SLICES + OF_LINES) | {"step", "seconds", "accuracy"} == set(frame.columns)
    axes = tracker.plot()
    assert len(axes) == len(OF_SLICES + OF_LINES)
    one = tracker.plot("accuracy")
    np.testing.assert_allclose(one.lines[0].get_ydata(), [0, 1 / 3, 2 / 3])
    assert tracker.plot("n_regions", one) is one
    assert len(RegionTracker(net, polygons=BOX[None]).history) == 0
    axes[0].figure.canvas.draw()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mode": "planes"}, "mode among slices, lines, both; received 'planes'"),
        ({"every": 0}, "every to be an int >= 1; received 0"),
        ({"X": np.eye(4), "n_polygons": True}, "n_polygons to be an int >= 1"),
        ({"X": np.eye(4), "mode": "lines", "n_segments": 1.5}, "n_segments to be an int >= 1"),
        ({}, "polygons, or X with at least 3 samples to draw them from; received nothing"),
        ({"X": np.eye(4)[:2]}, r"polygons, or X with at least 3 samples.*X of shape \(2, 4\)"),
        ({"mode": "lines"}, "segments, or X with at least 2 samples"),
        ({"polygons": BOX}, r"polygons of shape \(number, corners, features\); received shape \(4, 2\)"),
        ({"segments": np.zeros((2, 3, 4)), "mode": "lines"}, r"segments of shape \(number, 2, features\)"),
        ({"X": np.eye(4), "labels": [0, 1]}, "labels of length 4"),
        (
            {"X": [["a"] * 4] * 4},
            "X of numbers, in an array; received list: could not convert string.*arguments in another order",
        ),
        ({"X": np.full((4, 4), np.inf)}, "X to be finite; received 16 entries"),
        ({"segments": [[[0, 0, 0, np.nan]] * 2], "mode": "lines"}, "segments to be finite; received 2 entries"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        RegionTracker(random_net(np.random.default_rng(1), (4, 3, 1)), **kwargs)


def test_plot_refusals():
    tracker = RegionTracker(random_net(np.random.default_rng(1), (2, 3, 1)), polygons=BOX[None])
    with pytest.raises(InvalidInputError, match=r"at least one record; received none.*tracker\.step\(\)"):
        tracker.plot()
    tracker.step()
    with pytest.raises(InvalidInputError, match=r"names among .*n_regions.*received 'loss'"):
        tracker.plot("loss")
    ax = tracker.plot("n_regions")
    with pytest.raises(InvalidInputError, match="2 axes, one per name; received 1"):
        tracker.plot(["n_regions", "mean_area"], ax)
