"""The table of neurons says what the network computes."""

import numpy as np
from report.cases import comparison

from relucvx.report.neuron_table import neuron_rows


def test_the_table_is_the_network():
    found = comparison("planted:20x2", 0.5, bias="all", feature_names=["east", "north"], target_names=["height"])
    heads, rows = neuron_rows(found)
    assert heads == ["neuron", "size", "from east", "from north", "from bias", "to height"]
    table = np.array([[float(v) for v in row[1:]] for row in rows if row[0] != "bias"])
    assert np.allclose(np.linalg.norm(table[:, 1:4], axis=1), 1.0)
    assert (np.diff(table[:, 0]) <= 0).all()
    assert np.allclose(np.abs(table[:, 4]), table[:, 0], rtol=1e-6)  # size is the norm of what leaves a unit neuron
    X = found.problem.X
    hidden = np.maximum(np.column_stack([X, np.ones(len(X))]) @ table[:, 1:4].T, 0.0)
    bias = sum(float(row[-1]) for row in rows if row[0] == "bias")
    assert np.allclose(hidden @ table[:, 4] + bias, np.ravel(found.solution.network.predict(X)))
