"""The neighbour graph: blocks of sources, and shortest paths against their definition."""

import numpy as np
import pytest
from metrics.samples.test_class_pairs import draw
from metrics.test_convexity import literal_convexity
from scipy.spatial.distance import cdist

from relucvx.metrics import graph_convexity
from relucvx.metrics.samples import neighbour_graph
from relucvx.metrics.samples.class_pairs import draw_pairs
from relucvx.metrics.samples.neighbour_graph import NeighbourGraph, first_path_scores, mean_path_scores, permuted_sums


@pytest.mark.parametrize("ties", ["first", "mean"])
def test_the_null_is_the_score_of_permuted_labels(ties):
    """Every permutation against the score of relabelled points, scored from scratch."""
    rng = np.random.default_rng(3)
    Z, labels = draw(rng, 40, 3, 2, 0.5)
    graph = NeighbourGraph.of(Z, 3, keep_ties=ties == "mean")
    pairs = [draw_pairs(np.flatnonzero(labels == c), None, rng) for c in range(3)]
    permutations = [np.arange(40), *(rng.permutation(40) for _ in range(4))]
    sums = permuted_sums(graph, labels, np.concatenate(pairs), permutations, ties)
    score = first_path_scores if ties == "first" else mean_path_scores
    for row, order in zip(sums, permutations, strict=True):
        moved = np.empty(40, dtype=int)
        moved[order] = labels
        expected = graph_convexity(Z, moved, 3, None, ties=ties)
        np.testing.assert_allclose(row / [len(p) for p in pairs], list(expected.per_class.values()), atol=1e-12)
    np.testing.assert_allclose(sums[0].sum(), score(graph, labels, np.concatenate(pairs)).sum())


def test_blocks_of_sources_do_not_change_the_null(monkeypatch):
    Z, labels = draw(np.random.default_rng(4), 50, 2, 2, 1.0)
    base = graph_convexity(Z, labels, 4, 40, rng=0, n_permutations=6)
    monkeypatch.setattr("relucvx.metrics.samples.neighbour_graph.BLOCK", 300)
    again = graph_convexity(Z, labels, 4, 40, rng=0, n_permutations=6)
    assert again.overall == pytest.approx(base.overall, abs=1e-12)
    assert again.null.mean == pytest.approx(base.null.mean, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_graph_on_lattices_averages_all_shortest_paths(seed):
    rng = np.random.default_rng(seed)
    Z = np.array([(i, j) for i in range(5) for j in range(5)], float)
    labels = rng.integers(0, 2, 25).tolist()
    overall, per_class = literal_convexity(Z, labels, 3)
    found = graph_convexity(Z, labels, k=3, n_pairs=None, ties="mean")
    assert found.overall == pytest.approx(overall, abs=1e-12)
    assert found.per_class == pytest.approx(per_class, abs=1e-12)
    order = rng.permutation(25)
    again = graph_convexity(Z[order], np.array(labels)[order], k=3, n_pairs=None, ties="mean")
    assert again.overall == pytest.approx(found.overall, abs=1e-12)


def test_collinear_samples_tie_everywhere():
    rng = np.random.default_rng(3)
    Z, labels = rng.standard_normal((12, 1)), rng.integers(0, 2, 12).tolist()
    overall, per_class = literal_convexity(Z, labels, 3)
    found = graph_convexity(Z, labels, k=3, n_pairs=None, ties="mean")
    assert found.overall == pytest.approx(overall, abs=1e-12)
    assert found.per_class == pytest.approx(per_class, abs=1e-12)


def test_duplicates_are_not_joined_to_each_other():
    Z = np.array([[0.0], [0.0], [1.0]])
    # the copies meet through the third sample, which belongs to another class
    assert graph_convexity(Z, ["a", "a", "b"], k=2, n_pairs=None).per_class["a"] == 0.0
    # with k = 1 the copy takes the only place, but the third sample still joins one of them: no path to the other
    assert graph_convexity(Z, ["a", "a", "a"], k=1, n_pairs=None).overall == pytest.approx(2 / 6)
    assert graph_convexity(np.zeros((4, 2)), np.zeros(4), n_pairs=None).overall == 0.0


# ------------------------------------------------------------------ many samples
CLOUDS = {
    "normal": lambda rng: rng.standard_normal((300, 40)),
    "grid": lambda rng: np.round(2.0 * rng.standard_normal((300, 3))),
    "far from the origin": lambda rng: 1e3 + 1e-9 * rng.standard_normal((200, 5)),
    "two scales": lambda rng: np.vstack([10.0**e * rng.standard_normal((80, 4)) for e in (-9, 9)]),
    "rectified": lambda rng: np.maximum(rng.standard_normal((200, 20)) - 1.5, 0.0),
    "huge": lambda rng: 1e200 * rng.standard_normal((60, 3)),
}


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("keep_ties", [False, True])
def test_neighbours_are_those_of_all_distances_to_the_last_digit(cloud, keep_ties):
    Z = CLOUDS[cloud](np.random.default_rng(0))
    unit = np.ldexp(Z, 1 - np.frexp(np.abs(Z).max())[1])
    distance = cdist(unit, unit)
    np.fill_diagonal(distance, np.inf)
    ranks = np.argsort(distance, axis=1, kind="stable")[:, :5]
    limit = np.take_along_axis(distance, ranks[:, 4:], axis=1)
    near = np.zeros(distance.shape, dtype=bool)
    np.put_along_axis(near, ranks, True, axis=1)
    near |= keep_ties & (distance <= limit * (1.0 + 1e-12))
    expected = np.where((near | near.T) & (distance > 0) & (distance < np.inf), distance, 0.0)
    assert np.array_equal(NeighbourGraph.of(Z, 5, keep_ties).edges.toarray(), expected)


@pytest.mark.parametrize("cloud", [*CLOUDS, "line"])
def test_searches_from_both_ends_find_the_paths_of_whole_searches(cloud, monkeypatch):
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((200, 1)) if cloud == "line" else CLOUDS[cloud](rng)
    codes = rng.integers(2, size=len(Z))
    graph = NeighbourGraph.of(Z, 4, keep_ties=False)
    pairs = np.concatenate([draw_pairs(np.flatnonzero(codes == c), 300, rng) for c in range(2)])
    expected = first_path_scores(graph, codes, pairs)
    monkeypatch.setattr(neighbour_graph, "COMPILED", 0)
    assert np.array_equal(first_path_scores(graph, codes, pairs), expected)
    monkeypatch.setattr(neighbour_graph, "SLOWER", 0.0)  # whatever they see, and however many doubts there are
    assert np.array_equal(first_path_scores(graph, codes, pairs), expected)
    scores, unclear, _ = neighbour_graph._searched(graph, codes, pairs)
    apart = ~neighbour_graph._joined(graph, *pairs.T)
    assert np.array_equal(scores[apart & ~unclear], expected[apart & ~unclear])
    # on a line every path is one of many, up to rounding; in general position none is
    assert unclear.any() == (cloud in ("grid", "line", "two scales", "rectified"))
