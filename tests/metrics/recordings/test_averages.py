"""Condition averages and noise-corrected kernels: literal pairs, exact unbiasedness over all signs, simulation, use."""

from itertools import product

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import (
    ccgp,
    cka,
    condition_averages,
    noise_corrected_kernel,
    parallelism_score,
    participation_ratio,
)

SIGNS = np.array(list(product((-1, 1), repeat=2)))


def literal(Z, conditions, repeats):
    """Loops over conditions and over pairs of trials from different repeats."""
    names = sorted(set(conditions))
    out = np.zeros((len(names), len(names)))
    for a, b in product(range(len(names)), repeat=2):
        products = [
            Z[i] @ Z[j]
            for i, j in product(range(len(Z)), repeat=2)
            if conditions[i] == names[a] and conditions[j] == names[b] and repeats[i] != repeats[j]
        ]
        out[a, b] = np.mean(products)
    return out


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("known", [True, False])
def test_equals_the_literal_pairs(seed, known):
    """Unbalanced trials, conditions missing from some repeats."""
    rng = np.random.default_rng(seed)
    conditions = np.concatenate([np.repeat(list("abc"), 2), rng.choice(list("abc"), 9)])
    repeats = np.concatenate([[0, 1] * 3, rng.integers(0, 4, 9)])
    Z = rng.standard_normal((15, 4)) + 3.0
    expected = literal(Z, conditions.tolist(), repeats if known else np.arange(15))
    found = noise_corrected_kernel(Z, conditions, repeats if known else None)
    np.testing.assert_allclose(found.kernel, expected, rtol=1e-12, atol=1e-12)
    assert found.conditions == ("a", "b", "c")
    counts = np.bincount(np.searchsorted(list("abc"), conditions))
    if not known:
        np.testing.assert_array_equal(found.n_pairs, np.outer(counts, counts) - np.diag(counts))
    assert found.smallest_eigenvalue == pytest.approx(np.linalg.eigvalsh(expected)[0], abs=1e-12)


def test_unbiased_exactly_over_all_signs_of_the_noise():
    """Noise e_i v_i with independent signs e_i: the average over all 2^6 signs is the expectation, no sampling."""
    rng = np.random.default_rng(0)
    means, conditions = rng.standard_normal((3, 4)), np.repeat(np.arange(3), 2)
    noise = 5.0 * rng.standard_normal((6, 4))
    kernels, averages = [], []
    for signs in product((-1.0, 1.0), repeat=6):
        Z = means[conditions] + np.array(signs)[:, None] * noise
        kernels.append(noise_corrected_kernel(Z, conditions).kernel)
        averages.append(condition_averages(Z, conditions).means)
    np.testing.assert_allclose(np.mean(kernels, axis=0), means @ means.T, atol=1e-12)
    plain = np.mean([A @ A.T for A in averages], axis=0)
    size = np.array([np.sum(noise[conditions == c] ** 2) / 4 for c in range(3)])
    np.testing.assert_allclose(plain, means @ means.T + np.diag(size), atol=1e-12)  # what it corrects


def test_repeats_remove_noise_shared_within_a_repeat_and_nothing_else_does():
    """All conditions of a repeat share a sign: exact average over the 2^3 signs."""
    rng = np.random.default_rng(1)
    means, conditions, repeats = rng.standard_normal((2, 3)), np.tile([0, 1], 3), np.repeat([0, 1, 2], 2)
    noise = 2.0 * rng.standard_normal((6, 3))
    corrected, uncorrected = [], []
    for signs in product((-1.0, 1.0), repeat=3):
        Z = means[conditions] + np.array(signs)[repeats][:, None] * noise
        corrected.append(noise_corrected_kernel(Z, conditions, repeats).kernel)
        uncorrected.append(noise_corrected_kernel(Z, conditions).kernel)
    np.testing.assert_allclose(np.mean(corrected, axis=0), means @ means.T, atol=1e-12)
    assert np.abs(np.mean(uncorrected, axis=0) - means @ means.T).max() > 0.1


