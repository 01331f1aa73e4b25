"""Graph and Euclidean convexity: known scores, literal oracles, invariances, labels, ties, refusals."""

import heapq
import tracemalloc
from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
import torch

from relucvx.errors import InvalidInputError
from relucvx.metrics import Convexity, euclidean_convexity, graph_convexity
from relucvx.network import DeepNetwork, TwoLayerReLU


def literal_graph(Z, k):
    """Adjacency by full sorting, in plain loops; ties with the k-th neighbour are all kept."""
    n = len(Z)
    D = np.array([[np.sqrt(np.sum((a - b) ** 2)) for b in Z] for a in Z])
    edges = {i: {} for i in range(n)}
    for i in range(n):
        others = sorted((D[i, j], j) for j in range(n) if j != i)
        limit = others[min(k, n - 1) - 1][0]
        for length, j in others:
            if 0 < length <= limit * (1 + 1e-12):
                edges[i][j] = edges[j][i] = length
    return edges


def shortest_paths(edges, source, target):
    """All shortest paths: Dijkstra for the distances, then every walk back along tight edges."""
    distance, heap = {source: 0.0}, [(0.0, source)]
    while heap:
        d, u = heapq.heappop(heap)
        if d > distance[u]:
            continue
        for v, w in edges[u].items():
            if d + w < distance.get(v, np.inf):
                distance[v] = d + w
                heapq.heappush(heap, (d + w, v))
    if target not in distance:
        return []
    paths, stack = [], [[target]]
    while stack:
        path = stack.pop()
        if path[-1] == source:
            paths.append(path[::-1])
            continue
        v = path[-1]
        for u, w in edges[v].items():
            if u in distance and distance[u] < distance[v] and abs(distance[u] + w - distance[v]) < 1e-12 * distance[v]:
                stack.append([*path, u])
    return paths


def literal_convexity(Z, labels, k):
    edges = literal_graph(Z, k)
    per_class, every = {}, []
    for name in sorted(set(labels)):
        members = [i for i, label in enumerate(labels) if label == name]
        scores = []
        for a, b in permutations(members, 2):
            paths = shortest_paths(edges, a, b)
            if b in edges[a]:
                scores.append(1.0)
            elif not paths:
                scores.append(0.0)
            else:
                scores.append(np.mean([np.mean([labels[v] == name for v in p[1:-1]]) for p in paths]))
        per_class[name] = np.mean(scores) if scores else np.nan
        every += scores
    return np.mean(every), per_class


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ties", ["first", "mean"])
def test_graph_equals_the_literal_definition_without_ties(seed, ties):
    rng = np.random.default_rng(seed)
    Z, labels = rng.standard_normal((24, 2 + seed % 3)), rng.integers(0, 3, 24).tolist()
    k = 1 + seed % 4
    overall, per_class = literal_convexity(Z, labels, k)
    found = graph_convexity(Z, labels, k=k, n_pairs=None, ties=ties)
    assert found.overall == pytest.approx(overall, abs=1e-12)
    assert found.per_class == pytest.approx(per_class, abs=1e-12)
    assert 0 < found.overall < 1


def test_known_scores():
    rng = np.random.default_rng(1)
    blobs = np.concatenate([rng.standard_normal((15, 2)), rng.standard_normal((15, 2)) + 50])
    two = np.repeat([0, 1], 15)
    assert graph_convexity(blobs, two, n_pairs=None) == Convexity(1.0, {0: 1.0, 1: 1.0}, {0: 210, 1: 210})
    # one class in two far clusters of 15: a pair scores when both are in the same cluster
    assert graph_convexity(blobs, np.zeros(30), n_pairs=None, k=10).overall == pytest.approx(14 / 29)
    # a line a b a: the path between the two a runs through b
    line = np.array([[0.0], [1.0], [2.0]])
    assert graph_convexity(line, ["a", "b", "a"], k=1, n_pairs=None).overall == 0.0
    assert graph_convexity(line, ["a", "a", "a"], k=1, n_pairs=None).overall == 1.0
    # with every pair joined each pair is adjacent
    assert graph_convexity(line, ["a", "b", "a"], k=10, n_pairs=None).overall == 1.0


