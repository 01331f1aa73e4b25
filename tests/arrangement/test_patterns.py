"""The Arrangement value, unit rows and the row space."""

import dataclasses
import json
import pickle

import numpy as np
import pytest

import relucvx as rx
from relucvx.arrangement import Arrangement, enumerate_patterns, sample_patterns
from relucvx.arrangement.patterns import bits_of
from relucvx.errors import InvalidInputError
from relucvx.oracle import dual_norm


def test_length_repr_and_dict():
    arr = enumerate_patterns(np.eye(2))
    assert len(arr) == 4
    assert repr(arr) == "Arrangement(4 patterns of 2 samples in 2 dimensions, complete, tolerance 1e-11)"
    assert "incomplete" in repr(sample_patterns(np.eye(2), 2, rng=0))
    assert json.loads(json.dumps(arr.to_dict()))["complete"] is True


def test_zero_product_counts_as_true():
    assert bits_of(np.array([0.0, -0.0, 1.0, -1.0])).tolist() == [True, True, True, False]


def test_what_is_edited_by_hand_is_not_complete():
    X = np.array([[1.0, 0.5], [0.3, 1.0], [-1.0, 1.0]])
    arr = enumerate_patterns(X)
    assert arr.complete
    assert pickle.loads(pickle.dumps(arr)).complete
    fewer = dataclasses.replace(arr, patterns=arr.patterns[:2], generators=arr.generators[:2])
    assert not fewer.complete
    assert not dataclasses.replace(arr).complete
    assert not Arrangement(X, arr.patterns, arr.generators).complete
    with pytest.raises(TypeError):
        dataclasses.replace(fewer, complete=True)
    with pytest.raises(ValueError, match="doubt"):
        dataclasses.replace(fewer, doubt="")
    y = np.array([1.0, -1.0, 2.0])
    problem = rx.make_problem(X, y, 0.1)
    assert not rx.ConvexProgram(problem, arrangement=fewer).complete
    with pytest.raises(rx.RelucvxError, match="all activation patterns"):
        rx.GatedRelaxation(problem, fewer).lower_bound(1.0)
    with pytest.raises(rx.RelucvxError, match="all activation patterns"):
        rx.nuclear_norm_bound(problem, fewer)
    certificate = rx.certify(problem.null_network(), X, y, 0.1, arrangement=fewer)
    assert certificate.scope is rx.Scope.GIVEN_PATTERNS
    assert certificate.lower <= rx.solve(X, y, 0.1).objective


def test_patterns_of_the_wrong_shape_or_data_are_refused_at_every_door():
    X = np.array([[1.0, 0.5], [0.3, 1.0], [-1.0, 1.0]])
    arr, y = enumerate_patterns(X), np.array([1.0, -1.0, 2.0])
    for change in (
        {"patterns": arr.patterns[:, :2]},
        {"patterns": arr.patterns.astype(float)},
        {"generators": arr.generators[:-1]},
        {"X": X[:2]},
    ):
        with pytest.raises(InvalidInputError, match="dtype bool"):
            dataclasses.replace(arr, **change)
    problem = rx.make_problem(X, y, 0.1)
    for other in (enumerate_patterns(X[:2]), rx.sample_patterns(X[:2], 3), enumerate_patterns(2 * X), "patterns"):
        for door in (
            lambda a: rx.certify(problem.null_network(), X, y, 0.1, arrangement=a),
            lambda a: rx.ConvexProgram(problem, arrangement=a),
            lambda a: rx.GatedRelaxation(problem, a),
            lambda a: rx.nuclear_norm_bound(problem, a),
            lambda a: dual_norm(problem, problem.Y, arrangement=a),
        ):
            with pytest.raises(InvalidInputError, match=r"an? [Aa]rrangement"):
                door(other)
