"""`relucvx train` and `relucvx compare` as a user meets them."""

import json

import numpy as np
import pytest
from test_cli import refused, run

import relucvx as rx

SMALL = ("planted:20x2", "--beta-fraction", "0.1", "--seeds", "3", "--width", "8")


# ---------------------------------------------------------------------- train
def test_train_prints_and_saves_the_runs(tmp_path):
    file = tmp_path / "runs.json"
    code, out, err = run("train", *SMALL, "--out", file)
    assert err == ""
    assert code in (0, 2)
    head, *rows = out.splitlines()
    assert head.startswith("planted:20x2: 20 samples x 2 features; squared loss, bias none")
    assert "proof           none: `relucvx compare` certifies how far they are from the optimum" in rows
    assert rows[-3].split()[0] == "0"
    assert rows[-1].split()[0] == "2"
    saved = json.loads(file.read_text())
    data = rx.datasets.get("planted:20x2")
    for k, stored in enumerate(saved["runs"]):
        net = rx.TwoLayerReLU(stored["network"]["weights_in"], stored["network"]["weights_out"])
        proof = rx.certify(net, data.X, data.Y, saved["beta"], time_limit=5)
        assert proof.upper == pytest.approx(stored["objective"], rel=1e-12)
        assert stored["seed"] == k
        assert stored["history"]["objective"][-1] <= stored["history"]["objective"][0]


def test_train_json_and_exit_codes():
    code, out, _ = run("train", *SMALL, "--json")
    found = json.loads(out)
    settled = all(row["status"] in ("STATIONARY", "STALLED") for row in found["runs"])
    assert code == (0 if settled else 2)
    assert [row["seed"] for row in found["runs"]] == [0, 1, 2]
    code, out, _ = run("train", *SMALL, "--json", "--optimizer", "adam", "--max-steps", "5")
    assert code == 2
    assert {row["status"] for row in json.loads(out)["runs"]} == {"STEP_LIMIT"}


# ---------------------------------------------------------------------- compare
def test_compare_prints_findings_and_networks(tmp_path):
    file = tmp_path / "report.html"
    code, out, err = run("compare", *SMALL, "--bias", "all", "--html", file)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("planted:20x2: 20 samples x 2 features")
    assert any(line.startswith("global optimum") and "holds: " in line and "<= p* <=" in line for line in lines)
    assert "of 3 runs reach p* to 0.0001" in out
    head = next(k for k, line in enumerate(lines) if line.startswith("network"))
    assert [line.split()[0] for line in lines[head + 1 : head + 2]] == ["optimum"]
    assert [line.split()[:2] for line in lines[head + 2 : head + 5]] == [["seed", str(k)] for k in range(3)]
    assert lines[-1] == f"report: {file}"
    assert file.read_text().startswith("<!DOCTYPE html>")


def test_compare_json_is_the_comparison():
    code, out, _ = run("compare", *SMALL, "--json")
    found = json.loads(out)
    assert code == 0
    assert len(found["runs"]) == 3
    assert found["certificate"]["rel_gap"] <= 1e-6
    assert all(row["objective"] >= found["certificate"]["lower"] for row in found["runs"])
    data = rx.datasets.get("planted:20x2")
    net = rx.TwoLayerReLU(*(found["networks"]["optimum"][k] for k in ("weights_in", "weights_out")))
    proof = rx.certify(net, data.X, data.Y, found["problem"]["beta"])
    assert proof.upper == pytest.approx(found["optimum"]["objective"], rel=1e-12)


def test_compare_several_classes_jointly():
    args = ("iris", "--components", "1", "--bias", "all", "--beta-fraction", "0.1", "--seeds", "2", "--width", "8")
    code, out, _ = run("compare", *args, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["problem"]["outputs"] == 3
    assert found["optimum"]["nc1"] > 0
    assert np.isfinite([row["nc4"] for row in found["runs"]]).all()


def test_a_comparison_that_is_not_proven_ends_with_code_2():
    code, out, _ = run(
        "compare", "planted:60x4", "--beta-fraction", "0.01", "--time-limit", "1e-3", "--seeds", "1", "--width", "4",
        "--max-steps", "3",
    )  # fmt: skip
    assert code == 2
    assert "undecided: " in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "iriss"], "received 'iriss'; try: iris"),
        (["train", *SMALL, "--optimizer", "newton"], "an optimizer among lbfgs, adam, gd, sgd"),
        (["train", *SMALL, "--seeds", "0"], "Invalid value for '--seeds'"),
        (["train", *SMALL, "--out", "no/such/folder.json"], "a path in an existing folder"),
        (["compare", *SMALL, "--html", "no/such/folder.html"], "a path in an existing folder"),
        (["compare", *SMALL, "--reach", "0"], "expected --reach to be a finite number > 0"),
        (["compare", *SMALL, "--activation", "tanh"], "expected an activation among relu"),
    ],
)
def test_bad_input_is_explained_with_code_1(args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*args)
