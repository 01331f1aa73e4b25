"""``relucvx path --band``: a table, JSON, a file that resumes, and messages."""

import json

import numpy as np
from command_line import refused, run

import relucvx as rx

SMALL = ("path", "planted:20x2", "--band", "1e-2", "--smallest", "0.1")


def test_a_band_is_printed_and_agrees_with_the_library(tmp_path):
    code, out, err = run(*SMALL, "--out", tmp_path / "band.npz")
    assert (code, err) == (0, "")
    assert "CONVERGED" in out
    assert "strengths solved" in out
    rows = [line.split() for line in out.splitlines()[6:18]]
    values = np.array([[float(v) for v in row] for row in rows])
    assert np.allclose(values[[0, -1], 1], [0.1, 1.0], rtol=1e-3)
    assert (values[:, 2] <= values[:, 3]).all()
    band = rx.load_band(tmp_path / "band.npz")
    data = rx.datasets.get("planted:20x2")
    proof = rx.solve(data.X, data.Y, 0.5 * band.hi).certificate
    assert band.lower(0.5 * band.hi) <= proof.upper
    assert band.upper(0.5 * band.hi) >= proof.lower


def test_json_holds_the_corners():
    code, out, _ = run(*SMALL, "--json")
    found = json.loads(out)
    assert (code, found["certified"], found["interrupted"]) == (0, True, False)
    assert found["width"] <= found["tol"] == 0.01
    low, high = (np.array(found["band"][name]) for name in ("lower", "upper"))
    assert ((high - low) <= found["width"] * low).all()
    assert len(found["knots"]) >= 2


def test_what_is_not_narrow_in_time_says_so():
    code, out, _ = run("path", "planted:60x3", "--band", "1e-5", "--time-limit", "0.05")
    assert code == 2
    assert "TIME_LIMIT" in out


def test_messages(tmp_path):
    assert "--band or --betas" in refused(*SMALL, "--betas", "1,2")
    assert "--band" in refused("path", "planted:20x2", "--band", "2")
    assert "--smallest" in refused("path", "planted:20x2", "--band", "0.1", "--smallest", "2")
    assert "a folder" in refused(*SMALL, "--out", tmp_path)
