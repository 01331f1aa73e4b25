"""Categories of neurons: found where there are some, seldom where there are none; the shape is Tyler's."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, epairs, erp
from relucvx.metrics.recordings.selectivity import _distances, _mean_angle, shape_of


def neurons(kind, seed=0, n=80, P=5):
    """Recordings of means: random mixtures of unequal variance and gain, or four categories."""
    rng = np.random.default_rng(seed)
    spread = np.linspace(2.0, 0.7, P)
    if kind == "mixture":
        M = rng.standard_normal((n, P)) * spread * np.exp(0.7 * rng.standard_normal((n, 1)))
    else:
        M = (rng.standard_normal((4, P)) * spread)[rng.integers(0, 4, n)] + 0.3 * rng.standard_normal((n, P))
    return Recording(M.T, condition=range(P))


@pytest.mark.parametrize("test", [epairs, erp])
def test_categories_are_found_and_a_mixture_is_none(test):
    found = test(neurons("categories"), n_draws=59, rng=0)
    assert found.p_value <= 0.04
    assert "categories" in found.note or "no random mixture" in found.note
    nothing = test(neurons("mixture"), n_draws=59, rng=0)
    assert nothing.p_value > 0.05
    assert "no proof" in nothing.note
    again = test(neurons("categories"), n_draws=59, rng=found.seed)
    np.testing.assert_array_equal(again.null_values, found.null_values)


def test_gains_units_and_the_order_of_neurons_do_not_matter():
    recording = neurons("categories", n=40)
    base = epairs(recording, n_draws=5, rng=0)
    rng = np.random.default_rng(0)
    order, gains, shifts = rng.permutation(40), np.exp(rng.standard_normal(40)), rng.standard_normal(40)
    other = Recording(recording.responses[:, order] * gains + shifts, condition=recording.condition)
    assert epairs(other, n_draws=5, rng=0).value == pytest.approx(base.value)
    with_silent = Recording(np.column_stack([recording.responses, np.ones(5)]), condition=recording.condition)
    assert epairs(with_silent, n_draws=5, rng=0).n_left_out == 1


def test_parts_are_what_they_say():
    rng = np.random.default_rng(1)
    V = rng.standard_normal((300, 3)) * [3.0, 1.0, 0.5] * np.exp(2.0 * rng.standard_normal((300, 1)))
    U = V / np.linalg.norm(V, axis=1, keepdims=True)
    S = shape_of(U)
    np.testing.assert_allclose(np.diag(S) / np.trace(S), np.array([9, 1, 0.25]) / 10.25, atol=0.04)
    white = U @ np.linalg.inv(np.linalg.cholesky(S)).T
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    np.testing.assert_allclose(white.T @ white / 100, np.eye(3), atol=1e-6)
    angles = np.degrees(np.arccos(np.clip(U @ U.T, -1, 1)))
    expected = np.sort(angles, axis=1)[:, 1:3].mean()
    assert _mean_angle(U, 2) == pytest.approx(expected)
    rows = rng.standard_normal((4, 30)) + np.arange(4.0)[:, None]
    np.testing.assert_allclose(_distances(rows), [ks_2samp(row, rows.ravel()).statistic for row in rows], atol=1e-12)


@pytest.mark.parametrize(
    ("recording", "given", "message"),
    [
        (neurons("mixture", n=6), {"neighbours": 6}, "fewer neighbours than the 6 neurons"),
        (neurons("mixture"), {"n_dimensions": 9}, "n_dimensions"),
        (neurons("mixture", P=2), {}, "two dimensions or more"),
        (Recording(np.ones((3, 5)), condition=range(3)), {}, "three neurons or more that vary"),
    ],
)
def test_refusals(recording, given, message):
    with pytest.raises(InvalidInputError, match=message):
        epairs(recording, n_draws=3, rng=0, **given)
