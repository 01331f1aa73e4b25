"""What networks decide, against the largest output."""

import numpy as np
import pytest
from metrics.layers.cases import NET, X

import relucvx as rx
from relucvx.errors import InvalidInputError
from relucvx.metrics.layers.decisions import decisions, is_network, output_names
from relucvx.metrics.samples.groups import as_groups


def test_decisions_are_of_the_largest_output_or_of_the_side_of_nought():
    names = ["a", "b", "c"]
    assert decisions(NET, X, names, "net") == [names[k] for k in NET.predict(X).argmax(1)]
    one = rx.DeepNetwork([np.ones((5, 2)), np.array([[1.0], [-1.0]]) + 0.1])
    assert decisions(one, X, ["no", "yes"], "net") == ["yes" if v > 0 else "no" for v in one.predict(X)[:, 0]]
    assert decisions([1, 2], None, names, "net") == [1, 2]


def test_what_is_a_network():
    assert is_network(NET)
    assert is_network(NET.to_torch())
    assert not is_network({"a": X})
    assert not is_network(X)


def test_refusals():
    with pytest.raises(InvalidInputError, match="net with 2 outputs, one for each label; received 3 outputs"):
        decisions(NET, X, [0, 1], "net")
    groups = as_groups(["b", "a"], 2)
    assert output_names(None, groups) == ("a", "b")
    assert output_names(["c", "b", "a"], groups) == ("c", "b", "a")
    for wrong in (["a"], ["a", "b", "a"]):
        with pytest.raises(InvalidInputError, match="classes to name the outputs"):
            output_names(wrong, groups)
