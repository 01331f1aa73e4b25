"""The neighbour graph: blocks of sources, and shortest paths against their definition."""

import numpy as np
import pytest
from metrics.samples.test_class_pairs import draw
from metrics.test_convexity import literal_convexity

from relucvx.metrics import graph_convexity
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