def test_unbiased_in_simulation_with_correlated_unequal_noise():
    rng = np.random.default_rng(2)
    means, mix = rng.standard_normal((4, 6)), rng.standard_normal((6, 6))
    conditions, scale = np.repeat(np.arange(4), 3), np.repeat([0.5, 1.0, 1.5, 2.0], 3)
    draws = np.array(
        [
            noise_corrected_kernel(
                means[conditions] + scale[:, None] * (rng.standard_normal((12, 6)) @ mix), conditions
            ).kernel
            for _ in range(3000)
        ]
    )
    error = draws.std(axis=0) / np.sqrt(3000)
    assert (np.abs(draws.mean(axis=0) - means @ means.T) < 4.5 * error).all()
    assert min(np.linalg.eigvalsh(K)[0] for K in draws[:50]) < -0.1


def test_without_noise_it_is_the_gram_matrix_of_the_means():
    rng = np.random.default_rng(3)
    means = rng.standard_normal((4, 5))
    found = noise_corrected_kernel(np.repeat(means, 3, axis=0), np.repeat(np.arange(4), 3))
    np.testing.assert_allclose(found.kernel, means @ means.T, atol=1e-12)
    np.testing.assert_allclose(found.clipped, found.kernel, atol=1e-12)


def test_split_halves_are_two_repeats():
    rng = np.random.default_rng(4)
    Z, conditions, half = rng.standard_normal((12, 3)), np.tile([0, 1, 2], 4), np.repeat([0, 1], 6)
    first, second = (condition_averages(Z[half == h], conditions[half == h]).means for h in (0, 1))
    expected = (first @ second.T + second @ first.T) / 2
    np.testing.assert_allclose(noise_corrected_kernel(Z, conditions, half).kernel, expected, atol=1e-12)


def test_averages_of_labels_and_of_several_variables():
    rng = np.random.default_rng(5)
    factors = np.repeat(SIGNS, [1, 2, 3, 4], axis=0)
    Z = rng.standard_normal((10, 3))
    found = condition_averages(Z, factors)
    assert found.conditions == ((-1, -1), (-1, 1), (1, -1), (1, 1))
    np.testing.assert_array_equal(found.factors, SIGNS)
    np.testing.assert_array_equal(found.n_trials, [1, 2, 3, 4])
    np.testing.assert_allclose(found.means[2], Z[3:6].mean(axis=0))
    # metrics of conditions are the same from trials and from averages
    expected = parallelism_score(Z, factors).per_factor
    np.testing.assert_allclose(parallelism_score(found.means, found.factors).per_factor, expected, atol=1e-12)
    words = condition_averages(Z, list("bbaabbaabb"))
    assert words.conditions == ("a", "b")
    np.testing.assert_array_equal(words.factors, [["a"], ["b"]])
    torch = pytest.importorskip("torch")
    np.testing.assert_array_equal(condition_averages(torch.tensor(Z), torch.tensor(factors)).means, found.means)


def noisy_square(seed, noise, n=4):
    """Trials of two abstract variables in 20 neurons, noise added."""
    rng = np.random.default_rng(seed)
    code = np.random.default_rng(99).standard_normal((2, 20))
    factors = np.repeat(SIGNS, n, axis=0)
    return factors @ code + noise * rng.standard_normal((4 * n, 20)), factors, SIGNS @ code


def test_metrics_of_the_corrected_kernel_undo_the_bias_of_noise():
    """Parallelism and dimension of the truth; noise lowers the one and raises the other unless corrected."""
    plain, corrected, sizes, true_sizes = [], [], [], []
    for seed in range(200):
        Z, factors, means = noisy_square(seed, 1.5, n=10)
        K = noise_corrected_kernel(Z, factors)
        A = condition_averages(Z, factors)
        plain.append((parallelism_score(A.means, A.factors).mean, participation_ratio(A.means)))
        corrected.append(
            (parallelism_score(kernel=K.kernel, factors=K.factors).mean, participation_ratio(kernel=K.kernel))
        )
        sizes.append(np.trace(K.kernel))
        true_sizes.append(np.sum(means**2))
    truth = parallelism_score(means, SIGNS).mean, participation_ratio(means)
    assert truth[0] == pytest.approx(1.0)
    bias, rest = (np.abs(np.nanmean(values, axis=0) - truth) for values in (plain, corrected))
    assert (rest < 0.5 * bias).all(), (bias, rest)
    assert np.mean(sizes) == pytest.approx(true_sizes[0], rel=0.05)


