"""Crossnobis distances: literal folds, the noise-corrected kernel, and no bias where other weights have one."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, crossnobis, noise_corrected_kernel, noise_covariance


def made(seed=0, n=6, p=5, repeat=True):
    """Three conditions in n runs, with a shift of the third."""
    rng = np.random.default_rng(seed)
    condition, run = np.tile(list("abc"), n), np.repeat(np.arange(n), 3)
    Z = rng.standard_normal((3 * n, p)) + 2.0 * (condition == "c")[:, None]
    return Recording(Z, condition=condition, repeat=run if repeat else None)


def literal(recording, W, run):
    """Loops over folds and pairs."""
    out = np.zeros((3, 3))
    Z, condition = recording.responses, np.array(recording.condition)
    for r in sorted(set(run)):
        for i, a in enumerate("abc"):
            for j, b in enumerate("abc"):
                there, rest = run == r, run != r
                test = Z[there & (condition == a)].mean(axis=0) - Z[there & (condition == b)].mean(axis=0)
                train = Z[rest & (condition == a)].mean(axis=0) - Z[rest & (condition == b)].mean(axis=0)
                out[i, j] += train @ W(rest) @ test / len(set(run)) / Z.shape[1]
    return out


def test_equals_the_literal_folds_with_every_kind_of_weight():
    recording, p = made(), 5
    run = np.array(recording.repeat)
    given = np.diag(np.arange(1.0, 6.0)) + 0.3
    np.testing.assert_allclose(
        crossnobis(recording, noise=None).distances, literal(recording, lambda _: np.eye(p), run)
    )
    np.testing.assert_allclose(crossnobis(recording, noise=given).distances, literal(recording, lambda _: given, run))
    whole = noise_covariance(recording)
    np.testing.assert_allclose(
        crossnobis(recording, noise=whole).distances, literal(recording, lambda _: whole.precision, run), rtol=1e-9
    )
    others = literal(recording, lambda rest: noise_covariance(recording.select(trials=rest)).precision, run)
    np.testing.assert_allclose(crossnobis(recording).distances, others, rtol=1e-9)


def test_without_weights_it_is_what_the_kernel_says():
    recording = made(seed=1)
    K = noise_corrected_kernel(recording.activity, recording.condition, recording.repeat).kernel
    expected = (np.diag(K)[:, None] + np.diag(K) - 2 * K) / 5
    found = crossnobis(recording, noise=None)
    np.testing.assert_allclose(found.distances, expected, atol=1e-12)
    np.testing.assert_allclose(found.vector, expected[np.triu_indices(3, 1)], atol=1e-12)
    assert found.n_folds == 6


def test_invariances():
    recording = made(seed=2)
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    base = crossnobis(recording, shrinkage="none").distances
    for Z in (recording.responses + 7.0, recording.responses @ rng.standard_normal((5, 5))):
        other = Recording(Z, condition=recording.condition, repeat=recording.repeat)
        np.testing.assert_allclose(crossnobis(other, shrinkage="none").distances, base, rtol=1e-8)
    turned = Recording(recording.responses @ Q, condition=recording.condition, repeat=recording.repeat)
    np.testing.assert_allclose(
        crossnobis(turned, noise=None).distances, crossnobis(recording, noise=None).distances, atol=1e-12
    )
    order = rng.permutation(18)
    np.testing.assert_allclose(crossnobis(recording.select(trials=order), shrinkage="none").distances, base, rtol=1e-9)


def test_sessions_add():
    a, b = made(seed=3, n=4, repeat=False), made(seed=4, n=5, repeat=False)
    b = Recording(b.responses, condition=b.condition, neurons=[f"m{k}" for k in range(5)])
    both = crossnobis(Recording.of_sessions({"a": a, "b": b}))
    np.testing.assert_allclose(both.distances, (crossnobis(a).distances + crossnobis(b).distances) / 2)


@pytest.mark.slow
def test_unbiased_where_a_precision_of_the_same_trials_is_not():
    """400 recordings of two conditions that do not differ, correlated noise, 12 neurons and 24 trials."""
    rng = np.random.default_rng(0)
    mix, own, same = rng.standard_normal((12, 12)), [], []
    for _ in range(400):
        recording = Recording(rng.standard_normal((24, 12)) @ mix, condition=np.repeat([0, 1], 12))
        own.append(crossnobis(recording).vector[0])
        same.append(crossnobis(recording, noise=noise_covariance(recording)).vector[0])
    error = np.std(own) / 20
    assert abs(np.mean(own)) < 2 * error
    assert np.mean(same) > 5 * error


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"noise": "other"}, 'noise "folds", None, a NoiseCovariance or a precision'),
        ({"noise": np.eye(4)}, r"precision of shape \(5, 5\)"),
        ({"shrinkage": "x"}, "shrinkage among"),
        ({"n_folds": 1}, "n_folds"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(InvalidInputError, match=message):
        crossnobis(made(), **given)
