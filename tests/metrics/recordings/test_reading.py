"""What is no recording is refused with its place."""

import numpy as np
import pytest

from relucvx.errors import InvalidInputError
from relucvx.metrics import Recording

FACTORS = {"context": ["a", "a", "b", "b"] * 5, "choice": [1, 2] * 10}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"condition= or factors=; received neither"),
        ({"condition": [0, 1]}, "condition of length 4"),
        ({"condition": [0, 0, 1, 1], "factors": {"side": [0, 1, 1, 1]}}, "'side' with one value in each condition"),
        ({"condition": [0, 0, 1, None]}, "condition without missing"),
        ({"condition": [0, 0, 1, 1], "neurons": ["a"]}, "2 names of neurons"),
        ({"condition": [0, 0, 1, 1], "neurons": ["a", "a"]}, "'a' twice"),
        ({"condition": [0, 0, 1, 1], "time": [0.0]}, r"\(trials, neurons, time\) with time="),
        ({"condition": [0, 0, 1, 1], "factors": np.ones((3, 1))}, r"factors of shape \(4, k\)"),
    ],
)
def test_refusals(given, message):
    with pytest.raises(InvalidInputError, match=message):
        Recording(np.arange(8.0).reshape(4, 2), **given)


def test_missing_values_are_neurons_of_other_sessions_or_refused():
    Z = np.arange(8.0).reshape(4, 2)
    Z[1, 1] = np.nan
    with pytest.raises(InvalidInputError, match=r"missing value at trial 1 of neuron 'n1'"):
        Recording(Z, condition=[0, 1, 0, 1])
    Z[0, 1] = np.nan
    assert Recording(Z, condition=[0, 1, 0, 1], session=["s", "s", "t", "t"]).recorded.tolist() == [
        [True, False],
        [True] * 2,
    ]
    Z[:, 1] = np.nan
    with pytest.raises(InvalidInputError, match="'n1' is missing in all"):
        Recording(Z, condition=[0, 1, 0, 1])
