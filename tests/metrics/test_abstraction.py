"""Parallelism, cross-condition generalisation and tuning: closed forms, literal oracles, invariances, refusals."""

from itertools import combinations, product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import ccgp, neuron_tuning, parallelism_score

SIGNS = {d: np.array(list(product((-1.0, 1.0), repeat=d))) for d in (1, 2, 3, 4)}


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def literal_parallelism(Z, Y):
    """Loops over variables, contexts and pairs of contexts."""
    out = []
    for k in range(Y.shape[1]):
        rest = np.delete(Y, k, axis=1)
        directions = []
        for context in sorted({tuple(r) for r in rest.tolist()}):
            here = (rest == context).all(axis=1)
            up, down = here & (Y[:, k] == Y.max()), here & (Y[:, k] == Y.min())
            if up.any() and down.any():
                directions.append(Z[up].mean(axis=0) - Z[down].mean(axis=0))
        cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(directions, 2)]
        out.append(np.mean(cosines))
    return out


@pytest.mark.parametrize("seed", range(6))
def test_parallelism_equals_the_literal_definition(seed):
    rng = np.random.default_rng(seed)
    d = 2 + seed % 3
    Y = np.concatenate([SIGNS[d], SIGNS[d][rng.integers(0, 2**d, 7)]])
    Z = rng.standard_normal((len(Y), 5)) + Y @ rng.standard_normal((d, 5)) + 3.0
    expected = literal_parallelism(Z, Y)
    found = parallelism_score(Z, Y)
    np.testing.assert_allclose(found.per_factor, expected, atol=1e-12)
    np.testing.assert_allclose(parallelism_score(kernel=Z @ Z.T, factors=Y).per_factor, expected, atol=1e-11)
    assert found.mean == pytest.approx(np.mean(expected))
    assert found.n_contexts == (2 ** (d - 1),) * d


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("repeats", [1, 3])
def test_the_abstract_kernel_is_parallel_and_generalises(d, repeats):
    Y = np.repeat(SIGNS[d], repeats, axis=0)
    K = d + Y @ Y.T
    np.testing.assert_allclose(parallelism_score(kernel=K, factors=Y).per_factor, 1.0, atol=1e-12)
    np.testing.assert_array_equal(ccgp(kernel=K, factors=Y).per_factor, 1.0)


@pytest.mark.parametrize("d", [2, 3])
def test_one_neuron_per_condition_is_at_chance(d):
    Y = np.repeat(SIGNS[d], 2, axis=0)
    K = (Y[:, None] == Y[None]).all(axis=-1).astype(float)
    np.testing.assert_allclose(parallelism_score(kernel=K, factors=Y).per_factor, 0.0, atol=1e-14)
    np.testing.assert_array_equal(ccgp(kernel=K, factors=Y).per_factor, 0.5)


@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_the_continuum_of_optimal_kernels(t):
    Y = SIGNS[2]
    z = Y[:, 0] * Y[:, 1]
    K = 0.3 * (Y @ Y.T + (2 - t) + t * np.outer(z, z))
    np.testing.assert_allclose(parallelism_score(kernel=K, factors=Y).per_factor, (1 - t) / (1 + t), atol=1e-13)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, 1.0, 2.0])
def test_the_rotation_family(angle):
    Y = SIGNS[2]
    R = rotation(angle)
    Z = np.maximum(np.hstack([Y @ R, -Y @ R]), 0.0)
    c = abs(np.cos(2 * angle))
    np.testing.assert_allclose(parallelism_score(Z, Y).per_factor, c / (2 - c), atol=1e-13)
    assert parallelism_score(Z, Y).mean == pytest.approx(c / (2 - c), abs=1e-13)


def test_antiparallel_coding_scores_minus_one_and_never_generalises():
    Y = SIGNS[2]
    Z = np.column_stack([Y[:, 0] * Y[:, 1], 0.01 * Y[:, 1]])
    assert parallelism_score(Z, Y).per_factor[0] == pytest.approx(-1.0)
    assert ccgp(Z, Y).per_factor[0] == 0.0


@pytest.mark.parametrize("score", [parallelism_score, ccgp])
def test_invariances(score):
    rng = np.random.default_rng(0)
    Y = np.repeat(SIGNS[3], 2, axis=0)
    Z = Y @ rng.standard_normal((3, 6)) + 0.8 * rng.standard_normal((16, 6))
    base = score(Z, Y).per_factor
    assert np.any((base > 0.1) & (base < 0.99))
    Q, order = np.linalg.qr(rng.standard_normal((6, 6)))[0], rng.permutation(16)
    same = [
        score(Z @ Q + 5.0, Y),
        score(Z[order], Y[order]),
        score(Z[:, [3, 0, 5, 1, 2, 4]], Y),
        score(np.tile(Z, (2, 1)), np.tile(Y, (2, 1)), C=0.5)
        if score is ccgp
        else score(np.tile(Z, (2, 1)), np.tile(Y, (2, 1))),
        score(1e-6 * Z, Y),
        score(1e6 * Z, Y),
        score(Z, -Y),
        score(Z, (Y > 0).astype(int)),
        score(Z, np.where(Y > 0, "yes", "no")),
        score(kernel=Z @ Z.T, factors=Y),
    ]
    for other in same:
        np.testing.assert_allclose(other.per_factor, base, atol=1e-9)
    turned = score(Z, Y[:, [2, 0, 1]])
    np.testing.assert_allclose(turned.per_factor, base[[2, 0, 1]], atol=1e-9)
    stretched = score(Z * np.array([1.0, 10.0, 1.0, 0.1, 1.0, 5.0]), Y)
    assert np.abs(stretched.per_factor - base).max() > 1e-3