def test_half_of_the_interior():
    line = np.array([[0.0], [1.0], [2.0], [3.0]])
    found = graph_convexity(line, ["a", "a", "b", "a"], k=1, n_pairs=None)
    # pairs 0-1 joined: 1; 0-3 through {1, 2}: 1/2; 1-3 through {2}: 0
    assert found.overall == pytest.approx(0.5)
    assert found.per_class["a"] == pytest.approx(0.5)
    assert np.isnan(found.per_class["b"])
    assert found.n_pairs == {"a": 6, "b": 0}


@pytest.mark.parametrize(
    "names", [["x", "y", "z"], [5, 9, -1], [2.5, 0.5, 1.5], [("a", 1), ("b", 2), ("c", 3)], [1, "b", None]]
)
def test_labels_of_any_type(names):
    rng = np.random.default_rng(2)
    Z, codes = rng.standard_normal((40, 2)), rng.integers(0, 3, 40)
    base = graph_convexity(Z, codes, k=3, n_pairs=None)
    labels = [names[c] for c in codes]
    if None in names:
        with pytest.raises(InvalidInputError, match="labels without missing values"):
            graph_convexity(Z, labels)
        return
    found = graph_convexity(Z, labels, k=3, n_pairs=None)
    assert found.overall == pytest.approx(base.overall, abs=1e-15)
    assert {name: found.per_class[name] for name in names} == {n: base.per_class[c] for c, n in enumerate(names)}
    assert set(found.to_dict()["per_class"]) == {str(n) for n in names}


def test_graph_invariances_and_their_limits():
    rng = np.random.default_rng(3)
    Z, labels = rng.standard_normal((60, 4)) + 1e3, rng.integers(0, 2, 60)
    base = graph_convexity(Z, labels, k=4, n_pairs=None)
    Q, order = np.linalg.qr(rng.standard_normal((4, 4)))[0], rng.permutation(60)
    for other in (Z @ Q + 3.0, Z[:, [2, 0, 3, 1]], 1e-9 * Z, 1e9 * Z, np.hstack([Z, np.ones((60, 1))])):
        assert graph_convexity(other, labels, k=4, n_pairs=None).overall == pytest.approx(base.overall, abs=1e-12)
    assert graph_convexity(Z[order], labels[order], k=4, n_pairs=None).overall == pytest.approx(base.overall, abs=1e-12)
    assert graph_convexity(torch.tensor(Z), torch.tensor(labels), k=4, n_pairs=None) == base
    bent = graph_convexity(Z * [1.0, 10.0, 0.1, 3.0], labels, k=4, n_pairs=None)
    assert abs(bent.overall - base.overall) > 1e-3


def test_drawn_pairs_are_reproducible_and_unbiased():
    rng = np.random.default_rng(4)
    Z, labels = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    everything = graph_convexity(Z, labels, k=3, n_pairs=None).overall
    one = graph_convexity(Z, labels, k=3, n_pairs=200, rng=7)
    assert one == graph_convexity(Z, labels, k=3, n_pairs=200, rng=7)
    assert one.n_pairs == {0: 200, 1: 200}
    draws = [graph_convexity(Z, labels, k=3, n_pairs=200, rng=s).overall for s in range(40)]
    assert np.std(draws) > 0
    assert np.mean(draws) == pytest.approx(everything, abs=4 * np.std(draws) / np.sqrt(40) + 0.01)
    assert graph_convexity(Z, labels, k=3, n_pairs=10**6).overall == everything


