"""What a comparison is given, read."""

import math

import numpy as np

import relucvx as rx
from relucvx.report.read import read_factors, read_labels


def test_what_a_run_reports_is_kept(found):
    row = found.rows[0]
    assert (row.seed, row.steps, row.seconds, row.stationarity, row.status) == (3, 10.0, 0.5, 1e-9, "CONVERGED")
    assert found.histories[0]["objective"].tolist() == [3.0, found.solution.objective]
    assert math.isnan(found.rows[1].steps)


def test_labels_and_factors_come_from_targets():
    pose = rx.make_problem
    X = np.eye(4)
    assert read_labels(pose(X, np.eye(4)[:, [0, 1, 2, 2]] * 1.0, 1.0), None) is None  # rows are not one-hot
    assert read_labels(pose(X, [1.0, -1.0, 1.0, 1.0], 1.0), None).tolist() == [1, 0, 1, 1]
    assert read_labels(pose(X, [1.0, 1.0, 1.0, 1.0], 1.0), None) is None
    assert read_labels(pose(X, [0.3, 1.0, 2.0, 1.0], 1.0), None) is None
    assert read_labels(pose(X, [0.3, 1.0, 2.0, 1.0], 1.0), ["a", "b", "a", "b"]).tolist() == ["a", "b", "a", "b"]
    coded = np.array([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, -1]])
    assert read_labels(pose(X, coded, 1.0), None).tolist() == [0, 1, 2, 0]
    assert read_factors(pose(X, coded, 1.0), None) is None
    signs = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert read_factors(pose(X, signs, 1.0), None).tolist() == signs.tolist()
    assert read_labels(pose(X, signs, 1.0), None) is None
    assert read_factors(pose(X, signs[:, 0], 1.0), None) is None
    assert read_factors(pose(X, signs[:, 0], 1.0), signs).tolist() == signs.tolist()
