"""The noise ceiling: literal averages, the bound over all models, and sessions of a recording."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording, crossnobis, noise_ceiling

METHODS = ("cosine", "pearson", "spearman")


def vectors(seed=0, m=4, pairs=10):
    """Noisy dissimilarities of five conditions."""
    rng = np.random.default_rng(seed)
    return rng.random(pairs) + 0.4 * rng.standard_normal((m, pairs))


def score(a, b, method):
    """Literally."""
    if method == "spearman":
        a, b = rankdata(a), rankdata(b)
    if method != "cosine":
        a, b = a - a.mean(), b - b.mean()
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("method", METHODS)
def test_no_model_scores_above_and_one_scores_as_the_upper_bound(method):
    rows = vectors()
    found = noise_ceiling([squareform(row) for row in rows], method=method)
    assert found.lower < found.upper
    assert found.per_session.shape == (4, 2)
    rng = np.random.default_rng(1)
    models = [rows.mean(axis=0) + 0.2 * rng.standard_normal(10) for _ in range(2000)]
    best = max(np.mean([score(model, row, method) for row in rows]) for model in models)
    assert best <= found.upper + 1e-12
    scaled = {"cosine": rows / np.linalg.norm(rows, axis=1, keepdims=True)}.get(method)
    if scaled is not None:
        reached = np.mean([score(scaled.mean(axis=0), row, method) for row in rows])
        assert reached == pytest.approx(found.upper)
        others = [score(np.delete(scaled, k, axis=0).mean(axis=0), rows[k], method) for k in range(4)]
        np.testing.assert_allclose(found.per_session[:, 0], others)


def test_of_a_recording_sessions_are_compared():
    rng = np.random.default_rng(2)
    means = 2.0 * rng.standard_normal((4, 6))
    condition, session = np.tile(np.repeat(range(4), 6), 3), np.repeat(["s", "t", "u"], 24)
    recording = Recording(means[condition] + rng.standard_normal((72, 6)), condition=condition, session=session)
    parts = [crossnobis(recording.select(sessions=[name]), noise=None) for name in "stu"]
    found = noise_ceiling(recording, noise=None)
    assert (found.lower, found.upper) == pytest.approx((noise_ceiling(parts).lower, noise_ceiling(parts).upper))
    assert found.names == ("s", "t", "u")
    assert found.lower > 0.8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rdms": [np.eye(3)]}, "two or more matrices"),
        ({"rdms": [1 - np.eye(3)] * 2, "method": "kendall"}, "a method among"),
        ({"rdms": [1 - np.eye(3), 1 - np.eye(4)]}, "the same conditions"),
        ({"rdms": [1 - np.eye(3)] * 2, "method": "pearson"}, "dissimilarities that differ"),
        ({"rdms": [1 - np.eye(3)] * 2, "noise": None}, "options of crossnobis with a recording"),
        ({"rdms": [np.triu(np.ones((3, 3)))] * 2}, "symmetric matrices"),
        ({"rdms": Recording([[1.0], [2.0]], condition=[0, 1])}, "two or more sessions"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(InvalidInputError, match=message):
        noise_ceiling(**given)
