"""P-values by counting, and corrected ones by what they promise."""

import numpy as np

from relucvx.metrics.nulls.p_values import corrected_p_values, critical_values, p_values, ties


def test_ties_within_rounding_count_as_reached():
    null = np.array([[1.0 - 1e-15], [0.5], [2.0], [np.nan]])
    assert p_values(np.array([1.0]), null, "greater")[0] == 4 / 5
    assert p_values(np.array([1.0]), null, "less")[0] == 4 / 5
    assert np.isnan(p_values(np.array([np.nan]), null, "greater")[0])


def test_ranked_at_random_among_its_ties_the_data_rejects_as_often_as_it_says():
    """A coin has two values: counted as extreme, ties never let it reject; in a random order they let it in 1 of 20."""
    rng = np.random.default_rng(3)
    for tail, n in (("greater", 20), ("less", 20), ("two-sided", 40)):
        draws = rng.integers(2, size=(n, 20_000)).astype(float)
        counted, random = p_values(draws[0], draws[1:], tail), p_values(draws[0], draws[1:], tail, rng)
        assert np.all(random <= counted)
        assert np.mean(counted <= 0.05 + 1e-9) < 0.001
        assert abs(np.mean(random <= 0.05 + 1e-9) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 20_000)
    assert ties(np.array([1.0]), np.array([[1.0], [1.0 + 1e-15], [0.0], [np.nan]]))[0] == 2
    # without ties nothing is left to chance
    free = rng.standard_normal((20, 50))
    for tail in ("greater", "less", "two-sided"):
        assert np.array_equal(p_values(free[0], free[1:], tail), p_values(free[0], free[1:], tail, rng))


def test_the_correction_does_not_see_the_units_of_the_scores():
    rng = np.random.default_rng(0)
    observed, null = rng.standard_normal(4) + 1.0, rng.standard_normal((99, 4))
    scales, shifts = np.array([1.0, 10.0, 0.1, 3.0]), np.array([0.0, 5.0, -1.0, 2.0])
    for tail in ("greater", "less", "two-sided"):
        one = corrected_p_values(observed, null, tail)
        assert np.allclose(one, corrected_p_values(observed * scales + shifts, null * scales + shifts, tail))
        assert np.all(one >= (p_values(observed, null, tail) / (2 if tail == "two-sided" else 1)) - 1e-12)


def test_the_best_of_many_unrelated_scores_is_seldom_significant():
    rng, found = np.random.default_rng(1), []
    for _ in range(400):
        draws = rng.standard_normal((20, 6))
        found.append(corrected_p_values(draws[0], draws[1:], "greater").min() <= 0.05)
    assert abs(np.mean(found) - 0.05) < 0.04  # uncorrected: 0.26


def test_critical_values_hold_their_share():
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((1000, 3)) * [1.0, 2.0, 3.0]
    limits = critical_values(draws[0], draws[1:], "greater", 0.95)
    assert abs(np.mean((draws > limits).any(axis=1)) - 0.05) < 0.002
