"""The largest folding over a data set or a box: a search from below."""

import itertools

import numpy as np
import pytest
from metrics.regions.folds.test_class_folding import data, random_net

from relucvx.datasets import cantornet, sawtooth
from relucvx.errors import InvalidInputError
from relucvx.metrics import folding, largest_folding, line_regions
from relucvx.network import DeepNetwork


# ---------------------------------------------------------------------- largest folding
def sub_walks(codes):
    """chi of every contiguous part of a walk, both ways: what segments inside a segment can do."""
    best = 0.0
    for i, j in itertools.permutations(range(len(codes)), 2):
        walk = codes[i : j + 1] if i < j else codes[j : i + 1][::-1]
        r1 = max((code != walk[0]).sum() for code in walk)
        r2 = sum((a != b).sum() for a, b in itertools.pairwise(walk))
        best = max(best, 1 - r1 / r2)
    return best


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_finds_the_supremum_over_an_interval(depth):
    net = sawtooth(depth)
    best = sub_walks(line_regions(net, [0.0], [1.0]).codes)
    found = largest_folding(net, [0.0], [1.0], rng=0)
    assert found.chi == pytest.approx(best, abs=1e-12)
    assert found.n_segments <= 2000
    assert not found.exhaustive
    assert found.rows is None
    assert repr(found).endswith(f", best of {found.n_segments} segments)")
    assert "rows" not in repr(found)


def test_all_pairs_of_a_small_data_set():
    net, (X, _) = random_net(7), data(7)
    found = largest_folding(net, X, rng=0)
    values = {(i, j): folding(net, X[i], X[j]).chi for i, j in itertools.permutations(range(len(X)), 2)}
    assert found.chi == max(values.values())
    assert values[found.rows] == found.chi
    assert found.exhaustive
    assert found.n_segments == len(values) / 2
    np.testing.assert_array_equal([found.start, found.end], X[list(found.rows)])
    assert repr(found).endswith(f"rows {found.rows[0]} to {found.rows[1]}, all {found.n_segments} segments)")
    both = largest_folding(net, X, symmetric=True, layers=[1, 2], neurons={1: [0, 1, 2]}, rng=0)
    assert both.chi == max(
        folding(net, X[i], X[j], [1, 2], symmetric=True, neurons={1: [0, 1, 2]}).chi for i, j in values
    )


def test_largest_folding_and_transforms():
    net, (X, _) = random_net(7), data(7)
    rng = np.random.default_rng(0)
    base = largest_folding(net, X)
    Q, turn = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.permutation(8)
    W, b = list(net.weights), list(net.biases)
    W[0], W[1], b[1], W[2] = Q.T @ W[0] / 3, W[1][:, turn], b[1][turn], W[2][turn]
    order = rng.permutation(len(X))
    moved = largest_folding(DeepNetwork(tuple(W), tuple(b)), (3 * X @ Q)[order])
    assert (moved.chi, moved.n_segments) == (base.chi, base.n_segments)
    assert largest_folding(net, 3 * X @ Q).chi != base.chi


def test_search_among_many_rows_beats_random_pairs():
    rng = np.random.default_rng(8)
    net, X = random_net(8, (3, 10, 10, 10, 10, 1)), 2 * rng.standard_normal((400, 3))
    found = largest_folding(net, X, n_segments=600, rng=1)
    assert found.n_segments <= 600
    assert not found.exhaustive
    again = folding(net, X[found.rows[0]], X[found.rows[1]])
    assert (again.chi, again.r1, again.r2) == (found.chi, found.r1, found.r2)
    random = [folding(net, X[i], X[j]).chi for i, j in rng.integers(0, 400, (300, 2))]
    assert found.chi >= np.nanmax(random)
    assert found.chi <= 1 - 1 / found.r2


@pytest.mark.parametrize("seed", range(3))
def test_box_search_is_a_lower_bound_that_can_be_traced_again(seed):
    net = random_net(seed, (2, 8, 8, 8, 1))
    found = largest_folding(net, [2.0, -2.0], [-1.0, 3.0], n_segments=1000, rng=seed)
    again = folding(net, found.start, found.end)
    assert (again.chi, again.r1, again.r2) == (found.chi, found.r1, found.r2)
    assert 0 <= found.chi <= 1 - 1 / found.r2
    for end in (found.start, found.end):
        assert (end >= [-1.0, -2.0]).all()
        assert (end <= [2.0, 3.0]).all()
    # improvement is worth something: at least the best of as many random segments as it began with
    first = largest_folding(net, [2.0, -2.0], [-1.0, 3.0], n_segments=2, rng=seed)
    assert found.chi >= (0.0 if np.isnan(first.chi) else first.chi)


def test_largest_folding_of_cantornet_exceeds_the_standard_segment():
    assert (
        largest_folding(cantornet(2), [0.0, 0.0], [1.0, 1.0], rng=0).chi
        >= folding(cantornet(2), [0, 0.75], [1, 0.75]).chi
    )


def test_a_box_without_walls():
    found = largest_folding(sawtooth(2), [0.05], [0.1], n_segments=80, rng=0)
    assert np.isnan(found.chi)
    assert (found.r1, found.r2) == (0, 0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([[0.1]],), "a data set with two rows at least, or the corners of a box; received one row"),
        (([0.1], [[0.2]]), r"two corners of a box, of one shape; received shapes \(1,\) and \(1, 1\)"),
        (([0.1], [np.inf]), "the corners to be finite"),
        (([0.1, 0.2],), r"start of shape \(n, d\)"),
        (([[0.1], [0.2]], None, 1), "n_segments to be an int >= 2; received 1"),
    ],
)
def test_largest_folding_refusals(args, message):
    start, end, n = (*args, None, None)[:3]
    with pytest.raises(InvalidInputError, match=message):
        largest_folding(sawtooth(2), start, end, n_segments=2000 if n is None else n)