def test_negative_eigenvalues_pass_where_they_can_and_are_refused_where_they_cannot():
    Z, factors, means = noisy_square(0, 12.0, n=2)
    K = noise_corrected_kernel(Z, factors)
    assert K.smallest_eigenvalue < 0
    # squared differences that are not positive have no direction
    noise = noise_corrected_kernel(np.random.default_rng(3).standard_normal((8, 20)), factors[:8])
    scores = [parallelism_score(kernel=k.kernel, factors=k.factors).per_factor for k in (K, noise)]
    assert np.isnan(np.concatenate(scores)).any()
    for k in (K, noise):
        assert np.isfinite(cka(kernel1=k.kernel, Z2=means))
        assert np.isfinite(participation_ratio(kernel=k.kernel, centred=False)) == (np.trace(k.kernel) > 0)
    with pytest.raises(InvalidInputError, match=r"without negative eigenvalues.*noise-corrected.*clipped"):
        ccgp(kernel=K.kernel, factors=K.factors)
    assert np.linalg.eigvalsh(K.clipped)[0] > -1e-9 * np.abs(K.kernel).max()
    assert np.trace(K.clipped) > np.trace(K.kernel)
    assert 0 <= ccgp(kernel=K.clipped, factors=K.factors).mean <= 1


def test_invariances_and_their_limits():
    rng = np.random.default_rng(6)
    Z, conditions, repeats = rng.standard_normal((12, 4)), np.tile(list("abc"), 4), np.repeat([0, 1, 2, 3], 3)
    base = noise_corrected_kernel(Z, conditions, repeats).kernel
    Q, order = np.linalg.qr(rng.standard_normal((4, 4)))[0], rng.permutation(12)
    for other in (
        noise_corrected_kernel(Z @ Q, conditions, repeats),
        noise_corrected_kernel(Z[:, ::-1], conditions, repeats),
        noise_corrected_kernel(Z[order], conditions[order], repeats[order]),
        noise_corrected_kernel(Z, conditions, [f"run {r}" for r in repeats]),
    ):
        np.testing.assert_allclose(other.kernel, base, atol=1e-12)
    np.testing.assert_allclose(noise_corrected_kernel(1e3 * Z, conditions, repeats).kernel, 1e6 * base, rtol=1e-12)
    turned = noise_corrected_kernel(Z, np.array(list("cab"))[[ord(c) - 97 for c in conditions]], repeats).kernel
    np.testing.assert_allclose(turned, base[np.ix_([1, 2, 0], [1, 2, 0])], atol=1e-12)
    for broken in (Z * [1.0, 2.0, 3.0, 4.0], Z + 1.0):
        assert np.abs(noise_corrected_kernel(broken, conditions, repeats).kernel - base).max() > 1e-2
    mixed = noise_corrected_kernel(Z, conditions, repeats[order]).kernel
    assert np.abs(mixed - base).max() > 1e-3


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (condition_averages, (np.eye(3), [0, 1]), "conditions of length 3"),
        (condition_averages, (np.eye(3), [0, None, 1]), "conditions without missing values"),
        (condition_averages, ([[np.inf]], [0]), "Z to be finite"),
        (
            noise_corrected_kernel,
            (np.eye(3), [0, 0, 1]),
            "different repeats; received no such pair of trials of 1 and 1",
        ),
        (noise_corrected_kernel, (np.eye(4), [0, 0, 1, 1], [0, 1, 2, 2]), "no such pair of trials of 1 and 1"),
        (noise_corrected_kernel, (np.eye(4), [0, 0, 1, 1], [0, 1]), "repeats of length 4"),
    ],
)
def test_refusals(function, args, message):
    with pytest.raises(InvalidInputError, match=message):
        function(*args)
