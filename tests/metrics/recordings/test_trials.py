"""Counts and names of trials."""

import numpy as np

import relucvx as rx
from relucvx.metrics import Recording, parallelism_score

FACTORS = {"context": ["a", "a", "b", "b"] * 5, "choice": [1, 2] * 10}


def made(T=None, seed=0, **given):
    """Twenty trials of four conditions in three neurons."""
    shape = (20, 3) if T is None else (20, 3, T)
    responses = np.random.default_rng(seed).standard_normal(shape)
    return Recording(responses, **{"factors": FACTORS, "neurons": ["v1", "v2", "v4"], **given})


def test_names_are_kept_from_the_arrays_to_the_results():
    recording = made()
    assert rx.Recording is Recording
    assert recording.conditions == (("a", 1), ("a", 2), ("b", 1), ("b", 2))
    assert recording.neurons == ("v1", "v2", "v4")
    found = recording.averages()
    assert found.neurons == recording.neurons
    assert list(found.to_frame().columns) == ["condition", "trials", "v1", "v2", "v4"]
    np.testing.assert_array_equal(found.n_trials, 5)
    assert recording.condition_factors.tolist() == [["a", 1], ["a", 2], ["b", 1], ["b", 2]]
    assert parallelism_score(recording.activity, recording.factor_table).n_contexts == (2, 2)
    assert "n_trials=20" in repr(recording)
