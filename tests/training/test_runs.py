"""Runs as values and as a table."""

import pytest
from training.test_front_door import X, Y

import relucvx as rx
from relucvx.network import DeepNetwork


def test_results():
    runs = rx.train(X, Y, 0.3, width=(4, 3), depth=3, seeds=range(2), max_steps=5, progress=True)
    assert isinstance(runs[0].network, DeepNetwork)
    assert runs[0].network.widths == (3, 4, 3, 2)
    assert repr(runs).startswith("Runs(2 seeds, lbfgs, best objective")
    assert repr(runs[0]).startswith("Run(seed=0, objective=")
    assert "steps=5, STEP_LIMIT" in repr(runs[0])
    assert runs[0].status.help.startswith("the step limit")
    assert runs.to_dict()["runs"][1]["status"] == "STEP_LIMIT"
    with pytest.raises(ValueError, match="read-only"):
        runs[0].history["objective"][0] = 0.0


def test_to_frame():
    runs = rx.train(X, Y, 0.3, width=4, seeds=range(2), max_steps=5)
    frame = runs.to_frame()
    assert frame["seed"].tolist() == [0, 1]
    assert frame["objective"].tolist() == runs.objectives.tolist()
