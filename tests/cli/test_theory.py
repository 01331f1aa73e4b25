"""`relucvx train`, `compare` and `verify` as a user meets them."""

import dataclasses
import io
import json
import signal

import numpy as np
import pytest
from command_line import refused, run
from rich.console import Console

import relucvx as rx
from relucvx.cli import verify
from relucvx.theory import Claim, Deviation

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
    assert rows[-4].split()[0] == "0"
    assert rows[-2].split()[0] == "2"
    assert rows[-1].split() == ["saved", str(file)]
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
    assert code == 0
    assert [row["seed"] for row in found["runs"]] == [0, 1, 2]
    code, out, _ = run("train", *SMALL, "--json", "--optimizer", "adam", "--max-steps", "5")
    assert code == 0, "the budget that was asked for is no failure"
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


@pytest.mark.slow
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
        (["train", *SMALL, "--out", "no/such/folder.json"], "the folder does not exist; try: mkdir -p no/such"),
        (["compare", *SMALL, "--html", "no/such/folder.html"], "the folder does not exist; try: mkdir -p no/such"),
        (["compare", *SMALL, "--reach", "0"], "expected --reach to be a finite number > 0"),
        (["compare", *SMALL, "--activation", "tanh"], "expected an activation among relu"),
    ],
)
def test_bad_input_is_explained_with_code_1(args, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert message in refused(*args)


# ---------------------------------------------------------------------- verify
def toy(name, expected):
    """A claim about random numbers: they are below 1. Another about the same numbers: they are below 0."""
    bound = 1.0 if expected == "HOLDS" else 0.0
    return Claim(
        id=name, statement=f"numbers are below {bound:g}", source="relucvx", status="theorem", expected=expected,
        draw=lambda rng, size: {"x": float(rng.uniform(0.2, 0.8))}, predict=lambda i: {"bound": bound},
        measure=lambda i, p: [Deviation("number", i["x"] - p["bound"], 1e-9)],
    )  # fmt: skip


@pytest.fixture
def toys(monkeypatch):
    """Use two toy claims instead of the theory's."""
    known = {c.id: c for c in (toy("below-one", "HOLDS"), toy("below-zero", "VIOLATED"))}
    for module in ("relucvx.theory", "relucvx.theory.verification"):
        monkeypatch.setattr(f"{module}.claims", lambda: tuple(known.values()))
        monkeypatch.setattr(f"{module}.claim", known.__getitem__)
    return known


def test_verify_ends_with_code_0_if_every_verdict_is_expected(toys, tmp_path):
    code, out, err = run("verify", "--trials", "2", "--seed", "3", "--out", tmp_path)
    assert (code, err) == (0, "")
    first, second, last = out.splitlines()
    assert first.startswith("below-one ")
    assert first.split()[1:4] == ["HOLDS", "2", "trials"]
    assert second.split()[1:4] == ["VIOLATED", "2", "trials"]
    assert max(map(len, out.splitlines())) <= 80
    assert last == "2 of 2 claims have the verdict expected of them"
    with np.load(tmp_path / "below-zero.npz", allow_pickle=False) as saved:  # the counterexample of a reading to avoid
        assert saved.files


def test_verify_ends_with_code_2_otherwise(toys):
    toys["below-zero"] = dataclasses.replace(toys["below-zero"], expected="HOLDS")
    code, out, _ = run("verify", "below-zero", "--quick")
    assert code == 2
    assert out.splitlines()[0].split()[1:4] == ["VIOLATED", "3", "trials"]
    assert out.splitlines()[1] == "    UNEXPECTED (HOLDS was expected): numbers are below 0"
    assert out.splitlines()[-1] == "0 of 1 claims have the verdict expected of them"


def test_verify_json_and_list(toys):
    code, out, _ = run("verify", "below-one", "--quick", "--json")
    (row,) = json.loads(out)["claims"]
    assert code == 0
    assert (row["claim"], row["as_expected"], row["interrupted"]) == ("below-one", True, False)
    code, out, _ = run("verify", "--list")
    assert code == 0
    assert out.splitlines()[2].split() == ["below-zero", "VIOLATED"]
    assert out.splitlines()[3] == "    numbers are below 0 [relucvx]"
    code, out, _ = run("verify", "--list", "--json")
    assert [row["id"] for row in json.loads(out)["claims"]] == ["below-one", "below-zero"]


def test_the_theory_itself_is_listed():
    code, out, _ = run("verify", "--list", "--json")
    assert code == 0
    assert [row["id"] for row in json.loads(out)["claims"]] == [c.id for c in rx.theory.claims()]


def test_ctrl_c_ends_the_list(toys):

    def pressed(instance, predicted):
        if instance["x"] > 0.6:
            signal.raise_signal(signal.SIGINT)
        return [Deviation("number", instance["x"] - predicted["bound"], 1e-9)]

    toys["below-one"] = dataclasses.replace(toys["below-one"], measure=pressed)
    code, out, err = run("verify")
    assert (code, err) == (2, "")
    first, why, last = out.splitlines()
    assert first.split()[1] == "INTERRUPTED"
    assert "cut short, with 0 violations so far" in why
    assert last == "0 of 2 claims have the verdict expected of them; INTERRUPTED: 1 cut short, 1 not begun"
    code, out, _ = run("verify", "--json")
    (row,) = json.loads(out)["claims"]
    assert (code, row["verdict"], row["as_expected"], row["interrupted"]) == (2, "INTERRUPTED", False, True)


def test_jobs_are_handed_on(toys, monkeypatch):
    seen = {}

    def check(names, **options):
        seen.update(options, names=names)
        return ()

    monkeypatch.setattr("relucvx.theory.verify", check)
    assert run("verify", "--jobs", "2", "--trials", "9")[0] == 2
    assert (seen["names"], seen["n_jobs"], seen["trials"]) == (["below-one", "below-zero"], 2, 9)


def test_bad_arguments_of_verify_are_explained(tmp_path):
    assert "the id of a claim; received 'nonsense'" in refused("verify", "nonsense")
    assert "a folder that can be made" in refused("verify", "--out", tmp_path / "no" / "folder")


def test_the_bar_is_drawn_only_in_a_terminal(toys):
    with verify.claim_progress(2, Console(file=io.StringIO(), force_terminal=False)) as (echo, bar):
        assert bar is None
        assert echo is verify.typer.echo
    screen = io.StringIO()
    with verify.claim_progress(1, Console(file=screen, force_terminal=True, width=100)) as (echo, bar):
        (result,) = verify._checked([toys["below-one"]], 2, 0, True, 1, bar)
        echo("a line")
    assert result.as_expected
    assert "below-one" in screen.getvalue()
    assert "1/1" in screen.getvalue()
