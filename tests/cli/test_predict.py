"""``relucvx predict`` on raw rows, from a table to a table."""

import json

import numpy as np
import pandas as pd
from command_line import refused, run

import relucvx as rx


def test_from_a_table_to_a_table(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((24, 2)) * [1.0, 300.0]
    table = pd.DataFrame(X, columns=["a", "b"]).assign(kind=np.where(X[:, 0] + X[:, 1] / 300 > 0, "up", "down"))
    table.to_csv(tmp_path / "t.csv", index=False)
    best, out = tmp_path / "best.npz", tmp_path / "p.csv"
    code, text, err = run(
        "solve", tmp_path / "t.csv", "--standardize", "--bias", "all", "--beta", "1", "--tol", "1e-3", "--out", best
    )
    assert code == 0
    assert "2 columns standardised; objective and bounds are of the problem on these columns" in text
    assert len(err.splitlines()) <= 1
    code, text, _ = run("predict", best, tmp_path / "t.csv", "--out", out)
    assert code == 0
    assert "24 rows predicted" in text
    assert "as their column of classes says" in text
    found = pd.read_csv(out)
    sol = rx.load(best)
    np.testing.assert_allclose(
        found["output up"] if "output up" in found else found.iloc[:, 1], sol.predict(sol.problem.X)
    )
    assert (found["prediction"] == found["truth"]).mean() > 0.8
    code, text, err = run("predict", best, tmp_path / "t.csv")
    assert text == out.read_text()
    assert "24 rows predicted" in err
    code, text, _ = run("predict", best, tmp_path / "t.csv", "--json")
    facts = json.loads(text)
    assert (facts["rows"], len(facts["predictions"])) == (24, 24)
    code, text, _ = run("certify", best, "--tol", "1e-2")
    assert "of the problem on these columns" in text
    table[["a"]].to_csv(tmp_path / "less.csv", index=False)
    assert "received no b among a" in refused("predict", best, tmp_path / "less.csv")
