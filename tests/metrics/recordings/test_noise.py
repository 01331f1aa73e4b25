"""Covariance of noise: literal formulas, an independent implementation, and what shrinkage does."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, noise_covariance


def made(n=30, p=6, seed=0):
    """Correlated noise around the means of three conditions with unequal trials."""
    rng = np.random.default_rng(seed)
    condition = np.concatenate([np.repeat(list("abc"), 2), rng.choice(list("abc"), n - 6)])
    Z = rng.standard_normal((n, p)) @ rng.standard_normal((p, p)) + 3.0 * (condition == "b")[:, None]
    return Recording(Z, condition=condition)


def residuals(recording):
    """Literally."""
    frame = recording.to_frame()
    names = list(recording.neurons)
    return (frame[names] - frame.groupby("condition")[names].transform("mean")).to_numpy()


def test_without_shrinkage_it_is_the_covariance_of_the_residuals():
    recording = made()
    X = residuals(recording)
    found = noise_covariance(recording, shrinkage="none")
    np.testing.assert_allclose(found.covariance, X.T @ X / 27, rtol=1e-12)
    assert (found.share, found.degrees_of_freedom, found.n_residuals) == (0.0, 27, 30)
    variances = noise_covariance(recording, shrinkage="variances").covariance
    np.testing.assert_allclose(variances, np.diag(np.diag(found.covariance)))


def test_towards_the_identity_it_is_scikit_learns_estimate():
    recording = made(seed=1)
    expected, share = ledoit_wolf(residuals(recording), assume_centered=True)
    found = noise_covariance(recording, shrinkage="identity")
    np.testing.assert_allclose(found.covariance, expected * 30 / 27, rtol=1e-10)
    assert found.share == pytest.approx(share)


@pytest.mark.parametrize("shrinkage", ["diagonal", "identity"])
def test_more_trials_shrink_less_and_units_do_not_matter_to_correlations(shrinkage):
    shares = [noise_covariance(made(n, seed=2), shrinkage=shrinkage).share for n in (12, 100, 3000)]
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.05
    recording = made(12, 20, seed=3)
    np.testing.assert_allclose(
        noise_covariance(recording).precision @ noise_covariance(recording).covariance, np.eye(20), atol=1e-9
    )
    units = np.linspace(0.5, 9.0, 20)
    other = Recording(recording.responses * units, condition=recording.condition)
    np.testing.assert_allclose(
        noise_covariance(other).covariance, noise_covariance(recording).covariance * np.outer(units, units), rtol=1e-9
    )


def test_neurons_of_different_sessions_have_no_correlation():
    a, b = made(seed=4), made(seed=5)
    b = Recording(b.responses, condition=b.condition, neurons=[f"m{k}" for k in range(6)])
    both = noise_covariance(Recording.of_sessions({"a": a, "b": b}))
    np.testing.assert_allclose(both.covariance[:6, :6], noise_covariance(a).covariance)
    assert not both.covariance[:6, 6:].any()


def test_refusals():
    still = Recording(np.column_stack([np.arange(6.0), np.ones(6)]), condition=[0, 1] * 3)
    with pytest.raises(InvalidInputError, match="none in 'n1'"):
        _ = noise_covariance(still).precision
    with pytest.raises(InvalidInputError, match="a covariance with an inverse"):
        _ = noise_covariance(made(10, 20), shrinkage="none").precision
    with pytest.raises(InvalidInputError, match="one trial of each"):
        noise_covariance(Recording([[1.0], [2.0]], condition=[0, 1]))
    with pytest.raises(InvalidInputError, match="shrinkage among diagonal"):
        noise_covariance(made(), shrinkage="some")
