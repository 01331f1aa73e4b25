"""Images, graphs and series: what the generators promise, and that certified networks learn it."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import relucvx as rx
from relucvx.datasets import Dataset, get, graphs, images, sequences
from relucvx.errors import InvalidInputError


# ---------------------------------------------------------------------- images
def test_images_are_the_digits_with_the_coding_asked_for():
    raw = load_digits()
    data = images((8, 3))
    rows = np.flatnonzero(np.isin(raw.target, (3, 8)))
    np.testing.assert_array_equal(16.0 * data.X[:, 0], raw.images[rows])
    # the first class is -1, whatever the digits
    np.testing.assert_array_equal(data.Y, np.where(raw.target[rows] == 8, -1.0, 1.0))
    assert data.target_names == ("8", "3")
    assert not data.is_table
    hot = images((0, 1, 5))
    np.testing.assert_array_equal(hot.Y.sum(axis=0), [np.sum(raw.target == k) for k in (0, 1, 5)])
    np.testing.assert_array_equal(images((0, 1, 5), one_hot=False).Y, 2.0 * hot.Y - 1.0)
    np.testing.assert_array_equal(images((8, 3), one_hot=True).Y, np.eye(2)[data.labels])
    assert images().Y.shape == (1797, 10)


def test_images_by_name():
    assert repr(get("images:3x8")) == "Dataset(images: 357 samples x 1 x 8 x 8)"
    np.testing.assert_array_equal(get("images:0x1x2", one_hot=False).Y, images((0, 1, 2), one_hot=False).Y)


# ---------------------------------------------------------------------- graphs
def test_graphs_are_of_unequal_size_and_rows_are_averages_of_their_nodes():
    data = graphs(40, 2, nodes=(3, 9), rng=1)
    counts = np.bincount(data.groups)
    assert set(counts) == set(range(3, 10))
    assert data.n_samples == len(counts) == 40
    assert repr(data) == f"Dataset(graphs: 40 samples of {len(data.X)} rows x 2 features)"
    # averages of normal numbers over two or more nodes are smaller than the numbers, and means of a graph are within it
    assert 0.3 < data.X.std() < 0.9
    # the first feature of like neighbours does not cancel, that of unlike ones does
    size = np.bincount(data.groups, np.abs(data.X[:, 0])) / counts
    assert size[data.Y > 0].mean() > 1.5 * size[data.Y < 0].mean()
    other = np.bincount(data.groups, np.abs(data.X[:, 1])) / counts
    assert 0.8 < other[data.Y > 0].mean() / other[data.Y < 0].mean() < 1.25


def test_a_graph_without_edges_between_others_keeps_its_features(monkeypatch):
    monkeypatch.setattr("relucvx.datasets.structured.ALIKE", 0.0)
    monkeypatch.setattr("relucvx.datasets.structured.UNLIKE", 0.0)
    alone = graphs(2, 1, nodes=(50, 50)).X
    monkeypatch.setattr("relucvx.datasets.structured.ALIKE", 1.0)
    # all edges between nodes of one sign: the averages are those of the two halves, and the graph's mean is kept
    joined = graphs(2, 1, nodes=(50, 50)).X[50:, 0]
    assert len(np.unique(np.round(joined, 9))) == 2
    assert 0.8 < alone.std() < 1.2


def test_noise_turns_labels_round():
    clean, noisy, turned = (graphs(200, 1, nodes=(1, 1), noise=p, rng=3) for p in (0.0, 0.2, 1.0))
    assert 20 <= np.sum(clean.Y != noisy.Y) <= 60
    np.testing.assert_array_equal(turned.Y, -clean.Y)
    np.testing.assert_array_equal(turned.labels, turned.Y > 0)


# ---------------------------------------------------------------------- series
def test_windows_of_a_series_and_its_wave():
    data = sequences(6, length=9, window=3, noise=0.0, rng=2)
    assert data.X.shape == (6, 7, 3)
    # neighbouring windows overlap
    np.testing.assert_array_equal(data.X[:, 1:, 0], data.X[:, :-1, 1])
    series = np.concatenate([data.X[:, :, 0], data.X[:, -1, 1:]], axis=1)
    slow = np.sqrt(2.0) * np.sin(2.0 * np.pi * (np.arange(3) + 0.5) / 3)
    for values, label in zip(series, data.Y, strict=True):
        # one wave of the class, either way up, and nothing else
        wave = slow if label > 0 else np.array([1.0, -1.0, 1.0])
        start = int(np.flatnonzero(values)[0])
        np.testing.assert_allclose(np.abs(values[start : start + 3] @ wave), 3.0)
        assert np.count_nonzero(np.abs(values) > 1e-12) <= 3
        assert np.linalg.norm(values) == pytest.approx(np.sqrt(3.0))
    np.testing.assert_array_equal(get("sequences:6x9x3", noise=0.0, rng=2).X, data.X)


@pytest.mark.parametrize("make", [lambda rng: graphs(8, 2, rng=rng), lambda rng: sequences(8, rng=rng)])
def test_the_same_seed_gives_the_same_data(make):
    np.testing.assert_array_equal(make(5).X, make(5).X)
    assert make(5).X.shape != make(6).X.shape or (make(5).X != make(6).X).any()


# ---------------------------------------------------------------------- networks on them
def test_what_a_certified_network_learns_holds_for_new_graphs_and_series():
    data, new = graphs(60, 1, rng=0), graphs(60, 1, rng=1)
    hi = rx.beta_max(data.X, data.Y, loss="logistic", groups=data.groups)[1]
    sol = rx.solve(data.X, data.Y, 0.05 * hi, loss="logistic", bias="all", groups=data.groups)
    assert np.mean(np.sign(sol.network.predict(new.X, new.groups)) == new.Y) >= 0.8
    data, new = sequences(40, 10, 3, noise=0.1, rng=0), sequences(40, 10, 3, noise=0.1, rng=1)
    hi = rx.beta_max(data.X, data.Y, loss="logistic", bias="all", pooling="mean")[1]
    sol = rx.solve(data.X, data.Y, 0.05 * hi, loss="logistic", bias="all", pooling="mean", tol=1e-4)
    assert np.mean(np.sign(sol.network.predict(new.X)) == new.Y) >= 0.9


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: images((3,)), r"two different digits; received \(3,\); try: images\(\(3, 8\)\)"),
        (lambda: images((3, 3)), "two different digits"),
        (lambda: images((3, 11)), "each of classes"),
        (lambda: images((True, 2)), "each of classes"),
        (lambda: graphs(1), "n to be"),
        (
            lambda: graphs(5, 2, nodes=(5, 3)),
            r"nodes as a pair, fewest and most; received \(5, 3\); try: nodes=\(4, 12\)",
        ),
        (lambda: graphs(5, 2, nodes=(5, 3, 4)), "nodes as a pair"),
        (lambda: graphs(5, noise=1.5), "chance between 0 and 1; received 1.5"),
        (lambda: sequences(5, 8, 9), "window"),
        (lambda: sequences(5, 8, 2), "window"),
        (lambda: sequences(5, noise=-1.0), "noise"),
        (lambda: get("images:3"), "sizes written as images:DIGITxDIGITx..."),
        (lambda: get("graphs:3", colour=1), "options of graphs:3 among"),
        (lambda: Dataset("bags", np.ones((2, 3, 1)), [1.0, 2.0], groups=[0, 1]), r"X of shape \(R, d\), all rows"),
        (lambda: Dataset("bags", np.ones((3, 1)), [1.0, 2.0, 3.0], groups=[0, 1, 1]), "each of the 2 groups"),
        (lambda: Dataset("bags", np.ones((3, 1)), [1.0, 2.0], groups=[0, 2, 2]), "no row of sample 1"),
        (lambda: Dataset("bags", np.full((2, 3, 1), np.nan), [1.0, 2.0]), "finite"),
        (lambda: Dataset("bags", np.ones((2, 3, 1)), [1.0]), "as many rows as X"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
