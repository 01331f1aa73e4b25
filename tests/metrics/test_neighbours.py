"""Mutual nearest neighbours: literal definition, chance, ties, invariances and their limits, digits, refusals."""

import tracemalloc
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import mutual_knn, two_nn
from relucvx.metrics.neighbours import near_distances
from relucvx.metrics.samples import blocks


@pytest.fixture(params=[None, 50])
def block(request, monkeypatch):
    """The usual size of a block, and one so small that every sum takes many."""
    if request.param:
        monkeypatch.setattr(blocks, "BLOCK", request.param)


def literal(A, B, k):
    """Sorted lists of distances, without ties."""
    shares = []
    for i in range(len(A)):
        near = []
        for Z in (A, B):
            distance = [np.linalg.norm(Z[i] - Z[j]) if j != i else np.inf for j in range(len(Z))]
            near.append(set(np.argsort(distance)[:k].tolist()))
        shares.append(len(near[0] & near[1]) / k)
    return np.mean(shares)


def shared_places(A, B, k):
    """Integer points: ties share the places left, in exact fractions."""
    total = Fraction(0)
    for i in range(len(A)):
        places = []
        for Z in (A, B):
            squared = {j: sum((a - b) ** 2 for a, b in zip(Z[i], Z[j], strict=True)) for j in range(len(Z)) if j != i}
            limit = sorted(squared.values())[k - 1]
            nearer = [j for j, d in squared.items() if d < limit]
            tied = [j for j, d in squared.items() if d == limit]
            places.append(
                dict.fromkeys(nearer, Fraction(1)) | dict.fromkeys(tied, Fraction(k - len(nearer), len(tied)))
            )
        total += sum(min(share, places[1].get(j, Fraction(0))) for j, share in places[0].items())
    return total / (k * len(A))


def unit(Z):
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("k", [1, 4, 10])
def test_equals_the_literal_definition(k):
    rng = np.random.default_rng(k)
    A = rng.standard_normal((30, 4)) + 1.0
    B = A @ rng.standard_normal((4, 6)) + 0.5 * rng.standard_normal((30, 6))
    assert 0.1 < literal(A, B, k) < 1.0
    assert mutual_knn(A, B, k, normalise=False) == pytest.approx(literal(A, B, k), abs=1e-14)
    assert mutual_knn(A, B, k) == pytest.approx(literal(unit(A), unit(B), k), abs=1e-14)
    assert mutual_knn(B, A, k) == pytest.approx(mutual_knn(A, B, k), abs=1e-14)