def test_random_labels_score_high():
    """The baseline is not 0: about the share of same-class neighbours, so a permutation null is needed."""
    rng = np.random.default_rng(5)
    found = graph_convexity(rng.standard_normal((150, 5)), rng.integers(0, 2, 150), n_pairs=None)
    assert 0.45 < found.overall < 0.75


def test_no_pair_at_all():
    found = graph_convexity(np.eye(3), ["a", "b", "c"])
    assert np.isnan(found.overall)
    assert all(np.isnan(v) for v in found.per_class.values())
    assert np.isnan(graph_convexity([[1.0]], ["a"]).overall)


# ---- Euclidean


def literal_euclidean(Z, labels, predict, n_points):
    scores = {name: [] for name in set(labels)}
    for a, b in combinations(range(len(Z)), 2):
        if labels[a] == labels[b]:
            points = [Z[a] + (Z[b] - Z[a]) * j / (n_points + 1) for j in range(1, n_points + 1)]
            scores[labels[a]].append(np.mean([predict(p) == labels[a] for p in points]))
    return {name: np.mean(s) if s else np.nan for name, s in scores.items()}


def ring(n, rng):
    """A disc inside a ring: the disc is convex, the ring is not."""
    angle, inner = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2 == 0
    radius = np.where(inner, 0.5, 2.0)
    Z = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return Z, np.where(inner, "disc", "ring")


def decide(points):
    return np.where(np.linalg.norm(points, axis=-1) < 1, "disc", "ring")


def test_euclidean_equals_the_literal_definition():
    Z, labels = ring(24, np.random.default_rng(6))
    expected = literal_euclidean(Z, labels.tolist(), decide, 7)
    found = euclidean_convexity(Z, labels, decide, n_pairs=None, n_points=7)
    assert found.per_class == pytest.approx(expected)
    assert found.per_class["disc"] == 1.0
    assert 0.1 < found.per_class["ring"] < 0.9
    assert found.n_pairs == {"disc": 66, "ring": 66}


@pytest.mark.parametrize("seed", range(5))
def test_argmax_of_a_linear_head_is_convex(seed):
    rng = np.random.default_rng(seed)
    Z, W, b = rng.standard_normal((60, 4)), rng.standard_normal((4, 5)), rng.standard_normal(5)
    labels = (Z @ W + b).argmax(axis=1)
    for method in ("exact", "sampled"):
        found = euclidean_convexity(Z, labels, (W, b), n_pairs=None, method=method, classes=range(5))
        assert found.overall == 1.0
    # of data labels that the head does not know, it is not
    other = euclidean_convexity(Z, rng.permutation(labels), (W, b), n_pairs=None, method="exact", classes=range(5))
    assert other.overall < 0.9


def random_net(rng, widths):
    weights = [rng.standard_normal(s) for s in pairwise(widths)]
    return DeepNetwork(tuple(weights), tuple(rng.standard_normal(w.shape[1]) for w in weights))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("widths", [(2, 3), (2, 8, 3), (3, 6, 6, 4)])
def test_exact_is_the_limit_of_sampling(seed, widths):
    rng = np.random.default_rng(seed)
    net, Z, labels = random_net(rng, widths), 2 * rng.standard_normal((20, widths[0])), np.arange(20) % widths[-1]
    exact = euclidean_convexity(Z, labels, net, n_pairs=None, method="exact")
    sampled = euclidean_convexity(Z, labels, net, n_pairs=None, n_points=4000)
    assert exact.per_class == pytest.approx(sampled.per_class, abs=2e-3)
    by_function = euclidean_convexity(Z, labels, lambda p: net.predict(p).argmax(axis=1), n_pairs=None, n_points=50)
    assert by_function == euclidean_convexity(Z, labels, net, n_pairs=None, n_points=50)


