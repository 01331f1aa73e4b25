"""Signals and files: what a command says, saves and leaves behind when it is stopped or a disk is full."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import refused, run

import relucvx as rx
from relucvx.errors import DataFileError
from relucvx.interrupts import terminable

SMALL = ["planted:20x2", "--beta", "1"]


# ---------------------------------------------------------------------- folders
def test_a_path_writes_into_its_own_folder_again(tmp_path):
    folder = tmp_path / "path"
    args = ("path", "planted:20x2", "--betas", "3,1", "--time-limit", "600", "--out", folder)
    for betas in ("3,1", "2,1"):
        assert run(*args[:3], betas, *args[4:])[0] == 0
        assert [rx.load(folder / f"solution-{k:03d}.npz").problem.beta for k in range(2)] == [float(betas[0]), 1.0]
    (folder / "notes.txt").write_text("mine")  # other files are no obstacle, and stay
    assert run(*args)[0] == 0
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["solution-000.npz", "solution-017.npz"])
def test_files_of_others_are_not_taken_for_solutions(tmp_path, monkeypatch, name):
    monkeypatch.setattr("relucvx._api.strengths.beta_path", lambda *a, **k: pytest.fail("solved before it was checked"))
    np.savez(tmp_path / name, a=np.arange(3))
    assert "only solutions have the names of solutions" in refused(
        "path", *SMALL[:1], "--betas", "1", "--out", tmp_path
    )
    with np.load(tmp_path / name) as found:
        assert found["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "args",
    [
        ("patterns", "planted:9x2", "--out"), ("solve", *SMALL, "--out"), ("path", "planted:9x2", "--out"),
        ("train", *SMALL, "--out"), ("compare", *SMALL, "--html"), ("verify", "--out"), ("profile", "iris", "--csv"),
        ("profile", "iris", "--plot"), ("regions", "iris", "--plot"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["none/deeper/file.png", "file/deeper.png"])
def test_every_output_is_checked_before_the_work(args, place, tmp_path, monkeypatch):
    for work in (
        "_api.solving.solve",
        "_api.strengths.beta_path",
        "training.train",
        "theory.verify",
        "cli.network.train_mlp",
    ):
        monkeypatch.setattr(f"relucvx.{work}", lambda *a, **k: pytest.fail("worked before it was checked"))
    monkeypatch.setattr("relucvx.enumerate_patterns", lambda *a, **k: pytest.fail("worked first"), raising=False)
    (tmp_path / "file").write_text("")
    err = refused(*args, tmp_path / place)
    assert "written" in err or "made" in err


# ---------------------------------------------------------------------- full disks
@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize(
    ("args", "writer", "shown"),
    [
        (("solve", *SMALL, "--out", "a.npz"), "relucvx.solution.write_arrays", "objective"),
        (("path", "planted:20x2", "--betas", "3,1", "--out", "folder"), "relucvx.solution.write_arrays", "3"),
        (("train", *SMALL, "--seeds", "1", "--width", "3", "--max-steps", "3", "--out", "a.json"), None, "steps"),
        (("patterns", "planted:9x2", "--out", "a.npz"), "relucvx.results.write_arrays", "found"),
    ],
)
def test_a_full_disk_loses_no_result(args, writer, shown, as_json, tmp_path, monkeypatch):
    def full(path, content):
        raise DataFileError("the disk is full")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(writer or "relucvx.results.write_text", full)
    code, out, err = run(*args, *as_json)
    assert code == 1
    assert err == "Error: the disk is full\n"
    assert shown in out
    if as_json:
        assert json.loads(out)["saved"] is None


# ---------------------------------------------------------------------- signals
def test_sigterm_is_ctrl_c_inside_a_program():
    with pytest.raises(KeyboardInterrupt), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a shell
    try:
        with pytest.raises(KeyboardInterrupt), terminable():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupted_solve_is_printed_saved_and_ends_with_code_2(tmp_path, monkeypatch):
    partial = rx.solve([[1.0], [2.0]], [1.0, -1.0], 0.1, callback=lambda p: True)

    def stopped(*args, **kwargs):
        raise rx.Interrupted(partial)

    monkeypatch.setattr("relucvx._api.solving.solve", stopped)
    code, out, err = run("solve", *SMALL, "--out", tmp_path / "a.npz")
    assert (code, err) == (2, "")
    assert "INTERRUPTED" in out
    assert rx.load(tmp_path / "a.npz").status is rx.Status.INTERRUPTED


def test_an_interrupted_path_keeps_the_strengths_before(tmp_path, monkeypatch):
    whole = rx.solve([[1.0], [2.0]], [1.0, -1.0], 0.1)

    def stopped(*args, **kwargs):
        yield whole
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("relucvx._api.strengths.beta_path", stopped)
    code, out, err = run("path", "planted:20x2", "--betas", "3,2,1", "--out", tmp_path / "p")
    assert (code, err) == (2, "")
    assert out.splitlines()[-1] == "INTERRUPTED after 1 of 3 strengths"
    assert rx.load(tmp_path / "p" / "solution-000.npz").objective == whole.objective


def test_what_is_not_proven_says_so():
    code, out, _ = run("solve", "planted:60x4", "--beta", "0.01", "--time-limit", "0.05")
    assert code == 2
    assert "(best found, not proven)" in out
    code, out, _ = run("path", "planted:60x4", "--betas", "0.01", "--time-limit", "0.05")
    assert code == 2
    assert "best found, not proven (TIME_LIMIT)" in out


@pytest.mark.parametrize(
    ("number", "jobs"),
    [
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in ((signal.SIGTERM, "1"), (signal.SIGTERM, "2"), (signal.SIGINT, "2"))
        ),
        (signal.SIGINT, "1"),
    ],
)
def test_real_signals_stop_verify(number, jobs):
    """No claim that was cut short gets a verdict, and the process ends with code 2."""
    args = [sys.executable, "-u", "-m", "relucvx", "verify", "--trials", "500", "--jobs", jobs, "--json"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        time.sleep(8.0)
        running.send_signal(number)
        began = time.monotonic()
        out, err = running.communicate(timeout=60)
        assert time.monotonic() - began < 20  # under 1 s on an idle machine
    assert running.returncode == 2, err
    if out:  # nothing where it came while the package was loading
        rows = json.loads(out)["claims"]
        assert all(row["verdict"] == "INTERRUPTED" or row["as_expected"] for row in rows)
        assert len(rows) < len(rx.theory.claims())