def test_parallelism_is_a_cosine_and_not_a_correlation():
    """Two coding directions that share a large mean over neurons: parallel, yet uncorrelated as vectors."""
    a, b = np.array([10.0, 10.1, 10.0, 9.9]), np.array([10.1, 10.0, 9.9, 10.0])
    Y = SIGNS[2]
    Z = np.stack([np.zeros(4), np.ones(4), a, np.ones(4) + b])
    assert abs(np.corrcoef(a, b)[0, 1]) < 1e-9
    assert parallelism_score(Z, Y).per_factor[0] > 0.999


def test_undefined_scores_are_nan():
    assert np.isnan(parallelism_score([[0.0], [1.0]], [-1, 1]).per_factor).all()  # one context
    assert np.isnan(ccgp([[0.0], [1.0]], [-1, 1]).per_factor).all()
    Y = SIGNS[2]
    found = parallelism_score(Y[:, :1] + 1e3, Y)  # the second variable is not coded
    assert found.per_factor[0] == pytest.approx(1.0)
    assert np.isnan(found.per_factor[1])
    assert np.isnan(found.mean)
    assert np.isnan(parallelism_score(np.zeros((4, 2)), Y).per_factor).all()


def test_a_silent_representation_is_at_chance():
    Y = SIGNS[2]
    np.testing.assert_array_equal(ccgp(np.zeros((4, 2)), Y).per_factor, 0.5)
    np.testing.assert_array_equal(ccgp(kernel=np.zeros((4, 4)), factors=Y).per_factor, 0.5)


def test_accepts_torch_and_leaves_inputs_alone():
    torch = pytest.importorskip("torch")
    Y, Z = SIGNS[2], np.random.default_rng(5).standard_normal((4, 3))
    kept = Y.copy(), Z.copy()
    for score in (parallelism_score, ccgp, neuron_tuning):
        a, b = score(Z, Y), score(torch.tensor(Z), torch.tensor(Y))
        assert a.mean == b.mean
    np.testing.assert_array_equal(Y, kept[0])
    np.testing.assert_array_equal(Z, kept[1])


def test_missing_conditions_leave_their_contexts_out():
    rng = np.random.default_rng(1)
    Y = SIGNS[3][1:]
    Z = rng.standard_normal((7, 4))
    found = parallelism_score(Z, Y)
    assert found.n_contexts == (3, 3, 3)
    np.testing.assert_allclose(found.per_factor, literal_parallelism(Z, Y), atol=1e-12)
    assert ccgp(Z, Y).n_contexts == (3, 3, 3)


def test_ccgp_trains_on_the_other_contexts_only():
    """A variable coded by another neuron in each context can be read in every context, but never in a new one."""
    Y = np.repeat(SIGNS[2], 5, axis=0)
    Z = np.column_stack([np.where(Y[:, 1] > 0, Y[:, 0], 0.0), np.where(Y[:, 1] < 0, Y[:, 0], 0.0)])
    assert ccgp(Z, Y).per_factor[0] == 0.5
    assert parallelism_score(Z, Y).per_factor[0] == pytest.approx(0.0, abs=1e-14)


def test_ccgp_weighs_both_values_alike():
    rng = np.random.default_rng(2)
    Y = np.repeat(SIGNS[2], [40, 1, 40, 1], axis=0)
    Z = Y + 0.05 * rng.standard_normal(Y.shape)
    np.testing.assert_array_equal(ccgp(Z, Y).per_factor, 1.0)


def test_tuning_equals_numpy_and_is_one_for_modular_neurons():
    rng = np.random.default_rng(3)
    Y = SIGNS[3]
    Z = rng.standard_normal((8, 5))
    found = neuron_tuning(Z, Y)
    full = np.corrcoef(Z.T, Y.T)[:5, 5:]
    np.testing.assert_allclose(found.correlations, full, atol=1e-12)
    np.testing.assert_allclose(found.per_neuron, np.abs(full).max(axis=1), atol=1e-12)
    np.testing.assert_array_equal(found.best_factor, np.abs(full).argmax(axis=1))
    assert found.mean == pytest.approx(np.abs(full).max(axis=1).mean())
    modular = neuron_tuning(np.hstack([1 + Y, 1 - Y]), Y)
    np.testing.assert_allclose(modular.per_neuron, 1.0, atol=1e-12)
    np.testing.assert_array_equal(modular.best_factor, [0, 1, 2, 0, 1, 2])