@pytest.mark.parametrize("k", [1, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_ties_share_places_exactly(k, seed):
    rng = np.random.default_rng(seed)
    A, B = rng.integers(-1, 2, (14, 2)), rng.integers(-1, 2, (14, 3))
    found = mutual_knn(A, B, k, normalise=False)
    assert found == pytest.approx(float(shared_places(A.tolist(), B.tolist(), k)), abs=1e-12)


def test_ties_do_not_depend_on_the_order_of_rows_or_on_rotation():
    lattice = np.array(list(product(range(4), repeat=3)), dtype=float)
    rng = np.random.default_rng(0)
    other = lattice + 0.4 * rng.standard_normal(lattice.shape)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    base = mutual_knn(lattice, other, 5, normalise=False)
    assert base < 0.95
    for _ in range(5):
        order = rng.permutation(len(lattice))
        assert mutual_knn(lattice[order], other[order], 5, normalise=False) == pytest.approx(base, abs=1e-12)
    assert mutual_knn(lattice @ Q + 0.3, other, 5, normalise=False) == pytest.approx(base, abs=1e-12)
    assert mutual_knn(lattice, lattice @ Q, 5, normalise=False) == pytest.approx(1.0, abs=1e-12)


def test_chance_is_k_over_n_minus_one():
    rng = np.random.default_rng(1)
    A, B = rng.standard_normal((30, 5)), rng.standard_normal((30, 5))
    draws = [mutual_knn(A, B[rng.permutation(30)], 10) for _ in range(400)]
    assert abs(np.mean(draws) - 10 / 29) < 4 * np.std(draws) / np.sqrt(len(draws))
    assert np.std(draws) < 0.05
    assert mutual_knn(A, B, 29) == 1.0


def test_invariances_and_their_limits():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((60, 6))
    B = A @ rng.standard_normal((6, 4)) + rng.standard_normal((60, 4))
    Q, order = np.linalg.qr(rng.standard_normal((6, 6)))[0], rng.permutation(60)
    base, plain = mutual_knn(A, B), mutual_knn(A, B, normalise=False)
    for other in (A @ Q, A[:, ::-1], 1e-170 * A, 1e170 * A, A * rng.uniform(0.1, 10.0, (60, 1))):
        assert mutual_knn(other, B) == pytest.approx(base, abs=1e-12)
    for other in (A @ Q + 2.0, A[:, ::-1], 1e-170 * A, 1e170 * A):
        assert mutual_knn(other, B, normalise=False) == pytest.approx(plain, abs=1e-12)
    assert mutual_knn(A[order], B[order]) == pytest.approx(base, abs=1e-12)
    assert abs(mutual_knn(A + 2.0, B) - base) > 0.01
    assert abs(mutual_knn(A * rng.uniform(0.1, 10.0, (60, 1)), B, normalise=False) - plain) > 0.01
    assert abs(mutual_knn(A * [1, 2, 3, 4, 5, 6], B) - base) > 0.01
    assert abs(mutual_knn(A[order], B) - base) > 0.05


def test_near_duplicates_far_from_the_origin_keep_their_order():
    """Inner products of rows of size 1e4 cannot tell distances of 1e-5 apart; differences of rows can."""
    rng = np.random.default_rng(3)
    small = rng.standard_normal((25, 3))
    shifted = 1e4 + 1e-5 * small
    exact = (shifted - 1e4) * 1e5
    assert mutual_knn(shifted, exact, 5, normalise=False) == pytest.approx(1.0, abs=1e-12)
    assert mutual_knn(shifted, 1e-5 * small, 5, normalise=False) > 0.99
    # one far sample, whose own neighbours are another matter, costs the others no digits either
    far = np.vstack([shifted, [[0.0, 0.0, 0.0]]]), np.vstack([exact, [[1e9, 1e9, 1e9]]])
    assert mutual_knn(*far, 5, normalise=False) >= 25 / 26 - 1e-12


def test_tight_clusters_far_apart_keep_their_order():
    """No single origin helps here: candidates must allow for the digits that inner products lose."""
    rng = np.random.default_rng(7)
    small = rng.standard_normal((40, 3))
    side = np.where(np.arange(40) % 2, 1e4, -1e4)[:, None]
    exact = np.hstack([(side + 1e-5 * small - side) * 1e5, side])
    assert mutual_knn(side + 1e-5 * small, exact, 5, normalise=False) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.usefixtures("block")
def test_candidates_contain_the_nearest_with_exact_distances():
    Z = np.random.default_rng(4).standard_normal((40, 3))
    full = np.linalg.norm(Z[:, None] - Z, axis=-1)
    np.fill_diagonal(full, np.inf)
    for rows, found in near_distances(Z, 4):
        kept = np.isfinite(found)
        np.testing.assert_allclose(found[kept], full[rows][kept], rtol=1e-14)
        np.testing.assert_allclose(np.sort(found, axis=1)[:, :4], np.sort(full[rows], axis=1)[:, :4], rtol=1e-14)
        assert kept.sum() == 4 * len(found)


@pytest.mark.parametrize("measure", [lambda Z: mutual_knn(Z, 2.0 * Z), two_nn])
def test_memory_does_not_grow_with_the_number_of_pairs(measure):
    peaks = []
    for n in (1500, 3000):
        Z = np.random.default_rng(6).standard_normal((n, 4))
        tracemalloc.start()
        try:
            measure(Z)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 80e6


def test_silent_and_repeated_samples():
    A = np.zeros((6, 2))
    assert mutual_knn(A, A, 2) == pytest.approx(1.0)
    assert mutual_knn(A, np.arange(12.0).reshape(6, 2), 2) == pytest.approx(2 / 5)
    A[0] = [3.0, 4.0]
    assert mutual_knn(A, 2 * A, 2) == pytest.approx(1.0)


def test_accepts_torch_and_leaves_inputs_alone():
    torch = pytest.importorskip("torch")
    A = np.random.default_rng(5).standard_normal((12, 3))
    kept = A.copy()
    assert mutual_knn(torch.tensor(A), A, 3) == 1.0
    np.testing.assert_array_equal(A, kept)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((np.eye(3), np.eye(4), 1), "two representations of the same samples; received 3 and 4 rows"),
        ((np.eye(3), np.eye(3), 0), "k to be an int from 1 to 2"),
        ((np.eye(3), np.eye(3), 3), "k to be an int from 1 to 2.*received 3"),
        ((np.eye(3), np.eye(3), 1.0), "k to be an int from 1 to 2"),
        ((np.eye(3), np.eye(3), True), "k to be an int from 1 to 2"),
        ((np.eye(3)[0], np.eye(3), 1), "Z1 of shape"),
        ((np.eye(3), [["a"] * 2] * 3, 1), "Z2 to hold real numbers"),
    ],
)
def test_refusals(args, message):
    with pytest.raises(InvalidInputError, match=message):
        mutual_knn(*args)
