"""The loop over shortest paths."""

import numpy as np

from relucvx.metrics import graph_convexity


def test_first_path_depends_on_the_order_of_tied_rows():
    """Why ties="mean" exists: on a lattice the score of one path per pair moves with the rows."""
    rng = np.random.default_rng(0)
    Z = np.array([(i, j) for i in range(6) for j in range(6)], float)
    labels = rng.integers(0, 2, 36)
    orders = [rng.permutation(36) for _ in range(5)]
    first = {round(graph_convexity(Z[o], labels[o], k=4, n_pairs=None).overall, 9) for o in orders}
    mean = {round(graph_convexity(Z[o], labels[o], k=4, n_pairs=None, ties="mean").overall, 9) for o in orders}
    assert len(first) > 1
    assert len(mean) == 1


def test_long_lattices_do_not_overflow():
    Z = np.array([(i, j) for i in range(40) for j in range(40)], float)
    labels = np.arange(1600) % 40 < 20
    found = graph_convexity(Z, labels, k=4, n_pairs=50, rng=0, ties="mean")
    assert np.isfinite(found.overall)
    assert found.overall > 0.9
