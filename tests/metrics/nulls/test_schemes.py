"""What each scheme leaves as it is, and what it leaves to chance."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.metrics import permutation_test
from relucvx.metrics.nulls.schemes import _rotated, _rotation, arranged
from relucvx.metrics.nulls.scores import as_score

SQUARE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_within_sessions_nothing_crosses_a_session():
    sessions = np.repeat([0, 1], 10)
    labels = [f"{s}{i % 2}" for i, s in enumerate(sessions)]
    seen = []
    permutation_test(lambda Z, y: seen.append(list(y)) or 0.0, normal(20, 1), labels, scheme="within",
                     sessions=sessions, n_permutations=5, rng=0)  # fmt: skip
    assert all([one[0] for one in y] == [str(s) for s in sessions] for y in seen)
    assert len({tuple(y) for y in seen}) > 3


@pytest.mark.parametrize("metric", ["linear_probe", lambda Z, y: 0.0])  # labels are handed out anew, rows change places
def test_whole_conditions_change_places(metric):
    conditions, labels = np.repeat(np.arange(6), 3), np.repeat([0, 0, 0, 1, 1, 1], 3)
    Z = normal(18, 1)
    draw, _ = arranged(as_score(metric, Z, labels, None, {}), "conditions", Z, labels, conditions, None)
    moved = np.array([draw(np.random.default_rng(k))[1] for k in range(20)]).reshape(-1, 6, 3)
    assert np.all(moved == moved[:, :, :1])
    assert len({tuple(m[:, 0]) for m in moved}) > 5
    assert all(m[:, 0].sum() == 3 for m in moved)


def test_the_rows_of_a_table_name_conditions_and_sessions():
    table = np.repeat(SQUARE, 5, axis=0)
    named = [f"{a}{b}" for a, b in table]
    Z, labels = normal(20, 3), table[:, 0]
    for scheme, group in (("conditions", "conditions"), ("within", "sessions"), ("rotation", "conditions")):
        one, two, three = (
            permutation_test("neural_collapse", Z, labels, scheme=scheme, n_permutations=3, rng=0, **{group: given})
            for given in (table, named, table.tolist())
        )
        assert np.array_equal(one.null_values, two.null_values)
        assert np.array_equal(one.null_values, three.null_values)
    for over in ("conditions", "sessions"):
        ends = [rx.metrics.bootstrap("participation_ratio", Z, over=over, n_resamples=3, rng=0, **{over: given}).interval
                for given in (table, named)]  # fmt: skip
        assert ends[0] == ends[1]


def test_shuffled_factors_keep_the_trials_of_a_condition_together():
    factors = np.repeat(SQUARE, 5, axis=0)
    found = permutation_test("parallelism_score", np.repeat(SQUARE, 5, axis=0) + 0.01 * normal(20, 2), factors,
                             scheme="conditions", n_permutations=40, rng=0)  # fmt: skip
    # four points of a square have three different sets of parallel sides
    assert len(np.unique(found.null_values.round(1))) <= 3
    assert "in 3 ways" in found.note


def test_random_geometry_keeps_variance_and_clouds():
    factors, Z = np.repeat(SQUARE, 4, axis=0), normal(16, 5) + 3.0
    draw, _ = arranged(as_score("ccgp", Z, factors, None, {}), "rotation", Z, factors, None, None)
    seen = draw(np.random.default_rng(0))[0]
    means = [A.reshape(4, 4, 5).mean(axis=1) for A in (Z, seen)]
    assert np.allclose(means[0].mean(axis=0), means[1].mean(axis=0))
    assert np.linalg.norm(means[0] - means[0].mean(0)) == pytest.approx(np.linalg.norm(means[1] - means[1].mean(0)))
    clouds = [A.reshape(4, 4, 5) - m[:, None] for A, m in zip((Z, seen), means, strict=True)]
    assert np.allclose(np.sort(clouds[0], axis=2), np.sort(clouds[1], axis=2))


def test_rotated_samples_keep_means_and_inner_products_of_features():

    B = normal(8, 3) + 2.0
    moved = _rotated(normal(8, 2), B, 8)(np.random.default_rng(0))[1]
    assert np.allclose(moved.mean(axis=0), B.mean(axis=0))
    assert np.allclose(moved.T @ moved, B.T @ B)
    assert not np.allclose(moved, B)


def test_rotations_fix_the_ones_vector():
    Q = _rotation(6, np.random.default_rng(0))
    assert np.allclose(Q @ Q.T, np.eye(6))
    assert np.allclose(Q @ np.ones(6), np.ones(6))


def test_walks_have_as_many_crossings():
    codes = np.random.default_rng(0).random((12, 6)) < 0.5
    r2 = rx.metrics.space_folding(codes).r2
    for scheme in ("labels", "within"):
        found = permutation_test("space_folding", codes, scheme=scheme, statistic="r2", n_permutations=5, rng=0)
        assert np.all(found.null_values == r2)
    one_way = np.tril(np.ones((7, 6), dtype=bool), -1)  # every neuron crosses once: no order folds it back
    found = permutation_test("space_folding", one_way, scheme="within", n_permutations=5, rng=0)
    assert (found.value, found.p_value) == (0.0, 1.0)