def test_tuning_ignores_affine_maps_of_a_neuron_but_not_mixing():
    rng = np.random.default_rng(4)
    Y, Z = SIGNS[3], rng.standard_normal((8, 4))
    base = neuron_tuning(Z, Y).per_neuron
    np.testing.assert_allclose(neuron_tuning(Z * [1e-9, -2.0, 3.0, 1e9] + 7.0 * 1e-9, Y).per_neuron, base, atol=1e-6)
    np.testing.assert_allclose(neuron_tuning(Z[:, ::-1], Y).per_neuron, base[::-1], atol=1e-12)
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    assert np.abs(neuron_tuning(Z @ Q, Y).per_neuron - base).max() > 1e-3
    words = np.where(Y > 0, "right", "left")
    np.testing.assert_allclose(neuron_tuning(Z, words).per_neuron, base, atol=1e-12)


def test_tuning_of_silent_neurons_is_nan():
    Y = SIGNS[2]
    found = neuron_tuning(np.column_stack([np.zeros(4), Y[:, 1], np.full(4, 0.1)]), Y)
    assert np.isnan(found.per_neuron[[0, 2]]).all()
    assert found.best_factor.tolist() == [-1, 1, -1]
    assert found.mean == pytest.approx(1.0)
    assert np.isnan(neuron_tuning(np.zeros((4, 1)), Y).mean)


def test_tuning_accepts_real_variables():
    y = np.array([0.0, 1.0, 2.0, 4.0])
    assert neuron_tuning(3 * y[:, None] - 1, y).per_neuron[0] == pytest.approx(1.0)


@pytest.mark.parametrize("score", [parallelism_score, ccgp])
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, r"Z of shape \(n, p\) or kernel.*received neither"),
        ({"Z": np.eye(4), "kernel": np.eye(4), "factors": SIGNS[2]}, "received both"),
        ({"Z": np.eye(4)}, r"factors of shape \(4, d_Y\); received None"),
        ({"Z": np.eye(4), "factors": SIGNS[2][:3]}, r"factors of shape \(4, d_Y\).*received shape \(3, 2\)"),
        ({"Z": np.eye(4), "factors": [[0, 1], [0, 0], [0, 1], [0, 0]]}, "two different values in column 0.*1 \\(0\\)"),
        ({"Z": np.eye(4), "factors": [0, 1, 2, 0]}, "two different values in column 0.*3 \\(0, 1, 2\\)"),
        ({"kernel": np.ones((4, 3)), "factors": SIGNS[2]}, "a symmetric kernel"),
        ({"kernel": np.triu(np.ones((4, 4))), "factors": SIGNS[2]}, "a symmetric kernel"),
    ],
)
def test_refusals(score, kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        score(**kwargs)


def test_more_refusals():
    with pytest.raises(InvalidInputError, match="without negative eigenvalues"):
        ccgp(kernel=-np.eye(4), factors=SIGNS[2])
    with pytest.raises(InvalidInputError, match="C to be a finite number > 0"):
        ccgp(np.eye(4), SIGNS[2], C=0.0)
    with pytest.raises(InvalidInputError, match="factors that vary; received column 1 is constant"):
        neuron_tuning(np.eye(4), [[0, 1], [1, 1], [0, 1], [1, 1]])
    with pytest.raises(InvalidInputError, match=r"factors of shape \(4, d_Y\)"):
        neuron_tuning(np.eye(4), [0, 1])


def test_generalisation_below_chance_is_explained():
    factors = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    opposed = ccgp([[1.0], [-1.0], [-1.0], [1.0]], factors)  # an exclusive or
    assert opposed.per_factor.tolist() == [0.0, 0.0]
    assert opposed.note.startswith("variable 0: 0.00 is below chance")
    assert ccgp(factors, factors).note == ""


def test_a_score_that_is_not_there_says_why():
    Z = np.random.default_rng(0).standard_normal((8, 3))
    one = parallelism_score(Z, np.tile([[-1], [1]], (4, 1)))
    assert np.isnan(one.mean)
    assert "variable 0 has no score: both of its values occur in 1 setting of the other variables" in one.note
    missing = ccgp(Z[:3], [[-1, -1], [-1, 1], [1, -1]])
    assert missing.note.count("two are needed") == 2
    same = parallelism_score([[0.0], [0.0], [1.0], [2.0]], [[-1, -1], [1, -1], [-1, 1], [1, 1]])
    assert "variable 0 has no score: some setting of the others does not code it at all" in same.note
    assert "variable 1" not in same.note
