"""What is estimated of a recording: the spread of its kernel, and the task that its factors stand for."""

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.theory.recordings.recorded import Estimate, estimate, targets_of

FACTORS = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 8, axis=0)


def recording(rng, **options):
    """Noise alone around four conditions of 30 neurons."""
    features = np.repeat(np.random.default_rng(5).standard_normal((4, 30)), 8, axis=0)
    return rx.Recording(features + rng.standard_normal((32, 30)), factors=FACTORS, **options)


def test_deviations_are_as_large_as_those_of_new_recordings():
    fresh = np.array([recording(np.random.default_rng(k)).kernel().kernel for k in range(60)])
    real = np.mean(np.sum((fresh - fresh.mean(axis=0)) ** 2, axis=(1, 2)))
    found = [estimate(recording(np.random.default_rng(k)), 40, False, np.random.default_rng(0)) for k in range(3)]
    guessed = np.mean([np.mean(np.sum(one.deviations**2, axis=(1, 2))) for one in found])
    # products of noise weigh more in halves: too wide rather than too narrow, and less so for more trials
    assert 0.9 * real < guessed < 1.6 * real
    # an interval of a linear functional is about four standard deviations of it
    own, low, high = found[0].interval(lambda K: K[:, 0, 0], 0.95)
    assert high - own == pytest.approx(own - low)
    assert high - low == pytest.approx(3.92 * np.std(fresh[:, 0, 0]), rel=0.5)


def test_a_sample_of_neurons_varies_more_and_a_kernel_that_is_given_not_at_all():
    rng = np.random.default_rng(0)
    one = recording(rng)
    trials = estimate(one, 30, False, np.random.default_rng(1)).radius(np.eye(4), 0.95)
    both = estimate(one, 30, True, np.random.default_rng(1)).radius(np.eye(4), 0.95)
    assert both > 1.2 * trials
    exact = estimate(np.eye(3), 30, True, rng)
    assert exact.radius(np.eye(3), 0.95) == 0.0
    assert exact.interval(lambda K: K[:, 0, 0], 0.95) == (1.0, 1.0, 1.0)


def test_what_changes_the_scale_alone_is_no_distance():
    # all neurons on one line: which of them are recorded changes how long the kernel is, and nothing else
    rng = np.random.default_rng(2)
    line = np.repeat(np.outer([1.0, 1.0, -1.0, -1.0], rng.standard_normal(40)), 8, axis=0)
    one = rx.Recording(line + 0.01 * rng.standard_normal(line.shape), factors=FACTORS)
    found = estimate(one, 60, True, np.random.default_rng(1))
    size = np.linalg.norm(found.kernel)
    assert np.median(np.linalg.norm(found.deviations, axis=(1, 2))) > 0.1 * size
    assert found.radius(np.eye(4), 0.95) < 0.02 * size
    assert found.share_of_neurons(np.eye(4)) > 0.9


def test_quantiles_are_those_of_one_more_draw():
    found = Estimate(np.eye(1), np.arange(1.0, 20.0).reshape(19, 1, 1), ("a",), None)
    # one of twenty places is above the nineteenth
    _, low, high = found.interval(lambda K: K[:, 0, 0], 0.9)
    assert high - low == pytest.approx(19.0 - 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("neurons", [20, 60])
def test_a_multiple_of_the_true_kernel_is_within_the_radius_in_nineteen_of_twenty(neurons):
    """Neurons that are drawn from a population: the kernel of the population is what counts."""
    base, inside = np.random.default_rng(7).standard_normal((4, 3)), 0
    for k in range(200):
        rng = np.random.default_rng([3, k])
        Z = np.repeat(base @ rng.standard_normal((3, neurons)), 8, axis=0)
        one = rx.Recording(Z + 0.5 * rng.standard_normal(Z.shape), factors=FACTORS)
        found = estimate(one, 100, True, rng)
        own, truth = found.kernel.ravel(), (base @ base.T).ravel()
        inside += np.linalg.norm(own - (own @ truth) / (truth @ truth) * truth) <= found.radius(np.eye(4), 0.95)
    assert 0.90 <= inside / 200 <= 0.99


def test_repeats_and_sessions_are_drawn_whole():
    rng = np.random.default_rng(0)
    runs = recording(rng, repeat=np.tile(np.arange(8), 4))
    assert estimate(runs, 20, True, rng).deviations.shape == (20, 4, 4)
    with pytest.raises(InvalidInputError, match="at least 4 repeats"):
        estimate(recording(rng, repeat=np.tile([0, 1], 16)), 20, False, rng)
    with pytest.raises(InvalidInputError, match="trials of a condition in a session"):
        estimate(recording(rng, session=np.tile([0, 1, 2, 3], 8)), 20, False, rng)
    with pytest.raises(InvalidInputError, match="at least 4 neurons"):
        estimate(recording(rng).select(neurons=["n0", "n1"]), 20, True, rng)
    with pytest.raises(InvalidInputError, match="without time bins"):
        estimate(rx.datasets.recording(n_trials=20, n_neurons=5, n_times=3), 20, True, rng)


def test_factors_become_signs_and_columns():
    Z = np.arange(8.0).reshape(4, 2)
    some = rx.Recording(Z, factors={"side": ["l", "l", "r", "r"], "tone": ["a", "b", "c", "a"]})
    Y = targets_of(some, None, 4)
    assert Y[:, 0].tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert Y[:, 1:].sum(axis=1).tolist() == [1.0] * 4
    assert targets_of(None, [1.0, 2.0], 2).shape == (2, 1)
    with pytest.raises(InvalidInputError, match="two values or more"):
        targets_of(rx.Recording(Z, factors={"side": ["l"] * 4}), None, 1)
    with pytest.raises(InvalidInputError, match="without factors"):
        targets_of(rx.Recording(Z, condition=[0, 1, 2, 3]), None, 4)
