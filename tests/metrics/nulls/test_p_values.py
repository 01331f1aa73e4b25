"""P-values by counting, and corrected ones by what they promise."""

import numpy as np

from relucvx.metrics.nulls.p_values import corrected_p_values, critical_values, lot, n_tied, p_values


def test_ties_within_rounding_count_as_reached():
    null = np.array([[1.0 - 1e-15], [0.5], [2.0], [np.nan]])
    assert p_values(np.array([1.0]), null, "greater")[0] == 4 / 5
    assert p_values(np.array([1.0]), null, "less")[0] == 4 / 5
    assert np.isnan(p_values(np.array([np.nan]), null, "greater")[0])


def test_ranked_at_random_among_its_ties_the_data_rejects_as_often_as_it_says():
    """A coin has two values: counted as extreme, ties never let it reject; in a random order they let it in 1 of 20."""
    rng = np.random.default_rng(3)
    for tail, n in (("greater", 20), ("less", 20), ("two-sided", 40)):
        found = []
        for place in rng.random(4000):
            draws = rng.integers(2, size=(n, 1)).astype(float)
            counted, drawn = p_values(draws[0], draws[1:], tail)[0], p_values(draws[0], draws[1:], tail, place)[0]
            assert drawn <= counted
            found.append((counted <= 0.05 + 1e-9, drawn <= 0.05 + 1e-9))
        often = np.mean(found, axis=0)
        assert often[0] < 0.001
        assert abs(often[1] - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)
    assert n_tied(np.array([1.0]), np.array([[1.0], [1.0 + 1e-15], [0.0], [np.nan]]))[0] == 2
    # without ties nothing is left to chance
    free = rng.standard_normal((20, 50))
    for tail in ("greater", "less", "two-sided"):
        assert np.array_equal(p_values(free[0], free[1:], tail), p_values(free[0], free[1:], tail, 0.3))


def test_one_place_among_the_ties_is_that_of_every_score():
    """The best of a score and its copies rejects as often as the score: a lot for each would be as many chances."""
    rng = np.random.default_rng(5)
    found = []
    for place in rng.random(4000):
        draws = np.tile(rng.integers(2, size=(20, 1)).astype(float), 8)
        draws[:, 4:] = 1.0 - draws[:, 4:]  # and those that say the opposite
        found.append(corrected_p_values(draws[0], draws[1:], "greater", place).min() <= 0.05 + 1e-9)
    assert abs(np.mean(found) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_the_lot_is_none_of_the_draws():
    """A generator of [seed] begins as one of [seed, 0] does, which is the first draw."""
    for seed in (0, 5, 2**40 + 3):
        assert lot(seed) == lot(seed)
        assert lot(seed) not in {float(np.random.default_rng([seed, k]).random()) for k in range(1000)}
    assert abs(np.mean([lot(seed) for seed in range(2000)]) - 0.5) < 0.03


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
