"""Folding between classes and the largest folding, against loops over all pairs."""

import itertools
import json
import weakref

import numpy as np
import pytest

from relucvx.datasets import sawtooth
from relucvx.errors import InvalidInputError
from relucvx.metrics import class_folding, folding, largest_folding
from relucvx.metrics.regions import tracking
from relucvx.metrics.regions.folds import class_folding as by_class
from relucvx.metrics.regions.folds import largest_folding as by_search
from relucvx.metrics.regions.folds.class_folding import _centroids
from relucvx.metrics.regions.segments.lines import each_line
from relucvx.network import DeepNetwork, TwoLayerReLU
from relucvx.types import strict_json


def random_net(seed, widths=(3, 8, 8, 8, 2)):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal(s) * np.sqrt(2 / s[0]) for s in itertools.pairwise(widths)]
    return DeepNetwork(tuple(weights), tuple(0.3 * rng.standard_normal(w.shape[1]) for w in weights))


def data(seed=0, n=18):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((n, 3)), np.array(["a", "b", "c"])[rng.integers(0, 3, n)]


def literal(net, X, labels, starts, ends, **options):
    """All chi and the non-zero maxima over the ends, from every start."""
    paths, maxima = [], []
    for i in np.flatnonzero(labels == starts):
        chi = [folding(net, X[i], X[j], **options).chi for j in np.flatnonzero(labels == ends) if j != i]
        chi = [value for value in chi if not np.isnan(value)]
        paths += chi
        if chi and max(chi) > 0:
            maxima.append(max(chi))
    return paths, maxima


def assert_pair(found, paths, maxima):
    assert (found.n_paths, found.n_maxima) == (len(paths), len(maxima))
    median = np.median(maxima) if maxima else np.nan
    mad = np.median([abs(m - median) for m in maxima]) if maxima else np.nan
    np.testing.assert_allclose(
        [found.median, found.mad, found.folded], [median, mad, np.mean([c > 0 for c in paths])], rtol=1e-12
    )


@pytest.mark.parametrize("options", [{}, {"symmetric": True}, {"layers": [1, 2]}, {"neurons": {2: [0, 3]}}])
def test_equals_loops_over_all_pairs(options):
    net, (X, labels) = random_net(1), data()
    found = class_folding(net, X, labels, n_pairs=None, **options)
    assert found.labels == ("a", "b", "c")
    every = {pair: literal(net, X, labels, *pair, **options) for pair in itertools.product("abc", repeat=2)}
    assert found.overall.n_maxima > 10 or "neurons" in options
    for pair, (paths, maxima) in every.items():
        assert_pair(found.pairs[pair], paths, maxima)
    for part, same in ((found.overall, False), (found.within, True)):
        chosen = [every[a, b] for a, b in every if (a == b) is same]
        assert_pair(part, [c for paths, _ in chosen for c in paths], [m for _, maxima in chosen for m in maxima])
    unordered = class_folding(net, X, labels, n_pairs=None, ordered=False, **options)
    np.testing.assert_array_equal(unordered.median, unordered.median.T)
    for a, b in itertools.combinations("abc", 2):
        assert_pair(unordered.pairs[a, b], every[a, b][0] + every[b, a][0], every[a, b][1] + every[b, a][1])
    assert_pair(unordered.pairs["a", "a"], *every["a", "a"])
    n = found.overall.n_paths
    assert repr(found).startswith(f"ClassFolding(3 classes, median {found.overall.median:.3g}, ")
    assert f"of {n} paths between" in repr(found)
    assert unordered.overall == found.overall
    assert unordered.within == found.within


def assert_same(first, second, order=slice(None)):
    for name in ("median", "mad", "folded", "n_paths", "n_maxima"):
        matrix = getattr(first, name)[order][:, order]
        np.testing.assert_allclose(matrix, getattr(second, name), rtol=1e-12, err_msg=name)


def test_invariances_and_their_limits():
    net, (X, labels) = random_net(2), data(2)
    rng = np.random.default_rng(0)
    base = class_folding(net, X, labels, n_pairs=None)
    renamed = class_folding(net, X, [{"a": 7, "b": -1, "c": 2}[v] for v in labels], n_pairs=None)
    assert renamed.labels == (-1, 2, 7)
    assert_same(base, renamed, [1, 2, 0])
    order = rng.permutation(len(X))
    assert_same(base, class_folding(net, X[order], labels[order], n_pairs=None))
    W, b = list(net.weights), list(net.biases)
    Q, turn = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.permutation(8)
    W[0] = Q.T @ W[0] / 3
    W[1], b[1], W[2] = W[1][:, turn], b[1][turn], W[2][turn]
    moved = class_folding(DeepNetwork(tuple(W), tuple(b)), 3 * X @ Q, labels, n_pairs=None)
    assert_same(base, moved)
    for other in (
        class_folding(net, X, labels[order], n_pairs=None),  # labels of other samples
        class_folding(net, X + 1.0, labels, n_pairs=None),  # moved without the network
        class_folding(net, X, labels, n_pairs=None, layers=[0, 1]),
    ):
        with pytest.raises(AssertionError):
            assert_same(base, other)


def test_drawn_pairs():
    net, (X, labels) = random_net(3), data(3, n=60)
    few = class_folding(net, X, labels, n_pairs=26, rng=0)
    assert few.n_paths.max() == 25
    assert (np.diag(few.n_paths) == 20).all()
    assert strict_json(few) == strict_json(class_folding(net, X, labels, n_pairs=26, rng=0))
    every = class_folding(net, X, labels, n_pairs=None)
    assert strict_json(class_folding(net, X, labels, n_pairs=10**6, rng=1)) == strict_json(every)


