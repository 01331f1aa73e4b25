"""The dataset value and the suggested strength."""

import json

import numpy as np
import pytest

from relucvx.datasets import Dataset, suggest_beta
from relucvx.errors import InvalidInputError


def test_promotes_copies_and_freezes():
    X = np.array([[1, 2], [3, 4]], dtype=np.int32)
    data = Dataset("d", X, [1, 2], labels=np.array([0, 1]), feature_names=["a", "b"])
    X[0, 0] = 9
    assert data.X[0, 0] == 1.0
    assert data.X.dtype == data.Y.dtype == np.float64
    assert data.Y.shape == (2,)
    assert (data.n_samples, data.n_features, data.n_outputs) == (2, 2, 1)
    for array in (data.X, data.Y, data.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert json.loads(json.dumps(data.to_dict()))["feature_names"] == ["a", "b"]


def test_repr_is_one_line():
    assert repr(Dataset("d", np.eye(2), [1, 2])) == "Dataset(d: 2 samples x 2 features)"
    assert repr(Dataset("d", np.eye(2), np.eye(2))) == "Dataset(d: 2 samples x 2 features, 2 outputs)"


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"Y": [1.0]}, "Y with as many rows as X"),
        ({"X": [[np.nan, 0.0], [0.0, 0.0]]}, "X to be finite"),
        ({"feature_names": ("a",)}, r"2 feature_names.*received 1 names"),
        ({"labels": np.zeros(3)}, "labels of length 2, one per row; received length 3"),
    ],
)
def test_refusals(kwargs, message):
    with pytest.raises(InvalidInputError, match=message):
        Dataset(**{"name": "d", "X": np.eye(2), "Y": [1.0, 2.0], **kwargs})


def test_suggested_beta_is_below_a_tenth_of_beta_max():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, Y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1 + seed % 2))
        angles = np.linspace(0, 2 * np.pi, 2000)
        directions = np.stack([np.cos(angles), np.sin(angles)])
        beta_max = np.linalg.norm(Y.T @ np.maximum(X @ directions, 0.0), axis=0).max()
        assert 0 < suggest_beta(X, Y) <= beta_max / 10
    assert suggest_beta(np.eye(2), np.zeros(2)) is None