def test_exact_lengths_by_hand():
    # class 0 where t <= 1/3 on the segment from 0 to 1, scores (1 - 3t, 0)
    W, b = np.array([[-3.0, 0.0]]), np.array([1.0, 0.0])
    found = euclidean_convexity([[0.0], [1.0], [0.5], [0.75]], [0, 0, 1, 1], (W, b), method="exact")
    assert found.per_class[0] == pytest.approx(1 / 3)
    assert found.per_class[1] == 1.0
    # a middle class between two others: score of 1 leads for 1/4 < t < 3/4
    W, b = np.array([[-4.0, 0.0, 4.0]]), np.array([1.0, 0.0, -3.0])
    args = ([[0.0], [1.0], [0.0], [1.0]], [0, 0, 1, 1], (W, b))
    found = euclidean_convexity(*args, method="exact", classes=[0, 1, 2])
    assert found.per_class == pytest.approx({0: 0.25, 1: 0.5})
    # equal scores go to the first class, as in argmax
    tied = (np.zeros((1, 2)), None)
    for method in ("exact", "sampled"):
        found = euclidean_convexity([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"], tied, method=method)
        assert found.per_class == {"a": 1.0, "b": 0.0}


def test_networks_and_heads_in_every_form():
    rng = np.random.default_rng(8)
    net = TwoLayerReLU(rng.standard_normal((6, 2)), rng.standard_normal((6, 3)), bias_in=rng.standard_normal(6))
    Z, labels = rng.standard_normal((12, 2)), np.array(list("abc") * 4)
    base = euclidean_convexity(Z, labels, net, method="exact")
    from relucvx.network import to_torch

    other = euclidean_convexity(Z, labels, to_torch(net), method="exact")
    assert other.per_class == pytest.approx(base.per_class, abs=1e-12)
    ending_in_relu = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()).double()
    found = euclidean_convexity(Z, labels, ending_in_relu, method="exact")
    near = euclidean_convexity(Z, labels, ending_in_relu, n_points=4000)
    assert found.per_class == pytest.approx(near.per_class, abs=2e-3)


def test_euclidean_invariances():
    rng = np.random.default_rng(9)
    W, b = rng.standard_normal((3, 3)), rng.standard_normal(3)
    Z, labels = rng.standard_normal((30, 3)), np.arange(30) % 3
    base = euclidean_convexity(Z, labels, (W, b), n_pairs=None, method="exact")
    A, order = rng.standard_normal((3, 3)), rng.permutation(30)
    same = [
        euclidean_convexity(Z @ A, labels, (np.linalg.solve(A, W), b), n_pairs=None, method="exact"),
        euclidean_convexity(Z[order], labels[order], (W, b), n_pairs=None, method="exact"),
        euclidean_convexity(Z, labels, (5 * W, 5 * b), n_pairs=None, method="exact"),
        euclidean_convexity(Z[:, [2, 0, 1]], labels, (W[[2, 0, 1]], b), n_pairs=None, method="exact"),
        euclidean_convexity(1e6 * Z + 1.0, labels, (1e-6 * W, b - 1e-6 * W.sum(axis=0)), n_pairs=None, method="exact"),
    ]
    for other in same:
        assert other.per_class == pytest.approx(base.per_class, abs=1e-9)
    named = euclidean_convexity(Z, [f"class {c}" for c in labels], (W, b), n_pairs=None, method="exact")
    assert list(named.per_class.values()) == pytest.approx(list(base.per_class.values()), abs=1e-12)
    swapped = euclidean_convexity(Z, labels, (W[:, [1, 0, 2]], b[[1, 0, 2]]), n_pairs=None, method="exact")
    assert abs(swapped.overall - base.overall) > 1e-3


def test_euclidean_pairs_are_drawn_without_replacement():
    Z, labels = ring(40, np.random.default_rng(10))
    one = euclidean_convexity(Z, labels, decide, n_pairs=60, rng=1)
    assert one == euclidean_convexity(Z, labels, decide, n_pairs=60, rng=1)
    assert one.n_pairs == {"disc": 60, "ring": 60}
    full = euclidean_convexity(Z, labels, decide, n_pairs=None)
    assert euclidean_convexity(Z, labels, decide, n_pairs=190).overall == full.overall
    alone = euclidean_convexity([[0.0, 0.0], [3.0, 0.0]], ["disc", "ring"], decide)
    assert np.isnan(alone.overall)


def test_pair_numbers_enumerate_every_pair_once():
    from relucvx.metrics.samples.class_pairs import draw_pairs

    rng = np.random.default_rng(0)
    for m in (1, 2, 3, 7, 50):
        members = np.arange(m) + 100
        unordered = {tuple(sorted(p)) for p in draw_pairs(members, None, rng, unordered=True).tolist()}
        assert unordered == set(combinations(range(100, 100 + m), 2))
        assert len(draw_pairs(members, None, rng, unordered=True)) == m * (m - 1) // 2
        assert {tuple(p) for p in draw_pairs(members, None, rng).tolist()} == set(permutations(range(100, 100 + m), 2))
        drawn = draw_pairs(members, 5, rng).tolist()
        assert len({tuple(p) for p in drawn}) == len(drawn) == min(5, m * (m - 1))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"k": 0}, "k to be an int >= 1; received 0"),
        ({"k": 2.5}, "k to be an int >= 1; received 2.5"),
        ({"n_pairs": 0}, "n_pairs to be an int >= 1 or None; received 0"),
        ({"n_pairs": True}, "n_pairs to be an int >= 1 or None; received True"),
        ({"ties": "all"}, 'ties "first" or "mean"; received \'all\''),
        ({"rng": -1}, "rng to be None, an int >= 0"),
        ({"labels": [0, 1]}, "labels of length 3"),
        ({"Z": [[0.0], [np.nan], [1.0]]}, "Z to be finite"),
    ],
)
def test_graph_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        graph_convexity(**{"Z": np.eye(3), "labels": [0, 0, 1], **kwargs})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_points": 0}, "n_points to be an int >= 1; received 0"),
        ({"method": "fast"}, 'method "sampled" or "exact"; received \'fast\''),
        ({"predict": decide, "method": "exact"}, "class scores for an exact convexity.*received function"),
        ({"predict": lambda p: np.ones((len(p), 2))}, "predict to return one label per point.*class scores"),
        ({"predict": lambda p: [0]}, "predict to return one label per point"),
        ({"predict": (np.eye(2),)}, r"a pair \(weights, bias\); received a tuple of 1"),
        ({"predict": (np.eye(2), [1.0])}, r"bias of shape \(2,\), one per column of weights"),
        ({"predict": (np.ones((3, 2)), None)}, "a classifier of points with 2 entries; received one of points with 3"),
        ({"predict": (np.ones((2, 3)), None)}, "3 classes, one per output of the classifier; received 2"),
        ({"predict": (np.eye(2), None), "classes": [0, 7]}, r"labels outside: \[1\]"),
        ({"predict": "model"}, "received builtins.str"),
    ],
)
def test_euclidean_refusals(kwargs, message):
    base = {"Z": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], "labels": [0, 0, 1], "predict": (np.eye(2), None)}
    with pytest.raises(InvalidInputError, match=message):
        euclidean_convexity(**{**base, **kwargs})


def test_wide_classifiers_see_few_points_at_a_time():
    """Two features, but 2000 neurons: all 20,000 points of the segments together would take 320 MB."""
    rng = np.random.default_rng(0)
    wide = DeepNetwork([rng.standard_normal((2, 2000)), rng.standard_normal((2000, 2)) / 2000])
    Z, labels = rng.standard_normal((120, 2)), np.arange(120) % 2
    tracemalloc.start()
    found = euclidean_convexity(Z, labels, wide, n_pairs=1000, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6
    decide = euclidean_convexity(Z, labels, lambda points: wide.predict(points).argmax(axis=1), n_pairs=1000, rng=0)
    assert found.overall == decide.overall
