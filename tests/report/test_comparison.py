"""What a comparison holds, as table, JSON and frame."""

import json

import numpy as np
import pytest

import relucvx as rx
from relucvx.errors import DataFileError


def test_json_is_strict_and_complete(found, tmp_path):
    text = found.to_json(tmp_path / "c.json")
    read = json.loads((tmp_path / "c.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert read == json.loads(text)
    assert read["runs"][2]["objective"] == found.rows[2].objective
    assert read["runs"][1]["steps"] is None
    assert np.allclose(read["kernels"]["optimum"], found.kernels["optimum"])
    assert read["share"] == 0.5
    again = rx.TwoLayerReLU(*(read["networks"]["optimum"][k] for k in ("weights_in", "weights_out")))
    assert np.array_equal(again.weights_in, found.solution.network.weights_in)
    with pytest.raises(DataFileError, match="a path that can be written"):
        found.to_json(tmp_path / "no" / "folder.json")


def test_frame_and_table_hold_the_same(found):
    frame = found.to_frame()
    assert frame["name"].tolist() == ["optimum", "seed 3", "network 1", "network 2", "network 3"]
    assert frame["objective"].tolist() == [row["objective"] for row in found.table()]
    assert "nc1" not in frame.columns  # no labels, no column