def test_centroids_replace_samples():
    rng = np.random.default_rng(4)
    centres = 2 * rng.standard_normal((6, 3))
    noise = 1e-3 * rng.standard_normal((5, 6, 3))
    X, labels = (centres + noise).reshape(-1, 3), np.tile(list("aabbbb"), 5)
    net = random_net(4)
    means = np.concatenate([_sorted(centres[:2] + noise[:, :2].mean(axis=0)), centres[2:] + noise[:, 2:].mean(axis=0)])
    np.testing.assert_allclose(_sorted(_centroids(X[labels == "a"], 2, rng)), means[:2], atol=1e-12)
    found = class_folding(net, X, labels, centroids=4, n_pairs=None, rng=0)
    few = class_folding(net, X[labels == "b"], ["b"] * 20, centroids=4, rng=0)
    assert found.n_paths[0, 0] <= 4 * 3
    assert few.n_paths[0, 0] == 4 * 3
    np.testing.assert_allclose(few.median, class_folding(net, means[2:], ["b"] * 4).median, atol=1e-12)
    # no more different samples than centroids: the samples themselves, each once
    repeated = class_folding(
        net, np.repeat(centres, 3, axis=0), np.repeat(list("aabbbb"), 3), centroids=9, n_pairs=None
    )
    assert_same(class_folding(net, centres, list("aabbbb"), n_pairs=None), repeated)


def _sorted(points):
    return points[np.argsort(points[:, 0])]


def test_images_and_tensors():
    """A convolutional network and its matrix read from flattened images say the same."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    body = [nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)]
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 6), *body).double().eval()
    X = 2 * torch.randn(12, 1, 4, 4, dtype=torch.float64)
    labels = torch.arange(12) % 2
    found = class_folding(module, X, labels, n_pairs=None)
    paths, maxima = literal(module, X.numpy(), labels.numpy(), 0, 1)
    assert_pair(found.pairs[0, 1], paths, maxima)
    assert class_folding(module, X, labels, centroids=2, rng=0).n_paths[0, 0] == 2
    best = largest_folding(module, X)
    assert best.start.shape == (1, 4, 4)
    assert folding(module, best.start, best.end).chi == best.chi
    box = largest_folding(module, -torch.ones(1, 4, 4), torch.ones(1, 4, 4), n_segments=200, rng=0)
    assert box.end.shape == (1, 4, 4)
    assert folding(module, box.start, box.end).chi == box.chi


def test_nothing_folds_in_one_layer():
    rng = np.random.default_rng(5)
    X, labels = data(5)
    net = TwoLayerReLU(rng.standard_normal((20, 3)), rng.standard_normal((20, 2)), bias_in=rng.standard_normal(20))
    found = class_folding(net, X, labels, n_pairs=None)
    assert (found.folded == 0).all()
    assert np.isnan(found.median).all()
    assert found.overall.n_maxima == 0


def test_undefined_without_paths():
    """One class has no pairs of different classes; two equal points have no chi."""
    found = class_folding(sawtooth(2), [[0.3], [0.3]], [1, 1])
    assert (found.within.n_paths, found.overall.n_paths) == (0, 0)
    assert np.isnan([found.within.folded, found.overall.folded, found.overall.median]).all()
    assert json.loads(strict_json(found))["median"] == [[None]]


def test_heatmap():
    pytest.importorskip("matplotlib")
    X, labels = data(6)
    found = class_folding(random_net(6), X, labels, n_pairs=None)
    for values in ("median", "mad", "folded"):
        ax = found.plot(values=values)
        assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
        assert ax.texts[1].get_text() == f"{getattr(found, values)[0, 1]:.2f}"
        assert ax.images[0].get_array().shape == (3, 3)
    again = found.plot(ax.figure.add_subplot())
    assert again is not ax
    assert class_folding(sawtooth(1), [[0.3], [0.3]], [1, 2]).plot().texts[0].get_text() == "–"
    with pytest.raises(InvalidInputError, match='values "median", "mad" or "folded"; received \'chi\''):
        found.plot(values="chi")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_pairs": 0}, "n_pairs to be an int >= 1 or None; received 0"),
        ({"centroids": True}, "centroids to be an int >= 1 or None; received True"),
        ({"labels": ["a"]}, "labels of length 2"),
        ({"X": [[np.nan], [1.0]]}, "X to be finite"),
        ({"X": [[1.0, 2.0], [1.0, 3.0]]}, "start with 1 entries"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InvalidInputError, match=message):
        class_folding(**{"module": sawtooth(2), "X": [[0.1], [0.9]], "labels": ["a", "b"], **change})


@pytest.mark.parametrize("where", [by_class, by_search, tracking])
def test_codes_of_one_path_are_held_at_a_time(where, monkeypatch):
    """A thousand paths through a convolutional network hold some twelve gigabytes of codes."""
    made, most = [], [0]

    def watched(*args, **options):
        lines, single = each_line(*args, **options)

        def one_by_one():
            for line in lines:
                made.append(weakref.ref(line))
                most[0] = max(most[0], sum(one() is not None for one in made))
                yield line
                del line

        return one_by_one(), single

    monkeypatch.setattr(where, "each_line", watched)
    net, (X, labels) = random_net(1), data()
    if where is by_class:
        class_folding(net, X, labels, n_pairs=None)
    elif where is by_search:
        largest_folding(net, X, n_segments=60, rng=0)
    else:
        where.line_means(net, np.stack([X[:9], X[9:]], axis=1))
    assert 1 <= most[0] <= 2
